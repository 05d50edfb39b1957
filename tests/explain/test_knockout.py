import threading

import pytest
import torch

from vilt_core.explain.knockout import Knockout, effects, knocked_out
from vilt_core.layers.encoder import Encoder


def chances(logits):
    return logits.double().softmax(-1)


def test_without_a_knockout_nothing_changes(inquiry):
    torch.testing.assert_close(knocked_out(inquiry, Knockout()), inquiry.logits()[0])


def test_a_head_without_effect_can_go(inquiry, model):
    with torch.no_grad():  # nobody reads head 2 of layer 3
        model.encoder.blocks[2].attention.projection.weight[:, 8:16] = 0
    without = Knockout(heads=((3, 2),))
    torch.testing.assert_close(knocked_out(inquiry, without), inquiry.logits()[0])
    other = Knockout(heads=((3, 1),))
    assert (knocked_out(inquiry, other) - inquiry.logits()[0]).abs().max() > 1e-4


def test_all_heads_of_a_layer_leave_its_mlp_and_biases(inquiry, model):
    found = knocked_out(inquiry, Knockout(heads=((2, 1), (2, 2), (2, 3))))
    with torch.no_grad():
        model.encoder.blocks[1].attention.projection.weight.zero_()
    torch.testing.assert_close(found, inquiry.logits()[0])


def test_a_layer_gone_is_a_model_without_it(inquiry, model):
    found = knocked_out(inquiry, Knockout(layers=(2,), heads=((3, 1),)))
    first, _, last = model.encoder.blocks
    gates = torch.ones(1, 2, 3)
    gates[0, 1, 0] = 0
    with torch.no_grad():
        short = Encoder([first, last], norm=model.encoder.norm)
        tokens = short(inquiry.joint(), gates=gates).tokens
        torch.testing.assert_close(found, model.vqa(model.pooler(tokens[:, 0]))[0])


@pytest.mark.parametrize(("side", "row"), [("text", 0), ("image", 1)])
def test_a_type_gone_is_a_table_with_a_zero_row(inquiry, model, side, row):
    found = knocked_out(inquiry, Knockout(types=(side,)))
    with torch.no_grad():
        model.fusion.types.weight[row] = 0
    torch.testing.assert_close(found, inquiry.logits()[0])


def test_words_and_patches_leave_the_sequence(inquiry):
    found = knocked_out(inquiry, Knockout(words=(3,), patches=((0, 1), (3, 5))))
    said, kept = inquiry.text.mask.clone(), inquiry.patches.mask.clone()
    said[0, list(inquiry.words[3].tokens)] = False
    kept[0, [1, 23]] = False
    torch.testing.assert_close(found, inquiry.logits(kept=kept, said=said)[0])


def test_effects_are_the_knockouts_one_by_one(inquiry):
    found = effects(inquiry, 1)
    assert found.whole == pytest.approx(float(chances(inquiry.logits())[0, 1]))
    for layer in range(1, 4):
        for head in range(1, 4):
            alone = chances(knocked_out(inquiry, Knockout(heads=((layer, head),))))[1]
            assert found.heads[layer - 1, head - 1] == pytest.approx(float(alone), abs=1e-6)
    alone = chances(knocked_out(inquiry, Knockout(words=(2,))))[1]
    assert found.words[2] == pytest.approx(float(alone), abs=1e-6)
    assert len(found.words) == len(inquiry.words)
    assert found.layers.shape == (3,)
    assert found.types.shape == (2,)


def test_threads_that_share_a_model_do_not_meet(inquiry, model):
    """Some knock parts out while one asks: it hears the whole model, and nothing stays behind."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    expected, heard = inquiry.logits(), []
    stop = threading.Event()

    def break_things():
        while not stop.is_set():
            knocked_out(inquiry, Knockout(heads=((1, 1),), layers=(2,), types=("image",)))

    threads = [threading.Thread(target=break_things) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        heard.append(inquiry.logits())
    stop.set()
    for thread in threads:
        thread.join()
    for logits in heard:
        torch.testing.assert_close(logits, expected)
    for name, value in model.state_dict().items():
        assert value.equal(before[name])


@pytest.mark.parametrize(
    ("without", "named"),
    [
        (Knockout(heads=((1, 4),)), "head 4 of layer 1"),
        (Knockout(heads=((0, 1),)), "head 1 of layer 0"),
        (Knockout(layers=(4,)), "layer 4"),
        (Knockout(types=("sound",)), "type 'sound'"),
        (Knockout(words=(99,)), "word 99"),
        (Knockout(patches=((4, 0),)), r"patch \(4, 0\)"),
    ],
)
def test_parts_that_are_not_there(inquiry, without, named):
    with pytest.raises(ValueError, match=f"3 layers of 3 heads.*got {named}"):
        knocked_out(inquiry, without)
