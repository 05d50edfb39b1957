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
# # 12. The published ViLT-B/32 on photographs
#
# **The question.** Everything so far happened among stickers, in a model of four and a half million parameters. What changes
# when the *published* model reads a photograph, the one with 87 million parameters that people cite? And how do you make
# sure that your code really computes it?
#
# | | |
# |---|---|
# | time | 40 minutes |
# | you need | notebooks 1 and 2; 3 GB of memory |
# | you will build | the way of a photograph into the model, a count of its parameters and operations, the names of its weights in two libraries, and a proof that both compute the same |
#
# **Mind what you see.** The published weights are half a gigabyte and do not ship with the lab. Where this notebook finds
# none it goes on with **random numbers in a network of exactly the same shape**. All that is said about shapes, sizes, names and
# parity is then as true as with the real ones. *Answers* are not: they mean nothing, and the notebook says so. The
# saved page was made that way. To see real answers, put the folder `vilt-b32-finetuned-vqa` somewhere and start Jupyter with
# `VILT_LAB_PHOTO_MODELS` naming the folder above it; or have it in the Hugging Face cache already. Nothing is downloaded here.

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
from dataclasses import replace

import numpy as np
import torch
from einops import rearrange
from huggingface_hub import try_to_load_from_cache
from transformers import ViltConfig, ViltModel

from lesson import canvas, check, show, turn
from vilt_core import interop, types
from vilt_core.config import vilt_b32
from vilt_core.data import image as pictures
from vilt_core.evaluation.cost import count_flops
from vilt_core.interop import renames, weights
from vilt_core.viz.palette import IMAGE, PLAIN

# %%
torch.set_grad_enabled(False)
NAME = "vilt-b32-finetuned-vqa"


def published():
    """The folder of the published weights on this machine; None where there is none."""
    held = os.environ.get("VILT_LAB_PHOTO_MODELS")
    cached = try_to_load_from_cache(f"dandelin/{NAME}", "config.json")
    found = [Path(held) / NAME] if held else []
    found += [Path(cached).parent] if isinstance(cached, str) else []
    whole = ("model.safetensors", "pytorch_model.bin")
    return next((at for at in found if any((at / name).is_file() for name in whole)), None)


folder = published()
bundle = interop.open_bundle(folder) if folder else None
print("the published weights" if bundle else "RANDOM WEIGHTS: no answer below means anything")

# %% [markdown]
# ## The same machine, larger
#
# `vilt_b32()` is the published geometry. Where there are no weights, random ones are drawn into it, biases too, so that none of
# them can get lost unnoticed further down.


# %%
def random_weights(config, seed=0):
    """A network of this shape that knows nothing."""
    empty, draw = weights.without_values(config), torch.Generator().manual_seed(seed)
    state = {}
    for name, value in empty.state_dict().items():
        state[name] = 0.02 * torch.randn(value.shape, generator=draw)
        if "norm" in name and name.endswith("weight"):
            state[name] += 1
    return weights.adopt(empty, state)


# transformers has one epsilon for all norms, so that we ask for the same here.
blank = replace(vilt_b32(answers=3129), tasks=(), norm_eps=1e-12)
model = bundle.vilt if bundle else random_weights(blank)

# %%
mini = vilt_core.load("vilt-mini").model
print(f"{'':16}{'vilt-mini':>12}{'ViLT-B/32':>12}")
for what in ("depth", "width", "heads", "patch_size", "image_size", "vocab_size", "answers"):
    print(f"{what:16}{getattr(mini.config, what):>12,}{getattr(model.config, what):>12,}")
sizes = [sum(value.numel() for value in one.parameters()) for one in (mini, model)]
print(f"{'parameters':16}{sizes[0]:>12,}{sizes[1]:>12,}")
assert all(
    getattr(model.config, key) == getattr(blank, key) for key in ("depth", "width", "answers")
)

# %% [markdown]
# Nothing in that table is a new idea. A head is 64 numbers wide in both. What you built in notebooks 1 and 2 *is* the published
# model; `depth` counts the repetitions.
#
# ## Where the parameters are
#
# Count them by hand, with $d = 768$: a linear layer from $a$ to $b$ has $ab + b$, a norm $2d$ (exercise 2.1).


# %%
linear = lambda a, b: a * b + b  # noqa: E731 - a matrix and its bias


