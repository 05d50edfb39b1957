"""SCAN: laws of words and regions that look at each other."""

import pytest
import torch

from vilt_core.config import DIRECTIONS, ScanConfig, scan_t2i
from vilt_core.layers.stacked_attention import stacked_attention
from vilt_core.models import build
from vilt_core.models.scan import Scan
from vilt_core.objectives import contrastive, triplet, vqa_single
from vilt_core.types import ModelOutput, RegionBatch, TextBatch

SIZES = {
    "vocab_size": 50,
    "word_width": 12,
    "region_width": 10,
    "shared_width": 16,
    "answers": 5,
}
CASES = {
    "t-i avg": ScanConfig(**SIZES, directions=("text_to_image",)),
    "i-t lse": ScanConfig(**SIZES, directions=("image_to_text",)),
    "both": ScanConfig(**SIZES, directions=DIRECTIONS, text_steepness=6.0, image_steepness=None),
}


def texts(*lengths: int) -> TextBatch:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, 50, mask.shape, generator=torch.Generator().manual_seed(1))
    return TextBatch(ids=ids * mask, mask=mask)


def regions(*counts: int) -> RegionBatch:
    generator = torch.Generator().manual_seed(2)
    mask = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    corners = torch.rand(*mask.shape, 2, 2, generator=generator).sort(dim=2).values
    features = torch.randn(*mask.shape, 10, generator=generator)
    return RegionBatch(features=features, boxes=corners.flatten(2), mask=mask)


def scored(model: Scan, out: ModelOutput) -> torch.Tensor:
    return model.score(out.text, out.image, text_mask=out.text_mask, image_mask=out.image_mask)


@pytest.fixture(params=CASES)
def model(request) -> Scan:
    torch.manual_seed(0)
    whole = Scan(CASES[request.param]).eval()
    for parameter in whole.parameters():  # away from the start, where all words are alike
        parameter.data += 0.3 * torch.randn_like(parameter)
    return whole


def test_shapes_places_and_heads(model):
    image = regions(6, 4)
    out = model(texts(5, 3), image)
    assert out.grid == (1, 6)
    assert out.positions[0, 5].tolist() == [0, 5]
    assert (out.positions[1, 4:] == -1).all()
    assert torch.equal(out.boxes, image.boxes)
    assert out.text_to_image is out.image_to_text is out.text_vector is None
    assert model.vqa(out.pooled).shape == (2, 5)


def test_words_and_regions_have_length_one(model):
    out = model(texts(5, 3), regions(6, 4))
    for vectors, mask in ((out.text, out.text_mask), (out.image, out.image_mask)):
        torch.testing.assert_close(vectors[mask].norm(dim=-1), torch.ones(int(mask.sum())))


def test_every_score_of_a_padded_batch_is_that_of_the_pair_alone(model):
    text, image = texts(9, 4, 6), regions(6, 3)
    words, seen = model.encode_text(text), model.encode_image(image)
    scores = model.score(words, seen, text_mask=text.mask, image_mask=image.mask)
    assert scores.shape == (3, 2)
    for row in range(3):
        for column in range(2):
            l, n = int(text.mask[row].sum()), int(image.mask[column].sum())
            ids = text.ids[row : row + 1, :l]
            alone = model(
                TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool)),
                RegionBatch(
                    features=image.features[column : column + 1, :n],
                    boxes=image.boxes[column : column + 1, :n],
                    mask=image.mask[column : column + 1, :n],
                ),
            )
            torch.testing.assert_close(alone.text[0], words[row, :l])
            torch.testing.assert_close(alone.image[0], seen[column, :n])
            torch.testing.assert_close(scored(model, alone)[0, 0], scores[row, column])
            if row == column:
                together = model(texts(9, 4), image)
                torch.testing.assert_close(alone.pooled[0], together.pooled[row])


def test_the_order_and_the_boxes_of_regions_mean_nothing(model):
    text, image = texts(5, 5), regions(6, 6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = RegionBatch(
        features=image.features[:, order], boxes=image.boxes / 2, mask=image.mask
    )
    one = model(text, image, return_attentions=True)
    other = model(text, shuffled, return_attentions=True)
    torch.testing.assert_close(one.image[:, order], other.image)
    torch.testing.assert_close(one.pooled, other.pooled)
    torch.testing.assert_close(scored(model, one), scored(model, other))
    looks = one.text_to_image[0][..., 1:], other.text_to_image[0][..., 1:]
    torch.testing.assert_close(looks[0][..., order], looks[1])


def test_looks_are_handed_out_when_asked_for(model):
    """Both ways, with nothing at the place of the [class] that the image lacks."""
    text, image = texts(5, 3), regions(6, 4)
    out = model(text, image, return_attentions=True)
    looks, back = out.text_to_image[0], out.image_to_text[0]
    assert looks.shape == (2, 1, 5, 7)
    assert back.shape == (2, 1, 7, 5)
    assert not looks[..., 0].any()
    assert not back[:, :, 0].any()
    assert not looks[1, :, :, 5:].any()
    assert not back[1, :, :, 3:].any()
    similarity = out.text @ out.image.mT
    torch.testing.assert_close(
        looks[:, 0, :, 1:], stacked_attention(similarity, text.mask, image.mask, sharpness=9.0)
    )
    torch.testing.assert_close(
        back[:, 0, 1:], stacked_attention(similarity.mT, image.mask, text.mask, sharpness=4.0)
    )


def test_what_the_vqa_head_reads_is_what_the_words_look_at(model):
    out = model(texts(5, 5), regions(6, 6), return_attentions=True)
    found = out.text_to_image[0][:, 0, :, 1:] @ out.image
    direction = torch.nn.functional.normalize(found.mean(dim=1), dim=-1)
    torch.testing.assert_close(out.pooled[:, 16:32], direction)


def test_two_directions_score_by_their_mean():
    torch.manual_seed(0)
    model = Scan(CASES["both"])
    out = model(texts(5, 3), regions(6, 4))
    pooling = {"text_steepness": 6.0, "image_steepness": None}
    single = [
        scored(Scan(ScanConfig(**SIZES, **pooling, directions=(direction,))), out)
        for direction in DIRECTIONS
    ]
    assert not torch.allclose(*single)
    torch.testing.assert_close(scored(model, out), (single[0] + single[1]) / 2)


@pytest.mark.parametrize("loss", [triplet, contrastive])
def test_the_gradient_reaches_every_parameter(model, loss):
    out = model(texts(7, 4, 9), regions(6, 3, 5))
    answered = vqa_single(model.vqa(out.pooled), torch.tensor([0, 3, 1]))
    (loss(scored(model, out)) + answered).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_the_published_size():
    with torch.device("meta"):
        model = build("scan")
    assert model.config == scan_t2i()
    gru = 3 * (300 * 1024 + 1024 * 1024 + 2 * 1024)
    assert sum(p.numel() for p in model.parameters()) == (2048 * 1024 + 1024 + 8481 * 300 + 2 * gru)


def test_what_cannot_be_read_is_one_sentence(model):
    with pytest.raises(ValueError, match="every image must have a real region, got one without"):
        model.encode_image(regions(3, 0))
    with pytest.raises(ValueError, match="every text must have a real word, got one without"):
        model.encode_text(texts(3, 0))
    with pytest.raises(ValueError, match=r"directions must be of .*, got \('sideways',\)"):
        ScanConfig(directions=("sideways",))
