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
# # 5. Optimal transport from scratch
#
# **The question.** A caption has words, a picture has patches. Nobody ever said which word belongs to
# which patch. How can one number say how well the two fit, and one picture show why?
#
# | | |
# |---|---|
# | time | 45 minutes |
# | you need | notebook 1, and 2 helps; sums over rows and columns |
# | you will build | the cost, Sinkhorn's algorithm and IPOT (eight lines each), and the loss that ViLT trains with |
#
# This is section 3.2 of the [paper](https://arxiv.org/abs/2102.03334), *word-patch alignment*, and it is what
# the tab *Align* of the app draws.

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

from lesson import canvas, check, show, turn
from vilt_core.transport import cosine_cost, ipot, sinkhorn
from vilt_core.viz.curves import trace_curves
from vilt_core.viz.heatmap import blend
from vilt_core.viz.palette import IMAGE, PLAIN, TEXT
from vilt_core.viz.sheet import sheet
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

model = vilt_core.load("vilt-mini")
picture = paint(scene(0, 7, split="test"), 256).pixels
sentence = "a fox above a camel"

# %% [markdown]
# ## A cost for every pair
#
# After the last layer of the transformer every word and every patch is a vector (notebook 2). Two vectors
# fit when they point the same way. So the *cost* of laying word $i$ on patch $j$ is
#
# $$ C_{ij} = 1 - \cos(x_i, y_j), $$
#
# 0 for the same direction, 1 for a right angle, 2 for opposite ones.

# %%
text = model.tokenizer.encode([sentence]).batch
with torch.inference_mode():
    output = model.model(text, model.prepare(picture)[1])
words = output.text[0, 1:-1].double().numpy()  # without [CLS] and [SEP]
patches = output.image[0].double().numpy()

x = words / np.linalg.norm(words, axis=1, keepdims=True)
y = patches / np.linalg.norm(patches, axis=1, keepdims=True)
C = 1 - x @ y.T
print(f"{C.shape[0]} words x {C.shape[1]} patches, costs from {C.min():.2f} to {C.max():.2f}")

theirs = cosine_cost(output.text[:, 1:-1].double(), output.image.double())[0]
np.testing.assert_allclose(C, theirs, atol=1e-6)

# %% [markdown]
# A row of $C$ is a picture. Bright is *cheap*:

# %%
names = sentence.split()
cheap = [blend(picture, (C.max() - row).reshape(8, 8), smooth=False) for row in C]
show(
    sheet(cheap, titles=names, columns=5, size=1.9),
    "Five heatmaps: fox on the fox, camel on the camel",
)

# %% [markdown]
# Not bad! But look at "a" and "above". They name no thing, so that no patch is theirs, and still each finds many patches
# cheap, half the background or a sticker that belongs to others. Comparing pair by pair has no notion of **enough**:
# nothing stops two words from claiming the same patch, and nothing makes anybody take a patch that nobody likes. We need a
# rule of fairness.
#
# ## Everybody carries the same mass
#
# Think of the words as five bakeries, each with one fifth of a kilo of bread, and of the patches as 64
# cafés, each wanting one sixty-fourth. Carrying a kilo from bakery $i$ to café $j$ costs $C_{ij}$. Who
# delivers where?
#
# A **plan** $T$ is a table like $C$: $T_{ij}$ is how much goes from $i$ to $j$. It must be fair to both:
#
# $$ \sum_j T_{ij} = \tfrac1l \quad \text{(every word gives all it has)} \qquad
# \sum_i T_{ij} = \tfrac1n \quad \text{(every patch gets all it wants)} $$
#
# and its price is $\langle C, T\rangle = \sum_{ij} C_{ij} T_{ij}$. The two sums are the plan's **marginals**.
#
# ### The smallest problem there is
#
# Two words, two patches. Once you know how much "fox" gives to patch 1, fairness decides the rest: **one
# slider holds the whole plan.** Turn it. Where is it cheapest?

# %%
C2 = np.array([[0.2, 0.9], [0.8, 0.5]])


def plan2(share):
    """The plan of two by two in which the first word gives so much to the first patch."""
    return np.array([[share, 0.5 - share], [0.5 - share, share]])


