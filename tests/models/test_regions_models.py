"""Laws of the models that read a detector's regions, and parity with transformers' BERT."""

from dataclasses import replace

import pytest
import torch

from vilt_core.config import (
    CnnConfig,
    DetectorConfig,
    UniterConfig,
    VilbertConfig,
    bottom_up_r101,
    detector_mini,
)
from vilt_core.models import build
from vilt_core.models.uniter import Uniter
from vilt_core.models.vilbert import Vilbert
from vilt_core.types import ImageBatch, RegionBatch, TextBatch

UNITER = UniterConfig(
    vocab_size=50,
    width=24,
    depth=2,
    heads=3,
    mlp_width=48,
    max_text_tokens=12,
    region_width=10,
    region_classes=7,
    answers=5,
    dropout=0.0,
)
VILBERT = VilbertConfig(
    vocab_size=50,
    text_width=24,
    text_depth=3,
    text_heads=3,
    text_mlp_width=48,
    max_text_tokens=12,
    image_width=32,
    image_depth=2,
    image_heads=2,
    image_mlp_width=32,
    meeting_width=16,
    meeting_heads=2,
    pooled_width=20,
    region_width=10,
    region_classes=7,
    answers=5,
    dropout=0.0,
)
DETECTOR = DetectorConfig(
    cnn=CnnConfig(depths=(1, 1), widths=(8, 10), bottleneck=False, stages=2),
    classes=7,
    anchor_sizes=(16,),
    anchor_ratios=(1.0,),
    proposal_width=8,
    ranked=40,
    proposals=12,
    cells=4,
    fewest=5,
    frozen_norm=False,
)
CASES = {"uniter": (Uniter, UNITER), "vilbert": (Vilbert, VILBERT)}


def texts(*lengths: int) -> TextBatch:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, 50, mask.shape, generator=torch.Generator().manual_seed(1))
    return TextBatch(ids=ids * mask, mask=mask)


def regions(*counts: int, width: int = 10) -> RegionBatch:
    generator = torch.Generator().manual_seed(2)
    mask = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    corners = torch.rand(*mask.shape, 2, 2, generator=generator).sort(dim=2).values
    return RegionBatch(
        features=torch.randn(*mask.shape, width, generator=generator),
        boxes=corners.flatten(2),
        mask=mask,
    )


def some(batch: RegionBatch, rows: slice, count: int) -> RegionBatch:
    return RegionBatch(
        features=batch.features[rows, :count],
        boxes=batch.boxes[rows, :count],
        mask=batch.mask[rows, :count],
    )


@pytest.fixture(params=CASES)
def model(request):
    kind, config = CASES[request.param]
    torch.manual_seed(0)
    whole = kind(config).eval()
    for parameter in whole.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return whole


def test_shapes_places_and_heads(model):
    image = regions(6, 4)
    out = model(texts(5, 3), image, return_attentions=True)
    assert out.grid == (1, 6)
    assert out.positions[0, 5].tolist() == [0, 5]
    assert (out.positions[1, 4:] == -1).all()
    assert torch.equal(out.boxes, image.boxes)
    assert model.itm(out.pooled).shape == (2, 2)
    assert model.mlm(out.text).shape == (2, 5, 50)
    assert model.region_class(out.image).shape == (2, 6, 7)
    assert model.vqa(out.pooled).shape == (2, 5)


def test_everything_alone_is_everything_in_a_padded_batch(model):
    text, image = texts(9, 4), regions(6, 3)
    together = model(text, image)
    alone = model(
        TextBatch(ids=text.ids[1:, :4], mask=text.mask[1:, :4]), some(image, slice(1, 2), 3)
    )
    torch.testing.assert_close(together.text[1:, :4], alone.text)
    torch.testing.assert_close(together.image[1:, :3], alone.image)
    torch.testing.assert_close(together.image_class[1:], alone.image_class)
    torch.testing.assert_close(together.pooled[1:], alone.pooled)


