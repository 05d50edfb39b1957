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
# # 1. What the model sees
#
# **The question.** A picture is a grid of pixels and a sentence is a row of letters. A transformer reads
# neither: it reads one list of vectors. How do a picture and a sentence become *one list*, and what gets
# lost on the way?
#
# | | |
# |---|---|
# | time | 30 minutes |
# | you need | Python, NumPy arrays, what a matrix product is |
# | you will build | equations 1 and 2 of the [ViLT paper](https://arxiv.org/abs/2102.03334), and the list they make |
#
# Run the cells from top to bottom (Shift + Enter). Every number below is computed in front of you, and
# every part that you build is compared with the library that runs the app.

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
import numpy as np
import torch
from einops import rearrange

from lesson import canvas, check, show, turn
from vilt_core.data.image import normalise
from vilt_core.viz.journey import joined_matrix
from vilt_core.viz.positions import table_map
from vilt_core.viz.sheet import sheet
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

model = vilt_core.load("vilt-mini")
picture = paint(scene(0, 7, split="test"), 128).pixels
sentence = "a fox above a camel"
show(sheet([picture], titles=[sentence]), "A fox sticker above a camel sticker on blue dots")

# %% [markdown]
# This picture comes from the *sticker world* that ships with the lab. You see a fox. The computer has
# 128 rows of 128 pixels, each of them three bytes for red, green and blue:

# %%
print("shape", picture.shape, "- that is", picture.size, "numbers")
print("the pixel in row 40, column 50:", picture[40, 50])

# %% [markdown]
# ## Cut it into patches
#
# A transformer compares every item of its list with every other. With 16,384 pixels in the list that
# would be 268 million comparisons in each layer. So ViT, and ViLT after it, do something almost rude:
# they cut the picture into squares and call every square one item, as if it were a word.

# %%
side = model.model.config.patch_size
tiles = rearrange(picture, "(r p) (c q) rgb -> r c p q rgb", p=side, q=side)
rows, columns = tiles.shape[:2]
print(rows, "x", columns, "=", rows * columns, "patches of", side, "x", side, "pixels")

gap = 3  # pixels of white between the patches, for the eye alone
spread = np.full((rows * (side + gap), columns * (side + gap), 3), 255, dtype=np.uint8)
for r in range(rows):
    for c in range(columns):
        y, x = r * (side + gap), c * (side + gap)
        spread[y : y + side, x : x + side] = tiles[r, c]
show(sheet([spread], titles=["what enters the model"]), "The picture in 64 separate squares")

# %% [markdown]
# Look at the fox now. No single square shows "a fox": there is an ear, an eye, half a muzzle. Nothing in this
# list says which squares belong together. The model has to find out. (Ours had help: in training each square was
# asked for the name of the sticker under it. The published one was not.)
#
# Squares are numbered the way you read a page, row after row: this is **raster order**.
#
# $$ \text{number} = \text{row} \times \text{columns} + \text{column} $$

# %%
numbers = np.arange(rows * columns).reshape(rows, columns)
print(numbers[:3])
assert numbers[2, 5] == 2 * columns + 5

# %% [markdown]
# ## A square becomes a vector
#
# One square is $16 \times 16 \times 3 = 768$ numbers. Written one after the other they are a vector; one
# matrix $V$ turns it into a vector of the model's own width (192 here, 768 in the published ViLT):
#
# $$ \text{token}_i = V\, \text{flatten}(\text{patch}_i) + b $$
#
# That is *all* the vision there is before the transformer: no convolutional network and no object
# detector. It is the paper's whole point, and why ViLT is fast.

# %%
pixels = normalise(picture[None], mean=model.processing.mean, std=model.processing.std)
embedding = model.model.patch_embedding
flat = rearrange(pixels[0], "rgb (r p) (c q) -> (r c) (rgb p q)", p=side, q=side)
V = rearrange(embedding.projection.weight, "d rgb p q -> d (rgb p q)")
mine = flat @ V.T + embedding.projection.bias
print("flat", tuple(flat.shape), "  V", tuple(V.shape), "  tokens", tuple(mine.shape))

# %% [markdown]
# The library writes the same thing as a *convolution* whose stride is its kernel: it never looks at two
# squares at once. Same numbers? We do not believe it, we assert it:

# %%
theirs = rearrange(embedding.projection(pixels), "1 d r c -> (r c) d")
torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
print("a convolution with stride = kernel is one matrix product per square")

# %% [markdown]
# What does $V$ look for? Its rows are 192 little pictures, and a token's entry is large where the square
# resembles one. Here are the directions in which those 192 differ most (their principal components).

# %%
_, strength, directions = torch.linalg.svd(V.detach(), full_matrices=False)
shown = rearrange(directions[:12], "n (rgb p q) -> n p q rgb", rgb=3, p=side).numpy()
shown = (255 * (0.5 + 0.5 * shown / np.abs(shown).max(axis=(1, 2, 3), keepdims=True))).astype(
    np.uint8
)
show(
    sheet(list(shown), titles=[f"{n + 1}" for n in range(12)], columns=6, size=1.2),
    "Twelve small filters: blurred blobs and edges in two colours each",
)

