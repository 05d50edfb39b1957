"""The tour tells what the model computed, for every stop, scene and picture of one's own."""

import asyncio
import re
from dataclasses import replace
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from app import build_demo, journey, links, services
from app.photographs import PHOTOGRAPHS
from app.services import EXAMPLES
from app.stops import STOPS, Choice, begun
from app.tabs import tour

TINY, B32 = "tiny", "ViLT-B/32"
BY_NAME = {stop.name: stop for stop in STOPS}
every_stop = pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)


def text_of(html):
    return re.sub(r"<style>.*?</style>|<[^>]+>", "", html, flags=re.DOTALL)


@pytest.fixture
def sentence():
    return services.captions_of(EXAMPLES[0])[0]


@pytest.fixture
def trip(tiny, sentence):
    return journey.travelled(None, sentence, EXAMPLES[0], TINY)


@pytest.fixture
def wide(tmp_path):
    path = tmp_path / "wide.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)).save(path)
    return str(path)


@every_stop
def test_a_stop_opens_with_all_that_it_promises(trip, stop):
    choice = begun(stop, trip)
    first, last, at = stop.span(trip)
    assert first <= at <= last
    found = stop.draw(trip, choice)
    assert len(found.plots) == stop.plots or stop.name == "Pooler"
    assert len(re.findall(r"[.?] ", text_of(found.says) + " ")) <= 3
    assert "nan" not in text_of(found.says + found.tells)
    if stop.word:
        assert choice.word in [value for _, value in stop.choices(trip)]


@every_stop
def test_every_place_of_the_slider_can_be_drawn(trip, stop):
    first, last, _ = stop.span(trip)
    opening = begun(stop, trip)
    for at in (first, last):
        choice = Choice(at=at, word=opening.word, texts=opening.texts)
        assert stop.draw(trip, choice).picture


@every_stop
def test_what_was_chosen_beside_a_longer_sentence_is_fitted_to_a_shorter_one(tiny, stop):
    longer, shorter = "one red heart above a large blue cat next to two dogs", "a cat"
    given = (None, shorter, EXAMPLES[0], TINY)
    before, trip = journey.travelled(None, longer, *given[2:]), journey.travelled(*given)
    first, last, _ = stop.span(trip)
    for choice in (
        Choice(at=stop.span(before)[1], word=len(before.journey.words) - 1),
        Choice(at=10**6, word=10**6),
        Choice(at=-(10**6), word=-(10**6)),
    ):
        fits = tour.fitted(stop, trip, choice)
        assert first <= fits.at <= last
        assert not stop.word or fits.word in [value for _, value in stop.choices(trip)]
        written = stop.written(trip)
        assert tour.drawn(stop, given, replace(choice, texts=written))[1]
    assert first <= tour.reached(stop, given, 10**6) <= last
    kept = begun(stop, trip)
    assert tour.fitted(stop, trip, kept) == kept


@pytest.fixture(scope="module")
def demo():
    # Where no event loop runs, Gradio opens one and never closes it.
    async def built() -> gr.Blocks:
        return build_demo()

    return asyncio.run(built())


def of_the_tour(demo, name):
    found = [
        event
        for event in demo.fns.values()
        if getattr(event.fn, "__module__", "") == tour.__name__
        and event.fn.__qualname__.endswith(name)
    ]
    assert found
    return found


def test_choices_and_predictions_are_about_what_was_followed_whatever_is_typed(demo):
    [followed] = {event.inputs[0] for event in of_the_tour(demo, "_wire.<locals>.judge")}
    for name in ("draw", "judge", "pick"):
        for event in of_the_tour(demo, f"_wire.<locals>.{name}"):
            assert event.inputs[0] is followed
            assert "Sentence" not in [getattr(given, "label", "") for given in event.inputs]
    for event in of_the_tour(demo, "build.<locals>.enter"):
        assert followed in event.outputs


@every_stop
def test_a_link_opens_a_stop_with_its_slider_its_word_and_what_was_written(demo, tiny, stop):
    introduce = of_the_tour(demo, "build.<locals>.introduce")[0].fn
    enter = of_the_tour(demo, "build.<locals>.enter")[0].fn
    place, text, key = STOPS.index(stop), "a cat next to a red heart", EXAMPLES[1]
    given = (None, text, key, TINY)
    trip = journey.travelled(*given)
    opening = begun(stop, trip)
    choice = Choice(
        at=opening.at if stop.at is None else stop.span(trip)[1],
        word=opening.word if stop.word is None else stop.choices(trip)[-1][1],
        texts=tuple(f"a dog {at}" for at, _ in enumerate(stop.texts)),
    )
    told = tour.carried(stop, float(choice.at), choice.word, *choice.texts)
    address = links.write("tour", {"picture": key, "sentence": text, "stop": place + 1, **told})
    _, link = links.read(dict(parse_qsl(address)), ["tour"])
    assert tour.linked_to(stop, trip, link) == choice
    *_, current, linked, _, _ = introduce(link, TINY, None, "", None, 0)
    assert current == place
    drawing = tour.drawn(stop, given, choice)
    shown = enter(place, linked, *given)[2:]
    at = sum(len(tour.entered(other, given)) for other in STOPS[:place])
    assert shown[at : at + 3] == drawing[:3]
    other = (None, "two dogs", key, TINY)  # what is not linked opens as it always does
    assert (
        enter(place, linked, *other)[2:][at : at + 3]
        == tour.drawn(stop, other, begun(stop, journey.travelled(*other)))[:3]
    )


