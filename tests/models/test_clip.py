"""CLIP: parity with transformers' CLIPModel, and the laws of two towers."""

import copy

import pytest
import torch
from einops import rearrange

from vilt_core.config import ClipConfig, clip_b32
from vilt_core.models import build
from vilt_core.models.clip import Clip
from vilt_core.types import ImageBatch, TextBatch

END = 49  # the last real token of every text of the reference
CONFIG = ClipConfig(
    vocab_size=50,
    text_width=24,
    text_depth=2,
    text_heads=2,
    max_text_tokens=9,
    width=32,
    depth=3,
    heads=4,
    image_size=24,
    patch_size=8,
    shared_width=16,
    answers=5,
)


def texts(*lengths: int) -> TextBatch:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(3, END, mask.shape, generator=torch.Generator().manual_seed(1)) * mask
    ids[torch.arange(len(lengths)), torch.tensor(lengths) - 1] = END
    return TextBatch(ids=ids, mask=mask)


def images(count: int) -> ImageBatch:
    return ImageBatch(
        pixels=torch.randn(count, 3, 24, 24, generator=torch.Generator().manual_seed(2))
    )


@pytest.fixture
def model() -> Clip:
    torch.manual_seed(0)
    whole = Clip(CONFIG).eval()
    for parameter in whole.parameters():  # away from the start, where everything is nearly linear
        parameter.data += 0.1 * torch.randn_like(parameter)
    return whole


def tower_from(theirs: dict, prefix: str) -> dict:
    """A tower of transformers' in our names."""
    found = {}
    depth = 1 + max(int(name.split(".")[3]) for name in theirs if name.startswith(f"{prefix}.enc"))
    for at in range(depth):
        there, here = f"{prefix}.encoder.layers.{at}.", f"blocks.{at}."
        for kind in ("weight", "bias"):
            found[f"{here}attention.qkv.{kind}"] = torch.cat(
                [theirs[f"{there}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            )
            for mine, their in {
                "attention.projection": "self_attn.out_proj",
                "norm1": "layer_norm1",
                "norm2": "layer_norm2",
                "mlp.expand": "mlp.fc1",
                "mlp.contract": "mlp.fc2",
            }.items():
                found[f"{here}{mine}.{kind}"] = theirs[f"{there}{their}.{kind}"]
    return found


def test_equals_transformers(model):
    transformers = pytest.importorskip("transformers")
    shared = {"attention_dropout": 0.0, "hidden_act": "quick_gelu"}
    reference = transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config={
                "vocab_size": 50,
                "hidden_size": 24,
                "intermediate_size": 96,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "max_position_embeddings": 9,
                "eos_token_id": END,
                **shared,
            },
            vision_config={
                "hidden_size": 32,
                "intermediate_size": 128,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "image_size": 24,
                "patch_size": 8,
                **shared,
            },
            projection_dim=16,
        )
    ).eval()
    for parameter in reference.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    theirs = reference.state_dict()
    vision = "vision_model.embeddings."
    places = theirs[f"{vision}position_embedding.weight"]
    own = {
        "scale": theirs["logit_scale"],
        "text_embedding.words.weight": theirs["text_model.embeddings.token_embedding.weight"],
        "text_embedding.positions.weight": theirs[
            "text_model.embeddings.position_embedding.weight"
        ],
        "text_projection.weight": theirs["text_projection.weight"],
        "image_projection.weight": theirs["visual_projection.weight"],
        "patch_embedding.projection.weight": theirs[f"{vision}patch_embedding.weight"],
        "patch_embedding.class_token": theirs[f"{vision}class_embedding"],
        "patch_embedding.class_position": places[0],
        "patch_embedding.positions.table": rearrange(places[1:], "(r c) d -> r c d", r=3),
    }
    for kind in ("weight", "bias"):
        own[f"text_encoder.norm.{kind}"] = theirs[f"text_model.final_layer_norm.{kind}"]
        own[f"image_norm.{kind}"] = theirs[f"vision_model.pre_layrnorm.{kind}"]
        own[f"image_encoder.norm.{kind}"] = theirs[f"vision_model.post_layernorm.{kind}"]
    for tower, prefix in (("text_encoder", "text_model"), ("image_encoder", "vision_model")):
        own |= {f"{tower}.{name}": value for name, value in tower_from(theirs, prefix).items()}
    own |= {name: value for name, value in model.state_dict().items() if name.startswith("vqa.")}
    model.load_state_dict(own)

    text, image = texts(7, 4, 9), images(3)
    with torch.no_grad():
        expected = reference(
            input_ids=text.ids, attention_mask=text.mask.long(), pixel_values=image.pixels
        )
        out = model(text, image, return_attentions=True)
        scores = model.score(out.text_vector, out.image_vector)
    torch.testing.assert_close(out.text_vector, expected.text_embeds)
    torch.testing.assert_close(out.image_vector, expected.image_embeds)
    torch.testing.assert_close(scores, expected.logits_per_text)
    real = text.mask
    torch.testing.assert_close(
        out.text[real], expected.text_model_output.last_hidden_state[real], atol=1e-5, rtol=1e-5
    )


def test_the_published_size():
    with torch.device("meta"):
        model = build("clip")
    assert model.config == clip_b32()
    assert sum(p.numel() for p in model.parameters()) == 151_277_313  # as OpenAI's ViT-B/32


def test_towers_never_meet(model):
    """Another text leaves the picture's vector as it was, and the other way round."""
    one = model(texts(7, 4), images(2))
    other = model(texts(4, 7), images(2))
    torch.testing.assert_close(one.image_vector, other.image_vector, atol=0, rtol=0)
    torch.testing.assert_close(one.image_vector, model.encode_image(images(2)))
    assert not torch.allclose(one.text_vector, other.text_vector)


def test_no_word_looks_ahead(model):
    text = texts(7, 7)
    changed = text.ids.clone()
    changed[:, 4:] = 3
    before, _ = model.encode_text(text)
    after, _ = model.encode_text(TextBatch(ids=changed, mask=text.mask))
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_padding_changes_nothing(model):
    together = model(texts(9, 4), images(2))
    text = texts(9, 4)
    alone = TextBatch(ids=text.ids[1:, :4], mask=text.mask[1:, :4])
    torch.testing.assert_close(model.encode_text(alone)[1], together.text_vector[1:])


def test_vectors_have_length_one_and_heads_read_them_joined(model):
    out = model(texts(7, 4), images(2), return_states=True)
    for vector in (out.text_vector, out.image_vector):
        torch.testing.assert_close(vector.norm(dim=-1), torch.ones(2))
    assert model.vqa(out.pooled).shape == (2, 5)
    assert len(out.states) == CONFIG.depth + 1
    assert out.grid == (3, 3)


def test_training_begins_at_the_published_temperature():
    torch.testing.assert_close(Clip(CONFIG).scale.exp(), torch.tensor(1 / 0.07))


def test_scores_are_at_most_a_hundred_times_the_cosine_as_published(model):
    vectors = torch.nn.functional.normalize(torch.randn(3, 16), dim=-1)
    sharp = copy.deepcopy(model)
    sharp.scale.data.fill_(9.0)
    cosines = vectors @ vectors.mT
    torch.testing.assert_close(sharp.score(vectors, vectors), 100 * cosines, rtol=1e-4, atol=1e-4)


def test_a_picture_is_whole_patches():
    with pytest.raises(ValueError, match="image_size must be a multiple of patch_size"):
        ClipConfig(image_size=100)
