"""X-LXMERT's visual vocabulary: the features of many cells, clustered before training begins."""

import zlib

import torch

from vilt_core.data.image import normalise
from vilt_core.layers.codebook import k_means
from vilt_core.models.xlxmert import Xlxmert
from vilt_core.types import ImageBatch
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

SCENES = 640  # whose cells are clustered
_AT_ONCE = 64


@torch.no_grad()
def name_cells(model: Xlxmert, *, seed: int) -> None:
    """Fit the codebook to what the detector makes of scenes that no other training sees, in place.

    Cho et al., EMNLP 2020, section 4.1: k-means, 20 iterations.
    """
    first = zlib.crc32(b"codebook") << 24
    features = []
    for start in range(first, first + SCENES, _AT_ONCE):
        scenes = [scene(seed, at, split="train") for at in range(start, start + _AT_ONCE)]
        pixels = [normalise(paint(one, model.config.image_size).pixels) for one in scenes]
        features.append(model.look(ImageBatch(pixels=torch.stack(pixels))).features.flatten(0, 1))
    centroids = k_means(
        torch.cat(features),
        size=model.config.clusters,
        generator=torch.Generator().manual_seed(seed),
    )
    model.image_codebook.centroids.copy_(centroids)