# %%
def draw2(share):
    """The plan beside its price."""
    figure, (left, right) = canvas(7.5, 2.7, 2)
    left.imshow(plan2(share), vmin=0, vmax=0.5, cmap="Oranges")
    for (row, column), mass in np.ndenumerate(plan2(share)):
        left.text(column, row, f"{mass:.2f}\nat {C2[row, column]}", ha="center", va="center")
    left.set_xticks([0, 1], ["patch 1", "patch 2"])
    left.set_yticks([0, 1], ["fox", "camel"])
    shares = np.linspace(0, 0.5, 11)
    right.plot(shares, [(C2 * plan2(s)).sum() for s in shares], color=PLAIN)
    right.plot(share, (C2 * plan2(share)).sum(), "o", color=IMAGE, markersize=10)
    right.set(xlabel="fox gives to patch 1", ylabel="price of the plan")
    return figure


# %%
turn(
    draw2,
    "A plan of two words by two patches, and its price falling in a straight line",
    share=(0.15, 0.0, 0.5, 0.05),
)

# %% [markdown]
# The price is a **straight line**, so the best plan sits at an end of the slider, in a corner. That
# remains true with five words and 64 patches: the cheapest plan is a corner of a large polytope, and
# corners are sparse. Most of $T$ is exactly 0.
#
# ## The exact answer
#
# Finding that corner is *linear programming*, solved since 1947. The library POT does it for us:

# %%
import ot

l, n = C.shape
exact = ot.emd(np.full(l, 1 / l), np.full(n, 1 / n), C)
optimum = (C * exact).sum()
print(f"price of the optimum   {optimum:.4f}")
print(f"price of an even plan  {C.mean():.4f}")
print(f"entries that are not 0 {np.count_nonzero(exact > 1e-12)} of {exact.size}")
print(f"a corner has at most   {l + n - 1} = l + n - 1 of them")
drawn = [blend(picture, row.reshape(8, 8), smooth=False) for row in exact]
show(
    sheet(drawn, titles=names, columns=5, size=1.9), "Every patch belongs to nearly one word alone"
)

# %% [markdown]
# Now they share. "fox" fills up on the fox, "camel" on the camel, and the small words, who have to put
# their bread somewhere, are sent to the background. Nobody programmed that: it is what fairness costs
# least.
#
# (That the costs are so sharp is not the work of captions alone. vilt-mini was also taught, with the world's truth, which
# sticker lies under each patch and which patches each noun means: `docs/training.md`. At the same small scale
# `vilt-plain-mini`, trained as the paper trains, points at the right thing in about a quarter of cases, by chance one would in
# an eighth, and vilt-mini does in more than nine of ten (`docs/comparison.md`). What holds for any model is this: given the
# costs, the plan follows from fairness alone.)
#
# So why not stop here? For one pair nothing is faster (`docs/benchmarks.md`). But training needs the plans of a whole batch
# in every step, on a GPU, and a solver of linear programs takes one pair after the other, on the CPU. Two ideas make
# plans of many pairs at once.
#
# ## First idea: Sinkhorn, or a little blur
#
# Reward plans for being spread out (for *entropy*), a little:
#
# $$ \min_T\; \langle C, T\rangle - \varepsilon\, H(T) $$
#
# Then the solution has a shape that you can compute by hand: $T = \operatorname{diag}(\sigma)\,
# e^{-C/\varepsilon}\, \operatorname{diag}(\delta)$. Two unknown vectors, one factor a row and one a column.
# Fix the columns, fix the rows, repeat:


# %%
def my_sinkhorn(C, epsilon, iterations):
    """Rows and columns in turn, until both are right (Cuturi, 2013)."""
    l, n = C.shape
    A = np.exp(-C / epsilon)
    sigma = np.ones(l)
    for _ in range(iterations):
        delta = 1 / (n * (sigma @ A))  # now every column sums to 1 / n
        sigma = 1 / (l * (A @ delta))  # now every row sums to 1 / l
    return sigma[:, None] * A * delta


