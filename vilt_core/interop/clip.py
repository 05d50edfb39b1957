"""Published CLIP, as transformers keeps it: whatever it holds is computed here, or refused.

Both have the same parts under other names: causal texts that end in a token of their own, whose
state is the text's vector, and a square of patches behind a [class] that is the picture's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from vilt_core.config import ClipConfig
from vilt_core.data.image import Processing
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.byte_pairs import read_byte_pairs
from vilt_core.interop.described import number, processing_from, read_pictures, side, whole
from vilt_core.interop.renames import (
    SAME,
    THIRDS,
    Form,
    Rename,
    filled,
    join_positions,
    put,
    split_positions,
    take,
)
from vilt_core.interop.weights import adopt, check, check_scale, read_weights, without_values
from vilt_core.models.clip import Clip


def join_rows(
    class_position: Float[Tensor, " d"], table: Float[Tensor, "side side d"]
) -> tuple[Float[Tensor, "tokens d"]]:
    """One table of positions, that of [class] first."""
    return (join_positions(class_position, table)[0][0],)


def split_rows(
    positions: Float[Tensor, "tokens d"],
) -> tuple[Float[Tensor, " d"], Float[Tensor, "side side d"]]:
    """The position of [class], and the others as the square that they are."""
    return split_positions(positions[None])


_QKV = " + ".join(f"self_attn.{part}_proj.*" for part in "qkv")
_SEEN = "vision_model.embeddings"

# What each parameter is called here and in transformers, as in renames.py.
TABLE = (
    ("text_embedding.words.weight", "text_model.embeddings.token_embedding.weight", SAME),
    ("text_embedding.positions.weight", "text_model.embeddings.position_embedding.weight", SAME),
    ("text_encoder.norm.*", "text_model.final_layer_norm.*", SAME),
    ("text_projection.weight", "text_projection.weight", SAME),
    ("patch_embedding.class_token", f"{_SEEN}.class_embedding", SAME),
    ("patch_embedding.projection.weight", f"{_SEEN}.patch_embedding.weight", SAME),
    (
        "patch_embedding.class_position + patch_embedding.positions.table",
        f"{_SEEN}.position_embedding.weight",
        Form(join_rows, split_rows),
    ),
    ("image_norm.*", "vision_model.pre_layrnorm.*", SAME),  # so they call it
    ("image_encoder.norm.*", "vision_model.post_layernorm.*", SAME),
    ("image_projection.weight", "visual_projection.weight", SAME),
    ("scale", "logit_scale", SAME),
)
# And what lies in every block of either tower.
TOWERS = {
    "text_encoder.blocks.{i}.": "text_model.encoder.layers.{i}.",
    "image_encoder.blocks.{i}.": "vision_model.encoder.layers.{i}.",
}
BLOCK = (
    ("norm1.*", "layer_norm1.*", SAME),
    ("attention.qkv.*", _QKV, THIRDS),
    ("attention.projection.*", "self_attn.out_proj.*", SAME),
    ("norm2.*", "layer_norm2.*", SAME),
    ("mlp.expand.*", "mlp.fc1.*", SAME),
    ("mlp.contract.*", "mlp.fc2.*", SAME),
)

# What old files hold beside parameters: counters from 0.
NO_PARAMETERS = (
    "text_model.embeddings.position_ids",
    "vision_model.embeddings.position_ids",
)

_TOWER = {"hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "num_hidden_layers": 12}
_TEXT = _TOWER | {  # of transformers, where a config.json is silent
    "vocab_size": 49408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "eos_token_id": 49407,
}
_VISION = _TOWER | {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
    "num_channels": 3,
}
_PICTURES = {  # of the processor, likewise
    "do_resize": True,
    "do_center_crop": True,
    "do_rescale": True,
    "do_normalize": True,
    "size": 224,
    "crop_size": 224,
    "resample": 3,
    "rescale_factor": 1 / 255,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_GELUS = {"quick_gelu": True, "gelu": False}
_FIRST_END = 2  # what configs said of the last token before 2023, whatever it was


def load_clip(folder: Path, described: dict, *, name: str) -> Bundle:
    """The model of a folder of transformers, float32, with its tokenizer and way with pictures.

    Args:
        folder: Of the checkpoint.
        described: What its config.json says.
        name: Of the model.

    Raises:
        ValueError: One sentence: what is missing, left over, damaged, or not computed here.
    """
    path = folder / "config.json"
    config = read_config(described, path)
    state, source = read_weights(folder)
    for counter in NO_PARAMETERS:
        state.pop(counter, None)
    check_scale(config, state, source=source)
    try:
        model = without_values(config)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    assert isinstance(model, Clip)
    check(state, put(model.state_dict(), _renames(config)), source=source)
    adopt(model, take(state, _renames(config)))
    tokenizer = read_byte_pairs(folder, max_tokens=config.max_text_tokens)
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"the tokenizer of {folder} has {len(tokenizer)} tokens, "
            f"but the model knows only {config.vocab_size}"
        )
    end = _part(described, "text", path)["eos_token_id"]
    if end not in (_FIRST_END, tokenizer.sep):
        raise ValueError(
            f"{path}: eos_token_id must be {tokenizer.sep}, by which the tokenizer ends texts, "
            f"got {end!r}"
        )
    return Bundle(
        name=name,
        model=model,
        tokenizer=tokenizer,
        answers=(),
        domain="photographs",
        pictures=_processing(folder, config),
    )


def _renames(config: ClipConfig) -> Iterator[Rename]:
    for row in TABLE:
        yield from filled(*row, depth=1)
    for (ours, theirs), depth in zip(
        TOWERS.items(), (config.text_depth, config.depth), strict=True
    ):
        for mine, their, form in BLOCK:
            whole_name = " + ".join(f"{theirs}{one}" for one in their.split(" + "))
            yield from filled(f"{ours}{mine}", whole_name, form, depth=depth)


def read_config(described: dict, path: Path) -> ClipConfig:
    """Our config, or one sentence about what is not computed here."""
    text, vision = _part(described, "text", path), _part(described, "vision", path)
    if vision["num_channels"] != 3:
        raise ValueError(f"{path}: num_channels must be 3, got {vision['num_channels']!r}")
    for settings in (text, vision):
        settings["mlp_ratio"] = whole(settings, "intermediate_size", path) / whole(
            settings, "hidden_size", path
        )
    for name in ("hidden_act", "layer_norm_eps", "mlp_ratio"):
        if text[name] != vision[name]:
            raise ValueError(
                f"{path}: {name} must be the same in both towers, "
                f"got {text[name]!r} and {vision[name]!r}"
            )
    if vision["hidden_act"] not in list(_GELUS):
        raise ValueError(
            f"{path}: hidden_act must be one of {', '.join(_GELUS)}, got {vision['hidden_act']!r}"
        )
    shared = {"projection_dim": 512} | described
    sizes: dict[str, Any] = {
        "vocab_size": whole(text, "vocab_size", path),
        "text_width": whole(text, "hidden_size", path),
        "text_depth": whole(text, "num_hidden_layers", path),
        "text_heads": whole(text, "num_attention_heads", path),
        "max_text_tokens": whole(text, "max_position_embeddings", path),
        "width": whole(vision, "hidden_size", path),
        "depth": whole(vision, "num_hidden_layers", path),
        "heads": whole(vision, "num_attention_heads", path),
        "image_size": side(vision, "image_size", path),
        "patch_size": side(vision, "patch_size", path),
        "shared_width": whole(shared, "projection_dim", path),
    }
    norm_eps = number(vision, "layer_norm_eps", path)
    try:
        return ClipConfig(
            **sizes,
            mlp_ratio=vision["mlp_ratio"],
            quick_gelu=_GELUS[vision["hidden_act"]],
            norm_eps=norm_eps,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _part(described: dict, part: str, path: Path) -> dict:
    """One tower's settings; where both are there, transformers takes the second of two names."""
    name = f"{part}_config"
    given = described.get(f"{name}_dict") or described.get(name) or {}
    if not isinstance(given, dict):
        raise ValueError(f"{path}: {name} must be an object, got {given!r:.100}")
    return {"text": _TEXT, "vision": _VISION}[part] | given


def _processing(folder: Path, config: ClipConfig) -> Processing:
    settings, path = read_pictures(folder, _PICTURES)
    crop = settings["crop_size"]
    settings["crop_size"] = list(crop.values()) if isinstance(crop, dict) else crop
    found = processing_from(settings, path, patch_size=config.patch_size, crop=True)
    sides = found.size, side(settings, "crop_size", path)
    if sides != (config.image_size, config.image_size):
        raise ValueError(
            f"{path}: size and crop_size must be the model's {config.image_size}, "
            f"got {sides[0]} and {sides[1]}"
        )
    return found
