"""Files that belong together are never taken for one model when they are of two."""

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from judges import refusal_of
from safetensors.torch import load_file

from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import UNFINISHED, check_whole, write_together
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.models.vilt import Vilt


def model_of(seed: int, *answers: str) -> Bundle:
    """Of one size and of the same words, whatever the answers are."""
    tokenizer = Tokenizer.train(["a cat", "two dogs"], vocab_size=60, max_tokens=12)
    config = ViltConfig(
        vocab_size=len(tokenizer),
        width=12,
        depth=1,
        heads=3,
        image_size=16,
        patch_size=8,
        max_text_tokens=12,
        answers=len(answers),
    )
    torch.manual_seed(seed)
    return Bundle(name="small", model=Vilt(config), tokenizer=tokenizer, answers=answers)


OLD, NEW = model_of(0, "yes", "no"), model_of(1, "red", "blue")


def killed_at(rename: int, work, *args) -> int:
    """The exit code of a process that does the work and is killed at a rename of a file."""

    def doomed():
        renamed, replace_file = [0], Path.replace

        def counted(self, target):
            renamed[0] += 1
            if renamed[0] == rename:
                os.kill(os.getpid(), signal.SIGKILL)
            return replace_file(self, target)

        Path.replace = counted
        work(*args)

    process = multiprocessing.get_context("fork").Process(target=doomed)
    process.start()
    process.join(60)
    return process.exitcode


def models_in(folder: Path) -> set[str]:
    """Of which model each file is, by its first answer."""
    described = (folder / "config.json").read_text()
    weights = load_file(folder / "model.safetensors")
    by_answers = {one.answers[0] for one in (OLD, NEW) if json.dumps(one.answers[0]) in described}
    by_weights = {
        one.answers[0]
        for one in (OLD, NEW)
        if all(torch.equal(weights[n], value) for n, value in one.model.state_dict().items())
    }
    return by_answers | by_weights


# The note's own rename comes first, then those of the two files that differ.
@pytest.mark.parametrize(("rename", "mixed"), [(1, False), (2, False), (3, True), (4, False)])
def test_a_kill_between_renames_leaves_no_good_model_of_two(tmp_path, rename, mixed):
    save_folder(OLD, tmp_path)
    exitcode = killed_at(rename, save_folder, NEW, tmp_path)
    assert exitcode == (0 if rename == 4 else -signal.SIGKILL)
    assert (len(models_in(tmp_path)) == 2) == mixed
    if rename in (1, 4):
        assert load_folder(tmp_path).answers == (OLD if rename == 1 else NEW).answers
    else:
        assert "its writing was cut short" in refusal_of(load_folder, tmp_path)
    save_folder(NEW, tmp_path)
    assert load_folder(tmp_path).answers == NEW.answers
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
    }


def test_where_one_file_differs_a_kill_leaves_a_whole_model(tmp_path):
    """As in a training, whose words and sizes stay: one rename is the whole swap."""
    save_folder(OLD, tmp_path)
    trained = replace(NEW, answers=OLD.answers)
    assert killed_at(1, save_folder, trained, tmp_path) == -signal.SIGKILL
    assert models_in(tmp_path) == {OLD.answers[0]}
    load_folder(tmp_path)
    assert killed_at(2, save_folder, trained, tmp_path) == 0
    load_folder(tmp_path)


def test_only_who_writes_all_of_the_files_makes_them_whole(tmp_path):
    def write(*names: str) -> None:
        write_together({tmp_path / name: lambda part: part.write_text("new") for name in names})

    (tmp_path / UNFINISHED).write_text(json.dumps(["a", "b"]))
    write("a")
    write("c", "a")
    with pytest.raises(ValueError, match="cut short"):
        check_whole(tmp_path)
    write("a", "b", "c")
    check_whole(tmp_path)


def test_a_disk_that_takes_no_note_leaves_the_old_files(tmp_path):
    save_folder(OLD, tmp_path)
    (tmp_path / f"{UNFINISHED}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        save_folder(NEW, tmp_path)
    assert load_folder(tmp_path).answers == OLD.answers
    assert models_in(tmp_path) == {OLD.answers[0]}
