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
# # 9. Fine-tuning on questions of your own
#
# **The question.** A trained model answers the questions it was trained on. You have *other* questions, a few hundred
# pictures and ten people who do not agree. How do you teach it, how do you keep score when people disagree, and how
# would you notice that it only learned your pictures by heart?
#
# | | |
# |---|---|
# | time | 40 minutes |
# | you need | notebooks 2 and 3 |
# | you will build | a data set in JSON lines, soft targets and their loss, the official VQA score, and a fine-tuning with its baselines (section 4.3 of the [paper](https://arxiv.org/abs/2102.03334)) |

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
import tempfile
from collections import Counter
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import torch
from PIL import Image

from lesson import canvas, check, show, turn
from vilt_core import objectives
from vilt_core.data.check import check_data
from vilt_core.data.image import normalise
from vilt_core.evaluation import answers as official
from vilt_core.evaluation.inference import evaluating
from vilt_core.interop import folders, opening
from vilt_core.training import engine, examples, finetuning, loop, outcome
from vilt_core.training.adapt import adapt
from vilt_core.types import ImageBatch
from vilt_core.viz.palette import IMAGE, PLAIN, TEXT
from vilt_core.viz.sheet import sheet
from vilt_core.world import rendering, scenes

# %% [markdown]
# ## A new kind of question
#
# The shipped model knows *what* a sticker is. Nobody ever asked it what things are **for**: "what can you do with this
# sticker?" You eat an apple and ride a scooter. But you may also cook a carrot or feed a camel: there is no single
# right answer, and that is the normal case, not the exception. VQAv2, on which the paper fine-tunes, asked *ten
# people* each question.
#
# We have no ten people at hand. Ours are simulated, and we say so: each draws from a list of habits, in the spelling of
# the day.

# %%
QUESTION = "what can you do with this sticker?"
EAT = ["eat"] * 7 + ["Eat it", "eat!", "cook"]
HABITS = {
    "animal": ["pet"] * 5 + ["feed"] * 3 + ["Pet.", "watch"],
    "fruit": EAT,
    "vegetable": ["eat"] * 5 + ["cook"] * 4 + ["Eat it"],
    "dish": EAT,
    "dessert": EAT,
    "drink": ["drink"] * 8 + ["Drink it", "the drink"],
    "vehicle": ["ride"] * 5 + ["drive"] * 4 + ["Ride."],
    "instrument": ["play"] * 8 + ["Play!", "listen"],
    "piece of clothing": ["wear"] * 8 + ["wear it", "Wear"],
    "sports item": ["play"] * 8 + ["throw", "Play!"],
}


# %% [markdown]
# The pictures are close-ups of 64 x 64 pixels, cut from scenes of the sticker world. A data set is a folder: pictures, and a
# file with **one line of JSON a question**. That is all the lab asks for (`docs/your-data.md`), because nobody should
# have to learn a binary format to bring pictures.


# %%
def close_up(place):
    """64 x 64 pixels around the sticker on top, and what it is."""
    thing = place.objects[-1]
    x, y = (int(np.clip(128 * at - 32, 0, 64)) for at in (thing.x, thing.y))
    return rendering.paint(place, 128).pixels[y : y + 64, x : x + 64], thing


def ask(place, name, draw):
    """A line of the data set; its picture goes into the folder."""
    pixels, thing = close_up(place)
    Image.fromarray(pixels).save(folder / name)
    ten = [draw.choice(HABITS[thing.category]) for _ in range(10)]
    return {"image": name, "question": QUESTION, "answers": ten, "noun": thing.noun}


# %%
folder = Path(tempfile.mkdtemp()) / "use"
(folder / "images").mkdir(parents=True)
lines = {}
for split, world, count in (("train", "train", 240), ("val", "test", 150)):
    draw, places = random.Random(split), (scenes.scene(9, k, split=world) for k in range(1000))
    known = (place for place in places if place.objects[-1].category in HABITS)
    lines[split] = [ask(next(known), f"images/{split}-{k}.png", draw) for k in range(count)]
taught = {line["noun"] for line in lines["train"]}
for split, own in lines.items():
    for line in own:  # a kind of our own, so that scores are told apart by it
        line["type"] = "noun seen in training" if line["noun"] in taught else "noun never seen"
    (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, own)) + "\n")
print(json.dumps(lines["train"][1]))

# %% [markdown]
# Two files, `train.jsonl` to learn from and `val.jsonl` to be asked about *afterwards*. The pictures of the second come
# from scenes that no training of this model has seen, and some show nouns that our first file lacks altogether.
#
# **Look at your data before you train on it.** In a shell it is `python -m vilt_core data check FOLDER`; from Python:

