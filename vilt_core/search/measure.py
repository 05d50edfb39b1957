"""What a shortlist costs and misses: recall, passes of the judge and time, by its length."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.data.text import Tokenizer
from vilt_core.evaluation.galleries import world_gallery
from vilt_core.evaluation.inference import Progress
from vilt_core.evaluation.machine import hardware
from vilt_core.evaluation.recall import AT
from vilt_core.evaluation.tables import percent, table
from vilt_core.predictor import Predictor
from vilt_core.search.albums import Scenes, scene_of
from vilt_core.search.encoder import DualEncoder
from vilt_core.search.finding import MILLION, search
from vilt_core.search.index import Index, nearest
from vilt_core.world.programs import Program, execute

SHORTLISTS = (1, 4, 8, 16, 32, 64, 128)
_TIMED = 5  # queries whose time is taken, of each length
MARK = "shortlist"  # of the place in a page that ``shortlist_markdown`` fills


def recalls_within(
    scores: Float[Tensor, "queries k"],
    right: Bool[Tensor, "queries k"],
    *,
    shortlist: int,
) -> dict[str, float]:
    """Recall at 1, 5 and 10 where only the first ``shortlist`` answers of each query are judged.

    What is right and not among them is not found. An answer that is tied with wrong ones comes
    after them, as in ``evaluation.recall.recalls``, which this is for the whole gallery.

    Args:
        scores: Of the judge; the columns of each query in the order of the dual encoder.
        right: The answers that are to be found.
        shortlist: How many are judged.

    Returns:
        "r1", "r5" and "r10", and "reached": how often something right is on the shortlist.
    """
    scores, right = scores[:, :shortlist], right[:, :shortlist]
    reached = right.any(dim=1)
    best = scores.masked_fill(~right, -torch.inf).amax(dim=1)
    before = ((scores >= best[:, None]) & ~right).sum(dim=1)
    found = {f"r{k}": (reached & (before < k)) for k in AT} | {"reached": reached}
    return {name: round(float(hits.double().mean()), 6) for name, hits in found.items()}


def measure_shortlists(
    index: Index,
    *,
    encoder: DualEncoder,
    judge: Predictor,
    queries: int = 100,
    shortlists: Sequence[int] = SHORTLISTS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Search scenes by their captions, with shortlists of several lengths.

    A sentence of the world is true of other scenes as well, and its program says of which: each of
    them is right.

    Args:
        index: Of scenes.
        encoder: Whose vectors the index holds.
        judge: What ranks the shortlist.
        queries: How many captions: those of the first scenes that the models can read whole.
        shortlists: Lengths, the longest of which is read with every caption.
        progress: Told (captions done, of how many).

    Returns:
        "rows", one a length: "shortlist", "r1", "r5", "r10" and "reached" in [0, 1], "forwards" and
        "milliseconds" of a query. "encoder_alone" has the recalls without a judge, "everything" the
        forwards and seconds that scoring a million pictures would take.

    Raises:
        ValueError: An index of anything else, or of fewer scenes than there are queries.
    """
    album = _scenes(index)
    if not 1 <= queries <= album.count:
        raise ValueError(f"queries must lie in 1 to {album.count:,}, got {queries:,}")
    begun = time.perf_counter()
    lengths = sorted({min(length, len(index.entries)) for length in shortlists})
    said = _said(album, queries, encoder.tokenizer, judge.tokenizer)
    scenes = [scene_of(entry.key) for entry in index.entries]
    scores, cosines = (np.full((len(said), lengths[-1]), -np.inf) for _ in range(2))
    right = np.zeros((len(said), lengths[-1]), dtype=bool)
    for at, (text, program) in enumerate(said):
        found = search(index, text, encoder=encoder, judge=judge, shortlist=lengths[-1])
        for column, hit in enumerate(sorted(found.hits, key=lambda hit: -(hit.cosine or 0.0))):
            scores[at, column], cosines[at, column] = hit.score, hit.cosine
            right[at, column] = execute(program, scenes[hit.row])
        if progress is not None:
            progress(at + 1, len(said))
    judged, true = torch.from_numpy(scores), torch.from_numpy(right)
    alone = recalls_within(torch.from_numpy(cosines), true, shortlist=lengths[-1])
    rows, last = [], None
    for length in lengths:
        timed = [
            search(index, text, encoder=encoder, judge=judge, shortlist=length)
            for text, _ in said[:_TIMED]
        ]
        last = timed[-1]
        rows.append(
            {
                "shortlist": length,
                **recalls_within(judged, true, shortlist=length),
                "forwards": last.cost.forwards,
                "milliseconds": round(1000 * median(one.cost.total for one in timed), 1),
            }
        )
    assert last is not None
    return {
        "task": "shortlist",
        "data": album.name,
        "model": judge.name,
        "encoder": encoder.name,
        "examples": len(said),
        "seconds": round(time.perf_counter() - begun, 2),
        "hardware": hardware(),
        "gallery": len(index.entries),
        "rows": rows,
        "encoder_alone": alone,
        "everything": {
            "gallery": MILLION,
            "forwards": MILLION,
            "seconds": round(last.cost.everything()),
        },
    }


