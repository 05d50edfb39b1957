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
# # 3. Masked words, and whole words
#
# **The question.** Nobody labels pictures for pre-training; there are only captions. How can a model learn what
# things look like by filling holes in sentences, and why must the holes be cut word by word?
#
# | | |
# |---|---|
# | time | 35 minutes |
# | you need | notebooks 1 and 2; what a logarithm does |
# | you will build | masked language modelling and its loss, and whole-word masking (section 3.3 of the [paper](https://arxiv.org/abs/2102.03334)) |

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

import numpy as np
import plotly.graph_objects as go
import torch

from lesson import canvas, check, show, turn
from vilt_core.viz.palette import IMAGE, PLAIN, TEXT
from vilt_core.viz.sheet import sheet
from vilt_core.world.captions import caption
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

# %%
torch.set_grad_enabled(False)
model = vilt_core.load("vilt-mini")
tokenizer = model.tokenizer
picture = paint(scene(0, 7, split="test"), 256).pixels

# %% [markdown]
# ## A sentence with a hole
#
# Read this: *a* ▢ *above a camel*. What is missing? From the words alone you can only guess: some thing that
# fits into a picture. With the picture, you simply look.

# %%
hole = "a [MASK] above a camel"
figure = go.Figure()
for name, seen, color in (
    ("without the picture", None, PLAIN),
    ("with the picture", picture, IMAGE),
):
    best = model.fill(seen, hole, top_k=4)[0]
    how = "blind" if seen is None else "looking"
    names = [f"{answer.text} ({how})" for answer in best][::-1]
    shares = [round(100 * answer.probability, 1) for answer in best][::-1]
    figure.add_bar(x=shares, y=names, orientation="h", name=name, marker_color=color)
figure.update_layout(height=300, template="plotly_white", barmode="overlay")
figure.update_layout(xaxis_title="probability of the guess, %")
show(sheet([picture], titles=[hole]), "A fox above a camel")
show(figure, "Guesses without the picture are spread out; with it, fox leads by far")

# %% [markdown]
# That gap is the whole idea. **Whoever wants to fill the hole must look.** Cut holes into millions of captions,
# reward good guesses, and the model has to learn what a fox looks like. Nobody has to draw a box. (Our small model had
# more help, see `docs/training.md`; the published one had not.) Should a guess read "tig": that is the first *piece* of
# "tiger". Words are read and written in pieces, of which more below.
#
# ## What "reward good guesses" means
#
# The state of the `[MASK]` token goes through a small head, as BERT has it: one more layer, a bend (GELU), a norm, and a
# matrix with a row for each word piece of the vocabulary, which gives each a score. A softmax makes shares of them. The
# loss is the *surprise* at the truth:
#
# $$ L_\text{MLM} = -\log p(\text{the piece that was hidden}) $$

# %%
text = tokenizer.encode([hole]).batch
place = text.ids[0].tolist().index(tokenizer.mask)
states = model.model(text, model.prepare(picture)[1]).text[0]
head = model.model.mlm
bent = torch.nn.functional.gelu(head.dense(states))
scores = head.decoder(head.norm(bent))  # one score for every token and every piece
torch.testing.assert_close(scores, head(states), rtol=1e-4, atol=1e-4)
shares = scores[place].softmax(dim=-1)
truth = tokenizer.encode(["fox"]).batch.ids[0, 1]
print(f"{scores.shape[1]} pieces to choose from; p(fox) = {shares[truth]:.3f}")
print(f"loss = -log p = {-shares[truth].log():.3f}")

# %% [markdown]
# The library takes *labels*: the hidden piece where there is a hole, and $-100$ where nothing is asked. Tokens
# that nobody asks about cost nothing:

# %%
from vilt_core.objectives import mlm

labels = torch.full((len(states),), -100)
labels[place] = truth
torch.testing.assert_close(mlm(scores, labels), -shares[truth].log(), rtol=1e-4, atol=1e-5)
print("equal to vilt_core.objectives.mlm")

# %% [markdown]
# How bad is bad? Knowing nothing, the share of the truth would be one in the vocabulary, 1/940, and the loss
# log 940 = 6.8 (dotted). The curve is steep on the left: it is the *confident mistake* that costs.

# %%
p = np.linspace(0.001, 1, 200)
figure, axes = canvas(6, 2.6)
axes.plot(p, -np.log(p), color=PLAIN)
axes.plot(
    float(shares[truth]), float(-shares[truth].log()), "o", color=IMAGE, label="with the picture"
)
axes.axhline(np.log(len(tokenizer)), color=TEXT, linestyle=":", label="knowing nothing")
axes.set(xlabel="p(truth)", ylabel="loss, -log p")
axes.legend()
show(figure, "The loss falls from 7 to 0 as the truth gets more likely")

