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
# # 13. Why their heatmaps are scrambled, and the proof
#
# **The question.** You load ViLT in the library that everybody uses. It answers correctly. You draw a heatmap with
# it, and it looks like noise; you draw it again, and it is *another* noise. Is the model bad, is the method bad,
# or is something else going on?
#
# | | |
# |---|---|
# | time | 30 minutes |
# | you need | notebooks 1, 2 and 5 |
# | you will do | detective work: a symptom, a suspect, a proof, and a repair |
#
# This is about `transformers`, a fine library. The shuffle was inherited from ViLT's original code, where it
# does no harm in training. It does harm to everybody who draws pictures.

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
import tempfile

import numpy as np
import plotly.graph_objects as go
import torch
from transformers import ViltForQuestionAnswering
from transformers.utils import logging

from lesson import check, show, turn
from vilt_core.interop import to_huggingface
from vilt_core.viz.heatmap import blend
from vilt_core.viz.palette import IMAGE, PLAIN
from vilt_core.viz.sheet import sheet
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

# %%
logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_grad_enabled(False)
ours = vilt_core.load("vilt-mini")
picture = paint(scene(0, 7, split="test"), 256).pixels
question = "what is above the camel?"

# %% [markdown]
# ## One model, two libraries
#
# The same weights, written as a checkpoint that `transformers` reads. Nothing of ours runs in there.

# %%
with tempfile.TemporaryDirectory() as folder:
    to_huggingface(ours.model, folder)
    theirs = ViltForQuestionAnswering.from_pretrained(folder).eval()

text = ours.tokenizer.encode([question]).batch
pixels = ours.prepare(picture)[1].pixels
asked = {"input_ids": text.ids, "attention_mask": text.mask.long(), "pixel_values": pixels}
words = text.ids.shape[1]
names = [ours.tokenizer.token(int(i)) for i in text.ids[0]]

best = theirs(**asked).logits[0].softmax(dim=-1).topk(3)
for share, index in zip(best.values, best.indices, strict=True):
    print(f"{share:.3f}  {ours.answers[index]}")
for share, answer in zip(best.values, ours.answer(picture, question, top_k=3), strict=True):
    assert abs(float(share) - answer.probability) < 1e-3

# %% [markdown]
# Same answers, same probabilities. So far, so good.
#
# ## The symptom
#
# Now a heatmap as any tutorial draws one. Take the final states of the patches, compare each with the word
# "camel", fill the 8 x 8 grid row after row:


# %%
def naive_heatmap():
    """Likeness of a word and every patch, in the order in which the patches come out."""
    states = theirs.vilt(**asked).last_hidden_state[0]
    camel = states[names.index("camel")]
    likeness = torch.cosine_similarity(states[words + 1 :], camel[None], dim=-1)
    return likeness.clamp(min=0).numpy()


torch.manual_seed(1)
first, second = naive_heatmap(), naive_heatmap()
shown = [blend(picture, heat.reshape(8, 8), smooth=False) for heat in (first, second)]
show(
    sheet(shown, titles=["camel", "camel, once more"]),
    "Two heatmaps of bright squares strewn at random",
)

# %% [markdown]
# Bright squares all over, and two runs of a model in `eval()` mode differ. Is the model guessing? Compare the two runs
# not place by place, but *as sets*:

# %%
print(f"place by place they differ by {np.abs(first - second).max():.2f}")
print(f"sorted they differ by         {np.abs(np.sort(first) - np.sort(second)).max():.5f}")
assert np.abs(np.sort(first) - np.sort(second)).max() < 1e-4

# %% [markdown]
# **The same 64 numbers in another order.** Nothing is wrong with the model. Somebody shuffled its patches.
#
# ## The suspect
#
# Recall the law from notebook 2: attention reads a set, so shuffled patches give the same answer. Whoever
# shuffles them *after* their positions were added is never caught by a test of answers. Look for chance in the
# code:

# %%
import inspect

from transformers.models.vilt.modeling_vilt import ViltEmbeddings

code = inspect.getsource(ViltEmbeddings.visual_embed)
for line in code.splitlines():
    if "torch.multinomial" in line and "max_image_length" in line:
        print(line.strip())

# %% [markdown]
# There. `multinomial` draws patches *without replacement*. The purpose: pictures with more patches than allowed
# lose some at random, to save time in training. But when it draws 64 out of 64, nothing is lost and everything is
# **shuffled**.
#
# The function does return where each patch came from. And its caller? Every line of it that speaks of `patch_index`, and
# what it returns in the end:

# %%
code = inspect.getsource(ViltEmbeddings.forward)
spoken = [line.strip() for line in code.splitlines() if "patch_index" in line]
last = [line.strip() for line in code.splitlines() if line.strip()][-1]
for line in (*spoken, last):
    print(line)
