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
# # 8. Co-attention: two streams, or one?
#
# **The question.** Words and things shall learn from one another. ViLT puts them into *one* list in which everybody asks
# everybody. ViLBERT, two years before, keeps *two* streams that ask each other. What does each see that the other does
# not, and who pays more?
#
# | | |
# |---|---|
# | time | 40 minutes |
# | you need | notebook 2; notebook 7 helps |
# | you will build | the four blocks of joint attention, ViLBERT's co-attention, both bills by hand, and masked regions |
#
# ViLBERT ([Lu and others, 2019](https://arxiv.org/abs/1908.02265)) is of the paper's kind (c): a detector sees regions, a BERT
# reads words, and *co-attentional transformer layers* let them meet six times.

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
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import torch
from einops import rearrange

from lesson import canvas, check, show, turn
from lesson.detecting import detect
from vilt_core.data.regions import hide_regions
from vilt_core.evaluation.cost import count_flops
from vilt_core.layers.attention import CrossAttention
from vilt_core.layers.block import CoAttentionBlock
from vilt_core.models import build
from vilt_core.objectives import region_kl
from vilt_core.types import ImageBatch
from vilt_core.viz.journey import layer_curves
from vilt_core.viz.palette import BOTH, IMAGE, PLAIN, TEXT
from vilt_core.world.questions import question
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

torch.set_grad_enabled(False)
model = vilt_core.load("vilt-mini")
vilt = model.model
same = lambda mine, theirs: torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)  # noqa: E731

# %% [markdown]
# ## Four blocks of one matrix
#
# In ViLT's list text comes first, then the image. So its attention matrix, rows who ask and columns who is asked, falls
# into four blocks:
#
# | | asks text | asks image |
# |---|---|---|
# | **text** | text → text: grammar | text → image: which thing is meant? |
# | **image** | image → text: what is it about? | image → image: which squares belong together? |
#
# Here is the attention of every block of vilt-mini on one question, by hand (notebook 2) and asserted:


# %%
def heads_of(z, layer):
    """Query, key and value of every head."""
    return rearrange(layer.qkv(z), "... s (k h d) -> k ... h s d", k=3, h=layer.heads)


text = model.tokenizer.encode(["what is above the camel?"]).batch
image = model.prepare(paint(scene(0, 7, split="test"), 128).pixels)[1]
theirs = vilt(text, image, return_states=True, return_attentions=True)
l = text.ids.shape[1]
maps = []
for z, layer, other in zip(theirs.states, vilt.encoder.blocks, theirs.attentions, strict=False):
    Q, K, _ = heads_of(layer.norm1(z[0]), layer.attention)
    maps.append((Q @ K.mT / Q.shape[-1] ** 0.5).softmax(dim=-1))
    same(maps[-1], other[0])
print(f"{len(maps)} blocks of 3 heads, tokens: {l} of text, {len(maps[0][0]) - l} of the image")

# %% [markdown]
# How much of its attention does a token spend on either side? Sum a row over the columns of a block; take the mean over
# the rows. **Turn block and head** and watch the four numbers: each row of blocks sums to 100 %.


# %%
def shares(weights):
    """(2, 2): the mean share of [text, image] that goes to [text, image]."""
    sides = slice(0, l), slice(l, None)
    return np.array([[float(weights[a, b].sum(dim=-1).mean()) for b in sides] for a in sides])


paper = {"color": "white", "pad": 1.5}
LABEL = {"weight": "bold", "ha": "center", "va": "center", "bbox": paper}


# %%
def quarters(block, head):
    """The matrix, its four blocks, and what goes where."""
    weights, (figure, axes) = maps[block - 1][head - 1], canvas(5.6, 5)
    axes.imshow(weights.sqrt(), cmap="Greys", vmin=0, vmax=0.7)
    axes.axhline(l - 0.5, color=BOTH)
    axes.axvline(l - 0.5, color=BOTH)
    for (row, column), share in np.ndenumerate(shares(weights)):
        x, y = ((l / 2 - 0.5, len(weights) - 5)[side] for side in (column, row))  # its corner
        axes.text(x, y, f"{share:.0%}", color=(TEXT, IMAGE)[column], **LABEL)
    axes.set(xlabel="asked: text | image", ylabel="image | text: asks")
    axes.set_title(f"block {block}, head {head}")
    return figure


