"""A training in a process of its own, or in several: what the tests start, kill and compare.

python run_recipe.py MODEL_FOLDER STAGES_JSON SETTINGS_JSON RUN_FOLDER [DATA]
"""

import json
import sys
from pathlib import Path

from vilt_core.data.folders import open_data
from vilt_core.interop.lab import load_folder
from vilt_core.training.engine import Settings
from vilt_core.training.monitor import train_and_watch
from vilt_core.training.stages import Recipe, Stage
from vilt_core.training.transfer import add_heads
from vilt_core.training.truths import patch_classes


def main(model: str, stages: str, settings: str, folder: str, data: str | None = None) -> None:
    recipe = Recipe(name="run", stages=tuple(Stage(**stage) for stage in json.loads(stages)))
    opened = open_data(data, split="train") if data else None
    bundle = load_folder(model)
    if opened is None:
        add_heads(bundle.model, nlvr2=True, patch_classes=patch_classes())
    train_and_watch(
        recipe,
        Path(folder),
        command="test",
        start=bundle,
        data={opened.kind: opened} if opened else None,
        settings=Settings(device="cpu", precision="float32", **json.loads(settings)),
        evaluate_every=10**6,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
