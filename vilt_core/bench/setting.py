"""What is raced, where, and for how long."""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large a model is, and what it reads. The sizes of ViLT-B/32, unless told otherwise."""

    name: str
    width: int = 768
    depth: int = 12
    heads: int = 12
    side: int = 384  # of its square pictures, pixels
    longer: int = 608  # side of the others
    patch_size: int = 32
    vocab_size: int = 30522
    text_tokens: int = 40
    answers: int = 3129


PUBLISHED = Scale(name="ViLT-B/32")
TINY = Scale(
    name="a tiny ViLT",
    width=64,
    depth=2,
    heads=4,
    side=64,
    longer=96,
    patch_size=16,
    vocab_size=300,
    answers=7,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How to race."""

    device: torch.device
    seconds: float = 10.0  # for each case, beyond the rounds that are run anyway
    limit: int = 1000  # pictures, and texts, that are scored
    rehearsal: bool = False  # with a tiny model: its times mean nothing

    def __post_init__(self):
        if not self.seconds >= 0:
            raise ValueError(f"seconds must be at least 0, got {self.seconds}")
        if self.limit < 1:
            raise ValueError(f"limit must be at least 1, got {self.limit}")

    @property
    def scale(self) -> Scale:
        """Of the models."""
        return TINY if self.rehearsal else PUBLISHED

    @property
    def on_gpu(self) -> bool:
        """Whether times are the GPU's."""
        return self.device.type == "cuda"


def setting_of(device: str = "auto", **settings: Any) -> Setting:
    """On the device of a name: "cpu", "cuda" or "auto", which is the GPU where there is one.

    Raises:
        ValueError: No such device.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device must be one that is there, got 'cuda' and found no GPU")
    where = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    return Setting(device=torch.device(where), **settings)