# %%
print(check_data(folder).text().replace(str(folder), "use"))
FOUR = (3, 5, 12, 14)
four = [lines["val"][k] for k in FOUR]
seen = [np.array(Image.open(folder / line["image"])) for line in four]
said = [Counter(official.normalise_answer(a) for a in line["answers"]) for line in four]
titles = ["\n".join(f"{n} x {a}" for a, n in count.most_common(3)) for count in said]
show(sheet(seen, titles=titles, size=2), "Four close-ups of stickers with what ten people said")

# %% [markdown]
# ## Keeping score when ten people disagree
#
# First, spelling must not count. The official evaluator of VQA *normalises* every answer: lower case, no articles, no
# punctuation, digits for number words (and a table of contractions, which we leave out here).

# %%
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
DIGITS = {word: str(number) for number, word in enumerate(NUMBERS)}


def plain(answer):
    """An answer as it is compared."""
    words = "".join(c for c in answer.lower() if c.isalnum() or c == " ").split()
    return " ".join(DIGITS.get(word, word) for word in words if word not in ("a", "an", "the"))


raw = {answer for own in lines.values() for line in own for answer in line["answers"]}
for answer in [*raw, "Two", "The cat.", "a t shirt"]:
    assert plain(answer) == official.normalise_answer(answer)
print(f"{len(raw)} spellings, {len({plain(answer) for answer in raw})} answers")

# %% [markdown]
# Then the score. An answer is *right* if at least three people gave it, and partly right if fewer did. To be fair to
# humans, who are one of the ten, each of the ten is left out once, and the mean taken (so three people of ten come to
# 0.9, four to 1):
#
# $$ \text{score}(a) = \frac1{10} \sum_{i=1}^{10} \min\Bigl(1, \tfrac13\,\#\{j \ne i : \text{answer}_j = a\}\Bigr) $$


# %%
def score(answer, ten):
    """The official VQA score of one answer, by what ten people said."""
    votes = [plain(other) == plain(answer) for other in ten]
    return float(np.mean([min((sum(votes) - own) / 3, 1) for own in votes]))


ten = lines["val"][5]["answers"]
print(ten)
for answer, worth in official.answer_scores(ten).items():
    assert abs(score(answer, ten) - worth) < 1e-9
    print(f"{answer:>8}: {score(answer, ten):.2f}")
worth = [round(score("x", ["x"] * n + ["y"] * (10 - n)), 2) for n in range(6)]
print("worth by number of people, from none to five:", worth)

# %% [markdown]
# (One oddity of the original evaluator, which the library keeps: where all ten wrote the *same letters*, nothing is
# normalised, and "eat" is wrong against ten times "Eat".)
#
# ## Soft targets
#
# Now training. The classifier has one output an answer. Cross-entropy with *one* true class would punish it for "cook"
# where four of ten said so. The paper asks instead, for each answer on its own: *how much is it worth?* The target of
# every answer is its score, between 0 and 1:

# %%
WORTH = [0.0, 0.3, 0.6, 0.9] + [1.0] * 7  # by the number of people, of ten


def soft(ten, known):
    """The target of every known answer, from what ten people said."""
    said = Counter(plain(answer) for answer in ten)
    return torch.tensor([WORTH[said[answer]] for answer in known])


known = ("eat", "cook", "pet")
print({answer: round(t, 1) for answer, t in zip(known, soft(ten, known).tolist(), strict=True)})
theirs = official.soft_targets(ten, {answer: k for k, answer in enumerate(known)})
assert {k: round(v, 6) for k, v in enumerate(soft(ten, known).tolist()) if v} == theirs

# %% [markdown]
# And the loss is a *binary* cross-entropy at every answer. With $s = \sigma(\text{logit})$ and the target $t$
#
# $$ L = -\frac1B \sum_{b} \sum_{k} \bigl[\, t_{bk} \log s_{bk} + (1 - t_{bk}) \log (1 - s_{bk}) \,\bigr] $$
#
# summed over the answers, averaged over the batch:


# %%
def bce(logits, targets):
    """Binary cross-entropy, summed over answers and averaged over the batch."""
    s = logits.sigmoid()
    each = targets * s.log() + (1 - targets) * (1 - s).log()
    return -each.sum() / len(logits)


logits = torch.tensor([[2.0, 0.5, -3.0], [-1.0, -2.0, 1.0]])
targets = torch.stack([soft(ten, known), soft(["pet"] * 9 + ["eat"], known)])
torch.testing.assert_close(bce(logits, targets), objectives.vqa(logits, targets))
print(f"{bce(logits, targets):.4f}, as vilt_core.objectives.vqa says")

