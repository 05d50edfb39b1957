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
# # 4. Image-text matching, and why negatives matter
#
# **The question.** "Does this sentence belong to this picture?" To learn to say *yes*, true pairs are enough. How
# does a model learn to say **no**, and what does it never learn when the wrong sentences are too easy?
#
# | | |
# |---|---|
# | time | 45 minutes |
# | you need | notebooks 2 and 3 |
# | you will build | the matching head and its loss, negatives easy and hard, a measure of retrieval, and the heads that rank (section 4.4 of the [paper](https://arxiv.org/abs/2102.03334)) and compare two pictures (4.3) |

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
import random
from textwrap import shorten

import numpy as np
import plotly.graph_objects as go
import torch

from lesson import canvas, check, show, turn
from vilt_core.types import ImageBatch
from vilt_core.viz.palette import IMAGE, ON_LIGHT, PLAIN, RIGHT, WRONG, scale
from vilt_core.viz.sheet import sheet
from vilt_core.world.captions import caption
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

# %%
torch.set_grad_enabled(False)
model = vilt_core.load("vilt-mini")
picture = paint(scene(0, 7, split="test"), 256).pixels
show(sheet([picture], titles=["yes or no?"]), "A fox above a camel")

# %% [markdown]
# ## The head
#
# Equation 6 left us one vector $p$ for the pair. Two numbers are read off it, "no" and "yes", and a softmax
# makes them probabilities:
#
# $$ P(\text{match}) = \text{softmax}(W p + b)_\text{yes} $$


# %%
def my_match(image, sentence):
    """The probability that a sentence is true of a picture."""
    text = model.tokenizer.encode([sentence]).batch
    pooled = model.model.pool(text, model.prepare(image)[1])[0]
    head = model.model.itm.dense
    no, yes = (head.weight @ pooled + head.bias).double()
    return float(1 / (1 + (no - yes).exp()))


for sentence in ("a fox above a camel", "a snowman above a camel", "two motorcycles"):
    mine, theirs = my_match(picture, sentence), float(model.match(picture, sentence)[0, 0])
    assert abs(mine - theirs) < 1e-4
    print(f"{mine:6.1%}  {sentence}")

# %% [markdown]
# (A softmax of two numbers is the logistic function of their difference: same thing, shorter.)
#
# ## The loss
#
# Say 1 for a true pair, 0 for a false one; be surprised as in notebook 3:
#
# $$ L_\text{ITM} = -\tfrac1B \sum_i \log P_i(\text{truth}_i) $$

# %%
from vilt_core.objectives import itm

logits = torch.tensor([[0.2, 1.5], [-1.0, 2.0], [0.3, 0.1]])  # three pairs: (no, yes)
matched = torch.tensor([True, False, False])
shares = logits.softmax(dim=-1)
surprise = [-shares[k, int(matched[k])].log().item() for k in range(3)]
print("surprises", np.round(surprise, 2), "- the second pair was a confident mistake")
torch.testing.assert_close(itm(logits, matched), torch.tensor(surprise).mean())

# %% [markdown]
# ## Where do false pairs come from?
#
# Nobody writes false captions. ViLT does the simplest thing: for half of the pairs, take *another picture* in place of the
# true one. (The lab exchanges the caption: the same question.) Twelve scenes, twelve captions, every pair:

# %%
numbers = [3, 6, 7, 10, 13, 14, 24, 29, 33, 38, 45, 48]
scenes = [scene(0, k, split="test") for k in numbers]
pictures = [paint(place, 128).pixels for place in scenes]
said = [caption(place, random.Random(k).random, form="simple") for k, place in enumerate(scenes)]
captions = [one.text for one in said]
P = model.match(pictures, captions)  # (pictures, captions)
names = [shorten(caption, 40, placeholder=" ...") for caption in captions]
figure = go.Figure(
    go.Heatmap(
        z=P.T.round(3), x=[str(k + 1) for k in range(12)], y=names,
        colorscale=scale(ON_LIGHT), zmin=0, zmax=1, colorbar={"title": {"text": "P(match)"}},
    )
)  # fmt: skip
figure.update_layout(height=430, yaxis_autorange="reversed", xaxis_title="picture")
show(figure, "Every caption against every picture, dark on the diagonal and rarely elsewhere")

