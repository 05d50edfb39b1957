import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import faiss
import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from vilt_core.interop.lab import save_folder
from vilt_core.search.albums import Files, album_of
from vilt_core.search.index import nearest
from vilt_core.search.store import Busy, build_index, is_index, load_index

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def counting(encoder, monkeypatch):
    read = []
    vectors = type(encoder).vectors

    def counted(self, seen):
        read.append(len(seen))
        return vectors(self, seen)

    monkeypatch.setattr(type(encoder), "vectors", counted)
    return lambda: (sum(read), read.clear())[0]


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for at in range(7):
        shape = (40 + 8 * at, 50, 3)
        Image.fromarray(draw.integers(0, 255, shape, np.uint8)).save(folder / f"{at}.png")
    return folder


def run(folder, source, encoder, **settings):
    return list(build_index(folder, album_of(source), encoder, **settings))


def rows(folder):
    index = load_index(folder)
    vectors = index.vectors.reconstruct_n(0, len(index.entries))
    return {entry.key: vector for entry, vector in zip(index.entries, vectors, strict=True)}


def files(folder):
    return len([path for path in folder.iterdir() if path.name != "index.lock"])


def assert_same(found, expected):
    assert set(found) == set(expected)
    for key, vector in expected.items():
        np.testing.assert_allclose(found[key], vector, atol=1e-6)


def test_the_index_holds_the_vector_of_every_picture(tmp_path, pictures, encoder):
    steps = run(tmp_path / "i", pictures, encoder, batch_size=2)
    assert [step.done for step in steps] == [0, 2, 4, 6, 7]
    found = rows(tmp_path / "i")
    assert len(found) == 7
    for name, vector in found.items():
        np.testing.assert_allclose(vector, encoder.images([pictures / name])[0], atol=1e-6)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_only_what_is_new_or_changed_is_read_and_what_is_gone_is_forgotten(
    tmp_path, pictures, encoder, counting
):
    run(tmp_path / "i", pictures, encoder)
    assert counting() == 7
    before = sorted(path.name for path in (tmp_path / "i").glob("*-*"))
    assert [step.done for step in run(tmp_path / "i", pictures, encoder)] == [7]
    assert counting() == 0
    assert sorted(path.name for path in (tmp_path / "i").glob("*-*")) == before
    Image.new("RGB", (64, 64), "red").save(pictures / "3.png")
    Image.new("RGB", (64, 64), "blue").save(pictures / "new.png")
    (pictures / "5.png").unlink()
    run(tmp_path / "i", pictures, encoder)
    assert counting() == 2
    run(tmp_path / "anew", pictures, encoder)
    assert_same(rows(tmp_path / "i"), rows(tmp_path / "anew"))
    assert files(tmp_path / "i") == 3


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_growing_is_building_anew(tmp_path, encoder, counting, kind):
    run(tmp_path / "i", "world:test:5", encoder, kind=kind)
    counting()
    run(tmp_path / "i", "world:test:9", encoder, kind=kind)
    assert counting() == 4
    run(tmp_path / "anew", "world:test:9", encoder)
    assert_same(rows(tmp_path / "i"), rows(tmp_path / "anew"))
    run(tmp_path / "i", "world:test:3", encoder, kind=kind)
    assert set(rows(tmp_path / "i")) == {entry.key for entry in album_of("world:test:3").entries()}


def test_a_folder_that_has_moved_is_not_read_again(tmp_path, pictures, encoder, counting):
    run(tmp_path / "i", pictures, encoder)
    moved = pictures.rename(tmp_path / "moved")
    assert len(load_index(tmp_path / "i").entries) == 7
    counting()
    run(tmp_path / "i", moved, encoder)
    assert counting() == 0
    assert load_index(tmp_path / "i").album == album_of(moved)


def test_a_graph_finds_what_the_exact_index_finds(tmp_path, encoder):
    run(tmp_path / "flat", "world:test:40", encoder)
    run(tmp_path / "hnsw", "world:test:40", encoder, kind="hnsw")
    flat, graph = load_index(tmp_path / "flat"), load_index(tmp_path / "hnsw")
    assert isinstance(graph.vectors, faiss.IndexHNSW)
    query = encoder.texts(["a cat next to a red heart"])
    ours, theirs = (nearest(index.vectors, query, count=10) for index in (flat, graph))
    np.testing.assert_array_equal(ours[1], theirs[1])
    run(tmp_path / "hnsw", "world:test:40", encoder, kind="flat")
    assert not isinstance(load_index(tmp_path / "hnsw").vectors, faiss.IndexHNSW)