mine = my_sinkhorn(C, 0.05, 100)
theirs = sinkhorn(torch.tensor(C)[None], epsilon=0.05, iterations=100)[0]
np.testing.assert_allclose(mine, theirs, atol=1e-9)
print(f"equal to the library; price {(C * mine).sum():.4f}, optimum {optimum:.4f}")

# %% [markdown]
# $\varepsilon$ is a **blur**. Turn it: large, and everybody delivers everywhere; small, and the corner
# comes out, but after ever more iterations.


# %%
def blurred(epsilon):
    """Where "fox" and "camel" deliver under this much blur."""
    plan = my_sinkhorn(C, epsilon, 500)
    heats = [blend(picture, plan[row].reshape(8, 8), smooth=False) for row in (1, 4)]
    titles = ["fox", f"camel (price {(C * plan).sum():.3f}, optimum {optimum:.3f})"]
    return sheet(heats, titles=titles, size=2.6)


turn(
    blurred,
    "Two heatmaps, blurred over the whole picture for a large epsilon",
    epsilon=(0.2, [1.0, 0.5, 0.2, 0.1, 0.05, 0.02]),
)

# %% [markdown]
# ## Second idea: IPOT, or going home in steps
#
# ViLT uses neither linear programming nor Sinkhorn. It uses IPOT (Xie and others, 2019), which has no blur in the end. Instead of
# "be spread out" it says **"do not go far from where you were"**:
#
# $$ T_{k} = \arg\min_T\; \langle C, T\rangle + \beta\, \mathrm{KL}(T \,\|\, T_{k-1}) $$
#
# (KL, the Kullback-Leibler divergence, $\sum_{ij} T_{ij}\log (T_{ij}/T'_{ij})$ for plans of equal mass, is 0 for $T=T'$ and
# grows as they part.)
#
# Each step is a Sinkhorn problem whose kernel is multiplied with the last plan. One round of scaling is
# enough ("inexact"), so there is one more line than before:


# %%
def my_ipot(C, beta, iterations):
    """The inexact proximal point method, algorithm 1 of arXiv:1802.04307."""
    l, n = C.shape
    A = np.exp(-C / beta)
    T = np.ones((l, n))
    sigma = np.ones(l) / l
    for _ in range(iterations):
        Q = A * T  # the last plan, sharpened once more: this is the new line
        delta = 1 / (n * (sigma @ Q))
        sigma = 1 / (l * (Q @ delta))
        T = sigma[:, None] * Q * delta
    return T


# %%
mine = my_ipot(C, beta=0.5, iterations=50)
alignment = model.align(picture, sentence, beta=0.5, iterations=50)
np.testing.assert_allclose(mine, ipot(torch.tensor(C)[None], beta=0.5, iterations=50)[0], atol=1e-9)
np.testing.assert_allclose(mine, alignment.plan, atol=1e-5)
print("equal to vilt_core.transport.ipot")

from vilt_core.viz.plan import plan_matrix

show(plan_matrix(mine, words=names, grid=(8, 8)), "The plan as the app draws it, to be hovered")

# %% [markdown]
# How does it settle? After every iteration write down the price $\langle C, T\rangle$, by how much the sums of rows (text)
# and columns (image) miss what they should be, and how spread out the plan is (its entropy, in *nats*: with the natural
# logarithm). Dashed is the optimum:

# %%
plans = np.array([my_ipot(C, 0.5, count) for count in range(1, 51)])
priced = (plans * C).sum(axis=(1, 2))
rows_off = np.abs(plans.sum(axis=2) - 1 / l).sum(axis=1)
columns_off = np.abs(plans.sum(axis=1) - 1 / n).sum(axis=1)
spread = -(plans * np.log(np.maximum(plans, 1e-300))).sum(axis=(1, 2))
curves = priced, rows_off, columns_off, spread
trace = model.align(picture, sentence, beta=0.5, iterations=50, trace=True).trace
theirs = trace.transport_cost, trace.text_error, trace.image_error, trace.entropy
np.testing.assert_allclose(curves, theirs, atol=1e-4)
show(
    trace_curves(*curves, iterations=range(1, 51), optimum=optimum),
    "The price comes down to the dashed optimum; rows are exact, columns nearly; the entropy falls",
)
dip = (np.diff(priced) > 0).argmax()  # the first iteration after which the price rises
for at in (dip, 49):
    print(f"iteration {at + 1:2}: price {priced[at]:.4f}, columns off by {columns_off[at]:.4f}")

