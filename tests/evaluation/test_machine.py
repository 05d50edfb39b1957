import os

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


@pytest.mark.parametrize(("load", "said"), [(0.0, "idle"), (99.0, "other work may have slowed")])
def test_company_tells_when_the_machine_was_busy(load, said, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    assert said in machine.company()
    assert f"{load:.2f}" in machine.company()


def test_versions_are_those_that_run():
    assert torch.__version__ in machine.versions()
