"""What each parameter is called here, in transformers and in the original code: one table.

The original's ``transformer`` is timm's VisionTransformer, so its third column is timm's as well.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

Names = Literal["transformers", "original"]
Classifier = Literal["vqa", "nlvr2"]

# How tensors change their shape on the way out, and back.


def unchanged(*tensors: Tensor) -> tuple[Tensor, ...]:
    """As they are."""
    return tensors


def split_qkv(qkv: Tensor) -> tuple[Tensor, ...]:
    """Our one projection as the three of transformers."""
    return tuple(part.clone() for part in qkv.chunk(3))


def join_qkv(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor]:
    """The three projections of transformers as our one."""
    return (torch.cat([query, key, value]),)


def join_positions(
    class_position: Float[Tensor, " d"], table: Float[Tensor, "side side d"]
) -> tuple[Float[Tensor, "1 tokens d"]]:
    """One sequence of positions, that of [class] first."""
    rows, columns, d = table.shape
    positions = table.new_empty(1, 1 + rows * columns, d)
    positions[0, 0] = class_position
    positions[0, 1:] = rearrange(table, "rows columns d -> (rows columns) d")
    return (positions,)


def split_positions(
    positions: Float[Tensor, "1 tokens d"],
) -> tuple[Float[Tensor, " d"], Float[Tensor, "side side d"]]:
    """The position of [class], and the others as the square that they are."""
    side = isqrt(positions.shape[1] - 1)
    table = rearrange(positions[0, 1:], "(rows columns) d -> rows columns d", rows=side)
    return positions[0, 0].clone(), table.clone()


def lift_class(token: Float[Tensor, " d"]) -> tuple[Float[Tensor, "1 1 d"]]:
    """The [class] or the mask token as a batch of one sequence of one token."""
    return (token[None, None],)


def lower_class(token: Float[Tensor, "1 1 d"]) -> tuple[Float[Tensor, " d"]]:
    """The [class] or the mask token alone."""
    return (token[0, 0],)


@dataclass(frozen=True, slots=True)
class Form:
    """A pair of functions which undo each other."""

    out: Callable[..., tuple[Tensor, ...]]
    back: Callable[..., tuple[Tensor, ...]]


# Names of ours, as many of theirs, and what happens to the tensors between them.
Rename = tuple[list[str], list[str], Form]

SAME = Form(unchanged, unchanged)
THIRDS = Form(split_qkv, join_qkv)
POSITIONS = Form(join_positions, split_positions)
CLASS = Form(lift_class, lower_class)


@dataclass(frozen=True, slots=True)
class Row:
    """One or several tensors under their three names.

    ``{i}`` counts the blocks, ``*`` stands for weight and bias, ``+`` lies between several names.
    """

    ours: str
    transformers: str
    original: str
    to_transformers: Form = SAME
    to_original: Form = SAME


_TEXT, _IMAGE = "vilt.embeddings.text_embeddings", "vilt.embeddings"
_OURS, _THEIRS, _BLOCK = "encoder.blocks.{i}", "vilt.encoder.layer.{i}", "transformer.blocks.{i}"
_QKV = " + ".join(f"{_THEIRS}.attention.attention.{part}.*" for part in ("query", "key", "value"))

TABLE = (
    # ours, transformers, original
    # -- text
    Row(
        "text_embedding.words.weight",
        f"{_TEXT}.word_embeddings.weight",
        "text_embeddings.word_embeddings.weight",
    ),
    Row(
        "text_embedding.positions.weight",
        f"{_TEXT}.position_embeddings.weight",
        "text_embeddings.position_embeddings.weight",
    ),
    Row(
        "text_embedding.segments.weight",
        f"{_TEXT}.token_type_embeddings.weight",
        "text_embeddings.token_type_embeddings.weight",
    ),
    Row("text_embedding.norm.*", f"{_TEXT}.LayerNorm.*", "text_embeddings.LayerNorm.*"),
    # -- image
    Row(
        "patch_embedding.projection.*",
        f"{_IMAGE}.patch_embeddings.projection.*",
        "transformer.patch_embed.proj.*",
    ),
    Row(
        "patch_embedding.class_token",
        f"{_IMAGE}.cls_token",
        "transformer.cls_token",
        CLASS,
        CLASS,
    ),
    Row(
        "patch_embedding.mask_token",
        f"{_IMAGE}.mask_token",
        "transformer.mask_token",
        CLASS,
        CLASS,
    ),
    Row(
        "patch_embedding.class_position + patch_embedding.positions.table",
        f"{_IMAGE}.position_embeddings",
        "transformer.pos_embed",
        POSITIONS,
        POSITIONS,
    ),
    # -- which of the two: 2 rows, 3 for the pairs of images of NLVR2
    Row(
        "fusion.types.weight",
        f"{_IMAGE}.token_type_embeddings.weight",
        "token_type_embeddings.weight",
    ),
    # -- blocks
    Row(f"{_OURS}.norm1.*", f"{_THEIRS}.layernorm_before.*", f"{_BLOCK}.norm1.*"),
    Row(f"{_OURS}.attention.qkv.*", _QKV, f"{_BLOCK}.attn.qkv.*", THIRDS),
    Row(
        f"{_OURS}.attention.projection.*",
        f"{_THEIRS}.attention.output.dense.*",
        f"{_BLOCK}.attn.proj.*",
    ),
    Row(f"{_OURS}.norm2.*", f"{_THEIRS}.layernorm_after.*", f"{_BLOCK}.norm2.*"),
    Row(f"{_OURS}.mlp.expand.*", f"{_THEIRS}.intermediate.dense.*", f"{_BLOCK}.mlp.fc1.*"),
    Row(f"{_OURS}.mlp.contract.*", f"{_THEIRS}.output.dense.*", f"{_BLOCK}.mlp.fc2.*"),
    Row("encoder.norm.*", "vilt.layernorm.*", "transformer.norm.*"),
    Row("pooler.dense.*", "vilt.pooler.dense.*", "pooler.dense.*"),
    # -- heads; transformers has none of ITM and of masked patches and skips these
    Row("itm.dense.*", "itm_score.fc.*", "itm_score.fc.*"),
    Row("mlm.dense.*", "mlm_score.transform.dense.*", "mlm_score.transform.dense.*"),
    Row("mlm.norm.*", "mlm_score.transform.LayerNorm.*", "mlm_score.transform.LayerNorm.*"),
    Row("mlm.decoder.weight", "mlm_score.decoder.weight", "mlm_score.decoder.weight"),
    Row("mlm.decoder.bias", "mlm_score.decoder.bias", "mlm_score.bias"),
    Row("mpp.dense.*", "mpp_score.transform.dense.*", "mpp_score.transform.dense.*"),
    Row("mpp.norm.*", "mpp_score.transform.LayerNorm.*", "mpp_score.transform.LayerNorm.*"),
    Row("mpp.decoder.*", "mpp_score.decoder.*", "mpp_score.decoder.*"),
    Row("rank.dense.*", "rank_output.*", "rank_output.*"),
    Row("vqa.expand.*", "classifier.0.*", "vqa_classifier.0.*"),
    Row("vqa.norm.*", "classifier.1.*", "vqa_classifier.1.*"),
    Row("vqa.classify.*", "classifier.3.*", "vqa_classifier.3.*"),
    Row("nlvr2.expand.*", "classifier.0.*", "nlvr2_classifier.0.*"),
    Row("nlvr2.norm.*", "classifier.1.*", "nlvr2_classifier.1.*"),
    Row("nlvr2.classify.*", "classifier.3.*", "nlvr2_classifier.3.*"),
)

# How the names of each head begin; ``classifier.`` of transformers may be that of VQA or of NLVR2.
HEADS = {
    "itm": "itm_score.",
    "mlm": "mlm_score.",
    "mpp": "mpp_score.",
    "rank": "rank_output.",
    "nlvr2": "nlvr2_classifier.",
}

# What old checkpoints of transformers hold beside parameters: counters from 0, and zeros.
NO_PARAMETERS = (
    "vilt.embeddings.text_embeddings.position_ids",
    "vilt.embeddings.text_embeddings.token_type_ids",
)

# What the original's checkpoints may hold and never use: BERT's counter, the head that guesses the
# colours of masked patches (its training crashes for want of the token), a head of timm's.
NEVER_USED = (
    "text_embeddings.position_ids",
    "text_embeddings.token_type_ids",
    "transformer.mask_token",
    "transformer.head.weight",
    "transformer.head.bias",
    "mpp_score.transform.dense.weight",
    "mpp_score.transform.dense.bias",
    "mpp_score.transform.LayerNorm.weight",
    "mpp_score.transform.LayerNorm.bias",
    "mpp_score.decoder.weight",
    "mpp_score.decoder.bias",
    "mpp_score.bias",
)


def tasks_in(names: Iterable[str]) -> set[str]:
    """The heads that a checkpoint has parameters of, but for those under ``classifier.``."""
    return {task for name in names for task, start in HEADS.items() if name.startswith(start)}


def outwards(
    state: Mapping[str, Tensor], *, names: Names, depth: int, classifier: Classifier | None = None
) -> dict[str, Tensor]:
    """Our tensors under other names.

    Args:
        state: Of a model of ours.
        names: Whose names.
        depth: How many blocks it has.
        classifier: Which head transformers is to find under ``classifier``; the other, as all that
            transformers does not look for, keeps the original's name.
    """
    return put(state, _renames(names, depth, classifier))


def inwards(
    state: dict[str, Tensor], *, names: Names, depth: int, classifier: Classifier | None = None
) -> dict[str, Tensor]:
    """Their tensors under our names.

    The state is emptied on the way, so that no tensor lies in memory twice.
    """
    return take(state, _renames(names, depth, classifier))


def put(state: Mapping[str, Tensor], renames: Iterable[Rename]) -> dict[str, Tensor]:
    """Our tensors under their names, as far as there are any."""
    renamed = {}
    for ours, theirs, form in renames:
        if ours[0] in state:
            tensors = form.out(*(state[name] for name in ours))
            renamed |= dict(zip(theirs, tensors, strict=True))
    return renamed


def take(state: dict[str, Tensor], renames: Iterable[Rename]) -> dict[str, Tensor]:
    """Their tensors under our names; the state is emptied on the way."""
    renamed = {}
    for ours, theirs, form in renames:
        if theirs[0] in state:
            tensors = form.back(*(state.pop(name) for name in theirs))
            renamed |= dict(zip(ours, tensors, strict=True))
    return renamed


def filled(ours: str, theirs: str, form: Form, *, depth: int) -> Iterator[Rename]:
    """A line of a table for every block that it speaks of, and for weight and bias."""
    for i in range(depth) if "{i}" in ours else (0,):
        for kind in ("weight", "bias") if "*" in ours else ("",):
            yield _filled(ours, i, kind), _filled(theirs, i, kind), form


def _renames(names: Names, depth: int, classifier: Classifier | None) -> Iterator[Rename]:
    for row in TABLE:
        theirs, form = row.original, row.to_original
        if names == "transformers" and not _is_other_classifier(row, classifier):
            theirs, form = row.transformers, row.to_transformers
        yield from filled(row.ours, theirs, form, depth=depth)


def _is_other_classifier(row: Row, classifier: Classifier | None) -> bool:
    return row.transformers.startswith("classifier.") and row.ours.split(".")[0] != classifier


def _filled(pattern: str, i: int, kind: str) -> list[str]:
    return [name.replace("{i}", str(i)).replace("*", kind) for name in pattern.split(" + ")]