# %% [markdown]
# One round of scaling ends with the rows, so these are right to the last digit after every iteration: their error is below what a
# logarithmic axis can show, and is drawn flat at its floor, $10^{-9}$. Columns are right only when the plan has come to rest,
# which is what "inexact" costs. And if the price dips early and rises again before it falls for good, the dip was no
# bargain: the columns are more unfair there than at the end, as printed.
#
# **Step through it.** Left is the plan, a row a word and a column a patch; right is what "fox" has. The first
# step is a guess, then the mass moves home.


# %%
def stepped(iteration, beta):
    """The plan after so many iterations, and a word of it."""
    plan = my_ipot(C, beta, iteration)
    figure, (left, right) = canvas(8.5, 2.7, 2, width_ratios=[2.6, 1])
    left.imshow(plan, aspect="auto", cmap="Oranges", vmin=0, vmax=1 / n)
    left.set_yticks(range(l), names)
    off = np.abs(plan.sum(axis=0) - 1 / n).sum()
    price = f"price {(C * plan).sum():.4f} (optimum {optimum:.4f})"
    left.set(title=f"{price}, columns off by {off:.4f}", xlabel="patch, row after row")
    right.imshow(blend(picture, plan[1].reshape(8, 8), smooth=False))
    right.set(title="fox", xticks=[], yticks=[])
    return figure


# %%
turn(
    stepped,
    "The plan as a matrix that grows sparser, and the fox's share of the picture",
    iteration=(5, 1, 100),
    beta=(0.5, [1.0, 0.5, 0.2, 0.1]),
)

# %% [markdown]
# ## Beta sets the step size: small beta, large step
#
# Many read $\beta$ as a blur, like $\varepsilon$. It is not. Unroll two steps, each solved exactly: the
# kernel is multiplied in twice, $e^{-C/\beta} \cdot e^{-C/\beta} = e^{-2C/\beta}$. After $N$ steps it is
# $e^{-NC/\beta}$, Sinkhorn's kernel for
#
# $$ \varepsilon = \beta / N. $$
#
# So $1/\beta$ is how far one step goes, and only $N/\beta$ says how far you have come. Draw the price for
# several $\beta$ over $N/\beta$ and the curves should lie on one another:

# %%
import plotly.graph_objects as go

figure = go.Figure()
for beta, color in ((0.5, TEXT), (1.0, IMAGE), (2.0, PLAIN)):
    steps = [round(ratio * beta) for ratio in (10, 20, 40, 80, 160, 320, 640)]
    prices = [(C * my_ipot(C, beta, count)).sum() - optimum for count in steps]
    ratios = [count / beta for count in steps]
    figure.add_scatter(x=ratios, y=prices, name=f"beta = {beta}", line={"color": color})
figure.update_layout(height=320, template="plotly_white", xaxis_title="N / beta")
figure.update_layout(xaxis_type="log", yaxis_type="log", yaxis_title="price above the optimum")
show(figure, "Three falling curves that meet: only the ratio counts")
slow, fast = my_ipot(C, 1.0, 200), my_ipot(C, 0.5, 100)  # both have N / beta = 200
print(f"largest difference of the two plans: {np.abs(slow - fast).max() * n:.4f} of a patch's mass")
assert np.abs(slow - fast).max() * n < 0.05

# %% [markdown]
# ViLT trains with $\beta = 0.5$ and 50 steps ($N/\beta = 100$) and draws its figures with 0.1 and 1,000
# ($N/\beta = 10{,}000$, practically the exact corner).
#
# One warning. "Inexact" has a price when steps are large: go 100 far in ten steps of $\beta = 0.1$, and the
# plan is *cheaper than the optimum*. That is not genius. It cheats: the columns are not fair yet.

