"""The Compare tab: what was measured elsewhere says so, and nothing of it is made up."""

import json
import re
import threading
import time
from typing import Any

import gradio as gr
import pytest

from app import comparison, learned, services
from app.services import EXAMPLES
from app.tabs import families as tab
from vilt_core.bench.families_figure import parts_of
from vilt_core.evaluation.papers import FACTS, TABLE_6
from vilt_core.interop.folders import SHIPPED as MODELS
from vilt_core.predictor import load

FIELDS = {"Time": ("milliseconds", 1), "FLOPs": ("flops", 1e-9), "Parameters": ("parameters", 1e-6)}
OF_PAPER = {"Time": "milliseconds", "FLOPs": "gflops", "Parameters": "parameters"}


@pytest.fixture
def rehearsal(monkeypatch):
    monkeypatch.setenv("VILT_LAB_REHEARSAL", "1")


def test_what_ships_was_written_by_the_command_and_is_of_published_sizes():
    found = comparison.shipped()
    assert found["command"].startswith("python -m vilt_core bench families")
    assert found["size"] == "published"
    assert {"hardware", "threads", "company", "notes", "tokens", "sides"} <= set(found)
    assert {one["name"] for one in found["families"]} <= set(FACTS)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("measure", comparison.MEASURES)
def test_parts_add_up_to_what_the_paper_counts(measure):
    found = comparison.shipped()
    field, unit = FIELDS[measure]
    parts = {part.name: part for part in parts_of(found, measure)}
    for one in found["families"]:
        part, row = parts[FACTS[one["name"]].title], FACTS[one["name"]].row
        assert part.total == pytest.approx(unit * one["counted"][field])
        assert part.paper == (None if row is None else getattr(row, OF_PAPER[measure]))


def test_what_the_small_ones_learned_is_what_was_measured(tmp_path, monkeypatch):
    known = json.loads((learned.FOLDER / "comparison.json").read_text())
    rows = learned.table("Scores")
    assert {len(row) for row in rows} == {len(learned.headers("Scores"))}
    assert rows[0][0] == "Without looking"
    assert {row[0] for row in rows[1:]} == set(known)
    vilt = dict(zip(learned.headers("Scores"), rows[-2], strict=True))
    measured = {
        one["task"]: one["accuracy"]
        for one in known[vilt["Small model"]]["results"]
        if one["data"] == "world:test" and "accuracy" in one
    }
    tested = [one for one in known[vilt["Small model"]]["results"] if one["data"] == "world:test"]
    (hard,) = (one["hard_negatives"] for one in tested if one["task"] == "matching")
    (pointing,) = (one["pointing"] for one in tested if one["task"] == "pointing")
    assert vilt["Questions, %"] == round(100 * measured["vqa"], 1)
    assert vilt["Two pictures, %"] == round(100 * measured["nlvr2"], 1)
    assert vilt["Matched, %"] == round(100 * measured["matching"], 1)
    assert rows[0][2] < vilt["Questions, %"]
    assert vilt["One word changed, %"] == round(100 * hard, 1)
    pointed = {row[0]: row for row in learned.table("Pointing")}[vilt["Small model"]]
    vilt |= dict(zip(learned.headers("Pointing"), pointed, strict=True))
    assert vilt["Pointing by attention, %"] == round(100 * pointing["attention"], 1)
    assert vilt["Pointing by transport, %"] == round(100 * pointing["transport"], 1)
    assert vilt["Pointing by chance, %"] == round(100 * pointing["chance"], 1)
    monkeypatch.setattr(learned, "FOLDER", tmp_path)
    assert [learned.table.__wrapped__(view) for view in learned.VIEWS] == [[]] * len(learned.VIEWS)


def test_whose_words_meet_no_piece_of_the_picture_points_at_nothing():
    rows = {row[0]: row[2:] for row in learned.table("Pointing")}
    assert "Without looking" not in rows
    assert rows["vse-mini"] == rows["clip-mini"] == ["", "", ""]
    assert all(row[2] != "" for name, row in rows.items() if name not in ("vse-mini", "clip-mini"))


