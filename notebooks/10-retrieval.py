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
# # 10. Retrieval, and its price
#
# **The question.** One sentence, a million pictures. ViLT reads a sentence *with* a picture, so that is a million runs of
# the whole model for one query. How do people search with it all the same, and what do they miss?
#
# | | |
# |---|---|
# | time | 40 minutes |
# | you need | notebook 4; notebook 7 for the families |
# | you will build | recall, a dual encoder trained in seconds, a shortlist in FAISS that ViLT re-ranks, and the curve of its price |

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
from textwrap import fill

import numpy as np
import plotly.graph_objects as go
import torch
from torch.nn.functional import normalize as unit

from lesson import check, show, turn
from lesson.drawing import rankings
from vilt_core.evaluation.galleries import world_gallery
from vilt_core.evaluation.recall import chance, recalls
from vilt_core.evaluation.retrieval import truth
from vilt_core.types import ImageBatch
from vilt_core.viz.palette import BOTH, IMAGE, TEXT
from vilt_core.viz.sheet import sheet
from vilt_core.world.captions import caption
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

torch.set_grad_enabled(False)
model = vilt_core.load("vilt-mini")
vilt, tokenizer = model.model, model.tokenizer

# %% [markdown]
# ## A gallery
#
# 128 scenes that no model has been trained on, a caption each. In the sticker world a caption may be true of a *second*
# scene, too ("a picture with two weather symbols"). The world knows: every scene of which it is true counts as right.

# %%
gallery = world_gallery("test", 128)
pictures = [paint(place, 128).pixels for place in gallery.pictures]
captions = list(gallery.captions)
right = truth(gallery).T  # (captions, pictures)
titles = [fill(said, 26, max_lines=2) for said in captions[:8]]
show(sheet(pictures[:8], titles=titles, size=2.2), "The first eight scenes with their captions")
print(
    f"{len(pictures)} pictures, and {int(right.sum())} pairs of sentence and picture that are true"
)

# %% [markdown]
# ## Recall
#
# For each sentence rank all pictures. *Recall at k*: for which share of the sentences is something right among the first k?


# %%
def recall(scores, right, k):
    """Scores and truth are (sentences, pictures)."""
    best = scores.argsort(dim=1, descending=True)[:, :k]
    return right.gather(1, best).any(dim=1).float().mean().item()


luck = chance(right.T)["text_to_image"]
print("by chance:", {k: f"{luck[f'r{k}']:.1%}" for k in (1, 5, 10)})

# %% [markdown]
# ## Why a joint model needs every pair
#
# What could be prepared of a picture, before the sentence is known? In ViLT all layers mix both. Only what comes before
# the first layer is the picture's own: the patches of equation 2. Count how much that saves:

# %%
from vilt_core.evaluation.cost import count_flops

text = tokenizer.encode(captions[1:2]).batch
image = model.prepare(pictures[1])[1]
pair = count_flops(lambda: vilt.pool(text, image))
ready = vilt.look(image)  # patches, embedded
saved = pair - count_flops(lambda: vilt.pool(text, ready))
print(
    f"one pair: {pair / 1e6:.0f} million FLOPs, of which preparing the picture saves {saved / pair:.1%}"
)
for n, m in ((128, 128), (5_000, 25_000), (1_000_000, 1)):
    print(f"{n:>9,} pictures x {m:>6,} sentences: {n * m:>11,} runs together, {n + m:>9,} apart")

# %% [markdown]
# The second line is the COCO test set. The authors of ViLT ran it: **35 hours on eight GPUs** (their EVAL.md). The third is
# one query to a photo library.
#
# ## A dual encoder, in seconds
#
# VSE++ and CLIP of notebook 7 read each side alone: $s(t, v) = \hat t \cdot \hat v$. Then every picture is read *once, ever*.
# No dual encoder is needed ready-made; let us make a small one.
#
# - **Picture tower:** ViLT itself, reading the picture *without* text, the mean of its patches, and one matrix that we train.
# - **Text tower:** a bag of words: a trained vector for each word piece, summed. Word order is lost. (Remember that.)
# - **Training:** CLIP's contrast (notebook 7) over 400 scenes and their captions.


