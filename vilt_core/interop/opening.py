"""Whatever a person may name as a model is looked at and opened."""

import os
from pathlib import Path

from vilt_core.interop.address import is_repo_name
from vilt_core.interop.bundle import Bundle, Progress
from vilt_core.interop.folders import is_file, is_folder, read_object
from vilt_core.interop.huggingface import load_huggingface
from vilt_core.interop.lab import load_folder
from vilt_core.interop.original import load_original

_PICKLES = {".ckpt", ".pt", ".pth", ".bin"}


def open_bundle(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Open a model of any kind that is known here.

    Args:
        source: A folder of this lab or of transformers, a .ckpt file of the original code, or a
            name on the Hugging Face Hub; a folder or file of that name comes first.
        revision: Of the hub: a branch, a tag or a commit.
        progress: Told of the bytes that are there and of all bytes while they come from the hub.

    Raises:
        ValueError: One sentence: it is none of these, or damaged, or not computed here.
    """
    path = Path(source)
    if is_folder(path):
        return load_huggingface(path) if _is_of_transformers(path) else load_folder(path)
    if is_file(path):
        return _open_file(path)
    if is_repo_name(os.fspath(source)):
        return load_huggingface(source, revision=revision, progress=progress)
    raise ValueError(
        "expected a folder of this lab or of transformers, a .ckpt file or a name on the "
        f"Hugging Face Hub, got {os.fspath(source)!r:.200}"
    )


def _is_of_transformers(folder: Path) -> bool:
    """Whose a folder is; where that cannot be told, it is taken for one of ours, which says so."""
    path = folder / "config.json"
    return path.is_file() and "model_type" in read_object(path)


def _open_file(path: Path) -> Bundle:
    """A checkpoint of the original code; a file of a folder stands for the folder."""
    if (path.parent / "config.json").is_file() and path.suffix in (".json", ".safetensors", ".bin"):
        return open_bundle(path.parent)
    if path.suffix not in _PICKLES:
        raise ValueError(
            f"expected a checkpoint file ({', '.join(sorted(_PICKLES))}), got {os.fspath(path)!r}"
        )
    return load_original(path)
