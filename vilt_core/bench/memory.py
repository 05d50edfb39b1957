"""What an answer takes of a machine's memory, each side in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_STATUS = Path("/proc/self/status")
_MEASURE = """
import json, sys, warnings
import torch
warnings.simplefilter("ignore")
torch.set_num_threads(1)

def resident(field):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))

folder, side, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
bare = resident("VmRSS")
import numpy as np
picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
{answer}
print(json.dumps(dict(after=resident("VmRSS") - bare, peak=resident("VmHWM") - bare)))
"""
_ANSWERS = {
    "ours": """
import vilt_core
model = vilt_core.load(folder)
model.answer(picture, text)
""",
    "transformers": """
from transformers import ViltForQuestionAnswering, ViltProcessor
processor = ViltProcessor.from_pretrained(folder)
model = ViltForQuestionAnswering.from_pretrained(folder)
with torch.inference_mode():
    model(**processor(picture, text, return_tensors="pt")).logits.argmax()
""",
}


def memory(folder: str, *, side: int, text: str) -> dict[str, Any]:
    """Resident memory of a process that opens a folder and answers, above the bare import of torch.

    Args:
        folder: Of a VQA model.
        side: Of the square picture, pixels.
        text: The question.

    Returns:
        {"ours": {"after", "peak"}, "transformers": the same}, in MiB; empty where the system does
        not tell (it is read from /proc).

    Raises:
        RuntimeError: A process failed.
    """
    if not _STATUS.is_file():
        return {}
    return {who: _measured(answer, folder, side, text) for who, answer in _ANSWERS.items()}


def _measured(answer: str, folder: str, side: int, text: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE.replace("{answer}", answer), folder, str(side), text],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the process whose memory was measured failed: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])
