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
# # 1. モデルには何が見えているか
#
# **問い。** 画像は画素の格子、文は文字の並びです。Transformer はそのどちらも読みません。読むのは一列に並んだベクトルです。画像と文はどうやって*一つの列*になるのでしょうか。そして途中で何が失われるのでしょうか。
#
# | | |
# |---|---|
# | 時間 | 30 分 |
# | 前提 | Python、NumPy の配列、行列積とは何か |
# | 作るもの | [ViLT 論文](https://arxiv.org/abs/2102.03334)の式 1 と式 2、そしてそれらが作る列 |
#
# セルは上から順に実行してください（Shift + Enter）。以下の数はすべて目の前で計算され、自分で組み立てた部品はどれも、アプリを動かしているライブラリと突き合わせます。文や質問、図の中の文字は英語です。モデルが英語しか学んでいないからです。

# %%
# まっさらなマシンや Colab ではラボを取得する。すでにある場所では何も取得しない。
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

sys.path.append(str(Path(vilt_core.__file__).parents[1] / "notebooks"))  # `lesson` のある場所

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
show(sheet([picture], titles=[sentence]), "青い水玉の背景に、ラクダの上のキツネ")

# %% [markdown]
# （図の題は、この画像を述べた英語の文「ラクダの上のキツネ」です。モデルは英語しか読めないので、文はそのままです。図の中の文字は英語なので、それぞれの図の下で説明します。）
#
# この画像は、ラボに付属する*ステッカー世界*のものです。あなたにはキツネが見えます。コンピュータが持っているのは 128 行 × 128 画素、1 画素につき赤・緑・青の 3 バイトです。

# %%
print("形状", picture.shape, "- つまり数が", picture.size, "個")
print("40 行 50 列の画素：", picture[40, 50])

# %% [markdown]
# ## パッチに切り分ける
#
# Transformer は列のすべての要素を、ほかのすべての要素と比べます。16,384 個の画素を列に入れれば、層ごとに 2 億 6800 万回の比較になります。そこで ViT は、そして ViLT も、いささか乱暴なことをします。画像を四角に切り、その一つ一つを、まるで単語であるかのように一つの要素と呼ぶのです。この四角を**パッチ**と言います。

# %%
side = model.model.config.patch_size
tiles = rearrange(picture, "(r p) (c q) rgb -> r c p q rgb", p=side, q=side)
rows, columns = tiles.shape[:2]
print(rows, "x", columns, "=", rows * columns, "個のパッチ、大きさは", side, "x", side, "画素")

gap = 3  # パッチの間の白い画素数。見やすくするためだけのもの
spread = np.full((rows * (side + gap), columns * (side + gap), 3), 255, dtype=np.uint8)
for r in range(rows):
    for c in range(columns):
        y, x = r * (side + gap), c * (side + gap)
        spread[y : y + side, x : x + side] = tiles[r, c]
show(sheet([spread], titles=["what enters the model"]), "64 個の四角に分けられた画像")

# %% [markdown]
# （図の題：モデルに入るもの。）
#
# もう一度キツネを見てください。「キツネ」が写っている四角は一つもありません。耳があり、目があり、鼻先の半分があるだけです。どの四角が一緒なのかは、この列のどこにも書かれていません。モデルが自分で見つけるしかないのです。（この小さなモデルには助けがありました。訓練のとき、四角ごとに、その上のステッカーの名前を尋ねられています。発表されたモデルにはありません。）
#
# 四角には、ページを読む順に、一行ずつ番号を付けます。これが**ラスター順**（raster order）です。
#
# $$ \text{番号} = \text{行} \times \text{列数} + \text{列} $$

# %%
numbers = np.arange(rows * columns).reshape(rows, columns)
print(numbers[:3])
assert numbers[2, 5] == 2 * columns + 5

# %% [markdown]
# ## 四角がベクトルになる
#
# 一つの四角は $16 \times 16 \times 3 = 768$ 個の数です。それを一列に書き並べればベクトルになります。一つの行列 $V$ が、それをモデル自身の幅（ここでは 192、発表された ViLT では 768）のベクトルに変えます。
#
# $$ \text{token}_i = V\, \text{flatten}(\text{patch}_i) + b $$
#
# Transformer の手前にある視覚は、これで*全部*です。畳み込みネットワークも物体検出器もありません。これこそが論文の要点であり、ViLT が速い理由です。

