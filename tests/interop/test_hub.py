import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hub_server import Fault, Repository
from huggingface_hub import constants, scan_cache_dir, snapshot_download
from huggingface_hub.utils import HFValidationError, disable_progress_bars, validate_repo_id
from judges import refusal_of

from vilt_core.interop.address import endpoint, is_repo_name
from vilt_core.interop.hub import fetch

ROOT = Path(__file__).resolve().parents[2]
WANTED = {
    "config.json",
    "vocab.txt",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "model.safetensors",
}
WEIGHTS = "model.safetensors"


def refusal(**arguments) -> str:
    said = refusal_of(fetch, "owner/name", **arguments)
    assert "/resolve/" not in said
    return said


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wanted(files: dict[str, bytes], names=WANTED) -> dict[str, bytes]:
    return {name: files[name] for name in names}


def layout(cache: Path) -> set[str]:
    """Every file and link of a repository in the cache, with what it holds."""
    store = cache / "models--owner--name"
    return {
        f"{path.relative_to(store)} {path.is_symlink()} {path.read_bytes().hex()[:80]}"
        for path in store.rglob("*")
        if path.is_file() and "trees" not in path.parts and ".no_exist" not in path.parts
    }


def partials(cache: Path) -> list[Path]:
    return list(cache.rglob("*.incomplete"))


# The whole path


def test_it_brings_what_opens_a_model_and_nothing_else(hub, files):
    folder = fetch("owner/name")
    assert held(folder) == wanted(files)
    assert folder.name == hub.repositories["owner/name"].commit
    assert {request.name for request in hub.got()} == WANTED


def test_the_cache_is_what_huggingface_hub_makes_of_it(hub, cache, tmp_path):
    fetch("owner/name")
    other = tmp_path / "other"
    with disable_progress_bars():
        snapshot_download(
            "owner/name", cache_dir=other, allow_patterns=sorted(WANTED), endpoint=hub.endpoint
        )
    assert layout(cache) == layout(other)
    found = scan_cache_dir(cache)
    assert found.warnings == []
    assert [repo.repo_id for repo in found.repos] == ["owner/name"]


def test_a_cache_that_huggingface_hub_filled_will_do(hub, files, cache):
    with disable_progress_bars():
        folder = snapshot_download(
            "owner/name", cache_dir=cache, allow_patterns=sorted(WANTED), endpoint=hub.endpoint
        )
    assert str(fetch("owner/name", progress=never)) == folder
    hub.stop()
    assert held(fetch("owner/name")) == wanted(files)


@pytest.mark.parametrize("revision", ["main", "v1", "refs/pr/1", None])
def test_a_branch_or_a_tag(hub, files, cache, revision):
    hub.repositories["owner/name"].revisions = ("main", "v1", "refs/pr/1")
    assert held(fetch("owner/name", revision=revision)) == wanted(files)
    reference = cache / "models--owner--name" / "refs" / (revision or "main")
    assert reference.read_text() == hub.repositories["owner/name"].commit


def test_a_commit_that_is_there_needs_no_request(hub, files):
    commit = hub.repositories["owner/name"].commit
    fetch("owner/name", revision=commit)
    hub.requests.clear()
    assert held(fetch("owner/name", revision=commit)) == wanted(files)
    assert hub.requests == []


def test_what_is_there_costs_one_question(hub, files):
    first = fetch("owner/name")
    hub.requests.clear()
    assert fetch("owner/name", progress=never) == first
    assert [(request.method, request.name) for request in hub.requests] == [("HEAD", "config.json")]


def never(done: int, total: int) -> None:
    raise AssertionError("nothing has to come")


def test_a_new_commit_brings_what_is_new(hub, files):
    old = fetch("owner/name")
    files = files | {"vocab.txt": b"[PAD]\ndog\n"}
    hub.repositories["owner/name"] = Repository(files=files)
    hub.requests.clear()
    new = fetch("owner/name")
    assert new != old
    assert held(new) == wanted(files)
    assert [request.name for request in hub.got()] == ["vocab.txt"]


def test_a_blob_that_was_deleted_comes_again(hub, files):
    folder = fetch("owner/name")
    (folder / WEIGHTS).resolve().unlink()
    assert held(fetch("owner/name")) == wanted(files)