# %% [markdown]
# Blobs (the middle against the rim), edges (one side against the other), each in two colours that are set
# against one another. They are learned and not programmed, and everything the model sees passes through.
#
# ## Where was that square?
#
# Here is the catch. Attention, the machine that reads the list (notebook 2), does not care about order.
# To it these two pictures are the *same set of squares*:

# %%
shuffled = tiles.reshape(-1, side, side, 3)[np.random.default_rng(1).permutation(rows * columns)]
shuffled = rearrange(shuffled, "(r c) p q rgb -> (r p) (c q) rgb", r=rows)
show(
    sheet([picture, shuffled], titles=["a picture", "the same squares"]),
    "Left the picture, right its squares in random places",
)

# %% [markdown]
# So each place gets a vector of its own, learned like everything else, and we simply *add* it. That is
# equation 2 of the paper:
#
# $$ \bar v = [v_\text{class};\; v_1 V;\; \dots;\; v_N V] + V^\text{pos} $$
#
# (The extra $v_\text{class}$ is one more learned vector that belongs to the picture as a whole. The paper writes
# vectors as rows: its $V$ is ours transposed, and it leaves the bias $b$ out.)

# %%
positions = embedding.positions(rows, columns)
tokens = mine + rearrange(positions, "r c d -> (r c) d")
theirs = embedding(pixels)
torch.testing.assert_close(tokens, theirs.tokens[0], rtol=1e-4, atol=1e-4)
print("equation 2 holds:", tuple(theirs.tokens.shape), "and every token knows its place:")
print(theirs.positions[0, :3].tolist(), "...", theirs.positions[0, -1].tolist())

# %% [markdown]
# What does this table know of places? Take one place and compare its vector with all others. **Turn the
# two sliders**: the darkest orange follows, and grows paler with distance. Neighbours resemble one another. White is
# a right angle (cosine 0), purple means that two vectors point apart. (In ViLT-B/32 all that was learned from nothing;
# our small model was given waves to begin with.)

# %%
directions = torch.nn.functional.normalize(positions.detach(), dim=-1)


def alike(row, column):
    """How much the vector of every place points the way of one place's."""
    likeness = (directions @ directions[row, column]).numpy()
    figure, axes = canvas(4.6, 3.8)
    picture_of = axes.imshow(likeness, vmin=-1, vmax=1, cmap="PuOr_r")
    axes.plot(column, row, "k+", markersize=12)
    axes.set(title=f"cosine with place ({row}, {column})", xlabel="column", ylabel="row")
    figure.colorbar(picture_of)
    return figure


# %%
turn(
    alike,
    "A grid of 8 by 8 places, dark orange at the chosen one and around it",
    row=(2, 0, 7),
    column=(3, 0, 7),
)

# %% [markdown]
# ### Pictures of another size
#
# The table has 8 x 8 places. A wider picture has more. The table is then *stretched*, corner on corner,
# with straight lines between the learned values. Here is one of its 192 numbers, a colour a place (blue below zero,
# orange above), as the tab *Preprocess* draws it. A picture of 8 x 15 patches reads the table where the dots are:

# %%
stretched = embedding.positions(8, 15).detach()
columns = np.linspace(0, 7, 15)  # 15 places, corner on corner over 8
dots = np.array([(row, column) for row in range(8) for column in columns])
left = np.floor(columns).astype(int)
right, part = np.minimum(left + 1, 7), torch.tensor(columns - left)[:, None]
learned = positions.detach()
between = (1 - part) * learned[:, left] + part * learned[:, right]
torch.testing.assert_close(between.float(), stretched, rtol=1e-4, atol=1e-4)

entry = int(learned[0].std(dim=0).argmax())
number = learned[..., entry].numpy()
title = f"number {entry} of every place, and where 8 x 15 patches read it"
show(
    table_map(number, title=title, top=float(abs(number).max()), reads=dots, measured=True),
    "Eight by eight coloured squares, and eight rows of fifteen dots from edge to edge",
)

# %% [markdown]
# ## A sentence becomes vectors, too
#
# A model has a fixed list of word *pieces*: some hundreds here, 30,522 in BERT. A word that is not on the list is
# put together from smaller pieces; `##` means "goes on". `[CLS]` and `[SEP]` stand at the ends.

# %%
for text in (sentence, "a zebra eats spaghetti"):
    ids = model.tokenizer.encode([text]).batch.ids[0].tolist()
    print([model.tokenizer.token(i) for i in ids])
    print(ids)

# %% [markdown]
# Then the same trick as before: look every piece up in a table, add a vector for its place. Equation 1:
#
# $$ \bar t = [t_\text{class};\; t_1 T;\; \dots;\; t_L T] + T^\text{pos} $$
#
# As published, BERT's own embedding adds one more constant vector and normalises. Ten lines:

