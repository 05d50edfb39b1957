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
# # 2. The transformer, one equation at a time
#
# **The question.** A list of 73 vectors goes in: word pieces and patches. Somewhere inside, "what is above
# the camel?" meets the patches that show a camel, and "fox" comes out. What is the machine in between?
#
# | | |
# |---|---|
# | time | 45 minutes |
# | you need | notebook 1; matrix products, softmax |
# | you will build | equations 1 to 6 of the [ViLT paper](https://arxiv.org/abs/2102.03334): the whole model, in about 40 lines |
#
# At the end your model answers a question, with the same probabilities as the library, digit by digit.

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
import plotly.graph_objects as go
import torch
from einops import rearrange

from lesson import check, show, turn
from vilt_core.layers import attention_weights
from vilt_core.viz.heatmap import blend
from vilt_core.viz.journey import layer_curves
from vilt_core.viz.palette import IMAGE, TEXT
from vilt_core.viz.sheet import sheet
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

# %%
torch.set_grad_enabled(False)
model = vilt_core.load("vilt-mini")
vilt = model.model  # the network inside
picture = paint(scene(0, 7, split="test"), 256).pixels
question = "what is above the camel?"
same = lambda mine, theirs: torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)  # noqa: E731
show(sheet([picture], titles=[question]), "A fox above a camel, and the question under study")

# %% [markdown]
# ## Equations 1 to 3, again in one breath
#
# Notebook 1 built the list. Here it is in one function: words (1), patches (2), types and side by side (3).


# %%
def embed(ids, pixels):
    """The list that the transformer reads: (tokens, width)."""
    e, p = vilt.text_embedding, vilt.patch_embedding
    words = e.norm(e.words.weight[ids] + e.positions.weight[: len(ids)] + e.segments.weight[0])
    tiles = rearrange(pixels, "c (r p) (s q) -> (r s) (c p q)", p=p.patch_size, q=p.patch_size)
    patches = tiles @ p.projection.weight.flatten(1).T + p.projection.bias
    patches = patches + p.positions.table.flatten(0, 1)
    image = torch.cat([(p.class_token + p.class_position)[None], patches])
    return torch.cat([words + vilt.fusion.types.weight[0], image + vilt.fusion.types.weight[1]])


# %%
text, image = model.tokenizer.encode([question]).batch, model.prepare(picture)[1]
z0 = embed(text.ids[0], image.pixels[0])
same(z0, vilt.embed(text, image)[0][0])
names = [model.tokenizer.token(int(i)) for i in text.ids[0]]
print(len(names), "word pieces, a class and 64 patches:", tuple(z0.shape))
print(names)

# %% [markdown]
# ## Attention: ask, offer, mix
#
# Imagine a room in which everybody (every token) may ask one question of all the others at once.
#
# Each token writes three small notes about itself, three matrix products of its vector:
#
# - a **query** $q$: what I am looking for,
# - a **key** $k$: what I have to offer,
# - a **value** $v$: what I hand over, if you choose me.
#
# Everybody compares their query with all keys, turns the scores into shares that sum to 1, and goes home
# with the mixture of the values:
#
# $$ \text{attention}(Q, K, V) = \underbrace{\text{softmax}\big(QK^\top / \sqrt{d}\,\big)}_{\text{who listens to whom}} V $$
#
# Why $\sqrt d$? A sum of $d$ products of ordinary size is about $\sqrt d$ large. Undo that, or the softmax
# would give everything to one winner before anything was learned.


# %%
def weights(Q, K):
    """Who listens to whom: rows sum to 1."""
    scores = Q @ K.mT / Q.shape[-1] ** 0.5
    exponentials = (scores - scores.amax(dim=-1, keepdim=True)).exp()
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


a_few = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
print(weights(a_few, a_few))
same(weights(a_few, a_few), attention_weights(a_few[None, None], a_few[None, None])[0, 0])

# %% [markdown]
# ### Several heads
#
# One question each would be a poor conversation. The vector is therefore split into several *heads* (3
# here, 12 in ViLT-B/32), every head holds its own conversation, and one matrix puts the results together.
# That is MSA, *multi-head self-attention*:


# %%
def msa(z, layer):
    """Every token asks every token, in every head."""
    Q, K, V = rearrange(
        z @ layer.qkv.weight.T + layer.qkv.bias, "s (k h d) -> k h s d", k=3, h=layer.heads
    )
    found = weights(Q, K) @ V
    together = rearrange(found, "h s d -> s (h d)")
    return together @ layer.projection.weight.T + layer.projection.bias


first = vilt.encoder.blocks[0]
same(msa(z0, first.attention), first.attention(z0[None])[0][0])
print("my MSA is the library's")