turn(quarters, "The matrix in four blocks with shares", block=(6, 1, len(maps)), head=(2, 1, 3))

# %% [markdown]
# (Shades are square roots, or the faint ones would not be seen.) Over the depth, means over the heads:

# %%
depth = np.array([shares(weights.mean(dim=0)) for weights in maps])
ways = {"text → image": depth[:, 0, 1], "image → text": depth[:, 1, 0]}
axes = {"x": "block", "y": "to the other side", "first": 1, "percent": True}
show(
    layer_curves(ways, at=len(depth), **axes, colors=(TEXT, IMAGE)),
    "Two curves: text looks at the image far more than the image at text",
)
even = {"text → image": 1 - l / len(maps[0][0]), "image → text": l / len(maps[0][0])}
for way, found in ways.items():
    print(f"{way}: {found.min():.0%} to {found.max():.0%}, most in block {found.argmax() + 1}; "
          f"an even spread {even[way]:.0%}")  # fmt: skip

# %% [markdown]
# Do not compare the two curves with each other: most tokens are image, and an *even* spread would give it most of everybody's
# attention. Compare each with its own even share. Where text stays below it, words look at words more than their number
# explains; where the image rises above its own, patches ask the question what they are looked at for.
#
# ## Cross them out
#
# Which of the four does the answer need? Cross a block out in all layers (minus infinity before the softmax) and ask 150
# questions:


# %%
def read(text, image, crossed=()):
    """The pooled state; some of the four blocks of every layer are crossed out."""
    z, mask, _ = vilt.embed(text, image)
    side = torch.arange(z.shape[1]) >= text.ids.shape[1]  # False: text
    allowed = mask[:, None, None, :].repeat(1, 1, z.shape[1], 1)
    for asking, asked in crossed:
        allowed &= ~((side == asking)[:, None] & (side == asked))
    for layer in vilt.encoder.blocks:
        Q, K, V = heads_of(layer.norm1(z), layer.attention)
        scores = (Q @ K.mT / Q.shape[-1] ** 0.5).masked_fill(~allowed, -torch.inf)
        found = rearrange(scores.softmax(dim=-1) @ V, "b h s d -> b s (h d)")
        z = z + layer.attention.projection(found)
        z = z + layer.mlp(layer.norm2(z))
    return vilt.pooler(vilt.encoder.norm(z)[:, 0])


# %%
places = [scene(0, k, split="test") for k in range(150)]
posed = [question(place, random.Random(k).random) for k, place in enumerate(places)]
texts = model.tokenizer.encode([one.text for one in posed]).batch
images = torch.cat([model.prepare(paint(place, 128).pixels)[1].pixels for place in places])
images = ImageBatch(pixels=images)
same(read(texts, images), vilt.pool(texts, images))  # nothing crossed out: the library's own


def right(crossed=()):
    """How many of the questions are answered right, percent."""
    best = vilt.vqa(read(texts, images, crossed)).argmax(dim=-1)
    return 100 * np.mean(
        [model.answers[i] == one.answer for i, one in zip(best, posed, strict=True)]
    )


# %%
from itertools import islice

from vilt_core.evaluation.sources import world_questions
from vilt_core.evaluation.text_only import TextOnly

heard = TextOnly(islice(world_questions("train"), 4000))  # which words go with which answers
blind = 100 * np.mean([heard.guess(one.text) == one.answer for one in posed])
cuts = {"nothing": (), "text → text": [(0, 0)], "text → image": [(0, 1)], "image → text": [(1, 0)],
        "image → image": [(1, 1)], "both own": [(0, 0), (1, 1)]}  # fmt: skip
kept = {name: right(crossed) for name, crossed in cuts.items()}
assert kept["text → text"] < blind < kept["image → text"] < kept["nothing"]
print({name: f"{value:.0f} %" for name, value in {**kept, "without looking": blind}.items()})
figure = go.Figure(
    go.Bar(x=list(kept), y=[round(value, 1) for value in kept.values()], marker_color=IMAGE)
)
figure.update_layout(
    height=300, template="plotly_white", yaxis_title="right, %", xaxis_title="crossed out"
)
figure.add_hline(y=round(blind, 1), line_dash="dash")
show(
    figure,
    "Bars, most of them far below the first; dashed: one who hears the words and never looks",
)

