# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11. Reproducing an ablation, and reading one
#
# **The question.** Table 5 of the paper says that hiding whole words brings 0.17 points on VQA, and that augmentation brings
# half a point more. How do you find out whether such a change *helps*, or whether the dice fell well that day? And what
# does a table like that not say?
#
# | | |
# |---|---|
# | time | 45 minutes |
# | you need | notebooks 3 and 9; mean and standard deviation |
# | you will do | take Table 5 apart, run a small ablation of your own with six seeds, and build a confidence interval and a permutation test by hand |

# %%
# On a fresh machine and on Colab this fetches the lab; where the lab is, it fetches nothing.
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("vilt_core") is None:
    above = [at for at in (Path.cwd(), *Path.cwd().parents) if (at / "vilt_core").is_dir()]
    lab = above[0] if above else Path("vilt-lab").resolve()
    if not lab.is_dir():
        address = os.environ.get("VILT_LAB_REPOSITORY") or input("Git address of ViLT Lab: ")
        subprocess.run(["git", "clone", "--depth", "1", address, str(lab)], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "ipywidgets>=7.7", "--editable", str(lab)], check=True)
    sys.path.insert(0, str(lab))
import vilt_core

sys.path.append(str(Path(vilt_core.__file__).parents[1] / "notebooks"))  # where `lesson` lies

# %%
import itertools
import json
import random
import tempfile
from dataclasses import asdict, replace

import numpy as np
import plotly.graph_objects as go
from ipywidgets import FloatSlider, IntSlider
from matplotlib.figure import Figure
from PIL import Image, ImageDraw
from scipy.stats import t as student

from lesson import check, show, turn
from vilt_core.evaluation import ablation as reading
from vilt_core.training import ablation, engine, finetuning, loop, outcome, stages
from vilt_core.training.adapt import adapt
from vilt_core.viz.ablation import Dots, seed_dots
from vilt_core.viz.palette import IMAGE, PLAIN, TEXT
from vilt_core.viz.sheet import sheet

# %% [markdown]
# ## What an ablation is
#
# Take a method apart, leave one part out, and look what is missing. Table 5 of the paper (Kim, Son and Kim, 2021) does it
# with four parts: the number of pre-training **steps**, whole-word masking (**WWM**, notebook 3), masked patch prediction
# (**MPP**), and RandAugment in fine-tuning (**aug**). Here are four of its columns, in percent:

# %%
arms = {arm.name: arm for arm in ablation.table_five(100_000)}
print(f"{'':30}" + "".join(f"{column:>22}" for column in reading.PAPER_COLUMNS))
for name, row in reading.PAPER.items():
    cells = [f"{mean:.2f}" + (f" +- {spread:.2f}" if spread else "") for mean, spread in row.values()]
    print(f"{reading.label(asdict(arms[name])):30}" + "".join(f"{cell:>22}" for cell in cells))

# %% [markdown]
# A table is not yet an ablation. Two rows can be compared only if they differ in **one** thing. Which pairs do? Our own
# table has one row more, which the paper lacks: pre-training without word-patch alignment (notebook 5).


# %%
def differing(one, other):
    """What two arms do differently."""
    mine, theirs = asdict(one), asdict(other)
    return [key for key in mine if key != "name" and mine[key] != theirs[key]]


pairs = {}
for one, other in itertools.combinations(arms.values(), 2):
    if len(changed := differing(one, other)) == 1:
        pairs[frozenset((one.name, other.name))] = changed[0]
for pair, changed in pairs.items():
    print(f"{changed:>15}: {' and '.join(sorted(pair))}")
assert all(frozenset((each.before, each.after)) in pairs for each in reading.FINDINGS)
print(f"{len(pairs)} of {len(arms) * (len(arms) - 1) // 2} pairs tell something about one part")

# %% [markdown]
# ## How the lab does it
#
#     python -m vilt_core ablate
#
# runs this table in the sticker world: eight arms, three seeds each, from one shared start, as the paper's arms share one
# ViT. An arm is pre-trained and then fine-tuned twice. "Differ in one thing" has to hold in the *code*, so ask it: what
# is different in the recipes of two arms?

# %%
grid = ablation.Grid(
    steps=600, finetune_steps=400, backbone_steps=2500, meeting_steps=3000, batch_size=64, gallery=50
)
small = {arm.name: arm for arm in ablation.table_five(grid.steps)}


def recipe_gap(make, one, other):
    """The settings in which the only stages of two recipes differ."""
    mine, theirs = (asdict(make(grid, small[name]).stages[0]) for name in (one, other))
    return {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]}


