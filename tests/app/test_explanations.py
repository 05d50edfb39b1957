from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app import explanations, services
from app.components import progress
from app.explanations import Subject
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES
from vilt_core.explain.explanation import METHODS

KEY = EXAMPLES[3]
QUESTION = "What animal do you see above the camel?"


def subject(**changes):
    return replace(Subject(image=None, question=QUESTION, key=KEY, model="tiny"), **changes)


@pytest.fixture
def steps(tiny):
    return list(explanations.steps(subject()))


def test_every_method_says_what_it_does():
    assert list(explanations.SAYS) == list(METHODS)


def test_the_answer_comes_first_and_every_step_says_what_is_next(steps, tiny):
    first, second, *methods, last = steps
    answers = tiny.answer(services.picture(KEY, tiny.image_size), QUESTION)
    assert [a.text for a in first.reply.answers] == [a.text for a in answers]
    assert first.reply.answers[0].probability == pytest.approx(answers[0].probability, abs=1e-5)
    assert first.reply.truth == "fox"
    assert first.gallery.count('class="vx-picture vx-awaited"') == len(METHODS)
    assert second.heads["queries"][0] == "[CLS]"
    assert len(second.lens.data) >= 5
    assert len(methods) == len(METHODS)
    assert [step.done for step in steps] == list(range(1, last.total + 1))
    assert all(step.says for step in steps[:-1])
    assert last.seconds > 0
    assert 'data-kind="heads"' in last.board


def test_cards_are_judged_by_curves_and_by_the_truth(steps):
    *_, last_card, _ = steps
    assert last_card.gallery.count("<img") == len(METHODS)
    told = last_card.gallery.count("points at it") + last_card.gallery.count("misses it")
    assert told == len(METHODS)
    assert len(last_card.curves.data) == 2 * (len(METHODS) + 1)
    for line in last_card.curves.data:
        assert 0 <= min(line.y) <= max(line.y) <= 1


def test_an_explanation_points_at_what_the_answer_names_where_it_names_something(tiny):
    desk = explanations.sit_down(subject())
    (box,) = desk.boxes
    (fox,) = [thing for thing in services.scene(KEY).objects if thing.box == box]
    assert (fox.noun, desk.named) == ("fox", "answer")
    for question, known in services.questions_with_truth(KEY).items():
        desk = explanations.sit_down(subject(question=question))
        assert desk.named == ("answer" if known.program[0] == "noun" else "question")
        assert set(desk.boxes) <= set(services.asked_about(KEY, question))
        assert bool(desk.boxes) == bool(services.asked_about(KEY, question))


def test_another_answer_has_reasons_of_its_own(tiny, steps):
    other = list(explanations.steps(subject(answer=steps[0].answers[1])))
    assert other[0].answers == steps[0].answers
    assert steps[0].answers[1] in other[-1].board
    assert other[5].gallery != steps[5].gallery
    with pytest.raises(ValueError, match="knows no answer 'griffin'"):
        list(explanations.steps(subject(answer="griffin")))


def test_a_question_of_ones_own_has_no_truth_to_point_at(tiny):
    *_, card, _ = explanations.steps(subject(question="is there a cat?"))
    assert "points at it" not in card.gallery
    assert "misses it" not in card.gallery


def test_a_picture_of_ones_own_and_of_any_shape(tiny, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)).save(path)
    steps = list(explanations.steps(subject(image=str(path), key=None)))
    rows, columns = steps[1].heads["grid"]
    assert rows < columns
    assert steps[0].reply.stranger


def test_of_a_photograph_of_ours_a_model_of_stickers_says_what_it_knows(tiny):
    assert next(explanations.steps(subject(key=PHOTOGRAPHS[0]))).reply.stranger
    assert not next(explanations.steps(subject())).reply.stranger


def test_a_photograph_is_explained_on_the_grid_of_its_shape(hub):
    hub.go.set()
    asked = subject(key=PHOTOGRAPHS[0], model="ViLT-B/32", question=PHOTOGRAPHS[0].questions[0])
    steps = list(explanations.steps(asked))
    assert steps[1].heads["grid"] == [12, 18]
    assert steps[-1].board.count('data-kind="patches"') == 216


def test_the_same_patches_are_asked_about_however_the_question_is_written(tiny):
    known = services.asked_about(KEY, QUESTION)
    assert len(known) == 2
    assert services.asked_about(KEY, "  what animal do you see above the CAMEL ") == known
    assert services.asked_about(KEY, "Is this a question of mine?") == ()
    for text, question in services.questions_with_truth(KEY).items():
        assert services.questions_about(KEY)[text] == question.answer


def test_knock_outs_compare_with_the_whole(tiny):
    parts = [("heads", "1,2"), ("layers", "1"), ("types", "image"), ("words", "1")]
    before, after = explanations.knocked_out(subject(), [*parts, ("patches", "2,3")])
    whole = tiny.answer(services.picture(KEY, tiny.image_size), QUESTION)
    assert before.answers[0].text == whole[0].text
    assert [a.probability for a in before.answers] != [a.probability for a in after.answers]
    same, again = explanations.knocked_out(subject(), [])
    for one, other in zip(same.answers, again.answers, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-6)
    with pytest.raises(ValueError, match="got layer 9"):
        explanations.knocked_out(subject(), [("layers", "9")])


def test_progress_is_a_bar_until_the_end(steps):
    for step in steps[:-1]:
        bar = progress.bar(step.says, step.done, step.total)
        assert 'role="progressbar"' in bar
        assert 'role="status"' not in bar  # it comes anew with every step: nobody would hear it