# %%
def alone(image):
    """The mean patch of pictures that ViLT reads without a sentence."""
    return vilt.encode_image(image)[:, 1:].mean(dim=1)


# %%
class Towers(torch.nn.Module):
    """Two towers that never meet before their product."""

    config = vilt.config  # tells how pictures are prepared

    def __init__(self, width=64):
        super().__init__()
        self.words = torch.nn.Embedding(len(tokenizer), width)
        self.patches = torch.nn.Linear(vilt.config.width, width)
        torch.nn.init.normal_(self.words.weight, std=0.1)

    def encode_text(self, text):
        """States of words, and the sentence's vector."""
        words = self.words(text.ids) * text.mask[..., None]
        return words, unit(words.sum(dim=1), dim=-1)

    def encode_image(self, image):
        """The picture's vector."""
        return unit(self.patches(alone(image)), dim=-1)


# %%
lessons = [scene(1, k, split="train") for k in range(400)]
means = []
for first in range(0, len(lessons), 50):
    drawn = [model.prepare(paint(s, 128).pixels)[1].pixels for s in lessons[first : first + 50]]
    means.append(alone(ImageBatch(pixels=torch.cat(drawn))))
means = torch.cat(means)
told = [
    [caption(s, random.Random(1000 * j + k).random).text for k, s in enumerate(lessons)]
    for j in range(4)
]
told = [tokenizer.encode(said).batch for said in told]  # four captions a scene

# %%
from vilt_core.objectives import contrastive

torch.manual_seed(0)
towers, draw, losses = Towers(), torch.Generator().manual_seed(0), []
adam = torch.optim.Adam(towers.parameters(), lr=0.01)
with torch.enable_grad():
    for step in range(200):
        rows, said = torch.randperm(len(means), generator=draw)[:128], told[step % 4]
        t = towers.encode_text(type(said)(ids=said.ids[rows], mask=said.mask[rows]))[1]
        v = unit(towers.patches(means[rows]), dim=-1)
        loss = contrastive(t @ v.T / 0.07)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())

# %%
figure = go.Figure(go.Scatter(y=np.round(losses, 2), mode="lines", line={"color": BOTH}))
figure.add_hline(y=np.log(128), line_dash="dash")
figure.update_layout(
    height=260, template="plotly_white", xaxis_title="step", yaxis_title="surprise"
)
show(figure, "The loss falls from that of guessing among 128 to nearly nothing")

# %% [markdown]
# The dashed line is the surprise of one who guesses among 128. (It fits its 400 scenes nearly perfectly; what it does on
# *new* scenes is what we measure.)
#
# Beside it stands one that was trained for hours: `vse-mini`, the VSE++ that ships with the lab and that the tab *Find* asks.

# %%
from vilt_core.interop import bundle, folders, open_bundle
from vilt_core.search.encoder import DualEncoder

mine = bundle.Bundle(name="our two towers", model=towers, tokenizer=tokenizer, answers=())
mine, vse = DualEncoder(mine), DualEncoder(open_bundle(folders.SHIPPED / "vse-mini"))
vectors = {one.name: (one.texts(captions), one.images(pictures)) for one in (mine, vse)}
cosines = {name: torch.from_numpy(T @ V.T) for name, (T, V) in vectors.items()}  # of length 1
for name, table in cosines.items():
    found = {k: recall(table, right, k) for k in (1, 5, 10)}
    theirs = recalls(table.T, right.T)["text_to_image"]
    assert all(abs(found[k] - theirs[f"r{k}"]) < 1e-5 for k in found)
    print(f"{name:>14}:", ", ".join(f"R@{k} {found[k]:.2f}" for k in found))

# %% [markdown]
# Both many times chance, for 256 readings in all. *Our own* towers are blind to something: a bag of words has no order. Is
# every dual encoder?