# %% [markdown]
# ## Which tokens are hidden?
#
# Hide too few, and the model learns slowly. Hide too many, and the sentence is gone. BERT's numbers, which
# ViLT keeps: **15 %** are asked about. Of those,
#
# - 80 % become `[MASK]`,
# - 10 % become a random piece (trust nobody),
# - 10 % stay as they are (so that plain words must be understood, too).
#
# Chance is thrown once a *word*: its pieces share one fate (why, you will see below). Turn the rate, and see what is left
# of a caption. What is asked about is orange: most of it says `[MASK]`, some of it is a stranger, some looks as if
# nothing had happened.

# %%
from lesson.drawing import pieces_in_colour
from vilt_core.data.text import mask_words

sentence = (
    "a cactus at the top left, a mouse at the top, an elephant on the right and an orange circle"
)
encoded = tokenizer.encode([sentence])
ids, owners = encoded.batch.ids[0], encoded.words[0]  # pieces, and the word that each belongs to
ours = {"mask_id": tokenizer.mask, "vocab_size": len(tokenizer)}


# %%
def hidden(rate):
    """The caption under a mask of this rate; what is asked about is orange."""
    masked, labels = mask_words(ids, owners, draw=random.Random(5).random, rate=rate, **ours)
    pieces = [tokenizer.token(piece) for piece in masked[1:-1].tolist()]
    asked = (labels[1:-1] >= 0).tolist()
    title = f"{sum(asked)} of {len(asked)} pieces are asked about"
    return pieces_in_colour(pieces, asked, title=title)


turn(hidden, "A caption with some of its words hidden, coloured", rate=(0.15, 0.05, 0.95, 0.05))

# %% [markdown]
# Do the numbers hold? Mask the caption 3,000 times and count:

# %%
draw = random.Random(0).random
fates = {"[MASK]": 0, "another": 0, "as it was": 0}
for _ in range(3000):
    masked, labels = mask_words(ids, owners, draw=draw, **ours)
    for new, old in zip(masked[labels >= 0].tolist(), labels[labels >= 0].tolist(), strict=True):
        fates["[MASK]" if new == tokenizer.mask else "as it was" if new == old else "another"] += 1
total = sum(fates.values())
print(f"asked about: {100 * total / 3000 / (len(ids) - 2):.1f} % of the pieces")
print({name: f"{100 * count / total:.1f} %" for name, count in fates.items()})
assert abs(fates["[MASK]"] / total - 0.8) < 0.02

# %% [markdown]
# ## The trap: pieces of words
#
# "rabbit" is not in our model's vocabulary. It falls into pieces:

# %%
print([tokenizer.token(int(i)) for i in tokenizer.encode(["a rabbit"]).batch.ids[0]])

# %% [markdown]
# Now hide *one piece* of it: `rab [MASK] ##it`. Do you need a picture to fill that? Let us ask somebody who is
# **blind, but can spell**: a list of all nouns of the world. How many of them fit what is left?

# %%
from vilt_core.world.sprites import nouns

spelled = {noun: tuple(tokenizer.encode([noun]).batch.ids[0, 1:-1].tolist()) for noun in nouns()}


def fitting(pieces, hidden):
    """The nouns that agree with these pieces wherever they are not hidden."""
    seen = [k for k in range(len(pieces)) if k not in hidden]
    long = [noun for noun, other in spelled.items() if len(other) == len(pieces)]
    return [noun for noun in long if all(spelled[noun][k] == pieces[k] for k in seen)]


rabbit = spelled["rabbit"]
print("rab [MASK] ##it fits", fitting(rabbit, {1}))
print("[MASK] [MASK] [MASK] fits", len(fitting(rabbit, {0, 1, 2})), "nouns")

# %% [markdown]
# One piece: spelling alone fills the hole, nobody has to look. And a model that can get away without looking, will. So hide
# **all pieces of a word together**: that is *whole-word masking*. Over all nouns of several pieces:

# %%
several = {noun: pieces for noun, pieces in spelled.items() if len(pieces) > 1}
by_piece = [len(fitting(p, {k})) for p in several.values() for k in range(len(p))]
by_word = [len(fitting(p, set(range(len(p))))) for p in several.values()]
bins = [1, 2, 3, 5, 10, 30, 200]
names = ["1", "2", "3-4", "5-9", "10-29", "30+"]
figure = go.Figure()
kinds = (by_piece, "one piece hidden", PLAIN), (by_word, "whole word hidden", IMAGE)
for counts, name, color in kinds:
    shares = 100 * np.histogram(counts, bins)[0] / len(counts)
    figure.add_bar(x=names, y=shares.round(1), name=name, marker_color=color)
figure.update_layout(height=300, template="plotly_white", barmode="group", yaxis_title="% of holes")
figure.update_layout(xaxis_title="nouns that fit the hole")
show(figure, "With one piece hidden most holes fit one noun; with the whole word hidden, dozens")

