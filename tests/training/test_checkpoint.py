"""Laws of the state on disk: whole or not at all."""

import errno
import pickle

import pytest
import torch
from torch import nn

from vilt_core.training import checkpoint
from vilt_core.training.checkpoint import (
    Progress,
    load_run,
    run_state,
    take_up_optimizer,
    write_run,
)


@pytest.fixture
def trained() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def progress(step: int) -> Progress:
    return Progress(stage=1, step=step, seconds=12.5, lesson="to add", noted=0)


def test_a_state_comes_back_as_it_was(tmp_path, trained):
    model, optimizer = trained
    write_run(tmp_path / "new" / "run.pt", run_state(model, optimizer, progress(7)))
    state = load_run(tmp_path / "new" / "run.pt")
    assert state is not None
    assert (state["stage"], state["step"], state["seconds"]) == (1, 7, 12.5)
    other = nn.Linear(3, 2)
    other.load_state_dict(state["model"])
    assert torch.equal(other.weight, model.weight)
    again = torch.optim.AdamW(other.parameters())
    take_up_optimizer(again, other, state["optimizer"])
    for own, kept in zip(optimizer.state.values(), again.state.values(), strict=True):
        assert torch.equal(own["exp_avg"], kept["exp_avg"])
        assert own["step"] == kept["step"]


def test_a_run_that_never_saved_has_no_state(tmp_path):
    assert load_run(tmp_path / "run.pt") is None


def test_a_failure_while_writing_leaves_the_old_state_whole(tmp_path, trained, monkeypatch):
    path = tmp_path / "run.pt"
    write_run(path, run_state(*trained, progress(1)))
    before = path.read_bytes()

    def full_disk(state, file):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_run(path, run_state(*trained, progress(2)))
    assert path.read_bytes() == before
    monkeypatch.undo()
    write_run(path, run_state(*trained, progress(3)))
    state = load_run(path)
    assert state is not None
    assert state["step"] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_state_gets_one_sentence(tmp_path, trained, kept):
    path = tmp_path / "run.pt"
    write_run(path, run_state(*trained, progress(1)))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"run\.pt is not a readable training state"):
        load_run(path)


class Harmful:
    def __reduce__(self):
        return print, ("unpickling ran code",)


def test_foreign_files_get_one_sentence_and_run_no_code(tmp_path, capsys):
    path = tmp_path / "run.pt"
    for content in (b"not a checkpoint", pickle.dumps(Harmful(), protocol=2)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a readable training state"):
            load_run(path)
    torch.save({"model": Harmful()}, path)
    with pytest.raises(ValueError, match="not a readable training state"):
        load_run(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [{"weight": torch.ones(2)}, torch.ones(2), [1, 2]])
def test_other_things_that_torch_saved_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="must hold a training state with"):
        load_run(tmp_path / "run.pt")