# %%
pair = ["a fox above a camel", "a camel above a fox"]
fox = paint(scene(0, 7, split="test"), 128).pixels
scored = {one.name: one.images([fox])[0] @ one.texts(pair).T for one in (mine, vse)}
scored["ViLT, P(match)"] = model.match(fox, pair)[0]
for name, (true, false) in scored.items():
    print(f"{name:>14}: {true:.3f} and {false:.3f}")
gaps = {name: true - false for name, (true, false) in scored.items()}
assert abs(gaps[mine.name]) < 1e-6 < abs(gaps[vse.name])
assert gaps["ViLT, P(match)"] > 0

# %% [markdown]
# Two opposite sentences, one vector: our towers cannot know better. `vse-mini` has two, since its sentence's vector comes from a
# GRU that reads word after word (notebook 7). So order is not lost by every dual encoder; but how little of it gets through
# one vector! ViLT reads the words in order *with the picture*, and tells the two further apart. (One pair proves nothing about
# others.)
#
# ## A shortlist, and a judge
#
# So use both. The dual encoder *fetches*: the K pictures nearest to the sentence. ViLT *judges*: it reads these K with the
# sentence, and its matching head scores them (the paper fine-tunes a head for ranking alone, notebook 4). For 40 sentences, up to
# K = 16, with the one who fetches and with the other:

# %%
queries, most = 40, 16
near = {name: table[:queries].topk(most).indices for name, table in cosines.items()}
scores = torch.zeros(queries, len(pictures))  # of the pairs on either shortlist
for row in range(queries):
    either = torch.cat([rows[row] for rows in near.values()]).unique()
    read = model.score([pictures[i] for i in either], captions[row])[:, 0]
    scores[row, either] = torch.from_numpy(read).float()
judged = {name: scores.gather(1, rows) for name, rows in near.items()}
hit = {name: right[:queries].gather(1, rows) for name, rows in near.items()}


def at_first(name, K):
    """How often the judge's favourite among K is right."""
    best = judged[name][:, :K].argmax(dim=1, keepdim=True)
    return hit[name].gather(1, best).float().mean().item()


# %%
from vilt_core.search.measure import recalls_within

lengths = [1, 2, 4, 8, 16]
curves, reached, added = {}, {}, {}
for name in near:
    curves[name] = [at_first(name, K) for K in lengths]
    reached[name] = [hit[name][:, :K].any(dim=1).float().mean().item() for K in lengths]
    for K, first, within in zip(lengths, curves[name], reached[name], strict=True):
        same = recalls_within(judged[name].double(), hit[name], shortlist=K)  # the library's
        assert abs(first - same["r1"]) < 1e-5
        assert abs(within - same["reached"]) < 1e-5
    added[name] = 100 * (curves[name][-1] - curves[name][0])
    print(f"{name:>14}: {curves[name][0]:.0%} alone, {added[name]:+.0f} points by ViLT, of {most}")
assert added[mine.name] > added[vse.name]  # the better who fetches, the less the judge adds

# %%
figure = go.Figure()
for name, color in ((vse.name, IMAGE), (mine.name, TEXT)):
    for curve, dash in ((reached, "dot"), (curves, "solid")):
        said = f"{name}: {'on the shortlist' if curve is reached else 'first by ViLT'}"
        line = {"color": color, "dash": dash}
        figure.add_scatter(x=lengths, y=curve[name], name=said, mode="lines+markers", line=line)
figure.update_layout(
    height=380, template="plotly_white", yaxis_range=[0, 1], yaxis_title="of 40 sentences"
)
figure.update_xaxes(type="log", title="K: runs of ViLT for one sentence", tickvals=lengths)
show(figure, "Two pairs of rising curves: what a shortlist holds, and what ViLT puts first of it")
print("of the work:", {K: f"{100 * K / len(pictures):.0f} %" for K in lengths})

