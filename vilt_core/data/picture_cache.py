"""Pictures as a model sees them, kept while there is room: many questions about one decode it once.

What is kept is what was made, to the bit. So it changes no row, whoever keeps how much of it.
"""

import os
from collections import OrderedDict
from functools import cached_property

from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import get_worker_info

from vilt_core.data.examples import StoredImage
from vilt_core.data.free_memory import free_memory
from vilt_core.data.image import Processing, to_levels

MOST = 512 * 2**20  # bytes that a process keeps, where the machine has many more
SHARE = 1 / 8  # of the memory that is free, for all processes that load data together


class PictureCache:
    """Resized pictures by their source; the least recently used goes first. Of one thread.

    Args:
        processing: the size at which all of them are read.
        most: bytes kept; as ``room`` has it otherwise, and none with 0.
    """

    def __init__(self, processing: Processing, *, most: int | None = None):
        self._processing = processing
        self._given = most
        self._kept: OrderedDict[StoredImage, Tensor] = OrderedDict()
        self._held = 0  # bytes

    def levels(self, image: StoredImage) -> UInt8[Tensor, "3 height width"]:
        """``to_levels`` of a picture, to be read and never written to.

        Raises:
            ValueError: missing or damaged, however often it is asked for.
            OSError: a shard is gone.
        """
        found = self._kept.get(image)
        if found is None:
            to = self._processing
            found = to_levels(image.open(), size=to.size, patch_size=to.patch_size, crop=to.crop)
            self._keep(image, found)
        else:
            self._kept.move_to_end(image)
        return found

    @cached_property
    def most(self) -> int:
        """Bytes kept at most: known in the process that decodes, which may be a worker."""
        return room() if self._given is None else self._given

    def _keep(self, image: StoredImage, levels: Tensor) -> None:
        if levels.nbytes > self.most:  # would drive out all others, and not fit
            return
        self._kept[image] = levels
        self._held += levels.nbytes
        while self._held > self.most:
            _, oldest = self._kept.popitem(last=False)
            self._held -= oldest.nbytes


def room() -> int:
    """Bytes that this process may keep: ``MOST``, or its part of ``SHARE`` of what is free."""
    worker = get_worker_info()
    loading = 1 if worker is None else worker.num_workers
    loading *= int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes that train on this machine
    return min(MOST, int(SHARE * free_memory()) // loading)