assert len(spoken) == 1
assert "patch_index" not in last

# %% [markdown]
# One line: the caller takes it, keeps it to itself and drops it. The order is known for a moment, and lost.
#
# ## The proof
#
# A suspicion is not a proof. If the shuffle is all that is wrong, then putting the tokens back by the function's
# *own* order must give our library's states, number by number. We listen in on the function:


# %%
def listen(model):
    """Keep the order that visual_embed returns and its caller drops."""
    embeddings, kept = model.vilt.embeddings, {}
    plain = ViltEmbeddings.visual_embed.__get__(embeddings)

    def visual_embed(*args, **kwargs):
        tokens, mask, (places, grid) = plain(*args, **kwargs)
        kept["places"] = places[0]  # (row, column) of every token, in the order they come out
        return tokens, mask, (places, grid)

    embeddings.visual_embed = visual_embed
    return kept


# %%
kept = listen(theirs)
torch.manual_seed(1)
shuffled = theirs.vilt(**asked).last_hidden_state[0, words + 1 :]
print("the first tokens come from", kept["places"][:5].tolist())

# %%
rows, columns = kept["places"].unbind(dim=-1)
restored = torch.empty_like(shuffled)
restored[rows * 8 + columns] = shuffled  # token k goes home
expected = ours.model(text, ours.prepare(picture)[1]).image[0]
print(f"as they come: off by {(shuffled - expected).abs().max():.2f}")
torch.testing.assert_close(restored, expected, rtol=1e-3, atol=1e-4)
print("put back:     equal, up to rounding")

# %% [markdown]
# Quod erat demonstrandum. Side by side:

# %%
home = np.empty(64)
torch.manual_seed(1)
scrambled = naive_heatmap()
home[(kept["places"][:, 0] * 8 + kept["places"][:, 1]).numpy()] = scrambled
shown = [blend(picture, heat.reshape(8, 8), smooth=False) for heat in (scrambled, home)]
show(
    sheet(shown, titles=["as everybody draws it", "every patch back home"], size=3.2),
    "Left scrambled squares, right the camel lit up",
)

# %% [markdown]
# Turn the seed: the left one changes, the right one never does.


# %%
def both(seed):
    """The heatmap of one run, as it comes and put back."""
    torch.manual_seed(seed)
    heat, back = naive_heatmap(), np.empty(64)
    back[(kept["places"][:, 0] * 8 + kept["places"][:, 1]).numpy()] = heat
    pictures = [blend(picture, one.reshape(8, 8), smooth=False) for one in (heat, back)]
    return sheet(pictures, titles=[f"as it comes, seed {seed}", "put back"], size=2.8)


turn(
    both,
    "Scrambled on the left, the camel on the right",
    seed=(3, 0, 20),
)

# %% [markdown]
# ## How bad is it?
#
# A random order leaves each patch at home with probability $1/64$, so about *one* patch of 64 is drawn where it
# belongs. Count over 200 runs of the embedding alone:

# %%
at_home = []
numbers = torch.arange(64)
for _ in range(200):
    theirs.vilt.embeddings.visual_embed(pixels, torch.ones(1, 128, 128).long(), max_image_length=-1)
    order = kept["places"][:, 0] * 8 + kept["places"][:, 1]
    at_home.append(int((order == numbers).sum()))
print(f"{np.mean(at_home):.1f} of 64 on average")

# %%
counts = np.bincount(at_home, minlength=6)[:6]
figure = go.Figure(
    go.Bar(x=[str(k) for k in range(6)], y=counts / 200, name="seen", marker_color=IMAGE)
)
chance = [np.exp(-1) / np.prod(range(1, k + 1)) for k in range(6)]
figure.add_scatter(
    x=[str(k) for k in range(6)], y=chance, name="chance alone", line={"color": PLAIN}
)
figure.update_layout(height=300, template="plotly_white", xaxis_title="patches at home, of 64")
figure.update_layout(yaxis_title="share of the runs")
show(figure, "Bars that follow the curve of chance: zero or one patch at home in most runs")

# %% [markdown]
# The bars are what happened in 200 runs, the line is what a deck of 64 shuffled cards would do. They agree, but for the luck
# of 200 draws. So a scrambled heatmap carries *no* information about places, however sharp it looks. It carries all the information
# about the set: which is why curves, averages and answers are fine, and why nobody notices.
#
# Whatever reads states or attention of single patches is affected: raw attention, rollout, gradients, probes,
# attribution toolkits that call the model. What is **not**: answers, pooled states, and attributions to *pixels*,
# because these go back through the shuffle.
#
# ## What this lab does
#
# `vilt_core` keeps raster order always. Where patches are dropped in training, the rest stay in order and each
# carries its (row, column):