# %% [markdown]
# Read a row: one caption and all pictures. The diagonal is dark, as it should be; dark squares beside it are captions that the
# model takes for true elsewhere. Is each of them a mistake? A caption may be true of a picture that it was not written
# for. The sticker world can tell: every sentence of it carries a *program* that decides.

# %%
from vilt_core.world.programs import execute

true = np.array([[execute(one.program, place) for one in said] for place in scenes])
for k, j in np.argwhere(true & ~np.eye(12, dtype=bool)):
    print(f"picture {k + 1} also shows {captions[j]}: {P[k, j]:.2f}")
hits, refusals = np.mean(P[true] > 0.5), np.mean(P[~true] < 0.5)
print(f"true pairs: {hits:.0%} judged right; false pairs: {refusals:.0%}")

# %% [markdown]
# Impressive. And a little too easy. A random caption speaks of *other things*: to refuse it, knowing the nouns is
# enough. Does the model read anything else?
#
# ## Now make it hard
#
# Change **one word** of a true caption, so that it becomes false of its picture. The sticker world knows what
# is true, so it never makes a negative that is true by accident.

# %%
from vilt_core.world.negatives import CHANGES, hard_negative

for changed in CHANGES:
    for k in range(40):
        one = hard_negative(scene(0, k, split="test"), random.Random(k).random, changed=changed)
        if one.changed == changed and len(one.text) < 45:
            break
    print(f"{changed:>9}: {one.positive.text}\n{'':>11}{one.text}")

# %% [markdown]
# 200 scenes, one hard negative each and one caption of another scene (the next whose caption is false here: the program
# decides). Ask the model two things:
#
# - Is the false sentence **refused**, $P < 0.5$? That needs a *no*. (Whoever always says yes refuses nothing.)
# - Does the **true sentence score higher** than the false one? That needs only to tell them apart. (A coin: half.)

# %%
refused, told_apart = ({name: [] for name in ("another caption", *CHANGES)} for _ in range(2))
for k in range(200):
    place = scene(0, k, split="test")
    one = hard_negative(place, random.Random(k).random, changed=CHANGES[k % 4])
    others = (caption(scene(0, k + j, split="test"), random.Random(k).random) for j in range(1, 99))
    other = next(said for said in others if not execute(said.program, place))
    sentences = [one.positive.text, one.text, other.text]
    fact, hard, easy = model.score(paint(place, 128).pixels, sentences)[0]  # 0 is P = 0.5
    for name, false in ((one.changed, hard), ("another caption", easy)):
        refused[name].append(false < 0)
        told_apart[name].append(fact > false)

# %%
groups, figure = [f"{name} ({len(hits)})" for name, hits in refused.items()], go.Figure()
for name, found, color in (
    ("refused", refused, PLAIN),
    ("true one higher", told_apart, IMAGE),
):
    percent = [round(100 * float(np.mean(hits)), 1) for hits in found.values()]
    figure.add_bar(x=groups, y=percent, name=name, marker_color=color)
    print(f"{name:>15}:", dict(zip(found, percent, strict=True)))
figure.add_hline(y=50, line_dash="dash")
figure.update_layout(height=340, template="plotly_white", yaxis_title="%", yaxis_range=[0, 100])
figure.update_layout(xaxis_title="what is false: all of it, or one change (and of how many)")
figure.update_layout(legend={"orientation": "h", "yref": "container", "y": 0.97})
show(figure, "Two bars each for another caption and four changes: refused, and told apart")

