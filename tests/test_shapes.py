"""Laws of the shapes that signatures give: the tests check them wherever they stand."""

import tomllib
from pathlib import Path

import jaxtyping
import pytest
import torch

from vilt_core.layers.patches import PatchEmbedding
from vilt_core.world import rendering

ROOT = Path(__file__).parents[1]


def checked() -> list[str]:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    [packages] = [o for o in options["addopts"].split() if o.startswith("--jaxtyping-packages=")]
    return packages.partition("=")[2].split(",")[:-1]


def test_every_module_with_shapes_is_checked():
    names = checked()
    for file in (ROOT / "vilt_core").rglob("*.py"):
        if "jaxtyping" in file.read_text():
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            assert any(f"{module}.".startswith(f"{name}.") for name in names), module


def test_a_wrong_shape_is_refused_in_packages_and_in_modules_named_alone():
    with pytest.raises(jaxtyping.TypeCheckError):
        PatchEmbedding(8, patch_size=4, grid=2)(torch.zeros(3, 8, 8))
    with pytest.raises(jaxtyping.TypeCheckError):
        rendering.paint("no scene", 64)