# %% [markdown]
# The dashed line is somebody who never looks, and answers what such words were mostly answered with. Even a *single* cut can end
# at it or below it, with every other way still open. So the height of a bar is not what a block is worth. Much of the fall is
# shock: the states after a cut are none that the model ever met, and who is lost does worse than guess.
#
# What had to happen, did. The answer is read off the text's first token: without *text → image* nothing of the picture reaches
# it, without *text → text* the question only by a detour, through patches that have asked for it. *Image → text* is needed
# least: most of what a picture becomes can be made before anybody asks. And with **both own blocks** gone it is lost as well.
#
# But that is what a *co-attention* layer is: text asks only the image, the image asks only the text. ViLBERT must give
# the own blocks back elsewhere, and it does, in separate layers between the meetings. (Mind what this test cannot say:
# vilt-mini was trained with all four. Another model, trained without one, may learn to do without.)
#
# ## Co-attention by hand
#
# Each stream writes queries, and *keys and values for the other*. The streams may even differ in width (768 for words,
# 1,024 for regions in ViLBERT); the heads work at a third one.
#
# $$ \text{text} \leftarrow \text{softmax}\big(Q_\text{text} K_\text{image}^\top / \sqrt d\big) V_\text{image}, \qquad
# \text{image} \leftarrow \text{softmax}\big(Q_\text{image} K_\text{text}^\top / \sqrt d\big) V_\text{text} $$


# %%
def ask(z, context, layer):
    """The tokens of one stream ask those of the other."""
    Q = rearrange(layer.query(z), "s (h d) -> h s d", h=layer.heads)
    K, V = rearrange(layer.key_value(context), "s (k h d) -> k h s d", k=2, h=layer.heads)
    found = (Q @ K.mT / Q.shape[-1] ** 0.5).softmax(dim=-1) @ V
    return layer.projection(rearrange(found, "h s d -> s (h d)"))


def meet(words, regions, layer):
    """ViLBERT's co-attentional layer: both ask, then each thinks by itself; sums, then norms."""
    of_image, of_text = ask(words, regions, layer.text_asks), ask(regions, words, layer.image_asks)
    words, regions = layer.text_norm1(words + of_image), layer.image_norm1(regions + of_text)
    words = layer.text_norm2(words + layer.text_mlp(words))
    return words, layer.image_norm2(regions + layer.image_mlp(regions))


# %%
torch.manual_seed(0)
sizes = {"answers": len(model.answers), "vocab_size": len(model.tokenizer)}
vilbert = build("vilbert", size="mini", **sizes).eval()  # not trained
words, regions = torch.randn(7, 128), torch.randn(5, 160)
met = vilbert.meetings[0](words[None], regions[None])
mine = meet(words, regions, vilbert.meetings[0])
same(mine[0], met.text[0])
same(mine[1], met.image[0])
print("my co-attention is the library's, 7 words of width 128 and 5 regions of width 160")

# %% [markdown]
# ### The same thing, seen twice
#
# Is that another mechanism than joint attention? Take ViLT's own trained weights, cut `qkv` into a query and a key-value
# half, and let text ask the image by *cross*-attention. Then cross out text → text in the *joint* matrix. Equal?

# %%
layer, z = vilt.encoder.blocks[5], theirs.states[5][0]
normed, d = layer.norm1(z), z.shape[1]
cross = CrossAttention(d, heads=3)
for name, whole in layer.attention.qkv.named_parameters():  # weight and bias
    setattr(cross.query, name, torch.nn.Parameter(whole[:d]))
    setattr(cross.key_value, name, torch.nn.Parameter(whole[d:]))
cross.projection = layer.attention.projection

Q, K, V = heads_of(normed, layer.attention)
scores = Q @ K.mT / Q.shape[-1] ** 0.5
scores[:, :l, :l] = -torch.inf  # text may not ask text
joint = rearrange(scores.softmax(dim=-1) @ V, "h s d -> s (h d)")
same(cross(normed[None, :l], normed[None, l:])[0][0], layer.attention.projection(joint)[:l])
print("cross-attention = joint attention without the own block, if both sides share weights")

# %% [markdown]
# **So that is the whole difference.** Joint attention: four blocks, one softmax a row (to look at the image, a word must
# look *away* from the other words), one set of weights. Co-attention: two of the blocks, a softmax of its own, weights of
# its own for each stream; the other two blocks come in layers of their own.
#
# ## ViLBERT, all of it
#
# Words go ahead alone through some blocks. Then six times (twice in the small one): meet, then each stream its own
# block. At the end the *product* of the two first tokens is read, `[CLS]` and `[IMG]`, the mean of all regions:

# %%
seen = detect([scene(0, 7, split="test")])  # true boxes, 16 x 16 grey pixels: notebook 7
words, regions = vilbert.text_embedding(text.ids), vilbert.embed_image(seen)
ahead = len(vilbert.words) - len(vilbert.regions)
for own in vilbert.words[:ahead]:
    words, _ = own(words)
for k, layer in enumerate(vilbert.meetings):
    met = meet(words[0], regions[0], layer)
    words, _ = vilbert.words[ahead + k](met[0][None])
    regions, _ = vilbert.regions[k](met[1][None])
pooled = vilbert.pooler(words[:, 0]) * vilbert.region_pooler(regions[:, 0])
same(pooled, vilbert(text, seen).pooled)
print(f"{words.shape[1]} pieces, [IMG], {regions.shape[1] - 1} regions: ViLBERT's pooled vector")

# %%
# The same layers after a training ship as vilbert-mini, with a detector of stickers. One question to both models:
picture = paint(scene(0, 7, split="test"), 256).pixels
docs = Path(vilt_core.__file__).parents[1] / "docs"
compared = json.loads((docs / "comparison.json").read_text())  # measured before, on test scenes
for one in (vilt_core.load("vilbert-mini"), model):
    told = one.answer(picture, "what is above the camel?", top_k=3)
    print(f"{one.name:>12}: " + ", ".join(f"{a.text} {a.probability:.0%}" for a in told))
    score = next(found for found in compared[one.name]["results"] if found["task"] == "vqa")
    print(f"{'':>12}  right {score['accuracy']:.0%} of {score['examples']:,} questions")

# %% [markdown]
# It is the *first place* that counts as an answer, not its share: a model may be right with little confidence. Nor does one
# question say who is better; the lines below it do, and beside the other families `docs/comparison.md`. (What each was
# taught, and for how long, differs too: that is told there.)
#
# ## The bill, by hand
#
# First parameters. A matrix from $a$ to $b$ has $ab + b$, a norm $2a$. Of a co-attention layer with widths $T$ (text), $I$
# (image), $M$ (where they meet) and MLPs of $H_T$ and $H_I$:


# %%
def matrix(a, b):
    """With its bias."""
    return a * b + b


def parameters(T, I, M, HT, HI):
    """Of one co-attentional layer."""
    sides = (T, I), (I, T)
    asks = sum(matrix(a, M) + matrix(b, 2 * M) + matrix(M, a) for a, b in sides)
    thinks = sum(matrix(own, wide) + matrix(wide, own) for own, wide in ((T, HT), (I, HI)))
    return asks + thinks + 2 * 2 * T + 2 * 2 * I  # two norms a stream


# %%
published = {"T": 768, "I": 1024, "M": 1024, "HT": 3072, "HI": 1024}
widths = {"text_width": 768, "image_width": 1024, "inner_width": 1024}
block = CoAttentionBlock(**widths, heads=8, text_mlp_width=3072, image_mlp_width=1024)
assert parameters(**published) == sum(p.numel() for p in block.parameters())
print(f"a published meeting: {parameters(**published):,} parameters, a block of ViLT 7,087,872")

# %% [markdown]
# Then FLOPs, two a multiplication and addition, for $l$ words and $n$ regions. A matrix costs $2ab$ a token. Comparing and
# mixing cost $2 \cdot 2 l n M$ for each direction, $8lnM$ in all. A block of self-attention over $s$ tokens costs $8sd^2 + 4s^2d$, and
# its MLP $4sdh$:


# %%
def meeting(l, n, T, I, M, HT, HI):
    """FLOPs of one co-attentional layer."""
    matrices = 2 * (l * (T * M + T * 2 * M + M * T) + n * (I * M + I * 2 * M + M * I))
    return matrices + 8 * l * n * M + 4 * (l * T * HT + n * I * HI)


def alone(s, d, h):
    """FLOPs of one transformer block within a stream."""
    return 8 * s * d * d + 4 * s * s * d + 4 * s * d * h