def by_hand(c):
    """The parameters of a ViLT for questions, part by part."""
    d, wide = c.width, c.mlp_width
    block = linear(d, 3 * d) + linear(d, d) + linear(d, wide) + linear(wide, d) + 4 * d
    return {
        "words": (c.vocab_size + c.max_text_tokens + c.segment_types + 2) * d,
        "patches": linear(3 * c.patch_size**2, d),
        "places, types": (c.grid**2 + 2 + c.modality_types) * d,
        "blocks": c.depth * block + 2 * d,
        "pooler": linear(d, d),
        "answers": linear(d, 2 * d) + 4 * d + linear(2 * d, c.answers),
    }


# %%
import plotly.graph_objects as go

counted, of_mini = by_hand(model.config), by_hand(mini.config)  # with heads for questions alone
assert sum(counted.values()) == sizes[1]
assert counted["patches"] + counted["blocks"] - 2 * 768 == 87_414_528
print("blocks and patches: 87.4 million, as the paper says; with all the rest", f"{sizes[1]:,}")
figure = go.Figure()
for name, held, color in (("vilt-mini", of_mini, PLAIN), ("ViLT-B/32", counted, IMAGE)):
    percent = [round(100 * value / sum(held.values()), 2) for value in held.values()]
    figure.add_bar(x=list(held), y=percent, name=name, marker_color=color)
    print(f"{name}, million:", {part: round(value / 1e6, 2) for part, value in held.items()})
figure.update_layout(height=320, template="plotly_white", yaxis_title="% of its parameters")
show(
    figure, "Bars: of both models most parameters lie in the blocks, and few percent in the patches"
)

# %% [markdown]
# In both the blocks have most; ViLT-B/32 knows thirty times as many word pieces, and it shows. Look at "patches": 2.4 million
# of its parameters, two in a hundred. In the models of that time a ResNet and a detector stood in its place, with 25 to 60 million
# parameters and most of the time. Leaving them out is the paper's title: *without convolution or region supervision*.
#
# ## A photograph comes in
#
# The shorter side becomes 384 pixels, the longer at most 1333/800 of that (639), and both are rounded to whole pixels and
# then cut down to whole patches of 32.
# The paper calls it 384 x 640; the code never gets there, it ends at 608:


# %%
def seen_at(width, height):
    """Width and height at which ViLT-B/32 sees a picture."""
    shorter, longer = 384, 384 / min(width, height) * max(width, height)
    longest = int(1333 / 800 * 384)
    if longer > longest:
        shorter, longer = shorter * longest / longer, longest
    shorter, longer = (int(side + 0.5) // 32 * 32 for side in (shorter, longer))
    return (longer, shorter) if width > height else (shorter, longer)


assets = Path(vilt_core.__file__).parents[1] / "assets"
photos = {at.stem: pictures.open_image(at) for at in sorted(assets.glob("photos/*.jpg"))}
shapes = {name: photo.size for name, photo in photos.items()}
for name, size in [*shapes.items(), ("a film", (1920, 800))]:
    width, height = seen_at(*size)
    assert (width, height) == pictures.fitted_size(*size, size=384, patch_size=32)
    print(f"{name:>12}: {size} -> {width} x {height}, {height // 32} x {width // 32} patches")


# %%
def as_seen(photo):
    """A photograph as ViLT-B/32 gets it, with the edges of its patches."""
    small = np.array(pictures.resize(photos[photo], size=384, patch_size=32))
    (height, width, _), (figure, axes) = small.shape, canvas(5.4, 3.8)
    axes.imshow(small)
    line = {"colors": "white", "linewidth": 0.6, "alpha": 0.7}
    axes.vlines(np.arange(32, width, 32) - 0.5, 0, height - 1, **line)
    axes.hlines(np.arange(32, height, 32) - 0.5, 0, width - 1, **line)
    axes.set_title(f"{height} x {width}: {small.size // 3072} patches", fontsize=10)
    axes.set_axis_off()
    return figure


told = "A cup of coffee under a grid of 12 by 18 squares"
turn(as_seen, told, photo=("coffee", list(photos)))

# %% [markdown]
# (Photographs: CC0 or public domain, see `assets/photos/CREDITS.md`.) A patch is 32 x 32 pixels of a photograph here: the bowl of the
# spoon is half a dozen of them. It is remarkable that this suffices.
#
# The table of positions was learned for 12 x 12 places. For 12 x 18 it is stretched, as in notebook 1:

# %%
coffee = pictures.to_pixels(photos["coffee"], size=384, patch_size=32)
looked = model.embed_image(types.ImageBatch(pixels=coffee[None]))
learned = model.patch_embedding.positions.table
stretched = torch.nn.functional.interpolate(
    learned.permute(2, 0, 1)[None], size=(12, 18), mode="bilinear", align_corners=True
)[0].permute(1, 2, 0)
torch.testing.assert_close(stretched, model.patch_embedding.positions(12, 18), rtol=1e-4, atol=1e-5)
print(tuple(learned.shape), "->", tuple(stretched.shape), "and", looked.tokens.shape[1], "patches")

# %% [markdown]
# ## A question comes in
#
# BERT's vocabulary has 30,522 pieces, in lower case. Without the checkpoint its list is not here, but some of its numbers are well
# known, enough for one question; where the list *is* here, they are compared with it.

# %%
PIECES = {
    "[CLS]": 101, "how": 2129, "many": 2116, "people": 2111,
    "are": 2024, "there": 2045, "?": 1029, "[SEP]": 102,
}  # fmt: skip
ids = torch.tensor([list(PIECES.values())])
text = types.TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool))
if bundle:
    read = bundle.tokenizer.encode(["How many people are there?"]).batch
    assert torch.equal(read.ids, ids)
