"""Captions are true, near misses are false, and every span names what it links to."""

import random
import re
from collections import Counter

import pytest

from vilt_core.world.captions import FORMS, Caption, caption
from vilt_core.world.grammar import (
    Phrase,
    article,
    category_terms,
    counted,
    fill,
    join,
    listed,
    noun_terms,
    plural,
    shape_terms,
    singular,
)
from vilt_core.world.negatives import CHANGES, hard_negative
from vilt_core.world.programs import execute
from vilt_core.world.scenes import HELD_OUT_SHAPES, SPLITS, scene

SCENES = 600
WORDS_AT_MOST = 40  # words and marks: what a text of the world must fit into


@pytest.fixture(scope="module", params=SPLITS)
def told(request):
    """(scene, caption, hard negative) for many scenes of a split."""
    rows = []
    for index in range(SCENES):
        draw = random.Random(index).random
        here = scene(11, index, split=request.param)
        rows.append((here, caption(here, draw), hard_negative(here, draw)))
    return rows


def test_captions_are_true_and_hard_negatives_are_false(told):
    for here, said, negative in told:
        assert execute(said.program, here) is True, said.text
        assert execute(negative.positive.program, here) is True, negative.positive.text
        assert execute(negative.program, here) is False, negative.text
        assert negative.text != negative.positive.text


def test_a_hard_negative_differs_in_one_place(told):
    for _, _, negative in told:
        before, after = (
            Counter(re.findall(r"\w+", text)) for text in (negative.positive.text, negative.text)
        )
        if negative.changed == "color":
            assert (after - before).total() <= 2, negative  # with "a" or "an"
        elif negative.changed == "number":
            assert (after - before).total() <= 3, negative  # with "is" or "are"
        elif negative.changed == "noun":
            assert (after - before).total() <= 4, negative
        elif negative.positive.form == "ordered":
            assert (after - before).total() == 0, negative


def test_spans_slice_out_the_noun_phrase_and_link_to_its_objects(told):
    for here, said, _ in told:
        for mention in said.mentions:
            assert mention.start <= mention.noun_start < mention.noun_end == mention.end
            noun = said.text[mention.noun_start : mention.noun_end]
            assert mention.objects
            for index in mention.objects:
                assert noun in names_of(here.objects[index])
                color = here.objects[index].color
                phrase = said.text[mention.start : mention.end].split()
                if color is not None and noun not in ("shape", "shapes") and len(phrase) > 2:
                    assert color in phrase


def names_of(thing) -> set[str]:
    category = category_terms()[thing.category]
    return {thing.sprite.name, thing.sprite.plural, category.singular, category.plural}


def test_a_located_caption_speaks_of_every_sticker(told):
    for here, said, _ in told:
        if said.form in ("located", "ordered"):
            spoken = [index for mention in said.mentions for index in mention.objects]
            assert sorted(spoken) == list(range(len(here.objects)))


def test_every_form_and_every_change_turns_up(told):
    assert {said.form for _, said, _ in told} == set(FORMS)
    changed = [negative.changed for _, _, negative in told]
    assert all(changed.count(change) > 0.1 * len(changed) for change in CHANGES)
    dense = sum(said.form in ("located", "ordered") for _, said, _ in told)
    assert 0.4 < dense / len(told) < 0.62


def test_texts_are_plain_and_short(told):
    for _, said, negative in told:
        for text in (said.text, negative.text):
            assert text == text.lower().strip()
            assert "  " not in text
            assert not text.endswith(".")
            marks = text.count(",") + text.count(";") + text.count(":")
            assert len(text.split()) + marks <= WORDS_AT_MOST - 2, text


def test_colors_kept_for_composition_stay_there(told):
    kept = [f"{color} {noun}" for color, noun in HELD_OUT_SHAPES]
    found = any(
        shape in text
        for here, said, negative in told
        for text in (said.text, negative.text)
        for shape in kept
    )
    assert found == (told[0][0].split == "composition")


@pytest.mark.parametrize("form", FORMS)
def test_a_form_can_be_asked_for(form):
    said = [caption(scene(2, i), random.Random(i).random, form=form) for i in range(60)]
    assert sum(one.form == form for one in said) > 10
    assert all(isinstance(one, Caption) for one in said)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_can_be_asked_for(change):
    drawn = [hard_negative(scene(2, i), random.Random(i).random, changed=change) for i in range(60)]
    assert sum(one.changed == change for one in drawn) > 20


def test_unknown_forms_and_changes_are_refused():
    with pytest.raises(ValueError, match="form must be one of"):
        caption(scene(0, 0), random.Random(0).random, form="haiku")
    with pytest.raises(ValueError, match="changed must be one of"):
        hard_negative(scene(0, 0), random.Random(0).random, changed="verb")


def test_same_draws_same_words():
    here = scene(5, 5)
    assert caption(here, random.Random(1).random) == caption(here, random.Random(1).random)
    first, second = (hard_negative(here, random.Random(1).random) for _ in range(2))
    assert first == second


def term(label: str):
    return next(one for one in noun_terms() if one.label == label)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        (counted(term("apple"), 1), "an apple"),
        (counted(term("apple"), 1, one="one"), "one apple"),
        (counted(term("mouse"), 3), "three mice"),
        (counted(term("orange heart"), 1), "an orange heart"),
        (counted(term("orange heart"), 0), "no orange hearts"),
        (counted(term("sushi"), 2), "two pieces of sushi"),
        (singular(term("unicorn")), "a unicorn"),
        (singular(term("cat"), (), "the"), "the cat"),
        (plural(category_terms()["person"]), "people"),
        (singular(shape_terms()["heart"]), "a heart"),
    ],
)
def test_noun_phrases(phrase, text):
    assert phrase.text == text


def test_articles_go_by_sound():
    words = ("apple", "hourglass", "unicorn", "ukulele", "umbrella", "one-eyed cat")
    assert [article(word) for word in words] == ["an", "an", "a", "a", "an", "a"]


def test_spans_move_with_their_words():
    cat, dog = counted(term("cat"), 1, (0,)), counted(term("dog"), 2, (1, 2))
    phrase = fill("here: {list} on {paper}!", list=listed([cat, dog, cat]), paper="grass")
    assert phrase.text == "here: a cat, two dogs and a cat on grass!"
    nouns = [phrase.text[m.noun_start : m.noun_end] for m in phrase.mentions()]
    assert nouns == ["cat", "dogs", "cat"]
    assert join([Phrase("a"), Phrase("b")], "-").text == "a-b"


def test_every_noun_has_a_plural_and_a_place_in_its_phrase():
    for one in noun_terms():
        assert one.singular[one.noun_at[0] :] == one.name
        assert one.plural[one.noun_at[1] :]