def test_questions_are_told_by_their_type():
    known = json.loads((learned.FOLDER / "comparison.json").read_text())
    rows = {row[0]: row[2:] for row in learned.table("Question types")}
    assert set(rows) == {"Without looking", *known}
    for name, told in known.items():
        (asked,) = (
            one for one in told["results"] if (one["task"], one["data"]) == ("vqa", "world:test")
        )
        kinds = learned.COLUMNS["Question types"].values()
        assert set(kinds) == set(asked["by_type"])
        assert rows[name] == [round(100 * asked["by_type"][kind], 1) for kind in kinds]


def test_what_a_pair_costs_adds_up_and_has_no_row_without_looking():
    known = json.loads((learned.FOLDER / "comparison.json").read_text())
    rows = learned.table("Cost")
    assert {row[0] for row in rows} == set(known)
    for row in rows:
        told = dict(zip(learned.headers("Cost"), row, strict=True))
        parts = told["VE, ms"] + told["TE, ms"] + told["MI, ms"]
        assert parts == pytest.approx(told["All, ms"], abs=0.2)  # of rounding
        one = known[told["Small model"]]
        assert told["MB of weights"] == round(one["memory"]["weights"] / 1e6, 1)
        assert told["M parameters"] == round(one["parameters"] / 1e6, 2)


@pytest.mark.parametrize("view", learned.VIEWS)
def test_every_view_has_a_type_a_column(view):
    shown = tab.small(view)
    assert shown.value["headers"] == learned.headers(view)
    assert len(learned.types(view)) == len(learned.headers(view))
    assert {len(row) for row in shown.value["data"]} == {len(learned.headers(view))}


def test_the_table_has_every_row_of_table_6_and_the_lab_s_own():
    rows = comparison.table(comparison.shipped())
    titles = [row[0] for row in rows]
    assert set(TABLE_6) <= set(titles)
    assert len(set(titles)) == len(titles)
    assert {len(row) for row in rows} == {len(comparison.HEADERS)}
    vilt = dict(zip(comparison.HEADERS, rows[titles.index("ViLT-B/32")], strict=True))
    assert (vilt["Tokens, paper"], vilt["paper"], vilt["paper "], vilt["ms, paper"]) == (
        "200 + 40",
        87.4,
        55.9,
        15,
    )


def test_the_tab_opens_at_once_and_says_where_it_was_measured():
    boxes, bars, growth, rows, notes, where = tab.shown(None, "Time")
    assert boxes.data
    assert bars.data
    assert growth.data
    assert rows
    assert notes.count("<li>") == len(comparison.differences(comparison.shipped()))
    assert "Measured before, on" in where
    assert comparison.shipped()["hardware"].split("(")[0] in where


def test_switching_changes_the_unit():
    _, bars = tab.switched(None, "FLOPs")
    assert bars.layout.xaxis.title.text == "GFLOPs"


def test_opening_again_leaves_a_picture_and_its_sentence_alone():
    first = tab.opened(None, "Time", (), None, None)
    again = tab.opened(None, "Time", EXAMPLES, EXAMPLES[1], None)
    assert len(first) == len(again) == 16
    assert again[8:] == tuple(gr.skip() for _ in range(8))


def test_measuring_draws_each_model_as_it_is_known(rehearsal):
    steps = tab.measured("Time")
    nothing = next(steps)
    assert nothing[0] is None
    assert "0 of" in nothing[1]
    known, told, boxes, *_, where = next(step for step in steps if step[0] is not None)
    steps.close()
    assert len(known["families"]) == 1
    assert "1 of" in told
    assert len(boxes.data[0].x) == 1
    assert "Measured on this machine" in where
    assert "nothing to do with the paper" in where


