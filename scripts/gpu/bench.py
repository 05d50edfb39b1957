"""Run every race on one GPU: one command, ready at any time.

    python scripts/gpu/bench.py OUT [--rehearsal --device cpu]

Needs torch, transformers and what ``vilt_core`` imports, no network. OUT gets one JSON file a race;
``python benchmarks/published.py OUT/*.json`` turns them into docs/benchmarks.md. A race that fails
is told of at the end and stops no other. ``--rehearsal --device cpu`` runs all with a tiny model.
"""

import argparse
import json
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vilt_core.bench import BENCHES, bench, markdown


def main() -> None:
    """Race, tell and write; exit 1 where a race failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", choices=sorted(BENCHES), nargs="+", default=list(BENCHES))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--rehearsal", action="store_true")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in chosen.only:
        print(f"\n# {name}\n", flush=True)
        try:
            found = bench(
                name,
                device=chosen.device,
                seconds=chosen.seconds,
                limit=chosen.limit,
                rehearsal=chosen.rehearsal,
            )
        except Exception:  # noqa: BLE001 - time on a GPU is dear: the others go on
            traceback.print_exc()
            failed.append(name)
            continue
        print(markdown(found), flush=True)
        command = f"python -m vilt_core bench {name} --device {chosen.device}"
        text = json.dumps({"command": command, **found}, indent=1)
        (chosen.out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
