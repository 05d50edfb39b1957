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
# # 7. Four families, and where they spend
#
# **The question.** A picture and a sentence shall be brought together. Where should the work be done: in *seeing*, in
# *reading*, or where the two *meet*? ViLT's paper sorts all models before it by their answer. What are these four
# answers in code, and what does each of them cost?
#
# | | |
# |---|---|
# | time | 45 minutes |
# | you need | notebook 2; notebook 4 for negatives |
# | you will build | how VSE++, SCAN, CLIP, UNITER and ViLT bring text and picture together, ten lines each, and a bill of costs |
#
# Figure 2 of the [paper](https://arxiv.org/abs/2102.03334) names the parts VE (visual embedding), TE (text embedding) and MI
# (modality interaction), and asks which of them is larger:
#
# | kind | larger than what | here | how they meet |
# |---|---|---|---|
# | (a) | VE > TE > MI | VSE++, SCAN | one product, or a look at regions with nothing learned in it |
# | (b) | VE = TE > MI | CLIP | one product, of two equal transformers |
# | (c) | VE > MI > TE | UNITER | a transformer, after a detector |
# | (d) | MI > VE = TE | ViLT | a transformer, after next to nothing |

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
import json
import random
from textwrap import fill

import numpy as np
import plotly.graph_objects as go
import torch
from einops import rearrange
from PIL import Image
from torch.nn.functional import normalize as unit
from torch.nn.utils.rnn import pad_sequence

from lesson import check, show, turn
from lesson.drawing import framed_scores
from vilt_core.evaluation.families import family_cost
from vilt_core.evaluation.papers import FACTS, KINDS, TABLE_6
from vilt_core.models import build
from vilt_core.objectives import contrastive, triplet
from vilt_core.types import ImageBatch, RegionBatch, TextBatch
from vilt_core.viz.families import Parts, proportions, stacked_costs
from vilt_core.viz.heatmap import overlay
from vilt_core.viz.palette import IMAGE, PLAIN
from vilt_core.viz.sheet import sheet
from vilt_core.world.captions import caption
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

# %%
torch.set_grad_enabled(False)
model = vilt_core.load("vilt-mini")
same = lambda mine, theirs: torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)  # noqa: E731

scenes = [scene(0, k, split="test") for k in (7, 10, 24, 38)]
pictures = [paint(place, 128).pixels for place in scenes]
captions = [caption(s, random.Random(k).random, form="simple").text for k, s in enumerate(scenes)]
text = model.tokenizer.encode(captions).batch
image = ImageBatch(pixels=torch.cat([model.prepare(one)[1].pixels for one in pictures]))
sizes = {"size": "mini", "vocab_size": len(model.tokenizer)}  # of every rival below
titles = [fill(said, 30) for said in captions]
show(sheet(pictures, titles=titles), "Four scenes with their captions")

# %% [markdown]
# The rivals below are untrained: the lab builds them at the size of the sticker world, with *random* weights (trained
# ones that ship are named in the README; notebook 10 uses VSE++'s).
# That is enough here. What a model computes, and what it costs, does not depend on what it has learned, with one exception: a
# detector sorts what it has found, and one that has learned nothing finds something of every kind everywhere, which takes it
# longer. Who *answers* best does depend on it; of that this notebook says nothing but what the paper says.
#
# ## (a) VSE++: a dot product
#
# A GRU reads the sentence, word after word; what it holds at the last word is the sentence's vector. A convolutional
# network looks at the picture; the mean over its cells is the picture's vector. Both get length 1, and their product
# is the score. *That is all the meeting there is.*
#
# $$ s(t, v) = \hat t \cdot \hat v $$


# %%
def dot(words, mask, cells):
    """Every sentence with every picture: one number from two vectors."""
    last = words[range(len(words)), mask.sum(dim=1) - 1]
    return unit(last, dim=-1) @ unit(cells.mean(dim=1), dim=-1).T


torch.manual_seed(0)
vse = build("vse", **sizes).eval()
seen = vse(text, image)  # states of words and of cells, before anything has met
scores = dot(seen.text, text.mask, seen.image)
same(scores, vse.score_all(text, image))
print(f"4 sentences x 4 pictures: {4 + 4} readings, {scores.numel()} products")

