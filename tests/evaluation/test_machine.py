import os
import subprocess
import sys
import time

import pytest
import torch

from vilt_core.evaluation import machine


def test_hardware_names_the_processor(tmp_path, monkeypatch):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n")
    monkeypatch.setattr(machine, "_CPUINFO", info)
    monkeypatch.setattr(machine, "has_bfloat16_units", lambda: False)
    capability = torch.backends.cpu.get_cpu_capability()
    expected = f"{os.cpu_count()} CPU cores (Some CPU @ 2 GHz, {capability}, no bfloat16 units)"
    assert machine.hardware() == expected
    assert machine.hardware(torch.device("cpu")) == machine.hardware()
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "none")
    assert machine.hardware().startswith(f"{os.cpu_count()} CPU cores (")


def test_hardware_names_the_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Something")
    assert machine.hardware(torch.device("cuda")) == "one NVIDIA Something"


@pytest.mark.parametrize(
    ("others", "told"),
    [
        (0.1, "other work took 1% of the processors meanwhile"),
        (5.0, "other work took 50% of the processors meanwhile, which may have slowed this down"),
        (99.0, "other work took 100% of the processors meanwhile, which may have slowed this down"),
    ],
)
def test_company_tells_what_others_took_and_leaves_out_ours(others, told, monkeypatch):
    spent = [
        machine._Spent(machine=100.0, ours=3.0),
        machine._Spent(machine=100.0 + 4.0 + others, ours=7.0),
    ]
    clock = [10.0, 15.0]  # two processors for five seconds
    monkeypatch.setattr(machine, "_spent", lambda: spent.pop(0))
    monkeypatch.setattr(machine.time, "monotonic", lambda: clock.pop(0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert machine.Company().told() == told


def test_work_of_ours_and_of_what_we_start_is_ours():
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    before = machine._spent()
    begun = time.process_time()
    while time.process_time() - begun < 0.5:
        pass
    subprocess.run([sys.executable, "-c", burn], check=True)
    after = machine._spent()
    assert after.ours - before.ours >= 0.9
    assert after.machine - before.machine >= 0.9


def test_versions_are_those_that_run():
    assert torch.__version__ in machine.versions()