# %%
l_, n_ = 36, 36 + 1  # ViLBERT's words and regions in the paper's Table 6, and its [IMG]
zeros = torch.zeros(1, l_, 768), torch.zeros(1, n_, 1024)
assert meeting(l_, n_, **published) == count_flops(lambda: block(*zeros))
vilbert_flops = 6 * meeting(l_, n_, **published) + 2 * (768 * 1024 + 1024 * 1024)  # and the poolers
vilbert_flops += 12 * alone(l_, 768, 3072) + 6 * alone(n_, 1024, 1024)
vilt_flops = 12 * alone(40 + 1 + 240, 768, 3072) + 2 * 768 * 768

assets = Path(vilt_core.__file__).parents[1] / "assets"
measured = json.loads((assets / "families.json").read_text())
for name, mine in (("vilbert", vilbert_flops), ("vilt", vilt_flops)):
    parts = next(one for one in measured["families"] if one["name"] == name)["components"]
    seeing, meeting_part = parts[0]["flops"], parts[2]["flops"]
    assert mine == meeting_part  # what the library counted at published size
    print(f"{name:>7}: meeting {mine / 1e9:5.1f} GFLOPs, seeing {seeing / 1e9:7.1f}")

# %% [markdown]
# To the last digit. Note *who* is cheap: ViLBERT's two streams read 73 tokens and cost a third of ViLT's one list of 281. Its
# expense lies in front of it, in the detector that makes 36 regions out of a million pixels.
#
# At equal numbers of tokens, which part of the comparing does co-attention leave out? **Turn** text and image:


# %%
def areas(text_tokens, image_tokens):
    """The joint matrix to scale: what co-attention keeps of it."""
    s, (figure, axes) = text_tokens + image_tokens, canvas(4.6, 4.4)
    kept = np.zeros((s, s, 3)) + 0.88
    kept[:text_tokens, text_tokens:] = kept[text_tokens:, :text_tokens] = (0.54, 0.36, 0.84)
    axes.imshow(kept)
    axes.set(xticks=[], yticks=[], xlabel="asked: text | image", ylabel="image | text: asks")
    share = 2 * text_tokens * image_tokens / s**2
    axes.set_title(f"joint: {s**2:,} comparisons; co-attention: {share:.0%} of them")
    return figure


told = "A square with two purple blocks: the share of the joint matrix that co-attention computes"
turn(areas, told, text_tokens=(40, 4, 120, 4), image_tokens=(241, 5, 300, 4))

# %% [markdown]
# ## Masked regions
#
# Words are hidden and guessed (notebook 3). ViLBERT does it with regions, too: 15 % are asked about; of these 90 % get
# features of *zero*, 10 % stay as they are (so that the model never quite knows which to trust). The box stays, or the
# model could not know which region is meant.

# %%
real = torch.ones(2000, 20, dtype=torch.bool)
hidden = hide_regions(real, generator=torch.Generator().manual_seed(0), shown=0.1)
zeroed = hidden.covered[hidden.asked].float().mean()
print(f"asked {hidden.asked.float().mean():.1%}, of these zeroed {zeroed:.1%}")
print("at least one of every picture:", bool(hidden.asked.any(dim=1).all()))

seen = detect([scene(0, k, split="test") for k in (7, 10, 24, 38)], sure=0.7)
told = model.tokenizer.encode(["what is above the camel?", *["what is this?"] * 3]).batch
hidden = hide_regions(seen.mask, generator=torch.Generator().manual_seed(2), shown=0.1)
covered = replace(seen, covered=hidden.covered)
output = vilbert(told, covered)

emptied = seen.features * ~hidden.covered[..., None]  # by hand: zeros in their place
mine = vilbert.image_embedding(emptied, seen.boxes)
same(mine, vilbert.embed_image(covered)[:, 1:])  # [IMG], the mean of all, comes first

# %% [markdown]
# And what is the truth? Nobody labelled the region: a *detector* did, and it is never quite sure. So the target is its whole
# distribution $p$ over 1,600 classes and the background (260 here), and the loss asks how far the model's $q$ is from it, by
# the Kullback-Leibler divergence:
#
# $$ L_\text{MRM} = \tfrac1M \sum_{\text{asked}} \sum_c p_c \,(\log p_c - \log q_c) $$

# %%
p = seen.classes[hidden.asked]
q = vilbert.region_class(output.image[hidden.asked]).log_softmax(dim=-1)
mine = (p * (p.log() - q)).sum(dim=-1).mean()
same(mine, region_kl(vilbert.region_class(output.image[hidden.asked]), p))
print(f"{len(p)} regions asked, {p.shape[1]} classes: KL {mine:.2f} of an untrained ViLBERT")