def test_two_models_are_watched_with_one_sentence(tiny, rehearsal):
    told = list(tab.watched(None, "A cat next to a dog", "", EXAMPLES[0], "clip", "uniter"))
    done = [re.search(r"(\d) of 2", says).group(1) for says, _ in told[:-1]]
    assert done == sorted(done)  # again and again while it lasts
    assert set(done) == {"0", "1"}
    says, html = told[-1]
    assert says == ""
    assert html.count('class="vp-lane"') == 2
    assert "CLIP ViT-B/32" in html
    assert html.count("<span>cat</span>") == 2


def test_how_both_meet_is_seen_in_the_trained_sisters(tiny, rehearsal):
    key = EXAMPLES[0]
    *_, (_, html) = tab.watched(None, "A cat next to a dog", "", key, "clip", "uniter")
    assert html.count('class="vp-dot"') == html.count('class="vp-who"') == 1
    found = load("clip-mini").meet(
        services.seen_by_model(None, key, side=128), "A cat next to a dog"
    )
    assert f"that is the score: <b>{found.score:.2f}</b>" in html
    again = comparison.met(None, "A fox", key, "uniter")[0].figure
    matrix = r'data-weights="([^"]+)"'
    assert re.findall(matrix, html) != re.findall(matrix, again)


def test_the_score_of_scan_is_told_by_what_words_and_regions_found(tiny):
    (found,) = comparison.met(None, "A cat next to a dog", EXAMPLES[0], "scan")
    words, regions, score = (float(re.search(r"-?\d\.\d{3}", one)[0]) for one in found.result)
    assert (words + regions) / 2 == pytest.approx(score, abs=1e-3)


def test_vilt_that_was_taught_longer_is_folded_away(tiny):
    plain, longer = comparison.met(None, "A cat", EXAMPLES[0], "vilt")
    assert (plain.by, plain.longer, longer.by, longer.longer) == (
        "vilt-plain-mini", False, "vilt-mini", True,
    )  # fmt: skip


def test_a_trained_detector_shows_its_three_stages_where_regions_are_read(tiny, rehearsal):
    key = EXAMPLES[0]
    *_, (_, html) = tab.watched(None, "A cat", "", key, "clip", "uniter")
    assert re.findall(r"<figcaption>\d+ ([\w ]+)</figcaption>", html) == [
        "proposed", "left by NMS", "kept",
    ]  # fmt: skip
    ranked, proposals, kept = comparison.detected(None, key)
    assert len(ranked.boxes) > len(proposals.boxes) > len(kept.boxes) == len(kept.names)
    there = {thing.sprite.label for thing in services.scene(key).objects}
    named = {name.rsplit(" ", 2)[0] for name in kept.names}
    assert there <= named
    *_, (_, html) = tab.watched(None, "A cat", "", key, "clip", "vilt")
    assert "<figcaption>" not in html


def test_a_trained_sister_answers_the_question(tiny, rehearsal, monkeypatch):
    monkeypatch.setattr(comparison, "trained", lambda: {"vilt": ("vilt-mini",)})
    question = next(iter(services.questions_about(EXAMPLES[0])))
    *_, (_, html) = tab.watched(None, "A cat", question, EXAMPLES[0], "clip", "vilt")
    (said,) = comparison.answered(None, question, EXAMPLES[0], "vilt")
    best = said.answers[0]
    assert html.count('class="vp-answers"') == 1, "nobody trained the other"
    assert f'<b translate="no">{best[0]}</b>' in html
    assert "vilt-mini, its small sister" in html
    assert comparison.answered(None, " ", EXAMPLES[0], "vilt") == ()


