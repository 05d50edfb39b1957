"""Laws of free memory: the tightest limit that holds for a process counts, of either version."""

from pathlib import Path

import psutil
import pytest

from vilt_core.data import free_memory as module
from vilt_core.data.free_memory import free_memory, left_in

GB = 2**30
UNLIMITED = 2**63 - 4096  # as version 1 writes it


def second(group: Path, *, limit: int | str, taken: int, files: int = 0) -> None:
    """A group of version 2."""
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text(f"{taken}\n")
    (group / "memory.stat").write_text(f"anon {taken - files}\ninactive_file {files}\n")


def first(group: Path, *, limit: int, taken: int, files: int = 0) -> None:
    """A group of version 1."""
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (group / "memory.usage_in_bytes").write_text(f"{taken}\n")
    (group / "memory.stat").write_text(f"inactive_file 0\ntotal_inactive_file {files}\n")


def test_no_group_is_no_limit(tmp_path):
    assert left_in(tmp_path, []) == []
    assert left_in(tmp_path / "nowhere", ["0::/a", "4:memory:/a"]) == []


def test_the_limit_of_a_container_is_at_the_root(tmp_path):
    second(tmp_path, limit=4 * GB, taken=GB)
    assert left_in(tmp_path, ["0::/"]) == [3 * GB]


def test_groups_around_a_group_hold_for_it_as_well_and_max_is_none(tmp_path):
    second(tmp_path / "slurm" / "job_7", limit=8 * GB, taken=6 * GB)
    second(tmp_path / "slurm" / "job_7" / "step_0", limit="max", taken=5 * GB)
    assert left_in(tmp_path, ["0::/slurm/job_7/step_0"]) == [2 * GB]
    second(tmp_path / "slurm" / "job_7" / "step_0", limit=6 * GB, taken=5 * GB)
    assert sorted(left_in(tmp_path, ["0::/slurm/job_7/step_0"])) == [GB, 2 * GB]


def test_the_first_version_counts_whatever_the_container_calls_its_group(tmp_path):
    first(tmp_path / "memory", limit=4 * GB, taken=GB)
    told = ["9:name=systemd:/docker/a:b", "8:cpu,cpuacct:/docker/ab", "4:memory:/docker/ab", "0::/"]
    assert left_in(tmp_path, told) == [3 * GB]


@pytest.mark.parametrize(("write", "told"), [(second, "0::/a"), (first, "4:memory:/a")])
def test_files_that_were_read_give_way(tmp_path, write, told):
    group = tmp_path / ("a" if write is second else "memory/a")
    write(group, limit=4 * GB, taken=4 * GB, files=3 * GB)
    assert left_in(tmp_path, [told]) == [3 * GB]
    write(group, limit=4 * GB, taken=5 * GB)
    assert left_in(tmp_path, [told]) == [0]


@pytest.mark.parametrize(("limit", "free"), [(2 * GB, GB), (UNLIMITED, 7 * GB)])
def test_what_the_machine_has_free_is_no_more_than_the_limit_leaves(
    tmp_path, monkeypatch, limit, free
):
    class Machine:
        available = 7 * GB

    monkeypatch.setattr(psutil, "virtual_memory", Machine)
    first(tmp_path / "memory", limit=limit, taken=GB)
    (tmp_path / "told").write_text("4:memory:/a\n0::/\n")
    monkeypatch.setattr(module, "_TOLD", tmp_path / "told")
    monkeypatch.setattr(module, "_GROUPS", tmp_path)
    assert free_memory() == free
    (tmp_path / "told").unlink()
    assert free_memory() == 7 * GB  # no control groups
