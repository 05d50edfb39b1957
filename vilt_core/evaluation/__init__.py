"""Measures: a model and a set of examples in, plain numbers out, ready for JSON.

    evaluate("assets/models/vilt-mini", task="vqa", on="world:style", limit=1000)

report.py, card.py and study.py turn these numbers into pages.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vilt_core.evaluation.alignment import alignment_scores
from vilt_core.evaluation.faithfulness import faithfulness_scores
from vilt_core.evaluation.hidden_words import hidden_word_accuracy
from vilt_core.evaluation.inference import Precision, Progress
from vilt_core.evaluation.machine import checked_device
from vilt_core.evaluation.matching import matching_accuracy
from vilt_core.evaluation.meeting import word_pointing
from vilt_core.evaluation.nlvr2 import nlvr2_accuracy
from vilt_core.evaluation.places import place_readability
from vilt_core.evaluation.reasons import reasons_accuracy
from vilt_core.evaluation.referring import referring_accuracy
from vilt_core.evaluation.retrieval import retrieval_recall
from vilt_core.evaluation.sets import WORLD, Source
from vilt_core.evaluation.text_only import TextOnly
from vilt_core.evaluation.vqa import vqa_accuracy
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.opening import open_bundle

__all__ = [
    "TASKS",
    "WORLD",
    "Progress",
    "alignment_scores",
    "evaluate",
    "faithfulness_scores",
    "hidden_word_accuracy",
    "matching_accuracy",
    "nlvr2_accuracy",
    "place_readability",
    "reasons_accuracy",
    "referring_accuracy",
    "retrieval_recall",
    "vqa_accuracy",
    "word_pointing",
]

TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "vqa": vqa_accuracy,
    "matching": matching_accuracy,
    "nlvr2": nlvr2_accuracy,
    "retrieval": retrieval_recall,
    "alignment": alignment_scores,
    "pointing": word_pointing,
    "places": place_readability,
    "masks": hidden_word_accuracy,
    "faithfulness": faithfulness_scores,
    "referring": referring_accuracy,
    "reasons": reasons_accuracy,
}
PREDICTED = ("vqa", "nlvr2")  # those that say something of each example
# Of large public sets, which are asked of nothing but the heads: those a GPU may read in half.
HALVED = ("vqa", "matching", "nlvr2", "retrieval")


def evaluate(
    model: Bundle | str | Path,
    *,
    task: str = "vqa",
    on: Source = "world:test",
    limit: int | None = None,
    batch_size: int = 64,
    device: str | None = None,
    precision: Precision = "float32",
    progress: Progress | None = None,
    submission: str | Path | None = None,
    predictions: str | Path | None = None,
    blind: TextOnly | None = None,
) -> dict[str, Any]:
    """Measure a model.

    Args:
        model: a model with its tokenizer, or what ``open_bundle`` opens: a folder, a file, a name
            on the hub.
        task: one of ``TASKS``.
        on: "world:test", "world:style", "world:composition", a file of JSON lines, a folder of a
            public format (FOLDER or FOLDER:SPLIT), or a data set.
        limit: how many examples at most; a sensible number otherwise.
        batch_size: examples read at once; no result depends on it.
        device: "cpu", "cuda", or "auto" for the better of them; where the model is, unless given.
        precision: of matrix products, of the tasks in ``HALVED``; "bfloat16" is for GPUs and CPUs
            with units for it, and is told in the result.
        progress: told (done, total) after every batch.
        submission: of "vqa" alone: where to write the answers for the server of its challenge.
        predictions: of the tasks in ``PREDICTED``, on files: where to write a line of JSON on
            every example, with what the model says of it.
        blind: of "vqa" and "nlvr2": who guesses from the words alone, of ``text_only.fitted_on``.

    Returns:
        What the task's function does, see there: everything in it is JSON.

    Raises:
        ValueError: an unknown task, a submission of another task than "vqa", predictions or half
            precision of a task that has none, a GPU where there is none, or a model or a set that
            cannot be read.
    """
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
    if submission is not None and task != "vqa":
        raise ValueError(f"a submission is of the task vqa, got {task}")
    if predictions is not None and task not in PREDICTED:
        raise ValueError(f"predictions are written of {' and '.join(PREDICTED)}, got {task}")
    if precision != "float32" and (precision != "bfloat16" or task not in HALVED):
        raise ValueError(
            f"precision must be float32, or bfloat16 of {', '.join(HALVED)}, "
            f"got {precision} of {task}"
        )
    bundle = model if isinstance(model, Bundle) else open_bundle(model)
    if device is not None:
        bundle.model.to(checked_device(device))
    extra: dict[str, Any] = {} if submission is None else {"submission": submission}
    if predictions is not None:
        extra["predictions"] = predictions
    if blind is not None and task in ("vqa", "nlvr2"):
        extra["blind"] = blind
    told: dict[str, Any] = {}
    if precision != "float32":
        extra["precision"] = told["precision"] = precision
    found = TASKS[task](
        bundle, on=on, limit=limit, batch_size=batch_size, progress=progress, **extra
    )
    return found | told