def test_vilt_answers_as_its_rivals_were_trained_and_as_it_was_taught_longer(tiny, rehearsal):
    question = next(iter(services.questions_about(EXAMPLES[0])))
    *_, (_, html) = tab.watched(None, "A cat", question, EXAMPLES[0], "clip", "vilt")
    assert html.count('class="vp-answers"') == 3
    plain, longer = comparison.answered(None, question, EXAMPLES[0], "vilt")
    assert f"{plain.by}, its small sister that was trained on stickers:" in html
    assert f"{longer.by}, a sister that was taught longer than the other models:" in html
    assert (plain.by, longer.by) == ("vilt-plain-mini", "vilt-mini")


def test_those_that_are_trained_are_those_that_ship():
    found = comparison.trained()
    assert found["vilt"] == ("vilt-plain-mini", "vilt-mini")
    assert found["clip"] == ("clip-mini",)
    for name in (name for names in found.values() for name in names):
        assert (MODELS / name / "model.safetensors").is_file()


def wait_for(condition: Any) -> None:
    """Until it holds, ten seconds at most."""
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)


def test_who_stops_watching_ends_the_model_before_its_next_stage(tiny, rehearsal, monkeypatch):
    monkeypatch.setattr(comparison, "_BEAT", 0.01)
    stages, seen = threading.Semaphore(0), []
    whole = comparison.watched

    def slow(*given: Any) -> Any:
        *given, between = given

        def held() -> None:
            stages.acquire(timeout=10)
            between()
            seen.append(1)

        try:
            return whole(*given, held)
        finally:
            seen.append("over")

    monkeypatch.setattr(comparison, "watched", slow)
    watching = tab.watched(None, "A cat", "", EXAMPLES[0], "uniter", "vilt")
    next(watching)
    next(watching)  # at work
    stages.release(3)
    wait_for(lambda: len(seen) == 3)
    watching.close()
    stages.release()
    wait_for(lambda: "over" in seen)
    assert seen == [1, 1, 1, "over"]


def test_who_stops_measuring_ends_it_before_the_model_runs_again(rehearsal, monkeypatch):
    from vilt_core.bench import families

    monkeypatch.setattr(comparison, "_BEAT", 0.01)
    runs, seen = threading.Semaphore(0), []
    whole = families.family_steps

    def slow(setting: Any, *, between: Any) -> Any:
        def held() -> None:
            runs.acquire(timeout=10)
            between()
            seen.append(1)

        try:
            yield from whole(setting, between=held)
        finally:
            seen.append("over")

    monkeypatch.setattr(families, "family_steps", slow)
    measuring = tab.measured("Time")
    next(measuring)
    assert next(measuring)[0] is None  # at work, and nothing known yet
    runs.release(2)
    wait_for(lambda: len(seen) == 2)
    measuring.close()
    runs.release()
    wait_for(lambda: "over" in seen)
    assert seen == [1, 1, "over"]


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("", ("clip", "vilt"), "at least one letter"),
        ("a cat", ("clip", "gpt"), "must be one of"),
    ],
)
def test_what_cannot_be_watched_is_one_sentence(tiny, rehearsal, text, names, said):
    *_, (says, view) = tab.watched(None, text, "", EXAMPLES[0], *names)
    assert said in says
    assert "lab-wrong" in says
    assert view == gr.skip()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("?!", "question must have at least one letter"),
        ("кошка", "none of these words"),
        ("is there a cat " * 30, "question must have at most"),
    ],
)
def test_a_bad_question_is_told_before_any_model_is_at_work(tiny, monkeypatch, question, said):
    def attended(*given):
        raise AssertionError("a model was built for nothing")

    monkeypatch.setattr(comparison, "attended", attended)
    ((says, view),) = tab.watched(None, "a cat", question, EXAMPLES[0], "clip", "vilt")
    assert "lab-wrong" in says
    assert said in says
    assert view == gr.skip()
    comparison.check_question(question, ["gpt"])  # nobody there would read it
    comparison.check_question(" ", ["vilt"])


def test_without_a_picture_there_is_a_sentence(tiny, rehearsal):
    *_, (says, _) = tab.watched(None, "a cat", "", None, "clip", "vilt")
    assert "add one of your own" in says
