import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def publish(monkeypatch, tmp_path):
    """``python benchmarks/published.py``, into a document of its own."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import published
    import report

    page = tmp_path / "benchmarks.md"
    monkeypatch.setattr(report, "DOCS", page)

    def run(*found):
        files = []
        for at, one in enumerate(found):
            files.append(tmp_path / f"{at}.json")
            files[-1].write_text(json.dumps(one))
        monkeypatch.setattr(sys, "argv", ["published.py", *map(str, files)])
        published.main()
        return page.read_text()

    yield run
    for name in ("published", "report"):
        sys.modules.pop(name, None)


def found(hardware, *, times_faster, bench="transport"):
    row = {
        "case": "1 pair",
        "ours_ms": 1.0,
        "peer": "another",
        "peer_ms": times_faster,
        "speedup": times_faster,
        "max_difference": 1e-9,
    }
    return {
        "command": f"python -m vilt_core bench {bench}",
        "bench": bench,
        "hardware": hardware,
        "software": "torch",
        "threads": 2,
        "company": "idle",
        "rows": [row],
        "notes": [],
    }


def test_every_machine_has_a_section_of_each_race(publish):
    page = publish(
        found("a CPU", times_faster=2.0),
        found("a GPU", times_faster=3.0),
        found("a CPU", times_faster=4.0, bench="training"),
    )
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Transport, beside the published algorithm, on a CPU",
        "## Transport, beside the published algorithm, on a GPU",
        "## A training step, beside transformers, on a CPU",
    ]
    assert "    python -m vilt_core bench training\n" in page


def test_a_section_is_replaced_and_others_stay(publish):
    publish(found("a CPU", times_faster=2.25), found("a GPU", times_faster=3.25))
    page = publish(found("a CPU", times_faster=7.75))
    assert "7.75" in page
    assert "3.25" in page
    assert "2.25" not in page
    assert page.count("## ") == 2
