"""ViT weights of timm as the start of a ViLT: the paper begins at ``vit_base_patch32_384``."""

import os
from collections.abc import Mapping
from math import isqrt
from pathlib import Path

from torch import Tensor

from vilt_core.config import ViltConfig
from vilt_core.interop.address import is_repo_name
from vilt_core.interop.bundle import Progress
from vilt_core.interop.client import client
from vilt_core.interop.folders import is_file, is_folder
from vilt_core.interop.pickles import State, read_pickle
from vilt_core.interop.renames import (
    NEVER_USED,
    inwards,
    join_positions,
    outwards,
    split_positions,
)
from vilt_core.interop.weights import (
    check,
    check_dense,
    read_safetensors,
    read_weights,
)
from vilt_core.layers.positions import resize_grid
from vilt_core.models.vilt import Vilt

HEAD_WIDTH = 64  # of a plain ViT of any size
_VIT = "transformer."  # where the original keeps it
_ITS_OWN_HEAD = ("head.", "pre_logits.")  # names the thousand classes of ImageNet


def from_timm(
    source: str | os.PathLike[str] | Mapping[str, Tensor],
    *,
    config: ViltConfig | None = None,
    progress: Progress | None = None,
) -> Vilt:
    """A ViLT to be trained that begins as a plain ViT, as the paper's does (section 4.2).

    Patch projection, [class] token, positions, blocks and final norm are the ViT's; the position
    table is resized where the config's grid is another. What it has nothing for stays fresh
    (``fresh_parameters``): the text embedding, the modal types, the pooler and the heads.

    Args:
        source: A state dict; a folder or a file with one; a name on the Hugging Face Hub, such as
            "timm/vit_base_patch32_384.augreg_in21k_ft_in1k"; or timm's own, for which timm must be
            installed.
        config: Of the ViLT; by default as large as the ViT, with BERT's vocabulary and the heads of
            pretraining.
        progress: Told of the bytes that are there and of all bytes while they come from the hub.

    Raises:
        ValueError: One sentence; where it is no plain ViT of RGB patches with a [class] token, it
            names the parameters that say so.
    """
    state, where = _read(source, progress)
    state = {name: value for name, value in state.items() if not name.startswith(_ITS_OWN_HEAD)}
    if config is None:
        config = _config_like(state, where)
    model = Vilt(config)
    expected = {name.removeprefix(_VIT): value for name, value in _vit_of(model).items()}
    if "pos_embed" in state:
        check_dense("pos_embed", state["pos_embed"], source=where)
        state["pos_embed"] = _fitted(state["pos_embed"], config.grid)
    check(state, expected, source=where)
    named = {f"{_VIT}{name}": value for name, value in state.items()}
    model.load_state_dict(inwards(named, names="original", depth=config.depth), strict=False)
    return model


def fresh_parameters(model: Vilt) -> list[str]:
    """The parameters for which a ViT has nothing, in order."""
    known = inwards(_vit_of(model), names="original", depth=model.config.depth)
    return [name for name in model.state_dict() if name not in known]


def _vit_of(model: Vilt) -> State:
    """What a plain ViT has of a model, under the original's names."""
    named = outwards(model.state_dict(), names="original", depth=model.config.depth)
    return {
        name: value
        for name, value in named.items()
        if name.startswith(_VIT) and name not in NEVER_USED
    }


def _read(
    source: str | os.PathLike[str] | Mapping[str, Tensor], progress: Progress | None
) -> tuple[State, Path]:
    if isinstance(source, Mapping):
        return dict(source), Path("the state dict")
    path = Path(source)
    if is_folder(path):
        return read_weights(path)
    if is_file(path):
        return (read_safetensors if path.suffix == ".safetensors" else read_pickle)(path), path
    name = os.fspath(source)
    hub = client()  # first, for timm imports huggingface_hub too
    repo = name if is_repo_name(name) else _hub_name(name)
    return read_weights(hub.fetch(repo, progress=progress))


def _hub_name(name: str) -> str:
    """Where on the hub timm keeps the weights of one of its models."""
    try:
        from timm.models import get_pretrained_cfg
    except ModuleNotFoundError as error:
        raise ValueError(
            "expected a folder, a file or a name on the Hugging Face Hub, "
            f"got {name!r:.200}; for the names of timm, timm must be installed"
        ) from error
    found = get_pretrained_cfg(name)
    if found is None or not found.hf_hub_id:
        raise ValueError(f"timm has no model {name!r:.200} with weights on the Hugging Face Hub")
    return found.hf_hub_id


def _config_like(state: State, where: Path) -> ViltConfig:
    """A ViLT as large as this ViT."""
    axes = {"patch_embed.proj.weight": 4, "pos_embed": 3, "blocks.0.mlp.fc1.weight": 2}
    for name, count in axes.items():
        if name not in state or state[name].ndim != count or 0 in state[name].shape:
            raise ValueError(f"{where} is no plain ViT: it must have a {name} of {count} axes")
    width, _, _, patch_size = state["patch_embed.proj.weight"].shape
    blocks = {name.split(".")[1] for name in state if name.startswith("blocks.")}
    try:
        return ViltConfig(
            vocab_size=30522,
            width=width,
            depth=len(blocks),
            heads=max(width // HEAD_WIDTH, 1),
            mlp_ratio=len(state["blocks.0.mlp.fc1.weight"]) / width,
            image_size=isqrt(max(state["pos_embed"].shape[1] - 1, 1)) * patch_size,
            patch_size=patch_size,
        )
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _fitted(positions: Tensor, grid: int) -> Tensor:
    """The position table at another grid; what is no square with a [class] stays as it is."""
    if positions.ndim != 3 or len(positions) != 1 or positions.shape[1] < 2:
        return positions
    if isqrt(positions.shape[1] - 1) ** 2 != positions.shape[1] - 1:
        return positions
    class_position, table = split_positions(positions)
    return join_positions(class_position, resize_grid(table, rows=grid, columns=grid))[0]