# %%
pixels = normalise(picture[None], mean=model.processing.mean, std=model.processing.std)
embedding = model.model.patch_embedding
flat = rearrange(pixels[0], "rgb (r p) (c q) -> (r c) (rgb p q)", p=side, q=side)
V = rearrange(embedding.projection.weight, "d rgb p q -> d (rgb p q)")
mine = flat @ V.T + embedding.projection.bias
print("平らにしたもの", tuple(flat.shape), "  V", tuple(V.shape), "  トークン", tuple(mine.shape))

# %% [markdown]
# ライブラリは同じことを、ストライドがカーネルの大きさに等しい*畳み込み*として書いています。二つの四角を同時に見ることは決してありません。同じ数になるでしょうか。信じるのではなく、アサーションで確かめます。

# %%
theirs = rearrange(embedding.projection(pixels), "1 d r c -> (r c) d")
torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
print("ストライドがカーネルに等しい畳み込みは、四角ごとに一回の行列積である")

# %% [markdown]
# $V$ は何を探しているのでしょうか。その各行は 192 枚の小さな画像で、四角がそれに似ているほど、トークンの対応する成分が大きくなります。次に示すのは、この 192 枚の違いが最も大きくなる方向（主成分）です。

# %%
_, strength, directions = torch.linalg.svd(V.detach(), full_matrices=False)
shown = rearrange(directions[:12], "n (rgb p q) -> n p q rgb", rgb=3, p=side).numpy()
shown = (255 * (0.5 + 0.5 * shown / np.abs(shown).max(axis=(1, 2, 3), keepdims=True))).astype(
    np.uint8
)
show(
    sheet(list(shown), titles=[f"{n + 1}" for n in range(12)], columns=6, size=1.2),
    "12 個の小さなフィルタ。それぞれ二色の、ぼやけた斑点や縁",
)

# %% [markdown]
# 斑点（中央と周辺の対比）と縁（片側と反対側の対比）で、どれも二つの色が対立しています。これらはプログラムされたのではなく、学習されたものです。そしてモデルが見るものはすべて、ここを通ります。
#
# ## あの四角はどこにあったのか
#
# ここに落とし穴があります。列を読む仕組みである注意機構（ノートブック 2）は、順序を気にしません。注意機構にとって、次の二枚は *同じ四角の集合*です。

# %%
shuffled = tiles.reshape(-1, side, side, 3)[np.random.default_rng(1).permutation(rows * columns)]
shuffled = rearrange(shuffled, "(r c) p q rgb -> (r p) (c q) rgb", r=rows)
show(
    sheet([picture, shuffled], titles=["a picture", "the same squares"]),
    "左は画像、右はその四角を無作為な位置に置いたもの",
)

# %% [markdown]
# （図の題：左は「一枚の画像」、右は「同じ四角」。）
#
# そこで、位置ごとに固有のベクトルを用意し、これもほかと同じように学習して、単純に*足し*ます。論文の式 2 です。
#
# $$ \bar v = [v_\text{class};\; v_1 V;\; \dots;\; v_N V] + V^\text{pos} $$
#
# （余分に付いている $v_\text{class}$ も学習されるベクトルで、画像全体に属します。論文はベクトルを行として書くので、その $V$ はここの転置で、偏置 $b$ は省かれています。）

# %%
positions = embedding.positions(rows, columns)
tokens = mine + rearrange(positions, "r c d -> (r c) d")
theirs = embedding(pixels)
torch.testing.assert_close(tokens, theirs.tokens[0], rtol=1e-4, atol=1e-4)
print("式 2 が成り立つ：", tuple(theirs.tokens.shape), "、どのトークンも自分の位置を知っている：")
print(theirs.positions[0, :3].tolist(), "...", theirs.positions[0, -1].tolist())

