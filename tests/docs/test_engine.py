"""What docs/engine.md says is so: its commands measure what their recipes do not train on."""

import re
from pathlib import Path

from vilt_core.training.paper import PAPER

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "engine.md").read_text(encoding="utf-8")


def test_no_command_measures_what_its_recipe_trains_on():
    measured = re.findall(r"evaluate runs/([\w-]+)/model .*--on \w+:([\w-]+)", TEXT)
    assert measured
    for recipe, split in measured:
        # "val" of VQA v2 is trained on but for what is held out.
        assert split == PAPER[recipe]().held_out or split.startswith("test")