def test_a_broken_picture_is_named_and_passed_over(tmp_path, pictures, encoder):
    (pictures / "broken.png").write_bytes((pictures / "0.png").read_bytes()[:300])
    (pictures / "text.jpg").write_text("not a picture")
    steps = run(tmp_path / "i", pictures, encoder, batch_size=2)
    broken = [one for step in steps for one in step.broken]
    assert [one.key for one in broken] == ["broken.png", "text.jpg"]
    assert all(one.why for one in broken)
    assert steps[-1].done == steps[-1].total == 9
    assert len(rows(tmp_path / "i")) == 7


@pytest.fixture
def opened(monkeypatch):
    """Which files were read since one has last looked."""
    found, read = [], Files.open

    def counted(album, key, *, side):
        found.append(key)
        return read(album, key, side=side)

    monkeypatch.setattr(Files, "open", counted)
    return lambda: (sorted(found), found.clear())[0]


def stopped(folder, source, encoder, *, steps):
    """The last step of a building of two pictures a step that goes no further."""
    building = build_index(folder, album_of(source), encoder, batch_size=2)
    *_, last = islice(building, steps)
    building.close()
    return last


def test_what_is_broken_is_read_once_a_building_however_often_it_is_stopped(
    tmp_path, pictures, encoder, opened
):
    broken = [f"#{at}.png" for at in range(4)]  # before all others
    for name in broken:
        (pictures / name).write_text("no picture")
    last = stopped(tmp_path / "i", pictures, encoder, steps=3)
    assert (last.done, last.passed) == (4, 4)
    assert opened() == broken
    first, *rest = run(tmp_path / "i", pictures, encoder, batch_size=2)
    assert (first.done, first.passed) == (4, 4)
    assert [one.key for one in first.broken] == broken
    assert all(one.why for one in first.broken)
    assert not any(step.broken for step in rest)
    assert (rest[-1].done, rest[-1].passed) == (11, 4)
    assert opened() == [f"{at}.png" for at in range(7)]
    assert len(rows(tmp_path / "i")) == 7
    # The next building tries again: a file may be readable by then and look the same.
    again = run(tmp_path / "i", pictures, encoder)
    assert [one.key for step in again for one in step.broken] == broken
    assert opened() == broken


def test_a_broken_file_that_has_changed_is_read_again(tmp_path, pictures, encoder, opened):
    for name in ("#0.png", "#1.png"):
        (pictures / name).write_text("no picture")
    stopped(tmp_path / "i", pictures, encoder, steps=2)
    opened()
    Image.new("RGB", (64, 64), "red").save(pictures / "#0.png")
    (pictures / "#1.png").unlink()
    steps = run(tmp_path / "i", pictures, encoder)
    assert not any(step.broken for step in steps)
    assert "#0.png" in opened()
    assert len(rows(tmp_path / "i")) == 8


def test_a_part_that_says_nothing_of_broken_files_is_read(tmp_path, pictures, encoder, counting):
    stopped(tmp_path / "i", pictures, encoder, steps=2)
    [part] = (tmp_path / "i").glob("part-*")
    with safe_open(part, framework="numpy") as file:
        said, vectors = file.metadata(), file.get_tensor("vectors")
    save_file({"vectors": vectors}, part, {key: said[key] for key in ("fingerprint", "pictures")})
    assert counting() == 2
    run(tmp_path / "i", pictures, encoder)
    assert counting() == 5


def test_where_all_is_broken_nothing_of_it_is_remembered(tmp_path, encoder, opened):
    (tmp_path / "p").mkdir()
    for at in range(4):
        (tmp_path / "p" / f"{at}.png").write_text("no picture")
    stopped(tmp_path / "i", tmp_path / "p", encoder, steps=2)
    for expected in (["2.png", "3.png"], [f"{at}.png" for at in range(4)]):
        opened()
        with pytest.raises(ValueError, match=r"found none; 0\.png"):
            run(tmp_path / "i", tmp_path / "p", encoder, batch_size=2)
        assert opened() == expected


def test_nothing_that_can_be_read_is_refused(tmp_path, encoder):
    (tmp_path / "p").mkdir()
    with pytest.raises(ValueError, match="at least one picture"):
        run(tmp_path / "i", tmp_path / "p", encoder)
    (tmp_path / "p" / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"text\.jpg"):
        run(tmp_path / "i", tmp_path / "p", encoder)
    assert not is_index(tmp_path / "i")


