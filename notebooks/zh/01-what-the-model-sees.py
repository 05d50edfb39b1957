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
# # 1. 模型看到了什么
#
# **问题。** 图片是像素的网格，句子是一排字母。Transformer 两样都不读：它读的是一列向量。图片和句子怎样变成*同一列向量*？途中又丢失了什么？
#
# | | |
# |---|---|
# | 时间 | 30 分钟 |
# | 预备知识 | Python、NumPy 数组、知道什么是矩阵乘法 |
# | 你将搭建 | [ViLT 论文](https://arxiv.org/abs/2102.03334)的公式 1 和 2，以及由它们得到的那列向量 |
#
# 从上到下依次运行各个单元（Shift + Enter）。下面的每个数都当着你的面算出来，你搭的每个部件都会与驱动应用的那个库相比对。句子、问题和图中的文字是英文，因为模型只学过英文。

# %%
# 在新机器或 Colab 上，这里会取来实验室；已经装好时，什么也不取。
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

sys.path.append(str(Path(vilt_core.__file__).parents[1] / "notebooks"))  # `lesson` 所在之处

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
show(sheet([picture], titles=[sentence]), "蓝色圆点背景上，一张狐狸贴纸在一张骆驼贴纸上方")

# %% [markdown]
# （图题是描述这张图片的英文句子：“骆驼上方的一只狐狸”。模型只懂英文，所以句子保持原样。图中的文字都是英文，每张图下面有解释。）
#
# 这张图片来自随实验室附带的*贴纸世界*。你看到的是一只狐狸。计算机手里的是 128 行、每行 128 个像素，每个像素三个字节：红、绿、蓝。

# %%
print("形状", picture.shape, "- 也就是", picture.size, "个数")
print("第 40 行、第 50 列的像素：", picture[40, 50])

# %% [markdown]
# ## 切成图像块
#
# Transformer 会把列表里的每一项与其他每一项相比较。若把 16,384 个像素都放进列表，每一层就要做 2.68 亿次比较。于是 ViT，以及之后的 ViLT，做了一件近乎粗鲁的事：把图片切成方块，把每个方块当作一项，仿佛它是一个词。这样的方块叫做**图像块**（patch）。

# %%
side = model.model.config.patch_size
tiles = rearrange(picture, "(r p) (c q) rgb -> r c p q rgb", p=side, q=side)
rows, columns = tiles.shape[:2]
print(rows, "x", columns, "=", rows * columns, "个图像块，每个", side, "x", side, "像素")

gap = 3  # 图像块之间留白的像素数，只为了好看清
spread = np.full((rows * (side + gap), columns * (side + gap), 3), 255, dtype=np.uint8)
for r in range(rows):
    for c in range(columns):
        y, x = r * (side + gap), c * (side + gap)
        spread[y : y + side, x : x + side] = tiles[r, c]
show(sheet([spread], titles=["what enters the model"]), "分成 64 个小方块的图片")

# %% [markdown]
# （图题：进入模型的东西。）
#
# 现在再看那只狐狸。没有哪个方块显示“一只狐狸”：有的是一只耳朵，有的是一只眼睛，有的是半张嘴。这张列表里没有任何东西说明哪些方块属于一起，模型得自己弄明白。（我们的小模型得到过帮助：训练时每个方块都被问过，上面的贴纸叫什么。已发表的模型没有。）
#
# 方块按读书的顺序编号，一行接一行：这就是**光栅顺序**（raster order）。
#
# $$ \text{编号} = \text{行} \times \text{列数} + \text{列} $$

# %%
numbers = np.arange(rows * columns).reshape(rows, columns)
print(numbers[:3])
assert numbers[2, 5] == 2 * columns + 5

# %% [markdown]
# ## 方块变成向量
#
# 一个方块是 $16 \times 16 \times 3 = 768$ 个数。把它们一个接一个写下来，就是一个向量；再用一个矩阵 $V$ 把它变成模型自己宽度的向量（这里是 192，已发表的 ViLT 是 768）：
#
# $$ \text{token}_i = V\, \text{flatten}(\text{patch}_i) + b $$
#
# 进入 Transformer 之前，视觉部分就*只有*这些：没有卷积网络，也没有目标检测器。这正是论文的要点，也是 ViLT 快的原因。