def test_the_order_of_regions_means_nothing(model):
    """Where a region is its box says, not its place in the list."""
    text, image = texts(5, 5), regions(6, 6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = RegionBatch(
        features=image.features[:, order], boxes=image.boxes[:, order], mask=image.mask
    )
    one, other = model(text, image), model(text, shuffled)
    torch.testing.assert_close(one.text, other.text)
    torch.testing.assert_close(one.image[:, order], other.image)
    torch.testing.assert_close(one.pooled, other.pooled)


def test_boxes_and_features_both_count(model):
    text, image = texts(5, 5), regions(6, 6)
    plain = model(text, image).pooled
    moved = RegionBatch(features=image.features, boxes=image.boxes / 2, mask=image.mask)
    other = RegionBatch(features=-image.features, boxes=image.boxes, mask=image.mask)
    for changed in (moved, other):
        assert not torch.allclose(model(text, changed).pooled, plain, atol=1e-4)


def test_what_is_covered_is_not_seen(model):
    """A hidden region says nothing of its features, but for the mean in ViLBERT's [IMG]."""
    image = regions(6, 6)
    covered = torch.zeros(2, 6, dtype=torch.bool)
    covered[:, 2] = True
    features = image.features.clone()
    features[:, 2] = 5.0
    shown = [
        model.embed_image(
            RegionBatch(features=each, boxes=image.boxes, mask=image.mask, covered=covered)
        )[:, -6:]
        for each in (image.features, features)
    ]
    torch.testing.assert_close(*shown)
    plain = model.embed_image(image)[:, -6:]
    assert not torch.allclose(shown[0][:, 2], plain[:, 2])


@pytest.mark.parametrize("name", CASES)
def test_pictures_are_read_as_the_regions_that_its_detector_sees(name):
    kind, config = CASES[name]
    torch.manual_seed(0)
    model = kind(replace(config, detector=DETECTOR)).eval()
    mask = torch.ones(2, 48, 64, dtype=torch.bool)
    mask[1, 32:] = False
    image = ImageBatch(pixels=torch.randn(2, 3, 48, 64), mask=mask)
    regions = model.image_detector(image)
    assert regions.mask.shape == (2, 5)
    read, expected = model(texts(5, 3), image), model(texts(5, 3), regions)
    torch.testing.assert_close(read.pooled, expected.pooled)
    assert torch.equal(read.boxes, regions.boxes)
    assert model.look(image).classes.shape == (2, 5, 7)


@pytest.mark.parametrize("name", CASES)
def test_its_detector_learns_nothing_with_it(name):
    kind, config = CASES[name]
    model = kind(replace(config, detector=DETECTOR)).train()
    before = {part: value.clone() for part, value in model.image_detector.state_dict().items()}
    model(texts(5), ImageBatch(pixels=torch.randn(1, 3, 32, 32))).pooled.sum().backward()
    assert all(one.grad is None for one in model.image_detector.parameters())
    for part, value in model.image_detector.state_dict().items():
        assert torch.equal(value, before[part]), part
    assert model.image_embedding.features.weight.grad.any()


def test_pixels_need_a_detector(model):
    with pytest.raises(ValueError, match="expected the regions of a detector, got pixels"):
        model(texts(5), ImageBatch(pixels=torch.zeros(1, 3, 32, 32)))


@pytest.mark.parametrize("name", CASES)
def test_both_sizes_see_and_either_can_do_without(name):
    with torch.device("meta"):
        assert build(name).config.detector == bottom_up_r101()
        mini = build(name, size="mini", vocab_size=50)
        assert mini.config.detector == detector_mini()
        assert mini.image_detector.width == mini.config.region_width
        blind = build(name, size="mini", vocab_size=50, detector=None, region_width=10)
    assert blind.image_detector is None
    with pytest.raises(ValueError, match="must be the detector's 256 and 261, got 10 and 261"):
        build(name, size="mini", region_width=10)


def test_decoders_of_words_are_the_word_embedding(model):
    assert model.mlm.decoder.weight is model.text_embedding.words.weight


def test_uniter_without_regions_is_bert():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    own = Uniter(UNITER).eval()
    reference = transformers.BertModel(
        transformers.BertConfig(
            vocab_size=50,
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=48,
            max_position_embeddings=12,
        )
    ).eval()
    for parameter in reference.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    theirs = reference.state_dict()
    embeddings = {
        "words": "word_embeddings",
        "positions": "position_embeddings",
        "segments": "token_type_embeddings",
    }
    found = {
        f"text_embedding.{mine}.weight": theirs[f"embeddings.{name}.weight"]
        for mine, name in embeddings.items()
    }
    for kind in ("weight", "bias"):
        found[f"text_embedding.norm.{kind}"] = theirs[f"embeddings.LayerNorm.{kind}"]
        found[f"pooler.dense.{kind}"] = theirs[f"pooler.dense.{kind}"]
        for at in range(2):
            there, here = f"encoder.layer.{at}.", f"encoder.blocks.{at}."
            found[f"{here}attention.qkv.{kind}"] = torch.cat(
                [
                    theirs[f"{there}attention.self.{part}.{kind}"]
                    for part in ("query", "key", "value")
                ]
            )
            for mine, name in {
                "attention.projection": "attention.output.dense",
                "norm1": "attention.output.LayerNorm",
                "mlp.expand": "intermediate.dense",
                "mlp.contract": "output.dense",
                "norm2": "output.LayerNorm",
            }.items():
                found[f"{here}{mine}.{kind}"] = theirs[f"{there}{name}.{kind}"]
    assert found.keys() <= own.state_dict().keys()
    own.load_state_dict(own.state_dict() | found)
    text = texts(9, 4)
    with torch.no_grad():
        expected = reference(input_ids=text.ids, attention_mask=text.mask.long())
        out = own(text, some(regions(1, 1), slice(None), 0))
    torch.testing.assert_close(out.text[text.mask], expected.last_hidden_state[text.mask])
    torch.testing.assert_close(out.pooled, expected.pooler_output)


def test_vilbert_words_go_ahead_alone():
    """Of three blocks of words and two of regions one is ahead; then they meet twice."""
    torch.manual_seed(0)
    model = Vilbert(VILBERT).eval()
    text, image = texts(5, 3), regions(6, 4)
    out = model(text, image, return_attentions=True)
    assert len(out.text_to_image) == len(out.image_to_text) == 2
    assert out.text_to_image[0].shape == (2, 2, 5, 7)
    assert (out.text_to_image[0][1, :, :, 5:] == 0).all()
    words, _ = model.words[0](model.text_embedding(text.ids), mask=text.mask)
    mask = torch.cat([torch.ones(2, 1, dtype=torch.bool), image.mask], dim=1)
    looks = model.meetings[0].text_asks(
        words, model.embed_image(image), mask=mask, return_weights=True
    )[1]
    torch.testing.assert_close(out.text_to_image[0], looks)


def test_vilbert_img_is_the_mean_of_real_regions():
    torch.manual_seed(0)
    model = Vilbert(VILBERT).eval()
    image = regions(6, 4)
    other = image.features.clone()
    other[1, 4:] = 9.0  # padding
    changed = RegionBatch(features=other, boxes=image.boxes, mask=image.mask)
    torch.testing.assert_close(model.embed_image(image)[:, 0], model.embed_image(changed)[:, 0])


def test_published_sizes():
    def count(part) -> int:
        return sum(parameter.numel() for parameter in part.parameters())

    with torch.device("meta"):
        uniter, vilbert = build("uniter"), build("vilbert")
    assert count(uniter.encoder) == 85_054_464  # BERT-base's twelve blocks
    assert count(vilbert.words) == 85_054_464
    # Blocks of 1024 whose MLP is as wide, and meetings at 1024, by hand from the published config.
    linear = lambda inputs, outputs: inputs * outputs + outputs  # noqa: E731
    regions_block = 6 * linear(1024, 1024) + 4 * 1024
    assert count(vilbert.regions) == 6 * regions_block
    meeting = (
        3 * linear(768, 1024)
        + 3 * linear(1024, 1024)
        + linear(1024, 768)
        + linear(1024, 1024)
        + 2 * linear(1024, 1024)
        + linear(768, 3072)
        + linear(3072, 768)
        + 4 * (768 + 1024)
    )
    assert count(vilbert.meetings) == 6 * meeting
    with pytest.raises(ValueError, match="text_depth must be at least image_depth"):
        VilbertConfig(text_depth=5)