# %% [markdown]
# ### The hardest negative
#
# It learns by a margin $\alpha$: a pair's score shall be larger by $\alpha$ than that of any wrong pair. VSE++ added two
# plus signs to the name by counting, for each sentence and for each picture, only the *worst* mistake of the batch:
#
# $$ L = \tfrac1B \sum_i \Big( \max_{j \ne i}\,[\alpha + s_{ij} - s_{ii}]_+ + \max_{j \ne i}\,[\alpha + s_{ji} - s_{ii}]_+ \Big) $$
#
# ($s_{ij}$ is the score of sentence $i$ with picture $j$; $[x]_+$ is $x$ where that is above 0, else 0; $B$ pairs are in the batch.)


# %%
def hardest_hinges(scores, margin):
    """The worst picture of every sentence, the worst sentence of every picture."""
    own = scores.diagonal()
    wrong = scores.masked_fill(torch.eye(len(scores), dtype=torch.bool), -torch.inf)
    of_sentences = (margin + wrong.amax(dim=1) - own).clamp(min=0)
    of_pictures = (margin + wrong.amax(dim=0) - own).clamp(min=0)
    return (of_sentences + of_pictures).mean()


same(hardest_hinges(scores, 0.2), triplet(scores, margin=0.2))
print(f"loss of the untrained VSE++: {hardest_hinges(scores, 0.2):.3f}, about the margin twice")

# %% [markdown]
# Below are scores of a model that has learned something. **Turn the margin**: blue frames are the worst picture of each
# sentence, orange ones the worst sentence of each picture, and red numbers cost. With a small margin only real mistakes
# do (0.7 above 0.6 in the second row). Whatever stays black teaches nothing: that is why *hard* negatives matter.

# %%
rows = [0.8, 0.3, 0.5, 0.1], [0.2, 0.6, 0.7, 0.0], [0.1, 0.4, 0.9, 0.3], [0.3, 0.2, 0.2, 0.5]
learned = torch.tensor(rows)


def hinges(margin):
    """The scores, the worst mistakes, and those that cost."""
    own, wrong = learned.diagonal(), learned - 9 * torch.eye(4)
    worst = {
        "of_sentences": wrong == wrong.amax(dim=1, keepdim=True),
        "of_pictures": wrong == wrong.amax(dim=0, keepdim=True),
    }
    short = margin + learned > own[:, None], margin + learned > own[None, :]
    paid = (worst["of_sentences"] & short[0]) | (worst["of_pictures"] & short[1])
    title = f"margin {margin:.2f}: loss {hardest_hinges(learned, margin):.3f}"
    return framed_scores(learned, **worst, paid=paid, title=title)


# %%
turn(
    hinges,
    "A table of 4 by 4 scores: frames around the worst mistakes, red where they cost",
    margin=(0.2, 0.0, 0.6, 0.05),
)

# %% [markdown]
# ## (a), once more, SCAN: look first, then compare
#
# One vector for a whole picture must hold everything at once. SCAN keeps the picture as *regions* and the sentence as
# *words*, and lets each word look for its regions. Regions come from a detector. To keep this page small **you play
# the detector**: the sticker world knows every box. A region's features shall be its pixels, 16 x 16 grey ones (a real
# detector gives 2,048 numbers).


# %%
def look_at(place, pixels):
    """What a detector that never errs would tell: features and boxes of the stickers."""
    boxes = torch.tensor([thing.box for thing in place.objects]).float().clamp(0, 1)
    grey = Image.fromarray(pixels).convert("L")
    cuts = [np.ravel(grey.resize((16, 16), box=tuple(128 * box))) for box in boxes.numpy()]
    return torch.tensor(np.array(cuts) / 255).float(), boxes


looked = [look_at(*pair) for pair in zip(scenes, pictures, strict=True)]
features, boxes = (pad_sequence(list(part), batch_first=True) for part in zip(*looked, strict=True))
real = pad_sequence([torch.ones(len(own), dtype=torch.bool) for own, _ in looked], batch_first=True)
regions = RegionBatch(features=features, boxes=boxes, mask=real)
fox, camel = (np.uint8(255 * one.numpy()).reshape(16, 16, 1).repeat(3, 2) for one in looked[0][0])
drawn = sheet([pictures[0], fox, camel], titles=["a picture", "a region", "a region"], size=2.2)
show(drawn, "A picture, and its two stickers as small grey squares")