def test_where_links_are_not_allowed(hub, files, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    folder = fetch("owner/name")
    assert held(folder) == wanted(files)
    assert not any(path.is_symlink() for path in folder.iterdir())
    hub.stop()
    assert fetch("owner/name") == folder


def test_the_processes_environment(hub, files, tmp_path):
    """As it is at the start, in a process of its own; and once more without any hub."""
    code = (
        "import sys; from vilt_core.interop.hub import fetch\n"
        "print(fetch('owner/name', progress=lambda *_: None), file=sys.stderr)"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "home"),
        "OMP_NUM_THREADS": "1",
    }

    def run(**more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", code],
            env=environment | more,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )

    first = run()
    folder = Path(first.stderr.strip())  # it says nothing but this
    assert folder.is_relative_to(tmp_path / "home" / "hub")
    assert held(folder) == wanted(files)
    asked = len(hub.requests)
    assert run(HF_HUB_OFFLINE="1").stderr == first.stderr
    assert len(hub.requests) == asked
    shutil.rmtree(tmp_path / "home")
    assert "HF_HUB_OFFLINE forbids" in run(HF_HUB_OFFLINE="1").stderr


def test_home_names_the_cache_where_nothing_else_does(hub, files, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("SOMEWHERE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", os.path.join("$SOMEWHERE", "home"))  # noqa: PTH118
    assert fetch("owner/name").is_relative_to(tmp_path / "home" / "hub")


# Which weights


def test_bin_where_there_is_nothing_better(hub, files):
    del files[WEIGHTS]
    assert set(held(fetch("owner/name"))) == WANTED - {WEIGHTS} | {"pytorch_model.bin"}


def sharded(files: dict[str, bytes], stem: str, suffix: str) -> set[str]:
    """Split the weights of a repository in two."""
    whole = files.pop(f"{stem}{suffix}")
    names = [f"{stem}-0000{i}-of-00002{suffix}" for i in (1, 2)]
    files |= {names[0]: whole[:1000], names[1]: whole[1000:]}
    index = f"{stem}{suffix}.index.json"
    files[index] = json.dumps(
        {"weight_map": {"a": names[0], "b": names[1], "c": names[0]}}
    ).encode()
    return {*names, index}


@pytest.mark.parametrize(("stem", "suffix"), [("model", ".safetensors"), ("pytorch_model", ".bin")])
def test_shards(hub, files, stem, suffix):
    names = WANTED - {WEIGHTS} | sharded(files, stem, suffix)
    files.pop(WEIGHTS, None)
    if suffix == ".bin":
        files.pop("pytorch_model.bin", None)
    folder = fetch("owner/name")
    assert held(folder) == wanted(files, names)
    hub.stop()
    assert fetch("owner/name") == folder
    (folder / sorted(names)[2]).unlink()
    assert "cannot be reached" in refusal()


def test_a_shard_that_is_not_there(hub, files):
    sharded(files, "model", ".safetensors")
    del files["model-00002-of-00002.safetensors"]
    assert "owner/name lacks model-00002-of-00002.safetensors" in refusal()


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (b"no json", "must be an index of weights"),
        (b'{"weight_map": ["a"]}', "must be an index of weights"),
        (b'{"weight_map": {"a": "../../escape.safetensors"}}', "must name files beside it"),
        (b'{"weight_map": {"a": 3}}', "must name files beside it"),
        (b'{"weight_map": {}}', "names none"),
    ],
)
def test_an_index_that_names_nothing_of_use(hub, files, index, said):
    del files[WEIGHTS]
    files["model.safetensors.index.json"] = index
    assert said in refusal()


# Progress


def test_progress_never_goes_back_and_ends_at_the_whole(hub, files, capfd):
    hub.fail(
        WEIGHTS, Fault(cut=100_000), Fault(cut=50_000, reset=True), Fault(cut=40_000, whole=True)
    )
    told = []
    fetch("owner/name", progress=lambda *both: told.append(both))
    total = sum(len(body) for body in wanted(files).values())
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert {each for _, each in told} == {total}
    assert told == sorted(set(told))
    assert capfd.readouterr() == ("", "")


def test_without_a_terminal_nothing_is_printed(hub, capfd):
    fetch("owner/name")
    assert capfd.readouterr() == ("", "")


def test_what_progress_raises_stops_it_and_the_next_call_goes_on(hub, files):
    def stop(done: int, total: int) -> None:
        if done > 100_000:
            raise InterruptedSoon

    class InterruptedSoon(Exception):
        pass

    with pytest.raises(InterruptedSoon):
        fetch("owner/name", progress=stop)
    hub.requests.clear()
    told = []
    assert held(fetch("owner/name", progress=lambda *both: told.append(both))) == wanted(files)
    [request] = [request for request in hub.got(WEIGHTS) if request.sent]
    assert request.sent < 200_100
    assert request.range == f"bytes={300_000 - request.sent}-"


