"""Laws of runs that meet with accidents, which are made to happen here."""

import copy
import io
import itertools
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from vilt_core.commands.ablate import Ablate
from vilt_core.commands.detector import TrainDetector
from vilt_core.commands.emerge import Emerge
from vilt_core.data.examples import CaptionExample, DataSet, ImageFile, QuestionExample
from vilt_core.data.folders import open_data
from vilt_core.interop.lab import load_folder
from vilt_core.training import TrainingStopped, ending, keeper, loop, monitor
from vilt_core.training.ending import ends_in_a_sentence
from vilt_core.training.engine import Settings
from vilt_core.training.keeper import same_lesson, steps_between
from vilt_core.training.loop import train
from vilt_core.training.monitor import train_and_watch
from vilt_core.training.passed_over import PassedOver
from vilt_core.training.stages import Recipe, Stage
from vilt_core.world.captions import caption
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

ROOT = Path(__file__).parents[2]
STAGE = Stage(name="any", steps=6, mix={"captions": 1.0}, batch_size=4, learning_rate=1e-3)
RECIPE = Recipe(name="run", stages=(STAGE,))
SHORT = [{"name": "any", "steps": 6, "mix": {"captions": 1.0}, "batch_size": 4}]
OFTEN = Settings(device="cpu", precision="float32", save_every=2)
SELDOM = replace(OFTEN, save_every=1000)  # at the end alone


def fresh(bundle):
    model = copy.deepcopy(bundle.model)
    model.naming = model.mentioning = None
    return replace(bundle, model=model)


