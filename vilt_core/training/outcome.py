"""What came of a fine-tuning: its scores on held-out data, told and kept."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from vilt_core.data.examples import DataSet
from vilt_core.data.report import counted
from vilt_core.evaluation import evaluate
from vilt_core.evaluation.inference import Progress
from vilt_core.evaluation.text_only import TextOnly
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import write_text
from vilt_core.interop.lab import load_folder

RANKED = 100  # pictures among which retrieval is scored: each meets each caption
_HEADLINES = {
    "vqa": ("accuracy", "text_only"),
    "nlvr2": ("accuracy", "consistency", "text_only"),
}


def scores(
    model: Bundle | Path,
    *,
    task: str,
    on: DataSet,
    limit: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    blind: TextOnly | None = None,
) -> dict[str, Any]:
    """What ``evaluate`` finds, of retrieval among at most ``RANKED`` pictures.

    Where there are more, "drawn_from" counts them.

    Args:
        model: in memory, or a folder that the lab wrote.
        task: "vqa", "nlvr2" or "retrieval".
        on: held-out data.
        limit: examples at most.
        device: as of ``evaluate``.
        progress: told (done, total) after every batch.
        blind: who guesses from the words alone, fitted on what was trained on.
    """
    if task == "retrieval":
        limit = min(limit or RANKED, RANKED)
    bundle = load_folder(model) if isinstance(model, Path) else model
    found = evaluate(
        bundle, task=task, on=on, limit=limit, device=device, progress=progress, blind=blind
    )
    few = task == "retrieval" and limit is not None and limit < len(on.examples)
    return found | ({"drawn_from": len(on.examples)} if few else {})


def headline(found: dict[str, Any]) -> dict[str, float]:
    """The few numbers of an evaluation that a curve is drawn of."""
    if found["task"] == "retrieval":
        return {
            f"{way}/{name}": found[way][name]
            for way in ("text_to_image", "image_to_text")
            for name in ("r1", "r10")
        }
    return {name: found[name] for name in _HEADLINES[found["task"]] if found[name] is not None}


def write_report(folder: Path, *, account: tuple[str, ...], found: dict[str, Any] | None) -> None:
    """Keep beside a run what was adapted, and what the result scores: ``finetuned.json``."""
    report = {"account": list(account), "scores": found}
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    write_text(folder / "finetuned.json", text)


def summary(found: dict[str, Any] | None) -> list[str]:
    """The scores as a person reads them, a line each."""
    if found is None:
        return ["Nothing was held out, so nothing is scored: --val names what is."]
    asked = f"{counted(found['examples'], 'held-out example')} of {found['data']}"
    if found.get("secret") == found["examples"]:
        return [f"Nothing is scored: all {asked} keep their truth secret."]
    lines = [f"On {asked}:"]
    told = {"text_only": f"  from the words of {found.get('text_only_from')}"} | _beside(found)
    lines += [
        f"{name:>24} {value:7.1%}{told.get(name, '')}" for name, value in headline(found).items()
    ]
    lines += [
        f"{kind:>24} {value:7.1%}"
        for kind, value in found.get("by_type", {}).items()
        if value is not None
    ]
    return lines + _limits(found)


def _beside(found: dict[str, Any]) -> dict[str, str]:
    """What stands beside the recalls of retrieval: the published number, and a ranking by lot."""
    told: dict[str, list[str]] = defaultdict(list)
    for way, recalls in found.get("own", {}).items():
        told[f"{way}/r1"].append(f"{recalls['r1']:.1%} of its own alone, as captions repeat")
    for way, recalls in found.get("chance", {}).items():
        for name, value in recalls.items():
            told[f"{way}/{name}"].append(f"{value:.1%} by chance")
    return {name: f"  {'; '.join(notes)}" for name, notes in told.items()}


def _limits(found: dict[str, Any]) -> list[str]:
    """What no model of this kind can do about a score, a sentence each."""
    told = []
    agreed, known = (round(found.get(most, 1.0), 3) for most in ("agreement", "answerable"))
    if agreed < 1:  # also as it is shown
        told.append(f"No answers could score more than {agreed:.1%}: people answered differently.")
    if known < agreed:
        told.append(f"At most {known:.1%} can be right: the other answers were never learned.")
    if found.get("secret"):
        of = f"{found['secret']:,} of the {found['examples']:,} examples"
        told.append(f"{of} keep their truth secret, and do not count.")
    if found.get("drawn_from"):
        told.append(
            f"Ranked among {found['examples']:,} of {found['drawn_from']:,} pictures; `evaluate` "
            "ranks all of them, which is harder."
        )
    if found.get("cut"):
        told.append(f"{found['cut']:,} texts were too long, and read as far as the model can.")
    if found.get("unreadable"):
        named = ", ".join(found["named"])
        told.append(
            f"{found['unreadable']:,} pictures could not be read, and were passed over: {named}"
        )
    return told