# %% [markdown]
# Mind that this loss never gets to 0. Where the target is 0.6, the best output is 0.6, and it still costs:

# %%
s = np.linspace(0.01, 0.99, 99)
figure, axes = canvas(6, 2.6)
for t, color in ((1.0, IMAGE), (0.6, TEXT), (0.0, PLAIN)):
    cost = -(t * np.log(s) + (1 - t) * np.log(1 - s))
    axes.plot(s, cost, color=color, label=f"target {t}")
    axes.plot(s[cost.argmin()], cost.min(), "o", color=color)
axes.set(xlabel="what the model says, s", ylabel="loss of one answer")
axes.legend(frameon=False)
show(
    figure,
    "Three curves: lowest at the right, at 0.6 and at the left; the middle one stays above 0.6",
)

# %% [markdown]
# ## Before
#
# What does the shipped model say to our question? And what would somebody score who *never looks*? Ours is one
# question, so the best that words alone allow is one answer for all pictures, the majority's. Whoever scores no better
# has seen nothing. (The second number is what the model would score if it always chose the best of *its own* answers.)
#
# Answers of one's own are compared by their letters alone: to somebody "C++" is not "C". Ours are to be compared as those
# of VQA v2, which `vqa_rules` says.

# %%
data = replace(finetuning.training_data(folder, task="vqa"), vqa_rules=True)
held_out = replace(finetuning.held_out_of(folder, None, task="vqa"), vqa_rules=True)
shipped = opening.open_bundle(folders.SHIPPED / "vilt-mini")
before = outcome.scores(shipped, task="vqa", on=held_out)
always = {a: np.mean([score(a, line["answers"]) for line in lines["val"]]) for a in ("pet", "eat")}
print(f"shipped model {before['accuracy']:.0%}, its best words {before['answerable']:.0%}")
print({f"always {a}": f"{worth:.0%}" for a, worth in always.items()})
assert abs(before["text_only"] - always["pet"]) < 1e-6

# %% [markdown]
# Zero. With the best of its own words it could have the 16 % printed beside it, and no more: the others it does not have.
#
# ## Sixty steps
#
# So the model is *fitted* to the data first. The rest of it stays: patches, blocks, what it knows of nouns. The library
# gives an account of what is kept, see below.
#
# New rows of the classifier begin at random, everything else begins well. They should not learn at the same speed: the
# body goes slowly (a peak of 1e-5), the head two hundred times as fast. (The paper's code has 10 times, for its tens of
# thousands of steps.)
#
# What happens in a step? The **gradient** tells for every weight in which direction the loss grows. **AdamW** goes the other way, with
# each weight by about as much as the *learning rate*, however large its gradient is, and shrinks all matrices a little (*weight decay*).
# The learning rate climbs to its peak in the first tenth of the steps (*warm-up*: what is random at first shall not push the rest about)
# and then falls in a straight line to 0, so that the end is calm. Paper and lab do all of this alike.

# %%
STEPS, BATCH = 60, 16
size = 64  # as they are cut: their stickers are as large as those that the model knows


def begin(data):
    """A model fitted to data, and the recipe by which it will learn them."""
    bundle = adapt(shipped, task="vqa", data=data, image_size=size).bundle
    times = STEPS * BATCH / len(data.examples)  # that each picture is seen
    plan = {"task": "vqa", "epochs": times, "batch_size": BATCH, "learning_rate": 1e-5}
    recipe = finetuning.own_data(data, **plan)
    return bundle, replace(recipe, stages=(replace(recipe.stages[0], head_rate=200.0),))


print(*adapt(shipped, task="vqa", data=data, image_size=size).account, sep="\n")


# %% [markdown]
# Does the trainer compute what we did above? Put the loss of its first step together by hand, on the very sixteen questions
# that it will draw:


# %%
def outputs(bundle, asked):
    """One logit for every example and answer."""
    with evaluating(bundle.model):
        pixels = torch.stack([normalise(np.array(one.image.open())) for one in asked])
        text = bundle.tokenizer.encode([QUESTION] * len(asked)).batch
        return bundle.model.vqa(bundle.model.pool(text, ImageBatch(pixels=pixels)))


bundle, recipe = begin(data)
drawn = examples.order(len(data.examples), seed=recipe.seed, epoch=0)[:BATCH]
first = [data.examples[int(k)] for k in drawn]
wanted = torch.stack([soft(one.answers, bundle.answers) for one in first])
by_hand = float(bce(outputs(bundle, first), wanted))
print(f"the loss of the first step should be {by_hand:.3f}")