# %% [markdown]
# Only the second kind of hole makes a reader look. Does it? Our model was trained with whole words hidden. Here are the
# nouns of several pieces in the captions of 150 scenes, each hidden whole, without the picture and with it:


# %%
def recalled(ids, at, image):
    """The probability of the right pieces in the hidden places, on average."""
    masked = ids.clone()
    masked[at] = tokenizer.mask
    real = torch.ones(1, len(ids), dtype=torch.bool)
    batch = vilt_core.types.TextBatch(ids=masked[None], mask=real)
    scores = model.model.mlm(model.model(batch, image).text[0, at])
    return float(scores.softmax(dim=-1)[range(len(at)), ids[at]].mean())


def in_pieces(said):
    """Where the nouns of a caption stand that are spelled in several pieces."""
    words = {(word.start, word.end): list(word.tokens) for word in tokenizer.words(said.text)}
    places = [words.get((one.noun_start, one.noun_end), []) for one in said.mentions]
    return [at for at in places if len(at) > 1]


# %%
blind, looking = [], []
for index in range(150):
    place = scene(0, index, split="test")
    said = caption(place, random.Random(index).random, form="simple")
    ids = tokenizer.encode([said.text]).batch.ids[0]
    seen = model.prepare(paint(place, 128).pixels)[1]
    for at in in_pieces(said):
        blind.append(recalled(ids, at, None))
        looking.append(recalled(ids, at, seen))
guessed, found = np.mean(blind), np.mean(looking)
print(f"{len(blind)} nouns: p(right piece) {guessed:.2f} blind, {found:.2f} looking")
assert found > guessed

# %% [markdown]
# In the paper (Table 5) whole-word masking lifts NLVR2 test-P (statements about two photographs, true or false) from 74.2 %
# to 74.6 and zero-shot text retrieval on Flickr30K (which caption belongs to a photograph, before any fine-tuning for it)
# from 67.0 to 69.7, for nothing but a different choice of holes. The lab's own table
# ([docs/ablation.md](../docs/ablation.md)) cannot tell whole words from chance in any of its seven measures: captions of
# stickers are short, most of their words are one piece, and where hardly a word is cut there is hardly a trap.
#
# Here is how it is done. The tokenizer knows which word each piece belongs to (`-1`: none), and fate is decided
# once a word:

# %%
example = tokenizer.encode(["a rabbit and a fox"])
for piece, owner in zip(example.batch.ids[0].tolist(), example.words[0].tolist(), strict=True):
    print(f"{tokenizer.token(piece):>7} {owner}")

# %% [markdown]
# ## What to take home
#
# - A hole in a caption is a question that nobody had to write. Who wants to fill it well must look at the picture.
# - The loss is the surprise at what was hidden, $-\log p$, and only there.
# - One piece of a word can be spelled from its neighbours, and then nobody looks. So words are hidden whole.
#
# ## Exercises
#
# **3.1** Hide whole words: set `mask_id` on every token whose word is in `chosen`.


# %%
def hide(ids, words, chosen, mask_id):
    """The ids with these words hidden; ids and words are tensors of one length, chosen is a set."""
    ...


check("03.1", hide)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def hide(ids, words, chosen, mask_id):
#     hit = torch.tensor([word in chosen for word in words.tolist()])
#     return torch.where(hit, mask_id, ids)
#
#
# check("03.1", hide)
# ```
#
# `torch.where` makes a new tensor; writing into `ids` itself would spoil the labels.
#
# </details>
#
# **3.2** What share of *all* words becomes `[MASK]` at the usual rates?

# %%
share = ...
check("03.2", share)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# share = 0.15 * 0.80
# check("03.2", share)
# ```
#
# </details>
#
# **3.3** Write the loss: the mean surprise over the tokens that are asked about. `scores` is (tokens, pieces),
# `labels` holds the truth or -100.


# %%
def masked_loss(scores, labels):
    """Mean of -log p(truth) over the tokens asked about."""
    ...


check("03.3", masked_loss)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def masked_loss(scores, labels):
#     asked = labels != -100
#     shares = scores[asked].log_softmax(dim=-1)
#     return -shares[torch.arange(len(shares)), labels[asked]].mean()
#
#
# check("03.3", masked_loss)
# ```
#
# </details>
#
# **3.4** Write a sentence with one `[MASK]` about the horse and the duck below whose filling *needs the picture*: its best
# guess must be at least 50 points more likely with the picture than without.

# %%
horse = paint(scene(0, 29, split="test"), 256).pixels
show(sheet([horse], titles=["what needs to be seen?"]), "A horse above a duck on yellow checks")
needs_looking = ...
check("03.4", needs_looking)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# needs_looking = "the background is [MASK]"
# check("03.4", needs_looking)
# ```
#
# Try "a [MASK] and a duck" as well. And "the [MASK] is yellow": what can be guessed from the words alone?
#
# </details>
#
# **Next:** [4. Image-text matching](04-matching.ipynb).
