"""X-LXMERT: parity with transformers' LXMERT, and the laws of cells out of a codebook."""

import pytest
import torch
from torch import nn

from vilt_core.config import XlxmertConfig, xlxmert_mini
from vilt_core.models import build
from vilt_core.models.xlxmert import Xlxmert
from vilt_core.types import RegionBatch, TextBatch

CONFIG = XlxmertConfig(
    vocab_size=50,
    width=24,
    heads=3,
    mlp_width=48,
    text_depth=3,
    image_depth=2,
    meeting_depth=2,
    max_text_tokens=12,
    grid=3,
    region_width=10,
    clusters=18,
    answers=5,
    dropout=0.0,
)


def texts(*lengths: int) -> TextBatch:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, 50, mask.shape, generator=torch.Generator().manual_seed(1))
    return TextBatch(ids=ids * mask, mask=mask)


def cells(count: int, *, side: int = 3, width: int = 10, **fields) -> RegionBatch:
    """A grid's features and the boxes of its cells, row after row."""
    generator = torch.Generator().manual_seed(2)
    corner = torch.cartesian_prod(torch.arange(side), torch.arange(side)).flip(-1) / side
    return RegionBatch(
        features=torch.randn(count, side**2, width, generator=generator),
        boxes=torch.cat([corner, corner + 1 / side], dim=-1).expand(count, -1, -1),
        mask=torch.ones(count, side**2, dtype=torch.bool),
        **fields,
    )


def like(image: RegionBatch, features: torch.Tensor) -> RegionBatch:
    return RegionBatch(features=features, boxes=image.boxes, mask=image.mask, covered=image.covered)


@pytest.fixture
def model() -> Xlxmert:
    torch.manual_seed(0)
    whole = Xlxmert(CONFIG).eval()
    for parameter in whole.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return whole


def test_shapes_places_and_heads(model):
    image = cells(2)
    out = model(texts(5, 3), image, return_attentions=True)
    assert out.grid == (3, 3)
    assert out.positions[1].tolist() == [[row, column] for row in range(3) for column in range(3)]
    assert torch.equal(out.boxes, image.boxes)
    assert len(out.text_to_image) == len(out.image_to_text) == 2
    assert out.text_to_image[0].shape == (2, 3, 5, 1 + 9)
    assert out.image_to_text[0].shape == (2, 3, 1 + 9, 5)
    torch.testing.assert_close(out.text_to_image[0][..., 1:].sum(-1), torch.ones(2, 3, 5))
    assert (out.image_to_text[0][1, :, :, 3:] == 0).all()
    assert model.itm(out.pooled).shape == (2, 2)
    assert model.mlm(out.text).shape == (2, 5, 50)
    assert model.vqa(out.pooled).shape == (2, 5)
    assert model.region_class(out.image).shape == (2, 9, 18)
    assert model.region_class.features(out.image).shape == (2, 9, 10)


def test_padding_changes_nothing(model):
    text, image = texts(9, 4), cells(2)
    together = model(text, image)
    alone = model(TextBatch(ids=text.ids[1:, :4], mask=text.mask[1:, :4]), image.take([1]))
    torch.testing.assert_close(together.text[1:, :4], alone.text)
    torch.testing.assert_close(together.image[1:], alone.image)
    torch.testing.assert_close(together.pooled[1:], alone.pooled)


def test_a_cell_without_a_picture_changes_nothing(model):
    image = cells(1)
    mask = image.mask.clone()
    mask[0, 6:] = False  # the last row is padding
    features = image.features.clone()
    features[0, 6:] = 9.0
    one, other = (
        model(texts(5), RegionBatch(features=each, boxes=image.boxes, mask=mask))
        for each in (image.features, features)
    )
    torch.testing.assert_close(one.pooled, other.pooled)
    torch.testing.assert_close(one.image[:, :6], other.image[:, :6])
    assert (one.positions[0, 6:] == -1).all()


def test_of_a_feature_only_its_entry_counts(model):
    image = cells(2)
    entries = model.image_codebook.nearest(image.features)
    plain = model(texts(5, 3), image)
    same = model(texts(5, 3), like(image, model.image_codebook.look_up(entries)))
    torch.testing.assert_close(plain.pooled, same.pooled)
    other = model(texts(5, 3), like(image, model.image_codebook.look_up((entries + 1) % 18)))
    assert not torch.allclose(plain.pooled, other.pooled, atol=1e-4)


def test_what_is_covered_is_not_seen(model):
    covered = torch.zeros(2, 9, dtype=torch.bool)
    covered[:, 4] = True
    image = cells(2, covered=covered)
    features = image.features.clone()
    features[:, 4] *= -5
    one, other = (model(texts(5, 3), like(image, each)) for each in (image.features, features))
    torch.testing.assert_close(one.image, other.image)
    assert not torch.allclose(one.image, model(texts(5, 3), cells(2)).image, atol=1e-4)


def test_every_parameter_learns_but_the_codebook(model):
    covered = torch.zeros(2, 9, dtype=torch.bool)
    covered[:, 4] = True
    out = model(texts(12, 12), cells(2, covered=covered))
    answers = (
        model.itm(out.pooled),
        model.mlm(out.text),
        model.vqa(out.pooled),
        model.region_class(out.image),
    )
    sum(answer.square().sum() for answer in answers).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == ["image_codebook.centroids"]


def test_decoders_are_the_embeddings(model):
    assert model.mlm.decoder.weight is model.text_embedding.words.weight
    assert model.region_class.decoder.weight is model.image_codebook.centroids


def test_cells_fill_the_grid(model):
    with pytest.raises(ValueError, match="expected 3 x 3 cells of each image, got 4"):
        model(texts(5), cells(1, side=2))


