"""A ViT of timm inside of a ViLT: the same numbers on pictures alone, the rest fresh."""

import pytest
import torch
from judges import refusal_of
from safetensors.torch import save_file

from vilt_core.config import ViltConfig
from vilt_core.interop import from_timm
from vilt_core.interop.timm import fresh_parameters
from vilt_core.types import ImageBatch

timm = pytest.importorskip("timm", reason="the reference is not installed")


def vit(**settings):
    torch.manual_seed(0)
    model = timm.models.VisionTransformer(
        **{
            "img_size": 32,
            "patch_size": 8,
            "embed_dim": 128,
            "depth": 3,
            "num_heads": 2,
            "num_classes": 7,
        }
        | settings
    ).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def refusal(state, **options):
    return refusal_of(from_timm, state, **options)


def config(**settings):
    return ViltConfig(
        **{
            "vocab_size": 50,
            "width": 128,
            "depth": 3,
            "heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "dropout": 0.0,
        }
        | settings
    )


@torch.no_grad()
def states_of_pictures(model, pixels):
    """Of a picture alone, the embedding that tells it from text taken away."""
    model.fusion.types.weight[1] = 0
    return model.eval().encode_image(ImageBatch(pixels=pixels))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"patch_size": 16, "depth": 1},
        {"embed_dim": 192, "num_heads": 3, "mlp_ratio": 2.5},
        {"img_size": 48, "num_classes": 0},
    ],
)
@torch.no_grad()
def test_a_picture_alone_gives_timms_numbers(settings):
    theirs = vit(**settings)
    model = from_timm(theirs.state_dict())
    side = settings.get("img_size", 32)
    assert model.config.image_size == side
    assert model.config.mlp_ratio == settings.get("mlp_ratio", 4)
    pixels = torch.randn(2, 3, side, side)
    expected = theirs.forward_features(pixels)
    torch.testing.assert_close(states_of_pictures(model, pixels), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_positions_are_resized_to_another_grid():
    theirs = vit()
    model = from_timm(theirs.state_dict(), config=config(image_size=56))
    assert model.patch_embedding.positions.table.shape == (7, 7, 128)
    same = from_timm(theirs.state_dict(), config=config())
    table = same.patch_embedding.positions(7, 7)
    torch.testing.assert_close(model.patch_embedding.positions.table, table)
    assert torch.equal(model.patch_embedding.class_position, theirs.pos_embed[0, 0])


def test_what_a_vit_has_nothing_for_stays_fresh():
    torch.manual_seed(1)
    model = from_timm(vit().state_dict(), config=config(answers=3))
    fresh = fresh_parameters(model)
    starts = ("text_embedding.", "fusion.", "pooler.", "itm.", "mlm.", "vqa.")
    assert fresh == [name for name in model.state_dict() if name.startswith(starts)]
    state = model.state_dict()
    for name in fresh:
        if name.endswith("bias"):
            assert not state[name].any()
        elif "norm" not in name:
            assert 0.01 < state[name].std() < 0.03
    assert model.training


def test_a_file_and_a_folder(tmp_path):
    state = vit().state_dict()
    expected = from_timm(state).patch_embedding.projection.weight
    save_file(state, tmp_path / "model.safetensors")
    torch.save(state, tmp_path / "vit.pth")
    for source in (tmp_path, tmp_path / "model.safetensors", str(tmp_path / "vit.pth")):
        assert torch.equal(from_timm(source).patch_embedding.projection.weight, expected)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"class_token": False, "global_pool": "avg"}, "cls_token"),
        ({"reg_tokens": 4}, "reg_token"),
        ({"pre_norm": True}, "norm_pre"),
        ({"init_values": 1e-5}, "ls1.gamma"),
        ({"qk_norm": True}, "q_norm"),
        ({"qkv_bias": False}, "blocks.0.attn.qkv.bias"),
        ({"in_chans": 4}, "patch_embed.proj.weight has shape (128, 4, 8, 8)"),
        ({"global_pool": "avg"}, "fc_norm"),
        ({"no_embed_class": True}, "pos_embed has shape (1, 16, 128)"),
    ],
)
def test_what_is_no_plain_vit_is_named(settings, named):
    assert named in refusal(vit(**settings).state_dict(), config=config())


def test_distilled_tokens_are_named():
    torch.manual_seed(0)
    state = timm.create_model("deit_tiny_distilled_patch16_224", depth=1).state_dict()
    assert "dist_token" in refusal(state)


def test_a_config_of_another_size():
    assert "cls_token has shape (1, 1, 128)" in refusal(
        vit().state_dict(), config=config(width=192, heads=3)
    )
    assert "missing ['blocks.3." in refusal(vit().state_dict(), config=config(depth=4))


def test_names_that_nobody_has():
    assert "timm has no model 'nonsense'" in refusal("nonsense")


def test_names_without_timm(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm.models", None)
    assert "timm must be installed" in refusal("vit_base_patch32_384")


def test_no_vit_at_all():
    assert "must have a patch_embed.proj.weight" in refusal({"weight": torch.zeros(2)})


def test_the_token_of_masked_patches_and_their_head_are_fresh():
    model = from_timm(vit().state_dict(), config=config(tasks=("mlm", "mpp")))
    plain = from_timm(vit().state_dict(), config=config(tasks=("mlm",)))
    known = {name for name in plain.state_dict() if name not in fresh_parameters(plain)}
    fresh = set(fresh_parameters(model))
    assert fresh.isdisjoint(known)
    assert fresh - set(fresh_parameters(plain)) == {
        "patch_embedding.mask_token",
        *(f"mpp.{name}" for name in model.mpp.state_dict()),
    }