output = model(text, types.ImageBatch(pixels=coffee[None]))
print("states of", output.text.shape[1], "pieces, 1 class and", output.image.shape[1], "patches,")
print(f"each {output.text.shape[2]} wide; pooled {tuple(output.pooled.shape)}")

# %% [markdown]
# ## What one question costs
#
# Multiply-adds by hand, for $s$ vectors of width $d$: the four matrices of attention $4sd^2$, scores and values $2s^2d$, the MLP
# $8sd^2$; twelve times; and two floating-point operations each.


# %%
def flops(patches, pieces, c=model.config):
    """Floating-point operations of one question, blocks and patch projection."""
    s, d = patches + 1 + pieces, c.width
    block = 12 * s * d**2 + 2 * s**2 * d
    return 2 * (c.depth * block + patches * 3 * c.patch_size**2 * d)


pieces, patches = ids.shape[1], output.image.shape[1]
met = count_flops(lambda: model(text, types.ImageBatch(pixels=coffee[None])))
print(f"by hand {flops(patches, pieces) / 1e9:.1f} billion, counted as they happen {met / 1e9:.1f}")
assert abs(flops(patches, pieces) / met - 1) < 0.01
print(f"for 200 patches, their class and 40 words {flops(200, 40) / 1e9:.1f}; the paper says 55.9")

# %% [markdown]
# The last line is worth a stop. The paper's Table 6 says 55.9, and no plain count that we know comes out there. It may have counted
# something else. We show our number, and the paper's as the paper's. **A number that you cannot reproduce is a question, not a fact.**
#
# ## The same weights under three names
#
# A checkpoint is a dictionary of arrays. The lab, `transformers` and the original code named them differently. To read the
# published file means to translate:

# %%
for row in renames.TABLE:
    if "{i}" in row.ours:
        first, *more = row.transformers.split(" + ")
        print(
            f"{row.ours:39} {row.original}\n{'':6}{first}", f"and {len(more)} more" if more else ""
        )

# %% [markdown]
# All but one are mere renaming. The exception: we have *one* matrix for queries, keys and values (one product is faster than
# three), `transformers` has three. And our class has a position of its own, where the others have one table. Here is the
# translator, by hand:

# %%
RENAMES = (
    ("text_embedding.words", "embeddings.text_embeddings.word_embeddings"),
    ("text_embedding.positions", "embeddings.text_embeddings.position_embeddings"),
    ("text_embedding.segments", "embeddings.text_embeddings.token_type_embeddings"),
    ("text_embedding.norm", "embeddings.text_embeddings.LayerNorm"),
    ("patch_embedding.projection", "embeddings.patch_embeddings.projection"),
    ("fusion.types", "embeddings.token_type_embeddings"),
    ("encoder.blocks", "encoder.layer"),
    ("encoder.norm", "layernorm"),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".attention.projection.", ".attention.output.dense."),
    (".mlp.expand.", ".intermediate.dense."),
    (".mlp.contract.", ".output.dense."),
)


