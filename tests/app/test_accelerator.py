import importlib
import sys
import types

import pytest

from app import accelerator, services
from app.models import Checkpoint


@pytest.fixture
def lender(monkeypatch):
    """The package of a Space with GPUs to lend: it knows what was handed to it, and runs it."""
    lent, ran = {}, []

    def gpu(function, *, duration):
        lent[function.__name__] = duration

        def run(*given):
            ran.append(given)
            return function(*given)

        return run

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=gpu))
    yield types.SimpleNamespace(lent=lent, ran=ran)
    monkeypatch.undo()
    importlib.reload(accelerator)


def test_without_the_package_a_function_is_what_it_was(monkeypatch):
    monkeypatch.setitem(sys.modules, "spaces", None)

    def double(number):
        return 2 * number

    assert accelerator.lent(double) is double


def test_a_space_finds_one_function_that_wants_a_gpu(lender):
    importlib.reload(accelerator)
    assert lender.lent == {"_compute": accelerator.SECONDS}


@pytest.mark.parametrize(("told", "is_lent"), [("true", True), ("1", True), ("", False)])
def test_a_space_says_whether_it_lends(monkeypatch, told, is_lent):
    monkeypatch.setenv("SPACES_ZERO_GPU", told)
    assert accelerator.is_lent() is is_lent


def test_small_models_and_other_machines_go_on_as_before(tiny, monkeypatch):
    assert accelerator.borrowing(tiny, "tiny") is tiny
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert accelerator.borrowing(tiny, "tiny") is tiny


def test_a_wide_models_work_is_done_where_a_gpu_is_lent(tiny, tiny_folder, lender, monkeypatch):
    importlib.reload(accelerator)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(accelerator, "_WORTH_IT", 1)
    borrower = accelerator.borrowing(tiny, str(tiny_folder))
    monkeypatch.delenv("SPACES_ZERO_GPU")  # no GPU is here: the work itself goes to the processor
    picture = services.picture(services.EXAMPLES[0], 64)
    assert borrower.answer(picture, "is there a cat?", top_k=2) == tiny.answer(
        picture, "is there a cat?", top_k=2
    )
    [(source, task, given, settings)] = lender.ran
    assert (source, task, settings) == (str(tiny_folder), "answer", {"top_k": 2})
    assert given[1] == "is there a cat?"
    assert borrower.tokenizer is tiny.tokenizer
    assert borrower.image_size == tiny.image_size
    assert len(lender.ran) == 1


def test_the_library_opens_models_that_way(tiny_folder, monkeypatch):
    seen = []
    monkeypatch.setattr(
        accelerator, "borrowing", lambda found, source: seen.append(source) or found
    )
    opened = services.open_checkpoint(
        Checkpoint(source=str(tiny_folder), name="tiny"), lambda *_: None
    )
    assert opened.domain == "stickers"
    assert seen == [str(tiny_folder)]