# %%
for beta, count in ((0.5, 50), (0.1, 10)):
    plan = my_ipot(C, beta, count)
    off = np.abs(plan.sum(axis=0) - 1 / n).sum()
    price = (C * plan).sum()
    print(
        f"beta {beta}, {count} steps: {price - optimum:+.4f} from the optimum, columns off by {off:.4f}"
    )

# %% [markdown]
# ## What ViLT trains with it
#
# The price of the best plan says how far a caption is from a picture. For pairs that belong together it
# should be small, for others large. That is the whole loss:
#
# $$ L_\text{WPA} = \tfrac1B \Big( \sum_{\text{matched}} \langle C, T\rangle - \sum_{\text{others}} \langle C, T\rangle \Big) $$
#
# (It is added to the loss of matching with a weight of 0.1. So much the paper says; that pairs which do not belong together
# count minus stands in its code.)
#
# Does our trained model do it? Six scenes, six captions, every price; dark is cheap:

# %%
captions = {
    7: "a fox and a camel", 29: "a horse and a duck", 33: "a koala and a flute",
    6: "an airplane and a circle", 38: "a koala and a trumpet", 4: "two motorcycles",
}  # fmt: skip
pictures = [paint(scene(0, at, split="test"), 128).pixels for at in captions]
said, columns = list(captions.values()), [f"picture {k + 1}" for k in range(6)]
prices = np.array([[model.align(p, c).transport_cost for p in pictures] for c in said])
bar = {"title": {"text": "price"}}
figure = go.Figure(
    go.Heatmap(z=prices.round(3), x=columns, y=said, colorscale="Oranges_r", colorbar=bar)
)
assert (prices.argmin(axis=0) == range(6)).all()  # in every column
assert (prices.argmin(axis=1) == range(6)).all()  # in every row
figure.update_layout(height=340, yaxis_autorange="reversed", margin={"l": 170, "t": 20})
show(figure, "A table of prices, lowest along the diagonal where caption and picture match")

# %% [markdown]
# In each row, and in each column, the diagonal is cheapest. (Rows cannot be compared: a caption may cost more on its own
# picture than a false one does on another.) Look at the two koala rows: each koala caption finds the *other* koala picture nearly
# as cheap, because half of its words fit. The price is a sum over words, and says so.
#
# ### One subtlety: the gradient
#
# To train we need the *gradient*: for every single cost, how much the price changes per unit of it. The plan came out of a
# loop of 50 steps. Do we train *through* the loop? No. At its best, a plan cannot get cheaper by moving mass, so to first
# order the price changes with the costs alone, and its gradient is **the plan itself**. Believe it? Raise one cost a
# little and solve the whole problem anew, once for a pair that carries mass and once for the dearest:


# %%
def slope(i, j, little=1e-4):
    """By how much the optimal price rises, per unit of one cost."""
    dearer = C.copy()
    dearer[i, j] += little
    plan = ot.emd(np.full(l, 1 / l), np.full(n, 1 / n), dearer)
    return ((dearer * plan).sum() - optimum) / little


for i, j in (np.unravel_index(at, C.shape) for at in (exact.argmax(), C.argmax())):
    print(f"{names[i]!r}, patch {j}: slope {slope(i, j):.6f}, the plan's mass {exact[i, j]:.6f}")
    np.testing.assert_allclose(slope(i, j), exact[i, j], atol=1e-6)

# %% [markdown]
# So the library treats $T$ as a constant. Its gradient is that of $\langle C, T\rangle$ with our plan $T$ written in:

# %%
from vilt_core.objectives import wpa

states = torch.tensor(words)[None].requires_grad_()
image = torch.tensor(patches)[None]
real = torch.ones(1, l, dtype=torch.bool), torch.ones(1, n, dtype=torch.bool)
loss = wpa(states, image, *real, torch.tensor([True]))
loss.backward()
np.testing.assert_allclose(loss.item(), (C * mine).sum(), atol=1e-5)
again = torch.tensor(words)[None].requires_grad_()
(cosine_cost(again, image)[0] * torch.tensor(mine)).sum().backward()
torch.testing.assert_close(states.grad, again.grad, rtol=1e-3, atol=1e-6)
print(
    f"the loss of this matched pair is its price, {loss.item():.4f}; T has no gradient of its own"
)