def picture(index: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(paint(scene(1, index), 64).pixels).save(file, "PNG")
    return file.getvalue()


def said(index: int) -> str:
    return caption(scene(1, index), lambda: 0.5).text


@pytest.fixture
def captions(tmp_path):
    """A folder of captions, some of whose pictures are cut in the middle."""

    def write(count: int, *, broken: int) -> Path:
        folder = tmp_path / "data"
        folder.mkdir()
        lines = []
        for index in range(count):
            content = picture(index)
            (folder / f"{index}.png").write_bytes(content[: 50 if index < broken else None])
            lines.append(json.dumps({"image": f"{index}.png", "caption": said(index)}))
        (folder / "train.jsonl").write_text("\n".join(lines))
        return folder

    return write


@pytest.fixture
def shard(tmp_path) -> Path:
    folder = tmp_path / "conceptual"
    folder.mkdir()
    with tarfile.open(folder / "00000.tar", "w") as tar:
        for index in range(8):
            for suffix, content in (("jpg", picture(index)), ("txt", said(index).encode())):
                member = tarfile.TarInfo(f"{index:09}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return folder


def run(bundle, folder: Path, data: Path | None = None, *, settings: Settings = OFTEN):
    opened = open_data(data, split="train", kind="captions") if data else None
    given = {"captions": opened} if opened else None
    return train(RECIPE, folder, bundle=fresh(bundle), data=given, settings=settings)


def two_steps(bundle, folder: Path, data: Path) -> None:
    running = run(bundle, folder, data)
    list(itertools.islice(running, 2))
    running.close()


def wait_for(done: Callable[[], bool], *needed: BaseProcess) -> None:
    deadline = time.monotonic() + 100
    while not done():
        assert all(one.is_alive() for one in needed)
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(start, begin, tmp_path_factory) -> Path:
    """A run that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    running = begin(start, SHORT, {"save_every": 1, "workers": 1}, folder)
    running.join(120)
    assert running.exitcode == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("moment", [1, 4])
def test_a_run_that_was_killed_goes_on_to_the_identical_end(start, whole, begin, tmp_path, moment):
    what = (start, SHORT, {"save_every": 1, "workers": 1}, tmp_path)
    log = tmp_path / "log.jsonl"
    running = begin(*what)
    wait_for(lambda: log.is_file() and log.read_text().count("\n") >= moment, running)
    os.killpg(running.pid, signal.SIGKILL)
    running.join()
    assert running.exitcode == -signal.SIGKILL
    again = begin(*what)
    again.join(120)
    assert again.exitcode == 0
    curves = []
    for folder in (whole, tmp_path):
        rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        curves.append([(r["at"], r["losses"], r["gradient_norm"]) for r in rows])
    assert curves[0] == curves[1]
    models = [load_folder(folder / "model").model.state_dict() for folder in (whole, tmp_path)]
    assert all(torch.equal(value, models[1][name]) for name, value in models[0].items())


def test_a_full_disk_leaves_the_last_good_state_and_says_which(tiny_bundle, tmp_path):
    running = run(tiny_bundle, tmp_path)
    for _ in range(2):
        next(running)
    good = (tmp_path / "run.pt").read_bytes()
    (tmp_path / "run.part").symlink_to("/dev/full")
    with pytest.raises(TrainingStopped, match=r"No space left on device.*good state is .*run\.pt"):
        list(running)
    assert (tmp_path / "run.pt").read_bytes() == good
    load_folder(tmp_path / "model")
    assert [record.step for record in run(tiny_bundle, tmp_path)] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("file", "what"),
    [("log.jsonl", "the log could not be written"), ("tensorboard", "what was to be kept could")],
)
def test_a_disk_that_takes_no_curve_names_the_last_good_state_too(
    tiny_bundle, tmp_path, file, what
):
    def go_on():
        train_and_watch(RECIPE, tmp_path, command="test", start=fresh(tiny_bundle), settings=OFTEN)

    running = run(tiny_bundle, tmp_path)
    for _ in range(2):
        next(running)
    running.close()
    (tmp_path / file).unlink(missing_ok=True)
    (tmp_path / file).symlink_to("/dev/full")
    with pytest.raises(TrainingStopped, match=rf"{what}.*good state is .*run\.pt"):
        go_on()
    (tmp_path / file).unlink()
    go_on()
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["step"] == 6


@pytest.mark.parametrize(
    ("steps", "between"), [(1, 1), (5, 1), (60, 6), (225, 22), (2500, 250), (100_000, 250)]
)
def test_a_short_run_leaves_ten_states_and_a_long_one_a_state_every_250_steps(steps, between):
    assert steps_between(steps) == between


@pytest.mark.parametrize(
    ("writing", "saved"),
    [(0.0, [0, 0, 1, 0, 1, 1]), (6.0, [0, 0, 1, 0, 0, 1])],
    ids=["a small state", "one that takes a tenth of the time"],
)
def test_a_state_is_saved_by_the_clock_where_the_steps_are_slow(
    tiny_bundle, tmp_path, monkeypatch, writing, saved
):
    now, write = [0.0], keeper.write_run

    def slowly(*what):
        now[0] += writing
        write(*what)

    monkeypatch.setattr(keeper, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(keeper, "write_run", slowly)
    found = []
    for record in run(tiny_bundle, tmp_path, settings=SELDOM):
        now[0] += 60.0
        found.append(record.saved)
    assert found == saved


def test_what_the_clock_saves_changes_nothing(tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "SAVING_SHARE", float("inf"))
    often = list(run(tiny_bundle, tmp_path / "1", settings=replace(SELDOM, save_seconds=0.0)))
    seldom = list(run(tiny_bundle, tmp_path / "2", settings=SELDOM))
    assert [record.saved for record in often] == [True] * 6
    assert [record.saved for record in seldom] == [False] * 5 + [True]
    one, other = ([(r.losses, r.gradient_norm) for r in records] for records in (often, seldom))
    assert one == other
    models = [load_folder(tmp_path / name / "model").model.state_dict() for name in "12"]
    assert all(torch.equal(value, models[1][name]) for name, value in models[0].items())


def watched(bundle, folder: Path, **more) -> Path:
    return train_and_watch(
        RECIPE,
        folder,
        command="test",
        start=fresh(bundle),
        settings=SELDOM,
        **{"evaluate_every": 2, "look": lambda _: {}} | more,
    )


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def logged(folder: Path) -> list[tuple]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(row["at"], row["losses"], row["gradient_norm"]) for row in rows]


@pytest.fixture
def handlers():
    """Signals mean afterwards what they did before: a run that is told to end hears of no child."""
    before = {one: signal.getsignal(one) for one in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)}
    yield
    now = {one: signal.getsignal(one) for one in before}
    for one, handler in before.items():
        signal.signal(one, handler)
    assert now | {signal.SIGCHLD: None} == before | {signal.SIGCHLD: None}


@pytest.fixture(scope="module")
def uninterrupted(tiny_bundle, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    watched(tiny_bundle, folder)
    return folder


def assert_goes_on_to_the_same_end(bundle, folder: Path, uninterrupted: Path) -> None:
    watched(bundle, folder)
    assert logged(folder) == logged(uninterrupted)
    models = [load_folder(one / "model").model.state_dict() for one in (folder, uninterrupted)]
    assert all(torch.equal(value, models[1][name]) for name, value in models[0].items())


SAYS = {
    signal.SIGINT: (KeyboardInterrupt, r"^stopped; the last good .*run\.pt: the same command goes"),
    signal.SIGTERM: (TrainingStopped, r"was told to end \(SIGTERM\); the last good .*run\.pt$"),
}


@pytest.mark.parametrize("number", SAYS)
@pytest.mark.parametrize("while_", ["a step", "scoring"])
def test_a_run_that_is_told_to_end_finishes_its_step_and_saves_it(
    tiny_bundle, tmp_path, monkeypatch, handlers, uninterrupted, number, while_
):
    update, computed = loop.update, itertools.count(1)

    def told_in_step_three(*what, **more):
        if while_ == "a step" and next(computed) == 3:
            send(number)
        return update(*what, **more)

    def look(bundle):
        bundle.model.eval()
        if while_ == "scoring":
            send(number)
            time.sleep(60)
        return {}

    error, said = SAYS[number]
    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", told_in_step_three)
        with pytest.raises(error, match=said):
            watched(tiny_bundle, tmp_path, look=look)
    assert torch.load(tmp_path / "run.pt", weights_only=True)["noted"] == 3
    assert (tmp_path / "model" / "training.json").is_file()
    assert logged(tmp_path) == logged(uninterrupted)[:3]
    assert_goes_on_to_the_same_end(tiny_bundle, tmp_path, uninterrupted)


def test_scoring_that_is_broken_off_has_the_patience_of_a_step(
    tiny_bundle, tmp_path, monkeypatch, handlers
):
    """SIGTERM comes while a model is scored: the step that is saved afterwards may take longer."""
    update, told = loop.update, []

    def slow(*what, **more):
        time.sleep(1.0 if told else 0.0)
        return update(*what, **more)

    def look(_):
        told.append(True)
        send(signal.SIGTERM)
        time.sleep(60)

    monkeypatch.setattr(ending, "GRACE", 0.2)
    monkeypatch.setattr(loop, "update", slow)
    with pytest.raises(TrainingStopped, match=SAYS[signal.SIGTERM][1]):
        watched(tiny_bundle, tmp_path, look=look)
    assert torch.load(tmp_path / "run.pt", weights_only=True)["noted"] == 3


def test_no_stage_is_begun_by_a_run_that_is_told_to_end(tiny_bundle, tmp_path):
    first = RECIPE.stages[0]
    two = replace(RECIPE, stages=(replace(first, steps=2), replace(first, name="more", steps=2)))
    running = train(
        two, tmp_path, bundle=fresh(tiny_bundle), settings=SELDOM, stop=lambda done: done >= 2
    )
    assert [record.at for record in running] == [1, 2]
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    assert (state["stage"], state["step"], state["noted"]) == (1, 0, 2)
    assert [r.at for r in train(two, tmp_path, bundle=fresh(tiny_bundle), settings=SELDOM)] == [
        3,
        4,
    ]


def test_a_reader_that_has_left_is_no_full_disk(tmp_path):
    with pytest.raises(BrokenPipeError), ends_in_a_sentence(tmp_path / "run.pt"):
        raise BrokenPipeError


def test_a_second_ctrl_c_waits_for_no_step(tiny_bundle, tmp_path, monkeypatch, handlers):
    def told_again(*_, **__):
        send(signal.SIGINT)
        time.sleep(60)

    def told(self, record):
        monkeypatch.setattr(loop, "update", told_again)
        send(signal.SIGINT)

    monkeypatch.setattr(ending, "ONCE", 0.0)
    monkeypatch.setattr(monitor.Watcher, "note", told)
    with pytest.raises(KeyboardInterrupt, match=r"^stopped; no state was saved yet$"):
        watched(tiny_bundle, tmp_path)
    assert len(logged(tmp_path)) == 1


def test_before_the_first_step_is_done_nothing_is_waited_for(
    tiny_bundle, tmp_path, monkeypatch, handlers
):
    def told(*_, **__):
        send(signal.SIGINT)
        time.sleep(60)

    monkeypatch.setattr(loop, "update", told)
    with pytest.raises(KeyboardInterrupt, match=r"^stopped; no state was saved yet$"):
        watched(tiny_bundle, tmp_path)


def test_an_interrupt_that_is_ignored_stays_so(tmp_path, handlers):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ends_in_a_sentence(tmp_path / "run.pt"):
            send(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_in_a_terminal_loses_no_step(start, begin, tmp_path, workers):
    steps, log = [SHORT[0] | {"steps": 5000}], tmp_path / "log.jsonl"
    running = begin(start, steps, {"save_every": 5000, "workers": workers}, tmp_path)
    wait_for(lambda: log.is_file() and log.read_text().count("\n") >= 2, running)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does, to the workers too
    running.join(60)
    assert running.exitcode == 1
    said = (tmp_path / "said.0").read_text().strip()
    assert "finishing this step to save its state; Ctrl-C again ends at once" in said
    assert re.search(r"stopped; the last good state is .*run\.pt: the same", said.splitlines()[-1])
    done = torch.load(tmp_path / "run.pt", weights_only=True)["noted"]
    assert done == len(logged(tmp_path)) >= 2


@pytest.mark.slow
def test_of_two_processes_one_is_told_to_end_and_both_do_after_the_same_step(
    start, joined, tmp_path
):
    main, told = joined(start, [SHORT[0] | {"steps": 5000}], {"save_every": 5000}, tmp_path)
    log = tmp_path / "log.jsonl"
    wait_for(lambda: log.is_file() and log.read_text().count("\n") >= 2, main, told)
    os.kill(told.pid, signal.SIGTERM)
    for one in (main, told):
        one.join(60)
    assert [main.exitcode, told.exitcode] == [1, 1]
    said = [(tmp_path / f"said.{at}").read_text().strip().splitlines()[-1] for at in range(2)]
    good = r"; the last good state is .*run\.pt$"
    assert re.search("another process of this training was told to end" + good, said[0])
    assert re.search(r"this training was told to end \(SIGTERM\)" + good, said[1])
    done = torch.load(tmp_path / "run.pt", weights_only=True)["noted"]
    assert done == len(logged(tmp_path)) >= 2


@pytest.mark.slow
def test_a_lost_process_is_told_by_the_other_in_one_sentence(start, joined, tmp_path):
    left, lost = joined(start, [SHORT[0] | {"steps": 500}], {"save_every": 1}, tmp_path)
    wait_for((tmp_path / "run.pt").is_file, left, lost)
    lost.kill()
    left.join(60)
    assert left.exitcode == 1
    last = (tmp_path / "said.0").read_text().strip().splitlines()[-1]
    assert re.search(r"another process of this training was lost; the last good.*run\.pt", last)


def test_sigterm_is_told_in_a_sentence_and_then_means_what_it_did(tmp_path):
    def told():
        with ends_in_a_sentence(tmp_path / "run.pt"):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)

    before, children = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD)
    try:
        with pytest.raises(TrainingStopped, match=r"to end \(SIGTERM\); no state was saved yet"):
            told()
    finally:
        signal.signal(signal.SIGCHLD, children)
    assert signal.getsignal(signal.SIGTERM) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_in_other_threads_sigterm_is_left_as_it_was(tmp_path):
    def within():
        with ends_in_a_sentence(tmp_path / "run.pt"):
            return signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as other:
        assert other.submit(within).result() == signal.getsignal(signal.SIGTERM)
    assert within() != signal.getsignal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("command", "worker"),
    [
        (TrainDetector, "vilt_core.training.detecting.train_detector"),
        (Emerge, "vilt_core.training.emergence.emerge"),
        (Ablate, "vilt_core.training.ablation_run.run_grid"),
    ],
)
def test_every_command_that_trains_answers_sigterm(command, worker, tmp_path, monkeypatch):
    def killed(*_, **__):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        yield

    monkeypatch.setattr(worker, killed)
    children = signal.getsignal(signal.SIGCHLD)
    try:
        with pytest.raises(TrainingStopped, match=r"to end \(SIGTERM\); no state was saved yet"):
            command(to=tmp_path / "run").run()
    finally:
        signal.signal(signal.SIGCHLD, children)


def test_of_a_folder_of_pieces_a_state_is_claimed_where_a_piece_is(tmp_path):
    def lost():
        with ends_in_a_sentence(tmp_path):
            raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")

    (tmp_path / "arm" / "0").mkdir(parents=True)
    with pytest.raises(TrainingStopped, match=r"was lost, .*; no state was saved yet"):
        lost()
    (tmp_path / "arm" / "0" / "results.json").write_text("{}")
    with pytest.raises(TrainingStopped, match=rf"was lost, .*; the last good state is {tmp_path}"):
        lost()


TOLD_TO_END = r"this training was told to end \(SIGTERM\); the last good state is .*run\.pt"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_that_is_told_to_end_names_its_last_good_state(start, begin, tmp_path, workers):
    steps = [SHORT[0] | {"steps": 500}]
    running = begin(start, steps, {"save_every": 1, "workers": workers}, tmp_path)
    wait_for((tmp_path / "run.pt").is_file, running)
    os.killpg(running.pid, signal.SIGTERM)  # as ``timeout`` does, with the workers
    running.join(60)
    assert running.exitcode == 1
    assert re.search(TOLD_TO_END, (tmp_path / "said.0").read_text().strip().splitlines()[-1])


@pytest.mark.slow
def test_a_process_that_waits_for_another_ends_when_it_is_told_to(start, joined, tmp_path):
    steps = [SHORT[0] | {"steps": 500}]
    waiting, asleep = joined(start, steps, {"save_every": 1}, tmp_path)
    wait_for((tmp_path / "run.pt").is_file, waiting, asleep)
    os.kill(asleep.pid, signal.SIGSTOP)
    try:
        lines = -1
        while (now := (tmp_path / "log.jsonl").read_text().count("\n")) != lines:
            lines = now
            time.sleep(3)
        os.kill(waiting.pid, signal.SIGTERM)
        waiting.join(60)
    finally:
        asleep.kill()
    assert waiting.exitcode == 1
    last = (tmp_path / "said.0").read_text().strip().splitlines()[-1]
    assert re.fullmatch(f"error: {TOLD_TO_END}", last)


@pytest.mark.slow
def test_of_what_torchrun_began_and_lost_the_last_good_state_is_named(tmp_path):
    """It tells the other processes to end, which may be before they miss the lost one."""
    for at in range(4):
        (tmp_path / f"{at}.png").write_bytes(picture(at))
    lines = [
        json.dumps({"image": f"{at}.png", "question": f"is it {at % 2}?", "answer": str(at % 2)})
        for at in range(4)
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    words = "torch.distributed.run --standalone --nproc-per-node 2 -m vilt_core finetune"
    words += f" --data {tmp_path} --to {tmp_path / 'run'} --epochs 900 --batch-size 4"
    words += " --save-every 1 --device cpu"
    launched = subprocess.Popen(
        [sys.executable, "-m", *words.split()],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        deadline = time.monotonic() + 200
        while not (tmp_path / "run" / "run.pt").is_file():
            assert launched.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        children = Path(f"/proc/{launched.pid}/task/{launched.pid}/children").read_text().split()
        [lost] = [
            int(child)
            for child in children
            if b"RANK=1" in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        ]
        os.kill(lost, signal.SIGKILL)
        _, said = launched.communicate(timeout=100)
    finally:
        launched.terminate()
        launched.wait(60)
    assert launched.returncode
    assert re.search(r"error: (this|another) .*; the last good state is .*run\.pt\n", said), said


def test_a_run_whose_answers_moved_is_not_gone_on_with(tiny_bundle, tmp_path):
    running = run(tiny_bundle, tmp_path)
    for _ in range(2):
        next(running)
    running.close()
    first, second, *others = tiny_bundle.answers
    moved = replace(tiny_bundle, answers=(second, first, *others))
    with pytest.raises(ValueError, match="begun with another recipe or other data"):
        next(run(moved, tmp_path))
    next(run(tiny_bundle, tmp_path))


def test_the_share_of_false_captions_of_stickers_is_nothing_to_a_run_on_data(
    tiny_bundle, tmp_path, captions
):
    """States of old have another share of it, which their rows never were made by."""
    data, folder = captions(6, broken=0), tmp_path / "run"
    two_steps(tiny_bundle, folder, data)
    state = torch.load(folder / "run.pt", weights_only=True)
    lesson = json.loads(state["lesson"])
    for name, told, goes_on in (("hard_negatives", 0.125, True), ("dropout", 0.125, False)):
        other = copy.deepcopy(lesson)
        other["stages"][0][name] = told
        assert same_lesson(json.dumps(other), state["lesson"]) == goes_on


def test_a_broken_picture_is_passed_over_counted_and_named(tiny_bundle, tmp_path, captions):
    records = list(run(tiny_bundle, tmp_path / "run", captions(6, broken=1)))
    assert len(records) == 6
    broken = [name for record in records for name in record.broken]
    assert len(broken) == 1  # 24 places see each of six pictures four times: it is told of once
    assert "0.png" in broken[0]


def test_a_corrected_line_is_other_data_and_a_state_of_old_does_not_mind(
    tiny_bundle, tmp_path, captions
):
    data, folder = captions(6, broken=0), tmp_path / "run"
    two_steps(tiny_bundle, folder, data)
    lines = (data / "train.jsonl").read_text()
    (data / "train.jsonl").write_text(lines.replace('"caption": "', '"caption": "so ', 1))
    with pytest.raises(ValueError, match="begun with another recipe or other data"):
        run(tiny_bundle, folder, data)
    state = torch.load(folder / "run.pt", weights_only=True)
    lesson = json.loads(state["lesson"])
    lesson["data"] = {kind: told[:3] for kind, told in lesson["data"].items()}
    torch.save(state | {"lesson": json.dumps(lesson)}, folder / "run.pt")
    assert len(list(run(tiny_bundle, folder, data))) == 4


def test_pictures_passed_over_before_a_stop_count_after_it(tiny_bundle, tmp_path, captions):
    data, folder = captions(6, broken=1), tmp_path / "run"
    running = run(tiny_bundle, folder, data)
    records = [next(running) for _ in range(4)]
    running.close()
    records += list(run(tiny_bundle, folder, data))
    assert [record.step for record in records] == [1, 2, 3, 4, 5, 6]
    told = [name for record in records for name in record.broken]
    assert any(record.broken for record in records[:4])
    state = torch.load(folder / "run.pt", weights_only=True)
    assert state["passed_over"] == told
    assert len(told) == 1


def test_a_state_of_old_that_counted_readings_is_gone_on_with(tiny_bundle, tmp_path, captions):
    data, folder = captions(6, broken=1), tmp_path / "run"
    two_steps(tiny_bundle, folder, data)
    state = torch.load(folder / "run.pt", weights_only=True)
    del state["passed_over"]
    torch.save(state | {"seen": 853.0, "broken": 21.0}, folder / "run.pt")
    assert len(list(run(tiny_bundle, folder, data))) == 4


def test_one_broken_picture_stops_no_run_however_often_it_is_drawn(tiny_bundle, tmp_path):
    (tmp_path / "0.png").write_bytes(picture(0))
    (tmp_path / "1.png").write_bytes(picture(1)[:50])
    lines = [
        json.dumps({"image": f"{at % 2}.png", "question": f"is it {at}?", "answer": "yes"})
        for at in range(20)
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    data = {"questions": open_data(tmp_path, split="train", kind="questions")}
    stage = replace(STAGE, steps=8, mix={"questions": 1.0}, batch_size=10)
    recipe = replace(RECIPE, stages=(stage,))
    running = train(recipe, tmp_path, bundle=fresh(tiny_bundle), data=data, settings=OFTEN)
    broken = [name for record in running for name in record.broken]
    assert len(broken) == 1  # of 80 places, 40 of which ask for it
    assert "1.png" in broken[0]


def test_too_many_broken_pictures_stop_the_run(tiny_bundle, tmp_path, captions):
    with pytest.raises(TrainingStopped, match=r"\d+ of 80 pictures could not be used.*than 1%"):
        list(run(tiny_bundle, tmp_path / "run", captions(80, broken=40)))


@pytest.mark.parametrize(("pictures", "most"), [(1, 20), (2000, 20), (3000, 30)])
@pytest.mark.parametrize("kind", ["captions", "questions"])
def test_twenty_pictures_may_be_broken_or_one_in_a_hundred(pictures, most, kind):
    images = [ImageFile(Path(f"{at}.png")) for at in range(pictures)]
    if kind == "captions":
        examples = [CaptionExample(image=one, captions=("it",), id=one.name) for one in images]
    else:
        examples = [
            QuestionExample(image=one, question="is it?", answers=("yes",), id=one.name)
            for one in images * 3
        ]
    data = {kind: DataSet(name="any", split="train", kind=kind, examples=examples)}
    passed = PassedOver(data, before=("0.png",))
    for at in range(most):
        assert passed.too_many() is None
        assert passed.add([f"{at}.png"] * 2) == ((f"{at}.png",) if at else ())
    assert passed.too_many() is None
    passed.add(["another"])
    assert passed.too_many() == (
        f"{most + 1} of {pictures:,} pictures could not be used, which is more than 1%"
    )


def test_what_a_shard_promises_and_lacks_counts_a_sample_at_a_time(tiny_bundle, tmp_path, shard):
    (shard / "00000_stats.json").write_text('{"successes": 40}')
    with pytest.raises(TrainingStopped, match=r"2\d of 40 pictures could not be used"):
        list(run(tiny_bundle, tmp_path / "run", shard))


def test_nothing_but_broken_pictures_stop_the_run_at_once(tiny_bundle, tmp_path, captions):
    with pytest.raises(TrainingStopped, match=r"none of 20 pictures could be read, the last: "):
        list(run(tiny_bundle, tmp_path / "run", captions(2, broken=2)))


def test_pictures_without_a_caption_are_left_out_and_stop_no_run(tiny_bundle, tmp_path, shard):
    with tarfile.open(shard / "00000.tar", "a") as tar:
        for index in range(8, 16):
            for suffix, content in (("jpg", picture(index)), ("txt", b"")):
                member = tarfile.TarInfo(f"{index:09}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    (shard / "00000_stats.json").write_text('{"successes": 16}')
    records = list(run(tiny_bundle, tmp_path / "run", shard))
    assert len(records) == 6
    assert not any(record.broken for record in records)
    assert torch.load(tmp_path / "run" / "run.pt", weights_only=True)["passed_over"] == []


@pytest.mark.parametrize("workers", [0, 1])
def test_a_vanished_shard_is_named(tiny_bundle, tmp_path, shard, workers):
    settings = replace(OFTEN, workers=workers, save_every=1)
    running = run(tiny_bundle, tmp_path / "run", shard, settings=settings)
    next(running)
    (shard / "00000.tar").unlink()
    said = r"no batch for step \d.*00000\.tar.*; the last good state is .*run\.pt"
    with pytest.raises(TrainingStopped, match=said):
        list(running)
    assert (tmp_path / "run" / "run.pt").is_file()


def test_a_lost_worker_ends_the_run_in_one_sentence(tiny_bundle, tmp_path):
    settings = replace(OFTEN, workers=1)
    running = run(tiny_bundle, tmp_path, settings=settings)
    for _ in range(2):
        next(running)
    for worker in multiprocessing.active_children():
        worker.kill()
        worker.join()
    with pytest.raises(TrainingStopped, match=r"batches was lost.*last good state is .*run\.pt"):
        list(running)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_step_without_a_batch_costs_none_of_those_before(
    tiny_bundle, tmp_path, shard, uninterrupted_on_shard, workers
):
    content, settings = (shard / "00000.tar").read_bytes(), replace(SELDOM, workers=workers)
    running = run(tiny_bundle, tmp_path / "run", shard, settings=settings)
    records = [next(running)]
    (shard / "00000.tar").unlink()
    with pytest.raises(TrainingStopped, match=r"no batch for step \d.* state is .*run\.pt"):
        records.extend(running)
    (shard / "00000.tar").write_bytes(content)
    records += list(run(tiny_bundle, tmp_path / "run", shard, settings=settings))
    assert [(r.at, r.losses, r.gradient_norm) for r in records] == uninterrupted_on_shard


def test_a_state_that_is_saved_for_want_of_a_batch_has_its_summary(tiny_bundle, tmp_path, shard):
    def look(_):
        (shard / "00000.tar").unlink(missing_ok=True)
        return {}

    folder, data = tmp_path / "run", open_data(shard, split="train", kind="captions")
    with pytest.raises(TrainingStopped, match="no batch for step"):
        train_and_watch(
            RECIPE,
            folder,
            command="test",
            start=fresh(tiny_bundle),
            data={"captions": data},
            settings=SELDOM,
            look=look,
            evaluate_every=1,
        )
    summary = json.loads((folder / "model" / "training.json").read_text())
    state = torch.load(folder / "run.pt", weights_only=True)
    assert (summary["command"], summary["seconds"]) == ("test", round(state["seconds"]))


@pytest.fixture
def uninterrupted_on_shard(tiny_bundle, tmp_path, shard) -> list[tuple]:
    records = run(tiny_bundle, tmp_path / "whole", shard, settings=SELDOM)
    return [(r.at, r.losses, r.gradient_norm) for r in records]
