"""Laws of where words look: whatever the picture is made of, the right piece scores 1."""

from dataclasses import replace

import pytest
import torch

from vilt_core.evaluation.meeting import heats, meets, pieces_in_boxes, word_pointing
from vilt_core.models import build
from vilt_core.types import ModelOutput


def output(*, boxes, grid, l=3):
    n = boxes.shape[1] if boxes is not None else grid[0] * grid[1]
    return ModelOutput(
        text=torch.randn(1, l, 4),
        image=torch.randn(1, n, 4),
        image_class=torch.zeros(1, 4),
        pooled=torch.zeros(1, 4),
        text_mask=torch.ones(1, l, dtype=torch.bool),
        image_mask=torch.ones(1, n, dtype=torch.bool),
        positions=torch.zeros(1, n, 2, dtype=torch.long),
        grid=grid,
        boxes=boxes,
    )


def test_a_region_lies_in_a_box_by_its_centre():
    boxes = torch.tensor([[[0.0, 0.0, 0.2, 0.2], [0.4, 0.4, 0.6, 0.6], [0.0, 0.0, 1.0, 1.0]]])
    out = output(boxes=boxes, grid=(1, 3))
    wanted = torch.tensor([[0.0, 0.0, 0.3, 0.3], [0.45, 0.45, 0.9, 0.9]])
    assert pieces_in_boxes(wanted, out, row=0).tolist() == [
        [True, False, False],
        [False, True, True],
    ]
    hidden = replace(out, image_mask=torch.tensor([[True, True, False]]))
    assert pieces_in_boxes(wanted, hidden, row=0)[1].tolist() == [False, True, False]


def test_cells_count_as_patches_even_where_they_have_boxes():
    cells = torch.rand(1, 4, 4)
    wanted = torch.tensor([[0.0, 0.0, 0.1, 0.1]])  # thinner than a cell
    found = pieces_in_boxes(wanted, output(boxes=cells, grid=(2, 2)), row=0)
    assert found.tolist() == [[True, False, False, False]]
    assert torch.equal(found, pieces_in_boxes(wanted, output(boxes=None, grid=(2, 2)), row=0))


def test_attention_is_read_wherever_words_meet_the_picture():
    model = build("uniter", size="mini", vocab_size=50, detector=None)
    seen = torch.rand(1, 2, 5, 5).softmax(dim=-1)  # [text; regions]: no class between
    out = replace(output(boxes=torch.rand(1, 2, 4), grid=(1, 2)), attentions=(seen,))
    found = heats(model, out)
    torch.testing.assert_close(found["attention"], seen.mean(dim=1)[:, :3, 3:])
    assert set(found) == {"attention", "transport", "chance"}
    met = torch.rand(1, 2, 3, 3)
    across = replace(out, text_to_image=(torch.zeros_like(met), met))
    torch.testing.assert_close(heats(model, across)["attention"], met.mean(dim=1)[..., 1:])


def test_padding_is_never_pointed_at():
    model = build("uniter", size="mini", vocab_size=50, detector=None)
    seen = torch.ones(1, 2, 5, 5)
    out = replace(output(boxes=torch.rand(1, 2, 4), grid=(1, 2)), attentions=(seen,))
    out = replace(out, image_mask=torch.tensor([[True, False]]))
    assert all(heat.argmax(dim=-1).eq(0).all() for heat in heats(model, out).values())


def test_a_model_of_one_vector_is_refused(bundle):
    clip = build("clip", size="mini", vocab_size=len(bundle.tokenizer))
    assert not meets(clip)
    with pytest.raises(ValueError, match="no word of untrained meets"):
        word_pointing(replace(bundle, model=clip), limit=2)


def test_of_a_vilt_it_agrees_with_the_alignment(bundle):
    from vilt_core.evaluation.alignment import alignment_scores

    ours = word_pointing(bundle, limit=12)["pointing"]
    theirs = alignment_scores(bundle, limit=12)
    if not theirs["left_out"]:
        for mine, other in (
            ("attention", "attention"),
            ("transport", "ipot"),
            ("chance", "chance"),
        ):
            assert ours[mine] == pytest.approx(theirs["pointing"][other], abs=1e-6)
    assert theirs["left_out"] == 0
