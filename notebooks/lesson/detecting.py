"""A detector that never errs: the regions of scenes, from what the sticker world knows of them."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pad_sequence

from vilt_core.types import RegionBatch
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import Scene
from vilt_core.world.sprites import sprites

CUT = 16  # side of what is kept of a sticker, pixels: 256 numbers, as the small rivals read
_SIDE = 128  # of the pictures, pixels


def detect(places: Sequence[Scene], *, sure: float = 0.9) -> RegionBatch:
    """One region a sticker: its true box, its pixels in grey, and what it is.

    Args:
        places: The scenes.
        sure: How sure the detector is of the right class; the rest is shared among the others.
    """
    count = len(sprites())  # and the background, which is class 0
    features, boxes, classes = [], [], []
    for place in places:
        grey = Image.fromarray(paint(place, _SIDE).pixels).convert("L")
        own = np.array([thing.box for thing in place.objects], dtype=np.float32).clip(0, 1)
        cuts = [np.ravel(grey.resize((CUT, CUT), box=tuple(_SIDE * box))) for box in own]
        features.append(torch.tensor(np.array(cuts) / 255).float())
        boxes.append(torch.tensor(own))
        kinds = torch.tensor([thing.sprite.index + 1 for thing in place.objects])
        right = one_hot(kinds, num_classes=count + 1).float()
        classes.append(sure * right + (1 - sure) / count * (1 - right))
    padded = [pad_sequence(part, batch_first=True) for part in (features, boxes, classes)]
    real = pad_sequence([torch.ones(len(own), dtype=torch.bool) for own in boxes], batch_first=True)
    return RegionBatch(features=padded[0], boxes=padded[1], classes=padded[2], mask=real)