# %%
def look(bundle, data):
    """The scores on what is taught and held out, and outputs for the four pictures from above."""
    own, other = (outcome.scores(bundle, task="vqa", on=on, limit=150) for on in (data, held_out))
    four = outputs(bundle, [held_out.examples[k] for k in FOUR]).sigmoid()
    return own["accuracy"], other["accuracy"], four.numpy()


def teach(data):
    """The taught model and its folder, its losses, and looks at it by step."""
    (bundle, recipe), run = begin(data), Path(tempfile.mkdtemp())
    machine, losses, looks = engine.Settings(device="cpu", precision="float32"), [], {}
    for at in loop.train(recipe, run, bundle=bundle, data={"questions": data}, settings=machine):
        losses.append(at.losses["vqa"])
        if at.step % 15 == 0 or at.step == 1:
            looks[at.step] = look(bundle, data)
    return bundle, run / "model", losses, looks


# %%
bundle, model_folder, losses, looks = teach(data)
assert abs(losses[0] - by_hand) < 1e-3
print(f"first {losses[0]:.3f}, as by hand; the last ten {np.mean(losses[-10:]):.1f} on average")

# %% [markdown]
# Four pictures that it was never taught, on their way; $s$ is what the model says of each answer on its own, so that the bars
# need not sum to 1. Turn the step:


# %%
def on_the_way(step):
    """What the model says of four pictures after a step."""
    figure, cells = canvas(8, 3.4, 4, rows=2, height_ratios=(3, 2))
    for above, below, picture, shares in zip(*cells, seen, looks[step][2], strict=True):
        best = np.argsort(-shares)[:3][::-1]
        above.imshow(picture)
        above.set_axis_off()
        below.barh([bundle.answers[k] for k in best], shares[best], color=IMAGE)
        below.set(xlim=(0, 1), xlabel="s")
    return figure


steps = list(looks)
told = "Four stickers, and under each the three likeliest answers as bars"
turn(on_the_way, told, step=(steps[-1], steps))

# %% [markdown]
# ## After
#
# All 150 pictures that were held out, scored by our own function and by the library's:

# %%
said = [bundle.answers[k] for k in outputs(bundle, held_out.examples).argmax(dim=-1)]
worth = np.array([score(a, one.answers) for a, one in zip(said, held_out.examples, strict=True)])
after = outcome.scores(bundle, task="vqa", on=held_out)
assert abs(worth.mean() - after["accuracy"]) < 1e-5
spread = 1.96 * worth.std(ddof=1) / np.sqrt(len(worth))
print(f"after {STEPS} steps {worth.mean():.0%}, give or take {spread:.0%}")
print(f"without looking {after['text_only']:.0%}, before {before['accuracy']:.0%}")
kinds = Counter(line["type"] for line in lines["val"])
for kind, share in after["by_type"].items():
    print(f"{kinds[kind]:>4} x {kind}: {share:.0%}, blind {after['text_only_by_type'][kind]:.0%}")
assert worth.mean() - spread > after["text_only"] + 0.05

# %% [markdown]
# What may we say? **It looks**: it is above the majority by more than chance explains. And what may we *not* say? That it is
# good: sixty steps see every picture four times, and a good part of the score is still missing. Nor that it has understood
# what things are *for*, beyond the nouns that it was taught. The last line may stand above its blind one, but count its
# pictures: with so few of them the score is uncertain by twenty points. Look at the mistakes:

# %%
worst = [k for k in range(len(said)) if worth[k] == 0][:8]
pictures = [np.array(held_out.examples[k].image.open()) for k in worst]
titles = [f"{lines['val'][k]['noun']}: {said[k]}" for k in worst]
show(sheet(pictures, titles=titles, columns=8, size=1.3), "Eight stickers with wrong answers")

# %% [markdown]
# ## What overfitting looks like
#
# The same sixty steps, but with the first 24 pictures alone. Each is now seen forty times:

# %%
few_lines = (folder / "train.jsonl").read_text().splitlines()[:24]
(folder / "few.jsonl").write_text("\n".join(few_lines) + "\n")
few = replace(finetuning.training_data(folder / "few.jsonl", task="vqa"), vqa_rules=True)
_, _, few_losses, few_looks = teach(few)
tails = [np.mean(found[-10:]) for found in (losses, few_losses)]
print("the last ten losses: {:.1f} of 240 pictures, {:.1f} of 24".format(*tails))