@pytest.mark.parametrize("save_every", [0.0, 1000.0])
def test_a_building_that_is_stopped_goes_on_where_it_was(tmp_path, encoder, counting, save_every):
    album = album_of("world:test:10")
    steps = build_index(tmp_path / "i", album, encoder, batch_size=2, save_every=save_every)
    assert [next(steps).done for _ in range(4)] == [0, 2, 4, 6]
    steps.close()
    assert not is_index(tmp_path / "i")
    read = counting()
    assert run(tmp_path / "i", "world:test:10", encoder, batch_size=2)[0].done == read
    assert counting() == 10 - read
    run(tmp_path / "anew", "world:test:10", encoder)
    assert_same(rows(tmp_path / "i"), rows(tmp_path / "anew"))
    assert files(tmp_path / "i") == 3


def test_two_do_not_build_one_index_at_once(tmp_path, encoder):
    first = build_index(tmp_path / "i", album_of("world:test:9"), encoder, batch_size=2)
    next(first)
    with pytest.raises(Busy, match="being built already"):
        run(tmp_path / "i", "world:test:9", encoder)
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(first.close).result()
    assert run(tmp_path / "i", "world:test:9", encoder)[-1].done == 9


def test_an_index_stands_while_a_new_one_is_built(tmp_path, encoder):
    run(tmp_path / "i", "world:test:4", encoder)
    steps = build_index(tmp_path / "i", album_of("world:test:9"), encoder, batch_size=2)
    for _ in range(3):
        next(steps)
    assert len(load_index(tmp_path / "i").entries) == 4
    steps.close()
    assert len(load_index(tmp_path / "i").entries) == 4


def test_a_killed_building_goes_on(tmp_path, clip, encoder, counting):
    save_folder(clip, tmp_path / "model")
    code = (
        "import sys\n"
        "from vilt_core.interop.lab import load_folder\n"
        "from vilt_core.search.albums import album_of\n"
        "from vilt_core.search.encoder import DualEncoder\n"
        "from vilt_core.search.store import build_index\n"
        "encoder = DualEncoder(load_folder(sys.argv[1]))\n"
        "album = album_of('world:test:4000')\n"
        "for step in build_index(sys.argv[2], album, encoder, batch_size=4, save_every=0):\n"
        "    print(step.done, flush=True)\n"
    )
    folder = tmp_path / "i"
    words = [sys.executable, "-c", code, str(tmp_path / "model"), str(folder)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        while int(process.stdout.readline()) < 40:
            pass
        time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not is_index(folder)
    first = next(build_index(folder, album_of("world:test:4000"), encoder))
    assert 36 <= first.done < 4000
    steps = run(folder, "world:test:30", encoder)
    assert steps[0].done == 30
    assert counting() == 0
    assert len(rows(folder)) == 30
    assert files(folder) == 3


def test_an_index_of_other_weights_is_refused(tmp_path, encoder, stranger):
    run(tmp_path / "i", "world:test:3", encoder)
    with pytest.raises(ValueError, match="made by small with other weights than those of other"):
        run(tmp_path / "i", "world:test:3", stranger)
    with pytest.raises(ValueError, match="other weights"):
        load_index(tmp_path / "i", encoder=stranger)
    steps = build_index(tmp_path / "half", album_of("world:test:9"), encoder, batch_size=2)
    next(steps), next(steps)
    steps.close()
    with pytest.raises(ValueError, match="expected another folder"):
        run(tmp_path / "half", "world:test:3", stranger)


def test_a_damaged_index_gets_one_sentence(tmp_path, encoder):
    folder = tmp_path / "i"
    with pytest.raises(ValueError, match="expected an index"):
        load_index(folder)
    for spoil in (
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.unlink(),
    ):
        for pattern in ("vectors-*", "pictures-*"):
            if is_index(folder):
                (folder / "index.json").unlink()
            run(folder, "world:test:30", encoder)
            spoil(next(folder.glob(pattern)))
            with pytest.raises(ValueError, match="is damaged"):
                load_index(folder)
    (folder / "index.json").write_text("{}")
    with pytest.raises(ValueError, match="is it an index"):
        load_index(folder)


def test_a_damaged_part_is_made_anew(tmp_path, encoder, counting):
    steps = build_index(
        tmp_path / "i", album_of("world:test:6"), encoder, batch_size=2, save_every=0.0
    )
    for _ in range(3):
        next(steps)
    steps.close()
    part, *_ = (tmp_path / "i").glob("part-*")
    part.write_bytes(part.read_bytes()[:50])
    counting()
    run(tmp_path / "i", "world:test:6", encoder)
    assert counting() == 4
    assert len(rows(tmp_path / "i")) == 6