# %% [markdown]
# Read the curves of one colour together, then both colours:
#
# - At **K = 1** ViLT has no choice: that is the dual encoder alone.
# - A dotted line is a *ceiling*. What the shortlist does not hold, no judge can find.
# - The gap between a dotted line and its solid one is ViLT's own mistakes: a longer list offers more to be wrong about. So a longer
#   list pays while the ceiling rises, and after that only costs.
# - **The better the one who fetches, the less the judge adds.** Our towers, trained in seconds, fetch roughly, and ViLT puts
#   much in order. `vse-mini` has most of it in order already, and reaches the same ceiling with a far shorter list.
#   (`docs/comparison.md` has it alone beside ViLT on *every* pair of a hundred other scenes.)
#
# Look at single cases. **Turn** who fetches, sentence and K: above the dual encoder's order, below ViLT's among the first K.

# %%
short = [row for row in range(queries) if len(captions[row]) < 38]
# To begin with: one that our towers get wrong and ViLT right.
own, best = hit[mine.name], judged[mine.name].argmax(dim=1)
mended = [row for row in short if not own[row, 0] and own[row, best[row]]]


def ranked(fetched_by, row, K):
    """The first five by either."""
    fetched = near[fetched_by][row]
    by_vilt = fetched[judged[fetched_by][row, :K].argsort(descending=True)]
    rows = {
        name: [(pictures[k], bool(right[row, k])) for k in order[:5]]
        for name, order in ((fetched_by, fetched), (f"ViLT, of {K}", by_vilt))
    }
    return rankings(rows, title=captions[row])


# %%
turn(
    ranked,
    "Two rows of five pictures, a purple frame around what is right",
    fetched_by=(mine.name, list(near)),
    row=((mended or short)[0], {captions[row]: row for row in short}),
    K=(most, 1, most),
)

# %% [markdown]
# ## Nearest of many: FAISS
#
# "The K nearest" was `topk` over all cosines: one product of a matrix and a vector. The library leaves it to FAISS, which
# does the same, exactly, faster (from here on with `vse-mini`):

# %%
from vilt_core.search.albums import album_of
from vilt_core.search.index import faiss_of, index_of, nearest

# The same scenes: an album lists its pictures and opens them one by one.
album = album_of("world:test:128")
index, (T, V) = index_of(album, vse), vectors[vse.name]
values, rows = nearest(index.vectors, T[:queries], count=5)
by_hand = -np.sort(-T[:queries] @ V.T, axis=1)[:, :5]
np.testing.assert_allclose(values, by_hand, atol=1e-5)
print("the nearest of sentence 1:", [index.entries[row].key for row in rows[1, :3]])

# %% [markdown]
# For a million pictures this still is one product: a fraction of a second. For a *billion* one gives up the promise of exactness: a
# **graph** (HNSW) links every vector to its neighbours, and a query walks from link to link. On 5,000 vectors it loses
# next to nothing:

# %%
many = unit(torch.randn(5000, 64, generator=torch.Generator().manual_seed(1)), dim=-1).numpy()
asked = unit(torch.randn(100, 64, generator=torch.Generator().manual_seed(2)), dim=-1).numpy()
exact = nearest(faiss_of(many), asked, count=10)[1]
graph = nearest(faiss_of(many, kind="hnsw"), asked, count=10)[1]
agree = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, graph, strict=True)])
print(f"of the ten nearest the graph finds {agree:.0%}")

# %% [markdown]
# ## The library's search, and a law
#
# `search` does all of it: read the sentence, fetch, open, judge. The law it must keep: with K *as long as the gallery* the
# answer is that of reading everything. On 24 scenes:

# %%
from vilt_core.search.finding import search, search_all

small = index_of(album_of("world:test:24"), vse)
through = search(small, captions[1], encoder=vse, judge=model, shortlist=24)
everything = search_all(album_of("world:test:24"), captions[1], judge=model)
assert [one.name for one in through.hits] == [one.name for one in everything.hits]
brief = search(index, captions[1], encoder=vse, judge=model, shortlist=most)
np.testing.assert_allclose(
    sorted(one.score for one in brief.hits), sorted(judged[vse.name][1].tolist()), atol=1e-3
)
best = brief.hits[0]
print(f"{captions[1]!r}: {best.name}, P(match) {best.probability:.3f}, {brief.cost.forwards} runs")

