"""The Train tab's services: one training at a time, kept when stopped, gone when nobody listens.

Most of them with a stand-in for the process that says what the real one says, at once; the real
one has a test of its own.
"""

import itertools
import os
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

import vilt_core
from app import pupil as process
from app import training
from app.tabs import train
from app.training import Run, Turns, chosen, further, trained
from vilt_core.training.choices import Choices

CHOICES = Choices(steps=40, every=10, batch_size=8, kinds=4)
STAND_IN = """
import json, os, pathlib, select, sys, time
told = dict(zip(sys.argv[1::2], sys.argv[2::2]))
folder = pathlib.Path(sys.argv[sys.argv.index("--to") + 1])
steps = int(sys.argv[sys.argv.index("--steps") + 1])
kept = folder / "reached"
done = int(kept.read_text()) if kept.exists() else 0
def snapshot(step):
    place = folder / "snapshots" / f"{step:06}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.json").write_text("{}")
    kept.write_text(str(step))
    found = {"step": step, "folder": str(place), "scores": {}, "chance": {}, "heard": []}
    print(json.dumps({"snapshot": found}), flush=True)
if not done:
    snapshot(0)
while done < steps:
    done += 1
    print(json.dumps({"record": {"at": done, "losses": {"mlm": 1 / done}}}), flush=True)
    if MODE == "full" and done == 15:
        sys.exit(f"error: the state could not be written: no space on {folder}")
    if MODE == "killed" and done == 15:
        os.kill(os.getpid(), 9)
    if MODE == "slow":
        time.sleep(0.05)
    if select.select([sys.stdin], [], [], 0)[0]:
        break
    if done % 10 == 0 and done < steps:
        snapshot(done)
snapshot(done)
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "TURNS", Turns())
    monkeypatch.setattr(training, "_BEAT", 0.05)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def pupil(monkeypatch, tmp_path):
    """Let a stand-in do the work: "quick", "slow", or one that meets a full disk or is killed."""

    def stand_in(mode: str) -> None:
        script = tmp_path / f"{mode}.py"
        script.write_text(f"MODE = {mode!r}\n{STAND_IN}")
        monkeypatch.setattr(process, "COMMAND", (sys.executable, str(script)))

    return stand_in


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_run_tells_every_step_and_ends_with_a_sentence(pupil):
    pupil("quick")
    run = Run(CHOICES)
    told = list(trained(run))
    assert run.steps == list(range(1, 41))
    assert run.losses == {"mlm": [1 / step for step in range(1, 41)]}
    assert [one["step"] for one in run.snapshots] == [0, 10, 20, 30, 40]
    assert [one.ended for one in told] == [False] * (len(told) - 1) + [True]
    assert told[-1].says == "Trained for 40 steps. Everything up to step 40 is kept."
    assert not told[-1].trouble


def test_stop_keeps_everything_and_the_run_goes_on(pupil):
    pupil("slow")
    run = Run(CHOICES)
    said = []
    for told in trained(run):
        said.append(told.says)
        if told.done > 3 and not told.ended:
            run.stop()
    stopped = run.reached
    assert 3 < stopped < 40
    assert said[-1] == (
        f"Stopped. Everything up to step {stopped} is kept: go on from there whenever you like."
    )
    pupil("quick")
    further(run, 400)
    list(trained(run))
    assert run.steps == list(range(1, 41))
    assert run.reached == 40
    further(run, 20)
    assert run.choices.steps == 60


def test_a_second_waits_for_its_turn_and_is_told_its_place(pupil):
    pupil("slow")
    first, second, third = (trained(Run(CHOICES)) for _ in range(3))
    next(first)
    assert next(second).says.startswith("In the queue: one other training comes first.")
    assert next(third).says.startswith("In the queue: 2 others come first.")
    first.close()
    assert next(told for told in second if not told.says.startswith("In")).says.startswith("Build")
    assert "one other training" in next(told for told in third if "2 others" not in told.says).says
    second.close()
    third.close()


def test_who_stops_in_the_queue_leaves_it(pupil):
    pupil("slow")
    first, run = trained(Run(CHOICES)), Run(CHOICES)
    next(first)
    waiting = trained(run)
    next(waiting)
    run.stop()
    assert list(waiting)[-1].says == "You left the queue."
    assert not run.steps
    first.close()
    with training.TURNS.turn() as ticket:
        assert training.TURNS.before(ticket) == 0


def test_a_run_that_nobody_listens_to_leaves_no_process(pupil, monkeypatch):
    pupil("slow")
    begun = []
    popen = process.subprocess.Popen
    monkeypatch.setattr(
        process.subprocess, "Popen", lambda *a, **k: begun.append(popen(*a, **k)) or begun[-1]
    )
    run = Run(CHOICES)
    listening = trained(run)
    assert any(told.done for told in itertools.islice(listening, 100))
    assert alive(begun[0].pid)
    listening.close()
    assert not alive(begun[0].pid)
    assert run.folder.is_dir()
    run.forget()
    assert not run.folder.exists()


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("full", "The training ended: the state could not be written: no space on its folder."),
        ("killed", "The training was ended from outside (killed, or out of memory)."),
    ],
)
def test_trouble_is_one_sentence_and_what_was_kept_stays(pupil, mode, says):
    pupil(mode)
    run = Run(CHOICES)
    *_, last = trained(run)
    assert last.ended
    assert last.trouble
    assert last.says == f"{says} Everything up to step 10 is kept."
    assert training.packed(run).is_file()


def test_its_last_words_are_waited_for(pupil, monkeypatch):
    heard = process.Pupil._hear_errors

    def late(self) -> None:
        time.sleep(0.5)
        heard(self)

    monkeypatch.setattr(process.Pupil, "_hear_errors", late)
    pupil("full")
    *_, last = trained(Run(CHOICES))
    assert "no space" in last.says


def test_no_room_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    (shown,) = train.started(100, ["mlm"], train.WHOLE, 4, 1e-3, 16, 1.0, 0)
    assert "This server has no room to keep a training" in shown[1]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"objectives": []}, "Choose at least one objective"),
        ({"seed": None}, "Seed must be a whole number"),
        ({"seed": 1.5}, "Seed must be a whole number"),
        ({"steps": 10**6}, "Steps must lie in"),
    ],
)
def test_bad_choices_are_one_sentence(settings, says):
    usual = {
        "steps": 100, "objectives": ["mlm"], "unit": train.WHOLE, "kinds": 4, "rate": 1e-3,
        "batch": 16, "weight": 1.0, "seed": 0,
    }  # fmt: skip
    (shown,) = train.started(**(usual | settings))
    assert says in shown[1]
    assert 'role="alert"' in shown[1]


def test_choices_of_the_page_become_those_of_the_run():
    usual = {"steps": 280, "rate": 1e-3, "batch": 16, "kinds": 4, "weight": 0.5, "seed": 3}
    found = chosen(objectives=["itm", "wpa"], pieces=True, **usual)
    assert (found.mlm, found.itm, found.wpa, found.mask_unit) == (False, True, True, "piece")
    assert (found.steps, found.every, found.seed) == (280, 20, 3)
    arguments = process.arguments(Path("folder"), found)
    assert "--no-mlm" in arguments
    assert "--itm" in arguments


def test_the_oldest_runs_give_way_and_stale_folders_go(tmp_path):
    stale = tmp_path / "vilt-lab-training-left-behind"
    stale.mkdir()
    os.utime(stale, (0, 0))
    runs = [Run(CHOICES) for _ in range(training.KEPT + 2)]
    assert [run.folder.is_dir() for run in runs] == [False] * 2 + [True] * training.KEPT
    assert not stale.exists()
    with pytest.raises(ValueError, match="nothing kept to go on from"):
        further(runs[0], 100)


def test_runs_that_begin_at_the_same_time_are_each_remembered_once(monkeypatch):
    class Slow(list):
        def remove(self, run: Run) -> None:
            time.sleep(0.02)  # another visitor looks meanwhile
            super().remove(run)

    known = Slow(Run(CHOICES) for _ in range(training.KEPT))
    monkeypatch.setattr(training, "_RUNS", known)
    found: list[Run | Exception] = []

    def begin() -> None:
        try:
            found.append(Run(CHOICES))
        except ValueError as error:
            found.append(error)

    visitors = [threading.Thread(target=begin) for _ in range(6)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert all(isinstance(one, Run) for one in found)
    assert len(known) == training.KEPT
    assert all(run.folder.is_dir() for run in known)


def test_those_that_train_or_wait_never_give_way(pupil):
    pupil("slow")
    first = Run(CHOICES)
    going = trained(first)
    next(going)
    for _ in range(training.KEPT + 3):
        Run(CHOICES)
    assert first.folder.is_dir()
    assert not first.halted.is_set()
    *_, last = going
    assert last.says == "Trained for 40 steps. Everything up to step 40 is kept."
    for _ in range(training.KEPT):
        Run(CHOICES)
    assert not first.folder.is_dir()


def test_a_long_training_gives_way_where_others_wait_and_only_there(pupil, monkeypatch):
    monkeypatch.setattr(training, "_TURN", 0.0)
    pupil("slow")
    run, other = Run(CHOICES), trained(Run(CHOICES))
    going = trained(run)
    next(going)
    next(other)
    *_, last = going
    assert 0 < run.reached < 40
    assert last.says.startswith(f"Others were waiting. Everything up to step {run.reached} is kept")
    other.close()
    further(run, 400)
    *_, last = trained(run)
    assert last.says.startswith("Trained for 40 steps.")


def test_a_short_training_goes_on_for_long(pupil):
    pupil("quick")
    run = Run(Choices(steps=100, every=7, batch_size=8, kinds=4))
    list(trained(run))
    further(run, 2000)
    assert run.choices.steps == 2100
    assert run.choices.steps <= 100 * run.choices.every


def test_steps_that_were_told_but_not_kept_come_once(pupil):
    pupil("killed")
    run = Run(CHOICES)
    list(trained(run))
    assert run.steps[-1] == 15
    assert run.reached == 10
    pupil("quick")
    further(run, 400)
    list(trained(run))
    assert run.steps == list(range(1, 41))
    assert len(run.losses["mlm"]) == 40


def test_nothing_to_keep_or_to_go_on_from_is_said():
    assert "there is nothing to keep" in train.kept(None, 3)[1].lower()
    assert "nothing to go on from" in next(train.continued(None, 100))[1]
    with pytest.raises(ValueError, match="kept no longer"):
        training.packed(Run(CHOICES), 7)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(1, "5 seconds"), (33, "35 seconds"), (89, "90 seconds"), (150, "2 minutes")],
)
def test_times_are_said_as_people_say_them(seconds, says):
    assert training.duration(seconds) == says


def test_the_real_process_learns_is_stopped_and_what_it_kept_opens(tmp_path):
    run = Run(Choices(steps=200, every=2, batch_size=8, kinds=4))
    shown = []
    for outputs in train.followed(run, 100):
        shown.append(outputs)
        if len(run.snapshots) > 1:
            run.stop()
    assert {len(outputs) for outputs in shown} == {11}  # components of the page
    first, last = shown[0], shown[-1]
    assert first[0] is run
    assert "lab-progress" in first[1]
    assert "Stopped." in last[1]
    assert 2 <= run.reached < 200
    assert [len(figure.data) for figure in last[2:4]] == [6, 8]
    view = last[4]
    assert [one["step"] for one in view["moments"]] == [one["step"] for one in run.snapshots]
    assert [bool(one["nouns"]) for one in view["sentences"]] == [True] * 4
    says = train.kept(run, run.reached)[1]
    assert f'vilt_core.load("vilt-small-{run.reached}")' in says.replace("&quot;", '"')
    with zipfile.ZipFile(training.packed(run)) as file:
        file.extractall(tmp_path / "home")
    model = vilt_core.load(tmp_path / "home" / f"vilt-small-{run.reached}")
    said = view["sentences"][0]["words"]
    alignment = model.align(np.zeros((64, 64, 3), np.uint8), " ".join(said))
    assert [word.text for word in alignment.words] == said


def test_the_page_offers_to_go_on_where_it_stopped(pupil):
    pupil("quick")
    run = Run(CHOICES)
    list(trained(run))
    assert isinstance(gr.skip(), dict)
    buttons = train._turned(False, run, 250)
    assert [one.visible for one in buttons[:3]] == [True, False, True]
    assert buttons[2].value == "Train 250 steps more"
    assert train.renamed(run, 300.0).value == "Train 300 steps more"
    run.choices = Choices(steps=400, every=40)
    assert train._turned(False, run, 250)[2].value == "Go on to step 400"
    assert [one.visible for one in train._turned(True)[:3]] == [False, True, False]


def test_turns_are_taken_in_the_order_of_coming():
    turns, order = Turns(), []

    def take(name: int) -> None:
        with turns.turn() as ticket:
            ready.release()
            while turns.before(ticket):
                time.sleep(0.001)
            order.append(name)

    threads = []
    with turns.turn():
        for name in range(4):
            ready = threading.Semaphore(0)
            threads.append(threading.Thread(target=take, args=(name,)))
            threads[-1].start()
            ready.acquire()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3]


def test_the_library_is_found_from_anywhere():
    assert (process.ROOT / "vilt_core" / "__main__.py").is_file()
    assert Path(process.COMMAND[0]) == Path(sys.executable)
