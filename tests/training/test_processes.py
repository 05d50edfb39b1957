"""Laws of several processes: together they learn what one alone learns, sample for sample."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from vilt_core.interop.lab import load_folder
from vilt_core.training import engine, processes
from vilt_core.training.engine import Engine, Settings
from vilt_core.training.loop import train
from vilt_core.training.processes import told_of_processes

ROOT = Path(__file__).parents[2]
STAGES = [
    {
        "name": "mixed",
        "steps": 4,
        "mix": {"captions": 0.4, "questions": 0.3, "statements": 0.3},
        "batch_size": 8,
        "learning_rate": 1e-3,
        "naming_weight": 0.5,
        "mentioning_weight": 0.5,
        "grounding_weight": 0.5,
        "locating_weight": 0.5,
        "comparing_weight": 0.5,
        "gathering_weight": 0.5,
        "gathering_block": 1,
        "kept_patches": 12,
    }
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(start, tmp_path_factory, begin, joined):
    def run(*, processes: int = 1, steps: int = 4, folder: Path | None = None, **settings) -> Path:
        folder = folder or tmp_path_factory.mktemp("run")
        stages = [stage | {"steps": steps, "horizon": 4} for stage in STAGES]
        what = (start, stages, settings, folder)
        begun = [begin(*what)] if processes == 1 else joined(*what)
        for process in begun:
            process.join(120)
        assert [process.exitcode for process in begun] == [0] * processes, said(folder)
        return folder

    return run


@pytest.fixture(scope="module")
def alone(run) -> Path:
    return run()


def said(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted(folder.glob("said.*")))


def curve(folder: Path) -> list[dict]:
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_same_curve(one: Path, other: Path) -> None:
    left, right = curve(one), curve(other)
    assert [row["at"] for row in left] == [row["at"] for row in right] == [1, 2, 3, 4]
    assert {row["kind"] for row in left} == {"captions", "questions", "statements"}
    for mine, yours in zip(left, right, strict=True):
        assert mine["kind"] == yours["kind"]
        assert mine["losses"] == pytest.approx(yours["losses"], abs=1e-5)
        assert mine["gradient_norm"] == pytest.approx(yours["gradient_norm"], abs=1e-4)
    models = [load_folder(folder / "model").model.state_dict() for folder in (one, other)]
    for name, value in models[0].items():
        torch.testing.assert_close(value, models[1][name], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"processes": 2},
        {"processes": 2, "accumulate": 2, "workers": 1},
        {"processes": 2, "sharded": True, "accumulate": 2},
        {"accumulate": 4, "checkpointing": True},
    ],
    ids=["two processes", "two that accumulate", "two that shard", "one that accumulates"],
)
def test_the_curve_is_that_of_one_process_with_the_same_global_batch(alone, run, settings):
    folder = run(**settings)
    assert_same_curve(alone, folder)
    summary = json.loads((folder / "model" / "training.json").read_text())
    assert summary["processes"] == settings.get("processes", 1)


TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "MASTER_PORT": "29500"}
ACCELERATE = {"ACCELERATE_MIXED_PRECISION": "no"}
TOO_FEW = (
    r"^accelerate launch was asked for several and started one, .* torchrun --nproc-per-node N"
)


@pytest.mark.parametrize(
    ("count", "environment", "batches", "said"),
    [
        (1, {}, [128], []),
        (1, {"MASTER_PORT": "29500"}, [128], []),  # of a cluster's script: nobody launched
        (2, TORCHRUN, [128, 128], [r"^Processes: 2, each takes 64 of a batch of 128\.$"]),
        (2, TORCHRUN, [128, 64], [r"^Processes: 2, each takes an equal share of every batch\.$"]),
        (4, TORCHRUN | ACCELERATE, [8], [r"^Processes: 4, each takes 2 of a batch of 8\.$"]),
        (1, ACCELERATE, [8], [r"^Processes: 1, which takes whole batches\.$"]),
        (1, ACCELERATE | {"MASTER_PORT": "29500"}, [8], [r"^Processes: 1, which", TOO_FEW]),
    ],
)
def test_how_many_processes_there_are_is_said_where_somebody_launched_them(
    monkeypatch, count, environment, batches, said
):
    for name in (*TORCHRUN, *ACCELERATE):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "process_count", lambda: count)
    lines = told_of_processes(batches)
    assert len(lines) == len(said)
    assert all(re.search(one, line) for one, line in zip(said, lines, strict=True))


@pytest.mark.parametrize(
    ("environment", "known", "refused"),
    [
        ({}, 1, None),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, 1, "2 processes were started (OMPI_COMM_WORLD_SIZE)"),
        ({"PMI_SIZE": "4"}, 1, "4 processes were started (PMI_SIZE), and each knows of 1"),
        ({"SLURM_STEP_NUM_TASKS": "2"}, 1, "2 processes were started (SLURM_STEP_NUM_TASKS)"),
        ({"WORLD_SIZE": "2"}, 1, "2 processes were started (WORLD_SIZE)"),  # without LOCAL_RANK
        ({"OMPI_COMM_WORLD_SIZE": "2"}, 2, None),  # as accelerate understands it, on CPUs
        ({"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, 1, None),  # of an allocation
        ({"SLURM_STEP_NUM_TASKS": "2", "WORLD_SIZE": "1"}, 1, None),  # torchrun within
        (TORCHRUN, 2, None),
    ],
)
def test_processes_that_know_nothing_of_each_other_are_refused(
    monkeypatch, environment, known, refused
):
    for name in (*processes._STARTED, *TORCHRUN):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if refused is None:
        processes.check_launched(known)
        return
    with pytest.raises(ValueError, match=re.escape(refused)) as told:
        processes.check_launched(known)
    assert "torchrun --nproc-per-node N -m vilt_core" in str(told.value)
    assert "the only one after all, as in a shell of srun --pty, with torchrun and N = 1" in str(
        told.value
    )


def test_of_what_mpirun_started_nothing_is_written(monkeypatch, tiny_recipe, tiny_bundle, tmp_path):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="2 processes were started"):
        train(tiny_recipe, tmp_path / "run", bundle=tiny_bundle)
    assert not (tmp_path / "run").exists()


def test_a_run_of_two_processes_is_taken_up_by_one_and_the_other_way_round(alone, run):
    for first, then in (({"processes": 2, "sharded": True}, {}), ({}, {"processes": 2})):
        folder = run(steps=2, **first)
        state = torch.load(folder / "run.pt", weights_only=True)
        state |= {"stage": 0, "step": 2}  # of a run of four steps, in the middle
        torch.save(state, folder / "run.pt")
        run(folder=folder, **then)
        assert_same_curve(alone, folder)


def test_accelerate_launches_a_finetuning_on_data_of_ones_own(tmp_path):
    """The documented command, asked for two processes; a held-out picture is broken."""
    for at in range(4):
        Image.new("RGB", (64, 64), ("red", "blue")[at % 2]).save(tmp_path / f"{at}.png")
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:60])
    for split, places in (("train", range(3)), ("val", range(1, 4))):
        lines = [
            {"image": f"{at}.png", "question": "is it red?", "answer": ("yes", "no")[at % 2]}
            for at in places
        ]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    launch = "-m accelerate.commands.launch --cpu --num_processes 2 --num_machines 1 --module"
    launch += " --mixed_precision no --dynamo_backend no vilt_core finetune --data data --to run"
    launch += " --epochs 8 --batch-size 4 --accumulate 2 --device cpu"
    places = {"data": str(tmp_path), "run": str(tmp_path / "run")}
    words = [places.get(word, word) for word in launch.split()]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, *words], env=env, timeout=240, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr[-2000:]
    scores = json.loads((tmp_path / "run" / "finetuned.json").read_text())["scores"]
    assert (scores["examples"], scores["unreadable"]) == (2, 1)
    assert "3.png" in scores["named"][0]
    assert told.stdout.count("On 2 held-out examples") == 1  # of several processes one speaks
    one_alone = (
        "started one, as it does on CPUs without MPI: torchrun --nproc-per-node N" in told.stdout
    )
    summary = json.loads((tmp_path / "run" / "model" / "training.json").read_text())
    assert summary["processes"] == (1 if one_alone else 2)
    assert f"Processes: {summary['processes']}, " in told.stdout
    steps = curve(tmp_path / "run")
    assert [row["at"] for row in steps] == [1, 2, 3, 4, 5, 6]  # 8 epochs of 3, 4 a step
    assert steps[-1]["learning_rate"] < steps[0]["learning_rate"]  # at the end of the schedule
    assert load_folder(tmp_path / "run" / "model").answers == ("yes", "no")


@pytest.mark.parametrize(
    ("asked", "value", "ours"),
    [
        ("ACCELERATE_USE_FSDP", "true", "FSDP, .* --shard shards"),
        ("ACCELERATE_USE_DEEPSPEED", "true", "DeepSpeed, .* --shard shards"),
        ("ACCELERATE_USE_MEGATRON_LM", "true", "Megatron-LM, .* --shard shards"),
        ("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR", "torch dynamo, .* --compile compiles"),
        ("ACCELERATE_MIXED_PRECISION", "fp16", "fp16, .* --precision says which"),
    ],
)
def test_what_accelerate_would_do_besides_is_refused(monkeypatch, asked, value, ours):
    monkeypatch.setenv(asked, value)
    with pytest.raises(ValueError, match=f"the config of accelerate asks for {ours}"):
        Engine(Settings(device="cpu"))


@pytest.mark.parametrize("launched", ["no", "bf16"])
@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_the_precision_of_the_launcher_holds_where_none_is_named(monkeypatch, launched, precision):
    monkeypatch.setattr(engine, "has_bfloat16_units", lambda: False)
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "no")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "OFF")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", launched)
    half = launched == "bf16" and precision == "auto"
    with Engine(Settings(device="cpu", precision=precision)).autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if half else torch.float32)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_every_place_of_a_batch_is_read_once(parts):
    engine = Engine(Settings(device="cpu", accumulate=parts))
    places = [place for part in engine.own_parts(16) for place in part]
    assert sorted(places) == list(range(16))


def test_a_batch_that_does_not_divide_is_refused():
    engine = Engine(Settings(device="cpu", accumulate=3))
    with pytest.raises(ValueError, match="a batch of 16 must fall into 3 equal parts"):
        engine.own_parts(16)


def test_sharding_alone_is_refused():
    with pytest.raises(ValueError, match="sharding needs at least two processes, got one"):
        Engine(Settings(device="cpu", sharded=True))