# Without a network


def test_a_hub_that_has_gone(hub, files):
    folder = fetch("owner/name")
    hub.stop()
    start = time.monotonic()
    assert fetch("owner/name") == folder
    assert time.monotonic() - start < 3


def test_a_hub_that_was_never_there(hub, cache):
    hub.stop()
    said = refusal()
    assert f"{hub.endpoint} cannot be reached" in said
    assert "owner/name" in said
    assert not cache.exists()


def test_offline_asks_nobody(hub, files, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE forbids" in refusal()
    assert hub.requests == []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    fetch("owner/name")
    hub.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "yes")
    assert held(fetch("owner/name")) == wanted(files)
    assert "revision 'v1'" in refusal(revision="v1")
    assert hub.requests == []


@pytest.mark.parametrize("lacking", ["config.json", WEIGHTS])
def test_a_cache_with_a_part_is_none(hub, monkeypatch, lacking):
    (fetch("owner/name") / lacking).unlink()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "lacks owner/name" in refusal()


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(status=404), Fault(bare=True)])
def test_a_hub_in_trouble_where_the_cache_has_it(hub, fault):
    folder = fetch("owner/name")
    hub.fail("config.json", fault, method="HEAD", ever=True)
    assert fetch("owner/name") == folder


def test_a_hub_that_does_not_answer(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.3)
    monkeypatch.setattr("vilt_core.interop.announced._HURRY", 0.3)
    hub.fail("config.json", Fault(stall=True), Fault(stall=True), method="HEAD")
    assert "gave no answer within 0.3 seconds" in refusal()
    hub.faults.clear()
    folder = fetch("owner/name")
    hub.fail("config.json", Fault(stall=True), method="HEAD", ever=True)
    assert fetch("owner/name") == folder


# Connections that break


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_is_taken_up_where_it_broke(hub, files, reset):
    files[WEIGHTS] = hashlib.sha256().digest() * 60_000
    hub.fail(WEIGHTS, Fault(cut=700_000, reset=reset))
    assert held(fetch("owner/name")) == wanted(files)
    first, second = (request for request in hub.got(WEIGHTS) if request.sent)
    assert first.range is None
    assert second.range is not None
    assert second.sent < len(files[WEIGHTS])
    if not reset:  # which may lose what was under way
        assert second.range == "bytes=700000-"


def test_cut_again_and_again(hub, files):
    hub.fail(WEIGHTS, Fault(cut=40_000), ever=True)
    assert held(fetch("owner/name")) == wanted(files)
    assert sum(request.sent for request in hub.got(WEIGHTS)) == 300_000


def test_cut_for_good_and_taken_up_by_the_next_call(hub, files, cache):
    hub.fail(WEIGHTS, Fault(cut=120_000), *[Fault(cut=0)] * 20)
    said = refusal()
    assert "cut after 0.1 MB of model.safetensors of owner/name" in said
    [partial] = partials(cache)
    assert partial.stat().st_size == 120_000
    hub.faults.clear()
    hub.requests.clear()
    assert held(fetch("owner/name")) == wanted(files)
    assert [request.range for request in hub.got(WEIGHTS) if request.sent] == ["bytes=120000-"]
    assert partials(cache) == []


def test_a_hub_that_never_goes_on(hub, files):
    """It starts anew whatever it was asked for: once that is enough, and otherwise it ends."""
    hub.fail(WEIGHTS, Fault(cut=40_000), Fault(whole=True))
    assert held(fetch("owner/name")) == wanted(files)
    shutil.rmtree(os.environ["HF_HUB_CACHE"])
    hub.fail(WEIGHTS, Fault(cut=40_000, whole=True), ever=True)
    assert "was cut" in refusal()