def test_what_follows_says_what_it_followed_and_trouble_leaves_it(demo, tiny, sentence):
    enter = of_the_tour(demo, "build.<locals>.enter")[0].fn
    given = (None, sentence, EXAMPLES[0], TINY)
    assert enter(0, {}, *given)[:2] == ("", given)
    told, kept, *_ = enter(0, {}, None, "?!", EXAMPLES[0], TINY)
    assert "at least one letter" in told
    assert kept == gr.skip()


def test_what_is_wrong_at_a_stop_is_one_sentence_there(demo, no_model, sentence):
    given = (None, sentence, EXAMPLES[0], TINY)
    click = gr.EventData(None, {"place": 0})
    for name, chosen in (("draw", (1, 0)), ("judge", ("16",)), ("pick", (click,))):
        for event in of_the_tour(demo, f"_wire.<locals>.{name}"):
            told, *others = event.fn(given, *chosen)
            assert 'role="alert"' in told
            assert others == [gr.skip()] * (len(event.outputs) - 1)
            assert event.fn(None, *chosen) == ("", *others)  # nothing was followed yet


@every_stop
def test_a_quiz_has_one_right_answer_among_its_options(trip, stop):
    quiz = stop.quiz(trip)
    assert quiz.options.count(quiz.right) == 1
    assert len(set(quiz.options)) == len(quiz.options) > 1
    assert quiz.because.endswith(".")


@every_stop
def test_right_and_wrong_predictions_are_told_apart(tiny, sentence, stop):
    given = (None, sentence, EXAMPLES[0], TINY)
    quiz = stop.quiz(journey.travelled(*given))
    for option in quiz.options:
        verdict, _ = tour.judged(stop, given, option)
        assert ("✓ right" in verdict) == (option == quiz.right)
    assert tour.judged(stop, given, None)[0] == ""


def test_counts_are_those_of_the_model(trip, tiny):
    told = trip.journey
    rows, columns = told.grid
    tokens = tiny.tokenizer.count(trip.sentence)
    says = {stop.name: text_of(stop.draw(trip, begun(stop, trip)).says) for stop in STOPS}
    assert f"64 / 16 = {columns} across, 64 / 16 = {rows} down, 16 patches" in says["Patches"]
    assert "16 x 16 x 3 colours = 768 numbers" in says["Patches"]
    assert f"{tokens} tokens" in says["Words"]
    assert (
        f"{tokens} tokens of text, 1 [class] and 16 patches make {tokens + 17} rows"
        in (says["One matrix"])
    )
    shapes = BY_NAME["One matrix"].shapes(trip)
    assert f"(16 + {tokens - 1} + 2) \\times 32 = {tokens + 17} \\times 32" in shapes


def test_a_wide_picture_has_its_own_counts(tiny, wide):
    trip = journey.travelled(wide, "a cat next to a dog", None, TINY)
    assert trip.journey.grid == (4, 6)
    stop = BY_NAME["Patches"]
    says = text_of(stop.draw(trip, begun(stop, trip)).says)
    assert "96 x 64 pixels" in says
    assert says.startswith("The file is 90 x 60; the model sees 96 x 64 pixels")
    assert "24 patches" in says
    assert journey.places(trip) == {}


def test_a_size_is_told_of_files_that_the_model_does_not_see_as_they_are(tiny, trip, tmp_path):
    Image.new("RGB", (96, 64), "red").save(tmp_path / "fits.png")
    fits = journey.travelled(str(tmp_path / "fits.png"), "a cat", None, TINY)
    stop = BY_NAME["Patches"]
    for one in (trip, fits):
        assert text_of(stop.draw(one, begun(stop, one)).says).startswith("The model sees ")


def test_the_match_after_the_last_layer_is_the_models(trip, tiny):
    expected = tiny.match([trip.picture], [trip.sentence])[0, 0]
    assert journey.matched(trip)[-1] == pytest.approx(float(expected), abs=1e-5)
    assert len(journey.matched(trip)) == trip.journey.depth + 1