# %% [markdown]
# *Stacked cross attention* is attention without a single learned matrix. Every word (a query) is compared with every
# region (a key). What is below zero hardly counts; words *compete* for each region (length 1 along the words); $\lambda$
# sharpens the softmax. Then word and what it found are compared, and the mean over words is the score. The other way
# round regions ask words, pooled by a soft maximum (LogSumExp); the small SCAN takes the mean of both.


# %%
def look(queries, keys, sharpness):
    """Who looks at whom: rows sum to 1."""
    s = torch.nn.functional.leaky_relu(queries @ keys.T, 0.1)
    s = s / (s.norm(dim=0, keepdim=True) + 1e-8)  # the queries compete for each key
    return (sharpness * s).softmax(dim=1)


def stacked(queries, keys, sharpness, steepness=None):
    """The score of one sentence with one picture."""
    found = look(queries, keys, sharpness) @ keys
    cosines = torch.cosine_similarity(queries, found, dim=-1)
    return cosines.mean() if steepness is None else (steepness * cosines).logsumexp(0) / steepness


# %%
torch.manual_seed(0)
scan = build("scan", **sizes).eval()
words, seen = scan.encode_text(text), scan.encode_image(regions)
mine = torch.zeros(4, 4)
for i, j in np.ndindex(4, 4):
    t, v = words[i, text.mask[i]], seen[j, real[j]]
    mine[i, j] = (stacked(t, v, 9.0) + stacked(v, t, 4.0, 5.0)) / 2
same(mine, scan.score_all(text, regions))
print("sixteen pairs, each looked at both ways: SCAN's scores")

# %% [markdown]
# What does $\lambda$ do? SCAN's random vectors would show nothing, so we borrow others: the final states of *ViLT's* words
# and patches. (They have met already, so this is no SCAN. It only shows the dial.) **Turn it**: at 1 a word looks
# everywhere, at 9, as published, it has begun to choose.

# %%
read = model.tokenizer.encode(["a fox above a camel"]).batch
met = model.model(read, model.prepare(pictures[0])[1])
names = [model.tokenizer.token(int(i)) for i in read.ids[0]]


def sharpened(word, sharpness):
    """Where a word looks."""
    looks = look(unit(met.text[0], dim=-1), unit(met.image[0], dim=-1), sharpness)[word]
    title = f"{names[word]}: {looks.max() * len(looks):.1f} times an even share at most"
    return overlay(pictures[0], looks.reshape(8, 8).numpy(), smooth=False, title=title)


told = "Where a word looks in the picture, sharper as the dial is turned"
choices = names.index("camel"), {name: k for k, name in enumerate(names)}
turn(sharpened, told, word=choices, sharpness=(9, 1, 60))

# %% [markdown]
# ## (b) CLIP: two towers and a temperature
#
# CLIP goes back to one vector a side, but makes *both* by a transformer, and reads hundreds of millions of pairs. The
# picture's vector is its class token, the sentence's its last token, each through one matrix. Every batch is a quiz in
# both directions (which picture belongs to this sentence? which sentence to this picture?), and the loss is the
# surprise at the right answers, as in notebook 3. A learned $\tau$ scales the cosines, or no softmax could ever be sure.
#
# $$ L = \tfrac12 \Big( \text{mean}_i -\log \text{softmax}_j(\hat t_i \cdot \hat v_j / \tau)_{j=i} \; + \;
# \text{mean}_j -\log \text{softmax}_i(\hat t_i \cdot \hat v_j / \tau)_{i=j} \Big) $$

# %%
torch.manual_seed(0)
clip = build("clip", **sizes).eval()
seen = clip(text, image)
last = seen.text[range(4), text.mask.sum(dim=1) - 1]
t = unit(last @ clip.text_projection.weight.T, dim=-1)
v = unit(seen.image_class @ clip.image_projection.weight.T, dim=-1)
scores = clip.scale.exp() * t @ v.T  # the scale is 1 / tau
same(scores, clip.score_all(text, image))

