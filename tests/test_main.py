import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from vilt_core.__main__ import INTERRUPTED, UNHEARD, main
from vilt_core.commands.measuring import Evaluate

ROOT = Path(__file__).resolve().parents[1]


def run(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "vilt_core", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        env=None,
    )


def test_help_names_every_command():
    shown = run("--help")
    assert shown.returncode == 0
    for command in (
        "answer",
        "align",
        "train",
        "finetune",
        "evaluate",
        "data",
        "world",
        "detector",
        "index",
        "search",
    ):
        assert command in shown.stdout


def test_ctrl_c_is_no_traceback(monkeypatch, capsys):
    def interrupted(_command):
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluate, "run", interrupted)
    monkeypatch.setattr(sys, "argv", ["vilt_core", "evaluate"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == INTERRUPTED
    assert (
        capsys.readouterr().err == "stopped; the same command goes on with a training or an index\n"
    )


@pytest.mark.parametrize("option", ["--json", "--submission"])
def test_what_cannot_be_kept_is_told_before_anything_is_measured(tmp_path, option):
    found = run("evaluate", "--limit", "4", option, str(tmp_path / "none" / "found.json"))
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert "a file in a folder that is there" in found.stderr


def test_world_writes_scenes_and_evaluate_scores_a_model_on_them(tmp_path):
    written = run("world", str(tmp_path / "w"), "--count", "6", "--size", "64", "--seed", "4")
    assert written.returncode == 0, written.stderr
    scored = run(
        "evaluate", "--task", "vqa", "--on", str(tmp_path / "w" / "questions.jsonl"),
        "--json", str(tmp_path / "f.json"),
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    found = json.loads((tmp_path / "f.json").read_text())
    assert json.loads(scored.stdout) == found
    assert {
        "task",
        "data",
        "model",
        "examples",
        "seconds",
        "accuracy",
        "text_only",
        "by_type",
    } <= set(found)
    assert found["examples"] == 18


def test_a_detector_is_trained_and_scored(tmp_path):
    trained = run(
        "detector", "--to", str(tmp_path), "--steps", "1", "--batch-size", "1", "--pictures", "2",
        "--device", "cpu",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    scores = json.loads((tmp_path / "model" / "scores.json").read_text())
    assert json.loads(trained.stdout) == scores
    assert scores["pictures"] == 2
    card = (tmp_path / "model" / "card.md").read_text()
    assert scores["command"] in card
    assert f"{scores['things']} things" in card
    assert (tmp_path / "model" / "model.safetensors").stat().st_size < 2e6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("answer", "no-such.png", "is there a cat?"), "no-such.png"),
        (("answer", "README.md", "is there a cat?"), "README.md"),
        (("evaluate", "no-such-model"), "no-such-model"),
        (("evaluate", "--on", "world:moon"), "world:moon"),
        (("world", "somewhere", "--count", "0"), "count must be at least 1"),
        (("finetune", "--save-every", "0"), "save_every must be at least 1, got 0"),
        (("finetune", "--accumulate", "0"), "accumulate must be at least 1, got 0"),
        (("finetune", "--workers", "-1"), "workers must be at least 0, got -1"),
        (("finetune", "--evaluate-every", "0"), "evaluate_every must be at least 1, got 0"),
        (("finetune", "--steps", "0"), "steps must be at least 1, got 0"),
        (("finetune", "--batch-size", "0"), "batch_size must be at least 1, got 0"),
        (("finetune", "--learning-rate", "0"), "finite and greater than 0, got 0.0"),
        (("finetune", "--learning-rate", "nan"), "finite and greater than 0, got nan"),
        (("finetune", "--epochs", "0"), "expected --data"),
        (("finetune", "--image-size", "0"), "expected --data"),
        (("train", "--steps", "0"), "are for the recipes of the paper"),
        (("train", "--recipe", "vilt-b32-vqav2", "--steps", "0"), "are for pre-training"),
        (("train", "--recipe", "vilt-b32-pretrain", "--plan", "--steps", "0"), "at least 1, got 0"),
    ],
)
def test_a_mistake_is_one_sentence(words, said, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["vilt_core", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert said in told


def test_answer_and_align_speak_of_a_picture(tmp_path):
    run("world", str(tmp_path), "--count", "1", "--size", "96")
    picture = str(tmp_path / "images" / "0.png")
    answered = run("answer", picture, "how many stickers are there?", "--top-k", "3")
    assert answered.returncode == 0, answered.stderr
    assert len(answered.stdout.splitlines()) == 3
    aligned = run("align", picture, "a cat next to a dog")
    assert aligned.returncode == 0, aligned.stderr
    assert "cat" in aligned.stdout
    assert "transport cost" in aligned.stdout


def test_data_are_looked_at_before_they_are_trained_on(tmp_path, capsys, monkeypatch):
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    line = {"image": "0.png", "question": "is it black?", "answer": "yes"}
    (tmp_path / "train.jsonl").write_text(json.dumps(line))
    monkeypatch.setattr(sys, "argv", ["vilt_core", "data", "check", str(tmp_path)])
    main()
    assert '"is it black?" yes' in capsys.readouterr().out
    (tmp_path / "0.png").unlink()
    with pytest.raises(SystemExit):
        main()
    assert "missing: 1 picture" in capsys.readouterr().out


def test_a_reader_that_goes_early_is_no_mistake(tmp_path):
    (tmp_path / "train.jsonl").write_text(
        '{"image": "0.png", "question": "is it?", "answer": "no"}'
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    read, write = os.pipe()
    os.close(read)
    try:
        told = subprocess.run(
            [sys.executable, "-m", "vilt_core", "data", "check", str(tmp_path)],
            cwd=ROOT,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            timeout=180,
        )
    finally:
        os.close(write)
    assert (told.returncode, told.stderr) == (UNHEARD, "")


def test_from_json_lines_to_a_model_that_answers_in_one_command(tmp_path, capsys, monkeypatch):
    lines = []
    for at in range(12):
        color = ("maroon", "navy")[at % 2]
        Image.new("RGB", (32, 32), color).save(tmp_path / f"{at}.png")
        lines.append({"image": f"{at}.png", "question": "which hue?", "answer": color})
    for split, some in (("train", lines), ("val", lines[:4])):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, some)))
    to = tmp_path / "runs" / "hues"
    words = ["finetune", "--data", str(tmp_path), "--to", str(to), "--epochs", "20"]
    monkeypatch.setattr(sys, "argv", ["vilt_core", *words])
    main()
    told = capsys.readouterr().out
    assert "Answers that are new: 2 (maroon, navy)." in told
    assert f"python -m vilt_core answer PICTURE QUESTION --model {to / 'model'}" in told
    report = json.loads((to / "finetuned.json").read_text())
    assert report["scores"]["examples"] == 4
    assert any("maroon" in line for line in report["account"])
    asked = ["answer", str(tmp_path / "1.png"), "which hue?", "--model", str(to / "model")]
    monkeypatch.setattr(sys, "argv", ["vilt_core", *asked])
    main()
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["navy", "maroon"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task", "nlvr2"], "expected --data"),
        (["--val", "val.jsonl"], "expected --data"),
        (["--image-size", "64"], "expected --data"),
        (["--data", "README.md", "--steps", "3"], "--epochs"),
        (["--data", "no-such-folder"], "no-such-folder"),
        (["--data", "README.md"], "README.md"),
    ],
)
def test_finetuning_without_data_is_one_sentence(words, said, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["vilt_core", "finetune", *words])
    with pytest.raises(SystemExit):
        main()
    assert said in capsys.readouterr().err
