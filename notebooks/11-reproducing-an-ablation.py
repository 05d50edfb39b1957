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
    needed = "ipywidgets>=7.7", "transformers>=5.20,<6"
    subprocess.run([*pip, *needed, "--editable", str(lab)], check=True)
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

from lesson import canvas, check, show, turn
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
# (**MPP**), and RandAugment in fine-tuning (**aug**). Here are four of its columns, in percent
# (retrieval on Flickr30K is *zero-shot*, ZS: before any fine-tuning):

# %%
arms = {arm.name: arm for arm in ablation.table_five(100_000)}
columns = [column.replace("zero-shot", "ZS") for column in reading.PAPER_COLUMNS]
print(f"{'':18}" + "".join(f"{column:>18}" for column in columns))
for name, row in reading.PAPER.items():
    cells = [
        f"{mean:.2f}" + (f" +- {spread:.2f}" if spread else "") for mean, spread in row.values()
    ]
    print(f"{reading.label(asdict(arms[name])):18}" + "".join(f"{cell:>18}" for cell in cells))

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
def gap(one, other):
    """The settings in which the only stages of two recipes differ."""
    mine, theirs = (asdict(recipe.stages[0]) for recipe in (one, other))
    return {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]}


# %%
SIZES = {"steps": 600, "finetune_steps": 400, "backbone_steps": 2500, "meeting_steps": 3000}
grid = ablation.Grid(**SIZES, batch_size=64, gallery=50)
small = {arm.name: arm for arm in ablation.table_five(grid.steps)}
pretrained = {name: ablation.pretraining(grid, arm, seed=0) for name, arm in small.items()}
how = {"on": "questions", "seed": 0}
tuned = {name: ablation.finetuning(grid, arm, **how) for name, arm in small.items()}
print("pre-training, without and with WWM:", gap(pretrained["whole"], pretrained["words"]))
print("fine-tuning, without and with aug:", gap(tuned["words"], tuned["words-augmented"]))
assert gap(pretrained["words"], pretrained["words-augmented"]) == {}

own = {small[name].pretraining: small[name].steps for name in small}
each = sum(own.values()) + len(small) * 2 * grid.finetune_steps
total = grid.backbone_steps + grid.meeting_steps + 3 * each
print(f"{len(own)} pre-trainings and {2 * len(small)} fine-tunings a seed,")
print(f"{total:,} steps in all, with {grid.batch_size} examples each")

# %% [markdown]
# One thing, and nothing else: even the pictures of a step are the same in all arms of a seed, because the seed alone draws
# them. Arms that differ in fine-tuning only *share* their pre-training (seven instead of eight).
#
# The whole takes two CPU cores many hours, and was run before: [docs/ablation.md](../docs/ablation.md) has its table, and near
# the end of this page you read it yourself. But a table that others made teaches little about what can go wrong. So first we
# build one that runs in half a minute.
#
# ## A miniature
#
# The task: name the weave of a piece of cloth. The model: a real ViLT with two blocks, 64 numbers wide, that begins with
# *nothing*. Two parts are added to it, one at a time: the **augmentation** of Table 5, and **dropout**, a tenth of the numbers
# silenced by chance in training, as ViLT-B/32 has it. **This says nothing about the paper's numbers**: there is no
# pre-training, and cloth is no photograph. But all that can go wrong with an ablation goes wrong here, too.

