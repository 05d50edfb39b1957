"""The laws that every solver keeps, IPOT and Sinkhorn alike."""

import sys
from functools import partial

import jaxtyping
import pytest
import torch
from torch.testing import assert_close

from vilt_core.transport import cosine_cost, ipot, marginal_error, sinkhorn

B, L, N = 3, 7, 12


def ipot_by_torch(*arguments, **settings):
    """As it is where no faster road is open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["vilt_core.transport.ipot"], "_fast_road", lambda device: None)
        return ipot(*arguments, **settings)


SOLVERS = [
    pytest.param(ipot, id="ipot"),
    pytest.param(ipot_by_torch, id="ipot-by-torch"),
    pytest.param(partial(ipot, beta=0.2, inner_steps=3), id="ipot-inner-steps"),
    pytest.param(sinkhorn, id="sinkhorn"),
]
pytestmark = pytest.mark.parametrize("solve", SOLVERS)


@pytest.fixture
def cost():
    draw = torch.Generator().manual_seed(0)
    text = torch.randn(B, L, 16, generator=draw, dtype=torch.float64)
    image = torch.randn(B, N, 16, generator=draw, dtype=torch.float64)
    return cosine_cost(text, image)


@pytest.fixture
def masks():
    """Padding on the text, on the image, and on both; once in the middle of the sequence."""
    text = torch.ones(B, L, dtype=torch.bool)
    image = torch.ones(B, N, dtype=torch.bool)
    text[0, 5:] = False
    image[1, 8:] = False
    text[2, 3] = False
    image[2, [0, 6]] = False
    return text, image


@pytest.fixture
def at_run_time(monkeypatch):
    """Outside the tests nobody checks annotations: the package's own messages must do."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def test_a_plan_is_a_coupling_of_the_uniform_marginals(solve, cost, masks):
    plan = solve(cost, *masks, iterations=500)
    text_error, image_error = marginal_error(plan, *masks)
    assert (plan >= 0).all()
    assert_close(plan.sum((1, 2)), torch.ones(B, dtype=plan.dtype))
    assert text_error.max() < 1e-12
    assert image_error.max() < 1e-3


@pytest.mark.parametrize("iterations", [1, 2, 50])
def test_each_token_gives_exactly_its_mass_after_every_iteration(solve, cost, masks, iterations):
    text_error, _ = marginal_error(solve(cost, *masks, iterations=iterations), *masks)
    assert text_error.max() < 1e-12


def test_padding_gets_exactly_nothing(solve, cost, masks):
    text_mask, image_mask = masks
    plan = solve(cost, text_mask, image_mask, iterations=20)
    real = text_mask[:, :, None] & image_mask[:, None, :]
    assert (plan[~real] == 0).all()
    assert (plan[real] > 0).all()


@pytest.mark.parametrize("garbage", [0.0, -7.0, 1e9, torch.inf, -torch.inf, torch.nan])
def test_the_cost_of_padding_is_never_looked_at(solve, cost, masks, garbage):
    text_mask, image_mask = masks
    padding = ~(text_mask[:, :, None] & image_mask[:, None, :])
    plan = solve(cost.masked_fill(padding, garbage), text_mask, image_mask, iterations=20)
    assert torch.equal(plan, solve(cost, text_mask, image_mask, iterations=20))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-7)])
def test_padding_changes_nothing(solve, cost, masks, dtype, tolerance):
    text_mask, image_mask = masks
    plan = solve(cost.to(dtype), text_mask, image_mask, iterations=50)
    for row in range(B):
        words, patches = text_mask[row], image_mask[row]
        alone = solve(cost[row : row + 1, words][:, :, patches].to(dtype), iterations=50)
        assert_close(plan[row, words][:, patches], alone[0], atol=tolerance, rtol=0)


def test_masks_that_hide_nothing_change_nothing(solve, cost):
    everything = torch.ones(B, L, dtype=torch.bool), torch.ones(B, N, dtype=torch.bool)
    assert torch.equal(solve(cost, *everything, iterations=50), solve(cost, iterations=50))


def test_a_batch_is_its_pairs_one_by_one(solve, cost, masks):
    text_mask, image_mask = masks
    plan = solve(cost, text_mask, image_mask, iterations=50)
    for row in range(B):
        one = slice(row, row + 1)
        alone = solve(cost[one], text_mask[one], image_mask[one], iterations=50)
        assert_close(plan[one], alone, atol=1e-14, rtol=0)


