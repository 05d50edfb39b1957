"""What ``torch.save`` wrote, read as data: nothing in a file is ever run, and nothing is imported.

PyTorch's own reader (``weights_only``) makes tensors, numbers, texts and containers, and refuses
all else. A checkpoint of Lightning holds all else too: settings of sacred, numbers of numpy, whole
callbacks. In their places it is given stand-ins that do nothing but hold what is put into them.
"""

import pickle
import threading
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from vilt_core.interop.folders import is_file

State = dict[str, Tensor]

# What PyTorch raises on files that are not whole.
_DAMAGED = (
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_HEADER = 3  # pickles before that of the object, in a file of PyTorch 1.5 and before
_ONE_AT_A_TIME = threading.Lock()  # PyTorch has one list of stand-ins for all threads


def read_pickle(path: Path) -> State:
    """The tensors of a file of ``torch.save``.

    Raises:
        ValueError: Missing, damaged, cut short, or something else than a dictionary of tensors.
    """
    content = load_pickle(path)
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise ValueError(f"{path} must hold tensors by their names, got something else")
    return dict(content)


def load_pickle(path: Path, *, mapped: bool = False, stand_ins: bool = False) -> object:
    """What ``torch.save`` wrote, as far as it is data.

    Args:
        path: The file.
        mapped: Read a tensor only when its values are asked for. For files that hold much else,
            which must not be overwritten before what is wanted has been copied.
        stand_ins: Put something empty in the place of an object that is no data, and go on.

    Raises:
        ValueError: Missing, damaged, cut short, or code that would have to be run.
    """
    if not is_file(path):
        raise ValueError(f"expected weights at {path!s:.200}, found none")
    archive = zipfile.is_zipfile(path)  # files of PyTorch 1.5 and before are none
    found = _stand_ins(path, archive=archive) if stand_ins else []
    try:
        with _ONE_AT_A_TIME, torch.serialization.safe_globals(found):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and archive)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is damaged, or holds more than tensors and plain values, which is never run"
        ) from error
    except _DAMAGED as error:
        raise ValueError(f"{path} is damaged or truncated: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _stand_ins(path: Path, *, archive: bool) -> list[Any]:
    """One for every class and function that a file names; PyTorch prefers those that it knows.

    Its reader puts entries into plain lists and dictionaries alone. Whether a class is one of them
    its name does not tell, but what the file does with it: hence a rehearsal, all of stand-ins.
    """
    kinds: dict[str, Callable[[], object]] = {}
    try:
        if archive:
            with zipfile.ZipFile(path) as entries:
                [name] = [name for name in entries.namelist() if name.endswith("/data.pkl")]
                with entries.open(name) as file:
                    _Rehearsal(file, kinds).load()
        else:
            with path.open("rb") as file:
                for _ in range(_HEADER + 1):
                    _Rehearsal(file, kinds).load()
    except (pickle.UnpicklingError, zipfile.BadZipFile, MemoryError, *_DAMAGED):
        return []  # PyTorch's reader will say what is wrong
    return [_Nothing, *((_stand_in(kind), name) for name, kind in kinds.items())]


class _Nothing:
    """An object that takes whatever state it is given."""

    def __setstate__(self, state: object) -> None:
        """Do nothing with it."""


def _stand_in(kind: Callable[[], object]) -> type:
    """A class whose instances are of one kind, or the container that one is made from."""

    class StandIn:
        def __new__(cls, *given: object, **_: object):
            if len(given) == 1 and type(given[0]) in (dict, list, OrderedDict):
                return given[0]  # as sacred's containers are made
            return kind()

    return StandIn


class _Rehearsal(pickle.Unpickler):
    """Reads a pickle in which every name stands for nothing, and notes what is a container."""

    def __init__(self, file: BinaryIO | Any, kinds: dict[str, Callable[[], object]]):
        super().__init__(file, encoding="latin1")
        self._kinds = kinds

    def find_class(self, module: str, name: str) -> type:
        # Files have the names of Python 2.
        default = IMPORT_MAPPING.get(module, module), name
        module, name = NAME_MAPPING.get((module, name), default)
        full_name, kinds = f"{module}.{name}", self._kinds
        kinds.setdefault(full_name, _Nothing)

        class Noting(_Nothing):
            def __new__(cls, *_: object, **__: object):
                return object.__new__(cls)

            def __call__(self, *_: object, **__: object) -> _Nothing:
                return _Nothing()

            def append(self, _: object) -> None:
                kinds[full_name] = list

            def extend(self, _: object) -> None:
                kinds[full_name] = list

            def __setitem__(self, *_: object) -> None:
                kinds[full_name] = OrderedDict

        return Noting

    def persistent_load(self, pid: object) -> _Nothing:  # noqa: ARG002 - a tensor's numbers
        return _Nothing()