# %% [markdown]
# And time, on the machine that runs this page (yours will differ):

# %% tags=["timed"]
spent = brief.cost.seconds
print("milliseconds:", ", ".join(f"{part} {1000 * seconds:.1f}" for part, seconds in spent.items()))
print(
    f"for a million pictures without a shortlist: {brief.cost.everything(1_000_000) / 3600:.1f} hours a sentence"
)

# %% [markdown]
# The part called *nearest* is the whole search through the gallery; *judge* is K runs, and *does not grow with the gallery*.
# That is the trade: a fixed price a query, for missing what the cheap model ranks below K.
#
# ### What this cannot show
#
# - 128 pictures are few. In a larger gallery the same K reaches less: more wrong pictures push in between. `python -m vilt_core
#   search INDEX --measure 100` takes the same curve on 10,000.
# - Both dual encoders here are small and know stickers alone. CLIP saw 400 million pairs; what its shortlists of photographs
#   hold, this page has not measured.
# - ViLT's paper (Table 4) ranks without a shortlist and still loses to UNITER on Flickr30K, 64.4 against 72.5 % for text to
#   image. It need not be the missing detector: Pixel-BERT-X152 has none either, and reaches 71.5.
#
# ## What to take home
#
# - A joint model needs a run a *pair*, a dual encoder one a picture and one a sentence.
# - So people fetch K pictures by the cheap one and let the dear one judge: a fixed price a query.
# - What they miss is what the cheap one ranks below K. No judge brings that back, and in a larger gallery it is more.
# - The better the cheap one, the shorter the list may be, and the less is left for the judge.
#
# ## Exercises
#
# **10.1** Both stages in one function. `cosines` and `scores` are arrays (sentences, pictures) of the dual encoder and of ViLT;
# picture i is right for sentence i alone. Give the share of sentences whose picture comes first when ViLT judges the K nearest.


# %%
def two_stages(cosines, scores, K):
    """Recall at 1 of shortlist and judge."""
    ...


check("10.1", two_stages)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def two_stages(cosines, scores, K):
#     right = 0
#     for row in range(len(cosines)):
#         short = np.argsort(-cosines[row])[:K]
#         right += short[scores[row, short].argmax()] == row
#     return right / len(cosines)
#
#
# check("10.1", two_stages)
# ```
#
# `argmax` counts within the shortlist: `short[...]` translates it back to the gallery.
#
# </details>
#
# **10.2** COCO's test: 5,000 pictures, 25,000 sentences, 35 hours on 8 GPUs. How many *milliseconds* of a GPU did ViLT take a
# pair?

# %%
milliseconds = ...
check("10.2", milliseconds)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# milliseconds = 35 * 3600 * 1000 * 8 / (5_000 * 25_000)
# check("10.2", milliseconds)
# ```
#
# About 8: each run is cheap. There are 125 million of them.
#
# </details>
#
# **10.3** `places` is a list: for each sentence, at which place (0 is the first) the dual encoder has the right picture. Give the
# smallest K whose shortlist holds it for at least a share `wanted` of the sentences.


# %%
def shortest(places, wanted):
    """How long a shortlist must be."""
    ...


check("10.3", shortest)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def shortest(places, wanted):
#     K = 1
#     while np.mean(np.array(places) < K) < wanted:
#         K += 1
#     return K
#
#
# check("10.3", shortest)
# ```
#
# </details>
#
# **10.4** A dual encoder makes vectors of 512 numbers of 4 bytes. How many *gigabytes* ($10^9$ bytes) are ten million pictures?

# %%
gigabytes = ...
check("10.4", gigabytes)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# gigabytes = 10_000_000 * 512 * 4 / 1e9
# check("10.4", gigabytes)
# ```
#
# It fits into the memory of one machine. What ViLT would need to keep is every *pair*.
#
# </details>
#
# **In the app:** the tab *Find* does this, with `vse-mini`, on scenes; with a CLIP of yours on photographs and your own
# pictures. **Next:**
# [11. Reproducing an ablation](11-reproducing-an-ablation.ipynb): was it the change that helped, or the seed?
