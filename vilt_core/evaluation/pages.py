"""The pages that speak of a model: its results, its card, the study of its alignment."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from vilt_core.evaluation import WORLD, evaluate
from vilt_core.evaluation.card import write_card
from vilt_core.evaluation.inference import Progress
from vilt_core.evaluation.report import (
    LIMITS,
    ReportProgress,
    fill_readme,
    measure,
    write_report,
)
from vilt_core.evaluation.sections import score_sections
from vilt_core.evaluation.study import alignment_study, study_markdown
from vilt_core.evaluation.tables import fill
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.opening import open_bundle


def publish_results(
    model: Bundle | str | Path,
    folder: str | Path,
    *,
    limits: Mapping[str, int] | None = None,
    batch_size: int = 64,
    command: str | None = None,
    progress: ReportProgress | None = None,
) -> list[Path]:
    """Measure a model on everything; write its pages, its plot, its card and the README's table.

    Args:
        model: the folder of a model, which gets the card; a model without a folder gets none.
        folder: where the pages go.
        limits: examples at most, by task; each task's own number otherwise.
        batch_size: examples read at once.
        command: what a reader types to get the same.
        progress: told ("vqa world:test", done, total) after every batch.

    Returns:
        What was written.

    Raises:
        ValueError: a model that cannot be read.
    """
    bundle = _opened(model)
    command = command or f"python -m vilt_core evaluate {_name(model)} --report {folder}"
    measured = measure(bundle, limits=limits, batch_size=batch_size, progress=progress)
    paths = write_report(measured, folder, command=command)
    readme = Path(folder).parent / "README.md"
    if fill_readme(readme, measured):
        paths.append(readme)
    if not isinstance(model, Bundle):
        paths.append(write_card(model, bundle, measured, command=command))
    return paths


def publish_study(
    model: Bundle | str | Path,
    folder: str | Path,
    *,
    limit: int | None = 300,
    batch_size: int = 64,
    command: str | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Study a model's alignment; write alignment-study.md and alignment-study.json.

    Args:
        model: a model, or the folder of one.
        folder: where the pages go.
        limit: captions at most.
        batch_size: captions read at once.
        command: what a reader types to get the same.
        progress: told (captions done, total) after every batch.

    Returns:
        What was written.

    Raises:
        ValueError: a model that cannot be read.
    """
    command = command or f"python -m vilt_core evaluate {_name(model)} --study {folder}"
    study = alignment_study(_opened(model), limit=limit, batch_size=batch_size, progress=progress)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    page, numbers = folder / "alignment-study.md", folder / "alignment-study.json"
    page.write_text(study_markdown(study, command=command), encoding="utf-8")
    numbers.write_text(json.dumps(study, indent=1) + "\n", encoding="utf-8")
    return [page, numbers]


def publish_task(
    model: Bundle | str | Path,
    page: str | Path,
    *,
    task: str,
    limit: int | None = None,
    batch_size: int = 64,
    command: str | None = None,
    progress: ReportProgress | None = None,
) -> Path:
    """Measure one task on every set of the world, and write its table where a page has a place.

    The place lies between "<!-- TASK MODEL -->" and "<!-- /TASK MODEL -->".

    Args:
        model: a model, or the folder of one.
        page: Markdown with such a place.
        task: one of ``TASKS`` that there is a table for.
        limit: examples at most; the task's own number otherwise.
        batch_size: examples read at once.
        command: what a reader types to get the same.
        progress: told ("vqa world:test", done, total) after every batch.

    Raises:
        ValueError: a model that cannot be read or has no head for it, or a page without the place.
    """
    bundle, page = _opened(model), Path(page)
    command = command or f"python -m vilt_core evaluate {_name(model)} --task {task} --fill {page}"
    place = f"{task} {bundle.name}"
    if f"<!-- {place} -->" not in (page.read_text(encoding="utf-8") if page.is_file() else ""):
        raise ValueError(f"{page} has no place for this: expected <!-- {place} --> in it")
    results = [
        evaluate(
            bundle,
            task=task,
            on=on,
            limit=limit or LIMITS.get(task),
            batch_size=batch_size,
            progress=None if progress is None else partial(progress, f"{task} {on}"),
        )
        for on in WORLD
    ]
    section = score_sections(results, skipped={})[1:]  # the page has a heading of its own
    fill(page, place, "\n\n".join([*section, f"Written by `{command}`, in percent."]))
    return page


def _opened(model: Bundle | str | Path) -> Bundle:
    return model if isinstance(model, Bundle) else open_bundle(model)


def _name(model: Bundle | str | Path) -> str:
    return model.name if isinstance(model, Bundle) else str(model)