# %%
figure = go.Figure()
for name, found, dash in (("240 pictures", looks, "solid"), ("24 pictures", few_looks, "dot")):
    for place, what, color in ((0, "taught", PLAIN), (1, "held out", IMAGE)):
        y = [round(100 * scored[place], 1) for scored in found.values()]
        line = {"color": color, "dash": dash}
        figure.add_scatter(x=steps, y=y, name=f"{name}, {what}", line=line, mode="lines+markers")
figure.add_hline(y=round(100 * after["text_only"], 1), line_dash="dash")
figure.update_layout(
    height=380, template="plotly_white", xaxis_title="step", yaxis_title="score, %"
)
show(figure, "24 pictures: taught ones near 100 %, held-out ones fall back to the dashed baseline")

# %% [markdown]
# Read the dotted lines. On the pictures that it is taught it gets everything right, its *loss is far lower* than that of the
# other run, and on new pictures it stays near somebody who never looks (the dashed line), however long it goes
# on. **A low training loss says nothing about new pictures; only held-out data do.** The gap between the two lines of
# one kind is the sign to look for. More steps make it wider, more pictures make it narrower.
#
# ### How to deceive yourself
#
# - Stop where the held-out curve was highest, and report that height: the curve wiggles by chance, and you pick its luck.
#   The lab keeps the model of the *last* step and looks at `val` for the eye only.
# - Try twenty settings on `val` and report the best. That is what a third file, `test.jsonl`, is for: it is asked once.
# - Forget the baseline. Four in ten sounds like something learned. Here it is *always "pet"*.
# - Let pictures of one object lie in both files. Ours do share nouns, which is why we scored the others apart.
#
# ## The same from a shell
#
#     python -m vilt_core data check use
#     python -m vilt_core finetune --task vqa --data use --vqa-rules --from vilt-mini --to runs/use
#
# which takes more steps, and one learning rate for all. What comes out is a model like any other:

# %%
usual = finetuning.own_data(data, task="vqa").stages[0].steps
print(f"from a shell it would be {usual} steps; after our {STEPS}:")
mine = vilt_core.load(model_folder)
for picture, line in zip(seen, four, strict=True):
    best = mine.answer(picture, QUESTION, top_k=1)[0]
    print(f"{line['noun']:>10}: {best.text}, people said {Counter(line['answers']).most_common(2)}")

# %% [markdown]
# ## What to take home
#
# - A data set is a folder of pictures and one line of JSON a question. Look at it before you train on it.
# - Where people disagree, how many gave an answer decides what it is worth: as a score, and as a target of training.
# - A score says something on pictures that were held out, beside that of one who never looks. A low training loss says nothing.
#
# ## Exercises
#
# **9.1** Write one line of a data set: on the picture `images/1.png` ten people were asked "can you eat it?", seven said
# yes and three said no. A string of JSON, as it stands in the file.

# %%
line = ...
check("09.1", line)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# answers = ["yes"] * 7 + ["no"] * 3
# line = json.dumps({"image": "images/1.png", "question": "can you eat it?", "answers": answers})
# check("09.1", line)
# ```
#
# </details>
#
# **9.2** One logit is 0 with the target 0.6, another is 2 with the target 1, both of one question. What is the loss (natural
# logarithm)?

# %%
loss = ...
check("09.2", loss)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# loss = -np.log(0.5) - np.log(1 / (1 + np.exp(-2)))
# check("09.2", loss)
# ```
#
# At a logit of 0 both sides cost the same, whatever the target.
#
# </details>
#
# **9.3** The baseline of those who never look: of many questions with their ten answers each, find the *one* answer that
# scores most if it is always given. Use `plain` and `score`.


# %%
def best_constant(questions):
    """(answer, its mean score), of a list of lists of ten answers."""
    ...


check("09.3", best_constant)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def best_constant(questions):
#     given = sorted({plain(answer) for ten in questions for answer in ten})
#     worth = {answer: np.mean([score(answer, ten) for ten in questions]) for answer in given}
#     best = max(worth, key=worth.get)
#     return best, worth[best]
#
#
# check("09.3", best_constant)
# ```
#
# The answer that is *said* most often need not be it: four people of ten are as good as ten.
#
# </details>
#
# **9.4** Four ways to report a fine-tuning. Which are honest? `"a"` the highest score of `val` on the way; `"b"` the score of
# `val` after a number of steps that was fixed beforehand; `"c"` the step chosen on `val`, the score measured on `test`;
# `"d"` the best of ten runs on `test`. Answer with a set of letters.

# %%
honest = ...
check("09.4", honest)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# honest = {"b", "c"}
# check("09.4", honest)
# ```
#
# Whatever was chosen by a set cannot be measured on it.
#
# </details>
#
# **Next:** [10. Retrieval](10-retrieval.ipynb), where the answer is a picture.
