"""Publish races: from the JSON that ``bench`` wrote, on this machine or another, to their tables.

python -m vilt_core bench inference --json FILE
python benchmarks/published.py FILE...
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from report import write_section

from vilt_core.bench import markdown

_TITLES = {
    "inference": "Answering, beside transformers",
    "transport": "Transport, beside the published algorithm",
    "training": "A training step, beside transformers",
    "scoring": "Retrieval, beside transformers",
    "throughput": "Training, and whether data keep up",
}


def main() -> None:
    """Write each file's section into docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    for file in parser.parse_args().files:
        found = json.loads(file.read_text(encoding="utf-8"))
        name = f"{_TITLES[found['bench']]}, on {found['hardware']}"
        write_section(name, found["command"], markdown(found))
        print(name)


if __name__ == "__main__":
    main()