# %% [markdown]
# この表は位置について何を知っているのでしょうか。位置を一つ選び、そのベクトルをほかのすべてと比べてみます。**二つのスライダーを動かしてください**。最も濃い橙が付いて動き、離れるほど薄くなります。隣どうしは似ているのです。白は直角（コサインが 0）、紫は二つのベクトルが逆の向きであることを表します。（ViLT-B/32 ではこれがすべてゼロから学習されました。この小さなモデルには、初めから波が与えられています。）

# %%
directions = torch.nn.functional.normalize(positions.detach(), dim=-1)


def alike(row, column):
    """各位置のベクトルが、ある位置のベクトルとどれほど同じ向きか。"""
    likeness = (directions @ directions[row, column]).numpy()
    figure, axes = canvas(4.6, 3.8)
    picture_of = axes.imshow(likeness, vmin=-1, vmax=1, cmap="PuOr_r")
    axes.plot(column, row, "k+", markersize=12)
    axes.set(title=f"cosine with place ({row}, {column})", xlabel="column", ylabel="row")
    figure.colorbar(picture_of)
    return figure


# %%
turn(alike, "8 × 8 の位置の格子。選んだ位置とその周りが濃い橙色", row=(2, 0, 7), column=(3, 0, 7))

# %% [markdown]
# （図の題：選んだ位置（行、列）とのコサイン。横軸は列、縦軸は行、右の色の帯はコサインの値です。）
#
# ### 別の大きさの画像
#
# 表には 8 x 8 の位置があります。横に広い画像にはもっと必要です。そのときは表を*引き伸ばし*ます。角は角に合わせ、学習された値の間は直線で結びます。192 個の数のうちの一つを、位置ごとの色で、アプリの*前処理*（Preprocess）タブと同じ描き方で示します。8 x 15 個のパッチの画像は、点のところで表を読みます。

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
    "8 × 8 の色つきの四角と、端から端まで 15 個ずつ並ぶ 8 行の点",
)

# %% [markdown]
# （図の題：各位置の何番目の数か、そして 8 x 15 個のパッチがそれを読むところ。横軸は列、縦軸は行、右の色の帯はその数の値で、青は零より小さく、橙は大きい値です。）
#
# ## 文もベクトルになる
#
# モデルは、決まった*単語片*（word piece）の一覧を持っています。ここでは数百個、BERT では 30,522 個です。一覧にない単語は、より小さな単語片をつないで作ります。`##` は「前に続く」という意味です。`[CLS]` と `[SEP]` が両端に立ちます。

# %%
for text in (sentence, "a zebra eats spaghetti"):
    ids = model.tokenizer.encode([text]).batch.ids[0].tolist()
    print([model.tokenizer.token(i) for i in ids])
    print(ids)

# %% [markdown]
# あとは先ほどと同じ手です。単語片ごとに表を引いてベクトルを得て、位置のベクトルを足します。式 1 です。
#
# $$ \bar t = [t_\text{class};\; t_1 T;\; \dots;\; t_L T] + T^\text{pos} $$
#
# 発表されたとおりにするなら、BERT の埋め込みはさらに定数のベクトルを一つ足し、正規化します。十行で書けます。

# %%
text = model.tokenizer.encode([sentence]).batch
layer = model.model.text_embedding
words = layer.words.weight[text.ids[0]]  # 表を引く
places = layer.positions.weight[: len(words)]  # 0, 1, 2, ...
total = words + places + layer.segments.weight[0]
centred = total - total.mean(dim=-1, keepdim=True)
scaled = centred / centred.pow(2).mean(dim=-1, keepdim=True).add(1e-12).sqrt()
mine = scaled * layer.norm.weight + layer.norm.bias
torch.testing.assert_close(mine, layer(text.ids)[0], rtol=1e-4, atol=1e-4)
print("式 1 が成り立つ：", tuple(mine.shape))

# %% [markdown]
# ## 一つの列
#
# 文のベクトルと画像のベクトルは同じ幅です。両者を区別するために、それぞれに*種類*のベクトルを足します。すべての単語に共通の一つと、すべてのパッチに共通の一つです。そして並べてつなぎます。これが式 3 であり、最初の問いの答えです。
#
# $$ z^0 = [\bar t + t^\text{type};\; \bar v + v^\text{type}] $$

