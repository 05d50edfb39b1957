"""What docs/your-data.md says is so: its drawing writes what its command reads."""

import re
from pathlib import Path

from vilt_core.data.folders import open_data
from vilt_core.interop.folders import SHIPPED
from vilt_core.interop.lab import load_folder
from vilt_core.training.adapt import adapt, own_answers
from vilt_core.training.finetuning import fitting_size, own_data, told_of, told_of_held_out
from vilt_core.training.picture_sizes import sampled_sizes

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "your-data.md").read_text(encoding="utf-8")


def test_its_drawing_writes_what_its_command_reads(tmp_path, monkeypatch):
    [code] = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "draw.py", "exec"), {})
    found = open_data(tmp_path / "cloth", split="train")
    assert len(found.examples) == 3 * 300
    held_out = open_data(tmp_path / "cloth", split="val")
    assert len(held_out.examples) == 3 * 100
    assert all(f"`--{option}`" in TEXT for option in ("epochs", "image-size", "min-count"))
    new = [answer for answer in own_answers(found) if answer not in ("yes", "no")]
    assert f"Answers that are new: {len(new)} ({', '.join(new)})." in TEXT
    assert found.examples[0].image.open().size == (64, 64)
    shipped = load_folder(SHIPPED / "vilt-mini")
    size = fitting_size(shipped, sampled_sizes(found))
    adapted = adapt(shipped, task="vqa", data=found, image_size=size)
    recipe = own_data(found, task="vqa", epochs=12.0)
    account = (*adapted.account, told_of(recipe, found), told_of_held_out(held_out, found))
    said = " ".join(TEXT.split())
    assert all(line in said for line in account), account
