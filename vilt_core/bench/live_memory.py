"""What a computation holds at most, counted tensor by tensor."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Living(TorchDispatchMode):
    """Keeps account of the storages that operators of this thread hand out."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._held: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_storage(leaf)[0] for leaf in tree_leaves((args, kwargs)) if _is_tensor(leaf)}
        result = func(*args, **(kwargs or {}))
        self._held = {key: one for key, one in self._held.items() if not one[0].expired()}
        for leaf in tree_leaves(result):
            if _is_tensor(leaf):
                key, held = _storage(leaf)
                if key not in given:  # else a view, or the same in place
                    self._held.setdefault(key, held)
        self.peak = max(self.peak, sum(size for _, size in self._held.values()))
        return result


def _is_tensor(leaf: Any) -> bool:
    return isinstance(leaf, Tensor)


def _storage(tensor: Tensor) -> tuple[int, tuple[StorageWeakRef, int]]:
    storage = tensor.untyped_storage()
    return storage._cdata, (StorageWeakRef(storage), storage.nbytes())


def peak_bytes(compute: Callable[[], object]) -> int:
    """The most bytes of new tensors alive at once while ``compute`` runs in this thread.

    What was there before does not count, so neither do a model's weights; nor does what an operator
    holds for itself while it works. The same every time, on every machine.
    """
    with _Living() as living:
        compute()
    return living.peak