def test_mini_is_built():
    config = xlxmert_mini(vocab_size=500, answers=40)
    mini = Xlxmert(config).eval()
    out = mini(texts(5), cells(1, side=8, width=256))
    assert out.grid == (8, 8)
    assert mini.nlvr2.pair(out.pooled, out.pooled).shape == (1, 2)


def same(mine: nn.Module, their: nn.Module) -> None:
    mine.load_state_dict(their.state_dict())


def join(mine: nn.Linear, *parts: nn.Linear) -> None:
    for kind in ("weight", "bias"):
        getattr(mine, kind).data.copy_(torch.cat([getattr(one, kind) for one in parts]))


def copy_block(mine, attention, expand, contract) -> None:
    """A block of transformers' LXMERT, whose parts lie in three modules."""
    join(mine.attention.qkv, attention.self.query, attention.self.key, attention.self.value)
    same(mine.attention.projection, attention.output.dense)
    same(mine.norm1, attention.output.LayerNorm)
    same(mine.mlp.expand, expand.dense)
    same(mine.mlp.contract, contract.dense)
    same(mine.norm2, contract.LayerNorm)


def copy_whole(mine: Xlxmert, their: nn.Module) -> None:
    """All of transformers' LxmertForPreTraining but what X-LXMERT has not."""
    base = their.lxmert
    for here, there in {
        "words": base.embeddings.word_embeddings,
        "positions": base.embeddings.position_embeddings,
        "segments": base.embeddings.token_type_embeddings,
        "norm": base.embeddings.LayerNorm,
    }.items():
        same(getattr(mine.text_embedding, here), there)
    seen = base.encoder.visn_fc
    same(mine.image_embedding.features, seen.visn_fc)
    same(mine.image_embedding.feature_norm, seen.visn_layer_norm)
    same(mine.image_embedding.boxes, seen.box_fc)
    same(mine.image_embedding.box_norm, seen.box_layer_norm)
    for stack, layers in ((mine.words, base.encoder.layer), (mine.cells, base.encoder.r_layers)):
        for block, layer in zip(stack, layers, strict=True):
            copy_block(block, layer.attention, layer.intermediate, layer.output)
    for meeting, layer in zip(mine.meetings, base.encoder.x_layers, strict=True):
        asks = layer.visual_attention
        same(meeting.asks.query, asks.att.query)
        join(meeting.asks.key_value, asks.att.key, asks.att.value)
        same(meeting.asks.projection, asks.output.dense)
        same(meeting.norm, asks.output.LayerNorm)
        copy_block(meeting.text, layer.lang_self_att, layer.lang_inter, layer.lang_output)
        copy_block(meeting.image, layer.visn_self_att, layer.visn_inter, layer.visn_output)
    same(mine.pooler.dense, base.pooler.dense)
    same(mine.itm.dense, their.cls.seq_relationship)
    words = their.cls.predictions
    same(mine.mlm.dense, words.transform.dense)
    same(mine.mlm.norm, words.transform.LayerNorm)
    mine.mlm.decoder.bias.data.copy_(words.bias)
    answer = their.answer_head.logit_fc
    same(mine.vqa.expand, answer[0])
    same(mine.vqa.norm, answer[2])
    same(mine.vqa.classify, answer[3])


def lxmert(config: XlxmertConfig) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    return transformers.LxmertForPreTraining(
        transformers.LxmertConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.width,
            num_attention_heads=config.heads,
            intermediate_size=config.mlp_width,
            max_position_embeddings=config.max_text_tokens,
            l_layers=config.text_depth,
            r_layers=config.image_depth,
            x_layers=config.meeting_depth,
            visual_feat_dim=config.region_width,
            num_qa_labels=config.answers,
            task_obj_predict=False,
        )
    ).eval()


@torch.no_grad()
def test_equals_transformers(model):
    """With a codebook of the very features, so that nothing is lost on the way through it."""
    reference = lxmert(CONFIG)
    for parameter in reference.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    copy_whole(model, reference)
    text, image = texts(9, 4), cells(2)
    model.image_codebook.centroids.copy_(image.features.flatten(0, 1))
    given = {
        "input_ids": text.ids,
        "attention_mask": text.mask.float(),
        "visual_feats": image.features,
        "visual_pos": image.boxes,
    }
    expected, told = reference.lxmert(**given), reference(**given)
    out = model(text, image, return_attentions=True)
    torch.testing.assert_close(out.text[text.mask], expected.language_output[text.mask])
    torch.testing.assert_close(out.image, expected.vision_output)
    torch.testing.assert_close(out.pooled, expected.pooled_output)
    torch.testing.assert_close(model.itm(out.pooled), told.cross_relationship_score)
    torch.testing.assert_close(model.vqa(out.pooled), told.question_answering_score)
    torch.testing.assert_close(
        model.mlm(out.text)[text.mask], told.prediction_logits[text.mask], atol=1e-4, rtol=1e-4
    )


def count(part) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def test_published_sizes():
    """By arithmetic, and beside transformers' LXMERT of the published config."""
    with torch.device("meta"):
        model = build("xlxmert", answers=9500)
        reference = lxmert(model.config)
    square = 768 * 768 + 768
    block = 4 * square + (768 * 3072 + 3072) + (3072 * 768 + 768) + 4 * 768
    assert count(model.words) == 9 * block
    assert count(model.cells) == 5 * block
    assert count(model.meetings) == 5 * (4 * square + 2 * 768 + 2 * block)
    assert block == 7_087_872
    own = count(model.image_codebook) + count(model.region_class) - 10_000 * 2048  # tied
    assert count(model.image_codebook) == 10_000 * 2048
    assert count(model) - own - 2048 == count(reference)  # 2048: what hidden cells look like
    inner = (model.words, model.cells, model.meetings)
    assert sum(count(part) for part in inner) == 181_928_448
