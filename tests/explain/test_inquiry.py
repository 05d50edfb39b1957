from dataclasses import replace

import pytest
import torch

from vilt_core.explain import inquiry as module
from vilt_core.explain.inquiry import inquire
from vilt_core.types import ImageBatch


def test_the_question_as_it_is_gives_the_models_answer(inquiry, model, image):
    with torch.no_grad():
        expected = model.vqa(model.pool(inquiry.text, image))
    torch.testing.assert_close(inquiry.logits(), expected)
    torch.testing.assert_close(inquiry.read(inquiry.joint()).detach(), expected)


def test_what_is_taken_out_is_as_if_it_had_never_been(inquiry, model):
    """The sequence without the tokens, not merely with empty ones."""
    kept = torch.ones(1, 24, dtype=torch.bool)
    kept[0, [0, 7, 8, 23]] = False
    said = torch.ones(1, inquiry.text_tokens, dtype=torch.bool)
    said[0, 3] = False
    left = torch.cat([said[0], torch.ones(1, dtype=torch.bool), kept[0]])
    with torch.no_grad():
        expected = inquiry.read(inquiry.joint()[:, left])
    torch.testing.assert_close(inquiry.logits(kept=kept, said=said), expected)


@pytest.mark.parametrize("at_once", [1, 4])
def test_rows_are_read_by_themselves_however_many_at_once(inquiry, monkeypatch, at_once):
    kept = torch.rand(7, 24, generator=torch.Generator().manual_seed(3)) > 0.4
    kept[2] = False
    expected = inquiry.logits(kept=kept)
    monkeypatch.setattr(module.chunks, "__defaults__", (at_once,))
    torch.testing.assert_close(inquiry.logits(kept=kept), expected)
    for row in range(7):
        torch.testing.assert_close(inquiry.logits(kept=kept[row : row + 1])[0], expected[row])


def test_the_blank_is_a_grey_picture_with_masked_words(inquiry, model, image, tokenizer):
    ids = inquiry.text.ids.clone()
    ids[:, 1:-1] = tokenizer.mask
    grey = ImageBatch(pixels=torch.zeros_like(image.pixels))
    with torch.no_grad():
        expected = model.embed(replace(inquiry.text, ids=ids), grey)[0]
    torch.testing.assert_close(inquiry.blank().detach(), expected)


def test_whoever_asks_in_inference_mode_gets_the_same(inquiry, model, tokenizer, image):
    with torch.inference_mode():
        again = inquire(model, tokenizer, "a cat", ImageBatch(pixels=image.pixels + 0))
    assert again.joint().requires_grad


def test_what_cannot_be_asked(model, tokenizer, image):
    with pytest.raises(ValueError, match="one picture without padding, got 2"):
        inquire(model, tokenizer, "a cat", ImageBatch(pixels=image.pixels.repeat(2, 1, 1, 1)))
    with pytest.raises(ValueError, match="question must have at least one letter"):
        inquire(model, tokenizer, "?", image)
    model.vqa = None
    with pytest.raises(ValueError, match="no VQA head"):
        inquire(model, tokenizer, "a cat", image)