pretrain = lambda grid, arm: ablation.pretraining(grid, arm, seed=0)  # noqa: E731
finetune = lambda grid, arm: ablation.finetuning(grid, arm, on="questions", seed=0)  # noqa: E731
print("pre-training, whole and words: ", recipe_gap(pretrain, "whole", "words"))
print("fine-tuning, words and with augmentation:", recipe_gap(finetune, "words", "words-augmented"))
assert recipe_gap(pretrain, "words", "words-augmented") == {}

# %%
own = {small[name].pretraining: small[name].steps for name in small}
each = sum(own.values()) + len(small) * 2 * grid.finetune_steps
total = grid.backbone_steps + grid.meeting_steps + 3 * each
print(f"{len(own)} pre-trainings and {2 * len(small)} fine-tunings a seed,")
print(f"{total:,} steps in all, with {grid.batch_size} examples each")

# %% [markdown]
# One thing, and nothing else: even the pictures of a step are the same in all arms of a seed, because the seed alone draws
# them. Arms that differ in fine-tuning only *share* their pre-training (seven instead of eight).
#
# The whole takes two CPU cores days. `docs/training.md` says how far the lab is with it, and draws no conclusion
# before the end. You cannot wait for it now. So we build one that runs in half a minute.
#
# ## A miniature
#
# The task: name the weave of a piece of cloth. The model: a real ViLT with two blocks, 64 numbers wide, that begins with
# *nothing*. The two arms are those of the table that differ in augmentation. **It says nothing about the paper's numbers**:
# there is no pre-training, and the cloth is no photograph. But all that can go wrong with an ablation goes wrong
# here, too.

# %%
WEAVES = ("striped", "checkered", "dotted", "plain")


def cloth(weave, color, step, start):
    """48 x 48 pixels of cloth."""
    image = Image.new("RGB", (48, 48), color if weave == "plain" else "white")
    pen, half = ImageDraw.Draw(image), step // 2
    for x in range(start - step, 48, step):
        if weave == "striped":
            pen.rectangle((x, 0, x + half, 48), fill=color)
        for y in range(start - step, 48, step):
            if weave == "dotted":
                pen.ellipse((x, y, x + half, y + half), fill=color)
            if weave == "checkered":
                pen.rectangle((x, y, x + half, y + half), fill=color)
                pen.rectangle((x + half, y + half, x + step, y + step), fill=color)
    return image


# %%
folder, draw = Path(tempfile.mkdtemp()), random.Random(0)
for split, count in (("train", 96), ("val", 200)):
    lines = []
    for k in range(count):
        weave, color = draw.choice(WEAVES), draw.choice(["#801030", "#102060", "#707020"])
        piece = cloth(weave, color, draw.choice((12, 16, 20)), draw.randrange(8))
        piece.save(folder / f"{split}-{k}.png")
        lines.append({"image": f"{split}-{k}.png", "question": "what is the weave?", "answer": weave})
    (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
data = finetuning.training_data(folder, task="vqa")
held_out = finetuning.held_out_of(folder, None, task="vqa")
eight = [np.array(data.examples[k].image.open()) for k in range(8)]
titles = [data.examples[k].answers[0] for k in range(8)]
show(sheet(eight, titles=titles, columns=8, size=1.2), "Eight pieces of cloth with their weaves")

# %%
words = vilt_core.load("vilt-mini").tokenizer
tiny = ablation.Grid(
    steps=4, finetune_steps=60, backbone_steps=0, meeting_steps=0, batch_size=16, gallery=2, width=64
)


def run(arm, seed):
    """The score of one arm and one seed on held-out cloth, percent."""
    shape = lambda **k: replace(ablation.small_vilt(tiny, **k), depth=2, image_size=48)  # noqa: E731
    fresh = loop.new_bundle(stages.Recipe(name="tiny", stages=(), config=shape, seed=seed), tokenizer=words)
    bundle = adapt(fresh, task="vqa", data=data).bundle
    recipe = ablation.finetuning(tiny, arm, on="questions", seed=seed)
    recipe = replace(recipe, stages=(replace(recipe.stages[0], learning_rate=3e-3),))
    where, machine = Path(tempfile.mkdtemp()), engine.Settings(device="cpu", precision="float32")
    for _ in loop.train(recipe, where, bundle=bundle, data={"questions": data}, settings=machine):
        pass
    return 100 * outcome.scores(bundle, task="vqa", on=held_out)["accuracy"]


# %% [markdown]
# A **seed** decides everything that is left to chance: the first weights, the order of the pictures, and how each is
# augmented. We fix six seeds *before* we look at any result. First one seed of each arm, as in many a report:

# %%
SEEDS = range(6)
plain_arm, augmented_arm = small["words"], small["words-augmented"]
before = [run(plain_arm, seed) for seed in SEEDS]
print(f"seed 0 without augmentation: {before[0]:.1f} %")

# %%
after = [run(augmented_arm, seed) for seed in SEEDS]
print(f"seed 0 with augmentation:    {after[0]:.1f} %")