def test_silence_in_the_middle(hub, files, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    hub.fail(WEIGHTS, Fault(cut=40_000, stall=True))
    assert held(fetch("owner/name")) == wanted(files)
    shutil.rmtree(os.environ["HF_HUB_CACHE"])
    hub.fail(WEIGHTS, Fault(cut=40_000, stall=True), Fault(stall=True), ever=True)
    assert "was cut after 0.0 MB" in refusal()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_that_passes(hub, files, status):
    hub.fail("config.json", Fault(status=status), Fault(status=status), method="HEAD")
    hub.fail(WEIGHTS, Fault(status=status), Fault(status=status))
    assert held(fetch("owner/name")) == wanted(files)


@pytest.mark.parametrize(
    ("status", "said"), [(429, "was asked too often"), (503, "answered 503 for config.json")]
)
def test_trouble_that_stays(hub, status, said):
    hub.fail("config.json", Fault(status=status), method="HEAD", ever=True)
    assert said in refusal()


# Files that are not what was announced


@pytest.mark.parametrize("name", [WEIGHTS, "vocab.txt", "config.json"])
@pytest.mark.parametrize("change", ["bytes", "shorter", "longer"])
def test_a_wrong_file_never_enters_the_cache(hub, files, cache, name, change):
    right = files[name]
    wrong = {"bytes": right[:-1] + b"\xff", "shorter": right[:-1], "longer": right + b"!"}[change]
    hub.fail(name, Fault(body=wrong), ever=True)
    assert f"{name} of owner/name is not the file that {hub.endpoint} announced" in refusal()
    assert partials(cache) == []
    assert wrong not in {path.read_bytes() for path in cache.rglob("*") if path.is_file()}
    hub.faults.clear()
    assert held(fetch("owner/name")) == wanted(files)


def test_a_rest_that_belongs_to_another_file(hub, files, cache):
    hub.fail(WEIGHTS, Fault(cut=100_000), Fault(body=bytes(300_000)))
    assert "its hash is another" in refusal()
    assert held(fetch("owner/name")) == wanted(files)


def test_what_lay_there_before_is_not_trusted(hub, files, cache):
    """Neither a rest that is too long nor a blob of another length."""
    etag = hub.repositories["owner/name"].etag
    blobs = cache / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{etag(WEIGHTS)}.incomplete").write_bytes(bytes(300_001))
    (blobs / etag("vocab.txt")).write_bytes(b"half")
    assert held(fetch("owner/name")) == wanted(files)


def test_a_mirror_may_announce_the_plain_hash(hub, files, monkeypatch):
    plain = {name: hashlib.sha1(body).hexdigest() for name, body in files.items()}
    monkeypatch.setattr(Repository, "etag", lambda _, name: plain[name])
    assert held(fetch("owner/name")) == wanted(files)


# What the hub refuses


def test_no_such_repository(hub):
    del hub.repositories["owner/name"]
    assert "has no repository owner/name that may be read" in refusal()


def test_no_such_revision(hub):
    assert refusal(revision="v9") == "owner/name has no revision 'v9'"
    assert "has no revision" in refusal(revision="0" * 40)


def test_a_gated_repository(hub):
    hub.repositories["owner/name"].gated = True
    assert "owner/name is gated" in refusal()


def test_a_private_repository(hub, files, monkeypatch):
    hub.repositories["owner/name"].token = "secret"
    assert "HF_TOKEN does not open it" in refusal()
    monkeypatch.setenv("HF_TOKEN", "wrong")
    assert "HF_TOKEN does not open it" in refusal()
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert held(fetch("owner/name")) == wanted(files)
    elsewhere = [request for request in hub.got() if request.host.startswith("localhost")]
    assert [request.token for request in elsewhere] == [None]


def test_a_repository_without_a_config(hub, files):
    del files["config.json"]
    assert refusal() == "owner/name lacks config.json at revision 'main'"


def test_a_404_that_says_nothing(hub, files):
    """As from a proxy, or from a mirror that does not know the hub's words."""
    hub.fail("config.json", Fault(status=404), method="HEAD", ever=True)
    assert "knows no config.json of owner/name" in refusal()
    hub.faults.clear()
    hub.fail("tokenizer_config.json", Fault(status=404), method="HEAD")
    names = WANTED - {"tokenizer_config.json"}
    assert held(fetch("owner/name")) == wanted(files, names)


def test_a_repository_without_weights(hub, files):
    del files[WEIGHTS], files["pytorch_model.bin"]
    assert "must have model.safetensors or pytorch_model.bin" in refusal()


@pytest.mark.parametrize("code", [None, "EntryNotFound"])
def test_a_file_that_was_announced_but_is_not_there(hub, files, code):
    hub.fail("vocab.txt", Fault(status=404, code=code), ever=True)
    assert ("lacks" if code else "knows no") + " vocab.txt" in refusal()
    hub.faults.clear()
    assert held(fetch("owner/name")) == wanted(files)


def test_something_that_is_no_hub(hub):
    hub.fail("config.json", Fault(bare=True), method="HEAD", ever=True)
    assert "does not answer as a Hugging Face Hub does" in refusal()


@pytest.mark.parametrize(
    "name", ["", "name", "a/b/c", "a b/c", "/b", "a/", "a/..", "a/b.git", "ä/b"]
)
def test_a_name_that_is_none(name):
    assert not is_repo_name(name)
    with pytest.raises(ValueError, match="repo must be a name such as"):
        fetch(name)


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        "dandelin/vilt-b32-mlm",
        "a_b/c.d",
        "a--b/c",
        "a..b/c",
        "-a/b",
        "a/b-",
        "a/.b",
        "a/b.git",
    ]
    + [f"{'a' * n}/{'b' * n}" for n in (96, 97)],
)
def test_names_are_those_of_huggingface_hub(name):
    try:
        validate_repo_id(name)
    except HFValidationError:
        assert not is_repo_name(name)
    else:
        assert is_repo_name(name)