# %% [markdown]
# Zero means "you say what the teacher says, doubts included", *not* "you are sure". Let the detector think 70 % horse, 20 %
# zebra, 10 % cow. **Turn** the student's certainty: where is the loss least?


# %%
def student(certainty):
    """Teacher and student side by side, and the divergence."""
    teacher = np.array([0.7, 0.2, 0.1])
    own = np.array([certainty, *((1 - certainty) * teacher[1:] / teacher[1:].sum())])
    loss = float((teacher * np.log(teacher / own)).sum())
    figure, axes = canvas(5.2, 3)
    axes.bar(np.arange(3) - 0.2, teacher, 0.38, color=PLAIN, label="detector, p")
    axes.bar(np.arange(3) + 0.2, own, 0.38, color=IMAGE, label="model, q")
    axes.set_xticks(range(3), ["horse", "zebra", "cow"])
    axes.set(title=f"KL = {loss:.3f}", ylim=(0, 1))
    axes.legend(frameon=False)
    return figure


turn(student, "Bars of both, and their divergence", certainty=(0.95, 0.05, 0.99, 0.05))

# %% [markdown]
# ViLT has no detector, so nobody tells it what a hidden patch *is*. Its authors tried the nearest thing, masked patch
# prediction (guess the patch's mean colour), and the paper's Table 5 has it: no help on any task, and
# harm on each, from 0.1 points on VQA to 6 on zero-shot text retrieval of Flickr30K. They left it out.
#
# ## What to take home
#
# - Joint attention has four blocks under one softmax. Co-attention has the two in which the sides ask each other, with weights
#   of their own, and gives the other two to separate layers.
# - Counted by hand, two streams compute less than one list of more tokens. ViLBERT is dear because of what stands before it.
# - A masked region is taught the detector's whole distribution, doubts included.
#
# ## Exercises
#
# **8.1** For any square matrix `weights` (an array whose rows sum to 1) with `l` tokens of text first, give the (2, 2) shares: rows
# text and image ask, columns text and image are asked.


# %%
def block_shares(weights, l):
    """Mean share of [text, image] that goes to [text, image]."""
    ...


check("08.1", block_shares)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def block_shares(weights, l):
#     to_text = weights[:, :l].sum(axis=1)
#     rows = [[own.mean(), 1 - own.mean()] for own in (to_text[:l], to_text[l:])]
#     return np.array(rows)
#
#
# check("08.1", block_shares)
# ```
#
# Sum over the columns that are asked, mean over the rows that ask.
#
# </details>
#
# **8.2** ViLT-B/32 reads 40 word pieces and 241 tokens of image. Which share of its comparisons (entries of the matrix) would
# co-attention *leave out*?

# %%
left_out = ...
check("08.2", left_out)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# left_out = (40**2 + 241**2) / (40 + 241) ** 2
# check("08.2", left_out)
# ```
#
# Three quarters, nearly all of it image → image: the block that lets patches become things. A detector's regions are things
# already; patches are not.
#
# </details>
#
# **8.3** From joint scores (before the softmax), a tensor (s, s) with `l` tokens of text first, make the weights of
# co-attention: nobody asks their own side.


# %%
def co_attention(scores, l):
    """(s, s) weights whose rows sum to 1."""
    ...


check("08.3", co_attention)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def co_attention(scores, l):
#     scores = scores.clone()
#     scores[:l, :l] = scores[l:, l:] = -torch.inf
#     return scores.softmax(dim=-1)
#
#
# check("08.3", co_attention)
# ```
#
# </details>
#
# **8.4** The masked region loss of *one* region: `p` is the detector's distribution (an array; some entries may be 0), `logits`
# are the model's scores before the softmax.


# %%
def kl(p, logits):
    """How far the model is from the detector."""
    ...


check("08.4", kl)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def kl(p, logits):
#     q = np.exp(logits - logits.max())
#     q = q / q.sum()
#     told = p > 0  # 0 log 0 is 0
#     return (p[told] * np.log(p[told] / q[told])).sum()
#
#
# check("08.4", kl)
# ```
#
# </details>
#
# **In the app:** the tab *Compare* sends one pair through two models side by side. **Next:**
# [9. Fine-tuning on your own data](09-fine-tuning-on-your-own-data.ipynb).