# %%
def translated(state):
    """Our weights, under the names of transformers' ViltModel."""
    found = {}
    for name, value in state.items():
        for ours, theirs in RENAMES:
            name = name.replace(ours, theirs)
        if ".attention.qkv." in name:
            parts = zip(("query", "key", "value"), value.chunk(3), strict=True)
            found |= {name.replace("qkv", f"attention.{part}"): third for part, third in parts}
        elif name.startswith(("encoder.", "embeddings.", "layernorm", "pooler")):
            found[name] = value
    table = rearrange(state["patch_embedding.positions.table"], "r c d -> (r c) d")
    places = torch.cat([state["patch_embedding.class_position"][None], table])
    found["embeddings.cls_token"] = state["patch_embedding.class_token"][None, None]
    return found | {"embeddings.position_embeddings": places[None]}


# %%
state = translated(model.state_dict())
library = renames.outwards(model.state_dict(), names="transformers", depth=12, classifier="vqa")
library = {name[5:]: value for name, value in library.items() if name.startswith("vilt.")}
assert state.keys() == library.keys()
assert all(torch.equal(state[name], library[name]) for name in library)
print(
    f"{len(model.state_dict())} arrays of ours are {len(state)} of ViltModel and 6 of its classifier"
)

# %% [markdown]
# ## Parity: is it really the same machine?
#
# Names and shapes fit; `load_state_dict(strict=True)` will confirm it. **That proves little**: whoever exchanges queries and keys
# gets all names and shapes right, and nonsense out. The proof is to *compute*. Both libraries get the same weights, the same
# photograph and the same question:

# %%
with torch.device("meta"):  # shapes without memory: the weights are ours, not a second copy
    theirs = ViltModel(ViltConfig(layer_norm_eps=model.config.norm_eps)).eval()
print(theirs.load_state_dict(state, strict=True, assign=True))
counters = theirs.embeddings.text_embeddings  # two rows of numbers that no checkpoint holds
counters.position_ids = torch.arange(40)[None]
counters.token_type_ids = torch.zeros(1, 40, dtype=torch.long)
asked = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": coffee[None]}
torch.manual_seed(1)  # transformers draws the order of the patches
answer = theirs(**asked)

# %%
words = ids.shape[1]
torch.testing.assert_close(answer.pooler_output, output.pooled, rtol=1e-4, atol=1e-4)
torch.testing.assert_close(answer.last_hidden_state[:, :words], output.text, rtol=1e-4, atol=1e-4)
print("pooled and words: equal to the fourth digit")
patches = answer.last_hidden_state[0, words + 1 :]
print(f"patches, place by place, by {(patches - output.image[0]).abs().max():.2f}")
home = torch.cdist(output.image[0], patches).argmin(dim=1)
assert sorted(home.tolist()) == list(range(len(patches)))
torch.testing.assert_close(patches[home], output.image[0], rtol=1e-4, atol=1e-4)
print("patches, put back in order: equal")

# %% [markdown]
# The pooled states and the words agree to the fourth digit. The patches agree once they are *put back*: `transformers` shuffles them and does not say how.
# That is a story of its own, notebook [13](13-scrambled-heatmaps.ipynb).
#
# One swap shows what such a test is good for. Exchange queries and keys of the last block alone: names and shapes still fit.

# %%
query, key = (f"encoder.layer.11.attention.attention.{part}.weight" for part in ("query", "key"))
theirs.load_state_dict({**state, query: state[key], key: state[query]}, strict=True, assign=True)
swapped = theirs(**asked).pooler_output
print(
    f"strict loading: no complaint; the pooled states differ by {(swapped - output.pooled).abs().max():.2g}"
)
assert (swapped - output.pooled).abs().max() > 1e-4

# %% [markdown]
# ## Photographs of different shapes in one batch
#
# Stickers are square. Photographs are not, and a batch is one block of numbers. So the smaller one is *padded* and a mask says which
# patches are real. If the mask works, the company that a photograph keeps must not change what is read of it:

# %%
square = pictures.to_pixels(photos["astronaut"], size=384, patch_size=32)
both = pictures.stack([coffee, square])
print(
    "batch",
    tuple(both.pixels.shape),
    "real patches",
    both.mask[:, ::32, ::32].sum(dim=(1, 2)).tolist(),
)
two = types.TextBatch(ids=ids.repeat(2, 1), mask=text.mask.repeat(2, 1))
together = model.pool(two, both)
alone = torch.cat(
    [model.pool(text, types.ImageBatch(pixels=one[None])) for one in (coffee, square)]
)
torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
print("read together or alone: the same")

# %% [markdown]
# ## What it answers
#
# From the pooled state a head of two layers gives 3,129 scores, one for every answer that was the favourite of at least nine questions
# of VQAv2 (notebook 9 has the loss that it was trained with).

