"""The card of a model: how it was made and how well it does, written from files alone.

``training.json`` beside the weights says how it was made (the training command writes it), the
evaluation says the rest. A number that is in neither is not in the card.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from vilt_core.config import ViltConfig
from vilt_core.evaluation.papers import FACTS, KINDS
from vilt_core.evaluation.sections import score_sections
from vilt_core.evaluation.tables import table
from vilt_core.interop.bundle import Bundle
from vilt_core.models import kind_of

_SIZES = ("depth", "width", "heads")  # how fields of sizes end
_DOMAINS = {
    "stickers": "It knows the sticker world alone: scenes of emoji stickers on plain or patterned "
    "grounds, and English in the world's phrasings. Of photographs it says nothing of value.",
    "photographs": "It was trained on photographs.",
}


def write_card(
    folder: str | Path, bundle: Bundle, measured: dict[str, Any], *, command: str
) -> Path:
    """Write ``card.md`` into a model's folder, whole or not at all.

    Args:
        folder: where the model lies, with ``training.json`` if its training is known.
        bundle: the model.
        measured: from ``report.measure``.
        command: what a reader types to measure again.

    Raises:
        ValueError: measurements of another model, or a ``training.json`` that cannot be read.
    """
    if measured["model"] != bundle.name:
        raise ValueError(f"expected measurements of {bundle.name}, got {measured['model']}'s")
    text = card_markdown(bundle, measured, training=read_training(folder), command=command)
    return put_card(folder, text)


def put_card(folder: str | Path, text: str) -> Path:
    """Put a card beside a model's weights, whole or not at all."""
    part = Path(folder) / "card.md.part"
    part.write_text(text, encoding="utf-8")
    return part.replace(part.with_name("card.md"))


def read_training(folder: str | Path) -> dict[str, Any] | None:
    """What the training command left beside the weights; None where there is nothing.

    Raises:
        ValueError: a file that is no JSON object.
    """
    return read_object_if_there(Path(folder) / "training.json")


def read_object_if_there(path: Path) -> dict[str, Any] | None:
    """A file that holds one JSON object; None where there is no file.

    Raises:
        ValueError: a file that is no JSON object.
    """
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} must hold an object, got {type(found).__name__}")
    return found


_VILT = (
    "A Vision-and-Language Transformer without convolution or region supervision (Kim, Son and "
    "Kim, ICML 2021) that answers questions, judges captions, fills masks and aligns words with "
    "patches."
)


def card_markdown(
    bundle: Bundle,
    measured: dict[str, Any],
    *,
    training: dict[str, Any] | None,
    command: str,
) -> str:
    """The card's text."""
    kind = kind_of(bundle.model)
    lines = [
        f"---\nlicense: apache-2.0\npipeline_tag: visual-question-answering\ntags: [{kind}]\n---",
        f"# {bundle.name}",
        f"{_VILT if kind == 'vilt' else _rival(kind)} {_DOMAINS.get(bundle.domain, '')}".rstrip(),
        _shape(bundle.model.config, parameters=measured["parameters"], answers=len(bundle.answers)),
        "## How it was trained",
        *_trained(training),
        "## How well it does",
        f"Measured by `{command}` on {measured['hardware']}, torch {measured['torch']}, float32. "
        "All scores are in percent.",
        *score_sections(measured["results"], skipped=measured["skipped"], level=3),
    ]
    return "\n\n".join(lines) + "\n"


def _rival(kind: str) -> str:
    facts = FACTS[kind]
    return (
        f"A small {facts.title} ({facts.paper}; arXiv:{facts.arxiv}), one of the models that ViLT "
        f"is compared with: family ({facts.kind}) of its figure 2, {KINDS[facts.kind]}. As "
        f"published it sees {facts.looks}; picture and text come together by {facts.meets}."
    )


def _shape(config: Any, *, parameters: int, answers: int) -> str:
    sizes = [field.name for field in fields(config) if field.name.endswith(_SIZES)]
    rows = [["parameters", f"{parameters:,}"]]
    rows += [[name.replace("_", " "), f"{getattr(config, name):,}"] for name in sizes]
    rows.append(["image", f"{config.image_size} x {config.image_size} pixels"])
    if isinstance(config, ViltConfig):
        grid = f"{config.grid} x {config.grid} of {config.patch_size} pixels"
        rows.append(["patches", grid])
    rows.append(["text", f"at most {config.max_text_tokens} tokens of {config.vocab_size:,}"])
    rows.append(["answers", f"{answers:,}"])
    return table(["", ""], rows)


def _trained(training: dict[str, Any] | None) -> list[str]:
    if training is None:
        return ["There is no `training.json` beside the weights: how it was trained is not known."]
    facts = {
        "recipe": training.get("recipe"),
        "hardware": training.get("hardware"),
        "torch": training.get("torch"),
        "time": _time(training["seconds"]) if "seconds" in training else None,
        "data": training.get("data"),
    }
    lines = []
    if "command" in training:
        lines.append(f"```\n{training['command']}\n```")
    lines.append("\n".join(f"- {name}: {fact}" for name, fact in facts.items() if fact))
    stages = training.get("stages") or []
    rows = [
        [s["name"], f"{s['steps']:,}", f"{s['batch_size']:,}", f"{s['steps'] * s['batch_size']:,}"]
        for s in stages
    ]
    if rows:
        rows.append(["all", f"{sum(s['steps'] for s in stages):,}", "", _examples(stages)])
        lines.append(table(["stage", "steps", "batch", "examples"], rows))
    if "note" in training:
        lines.append(training["note"])
    return lines


def _examples(stages: list[dict[str, Any]]) -> str:
    return f"{sum(s['steps'] * s['batch_size'] for s in stages):,}"


def _time(seconds: float) -> str:
    """In words: "3 h 12 min", "48 min", "30 s"."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min"