of_sentences = -scores.log_softmax(dim=1).diagonal().mean()
of_pictures = -scores.log_softmax(dim=0).diagonal().mean()
same((of_sentences + of_pictures) / 2, contrastive(scores))
told = f"surprised by {contrastive(scores):.2f}, who guesses by {np.log(4):.2f}"
print(f"1 / tau = {clip.scale.exp():.1f}; an untrained CLIP is {told}")

# %% [markdown]
# ## (c) UNITER: regions and words in one transformer
#
# Now the meeting becomes the machine. A region's features and its box (corners, sides, area) each go through a matrix
# and a norm; the sum is a token like any word. Then all tokens ask all others, block after block. BERT's block
# *adds first and normalises then*, where ViT's normalises first:
#
# $$ z' = \text{LN}(\text{MSA}(z) + z), \qquad z'' = \text{LN}(\text{MLP}(z') + z') $$


# %%
def region_tokens(features, boxes, layer, kind):
    """Regions as tokens: what they look like and where they are."""
    sides = boxes[:, 2:] - boxes[:, :2]
    where = torch.cat([boxes, sides, sides.prod(dim=1, keepdim=True)], dim=1)  # seven numbers
    whole = layer.feature_norm(layer.features(features)) + layer.box_norm(layer.boxes(where))
    return layer.norm(whole + kind)


def msa(z, layer):
    """Notebook 2: every token asks every token."""
    Q, K, V = rearrange(layer.qkv(z), "s (k h d) -> k h s d", k=3, h=layer.heads)
    found = (Q @ K.mT / Q.shape[-1] ** 0.5).softmax(dim=-1) @ V
    return layer.projection(rearrange(found, "h s d -> s (h d)"))


# %%
torch.manual_seed(0)
uniter = build("uniter", **sizes).eval()
embedding, real_words = uniter.text_embedding, text.mask[0]  # the first sentence, not its padding
single = TextBatch(ids=text.ids[:1, real_words], mask=text.mask[:1, real_words])
kind = embedding.segments.weight[1]
seen = region_tokens(*looked[0], uniter.image_embedding, kind)
z = torch.cat([embedding(single.ids)[0], seen])
for layer in uniter.encoder.blocks:
    z = layer.norm1(msa(z, layer.attention) + z)
    z = layer.norm2(layer.mlp(z) + z)
pooled = torch.tanh(uniter.pooler.dense(z[0]))
alone = RegionBatch(features=looked[0][0][None], boxes=looked[0][1][None], mask=real[:1, real[0]])
same(pooled, uniter(single, alone).pooled[0])
print(single.ids.shape[1], "word pieces +", len(seen), "regions, one list: UNITER's pooled vector")

# %% [markdown]
# ## (d) ViLT: leave the detector out
#
# Keep that transformer. Replace the regions, and the detector that it takes to find them, by *one matrix product
# a patch*. That is the step that matters from (c) to (d). (Two smaller ones: ViLT's blocks normalise first, because
# they begin as a ViT and not as a BERT, and the picture gets a token of its own for its class.) This time the weights are trained:

# %%
vilt, types = model.model, model.model.fusion.types.weight
patches = vilt.patch_embedding(image.pixels[:1]).tokens[0]  # flatten, one matrix, a place
z = torch.cat([
    vilt.text_embedding(single.ids)[0] + types[0],
    vilt.patch_embedding.image_class(1) + types[1],
    patches + types[1],
])  # fmt: skip
for layer in vilt.encoder.blocks:
    z = msa(layer.norm1(z), layer.attention) + z
    z = layer.mlp(layer.norm2(z)) + z
pooled = torch.tanh(vilt.pooler.dense(vilt.encoder.norm(z)[0]))
same(pooled, vilt(single, ImageBatch(pixels=image.pixels[:1])).pooled[0])
print(single.ids.shape[1], "word pieces + 1 class + 64 patches, one list: ViLT's pooled vector")

# %% [markdown]
# ## What can be prepared
#
# Before costs, one difference that no training removes. Read one picture with two sentences. Does what the model makes
# of *the picture* change?