# %%
head = model.vqa
hidden = torch.nn.functional.gelu(head.norm(head.expand(output.pooled)))
mine = head.classify(hidden)
torch.testing.assert_close(mine, head(output.pooled), rtol=1e-4, atol=1e-4)
shares = mine.softmax(dim=-1)[0]
print(
    f"{len(shares):,} answers; the likeliest has {float(shares.max()):.2%}, even shares {1 / len(shares):.2%}"
)
names = bundle.answers if bundle else [f"answer {number}" for number in range(3129)]
title = "how many people are there?" + ("" if bundle else "\n(random weights: it means nothing)")


# %%
def answers_to(photo):
    """A photograph, and the five likeliest answers to our question."""
    pixels = pictures.to_pixels(photos[photo], size=384, patch_size=32)
    shares = model.vqa(model.pool(text, types.ImageBatch(pixels=pixels[None]))).softmax(dim=-1)[0]
    values, which = (found.flip(0) for found in shares.topk(5))
    figure, (left, right) = canvas(8, 2.8, 2)
    left.imshow(photos[photo])
    left.set_axis_off()
    right.barh([names[k] for k in which.tolist()], 100 * values, color=IMAGE)
    right.axvline(100 / len(shares), color="black", linestyle=":")
    right.set(xlabel="share, % (dotted: if all were even)", title=title)
    return figure


turn(answers_to, "A photograph and the five likeliest answers", photo=("astronaut", list(photos)))

# %% [markdown]
# On the saved page mind the scale: the likeliest of 3,129 answers gets less than 0.2 %. Random weights know nothing, and some
# answer has to come first. With the published weights the names are words, and the shares tell something. The door for everyday
# use is the one that you know:
#
#     model = vilt_core.load("dandelin/vilt-b32-finetuned-vqa")    # fetched once; or a folder
#     model.answer("assets/photos/cat.jpg", "what animal is this?")
#
# In the app the button beside the tabs chooses it. On processors with bfloat16 units the door computes in bfloat16, which is faster,
# with shares that differ by a hundredth or so.
#
# ## What to take home
#
# - At the published size nothing is new: the same blocks, more of them and wider, and a larger vocabulary.
# - Names and shapes that fit prove little. Compute something with both libraries and compare the numbers.
# - Where a number does not come out, even a printed one, say so.
#
# ## Exercises
#
# **12.1** A photograph of 1000 x 500 pixels and a question of six pieces, `[CLS]` and `[SEP]` not counted. How many vectors does ViLT-B/32
# read?

# %%
vectors = ...
check("12.1", vectors)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# width, height = seen_at(1000, 500)  # 608 x 320: the longer side is held, the shorter shrinks with it
# vectors = (width // 32) * (height // 32) + 1 + 6 + 2
# check("12.1", vectors)
# ```
#
# </details>
#
# **12.2** How many parameters has the head for questions: from 768 to 1,536, a norm, and from there to 3,129 answers?

# %%
parameters = ...
check("12.2", parameters)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# parameters = linear(768, 1536) + 2 * 1536 + linear(1536, 3129)
# check("12.2", parameters)
# ```
#
# Six million, two and a half times the whole patch projection.
#
# </details>
#
# **12.3** The way back: join the weights of query, key and value, as `transformers` has them, into our one matrix. Then take
# it apart by heads: give the rows of the *keys of one head*.


# %%
def keys_of_head(query, key, value, head, heads):
    """The rows of the joined matrix (3 d, d) that make the keys of one head: (first, last + 1)."""
    ...


check("12.3", keys_of_head)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def keys_of_head(query, key, value, head, heads):
#     joined = torch.cat([query, key, value])
#     d = joined.shape[1]
#     first = d + head * (d // heads)  # after all of the queries
#     return first, first + d // heads
#
#
# check("12.3", keys_of_head)
# ```
#
# </details>
#
# **12.4** Which of these mistakes does strict loading *not* notice? `"a"` queries and keys exchanged; `"b"` a block left out; `"c"` pixels
# from 0 to 1 instead of -1 to 1; `"d"` patches of 16 pixels in the config; `"e"` the vocabulary of another BERT of the same
# size. Answer with a set of letters.

# %%
silent = ...
check("12.4", silent)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# silent = {"a", "c", "e"}
# check("12.4", silent)
# ```
#
# These three are found by computing known numbers only, with a known picture and a known question.
#
# </details>
#
# **Next:** [13. Scrambled heatmaps](13-scrambled-heatmaps.ipynb), what happens to the patches over there.