# %%
pixels = normalise(picture[None], mean=model.processing.mean, std=model.processing.std)
embedding = model.model.patch_embedding
flat = rearrange(pixels[0], "rgb (r p) (c q) -> (r c) (rgb p q)", p=side, q=side)
V = rearrange(embedding.projection.weight, "d rgb p q -> d (rgb p q)")
mine = flat @ V.T + embedding.projection.bias
print("展平", tuple(flat.shape), "  V", tuple(V.shape), "  词元", tuple(mine.shape))

# %% [markdown]
# 库里把同一件事写成一次*卷积*，步长等于卷积核的大小：它从不同时看两个方块。结果一样吗？我们不凭信念，我们用断言检验：

# %%
theirs = rearrange(embedding.projection(pixels), "1 d r c -> (r c) d")
torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
print("步长等于卷积核的卷积，就是每个方块做一次矩阵乘法")

# %% [markdown]
# $V$ 在找什么？它的各行是 192 张小图片，方块与哪张相像，词元的那一项就大。下面是这 192 张图片彼此差别最大的几个方向（它们的主成分）。

# %%
_, strength, directions = torch.linalg.svd(V.detach(), full_matrices=False)
shown = rearrange(directions[:12], "n (rgb p q) -> n p q rgb", rgb=3, p=side).numpy()
shown = (255 * (0.5 + 0.5 * shown / np.abs(shown).max(axis=(1, 2, 3), keepdims=True))).astype(
    np.uint8
)
show(
    sheet(list(shown), titles=[f"{n + 1}" for n in range(12)], columns=6, size=1.2),
    "十二个小滤波器：模糊的斑点和边缘，每个都是两种颜色",
)

# %% [markdown]
# 斑点（中间与边缘相对）和边缘（一侧与另一侧相对），每个都是两种颜色的对照。它们是学来的，不是编进去的；模型看到的一切都要从这里经过。
#
# ## 那个方块原来在哪里？
#
# 问题来了。读这列向量的机器，即注意力（第 2 本笔记本），并不在乎顺序。对它来说，下面两张图片是*同一组方块*：

# %%
shuffled = tiles.reshape(-1, side, side, 3)[np.random.default_rng(1).permutation(rows * columns)]
shuffled = rearrange(shuffled, "(r c) p q rgb -> (r p) (c q) rgb", r=rows)
show(
    sheet([picture, shuffled], titles=["a picture", "the same squares"]),
    "左边是图片，右边是它的方块放在随机位置上",
)

# %% [markdown]
# （图题：左边“一张图片”，右边“同样的方块”。）
#
# 所以每个位置都有一个自己的向量，和别的参数一样是学来的，我们只是把它*加*上去。这就是论文的公式 2：
#
# $$ \bar v = [v_\text{class};\; v_1 V;\; \dots;\; v_N V] + V^\text{pos} $$
#
# （多出来的 $v_\text{class}$ 是另一个学来的向量，属于整张图片。论文把向量写成行：它的 $V$ 是我们的转置，并省去了偏置 $b$。）

# %%
positions = embedding.positions(rows, columns)
tokens = mine + rearrange(positions, "r c d -> (r c) d")
theirs = embedding(pixels)
torch.testing.assert_close(tokens, theirs.tokens[0], rtol=1e-4, atol=1e-4)
print("公式 2 成立：", tuple(theirs.tokens.shape), "，而且每个词元都知道自己的位置：")
print(theirs.positions[0, :3].tolist(), "...", theirs.positions[0, -1].tolist())

# %% [markdown]
# 这张表对位置知道些什么？取一个位置，把它的向量与其他所有位置的向量相比。**拖动两个滑块**：最深的橙色跟着走，离得越远颜色越淡。邻居彼此相似。白色是直角（余弦为 0），紫色表示两个向量方向相反。（在 ViLT-B/32 里这些都是从零学来的；我们的小模型一开始就得到了波形。）

# %%
directions = torch.nn.functional.normalize(positions.detach(), dim=-1)