def test_likeness_after_the_last_layer_is_that_of_the_alignment(trip):
    found = journey.alignment(trip)
    assert journey.likeness(trip)["word and patch"][-1] == pytest.approx(
        float((1 - found.cost).mean()), abs=1e-5
    )
    word = journey.telling_words(trip)[0]
    tokens = [token - 1 for token in trip.journey.words[word].tokens]
    expected = np.clip((1 - found.cost)[tokens].mean(axis=0), 0, None).reshape(found.grid)
    np.testing.assert_allclose(
        journey.likeness_of(trip, trip.journey.depth, word), expected, atol=1e-5
    )


def test_neighbours_are_the_nearest_rows_of_the_table(trip, tiny):
    token = trip.journey.words[0].tokens[0]
    table = tiny.model.text_embedding.words.weight.detach()
    cosines = torch.cosine_similarity(table, table[int(trip.journey.ids[token])][None])
    cosines[[*tiny.tokenizer.special, int(trip.journey.ids[token])]] = -1
    best = int(cosines.argmax())
    piece, cosine = journey.neighbours(trip, token)[0]
    assert piece == tiny.tokenizer.token(best)
    assert cosine == pytest.approx(float(cosines[best]), abs=1e-5)


def test_a_click_reaches_the_part_that_was_clicked(trip):
    assert BY_NAME["Patches"].place(trip, 0) == 1
    assert BY_NAME["Words"].place(trip, 3) == 4
    row = BY_NAME["One matrix"].place(trip, 5)
    drawn = BY_NAME["One matrix"].draw(trip, Choice(at=row))
    assert "patch 6" in drawn.tells


def test_a_hidden_word_is_filled_where_it_stood(trip, tiny):
    word = journey.telling_words(trip)[0]
    hidden = journey.hidden(trip, word)
    assert hidden.count("[MASK]") == len(trip.journey.words[word].tokens)
    assert trip.journey.words[word].text not in hidden.split()
    quiz = BY_NAME["Heads"].quiz(trip)
    text = re.search("“(.+)”", quiz.question).group(1)
    assert quiz.right == tiny.fill(trip.picture, text, top_k=1)[0][0].text


def test_a_mask_that_the_visitor_wrote_is_no_obstacle(tiny):
    trip = journey.travelled(None, "a [MASK] above a cat", EXAMPLES[0], TINY)
    for stop in STOPS:
        assert stop.draw(trip, begun(stop, trip)).picture
        assert stop.quiz(trip).right


def test_journeys_are_kept(tiny, sentence):
    first = journey.travelled(None, sentence, EXAMPLES[0], TINY)
    assert journey.travelled(None, sentence, EXAMPLES[0], TINY) is first
    assert journey.travelled(None, sentence, EXAMPLES[1], TINY) is not first


@pytest.mark.parametrize("text", ["", "?!", "кошка", "cat " * 60])
def test_what_cannot_travel_is_one_sentence(tiny, text):
    with pytest.raises(ValueError, match=r"letter or digit|none of these words|at most"):
        tour.entered(STOPS[0], (None, text, EXAMPLES[0], TINY))
    with pytest.raises(ValueError, match="add one of your own"):
        tour.entered(STOPS[0], (None, "a cat", None, TINY))


def test_written_markup_stays_text(tiny):
    given = (None, "a <b>cat</b> <script>", EXAMPLES[0], TINY)
    for stop in STOPS:
        values = [value for value in tour.entered(stop, given) if isinstance(value, str)]
        assert "<script>" not in "".join(values)
        assert "<b>cat" not in "".join(values)


def test_a_photograph_travels_through_the_published_geometry(hub):
    hub.go.set()
    trip = journey.travelled(None, PHOTOGRAPHS[0].captions[0], PHOTOGRAPHS[0], B32)
    assert trip.journey.grid == (12, 18)
    for stop in STOPS:
        assert stop.draw(trip, begun(stop, trip)).picture
    assert "216 patches" in STOPS[0].draw(trip, begun(STOPS[0], trip)).says


def test_heads_that_a_checkpoint_lacks_are_told(trip, monkeypatch):
    stop, choice = BY_NAME["Heads"], begun(BY_NAME["Heads"], trip)
    assert "published without" not in stop.draw(trip, choice).picture
    for head in ("itm", "mlm", "vqa"):
        monkeypatch.setattr(trip.predictor.model, head, None)
    assert stop.draw(trip, choice).picture.count("published without") == 3
    assert stop.quiz(trip).right == "no"
    pooler = BY_NAME["Pooler"]
    assert "no head that matches" in pooler.draw(trip, begun(pooler, trip)).tells


def test_another_model_opens_with_a_picture_of_its_world_or_takes_ones_own(tiny, wide):
    *_, text, suggestions = tour.introduced(TINY, None, "", None)
    assert text == suggestions["chosen"] == services.captions_of(EXAMPLES[0])[0]
    strip, image, key, keys, text, _ = tour.introduced(TINY, wide, "A cat", None)
    assert (key, keys, text) == (None, EXAMPLES, "A cat")
    assert image == gr.skip()
    assert strip["chosen"] is None
    assert tour.brought(EXAMPLES, "A cat", TINY)[1] is None
