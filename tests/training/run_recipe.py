"""A training in a process of its own, or in several: what the tests start, kill and compare."""

import os
from pathlib import Path

from vilt_core.interop.lab import load_folder
from vilt_core.training.engine import Settings
from vilt_core.training.monitor import train_and_watch
from vilt_core.training.stages import Recipe, Stage
from vilt_core.training.transfer import add_heads
from vilt_core.training.truths import patch_classes


def run_recipe(
    model: Path, stages: list[dict], settings: dict, folder: Path, environment: dict[str, str]
) -> None:
    """Train a copy of a saved model; whatever is said in the end stands in ``folder``'s ``said``.

    Args:
        environment: says which of several processes this is; of a group that can be killed at once.
    """
    os.setpgid(0, 0)
    os.environ.update(environment)
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / f"said.{environment.get('RANK', '0')}"
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    bundle = load_folder(model)
    add_heads(bundle.model, nlvr2=True, patch_classes=patch_classes())
    train_and_watch(
        Recipe(name="run", stages=tuple(Stage(**stage) for stage in stages)),
        folder,
        command="test",
        start=bundle,
        settings=Settings(device="cpu", precision="float32", **settings),
        evaluate_every=10**6,
    )