# %% [markdown]
# The two bars answer two questions. Where the first is low and the second high, the model *can* tell the sentences apart and
# yet takes both for true: not knowledge is missing there, but a stricter line than 0.5. (A coin would "refuse" half, and know
# nothing: that is why the first bar alone misleads.) Only where the second bar, too, comes down towards the coin's line does
# the model not notice. **Numbers and relations** are the place to look. No random caption ever *needs* them, and of the false captions in
# this model's training a third to a half had one word changed (`docs/training.md`): a hard negative asks for what
# distinguishes it from the truth. Whether that is learned, only a measure like this one tells. (A few dozen sentences a
# group are few: [docs/results.md](../docs/results.md) has thousands.)
#
# Try to fool it yourself. Turn the words:


# %%
def told(first, relation, second):
    """Your sentence, and how sure the model is that it is true."""
    sentence = f"a {first} {relation} a {second}"
    share = my_match(picture, sentence)
    true = (first, relation, second) in {("fox", "above", "camel"), ("camel", "below", "fox")}
    figure, axes = canvas(6.5, 1.7)
    axes.barh([0], [share], color=RIGHT if (share > 0.5) == true else WRONG)
    axes.axvline(0.5, color=PLAIN, linestyle=":")
    axes.set(xlim=(0, 1), yticks=[], xlabel="P(match)")
    axes.set_title(f"{sentence} - in truth {'true' if true else 'false'}")
    return figure


# %%
things = ["fox", "camel", "dog", "snowman"]
turn(
    told,
    "A bar: how sure the model is that the sentence is true",
    first=("camel", things),
    relation=("above", ["above", "below", "left of"]),
    second=("fox", things),
)

# %% [markdown]
# ## Better negatives for nothing
#
# ALBEF, some months after ViLT, draws for each picture a caption *of the same batch*, the likelier the better a cheap dual
# encoder finds it. No one has to write it. We take the extreme, by ViLT's own table: the largest number of each picture
# among the false captions:

# %%
plausible = np.where(true, -1, P)
hardest = plausible.argmax(axis=1)
for k in np.argsort(-plausible.max(axis=1))[:3]:
    print(
        f"{P[k, hardest[k]]:.2f}  picture of: {captions[k]}\n      taken for: {captions[hardest[k]]}"
    )

# %% [markdown]
# What if nobody can tell which captions are true? In a batch from the web some of the likeliest "negatives" are true, as "a koala"
# was of picture 10 above, and a model is punished for being right. ALBEF therefore softens the targets of its
# dual encoder and of its masked words, though not those of matching: a slow copy of the model says how sure one may be.
#
# ## What matching costs
#
# ViLT reads picture and sentence *together*: a score for each pair needs a run for each pair. A dual encoder such
# as CLIP reads each once and multiplies. The price of reading together is paid in retrieval:

# %%
for pictures_n, captions_n in ((12, 12), (1_000, 5_000), (1_000_000, 1)):
    print(f"{pictures_n:>9,} pictures x {captions_n:>5,} captions: together "
          f"{pictures_n * captions_n:>9,} runs, apart {pictures_n + captions_n:>9,}")  # fmt: skip

# %% [markdown]
# So real systems use both: a dual encoder fetches a short list, ViLT reads it carefully. That is the tab *Find* of
# the app, and notebook 10.
#
# ## A head that ranks
#
# Matching asks *yes or no?* of one pair. Retrieval asks *which of these?* So for retrieval the paper fine-tunes a third head:
# **one** score $s$ a pair, which begins as the "yes" row of the matching head. Each true caption (number 0) stands
# beside 15 captions of other pictures, and the loss is the surprise at the true one among the 16:
#
# $$ L_\text{rank} = -\log \frac{e^{s_0}}{\sum_{k=0}^{15} e^{s_k}} $$
#
# We have twelve captions. Picture 3 with all of them:

# %%
from vilt_core.layers.heads import RankHead

