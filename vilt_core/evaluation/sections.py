"""The tables of what was measured, task by task, in Markdown: for the results and for the card."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vilt_core.evaluation.alignment import METHOD_NAMES
from vilt_core.evaluation.tables import percent, table
from vilt_core.explain.explanation import METHOD_NAMES as EXPLAINED

# What a reader calls them.
SETS = {"world:test": "test", "world:style": "held-out style", "world:composition": "composition"}
MEASURES = {
    "pointing": "Pointing accuracy",
    "mass": "Mass inside the box",
    "average_precision": "Average precision",
}
WAYS = {"text_to_image": "scene of a caption", "image_to_text": "caption of a scene"}


def score_sections(
    results: Sequence[dict[str, Any]],
    *,
    skipped: Mapping[str, str],
    level: int = 2,
) -> list[str]:
    """The tables of every task that was measured, paragraphs of Markdown.

    Args:
        results: what tasks returned.
        skipped: tasks that the model cannot do, and why.
        level: of the headings.
    """
    found = []
    for task, (title, section) in SECTIONS.items():
        rows = {set_name(r["data"]): r for r in results if r["task"] == task}
        if rows:
            found += [f"{'#' * level} {title}", *section(rows)]
        elif task in skipped:
            found += [f"{'#' * level} {title}", f"Not measured: {skipped[task]}."]
    return found


def set_name(data: str) -> str:
    """What a reader calls a set."""
    return SETS.get(data, data)


def _vqa(sets: dict[str, dict[str, Any]]) -> list[str]:
    kinds = list(next(iter(sets.values()))["by_type"])
    header = ["type of question"]
    header += [name for data in sets for name in (data, "text only")]
    body = [["**all**"], *([kind] for kind in kinds)]
    for result in sets.values():
        body[0] += [f"**{percent(result['accuracy'])}**", percent(result["text_only"])]
        for row, kind in zip(body[1:], kinds, strict=True):
            row += [percent(result[k].get(kind)) for k in ("by_type", "text_only_by_type")]
    return [
        f"{_counted(sets, 'questions')} *Text only* is the best guess without looking: the answer "
        "most frequent in training for the same words, backing off to the same words but for nouns "
        "and colours.",
        table(header, body),
    ]


def _matching(sets: dict[str, dict[str, Any]]) -> list[str]:
    changes = sorted({change for result in sets.values() for change in result["by_change"]})
    body = [["another picture's caption"], ["any one thing changed"]]
    body += [[f"one {change} changed"] for change in changes]
    for result in sets.values():
        scores = [result["accuracy"], result["hard_negatives"]]
        scores += [result["by_change"].get(change) for change in changes]
        for row, score in zip(body, scores, strict=True):
            row.append(percent(score))
    chance = percent(next(iter(sets.values()))["chance"])
    for row in body:
        row.append(chance)
    return [
        f"{_counted(sets, 'sentences')} Half of them are true, in every row.",
        table(["true caption against", *sets, "chance"], body),
    ]


def _nlvr2(sets: dict[str, dict[str, Any]]) -> list[str]:
    forms = sorted({form for result in sets.values() for form in result["by_type"]})
    body = [["**all**"], ["both ways round (consistency)"], ["*text only*"]]
    body += [[form] for form in forms]
    for result in sets.values():
        scores = [result["accuracy"], result["consistency"], result["text_only"]]
        scores += [result["by_type"].get(form) for form in forms]
        for row, score in zip(body, scores, strict=True):
            row.append(percent(score))
    return [
        f"{_counted(sets, 'statements')} Each is told of two pictures, and of the same two "
        "exchanged; *consistency* counts the statements that are judged right both times. *Text "
        "only* is the best guess without looking.",
        table(["type of statement", *sets], body),
    ]


def _retrieval(sets: dict[str, dict[str, Any]]) -> list[str]:
    first = next(iter(sets.values()))
    body = []
    for way, said in WAYS.items():
        for at in first[way]:
            scores = [*(r[way][at] for r in sets.values()), first["chance"][way][at]]
            body.append([f"{said}, first {at[1:]}", *map(percent, scores)])
        for key, which in (("own", "its own"), ("ceiling", "its own at best")):
            scores = [r[key][way]["r1"] for r in sets.values()]
            body.append([f"{said}, first 1, {which}", *map(percent, scores), "-"])
    heads = {
        "rank": "the retrieval head",
        "itm": "the ITM head, zero-shot",
        "vectors": "its two encoders, without a head",
    }
    return [
        f"{_counted(sets, 'scenes')} Each has one caption, and every pair is scored by "
        f"{heads[first['head']]}. All that is true counts as right: a caption is often true of "
        "other scenes than its own. *Its own* counts nothing but the pair that was made together; "
        "*at best* is what one has of that who knows what is true, and no more.",
        table(["recall", *sets, "chance"], body),
    ]


def _alignment(sets: dict[str, dict[str, Any]]) -> list[str]:
    tables = []
    for name, title in MEASURES.items():
        methods = next(iter(sets.values()))[name]
        body = [
            [METHOD_NAMES[method], *(percent(r[name][method]) for r in sets.values())]
            for method in methods
        ]
        tables += [f"{title}:", table(["method", *sets], body)]
    return [
        f"{_counted(sets, 'nouns')} *Pointing*: the strongest patch of a noun's heatmap lies in "
        "the box of what it speaks of. *Average precision*: patches ranked by heat, against those "
        "that show it. *Chance* is an even heatmap. The heat of IPOT and Sinkhorn is what the lab "
        "draws, mass times cosine; *mass alone* is the plan itself, as in the paper.",
        *tables,
    ]


def _pointing(sets: dict[str, dict[str, Any]]) -> list[str]:
    first = next(iter(sets.values()))
    body = [
        [way, *(percent(r["pointing"][way]) for r in sets.values())] for way in first["pointing"]
    ]
    return [
        f"{_counted(sets, 'nouns')} The piece of the picture that a noun looks at most, of "
        f"{first['pieces']} at most, is what it names. A patch or a cell is right that lies in the "
        "box, a region whose centre does; what no region shows cannot be pointed at.",
        table(["by", *sets], body),
    ]


def _places(sets: dict[str, dict[str, Any]]) -> list[str]:
    header = ["after block"]
    header += [f"{axis}, {data}" for data in sets for axis in ("row", "column")]
    body = [[str(block)] for block in range(len(next(iter(sets.values()))["rows"]))]
    for result in sets.values():
        for line, row, column in zip(body, result["rows"], result["columns"], strict=True):
            line += [percent(row), percent(column)]
    return [
        "How well a linear reader tells the row and the column of a patch from its state: the "
        "share of their variance that it explains on pictures that it was not fitted to. Where it "
        "is small, left and right cannot be told. Block 0 is the embedding.",
        table(header, body),
    ]


def _referring(sets: dict[str, dict[str, Any]]) -> list[str]:
    forms = sorted({form for result in sets.values() for form in result["by_type"]})
    body = [["**all**"], *([form] for form in forms)]
    body += [["*a region by lot*"], ["*words and boxes alone*"], ["*any region fits*"]]
    for result in sets.values():
        scores = [result["accuracy"], *(result["by_type"].get(form) for form in forms)]
        scores += [result[name] for name in ("chance", "text_only", "ceiling")]
        for row, score in zip(body, scores, strict=True):
            row.append(percent(score))
    return [
        f"{_counted(sets, 'expressions')} Right is a region whose intersection over union with "
        "what is meant is at least 0.5. *Words and boxes alone*: the same model with the features "
        "of all regions zeroed. *Any region fits*: the detector tells one, so that it could be "
        "found.",
        table(["expression", *sets], body),
    ]


def _reasons(sets: dict[str, dict[str, Any]]) -> list[str]:
    kinds = list(next(iter(sets.values()))["by_type"])
    names = {"q_to_a": "Q -> A", "qa_to_r": "QA -> R", "q_to_ar": "Q -> AR"}
    header = ["type of question", *(f"{said}, {data}" for data in sets for said in names.values())]
    body = [["**all**"], *([kind] for kind in kinds), ["*words alone*"], ["*chance*"]]
    for result in sets.values():
        scores = [result, *(result["by_type"].get(kind, {}) for kind in kinds)]
        scores += [result["text_only"], result["chance"]]
        for row, score in zip(body, scores, strict=True):
            row += [percent(score.get(name)) for name in names]
    return [
        f"{_counted(sets, 'questions')} Of four answers one is true (Q -> A), of the true one's "
        "four reasons one (QA -> R); Q -> AR is both at once. *Words alone*: a linear reader of "
        "words and pairs of words, which learned from the training split.",
        table(header, body),
    ]


def _faithfulness(sets: dict[str, dict[str, Any]]) -> list[str]:
    header = ["order of the patches"]
    header += [f"{curve}, {data}" for data in sets for curve in ("deletion", "insertion")]
    header += [f"pointing, {data}" for data in sets]
    names = {**EXPLAINED, "random": "*chance*"}
    body = [[names[method]] for method in next(iter(sets.values()))["deletion"]]
    for line, method in zip(body, next(iter(sets.values()))["deletion"], strict=True):
        for result in sets.values():
            line += [percent(result[curve][method]) for curve in ("deletion", "insertion")]
        line += [percent(result["pointing"].get(method)) for result in sets.values()]
    ends = ", ".join(
        f"{percent(r['whole'])} with all patches and {percent(r['empty'])} with none ({data})"
        for data, r in sets.items()
    )
    return [
        f"{_counted(sets, 'questions')} Areas under P(the model's own answer) while patches go, "
        "the heaviest first (*deletion*: small is good), and while they come (*insertion*: large "
        f"is good). P(answer) is {ends}. *Pointing*: the heaviest patch lies in the box of what "
        "the question is about. *Chance*: orders by lot, and an even heatmap.",
        table(header, body),
    ]


def _counted(sets: dict[str, dict[str, Any]], what: str) -> str:
    """How many examples there were, and how far a sample of that size may stray."""
    counts = {data: result["examples"] for data, result in sets.items()}
    said = (
        f"{next(iter(counts.values())):,} {what} in each set"
        if len(set(counts.values())) == 1
        else ", ".join(f"{count:,} {what} ({data})" for data, count in counts.items())
    )
    # Of a share of one half, where a sample strays the most.
    margin = 1.96 * 50 / min(counts.values()) ** 0.5
    return f"{said}; a 95 % interval is at most ± {margin:.1f} points."


SECTIONS: dict[str, tuple[str, Callable[[dict[str, dict[str, Any]]], list[str]]]] = {
    "vqa": ("Questions", _vqa),
    "matching": ("Matched or not", _matching),
    "nlvr2": ("Statements about two pictures", _nlvr2),
    "retrieval": ("Retrieval", _retrieval),
    "alignment": ("Word-patch alignment", _alignment),
    "pointing": ("Where words look", _pointing),
    "places": ("Where a patch is", _places),
    "referring": ("Referring expressions", _referring),
    "reasons": ("Answers with reasons", _reasons),
    "faithfulness": ("Explanations put to the test", _faithfulness),
}