def test_permuting_words_permutes_rows(solve, cost, masks):
    text_mask, image_mask = masks
    order = torch.randperm(L, generator=torch.Generator().manual_seed(1))
    plan = solve(cost, text_mask, image_mask, iterations=50)
    permuted = solve(cost[:, order], text_mask[:, order], image_mask, iterations=50)
    assert_close(permuted, plan[:, order], atol=1e-13, rtol=0)


def test_permuting_patches_permutes_columns(solve, cost, masks):
    text_mask, image_mask = masks
    order = torch.randperm(N, generator=torch.Generator().manual_seed(2))
    plan = solve(cost, text_mask, image_mask, iterations=50)
    permuted = solve(cost[:, :, order], text_mask, image_mask[:, order], iterations=50)
    assert_close(permuted, plan[:, :, order], atol=1e-13, rtol=0)


def test_only_differences_of_cost_matter(solve, cost):
    dearer = cost + torch.tensor([5.0, 100.0, -300.0]).view(B, 1, 1)
    assert_close(solve(dearer, iterations=50), solve(cost, iterations=50), atol=1e-11, rtol=0)


def test_float32_follows_float64_for_thousands_of_iterations(solve, cost, masks):
    single = solve(cost.float(), *masks, iterations=3000)
    assert single.dtype == torch.float32
    assert single.isfinite().all()
    double = solve(cost.float().double(), *masks, iterations=3000)
    assert_close(single.double(), double, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_as_float32(solve, cost, dtype):
    assert torch.equal(solve(cost.to(dtype)), solve(cost.to(dtype).float()))


def test_autocast_does_not_touch_a_plan(solve, cost):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plan = solve(cost.float())
    assert torch.equal(plan, solve(cost.float()))


def test_a_plan_is_a_constant_for_autograd(solve, cost):
    cost.requires_grad_()
    assert not solve(cost, iterations=5).requires_grad


def test_the_inputs_are_left_as_they_were(solve, cost, masks):
    before = cost.clone(), masks[0].clone(), masks[1].clone()
    solve(cost, *masks, iterations=5)
    assert all(torch.equal(a, b) for a, b in zip((cost, *masks), before, strict=True))


def test_the_layout_of_the_cost_in_memory_does_not_matter(solve, cost):
    transposed = cost.mT.contiguous().mT
    assert torch.equal(solve(transposed, iterations=5), solve(cost, iterations=5))


@pytest.mark.parametrize(("l", "n"), [(1, 1), (1, 5), (5, 1)])
def test_a_single_word_or_patch_takes_everything(solve, l, n):
    plan = solve(torch.rand(2, l, n, dtype=torch.float64), iterations=3)
    assert_close(plan, torch.full((2, l, n), 1 / (l * n), dtype=torch.float64))


def test_a_pair_without_words_or_patches_is_refused(solve, cost, masks):
    text_mask, image_mask = masks
    with pytest.raises(ValueError, match=r"text_mask needs .* real token .* row 1 has none"):
        solve(cost, text_mask & torch.tensor([[True], [False], [True]]), image_mask)
    with pytest.raises(ValueError, match=r"image_mask needs .* real patch .* row 2 has none"):
        solve(cost, text_mask, image_mask & torch.tensor([[True], [True], [False]]))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_cost_that_is_not_finite_is_refused(solve, cost, value):
    cost[1, 2, 3] = value
    with pytest.raises(ValueError, match="cost must be finite"):
        solve(cost)


def test_masks_and_costs_of_another_shape_or_dtype_are_refused(solve, cost, masks, at_run_time):
    text_mask, image_mask = masks
    with pytest.raises(ValueError, match=r"text_mask must be torch.bool with shape \(3, 7\), got"):
        solve(cost, image_mask, image_mask)
    with pytest.raises(ValueError, match=r"image_mask must be .*, got torch.int64 with shape"):
        solve(cost, text_mask, image_mask.long())
    with pytest.raises(
        ValueError, match=r"cost must be .*, got torch.float64 with shape \(7, 12\)"
    ):
        solve(cost[0])
    with pytest.raises(ValueError, match=r"cost must be floating point .*, got torch.int64"):
        solve(cost.long())
    with pytest.raises(ValueError, match=r"cost must be .*, got .* with shape \(3, 7, 0\)"):
        solve(cost[:, :, :0])


@pytest.mark.parametrize("iterations", [0, -1, 2.5])
def test_iterations_are_counted_from_one(solve, cost, iterations, at_run_time):
    with pytest.raises(ValueError, match=f"iterations must be .* at least 1, got {iterations}"):
        solve(cost, iterations=iterations)