rank, yes = RankHead(model.model.config.width), model.model.itm.dense
rank.dense.weight.copy_(yes.weight[1:])  # of the rows (no, yes) the second
rank.dense.bias.copy_(yes.bias[1:])
third = model.prepare(pictures[2])[1].pixels.expand(12, -1, -1, -1)
s = rank(model.model.pool(model.tokenizer.encode(captions).batch, ImageBatch(pixels=third)))
for k in s.argsort(descending=True)[:3]:
    print(f"score {s[k]:+.2f}, P(match) {P[2, k]:.2f}  {captions[k]}")

# %%
from vilt_core.objectives import ranking

loss = torch.logsumexp(s, dim=0) - s[2]  # minus the logarithm of the share of caption 3
in_front = torch.cat([s[2:3], s[:2], s[3:]])  # where the library wants the true one
torch.testing.assert_close(ranking(in_front[None]), loss)
print(
    f"the loss {loss:.2f}, equal to vilt_core.objectives.ranking; of one who guesses {np.log(12):.2f}"
)

# %% [markdown]
# What is left of the loss is no wonder: the head was asked *yes or no*, one pair at a time, and nobody told it that
# captions compete. That is what fine-tuning changes.
#
# ## Two pictures, one statement
#
# NLVR2 asks whether a statement is true of *two* pictures: "the left picture shows more black circles than the right picture".
# ViLT reads one picture at a time. So the statement is read twice, once with each picture, and the two pooled vectors are
# laid side by side (the **pair method**). A small head, two layers with a norm and a bend between them, judges both together:
#
# $$ P(\text{true}) = \text{softmax}\bigl(\text{head}([\,p_\text{left};\; p_\text{right}\,])\bigr)_\text{true} $$
#
# How does it know which picture is which? By the half in which a vector lies, and by equation 3 of notebook 1: the second
# picture has a *type* vector of its own.

# %%
from vilt_core.world.statements import pair

shown = pair(0, 3, split="test")
left, right = (paint(place, 128).pixels for place in shown)


def my_compare(left, right, statement):
    """The probability that a statement is true of two pictures."""
    text, head = model.tokenizer.encode([statement]).batch, model.model.nlvr2
    halves = [
        model.model.pool(text, model.prepare(one)[1], image_type=kind)
        for kind, one in ((1, left), (2, right))
    ]
    hidden = head.norm(head.expand(torch.cat(halves, dim=-1)))
    return float(head.classify(torch.nn.functional.gelu(hidden)).softmax(dim=-1)[0, 1])


# %%
statement = "the left picture shows more black circles than the right picture"
mine, theirs = my_compare(left, right, statement), model.compare(left, right, statement)
assert abs(mine - theirs) < 1e-4
print(f"{mine:.3f} as they are, {my_compare(right, left, statement):.3f} exchanged: {statement}")

# %% [markdown]
# **Turn** statement and order. Which of the statements should not care for the order? Do they?


# %%
def judged(statement, order):
    """Two pictures in an order, and how sure the model is of a statement about them."""
    both = [left, right] if order == "as they are" else [right, left]
    figure = sheet(both, titles=["left", "right"], size=2)
    figure.suptitle(f"{statement}: {my_compare(*both, statement):.0%}", fontsize=9)
    figure.set_size_inches(5.6, 2.7)
    return figure


# %%
statements = [
    statement, "there is a fox in the right image", "exactly one image has a fox",
    "both images show an airplane", "both images have the same background color",
]  # fmt: skip
turn(
    judged,
    "Two pictures side by side, above them a statement and how sure the model is of it",
    statement=(statement, statements),
    order=("as they are", ["as they are", "exchanged"]),
)

# %% [markdown]
# All ten at once, as they are and exchanged, with the truth beside each:


# %%
def truths(one, other):
    """Of the five statements, by what lies in a left and in a right scene."""
    things = [[(thing.noun, thing.color) for thing in place.objects] for place in (one, other)]
    kinds = ("circle", "black"), ("fox", None), ("airplane", None)
    circles, foxes, planes = ([those.count(kind) for those in things] for kind in kinds)
    one_fox = (foxes[0] > 0) != (foxes[1] > 0)
    same = one.background == other.background
    return circles[0] > circles[1], foxes[1] > 0, one_fox, min(planes) > 0, same


