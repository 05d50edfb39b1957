from pathlib import Path

import numpy as np
import pytest
import torch

from vilt_core.bench import peers
from vilt_core.bench.peers import need, original_ipot

GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden" / "ipot_reference.npz"


@pytest.mark.parametrize("tag", ["train_default", "demo_heatmap"])
def test_the_published_algorithm_gives_the_published_plans(tag):
    if not GOLDEN.is_file():
        pytest.skip("the stored plans of the reference are not beside this checkout")
    with np.load(GOLDEN) as stored:
        cost, plan, xpad, ypad, par = (
            torch.from_numpy(stored[f"{tag}/{name}"])
            for name in ("cost", "T", "xpad", "ypad", "par")
        )
    beta, iterations, inner_steps = par.tolist()
    assert inner_steps == 1
    found = original_ipot(cost, ~xpad, ~ypad, beta=beta, iterations=int(iterations))
    torch.testing.assert_close(found, plan.mT, atol=1e-7, rtol=1e-5)


def test_without_masks_every_token_is_real():
    cost = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(0))
    everything = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, 5, dtype=torch.bool)
    found = original_ipot(cost, beta=0.5, iterations=20)
    assert torch.equal(found, original_ipot(cost, *everything, beta=0.5, iterations=20))
    torch.testing.assert_close(found.sum(dim=2), torch.full((2, 3), 1 / 3))


def test_a_peer_that_is_not_installed_is_one_sentence(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda module: None)
    with pytest.raises(ValueError, match=r"transformers, which is not installed: pip install"):
        need("transformers")