# %%
text = model.tokenizer.encode([sentence]).batch
layer = model.model.text_embedding
words = layer.words.weight[text.ids[0]]  # look up
places = layer.positions.weight[: len(words)]  # 0, 1, 2, ...
total = words + places + layer.segments.weight[0]
centred = total - total.mean(dim=-1, keepdim=True)
scaled = centred / centred.pow(2).mean(dim=-1, keepdim=True).add(1e-12).sqrt()
mine = scaled * layer.norm.weight + layer.norm.bias
torch.testing.assert_close(mine, layer(text.ids)[0], rtol=1e-4, atol=1e-4)
print("equation 1 holds:", tuple(mine.shape))

# %% [markdown]
# ## One list
#
# Text vectors and picture vectors have one width. To tell them apart each gets a *type* vector, one for
# all words and one for all patches. Then they are put side by side. That is equation 3, and the answer
# to our question:
#
# $$ z^0 = [\bar t + t^\text{type};\; \bar v + v^\text{type}] $$

# %%
joint, _, _ = model.model.embed(text, vilt_core.types.ImageBatch(pixels=pixels))
types = model.model.fusion.types.weight
image_class = embedding.class_token + embedding.class_position
z = torch.cat([mine + types[0], image_class[None] + types[1], tokens + types[1]])
torch.testing.assert_close(z, joint[0], rtol=1e-4, atol=1e-4)
print(len(mine), "word pieces ([CLS] and [SEP] among them) + 1 class +", len(tokens), "patches")
print("=", len(z), "vectors")

# %%
pieces = [model.tokenizer.token(i) for i in text.ids[0].tolist()]
names = [*pieces, "class", *(f"patch {k + 1}" for k in range(len(tokens)))]
show(
    joined_matrix(z.detach().numpy(), text_tokens=len(mine), names=names, chosen=2),
    "72 rows of 192 numbers: seven words, one class, 64 patches",
)

# %% [markdown]
# (A row a vector, as *Tour* draws it: words above, class and patches below, a frame around "fox"; blue is below zero,
# orange above.)
#
# **What got lost?** Inside a square, detail: 768 numbers became 192. (In the published ViLT 3,072 become
# 768.) Between squares, whatever a detector would have told us: there are no objects, no outlines and no
# names in that list. What is fox and what is background is for the layers of the transformer to find
# out. That is notebook 2.
#
# ## What to take home
#
# - A picture becomes a list by cutting: each square is flattened and goes through *one* matrix (equation 2). A sentence
#   becomes one by looking its pieces up in a table (equation 1).
# - Attention will not know any order. So places are vectors too, and are *added*; for pictures of another size their
#   table is stretched.
# - Each list is marked with a type, and both stand side by side (equation 3): 72 vectors of 192 numbers. That is all that
#   the model will ever see.
#
# ## Exercises
#
# Write your answers where the dots are. `check` tells you what is off; the solutions are folded away.
#
# **1.1** By the paper ViLT reads a picture of 384 x 640 pixels in patches of 32 x 32 (notebook 12 looks closer), and a
# question of 9 word pieces, `[CLS]` and `[SEP]` not counted. How many vectors are in the list?

# %%
vectors = ...
check("01.1", vectors)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# patches = (384 // 32) * (640 // 32)  # 12 x 20
# vectors = (9 + 2) + (patches + 1)  # [CLS] and [SEP], and the picture's own class
# check("01.1", vectors)
# ```
#
# </details>
#
# **1.2** Which patch does a pixel belong to? Write the number in raster order.


# %%
def patch_of(y, x, *, side, columns):
    """The number of the patch that holds the pixel in row y and column x."""
    ...


check("01.2", patch_of)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def patch_of(y, x, *, side, columns):
#     return (y // side) * columns + x // side
#
#
# check("01.2", patch_of)
# ```
#
# </details>
#
# **1.3** Undo the cut: from tiles of shape (rows, columns, side, side, 3) back to the picture.


# %%
def joined(tiles):
    """The picture whose tiles these are, of shape (rows * side, columns * side, 3)."""
    ...


check("01.3", joined)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def joined(tiles):
#     return rearrange(tiles, "r c p q rgb -> (r p) (c q) rgb")
#
#
# check("01.3", joined)
# ```
#
# In NumPy alone: `tiles.swapaxes(1, 2).reshape(rows * side, columns * side, 3)`. Without `swapaxes` the
# shape is right and the picture is wrong, the classic of this trade.
#
# </details>
#
# **1.4** A row of a position table is [0, 3, 6]. Stretch it to five places, corner on corner.

# %%
stretched_row = ...
check("01.4", stretched_row)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# stretched_row = np.interp(np.linspace(0, 2, 5), [0, 1, 2], [0, 3, 6])
# check("01.4", stretched_row)
# ```
#
# </details>
#
# **1.5** How many parameters does the patch projection of the published ViLT have (patches of
# 32 x 32 x 3, width 768, with its bias)? The paper says 2.4 million: see for yourself.

# %%
parameters = ...
check("01.5", parameters)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# parameters = 32 * 32 * 3 * 768 + 768
# check("01.5", parameters)
# ```
#
# </details>
#
# **Next:** [2. The transformer](02-the-transformer.ipynb), which reads the list.