# %%
first = TextBatch(ids=single.ids.expand(2, -1).clone(), mask=single.mask.expand(2, -1))
first.ids[1, 1:-1] = first.ids[1, 1:-1].flip(0)  # the same words backwards
twice = ImageBatch(pixels=image.pixels[[0, 0]])
pair = RegionBatch(
    features=alone.features[[0, 0]], boxes=alone.boxes[[0, 0]], mask=alone.mask[[0, 0]]
)
for name, network, what in (("VSE++", vse, twice), ("SCAN", scan, pair), ("CLIP", clip, twice),
                            ("UNITER", uniter, pair), ("ViLT", vilt, twice)):  # fmt: skip
    states = network(first, what).image
    moved = not torch.allclose(states[0], states[1], atol=1e-5)
    assert moved == (name in ("UNITER", "ViLT"))
    print(f"{name:>7}: the picture's states", "depend on the sentence" if moved else "are the same")

# %% [markdown]
# In (a) and (b) a picture may be read today and asked for next year. In (c) and (d) it is read anew with every sentence.
# That is the strength of a joint model, and its price; notebook 10 pays it.
#
# ## The bill
#
# The library counts as it happens, a multiplication with its addition as two FLOPs, part by part. Here are the five models
# at the size of the sticker world, one pair each. Nobody plays the detector now: SCAN and UNITER see through a small
# *untrained* one, whose boxes mean nothing and cost what they would:

# %%
small = {"vse": "small VSE++", "scan": "small SCAN", "clip": "small CLIP", "uniter": "small UNITER",
         "vilt": "small ViLT"}  # fmt: skip
torch.manual_seed(0)
# Each is built, and reads one pair.
costs = {name: family_cost(name, size="mini", runs=1) for name in small}
print("million FLOPs   seeing  reading  meeting   all")
for name, found in costs.items():
    parts = [part.flops / 1e6 for part in found.cost.components]
    print(f"{small[name]:>13}", *(f"{part:8.1f}" for part in (*parts, sum(parts))))

# %% [markdown]
# And the clock? One run on whatever machine this is, so these numbers are *yours* and differ from run to run (all else
# on this page does not):

# %% tags=["timed"]
for name, found in costs.items():
    parts = [f"{part.milliseconds:7.1f}" for part in found.cost.components]
    print(f"{small[name]:>13}:", *parts, "ms seeing, reading, meeting")

# %% [markdown]
# Compare the clock with the count. Do the shares agree? A detector proposes, sorts and drops boxes: that takes
# time and multiplies nothing. *FLOPs are not time*; the paper gives both, and it argues with time.
#
# Figure 2 of the paper, drawn from your own counts. Hover for the numbers:


# %%
def parts_of(name, components, title, unit=1.0, paper=None):
    """Three numbers of a model, seeing, reading and meeting, as the figures take them."""
    visual, reading, interaction = (unit * value for value in components)
    sizes = {"visual": visual, "text": reading, "interaction": interaction}
    return Parts(name=title, kind=FACTS[name].kind, **sizes, paper=paper)


drawn = []
for name, found in costs.items():
    flops = [part.flops for part in found.cost.components]
    drawn.append(parts_of(name, flops, small[name], unit=1e-6))
show(
    proportions(drawn, kinds=KINDS, unit="MFLOPs"),
    "Five models as boxes: seeing towers in VSE++ and SCAN, meeting in ViLT, UNITER in between",
)

# %% [markdown]
# The letters are where the paper puts them, even at this size, but for one sign: CLIP's towers are *not* equal here. The
# small one reads its words with fewer and narrower blocks than its patches; at the published size it is 60 : 40. Read
# the paper's "=" as "of the same order".
#
# ## At published size
#
# The same bill for models of their published sizes takes minutes, so it was measured before, by
# `python -m vilt_core bench families` (the tab *Compare* of the app draws it and measures yours). To the right the
# paper's Table 6, on another machine: compare the *order*, not the milliseconds.