# %% [markdown]
# ## Two more parts
#
# **LayerNorm** brings every token to mean 0 and size 1, then scales by two learned vectors. Without it
# numbers drift apart over the depth.
#
# **The MLP** thinks about every token *by itself*: wider (times 4), a soft threshold (GELU), back again.
# Attention moves information between tokens; the MLP works on what has arrived.


# %%
def norm(z, layer):
    """Mean 0 and variance 1 for every token, then a learned scale and shift."""
    centred = z - z.mean(dim=-1, keepdim=True)
    return (
        centred / (centred.pow(2).mean(dim=-1, keepdim=True) + layer.eps).sqrt() * layer.weight
        + layer.bias
    )


same(norm(z0, first.norm1), first.norm1(z0))
print("my LayerNorm is the library's")


# %%
def mlp(z, layer):
    """Every token by itself: wider, bent, back."""
    hidden = z @ layer.expand.weight.T + layer.expand.bias
    bent = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    return bent @ layer.contract.weight.T + layer.contract.bias


same(mlp(z0, first.mlp), first.mlp(z0))
print("and so is my MLP")

# %% [markdown]
# ## Equations 4 and 5: a block
#
# Nothing is ever replaced. Each part *adds* its word to what is already there:
#
# $$ \hat z^d = \text{MSA}(\text{LN}(z^{d-1})) + z^{d-1} \tag{4} $$
#
# $$ z^d = \text{MLP}(\text{LN}(\hat z^d)) + \hat z^d, \qquad d = 1 \dots D \tag{5} $$
#
# These sums are called *residual connections*; normalising before the part is *pre-norm*.


# %%
def block(z, layer):
    """One step of depth."""
    z = msa(norm(z, layer.norm1), layer.attention) + z
    return mlp(norm(z, layer.norm2), layer.mlp) + z


same(block(z0, first), first(z0[None])[0][0])
print("equations 4 and 5 hold")

# %% [markdown]
# The plus signs are the most important characters of this notebook. If MSA and MLP say nothing (their last
# matrices are zero), the block hands its input through *unchanged*. That is why one can stack a hundred of
# them and still train: at the start every block is close to "do nothing".
#
# ## The whole thing
#
# Stack them. A last norm. Then equation 6: the first token, `[CLS]`, has listened to everybody, and it
# speaks for the pair:
#
# $$ p = \tanh(z^D_0\, W_\text{pool}) \tag{6} $$
#
# (Two things of the published code are not in the paper's equations: that last norm, before equation 6, and biases.)


# %%
def read(ids, pixels):
    """Equations 1 to 6, and the list after every block."""
    states = [embed(ids, pixels)]
    for layer in vilt.encoder.blocks:
        states.append(block(states[-1], layer))
    final = norm(states[-1], vilt.encoder.norm)
    pooled = torch.tanh(final[0] @ vilt.pooler.dense.weight.T + vilt.pooler.dense.bias)
    return pooled, final, states


pooled, final, states = read(text.ids[0], image.pixels[0])
theirs = vilt(text, image, return_states=True)
same(pooled, theirs.pooled[0])
same(final[len(names) + 1 :], theirs.image[0])
print("equations 1 to 6: the same", len(states) - 1, "blocks, the same pooled vector")

# %% [markdown]
# One small classifier reads that vector and chooses from a fixed list of answers; its scores before the softmax are called
# *logits*:

# %%
chances = vilt.vqa(pooled[None])[0].softmax(dim=-1)
best = chances.topk(5)
figure = go.Figure(
    go.Bar(
        x=(100 * best.values).round(decimals=1).tolist()[::-1],
        y=[model.answers[i] for i in best.indices][::-1],
        orientation="h",
        marker_color=TEXT,
    )
)
figure.update_layout(height=240, template="plotly_white", xaxis_title="%", title=question)
show(figure, "Five answers as bars, fox the longest")
for mine, other in zip(best.values, model.answer(picture, question), strict=True):
    assert abs(float(mine) - other.probability) < 1e-4

# %% [markdown]
# **Your forty lines answer questions about pictures.** There is no trick left in the library: it is this,
# with masks for padding and faster kernels.
#
# ## Look inside
#
# Now use the machine as a microscope. Choose a word, a block and a head: the picture shows which patches
# that word listens to. *Turn all three.* Some heads look at things, some at their neighbours, some seem to
# rest where nothing is. Then give `[CLS]` a look, who speaks for the answer: where does it listen?
#
# (Head 1 of block 6 was *taught* to look from a noun to its sticker, with the true places. Nobody told the others.)