# %%
output = ours.model(text, ours.prepare(picture)[1])
print("grid", output.grid, " positions", output.positions[0, :3].tolist(), "...")
again = ours.model(text, ours.prepare(picture)[1])
assert torch.equal(output.image, again.image)

# %% [markdown]
# ## What to take home
#
# - The patches are shuffled *after* they got their places. So every answer is right, and every picture is wrong.
# - The proof: as sets the two runs are equal; put back by the function's own order, all states are equal, number by number.
# - Whatever asks *how much* survives a shuffle, whatever asks *where* does not. Test for it before you draw.
#
# ## Exercises
#
# **13.1** Put a heatmap back: `heat` has one number a token, `places` its (row, column) as an integer array.


# %%
def put_back(heat, places, grid):
    """The heatmap as (rows, columns)."""
    ...


check("13.1", put_back)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def put_back(heat, places, grid):
#     home = np.zeros(grid)
#     home[places[:, 0], places[:, 1]] = heat
#     return home
#
#
# check("13.1", put_back)
# ```
#
# Token $k$ *goes to* its place: `home[place] = heat`. The other way, `heat[place]`, is the inverse permutation, and
# scrambles once more.
#
# </details>
#
# **13.2** In a random order of 144 patches (ViLT-B/32 on a square picture), how many stay at home on average?

# %%
stay = ...
check("13.2", stay)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# stay = 144 * (1 / 144)
# check("13.2", stay)
# ```
#
# </details>
#
# **13.3** Which of these would the shuffle change? `"a"` the answer, `"b"` the mean attention that patches
# get, `"c"` a plot of the attention over rows and columns, `"d"` the largest similarity of a word with any patch, `"e"` the
# number of the patch that has it. Answer with a set of letters.

# %%
changed = ...
check("13.3", changed)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# changed = {"c", "e"}
# check("13.3", changed)
# ```
#
# </details>
#
# **13.4** Write a test that catches a shuffle without knowing the code: from the final patch states of two runs,
# (64, d) each, say whether they are *one set in two orders*.


# %%
def is_shuffled(one, other):
    """True if the rows of both are the same up to order, and the order differs."""
    ...


check("13.4", is_shuffled)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def is_shuffled(one, other):
#     if torch.allclose(one, other, atol=1e-4):
#         return False
#     nearest = torch.cdist(one, other).argmin(dim=1)
#     a_permutation = len(set(nearest.tolist())) == len(one)
#     return a_permutation and torch.allclose(one, other[nearest], atol=1e-4)
#
#
# check("13.4", is_shuffled)
# ```
#
# Use it on any model that you want to draw pictures of.
#
# </details>
#
# ## The end of the course
#
# Open `vilt_core/models/vilt.py`: some 160 lines, and you know what each of them is for.
#
# | in that file | what it is | where you built it |
# |---|---|---|
# | `text_embedding` | equation 1 | [1](01-what-the-model-sees.ipynb) |
# | `patch_embedding` | equation 2, positions stretched; padded photographs | [1](01-what-the-model-sees.ipynb), [12](12-vilt-b32-on-photographs.ipynb) |
# | `fusion`, `image_type` | equation 3; the type of a second picture | [1](01-what-the-model-sees.ipynb), [4](04-matching.ipynb) |
# | `encoder` | equations 4 and 5, depth times | [2](02-the-transformer.ipynb) |
# | `pooler`, `pool` | equation 6 | [2](02-the-transformer.ipynb) |
# | `mlm` | hidden words | [3](03-masked-words.ipynb) |
# | `itm`, `rank`, `nlvr2` | matching, ranking, two pictures | [4](04-matching.ipynb) |
# | `forward` gives `text` and `image` | what word-patch alignment compares | [5](05-optimal-transport.ipynb) |
# | `attentions`, `states` | what explanations read | [2](02-the-transformer.ipynb), [6](06-explaining-an-answer.ipynb) |
# | `vqa` | answers, and their soft targets | [9](09-fine-tuning-on-your-own-data.ipynb), [12](12-vilt-b32-on-photographs.ipynb) |
# | `mpp` | hidden patches, which the paper tried and left out | [8](08-co-attention.ipynb), [11](11-reproducing-an-ablation.ipynb) |
# | `encode_image` | a picture alone, as a ViT reads it | [10](10-retrieval.ipynb) |
# | `sample_patches` | fewer patches in training, in order and with their places | here |
# | `naming`, `mentioning`, `locating`, `comparing` | the lab's own, which teach stickers from the world's truth; not in the paper | `docs/training.md` |
#
# What now? Bring your own data (notebook 9), or train a model from nothing: `python -m vilt_core emerge` takes minutes. Then take
# the paper and look for what this course has *not* told you.