agreed = 0
for said, *facts in zip(statements, truths(*shown), truths(*shown[::-1]), strict=True):
    sure = my_compare(left, right, said), my_compare(right, left, said)
    for share, fact in zip(sure, facts, strict=True):
        agreed += (share > 0.5) == fact
        print(f"{share:4.0%} ({'true' if fact else 'false'})".ljust(14), end="")
    print(said)
print(f"{agreed} of 10 on the right side of one half")
assert agreed > 5

# %% [markdown]
# The first two change their truth with the order, the other three do not. Where the model follows, each of the two readings
# has found what *its* picture shows, and the head has put both together. (The tab *Pairs* shows the two vectors.)
#
# ## What to take home
#
# - *No* is learned from pairs that do not belong together, and they are to be had for nothing.
# - Random false captions differ in nouns: who refuses them need not have read a number or a relation. Captions with one word
#   changed ask for these, in a test as in training; that a model learns them they do not ensure.
# - Refusing is not telling apart: a yes above 0.5 depends on where the model draws its line.
# - One pooled vector serves several heads: yes or no, which of these, and, of two readings, true of both pictures.
#
# ## Exercises
#
# **4.1** A model says $P(\text{match})$ = 0.9 for a true pair and 0.8 for a false one. What is its ITM loss
# (natural logarithm)?

# %%
loss = ...
check("04.1", loss)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# loss = -(np.log(0.9) + np.log(1 - 0.8)) / 2
# check("04.1", loss)
# ```
#
# </details>
#
# **4.2** For each row of a table of scores (row $i$ belongs to column $i$) give the column of the hardest
# negative.


# %%
def hardest_negatives(scores):
    """One column a row: the most plausible one that is wrong."""
    ...


check("04.2", hardest_negatives)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def hardest_negatives(scores):
#     return np.where(np.eye(len(scores), dtype=bool), -np.inf, scores).argmax(axis=1)
#
#
# check("04.2", hardest_negatives)
# ```
#
# </details>
#
# **4.3** *Recall at k*: for which share of the rows is the right column among the k largest?


# %%
def recall_at(scores, k):
    """The share of rows whose own column is among their k largest scores."""
    ...


check("04.3", recall_at)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def recall_at(scores, k):
#     best = np.argsort(-scores, axis=1)[:, :k]
#     return np.mean([row in best[row] for row in range(len(scores))])
#
#
# check("04.3", recall_at)
# ```
#
# Try `recall_at(P, 1)` (the caption of a picture) and `recall_at(P.T, 1)` (the picture of a caption).
#
# </details>
#
# **4.4** A shortlist, as ALBEF makes one with the halves of itself: a dual encoder reads 10,000 pictures and one query, ViLT then reads the best 32 pairs.
# How many runs of a network is that in all, and how many would ViLT alone need? Answer with a pair.

# %%
runs = ...
check("04.4", runs)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# runs = (10_000 + 1 + 32, 10_000)
# check("04.4", runs)
# ```
#
# About equal the first time! But the 10,000 are read once and kept: the second query costs 33 runs.
#
# </details>
#
# **4.5** The loss of the head that ranks, for many pictures: `scores` is a tensor (pictures, captions), and the true caption of each
# picture is in column 0. Give the mean.


# %%
def ranking_loss(scores):
    """The mean surprise at column 0 among all columns of its row."""
    ...


check("04.5", ranking_loss)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def ranking_loss(scores):
#     return -scores.log_softmax(dim=1)[:, 0].mean()
#
#
# check("04.5", ranking_loss)
# ```
#
# `log_softmax` and not the logarithm of a softmax: of large scores the exponential is infinite, and their share no number.
#
# </details>
#
# **In the app:** the tabs *Foils*, *Pairs* and *Find*.
#
# **Next:** [5. Optimal transport](05-optimal-transport.ipynb).