def shortlist_markdown(found: dict[str, Any], *, command: str) -> str:
    """The same for a reader."""
    rows = [
        [
            str(row["shortlist"]),
            *(percent(row[name]) for name in ("r1", "r5", "r10", "reached")),
            f"{row['forwards']:,}",
            f"{row['milliseconds']:,.0f}",
        ]
        for row in found["rows"]
    ]
    alone = found["encoder_alone"]
    rows.append([found["encoder"], *(percent(alone[f"r{k}"]) for k in AT), "-", "0", "-"])
    everything = found["everything"]
    hours = everything["seconds"] / 3600
    return "\n".join(
        [
            f"`{command}`: {found['model']} judges the shortlists of {found['encoder']}, "
            f"{found['examples']} captions, {found['gallery']:,} scenes of {found['data']}, on "
            f"{found['hardware']}. The last row is the dual encoder alone. Scoring each of "
            f"{everything['gallery']:,} pictures would take {everything['forwards']:,} forwards, "
            f"{hours:,.1f} hours for one query.",
            "",
            table(
                ("shortlist", "R@1", "R@5", "R@10", "reached", "forwards", "ms a query"),
                rows,
            ),
        ]
    )


def reach(
    index: Index,
    *,
    encoder: DualEncoder,
    queries: int = 100,
    shortlists: Sequence[int] = SHORTLISTS,
) -> tuple[tuple[int, float], ...]:
    """How often a shortlist holds a scene of which the caption is true: the most to be recalled.

    It takes no pass of a judge, and so little time that a page may ask for it.

    Args:
        index: Of scenes.
        encoder: Whose vectors the index holds.
        queries: Captions at most: those of the first scenes.
        shortlists: Lengths; those beyond the gallery count as the whole of it.

    Raises:
        ValueError: An index of anything else.
    """
    album = _scenes(index)
    lengths = sorted({min(length, len(index.entries)) for length in shortlists})
    said = _said(album, min(queries, album.count), encoder.tokenizer)
    rows = nearest(index.vectors, encoder.texts([text for text, _ in said]), count=lengths[-1])[1]
    first = []
    for near, (_, program) in zip(rows.tolist(), said, strict=True):
        true = (
            at
            for at, row in enumerate(near)
            if row >= 0 and execute(program, scene_of(index.entries[row].key))
        )
        first.append(next(true, lengths[-1]))
    return tuple((length, float(np.mean(np.array(first) < length))) for length in lengths)


def _scenes(index: Index) -> Scenes:
    if not isinstance(index.album, Scenes):
        raise ValueError(
            f"shortlists are measured on scenes of the world, got {index.album.name!r:.200}"
        )
    return index.album


def _said(album: Scenes, queries: int, *tokenizers: Tokenizer) -> list[tuple[str, Program]]:
    """Captions of the first scenes and what they claim; without those too long for a model."""
    gallery = world_gallery(album.split, queries, seed=album.seed)
    found = [
        (text, program)
        for text, program in zip(gallery.captions, gallery.programs, strict=True)
        if all(tokenizer.count(text) <= tokenizer.max_tokens for tokenizer in tokenizers)
    ]
    if not found:
        raise ValueError("expected captions that the models can read whole, all are too long")
    return found
