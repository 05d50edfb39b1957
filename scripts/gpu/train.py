"""Train the models to ship on one GPU: one command, ready at any time.

    python scripts/gpu/train.py OUT [--scale 0.001] [--device cpu]

Needs torch, torchvision, timm, accelerate, tokenizers, safetensors, jaxtyping, einops, numpy,
pillow, tqdm and tensorboard, no network. OUT/model is the folder to copy to assets/models/vilt-mini
or, of ``--recipe uniter-mini`` and the other rivals, to assets/models/uniter-mini.
``--scale 0.001 --device cpu`` rehearses on a CPU.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vilt_core.training.engine import Settings
from vilt_core.training.monitor import train_and_watch
from vilt_core.training.recipes import RECIPES
from vilt_core.training.rivals import RIVALS


def main() -> None:
    """Train, resume where OUT holds an unfinished run, and write the summary beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    recipes = RECIPES | RIVALS
    from_nothing = sorted(name for name, recipe in recipes.items() if recipe().prepare is None)
    parser.add_argument("--recipe", choices=from_nothing, default="vilt-mini-gpu")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    workers = max((os.cpu_count() or 2) - 1, 1)
    train_and_watch(
        recipes[chosen.recipe](scale=chosen.scale),
        chosen.out,
        settings=Settings(device=chosen.device, workers=workers),
        evaluate_every=2000,
        command=" ".join(["python", *sys.argv]),
    )


if __name__ == "__main__":
    main()
