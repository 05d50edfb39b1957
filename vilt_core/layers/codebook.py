"""Features become words of a visual vocabulary: the centroids of X-LXMERT (section 4.1).

Cho et al., EMNLP 2020, who cluster the features of grid cells so that a hidden one can be named.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

ROWS = 4096  # features whose distances to every centroid are held at a time


class Codebook(nn.Module):
    """Centroids, and the nearest one of each feature.

    No gradient moves them: they are drawn like any table until ``k_means`` has found better ones.
    """

    def __init__(self, size: int, width: int):
        super().__init__()
        self.centroids = nn.Parameter(torch.zeros(size, width), requires_grad=False)

    def forward(self, features: Float[Tensor, "*b features"]) -> Float[Tensor, "*b features"]:
        """The nearest centroid in place of each feature."""
        return self.look_up(self.nearest(features))

    def nearest(self, features: Float[Tensor, "*b features"]) -> Int[Tensor, "*b"]:
        """Which centroid is the nearest; of several as near, the first."""
        found, _ = nearest_centroids(features.flatten(0, -2), self.centroids)
        return found.unflatten(0, features.shape[:-1])

    def look_up(self, indices: Int[Tensor, "*b"]) -> Float[Tensor, "*b features"]:
        """The centroids of these numbers."""
        return self.centroids[indices]


def nearest_centroids(
    features: Float[Tensor, "m features"],
    centroids: Float[Tensor, "k features"],
    *,
    rows: int = ROWS,
) -> tuple[Int[Tensor, " m"], Float[Tensor, " m"]]:
    """Of each feature the nearest centroid, and the square of how far it is, in float32.

    Args:
        features: Vectors.
        centroids: At least one.
        rows: How many features are worked on at a time.
    """
    with torch.autocast(features.device.type, enabled=False):
        features, centroids = features.detach().float(), centroids.detach().float()
        squares = centroids.square().sum(dim=-1)
        nearest, distances = [], []
        for part in features.split(rows):
            # What is left out, the square of the feature, is the same for all centroids.
            least = (squares - 2 * part @ centroids.mT).min(dim=-1)
            nearest.append(least.indices)
            distances.append((least.values + part.square().sum(dim=-1)).clamp(min=0))
        return torch.cat(nearest), torch.cat(distances)


def k_means(
    features: Float[Tensor, "m features"],
    *,
    size: int,
    iterations: int = 20,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "size features"]:
    """Centroids by Lloyd's iterations: every one becomes the mean of what is nearest to it.

    It starts from features by chance. A centroid that nothing is nearest to moves to the feature
    that is farthest from its own.

    Args:
        features: Vectors, at least ``size``.
        size: How many centroids.
        iterations: 20 in the paper.
        generator: The source of chance.

    Raises:
        ValueError: Fewer features than centroids.
    """
    if not 0 < size <= len(features):
        raise ValueError(f"size must be 1 to the {len(features)} features, got {size}")
    source = generator.device if generator is not None else features.device
    first = torch.randperm(len(features), generator=generator, device=source)[:size]
    centroids = features[first.to(features.device)].detach().float()
    for _ in range(iterations):
        owners, distances = nearest_centroids(features, centroids)
        sums = torch.zeros_like(centroids).index_add_(0, owners, features.detach().float())
        counts = owners.bincount(minlength=size)
        idle = (counts == 0).nonzero().flatten()
        centroids = sums / counts.clamp(min=1)[:, None]
        centroids[idle] = features[distances.topk(len(idle)).indices].float()
    return centroids