# %%
shipped = json.loads((Path(vilt_core.__file__).parents[1] / "assets" / "families.json").read_text())
drawn, seconds = [], {}
for family in shipped["families"]:
    name, facts = family["name"], FACTS[family["name"]]
    times = [part["milliseconds"] for part in family["components"]]
    seconds[name], paper = sum(times) / 1000, facts.row.milliseconds if facts.row else None
    drawn.append(parts_of(name, times, facts.title, paper=paper))
told = f"Bars: UNITER takes {seconds['uniter']:.1f} s here, ViLT {seconds['vilt']:.1f} s; 900 and 15 ms there"
show(
    stacked_costs(drawn, unit="ms", here="Measured before", paper="The paper's Table 6, on a P40"),
    told,
)
print("here:", shipped["hardware"])
print(shipped["company"])

# %% [markdown]
# Fifteen against nine hundred: a factor of sixty. **That is the paper's claim**, and its Figure 1: detectors and deep
# CNNs, not transformers, are what models of kind (c) spend their time on. Look for purple in the rows of ViLBERT and
# UNITER: next to nothing, and *less* of it than in ViLT's, whose list is longer. Non-maximum suppression alone, class by class
# for 1,600 classes, took the paper more than 500 ms.
#
# Parameters and FLOPs, counted here and as the paper has them (without the embedding of words, as there):

# %%
print(f"{'':>16} {'M parameters':>18} {'GFLOPs':>16}")
print(f"{'':>16} {'counted':>9} {'paper':>8} {'counted':>8} {'paper':>7}")
for family in shipped["families"]:
    counted, row = family["counted"], TABLE_6.get(FACTS[family["name"]].title)
    if row:
        ours = counted["parameters"] / 1e6, counted["flops"] / 1e9
        told = f"{ours[0]:9.1f} {row.parameters:8.1f} {ours[1]:8.1f} {row.gflops:7.1f}"
        print(f"{FACTS[family['name']].title:>16} {told}")

# %% [markdown]
# Not all numbers agree, and one should say so. Parameters come close, but for Pixel-BERT-R50's. FLOPs do not: we count two a
# multiplication and addition, and the paper does not say what it counts. Halved, ours are
# within a quarter of the paper's for all but ViLT. Its 55.9 comes out of no plain count: two a multiplication give 43.8 at the
# paper's 200 + 40 tokens (44.0 with the picture's class, notebook 12), and the 51.8 above with all 240 patches.
#
# ## What it costs in answers
#
# Cheap is easy; is it *good*? Table 2 of the paper sets time against accuracy on VQAv2 (test-dev), both as printed there:

# %%
printed = {  # ms, VQAv2 test-dev, of the paper's Table 2
    "ViLBERT": (920, 70.55, "c"), "VisualBERT": (925, 70.80, "c"), "LXMERT": (900, 72.42, "c"),
    "UNITER-Base": (900, 72.70, "c"), "OSCAR-Base": (900, 73.16, "c"), "VinVL-Base": (650, 75.95, "c"),
    "Pixel-BERT-X152": (160, 74.45, "c"), "Pixel-BERT-R50": (60, 71.35, "c"), "ViLT-B/32": (15, 71.26, "d"),
}  # fmt: skip
figure = go.Figure()
for kind, color, label in (("c", PLAIN, "(c) detector or CNN"), ("d", IMAGE, "(d) ViLT")):
    own = [(ms, percent, name) for name, (ms, percent, letter) in printed.items() if letter == kind]
    ms, percent, titles = zip(*own, strict=True)
    figure.add_scatter(
        x=ms, y=percent, text=[f"{title}   " for title in titles], name=label,
        mode="markers+text", textposition="middle left", marker={"color": color, "size": 9},
    )  # fmt: skip
figure.update_layout(height=340, template="plotly_white", yaxis_title="VQAv2 test-dev, %")
figure.update_xaxes(type="log", tickvals=[5, 15, 60, 160, 900], range=[0.6, 3.1])
figure.update_xaxes(title="milliseconds, as the paper measured")
show(figure, "Dots: ViLT far to the left and near the bottom, VinVL on top and far to the right")