# %%
from PIL import Image, ImageDraw


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
WEAVES = ("striped", "checkered", "dotted", "plain")
folder, draw = Path(tempfile.mkdtemp()), random.Random(0)
for split, count in (("train", 96), ("val", 200)):
    lines = []
    for k in range(count):
        weave, color = draw.choice(WEAVES), draw.choice(["#801030", "#102060", "#707020"])
        piece = cloth(weave, color, draw.choice((12, 16, 20)), draw.randrange(8))
        piece.save(folder / f"{split}-{k}.png")
        asked = {"question": "what is the weave?", "answer": weave}
        lines.append({"image": f"{split}-{k}.png", **asked})
    (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
data = finetuning.training_data(folder, task="vqa")
held_out = finetuning.held_out_of(folder, None, task="vqa")

# %%
eight = sorted(data.examples[:24], key=lambda example: example.answers)[::3]
titles = [example.answers[0] for example in eight]
pictures = [np.array(example.image.open()) for example in eight]
show(sheet(pictures, titles=titles, columns=8, size=1.2), "Eight pieces of cloth with their weaves")

# %%
words = vilt_core.load("vilt-mini").tokenizer
SIZES = {"steps": 4, "finetune_steps": 60, "backbone_steps": 0, "meeting_steps": 0}
tiny = ablation.Grid(**SIZES, batch_size=16, gallery=2, width=64)


def begin(seed, dropout):
    """A tiny ViLT that knows nothing yet, fitted to the words and answers of the data."""

    def shape(**sizes):
        shaped = ablation.small_vilt(tiny, **sizes)
        return replace(shaped, depth=2, image_size=48, dropout=dropout)

    fresh = stages.Recipe(name="tiny", stages=(), config=shape, seed=seed)
    return adapt(loop.new_bundle(fresh, tokenizer=words), task="vqa", data=data).bundle


# %%
def run(seed, *, augmented=False, dropout=0.0):
    """The score on held-out cloth of one arm and one seed, percent."""
    bundle, where = begin(seed, dropout), Path(tempfile.mkdtemp())
    arm = small["words-augmented" if augmented else "words"]
    recipe = ablation.finetuning(tiny, arm, on="questions", seed=seed)
    recipe = replace(recipe, stages=(replace(recipe.stages[0], learning_rate=3e-3),))
    machine = engine.Settings(device="cpu", precision="float32")
    for _ in loop.train(recipe, where, bundle=bundle, data={"questions": data}, settings=machine):
        pass
    found = outcome.scores(bundle, task="vqa", on=held_out)
    blind.add(found["text_only"])
    return 100 * found["accuracy"]


blind = set()

# %% [markdown]
# A **seed** decides everything that is left to chance: the first weights, the order of the pictures, how each is
# augmented, what is dropped. We take the first six, whatever comes of them. (The *part* was chosen for this lesson: dropout is here
# because its two rows turned out to overlap.)

# %%
SEEDS = range(6)
added = {"as it is": {}, "with dropout": {"dropout": 0.1}, "with augmentation": {"augmented": True}}
rows = {}
for name, part in added.items():
    rows[name] = [run(seed, **part) for seed in SEEDS]
    print(f"{name:>17}:", [f"{score:.1f}" for score in rows[name]])
plain, dropped, augmented = rows.values()

# %% [markdown]
# One dot a seed (one above another where several end at the same score, which of 200 pictures happens), a bar for the mean, and a
# dashed line for somebody who does not look. Orange is the arm with the highest mean. `python -m vilt_core ablate` draws its
# results this way:

# %%
dots = Dots(title="weaves named, %", rows=rows, baseline=100 * max(blind))
drawn = seed_dots([dots], title="")
drawn.set_size_inches(7.5, 2.6)
assert max(augmented) < min(plain)
show(drawn, "Dots of three arms: the first two overlap, augmentation lies far to the left")

# %% [markdown]
# Two different pictures. **Augmentation** does harm, and *every* seed says so: no statistics are needed for that. (It turns, slants and
# recolours the cloth, and sixty steps may be too few to see through it. In the lab's own table, after 400 steps on stickers, it
# does harm, too: see below. In the paper, with photographs and ten epochs, it helps. A finding belongs to its data and its
# length of training.)
#
# **Dropout** is the interesting case. Its two rows overlap. Suppose you had run a single seed.
#
# ## One seed proves nothing
#
# Then you would compare one dot of the first row with one of the second, and which, is chance. Here are all 36 reports
# that could have been written. Hover over them:

# %%
import plotly.graph_objects as go

table = np.subtract.outer(dropped, plain)  # (seed with dropout, seed without)
names = [f"seed {seed}" for seed in SEEDS]
figure = go.Figure(
    go.Heatmap(
        z=table.round(1), x=names, y=names, zmin=-40, zmax=40,
        colorscale=[[0, TEXT], [0.5, "#ffffff"], [1, IMAGE]], colorbar={"title": {"text": "points"}},
    )
)  # fmt: skip
figure.update_layout(height=380, xaxis_title="without", yaxis_title="with dropout")
show(figure, "A grid of 6 by 6 differences: some strongly blue, some orange, many pale")
shares = {"helps": np.mean(table > 0), "harms": np.mean(table < 0), "neither": np.mean(table == 0)}
print({what: f"{share:.0%} of the reports" for what, share in shares.items()})
assert min(shares["helps"], shares["harms"]) > 0.2

# %% [markdown]
# ## Six seeds, by hand
#
# How far do seeds differ *within* an arm? The sample standard deviation, with $n - 1$ below; and what two arms share:
#
# $$ s = \sqrt{\tfrac{1}{n-1} \sum_i (x_i - \bar x)^2} \qquad s_\text{pooled} = \sqrt{\tfrac12 (s_1^2 + s_2^2)} $$


# %%
def spread(scores):
    """The sample standard deviation."""
    away = np.array(scores) - np.mean(scores)
    return float(np.sqrt((away**2).sum() / (len(away) - 1)))


for name, scores in rows.items():
    assert np.allclose((np.mean(scores), spread(scores)), reading.mean_and_spread(scores))
    print(f"{name:>17}: {np.mean(scores):.1f} +- {spread(scores):.1f}")
pooled = np.sqrt((spread(plain) ** 2 + spread(dropped) ** 2) / 2)
assert np.isclose(pooled, reading.pooled_spread(plain, dropped))

# %% [markdown]
# Our arms are **paired**: seed 3 with dropout began with the same weights and saw the same pictures as seed 3 without. So take
# the difference seed by seed, which removes whatever luck a seed brings to *both* arms (here next to
# nothing: the two rows hardly rise and fall together). The mean of $n$ differences
# $d_i$ is uncertain by its *standard error* $s_d / \sqrt n$, and a 95 % **confidence interval** is
#
# $$ \bar d \pm t_{n-1}\, \frac{s_d}{\sqrt n} $$
#
# where $t$ is nearly 2 for many seeds and 2.6 for six. (It is 4.3 for three, and 12.7 for two!)


# %%
from scipy.stats import t as student


def interval(one, other):
    """The mean difference of paired scores, and how far it is uncertain at 95 %."""
    d = np.subtract(other, one)
    return float(d.mean()), float(student.ppf(0.975, len(d) - 1) * spread(d) / np.sqrt(len(d)))


for name in ("with dropout", "with augmentation"):
    mean, width = interval(plain, rows[name])
    low, high = mean - width, mean + width
    print(f"{name:>17}: {mean:+.1f} +- {width:.1f} points, {low:+.1f} to {high:+.1f}")
mean, width = interval(plain, dropped)
assert abs(mean) < width

# %% [markdown]
# The interval of augmentation is far from 0. That of dropout contains 0, much harm and some good. **"No significant
# difference" does not mean "no difference".** It means: with six seeds we do not know.
#
# The library's own rule is rougher (two pooled spreads), and comes to the same words:

# %%
for name, scores in list(rows.items())[1:]:
    said = reading.verdict(plain, scores, sign=1, baseline=100 * max(blind))
    print(f"{name:>17}: {said}")

# %% [markdown]
# (The sign 1 stands for "the paper says that it helps". Of augmentation the paper does.)
#
# ### Without any formula: a permutation test
#
# The interval believes that differences are normally distributed. Six numbers do not tell. A test that believes
# nothing: *if the part had no effect, its name is a label, and within each seed the two labels could be exchanged.* That
# turns the sign of a difference. Try all $2^6$ combinations of signs. How many give a mean at least as far from 0 as ours?


# %%
def sign_flips(one, other):
    """The means under all exchanges of labels within seeds."""
    d = np.subtract(other, one)
    return np.array([np.mean(d * signs) for signs in itertools.product((1, -1), repeat=len(d))])


figure, both = canvas(8, 2.6, 2)
for axes, name in zip(both, ("with dropout", "with augmentation"), strict=True):
    means, real = sign_flips(plain, rows[name]), np.mean(np.subtract(rows[name], plain))
    p = np.mean(np.abs(means) >= abs(real) - 1e-9)
    axes.hist(means, bins=21, color=PLAIN)
    axes.axvline(real, color=IMAGE, linewidth=2)
    axes.set(title=f"{name}: p = {p:.3f}", xlabel="mean difference, points", ylabel="exchanges")
    print(f"{name:>17}: {round(p * len(means))} of {len(means)} exchanges are as far from 0")
show(figure, "Two histograms and a line: inside the grey for dropout, at the end for augmentation")

# %% [markdown]
# The line is what we saw, the grey is what labels without meaning give. Two of 64 is the **least** that six seeds can
# show (all signs one way or all the other): 0.03. And *three* seeds, the paper's number? Two of eight: 0.25. However clear
# three seeds are, this test cannot call them significant.
#
# ### How many seeds?
#
# Turn it. The effect is measured in spreads of a difference between seeds. How often does a mean of $n$ seeds have the wrong sign, and how often
# does an honest interval exclude 0?


# %%
def chances(effect, seeds):
    """The means of 4,000 ablations of a true effect, each with so many seeds."""
    d = effect + np.random.default_rng(0).normal(size=(4000, seeds))
    means = d.mean(axis=1)
    far = np.abs(means) * np.sqrt(seeds)
    sure = far > student.ppf(0.975, seeds - 1) * d.std(axis=1, ddof=1) if seeds > 1 else far < 0
    figure, axes = canvas(7, 2.8)
    axes.hist(means, bins=np.linspace(-3, 4, 71), color=PLAIN)
    axes.axvspan(-3, 0, color=IMAGE, alpha=0.15)
    axes.set(xlabel="the mean that is reported, in spreads", xlim=(-3, 4), yticks=[])
    axes.set_title(f"wrong sign: {np.mean(means < 0):.0%}   interval without 0: {sure.mean():.0%}")
    return figure


told = "A histogram around the true effect; its part left of 0 is shaded"
turn(chances, told, effect=(0.5, 0.0, 2.0, 0.25), seeds=(1, 1, 20))

# %% [markdown]
# ## Reading the paper's table
#
# Back to Table 5, with the eyes of today. The paper gives a mean and a spread of three runs. Then the standard error of a
# difference is $\sqrt{(s_1^2 + s_2^2) / 3}$:

# %%
figure, both = canvas(9, 3, 2, sharey=True)
for axes, column in zip(both, reading.PAPER_COLUMNS[:2], strict=True):
    for row, each in enumerate(reading.FINDINGS[:5]):
        (one, s1), (other, s2) = (reading.PAPER[arm][column] for arm in (each.before, each.after))
        error = np.sqrt((s1**2 + s2**2) / 3)
        reach = student.ppf(0.975, 4) * error  # 2 x 3 runs leave 4 degrees of freedom
        axes.errorbar(other - one, row, xerr=reach, fmt="o", color=IMAGE, capsize=4)
    axes.axvline(0, color=PLAIN, linestyle=":")
    axes.set(title=column, xlabel="gain, points", ylim=(4.5, -0.5))
    axes.set_yticks(range(5), [each.claim for each in reading.FINDINGS[:5]])
show(
    figure,
    "Gains of five findings with intervals in two panels: none touches 0 on VQA, two do on NLVR2",
)

# %% [markdown]
# What holds, what does not, and what is not said?
#
# - On VQA all five stand clear of 0. On NLVR2 the intervals of twice the steps and of whole words contain 0, and that of
#   augmentation ends just above it. (They take both arms to spread alike, which 0.09 and 0.61 do not: without that, by Welch's
#   formula, less stands clear.)
# - **As far as these spreads go.** A pre-training took 64 GPUs, and was done once an arm. The three runs are three
#   *fine-tunings* of it. The spread of 0.01 on VQA is that of the end of a training, not of a training. How much a second
#   *pre-training* would differ, the table cannot know. Our six seeds began anew from the first weight on.
# - **Retrieval has no spread at all**: one run. And 69.73 stands there *twice*, with and without augmentation. No misprint: zero-shot,
#   before fine-tuning, these two arms are the same model.
# - **Many comparisons.** Five findings in eleven columns (the paper has more than are shown here): at 5 % each, two or three
#   would be "significant" if nothing were true.
# - **On which data was chosen?** In the published code the sets that pick the best checkpoint of retrieval and of NLVR2 *are*
#   the test sets. That raises all rows, perhaps not equally.
# - **What was not varied?** Word-patch alignment is in every row, so that the paper's table does not say what it is worth.
#
# None of this says that the paper is wrong. It says how large a claim the numbers can carry.
#
# ## Reading the lab's table
#
# Now the lab's own: every finding in the sticker world, three seeds, paired, and your `interval` to read them with:

# %%
docs = Path(vilt_core.__file__).parents[1] / "docs"
lab = json.loads((docs / "ablation.json").read_text())["arms"]
of_seeds = {arm["name"]: sorted(arm["runs"], key=lambda one: one["seed"]) for arm in lab}

# %%
measured = {one.title: one for one in reading.MEASURES}
for title in ("questions", "text retrieval, R@1", "pointing, mass of IPOT"):
    print(f"\n{title}")
    for each in reading.FINDINGS:
        if each.finetuned_only and measured[title].pretrained:
            continue  # the two arms share what is measured here
        two = [reading.points(measured[title], of_seeds[arm]) for arm in (each.before, each.after)]
        (before, after), (mean, width) = np.mean(two, axis=1), interval(*two)
        sure = "  <- without 0" if abs(mean) > width else ""
        print(
            f"{each.claim:>34}: {before:4.1f} -> {after:4.1f}, {mean:+5.1f} +- {width:4.1f}{sure}"
        )

# %% [markdown]
# (A row is named by what the paper claims, and goes from the arm without to the arm with it.)
#
# - **Word-patch alignment** does what it is for: without it plans point clearly worse. The other two measures do not tell.
# - **Masked patch prediction** harms pointing. **Augmentation** does here what it did to the cloth: after 400 steps it costs
#   questions several points, where the paper gains half a one. **Twice the steps** help retrieval, by a hair's breadth.
# - **Four times the steps** and **whole words** cannot be told from nothing here. (`docs/ablation.md` has seven measures; the
#   steps show in one of those, the words in none. Its rule is the rougher one of above, so that its verdicts are not all the same.)
# - With three seeds $t$ is 4.3, and the intervals are wide. What they contain is not refuted. And of so many comparisons one
#   or another would exclude 0 even if nothing were true.
#
# ## What to take home
#
# - Compare arms that differ in one thing, and make sure of it in the code.
# - One seed is an anecdote. Give every score its spread and every difference its interval; it may well say *we do not know*.
# - Ask of a table what was chosen on which data, how much was compared, and what was never varied.
#
# ## Exercises
#
# **11.1** With how few seeds can a test of sign flips (two-sided) come below 0.05 at all?

# %%
fewest = ...
check("11.1", fewest)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# fewest = next(n for n in range(1, 20) if 2 / 2**n < 0.05)
# check("11.1", fewest)
# ```
#
# </details>
#
# **11.2** Arms that are *not* paired: exchange labels freely. Of all ways to give $n$ of the $2n$ scores the first label, in what
# share is the difference of the means at least as far from 0 as in the real one?


# %%
def permutation(one, other):
    """The two-sided p-value of two lists of n scores, over all splits."""
    ...


check("11.2", permutation)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def permutation(one, other):
#     scores, n = np.array([*one, *other]), len(one)
#     real = abs(np.mean(one) - np.mean(other))
#     gaps = []
#     for chosen in itertools.combinations(range(2 * n), n):
#         first = np.isin(np.arange(2 * n), chosen)
#         gaps.append(abs(scores[first].mean() - scores[~first].mean()))
#     return np.mean(np.array(gaps) >= real - 1e-9)
#
#
# check("11.2", permutation)
# ```
#
# The tiny 1e-9 lets rounding not decide a tie. Try `permutation(plain, dropped)` and `permutation(plain[:3], augmented[:3])`.
#
# </details>
#
# **11.3** Which two rows of the table tell what masked patch prediction does, and nothing else? Answer with a set of two names,
# such as `{"whole", "words"}`.

# %%
isolating = ...
check("11.3", isolating)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# isolating = {"words", "words-patches"}
# check("11.3", isolating)
# ```
#
# Row "words-augmented" differs from "words-patches" in two things.
#
# </details>
#
# **11.4** A team runs an arm with five seeds and reports the best. The seeds spread normally by 1 point, and the part does
# nothing. By how many points does the part seem to help, on average, against one run without it? (Let the computer throw the dice.)

# %%
seems = ...
check("11.4", seems)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# throws = np.random.default_rng(1).normal(size=(100_000, 5))
# seems = throws.max(axis=1).mean()
# check("11.4", seems)
# ```
#
# More than a point, for nothing: many a "gain" in a table is smaller.
#
# </details>
#
# **Next:** [12. The published ViLT-B/32 on photographs](12-vilt-b32-on-photographs.ipynb).