# %%
def looking(word, block, head):
    """Which patches a word listens to."""
    layer = vilt.encoder.blocks[block - 1]
    Q, K, _ = rearrange(
        layer.attention.qkv(norm(states[block - 1], layer.norm1)), "s (k h d) -> k h s d", k=3, h=3
    )
    row = weights(Q, K)[head - 1, word]
    seen = row[len(names) + 1 :].reshape(8, 8).numpy()
    title = f"{names[word]}: {100 * seen.sum():.0f} % of its attention is on patches"
    return sheet([blend(picture, seen, smooth=False)], titles=[title], size=3.4)


# %%
word = len(names) - 3, {name: k for k, name in enumerate(names)}
depth = 6, 1, len(vilt.encoder.blocks)
turn(looking, "Attention of one word over the patches", word=word, block=depth, head=(2, 1, 3))

# %% [markdown]
# How much is a token still *itself* after each block? Compare every state with where it started:

# %%
groups = {"words": slice(0, len(names)), "patches": slice(len(names) + 1, None)}
kept = {
    name: [torch.cosine_similarity(s[rows], z0[rows], dim=-1).mean().item() for s in states]
    for name, rows in groups.items()
}
show(
    layer_curves(kept, at=0, x="after block", y="cosine with the start", colors=(TEXT, IMAGE)),
    "Two falling curves: tokens turn away from where they began",
)

# %% [markdown]
# ## A law worth remembering
#
# Nothing in attention knows the order of the list. Shuffle the patches *after* their positions were added,
# and the answer does not change at all. The list is a set.

# %%
order = torch.randperm(64, generator=torch.Generator().manual_seed(0)) + len(names) + 1
mixed = torch.cat([z0[: len(names) + 1], z0[order]])
for layer in vilt.encoder.blocks:
    mixed = block(mixed, layer)
again = torch.tanh(vilt.pooler.dense(norm(mixed, vilt.encoder.norm)[0]))
same(again, pooled)
print("shuffled patches, the same pooled vector")

# %% [markdown]
# Good to know, and dangerous: a program may shuffle its patches, answer every question correctly, and draw
# every heatmap wrong. The most used implementation does exactly that. Notebook 13 proves it.
#
# ## What to take home
#
# - Attention lets every token ask all others, the MLP thinks about each by itself, and both only *add* to what is there
#   (equations 4 and 5). Depth is repetition.
# - At the end `[CLS]`, who has listened to everybody, speaks for the pair (equation 6), and a small head reads the answer
#   off it.
# - To attention the list is a set. Only the vectors that were added know what stood where.
#
# ## Exercises
#
# **2.1** How many parameters has one block of ViLT-B/32 (width 768, MLP 3072)? Count MSA, MLP, both norms,
# and every bias.

# %%
parameters = ...
check("02.1", parameters)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# d, hidden = 768, 3072
# attention = d * 3 * d + 3 * d + d * d + d
# parameters = attention + (d * hidden + hidden) + (hidden * d + d) + 2 * 2 * d
# check("02.1", parameters)
# ```
#
# Twelve of them are 85 million, nearly all of ViLT's 87.
#
# </details>
#
# **2.2** Texts of a batch have different lengths, so short ones are filled up. Write attention that does not
# listen to the filling: `mask` is True for real keys, and $Q$, $K$, $V$ are (tokens, d).


# %%
def masked_attention(Q, K, V, mask):
    """The mixture of the values of the real tokens."""
    ...


check("02.2", masked_attention)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def masked_attention(Q, K, V, mask):
#     scores = Q @ K.T / Q.shape[-1] ** 0.5
#     scores = scores.masked_fill(~mask, float("-inf"))
#     return scores.softmax(dim=-1) @ V
#
#
# check("02.2", masked_attention)
# ```
#
# Minus infinity *before* the softmax: zero after it would leave rows that do not sum to 1.
#
# </details>
#
# **2.3** In multiplications, $QK^\top$ and the mixing of $V$ cost $2 s^2 d$ for $s$ tokens of width $d$, the
# MLP $8 s d^2$. From how many tokens on is attention the dearer one in ViLT-B/32 ($d = 768$)?

# %%
tokens = ...
check("02.3", tokens)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# tokens = 4 * 768  # 2 s^2 d = 8 s d^2
# check("02.3", tokens)
# ```
#
# ViLT reads 240 or so. Its transformer spends its time in the MLP, not in attention.
#
# </details>
#
# **2.4** A block whose `attention.projection` and `mlp.contract` are all zeros (weights and biases) gets $z$.
# What comes out? Write it as a function of $z$.


# %%
def silent_block(z):
    """What a block gives whose parts say nothing."""
    ...


check("02.4", silent_block)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def silent_block(z):
#     return z
#
#
# check("02.4", silent_block)
# ```
#
# Not 0: both parts are added to what is there.
#
# </details>
#
# **Next:** [3. Masked words](03-masked-words.ipynb).
