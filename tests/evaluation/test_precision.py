"""Half precision is used where it is asked for, and told; nowhere else."""

import inspect
from dataclasses import replace

import pytest
import torch

from vilt_core.evaluation import HALVED, TASKS, evaluate
from vilt_core.models.vilt import Vilt


@pytest.fixture(scope="module")
def judging(bundle):
    """A model with every head that the tasks ask."""
    config = replace(bundle.model.config, tasks=("itm", "nlvr2"), modality_types=3)
    torch.manual_seed(1)
    return replace(bundle, model=Vilt(config).eval())


@pytest.fixture
def multiplied(judging):
    """The kinds of numbers that the products within the blocks come out as."""
    kinds: set[torch.dtype] = set()
    layer = judging.model.encoder.blocks[0].mlp
    hook = layer.register_forward_hook(lambda _layer, _given, made: kinds.add(made.dtype))
    yield kinds
    hook.remove()


@pytest.mark.parametrize("task", HALVED)
def test_products_are_halved_where_that_is_asked_for(judging, multiplied, task):
    whole = evaluate(judging, task=task, limit=6, batch_size=4)
    assert multiplied == {torch.float32}
    assert "precision" not in whole
    multiplied.clear()
    halved = evaluate(judging, task=task, limit=6, batch_size=4, precision="bfloat16")
    assert multiplied == {torch.bfloat16}
    assert halved["precision"] == "bfloat16"
    assert halved.keys() - whole.keys() == {"precision"}
    assert halved["examples"] == whole["examples"]


def test_what_is_asked_of_more_than_heads_stays_whole(judging):
    for task in set(TASKS) - set(HALVED):
        with pytest.raises(ValueError, match=f"vqa, matching, .* got bfloat16 of {task}"):
            evaluate(judging, task=task, limit=6, precision="bfloat16")
    with pytest.raises(ValueError, match=r"must be float32, or bfloat16 of .*, got float16"):
        inspect.unwrap(evaluate)(judging, limit=6, precision="float16")
