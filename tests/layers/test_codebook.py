"""Laws of the codebook, and of the k-means that fits it: a closed form, a reference, a descent."""

from itertools import permutations

import pytest
import torch

from vilt_core.layers.codebook import Codebook, k_means, nearest_centroids
from vilt_core.layers.init import initialise


def points(count: int = 60, width: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spread(features: torch.Tensor, centroids: torch.Tensor) -> float:
    return float(torch.cdist(features, centroids).min(dim=1).values.square().sum())


def test_nearest_is_nearest():
    codebook = Codebook(11, 3)
    codebook.centroids.copy_(points(11, seed=1))
    features = points().unflatten(0, (5, 12))
    expected = torch.cdist(features.flatten(0, 1), codebook.centroids).argmin(dim=1)
    assert torch.equal(codebook.nearest(features).flatten(), expected)
    assert torch.equal(codebook(features), codebook.centroids[expected].unflatten(0, (5, 12)))


def test_distances_are_squares_however_many_are_held_at_a_time():
    features, centroids = points(), points(7, seed=1)
    found, distances = nearest_centroids(features, centroids, rows=7)
    torch.testing.assert_close(
        distances, torch.cdist(features, centroids).min(dim=1).values.square()
    )
    assert torch.equal(found, nearest_centroids(features, centroids)[0])


def test_a_centroid_is_its_own():
    codebook = Codebook(9, 4)
    initialise(codebook)
    assert torch.equal(codebook.nearest(codebook.centroids), torch.arange(9))
    assert torch.equal(codebook(codebook.centroids), codebook.centroids)
    assert not codebook(codebook.centroids).requires_grad


@pytest.mark.parametrize("order", list(permutations([0.0, 1.0, 10.0, 11.0]))[::5])
def test_two_pairs_have_two_means_wherever_it_starts(order):
    features = torch.tensor(order)[:, None]
    for seed in range(4):
        found = k_means(features, size=2, generator=seeded(seed))
        assert sorted(found.flatten().tolist()) == [0.5, 10.5]


def test_one_centroid_is_the_mean_and_as_many_as_features_are_the_features():
    features = points(8)
    torch.testing.assert_close(k_means(features, size=1)[0], features.mean(dim=0))
    every = k_means(features, size=8, generator=seeded())
    assert spread(features, every) == pytest.approx(0, abs=1e-6)


def test_it_is_scipys():
    vq = pytest.importorskip("scipy.cluster.vq")
    features = points()
    start = features[torch.randperm(60, generator=seeded())[:5]]
    expected, _ = vq.kmeans2(
        features.double().numpy(), start.double().numpy(), iter=4, minit="matrix"
    )
    found = k_means(features, size=5, iterations=4, generator=seeded())
    torch.testing.assert_close(found, torch.from_numpy(expected).float())


def test_every_iteration_brings_it_nearer():
    features = points()
    spreads = [
        spread(features, k_means(features, size=6, iterations=count, generator=seeded()))
        for count in range(8)
    ]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < spreads[0]


def test_no_centroid_idles():
    """Of 40 equal features and 2 others, any three centroids find all three places."""
    features = torch.cat([torch.zeros(40, 2), torch.tensor([[1.0, 0.0], [0.0, 1.0]])])
    for seed in range(5):
        found = k_means(features, size=3, generator=seeded(seed))
        assert spread(features, found) == 0


def test_the_same_generator_gives_the_same_centroids():
    one, other = (k_means(points(), size=4, generator=seeded(3)) for _ in range(2))
    assert torch.equal(one, other)


def test_too_few_features():
    with pytest.raises(ValueError, match="size must be 1 to the 60 features, got 61"):
        k_means(points(), size=61)
