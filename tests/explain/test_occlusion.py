from dataclasses import replace

import pytest
import torch

from vilt_core.explain.occlusion import answer_occlusion, squares


def test_a_patch_that_is_grey_already_loses_nothing_by_turning_grey(inquiry):
    still = replace(inquiry, patches=inquiry.grey)
    found = answer_occlusion(still, 1, fill="grey")
    torch.testing.assert_close(
        found[inquiry.text_tokens + 1 :], torch.zeros(24).double(), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("window", [1, 3])
def test_each_patch_is_the_fall_of_the_log_chance_without_its_square(inquiry, window):
    found = answer_occlusion(inquiry, 2, window=window)
    whole = inquiry.logits().double().log_softmax(-1)[0, 2]
    for row, column in ((0, 0), (2, 3), (3, 5)):
        kept = torch.ones(4, 6, dtype=torch.bool)
        half = window // 2
        kept[max(row - half, 0) : row + half + 1, max(column - half, 0) : column + half + 1] = False
        left = inquiry.logits(kept=kept.reshape(1, -1)).double().log_softmax(-1)[0, 2]
        at = inquiry.text_tokens + 1 + 6 * row + column
        torch.testing.assert_close(found[at], whole - left, atol=1e-6, rtol=1e-4)


def test_grey_is_the_picture_painted_grey(inquiry, model, image):
    found = answer_occlusion(inquiry, 0, fill="grey")
    painted = replace(image, pixels=image.pixels.clone())
    painted.pixels[:, :, 96:192, 192:288] = 0
    with torch.no_grad():
        logits = model.vqa(model.pool(inquiry.text, painted))
    fall = inquiry.logits().double().log_softmax(-1) - logits.double().log_softmax(-1)
    at = inquiry.text_tokens + 1 + 6 + 2
    torch.testing.assert_close(found[at], fall[0, 0], atol=1e-6, rtol=1e-4)


def test_pieces_of_a_word_go_together_and_share(inquiry):
    found = answer_occlusion(inquiry, 0)
    word = next(word for word in inquiry.words if len(word.tokens) > 1)
    said = inquiry.text.mask.clone()
    said[0, list(word.tokens)] = False
    left = inquiry.logits(said=said).double().log_softmax(-1)[0, 0]
    whole = inquiry.logits().double().log_softmax(-1)[0, 0]
    pieces = found[list(word.tokens)]
    torch.testing.assert_close(pieces.sum(), whole - left, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(pieces, pieces[:1].expand(len(pieces)))


def test_the_largest_square_is_the_whole_picture():
    assert squares((3, 4), window=7).all()
    assert squares((3, 4), window=1).equal(torch.eye(12, dtype=torch.bool))


def test_settings_that_are_none(inquiry):
    with pytest.raises(ValueError, match="window must be an odd number of patches, got 2"):
        answer_occlusion(inquiry, 0, window=2)
    with pytest.raises(ValueError, match='fill must be "remove" or "grey"'):
        answer_occlusion(inquiry, 0, fill="paint")
