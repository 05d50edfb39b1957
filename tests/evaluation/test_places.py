"""Laws of the reader of places: what is there it finds, and what is not it does not invent."""

import copy
from dataclasses import replace

import pytest
import torch

from vilt_core.evaluation import evaluate, place_readability, places
from vilt_core.evaluation.places import explained


def test_what_is_a_linear_map_is_read_in_full_and_noise_not_at_all():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(400, 8, generator=generator, dtype=torch.float64)
    told = states @ torch.randn(8, 1, generator=generator, dtype=torch.float64) + 3
    noise = torch.randn(400, 1, generator=generator, dtype=torch.float64)
    found = explained(states, torch.cat([told, noise], dim=1), fitted=torch.arange(400) < 300)
    assert found[0] > 0.99
    assert found[1] < 0.05


def test_half_of_the_variance_is_half():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(20_000, 3, generator=generator, dtype=torch.float64)
    hidden = torch.randn(20_000, 1, generator=generator, dtype=torch.float64)
    found = explained(states, states[:, :1] + hidden, fitted=torch.arange(20_000) < 10_000)
    assert float(found) == pytest.approx(0.5, abs=0.03)


def placed(bundle, *, size: float):
    """A model whose table of positions is so large."""
    model = copy.deepcopy(bundle.model)
    with torch.no_grad():
        table = model.patch_embedding.positions.table
        table *= size / table.square().mean().sqrt()
    return replace(bundle, model=model)


def test_large_positions_are_read_and_none_are_not(bundle):
    without, with_them = (
        place_readability(placed(bundle, size=size), limit=32) for size in (0.0, 3.0)
    )
    depth = bundle.model.config.depth
    for found in (without, with_them):
        assert len(found["rows"]) == len(found["columns"]) == depth + 1
        assert found["examples"] == 32
    assert min(with_them["rows"][0], with_them["columns"][0]) > 0.9
    assert max(without["rows"][0], without["columns"][0]) < 0.3


def test_batches_change_nothing_and_the_task_has_its_name(bundle):
    one, other = (evaluate(bundle, task="places", limit=12, batch_size=size) for size in (5, 12))
    assert one["task"] == "places"
    for axis in ("rows", "columns"):
        assert one[axis] == pytest.approx(other[axis], abs=1e-4)


def test_too_few_pictures_are_refused(bundle):
    with pytest.raises(ValueError, match="at least 4 pictures with captions, got 2"):
        place_readability(bundle, limit=2)


def test_every_picture_is_read_once(bundle, monkeypatch):
    """What the reader learned from is not what it is scored on."""
    read = []
    batches = places.read_batches

    def watched(bundle, pictures, texts, **settings):
        read.extend(pictures)
        return batches(bundle, pictures, texts, **settings)

    monkeypatch.setattr(places, "read_batches", watched)
    assert place_readability(bundle, limit=10)["examples"] == len(set(read)) == len(read) == 10
