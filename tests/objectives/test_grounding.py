import math

import torch
from torch.testing import assert_close

from vilt_core.objectives import grounding, mentioning
from vilt_core.objectives.mlm import IGNORED


def test_equal_states_give_the_log_of_how_much_of_the_picture_is_the_object():
    text, image = torch.ones(1, 2, 4), torch.ones(1, 8, 4)
    truth = torch.zeros(1, 2, 8, dtype=torch.bool)
    truth[0, 0, :2] = True
    assert_close(grounding(text, image, truth), torch.tensor(math.log(8 / 2)))


def test_a_noun_on_its_object_costs_next_to_nothing_and_off_it_a_lot():
    image = torch.eye(4)[None]
    truth = torch.zeros(1, 1, 4, dtype=torch.bool)
    truth[0, 0, 1] = True
    assert grounding(image[:, 1:2], image, truth) < 1e-3
    assert grounding(image[:, 2:3], image, truth) > 5


def test_tokens_without_an_object_have_no_say():
    torch.manual_seed(0)
    text, image = torch.randn(2, 3, 5), torch.randn(2, 6, 5)
    truth = torch.zeros(2, 3, 6, dtype=torch.bool)
    truth[0, 1, 4] = True
    changed = text.clone()
    changed[1] = 9.0
    assert_close(grounding(changed, image, truth), grounding(text, image, truth))
    assert grounding(text, image, torch.zeros_like(truth)) == 0


def test_mentioning_is_the_binary_entropy_and_ignores_what_is_not_asked():
    asked = torch.tensor([[1, 0, IGNORED, IGNORED]])
    assert_close(mentioning(torch.zeros(1, 4), asked), torch.tensor(math.log(2)))
    sure = torch.tensor([[30.0, -30.0, 7.0, -7.0]])
    assert mentioning(sure, asked) < 1e-6
    assert mentioning(-sure, asked) > 20
    assert mentioning(sure, torch.full((1, 4), IGNORED)) == 0
