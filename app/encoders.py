"""The dual encoders that choose for ViLT: one a world, loaded once, and brought from afar once.

vse-mini ships and knows stickers: of the models that make one vector of a picture it finds most
(docs/comparison.md). VILT_LAB_ENCODER names the user's own: a folder, or a CLIP of the
Hugging Face Hub, which knows photographs.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.library import Progress, Shelf
from app.models import Checkpoint

if TYPE_CHECKING:
    from vilt_core.search.encoder import DualEncoder

SHIPPED = Path(__file__).resolve().parents[1] / "assets" / "models" / "vse-mini"
WORLDS = ("stickers", "photographs")
NONE = (
    "No dual encoder is shipped, so ViLT reads each picture of a small gallery itself: to search "
    "thousands, train a CLIP and name its folder in VILT_LAB_ENCODER."
)
BRING = "name a CLIP in VILT_LAB_ENCODER, such as openai/clip-vit-base-patch32"
_LOOK = 0.1  # seconds between two looks at a download


def source(world: str) -> str | None:
    """Where the dual encoder of a world is: the user's own, or the shipped one; None where none is.

    Where nobody can tell what the user's own knows, it is that of every world: whoever asks it
    first hears what is wrong with it.
    """
    own = os.environ.get("VILT_LAB_ENCODER")
    if own and _world(own) in (world, None):
        return own
    shipped = world == "stickers" and (SHIPPED / "config.json").is_file()
    return str(SHIPPED) if shipped else None


def there() -> bool:
    """Whether there is one of any world."""
    return any(source(world) is not None for world in WORLDS)


def here(world: str) -> bool:
    """Whether there is one of a world that need not be fetched from afar."""
    found = source(world)
    if found is None:
        return False
    state = _SHELF.state(Checkpoint(source=found, name=found))
    return Path(found).exists() or state.kind == "ready"


def encoder(world: str) -> "DualEncoder | None":
    """The dual encoder of a world, loaded now where it is not in memory; None where there is none.

    Raises:
        ValueError: One sentence on what is wrong with it.
    """
    found = source(world)
    return None if found is None else _SHELF.get(Checkpoint(source=found, name=found))


def bring(world: str) -> Iterator[tuple[str, int]]:
    """What is fetched from afar and how many percent are there, again and again until it is here.

    Whoever listens no longer lets the download stop at its next piece, unless others wait for it.

    Raises:
        ValueError: One sentence on why it cannot be had.
    """
    found = source(world)
    if found is None or Path(found).exists():
        return
    checkpoint, visitor = Checkpoint(source=found, name=found), object()
    _SHELF.want(checkpoint, visitor)
    try:
        while (state := _SHELF.state(checkpoint)).kind in ("waiting", "loading"):
            yield found, state.percent or 0
            time.sleep(_LOOK)
    finally:
        _SHELF.leave(checkpoint, visitor)
    if state.kind == "failed":
        raise ValueError(state.sentence)


def _world(own: str) -> str | None:
    """What a dual encoder knows, told before it is opened; None where that cannot be told."""
    from vilt_core.interop.address import is_repo_name
    from vilt_core.interop.folders import is_folder, read_object

    if not is_folder(own):
        return "photographs" if is_repo_name(own) else None
    with suppress(ValueError):
        described = read_object(Path(own) / "config.json")
        return "photographs" if "model_type" in described else described.get("domain")
    return None


def _open(checkpoint: Checkpoint, progress: Progress) -> "DualEncoder":
    from vilt_core.interop.opening import open_bundle
    from vilt_core.search.encoder import DualEncoder

    return DualEncoder(open_bundle(checkpoint.source, progress=progress))


_SHELF = Shelf(_open)