@pytest.mark.parametrize("revision", ["", "a b", "../../x", "/x", "x/", "a..b"])
def test_a_revision_that_is_none(cache, revision):
    assert "revision must be a branch, a tag or a commit" in refusal(revision=revision)


@pytest.mark.parametrize(
    "address",
    [
        "nowhere",
        "ftp://hub",
        "http://",
        "http://a:b",
        "http://a b",
        "http://[",
        "http://.",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        f"http://{'a' * 64}.org",
        "https://huggingface.co?mirror=1",
        "https://hugging\nface.co",
        " ",
    ],
)
def test_an_endpoint_that_is_none(cache, monkeypatch, address):
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert "HF_ENDPOINT must be an address" in refusal()


@pytest.mark.parametrize(
    "address",
    ["http://localhost:1", "https://hub.my_own.de/models", "http://[::1]:80", "https://köln.de"],
)
def test_an_endpoint_that_may_be_one(monkeypatch, address):
    monkeypatch.setenv("HF_ENDPOINT", f"{address}/")
    assert endpoint() == address


ASKED = """
from vilt_core.interop.client import client
try:
    print(client().endpoint())
    import huggingface_hub
    print(huggingface_hub.hf_hub_url("a/b", "file", endpoint=client().endpoint()))
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "https://huggingface.co\nhttps://huggingface.co/a/b/resolve/main/file"),
        ("http://127.0.0.1:99999", "HF_ENDPOINT must be an address such as"),
    ],
)
def test_an_endpoint_with_which_huggingface_hub_is_imported(address, said):
    """It takes an empty one as it is, and breaks on a port that cannot be."""
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"HF_ENDPOINT": address},
        cwd=ROOT,
    )
    assert done.stdout.startswith(said)


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
@pytest.mark.parametrize("inside", ["", "deeper/down"])
def test_a_cache_in_the_place_of_a_file(hub, monkeypatch, tmp_path, variable, inside):
    (tmp_path / "file").write_text("a file")
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv(variable, str(tmp_path / "file" / inside))
    said = refusal()
    assert said.startswith(f"{variable} must name a folder")
    assert said.endswith(f"{tmp_path / 'file'} is a file")
    assert hub.requests == []
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert refusal() == said


def test_a_token_in_the_place_of_a_file(hub, monkeypatch, tmp_path):
    """HF_HOME also holds the token, though the cache be elsewhere."""
    (tmp_path / "file").write_text("a file")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
    assert refusal().startswith("HF_HOME must name a folder")


def test_a_cache_with_an_impossible_name(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", "x" * 5000)
    said = refusal()
    assert said.startswith("HF_HUB_CACHE must name a folder")
    assert len(said) < 600


# The disk


def test_a_disk_that_is_too_small(hub, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match=r"owner/name cannot be written to .*the disk is too full"):
        fetch("owner/name")
    assert hub.got(WEIGHTS) == []


def test_a_cache_that_may_not_be_written(hub, cache):
    cache.mkdir()
    (cache / "models--owner--name").write_text("a file")
    with pytest.raises(OSError, match="owner/name cannot be written to"):
        fetch("owner/name")


# At the same time


def test_two_threads_both_get_it(hub, files):
    hub.fail(WEIGHTS, Fault(cut=100_000), ever=True)
    folders = []
    threads = [
        threading.Thread(target=lambda: folders.append(fetch("owner/name"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 2
    assert held(folders[0]) == held(folders[1]) == wanted(files)
    assert sum(request.sent for request in hub.got(WEIGHTS)) == 300_000