# %% [markdown]
# ## From a plan to a heatmap
#
# Look once more at "above" in the exact plan: it had to spend its mass somewhere. Mass alone cannot tell a
# word that *belongs* from one that was *sent*. So the app draws mass times cosine, what the mass carries:

# %%
word = "above"
mass, heat = alignment.mass(word), alignment.heatmap(word)
np.testing.assert_allclose(heat.ravel(), (alignment.plan * np.clip(1 - alignment.cost, 0, None))[2])
top = alignment.heatmap("fox").max()
show(
    sheet(
        [
            blend(picture, mass),
            blend(picture, heat, top=top),
            blend(picture, alignment.heatmap("fox")),
        ],
        titles=["above: mass", "above: mass x cosine", "fox: mass x cosine"],
    ),
    "The mass of 'above' covers the background; weighted with the cosine it fades beside the fox",
)

# %% [markdown]
# ## What to take home
#
# - A cost is one minus a cosine. A plan says who delivers where and is fair to both sides. Its price is the one number that
#   says how well a caption fits; its rows are the pictures that show why.
# - IPOT starts each step from the last plan and so comes to the exact one. Only $N/\beta$ says how far it has come.
# - Fairness makes every word deliver somewhere. So mass alone proves nothing of a word: weigh it with the cosine.
#
# ## Exercises
#
# **5.1** A caption of 4 words, a picture of 12 x 12 patches, and a plan that spreads everything evenly. What
# is every entry of $T$?

# %%
entry = ...
check("05.1", entry)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# entry = 1 / (4 * 144)  # all 576 entries together are 1
# check("05.1", entry)
# ```
#
# </details>
#
# **5.2** Say how unfair a plan is: the sum over rows of $|\sum_j T_{ij} - 1/l|$, and the same over columns.


# %%
def unfairness(T):
    """(error of the rows, error of the columns)."""
    ...


check("05.2", unfairness)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def unfairness(T):
#     l, n = T.shape
#     return np.abs(T.sum(axis=1) - 1 / l).sum(), np.abs(T.sum(axis=0) - 1 / n).sum()
#
#
# check("05.2", unfairness)
# ```
#
# </details>
#
# **5.3** How many iterations with $\beta = 0.05$ come as far as the 50 with $\beta = 0.5$?

# %%
iterations = ...
check("05.3", iterations)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# iterations = 0.05 * (50 / 0.5)
# check("05.3", iterations)
# ```
#
# (That few leave the columns rather unfair: try `unfairness(my_ipot(C, 0.05, 5))`.)
#
# </details>
#
# **5.4** Write IPOT yourself, without looking up. Start from `T = 1` and scale the rows last.


# %%
def own_ipot(C, beta, iterations):
    """The plan after so many iterations."""
    ...


check("05.4", own_ipot)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# def own_ipot(C, beta, iterations):
#     l, n = C.shape
#     A, T, sigma = np.exp(-C / beta), np.ones((l, n)), np.ones(l) / l
#     for _ in range(iterations):
#         Q = A * T
#         delta = 1 / (n * (sigma @ Q))
#         sigma = 1 / (l * (Q @ delta))
#         T = sigma[:, None] * Q * delta
#     return T
#
#
# check("05.4", own_ipot)
# ```
#
# </details>
#
# **5.5** Three pairs have prices 0.4, 1.1 and 0.6; the first and the last are matched. What is
# $L_\text{WPA}$?

# %%
loss_of_three = ...
check("05.5", loss_of_three)

# %% [markdown]
# <details><summary>Solution</summary>
#
# ```python
# loss_of_three = (0.4 - 1.1 + 0.6) / 3
# check("05.5", loss_of_three)
# ```
#
# A negative loss is nothing bad here: it rewards distance where text and picture do not belong together.
#
# </details>
#
# **In the app:** the tab *Align* steps through the same iterations on any picture of yours.
#
# **Next:** [6. Explaining an answer](06-explaining-an-answer.ipynb).
