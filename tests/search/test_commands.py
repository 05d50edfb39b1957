import json
import sys

import pytest
from PIL import Image

from vilt_core.__main__ import main
from vilt_core.interop.lab import save_folder


@pytest.fixture
def models(tmp_path, clip, vilt):
    save_folder(clip, tmp_path / "clip")
    save_folder(vilt, tmp_path / "vilt")
    return str(tmp_path / "clip"), str(tmp_path / "vilt")


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*words) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["vilt_core", *map(str, words)])
        main()
        said = capsys.readouterr()
        return said.out, said.err

    return run


def test_a_folder_is_indexed_and_searched(tmp_path, models, run):
    clip, vilt = models
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for at in range(4):
        Image.new("RGB", (50, 60), (60 * at, 90, 30)).save(pictures / f"{at}.png")
    (pictures / "bad.png").write_text("no picture")
    out, err = run("index", pictures, "--to", tmp_path / "i", "--model", clip)
    assert "4 pictures in" in out
    assert "bad.png" in out + err
    out, _ = run(
        "search", tmp_path / "i", "a red heart", "--top", 2, "--shortlist", 3, "--model", vilt,
        "--encoder", clip, "--json", tmp_path / "f.json",
    )  # fmt: skip
    assert out.count(".png") == 2
    assert "3 of 4 pictures, 3 forwards" in out
    found = json.loads((tmp_path / "f.json").read_text())
    assert len(found["hits"]) == found["forwards"] == 3
    out, _ = run(
        "search", tmp_path / "i", "a red heart", "--shortlist", 0, "--encoder", clip, "--top", 2
    )
    assert out.count(".png") == 2
    assert "0 forwards" in out


def test_shortlists_are_measured_into_a_page(tmp_path, models, run):
    clip, vilt = models
    run("index", "world:test:6", "--to", tmp_path / "i", "--model", clip)
    page = tmp_path / "page.md"
    page.write_text("<!-- shortlist -->\n<!-- /shortlist -->\n")
    words = ("search", tmp_path / "i", "--encoder", clip, "--model", vilt, "--measure", 3)
    out, _ = run(*words, "--report", page, "--json", tmp_path / "f.json")
    assert "R@1" in out
    assert "R@1" in page.read_text()
    assert json.loads((tmp_path / "f.json").read_text())["examples"] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("search", "nowhere", "a cat", "--encoder"), "expected an index at nowhere"),
        (("search", "nowhere", "--encoder"), "expected a text, or --measure"),
        (("index", "nowhere", "--to", "i", "--model"), "expected a folder of pictures"),
    ],
)
def test_a_mistake_is_one_sentence(models, run, capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        run(*words, models[0])
    assert said in capsys.readouterr().err