def alike(row, column):
    """每个位置的向量与某一位置的向量方向有多一致。"""
    likeness = (directions @ directions[row, column]).numpy()
    figure, axes = canvas(4.6, 3.8)
    picture_of = axes.imshow(likeness, vmin=-1, vmax=1, cmap="PuOr_r")
    axes.plot(column, row, "k+", markersize=12)
    axes.set(title=f"cosine with place ({row}, {column})", xlabel="column", ylabel="row")
    figure.colorbar(picture_of)
    return figure


# %%
turn(alike, "8 乘 8 的位置网格，选中的位置及其周围是深橙色", row=(2, 0, 7), column=(3, 0, 7))

# %% [markdown]
# （图题：与所选位置（行，列）的余弦；横轴是列，纵轴是行，右侧色条是余弦的值。）
#
# ### 别的尺寸的图片
#
# 表里有 8 x 8 个位置，更宽的图片需要更多。这时把表*拉伸*，角对着角，学到的值之间用直线相连。下面是 192 个数中的一个，每个位置一种颜色，与应用的*预处理*（Preprocess）标签页画法相同。8 x 15 个图像块的图片在圆点处读表：

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
    "八乘八个彩色方块，以及八行从一边到另一边、每行十五个的圆点",
)

# %% [markdown]
# （图题：每个位置的第几个数，以及 8 x 15 个图像块读它的地方；横轴是列，纵轴是行，右侧色条是这个数的值，蓝色小于零，橙色大于零。）
#
# ## 句子也变成向量
#
# 模型有一份固定的*词片*（word piece）表：这里有几百个，BERT 里有 30,522 个。表里没有的词由更小的词片拼成；`##` 表示“接着前面”。`[CLS]` 和 `[SEP]` 站在两端。

# %%
for text in (sentence, "a zebra eats spaghetti"):
    ids = model.tokenizer.encode([text]).batch.ids[0].tolist()
    print([model.tokenizer.token(i) for i in ids])
    print(ids)

# %% [markdown]
# 接着是与前面同样的办法：每个词片查表得到一个向量，再加上它所在位置的向量。公式 1：
#
# $$ \bar t = [t_\text{class};\; t_1 T;\; \dots;\; t_L T] + T^\text{pos} $$
#
# 按发表时的做法，BERT 自己的嵌入还会再加一个常数向量并做归一化。十行代码：

# %%
text = model.tokenizer.encode([sentence]).batch
layer = model.model.text_embedding
words = layer.words.weight[text.ids[0]]  # 查表
places = layer.positions.weight[: len(words)]  # 0, 1, 2, ...
total = words + places + layer.segments.weight[0]
centred = total - total.mean(dim=-1, keepdim=True)
scaled = centred / centred.pow(2).mean(dim=-1, keepdim=True).add(1e-12).sqrt()
mine = scaled * layer.norm.weight + layer.norm.bias
torch.testing.assert_close(mine, layer(text.ids)[0], rtol=1e-4, atol=1e-4)
print("公式 1 成立：", tuple(mine.shape))

# %% [markdown]
# ## 同一列
#
# 文本向量和图像向量宽度相同。为了区分，各自再加一个*类型*向量：所有的词共用一个，所有的图像块共用一个。然后并排放在一起。这就是公式 3，也是开头那个问题的答案：
#
# $$ z^0 = [\bar t + t^\text{type};\; \bar v + v^\text{type}] $$

# %%
joint, _, _ = model.model.embed(text, vilt_core.types.ImageBatch(pixels=pixels))
types = model.model.fusion.types.weight
image_class = embedding.class_token + embedding.class_position
z = torch.cat([mine + types[0], image_class[None] + types[1], tokens + types[1]])
torch.testing.assert_close(z, joint[0], rtol=1e-4, atol=1e-4)
print(len(mine), "个词片（含 [CLS] 和 [SEP]）+ 1 个类别词元 +", len(tokens), "个图像块")
print("=", len(z), "个向量")