# %%
joint, _, _ = model.model.embed(text, vilt_core.types.ImageBatch(pixels=pixels))
types = model.model.fusion.types.weight
image_class = embedding.class_token + embedding.class_position
z = torch.cat([mine + types[0], image_class[None] + types[1], tokens + types[1]])
torch.testing.assert_close(z, joint[0], rtol=1e-4, atol=1e-4)
print(len(mine), "個の単語片（[CLS] と [SEP] を含む）+ クラス 1 個 +", len(tokens), "個のパッチ")
print("=", len(z), "個のベクトル")

# %%
pieces = [model.tokenizer.token(i) for i in text.ids[0].tolist()]
names = [*pieces, "class", *(f"patch {k + 1}" for k in range(len(tokens)))]
show(
    joined_matrix(z.detach().numpy(), text_tokens=len(mine), names=names, chosen=2),
    "192 個の数の行が 72 本：単語 7、クラス 1、パッチ 64",
)

# %% [markdown]
# （Transformer が読む列です。一行が一つのベクトルで、アプリの*ツアー*（Tour）と同じ描き方です。上が単語、下がクラスとパッチ、枠は「fox」。青は零より小さく、橙は大きい値です。）
#
# **何が失われたか。** 四角の中では細部が失われました。768 個の数が 192 個になったのです。（発表された ViLT では 3,072 個が 768 個になります。）四角の間では、検出器なら教えてくれたはずのことが失われました。この列には物体も輪郭も名前もありません。どこがキツネでどこが背景なのかは、Transformer の各層が見つけることになります。それがノートブック 2 です。
#
# ## 持ち帰ること
#
# - 画像は切ることで列になります。四角をそれぞれ平らに並べ、*一つの*行列に通します（式 2）。文は、単語片ごとに表を引くことで列になります（式 1）。
# - 注意機構は順序を知りません。だから場所もベクトルで、*足す*のです。ほかの大きさの画像では、場所の表を引き伸ばします。
# - 二つの列にそれぞれ種別の印をつけて、横に並べます（式 3）。192 個の数のベクトルが 72 本。モデルが見るのはそれだけです。
#
# ## 演習
#
# 点の場所に答えを書いてください。`check` がどこが違うかを教えます（ヒントは英語です）。解答は折りたたんであります。
#
# **1.1** 論文によれば、ViLT は 384 x 640 画素の画像を 32 x 32 のパッチで読みます（ノートブック 12 で詳しく見ます）。質問は単語片 9 個（`[CLS]` と `[SEP]` は数えない）です。列にはベクトルがいくつありますか。

# %%
vectors = ...
check("01.1", vectors)

# %% [markdown]
# <details><summary>解答</summary>
#
# ```python
# patches = (384 // 32) * (640 // 32)  # 12 x 20
# vectors = (9 + 2) + (patches + 1)  # [CLS] と [SEP]、そして画像自身のクラス
# check("01.1", vectors)
# ```
#
# </details>
#
# **1.2** ある画素はどのパッチに属しますか。ラスター順の番号を書いてください。


# %%
def patch_of(y, x, *, side, columns):
    """y 行 x 列の画素を含むパッチの番号。"""
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
# **1.3** 切り分けを元に戻してください。形状 (rows, columns, side, side, 3) のタイルから画像へ。


# %%
def joined(tiles):
    """これらのタイルから成る画像。形状は (rows * side, columns * side, 3)。"""
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
# NumPy だけなら `tiles.swapaxes(1, 2).reshape(rows * side, columns * side, 3)`。`swapaxes` がないと、形状は正しいのに画像が間違っています。この分野の定番の誤りです。
#
# </details>
#
# **1.4** 位置の表の一行が [0, 3, 6] です。角を角に合わせて、五つの位置に引き伸ばしてください。

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
# **1.5** 発表された ViLT のパッチの射影には、パラメータがいくつありますか（パッチは 32 x 32 x 3、幅は 768、バイアスあり）。論文には 240 万とあります。自分で確かめてください。

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
# **次：** [2. Transformer](../02-the-transformer.ipynb)（英語）。この列を読むものです。