# %% [markdown]
# ViLT is the cheapest by far *and not the best*: 71.3 % where UNITER has 72.7 and VinVL 76.0. The abstract says "up to
# tens of times faster", with "competitive or better" results. Faster it is of all; on VQA better than ViLBERT and
# VisualBERT, about equal to Pixel-BERT-R50, and by a point or more below the others. Labelled objects alone do not explain
# that: Pixel-BERT-X152 has none either, only a deep CNN, and stands three points above.
#
# ### What this notebook cannot show
#
# - **Accuracy at equal training.** The rivals here are untrained. The lab has trained them alike (`docs/comparison.md`): after
#   256,000 captions and questions the ViLT that had no further teaching answers like one who never looks, and so do Pixel-BERT
#   and X-LXMERT, while SCAN, which has no parameter where words and regions meet, answers seven of ten. The paper's ViLT had 400 million pairs.
# - **The P40.** On a CPU convolutions and NMS cost in other proportions than on a GPU; shares are this machine's.
# - **That a detector must be slow.** Table 6 is of the detectors of its day at 800 x 1333 pixels. Smaller pictures or faster
#   detectors would shrink (c) without changing its kind.
# - **That kind (b) is worse.** The paper argues that a dot product is too shallow for reasoning (CLIP with an MLP on top has
#   51 % on NLVR2, a coin has 50); for *search* the dot product is what everybody uses. See notebook 10.
#
# ## What to take home
#
# - Families differ in where the work is: in seeing (a detector, a CNN), in reading, or where the two meet.
# - What never meets can be read beforehand and searched fast; what meets early has to be read anew for every pair.
# - ViLT left out the detector, which is where the time went. It became many times faster, not the most accurate.
#
# ## Exercises
#
# **7.1** Of which of these can a picture be kept as *one vector*, made before any sentence is known? Answer with a set of
# letters: **a** VSE++, **b** SCAN, **c** CLIP, **d** UNITER, **e** ViLT.

# %%
one_vector = ...
check("07.1", one_vector)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# one_vector = {"a", "c"}
# check("07.1", one_vector)
# ```
#
# SCAN's pictures can be prepared, but as 36 vectors, and every sentence must look at all of them.
#
# </details>
#
# **7.2** VSE, without the plus signs, sums *all* hinges instead of taking the worst. Write it: `scores` is a tensor
# (sentences, pictures) with the pairs on the diagonal; give the mean over pairs, as above.


# %%
def sum_of_hinges(scores, margin):
    """All mistakes of every sentence and of every picture, over the number of pairs."""
    ...


check("07.2", sum_of_hinges)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def sum_of_hinges(scores, margin):
#     own = scores.diagonal()
#     wrong = ~torch.eye(len(scores), dtype=torch.bool)
#     of_sentences = (margin + scores - own[:, None]).clamp(min=0)[wrong].sum()
#     of_pictures = (margin + scores - own[None, :]).clamp(min=0)[wrong].sum()
#     return (of_sentences + of_pictures) / len(scores)
#
#
# check("07.2", sum_of_hinges)
# ```
#
# From nothing this learns better: the hardest negative of an untrained model is an accident. The lab's recipe begins
# with it, too.
#
# </details>
#
# **7.3** Say that a model of kind (c) takes 900 ms, 885 of them for seeing. An engineer makes its *transformer* ten times
# faster. By which factor does the whole become faster?

# %%
factor = ...
check("07.3", factor)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# factor = 900 / (885 + 15 / 10)
# check("07.3", factor)
# ```
#
# 1.015: nobody would notice. Amdahl's law is half of ViLT's paper.
#
# </details>
#
# **7.4** The words of a sentence found regions with cosines 0.2, 0.9 and 0.5. What is the sentence's score by SCAN's
# LogSumExp with $\lambda = 6$, as published: $\tfrac1\lambda \log \sum_i e^{\lambda c_i}$?

# %%
score = ...
check("07.4", score)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# score = np.log(np.exp(6 * np.array([0.2, 0.9, 0.5])).sum()) / 6
# check("07.4", score)
# ```
#
# A little above the largest: a soft maximum, where the mean would be 0.53. One word that finds its region speaks for all.
#
# </details>
#
# **In the app:** the tab *Compare* measures all nine models on your machine. **Next:**
# [8. Co-attention](08-co-attention.ipynb), where kind (c) meets kind (d) inside the attention.