# %%
pieces = [model.tokenizer.token(i) for i in text.ids[0].tolist()]
names = [*pieces, "class", *(f"patch {k + 1}" for k in range(len(tokens)))]
show(
    joined_matrix(z.detach().numpy(), text_tokens=len(mine), names=names, chosen=2),
    "72 行，每行 192 个数：七个词、一个类别词元、64 个图像块",
)

# %% [markdown]
# （Transformer 读的那一列，每行一个向量，与应用的*导览*（Tour）画法相同：上面是词，下面是类别词元和图像块，框住的是“fox”；蓝色小于零，橙色大于零。）
#
# **丢失了什么？** 在一个方块之内，丢的是细节：768 个数变成了 192 个。（已发表的 ViLT 是 3,072 个变成 768 个。）在方块之间，丢的是检测器本来会告诉我们的东西：这列向量里没有物体，没有轮廓，也没有名称。哪里是狐狸、哪里是背景，要由 Transformer 的各层去弄明白。那是第 2 本笔记本的内容。
#
# ## 要记住的
#
# - 图片靠切割变成一列：每个方块展平，乘以*同一个*矩阵（公式 2）。句子靠查表变成一列：每个词片一个向量（公式 1）。
# - 注意力不知道次序。所以位置也是向量，是*加*上去的；图片尺寸不同时，就把位置表拉伸。
# - 两列各自标上类型，并排放在一起（公式 3）：72 个向量，每个 192 个数。模型看到的就只有这些。
#
# ## 练习
#
# 把答案写在省略号的位置。`check` 会告诉你哪里不对（提示是英文的）；解答折叠在题目下面。
#
# **1.1** 按论文所说，ViLT 读一张 384 x 640 像素的图片，图像块为 32 x 32（第 12 本笔记本看得更细），问题有 9 个词片，不算 `[CLS]` 和 `[SEP]`。列表里有多少个向量？

# %%
vectors = ...
check("01.1", vectors)

# %% [markdown]
# <details><summary>解答</summary>
#
# ```python
# patches = (384 // 32) * (640 // 32)  # 12 x 20
# vectors = (9 + 2) + (patches + 1)  # [CLS] 和 [SEP]，以及图片自己的类别词元
# check("01.1", vectors)
# ```
#
# </details>
#
# **1.2** 一个像素属于哪个图像块？写出光栅顺序的编号。


# %%
def patch_of(y, x, *, side, columns):
    """第 y 行、第 x 列的像素所在图像块的编号。"""
    ...


check("01.2", patch_of)

# %% [markdown]
# <details><summary>解答</summary>
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
# **1.3** 把切割还原：从形状为 (rows, columns, side, side, 3) 的图像块回到图片。


# %%
def joined(tiles):
    """由这些图像块拼成的图片，形状为 (rows * side, columns * side, 3)。"""
    ...


check("01.3", joined)

# %% [markdown]
# <details><summary>解答</summary>
#
# ```python
# def joined(tiles):
#     return rearrange(tiles, "r c p q rgb -> (r p) (c q) rgb")
#
#
# check("01.3", joined)
# ```
#
# 只用 NumPy：`tiles.swapaxes(1, 2).reshape(rows * side, columns * side, 3)`。少了 `swapaxes`，形状对而图片错，这是这一行的经典错误。
#
# </details>
#
# **1.4** 位置表的一行是 [0, 3, 6]。把它拉伸到五个位置，角对着角。

# %%
stretched_row = ...
check("01.4", stretched_row)

# %% [markdown]
# <details><summary>解答</summary>
#
# ```python
# stretched_row = np.interp(np.linspace(0, 2, 5), [0, 1, 2], [0, 3, 6])
# check("01.4", stretched_row)
# ```
#
# </details>
#
# **1.5** 已发表的 ViLT 的图像块投影有多少参数（图像块 32 x 32 x 3，宽度 768，带偏置）？论文说是 240 万：自己算算看。

# %%
parameters = ...
check("01.5", parameters)

# %% [markdown]
# <details><summary>解答</summary>
#
# ```python
# parameters = 32 * 32 * 3 * 768 + 768
# check("01.5", parameters)
# ```
#
# </details>
#
# **下一本：** [2. Transformer](../02-the-transformer.ipynb)（英文），由它来读这列向量。
