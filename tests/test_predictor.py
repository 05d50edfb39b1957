"""What a person asks of a model by name: the answers' laws, and a sentence for what cannot be."""

import copy
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import vilt_core
from vilt_core.config import ViltConfig
from vilt_core.data.image import Processing
from vilt_core.data.text import SPECIAL, Tokenizer
from vilt_core.explain.align import chosen_iterations
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import save_folder
from vilt_core.layers.packed import has_bfloat16_units
from vilt_core.models.vilt import Vilt
from vilt_core.predictor import PAIRS, Predictor, load

SENTENCES = [
    "a cat next to a red apple",
    "there is a giraffe on the left of the banana",
    "how many cats are there?",
    "is the dog above the yellow umbrella?",
    "two strawberries and a blue heart",
]
ANSWERS = ("yes", "no", "one", "two", "three", "cat", "dog")
QUESTION = "how many cats are there?"
CAPTION = "A giraffe next to two umbrellas"
NOISE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
WIDE = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def bundle():
    tokenizer = Tokenizer.train(SENTENCES, vocab_size=100, max_tokens=16)
    config = ViltConfig(
        vocab_size=len(tokenizer) + 3,  # a padded table: ids that no piece has
        width=24,
        depth=3,
        heads=3,
        image_size=32,
        patch_size=8,
        max_text_tokens=16,
        max_patches=5,  # while training; here all 16 have to be seen
        answers=len(ANSWERS),
        dropout=0.1,
    )
    torch.manual_seed(0)
    model = Vilt(config)
    for parameter in model.parameters():  # away from the start, where all pictures look alike
        parameter.data += 0.1 * torch.randn_like(parameter)
    return Bundle(name="tiny", model=model, tokenizer=tokenizer, answers=ANSWERS)


@pytest.fixture(scope="module")
def predictor(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_folder(bundle, folder)
    return load(folder)


def another_with(bundle, **settings):
    """A model with other heads, away from its start."""
    torch.manual_seed(1)
    model = Vilt(replace(bundle.model.config, **settings))
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    answers = ANSWERS if model.vqa else ()
    return Predictor(replace(bundle, model=model, answers=answers))


def refusal(call, *args, **settings):
    with pytest.raises(ValueError, match=r".+") as caught:
        call(*args, **settings)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 400
    return sentence


def by_hand(predictor, image, text):
    """The model's own output, the text read without a predictor."""
    batch = predictor.tokenizer.encode([text]).batch
    with torch.inference_mode():
        return batch.ids, predictor.model(batch, predictor.prepare(image)[1])


# Opening


def test_the_package_opens_lazily():
    code = (
        "import sys, vilt_core; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules); "
        "assert set(vilt_core.__all__) <= set(dir(vilt_core))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    for name in vilt_core.__all__:
        assert getattr(vilt_core, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vilt_core.nothing


def test_what_a_loaded_model_says_of_itself(predictor):
    assert (predictor.name, predictor.domain) == ("tiny", "stickers")
    assert predictor.answers == ANSWERS
    assert predictor.image_size == 32
    assert not predictor.model.training


@pytest.mark.parametrize("name", ["nonsense", "owner/name/more", "vilt.ckpt", "a\0b"])
def test_unknown_names(name):
    sentence = refusal(load, name)
    assert repr(name) in sentence
    assert "Hugging Face" in sentence


def test_folders_that_are_no_model(predictor, tmp_path):
    assert "config.json" in refusal(load, tmp_path)
    assert "config.json" in refusal(load, str(tmp_path))
    assert "config.json" in refusal(load, "")


# Answering


def test_all_answers_are_a_distribution(predictor):
    found = predictor.answer(NOISE, QUESTION, top_k=100)
    assert {answer.text for answer in found} == set(ANSWERS)
    assert sum(answer.probability for answer in found) == pytest.approx(1)
    chances = [answer.probability for answer in found]
    assert chances == sorted(chances, reverse=True)
    assert predictor.answer(NOISE, QUESTION) == found[:5]
    assert predictor.answer(NOISE, QUESTION, top_k=1) == found[:1]


def test_answers_are_the_models(predictor):
    _, output = by_hand(predictor, WIDE, QUESTION)
    with torch.inference_mode():
        expected = predictor.model.vqa(output.pooled).softmax(-1)[0]
    for answer in predictor.answer(WIDE, QUESTION, top_k=len(ANSWERS)):
        place = ANSWERS.index(answer.text)
        assert answer.probability == pytest.approx(expected[place].item(), abs=1e-6)


def test_picture_and_question_both_count(predictor):
    found = predictor.answer(NOISE, QUESTION)
    assert predictor.answer(255 - NOISE, QUESTION) != found
    assert predictor.answer(NOISE, "is the dog above the cat?") != found


def test_one_picture_however_it_is_handed_in(predictor, tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "noise.png")
    found = predictor.answer(NOISE, QUESTION)
    content = (tmp_path / "noise.png").read_bytes()
    for image in (tmp_path / "noise.png", Image.fromarray(NOISE), content, NOISE / 255.0):
        assert predictor.answer(image, QUESTION) == found


def test_what_the_model_sees_it_sees_as_it_is(predictor):
    noise = np.random.default_rng(2).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    for height, width in ((300, 300), (40, 60), (37, 300), (300, 9), (2, 300), (1, 1), (131, 97)):
        whole = noise[:height, :width]
        seen = predictor.seen(whole)
        np.testing.assert_array_equal(np.asarray(predictor.seen(seen)), np.asarray(seen))
        np.testing.assert_array_equal(
            predictor.match(seen, CAPTION), predictor.match(whole, CAPTION)
        )


def test_same_input_same_output_whatever_came_between(predictor):
    def everything():
        return (
            predictor.answer(WIDE, QUESTION),
            predictor.match([NOISE, WIDE], SENTENCES).tolist(),
            predictor.fill(WIDE, "a [MASK]"),
            predictor.align(WIDE, CAPTION).plan.tolist(),
        )

    torch.manual_seed(1)
    first = everything()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert everything() == first
    assert torch.equal(torch.get_rng_state(), state)


def test_threads_may_share_a_predictor(predictor):
    pictures = [np.roll(NOISE, shift, axis=0) for shift in range(12)]
    expected = [predictor.answer(picture, QUESTION) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda picture: predictor.answer(picture, QUESTION), pictures))
    assert found == expected


def test_a_model_without_answers_says_so(bundle):
    model = Vilt(replace(bundle.model.config, answers=0))
    silent = Predictor(replace(bundle, model=model, answers=()))
    assert "no VQA head" in refusal(silent.answer, NOISE, QUESTION)
    assert silent.match(NOISE, QUESTION).shape == (1, 1)


@pytest.mark.parametrize("top_k", [0, -1])
def test_top_k_counts(predictor, top_k):
    assert f"got {top_k}" in refusal(predictor.answer, NOISE, QUESTION, top_k=top_k)
    assert f"got {top_k}" in refusal(predictor.fill, NOISE, "a [MASK]", top_k=top_k)


# Matching


def test_every_image_with_every_text(predictor):
    images = [NOISE, WIDE, 255 - NOISE, Image.fromarray(WIDE).rotate(90, expand=True)]
    scores = predictor.match(images, SENTENCES)
    assert scores.shape == (4, 5)
    assert ((scores > 0) & (scores < 1)).all()
    for row, image in enumerate(images):
        for column, text in enumerate(SENTENCES):
            _, output = by_hand(predictor, image, text)
            with torch.inference_mode():
                alone = predictor.model.itm(output.pooled).softmax(-1)[0, 1].item()
            assert scores[row, column] == pytest.approx(alone, abs=1e-6)


def test_one_alone_is_a_list_of_one(predictor):
    assert predictor.match(NOISE, QUESTION).shape == (1, 1)
    assert np.array_equal(predictor.match(NOISE, SENTENCES), predictor.match((NOISE,), SENTENCES))
    assert predictor.match([NOISE, WIDE], QUESTION).shape == (2, 1)


def test_more_pairs_than_fit_at_once(predictor):
    texts = [f"{text} {text}"[:30] for text in SENTENCES] * (PAIRS // 5 + 1)
    scores = predictor.match([NOISE, WIDE], texts)
    assert scores.shape == (2, len(texts))
    np.testing.assert_allclose(scores[:, :5], scores[:, -5:], atol=1e-6)


def test_more_pictures_than_are_held_at_once(predictor, monkeypatch):
    images = [NOISE, WIDE, 255 - NOISE, 255 - WIDE, WIDE]
    together = predictor.match(images, SENTENCES)
    monkeypatch.setattr(vilt_core.predictor, "HELD", 2)
    np.testing.assert_allclose(predictor.match(images, SENTENCES), together, atol=1e-6)
    np.testing.assert_allclose(together[1], together[4], atol=1e-6)


def test_a_model_for_retrieval_matches_by_its_rank(bundle):
    ranked = another_with(bundle, tasks=("itm", "rank"))
    scores = ranked.match([NOISE, WIDE], SENTENCES)
    for column, text in enumerate(SENTENCES):
        _, output = by_hand(ranked, WIDE, text)
        with torch.inference_mode():
            alone = ranked.model.rank(output.pooled).sigmoid().item()
        assert scores[1, column] == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda model: model.match(NOISE, QUESTION), "neither|no ITM"),
        (lambda model: model.fill(NOISE, "a [MASK]"), "no MLM head"),
        (lambda model: model.compare(NOISE, WIDE, QUESTION), "no NLVR2 head"),
        (lambda model: model.answer(NOISE, QUESTION), "no VQA head"),
    ],
)
def test_a_model_without_the_head_says_so(bundle, ask, said):
    bare = another_with(bundle, tasks=(), answers=0)
    with pytest.raises(ValueError, match=f"^tiny .*({said})"):
        ask(bare)


def test_nothing_to_match(predictor):
    assert "images must hold at least one" in refusal(predictor.match, [], QUESTION)
    assert "texts must hold at least one" in refusal(predictor.match, NOISE, [])


# Comparing


def test_a_statement_is_judged_by_both_images_and_their_order(bundle):
    pairs = another_with(bundle, tasks=("nlvr2",), modality_types=3)
    chance = pairs.compare(NOISE, WIDE, CAPTION)
    assert 0 < chance < 1
    text = pairs.tokenizer.encode([CAPTION]).batch
    with torch.inference_mode():
        pooled = [
            pairs.model(text, pairs.prepare(image)[1], image_type=row).pooled
            for row, image in ((1, NOISE), (2, WIDE))
        ]
        alone = pairs.model.nlvr2.pair(*pooled).softmax(-1)[0, 1].item()
    assert chance == pytest.approx(alone, abs=1e-6)
    assert chance != pytest.approx(pairs.compare(WIDE, NOISE, CAPTION), abs=1e-6)
    assert chance != pytest.approx(pairs.compare(NOISE, NOISE, CAPTION), abs=1e-6)


def test_a_comparison_is_what_the_two_readings_give(bundle):
    pairs = another_with(bundle, tasks=("nlvr2",), modality_types=3)
    found, swapped = pairs.weigh(NOISE, WIDE, CAPTION), pairs.weigh(WIDE, NOISE, CAPTION)
    assert found.probability == pairs.compare(NOISE, WIDE, CAPTION)
    with torch.inference_mode():
        pooled = (torch.from_numpy(state)[None] for state in (found.left, found.right))
        again = pairs.model.nlvr2.pair(*pooled).softmax(-1)[0, 1].item()
    assert again == pytest.approx(found.probability, abs=1e-6)
    assert np.abs(found.left).max() <= 1  # a tanh comes last
    assert not np.allclose(found.left, swapped.right)  # another type row


# Filling


def test_every_mask_gets_real_pieces(predictor, bundle):
    everything = predictor.fill(NOISE, "a [MASK] next to [mask]", top_k=10_000)
    assert len(everything) == 2
    for pieces in everything:
        assert len(pieces) == len(bundle.tokenizer) - len(SPECIAL)
        assert not {piece.text for piece in pieces} & set(SPECIAL)
        assert sum(piece.probability for piece in pieces) == pytest.approx(1)
        chances = [piece.probability for piece in pieces]
        assert chances == sorted(chances, reverse=True)
    assert [pieces[:3] for pieces in everything] == predictor.fill(
        NOISE, "a [Mask] next to [MASK]", top_k=3
    )


@pytest.mark.parametrize("image", [NOISE, None])
def test_pieces_are_the_models(predictor, image):
    text = "a [MASK] next to a cat"
    batch = predictor.tokenizer.encode([text]).batch
    with torch.inference_mode():
        output = predictor.model(batch, None if image is None else predictor.prepare(image)[1])
        logits = predictor.model.mlm(output.text)[0, 2, : len(predictor.tokenizer)]
    logits = logits.clone()
    logits[: len(SPECIAL)] = -torch.inf
    best = predictor.fill(image, text, top_k=1)[0][0]
    assert best.text == predictor.tokenizer.token(int(logits.argmax()))
    assert best.probability == pytest.approx(logits.softmax(-1).max().item(), abs=1e-6)


def test_a_text_without_a_mask(predictor):
    assert "[MASK]" in refusal(predictor.fill, NOISE, "a cat")
    assert "[MASK]" in refusal(predictor.fill, None, "a cat")


def test_a_hidden_word_is_guessed_as_its_mask_is_filled(predictor):
    for image in (NOISE, None):
        (guess,) = predictor.guess(image, "a cat next to a dog", [2], top_k=10_000)
        (filled,) = predictor.fill(image, "a [MASK] next to a dog", top_k=10_000)
        assert guess.likeliest == filled
        assert guess.likeliest[guess.rank - 1] == guess.truth
        assert guess.truth.text == "cat"


def test_a_single_piece_can_be_hidden(predictor):
    text = "a giraffe and a catapult"
    word = next(w for w in predictor.tokenizer.words(text) if len(w.tokens) > 2)
    pieces = predictor.tokenizer.pieces(text)
    middle = word.tokens[1]
    (alone,) = predictor.guess(NOISE, text, [middle])
    whole = predictor.guess(NOISE, text, [*reversed(word.tokens), middle])
    assert [guess.token for guess in whole] == list(word.tokens)
    assert [guess.truth.text for guess in whole] == [pieces[at - 1] for at in word.tokens]
    assert alone.truth.text == whole[1].truth.text
    assert alone.truth.probability != pytest.approx(whole[1].truth.probability, abs=1e-9)


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        ([], "hide at least one word"),
        ([0], "must lie in 1 to 2"),
        ([3], "must lie in 1 to 2"),
        ([-1], "must lie in 1 to 2"),
    ],
)
def test_tokens_that_cannot_be_hidden(predictor, hidden, said):
    assert said in refusal(predictor.guess, NOISE, "a cat", hidden)


def test_what_is_no_piece_of_a_word_cannot_be_hidden(predictor):
    assert "got [MASK]" in refusal(predictor.guess, NOISE, "a [MASK] cat", [2])


# Aligning


@pytest.fixture(scope="module")
def aligned(predictor):
    return predictor.align(WIDE, CAPTION, trace=True)


def test_rows_are_tokens_and_columns_are_patches(predictor, aligned):
    ids = predictor.tokenizer.encode([CAPTION]).batch.ids[0, 1:-1].tolist()
    assert aligned.tokens == tuple(predictor.tokenizer.token(index) for index in ids)
    assert aligned.grid == (4, 6)
    assert aligned.cost.shape == aligned.plan.shape == (len(ids), 24)
    rows = [row for word in aligned.words for row in word.tokens]
    assert rows == list(range(len(ids)))
    assert [word.text for word in aligned.words] == CAPTION.split()


def test_the_cost_is_one_minus_the_cosine(predictor, aligned):
    _, output = by_hand(predictor, WIDE, CAPTION)
    text, image = output.text[0, 1:-1].numpy(), output.image[0].numpy()
    norms = np.linalg.norm(text, axis=1)[:, None] * np.linalg.norm(image, axis=1)
    np.testing.assert_allclose(aligned.cost, 1 - text @ image.T / norms, atol=1e-5)


def test_the_plan_is_ipot_and_carries_all_mass(aligned):
    """Against the algorithm of the paper, written down in six lines."""
    cost, plan = aligned.cost, np.ones_like(aligned.cost)
    l, n = cost.shape
    sigma = np.ones(l) / l
    for _ in range(50):
        q = np.exp(-cost / 0.5) * plan
        delta = 1 / (n * (sigma @ q))
        sigma = 1 / (l * (q @ delta))
        plan = sigma[:, None] * q * delta
    np.testing.assert_allclose(aligned.plan, plan, atol=1e-12)
    np.testing.assert_allclose(aligned.plan.sum(1), 1 / l, atol=1e-12)
    assert aligned.plan.sum() == pytest.approx(1)
    assert aligned.transport_cost == pytest.approx((aligned.cost * aligned.plan).sum())
    assert (aligned.beta, aligned.iterations) == (0.5, 50)


def test_masses_of_all_words_are_the_mass_of_the_patches(aligned):
    mass = [aligned.mass(word) for word in range(len(aligned.words))]
    np.testing.assert_allclose(np.sum(mass, axis=0).ravel(), aligned.plan.sum(axis=0))


def test_a_heatmap_is_mass_times_similarity(aligned):
    heat = [aligned.heatmap(word) for word in range(len(aligned.words))]
    assert {heatmap.shape for heatmap in heat} == {(4, 6)}
    carried = aligned.plan * np.clip(1 - aligned.cost, 0, None)
    np.testing.assert_allclose(np.sum(heat, axis=0).ravel(), carried.sum(axis=0), atol=1e-15)
    assert min(heatmap.min() for heatmap in heat) >= 0
    assert np.array_equal(aligned.heatmap("GIRAFFE"), heat[1])
    assert np.array_equal(aligned.heatmap(-1), heat[-1])


def test_what_the_words_carry_is_the_transport_cost(aligned):
    carried = [aligned.carried_cost(word) for word in range(len(aligned.words))]
    assert sum(carried) == pytest.approx(aligned.transport_cost)
    assert aligned.carried_cost("GIRAFFE") == carried[1]


def test_shares_on_a_patch_are_a_distribution(aligned):
    for row in range(4):
        for column in range(6):
            shares = aligned.words_at(row, column)
            assert sum(share for _, share in shares) == pytest.approx(1)
            assert [share for _, share in shares] == sorted((s for _, s in shares), reverse=True)
            word, share = shares[0]
            mass = aligned.plan[:, row * 6 + column].sum()
            assert share == pytest.approx(aligned.mass(word)[row, column] / mass)


def test_words_and_patches_that_are_not_there(aligned):
    assert "it has: A, giraffe" in refusal(aligned.heatmap, "zebra")
    assert "got index 9" in refusal(aligned.heatmap, 9)
    assert "4 x 6" in refusal(aligned.words_at, 4, 0)
    assert "4 x 6" in refusal(aligned.words_at, 0, -1)


def test_the_trace_ends_at_the_plan(predictor, aligned):
    trace = aligned.trace
    assert trace.iterations == tuple(range(1, 51))
    assert np.array_equal(trace.plans[-1], aligned.plan)
    assert trace.transport_cost[-1] == pytest.approx(aligned.transport_cost)
    # Without a trace another road is taken, to the same plan.
    untraced = predictor.align(WIDE, CAPTION).plan
    np.testing.assert_allclose(untraced, aligned.plan, atol=1e-9 / aligned.plan.size)
    l, n = aligned.plan.shape
    errors = np.abs(trace.plans.sum(axis=1) - 1 / n).sum(axis=1)
    np.testing.assert_allclose(trace.image_error, errors, atol=1e-12)
    assert trace.text_error.max() < 1e-12
    assert trace.entropy[0] <= np.log(l * n)
    rebuilt = predictor.align(WIDE, CAPTION, trace=True, iterations=1).trace
    kernel = np.exp(-aligned.cost / 0.5)
    made = rebuilt.text_scaling[0][:, None] * kernel * rebuilt.image_scaling[0]
    np.testing.assert_allclose(made, trace.plans[0], atol=1e-12)


def test_iterations_of_a_trace_can_be_chosen(predictor):
    chosen = predictor.align(NOISE, CAPTION, trace=True, trace_at=[10, 3]).trace
    assert chosen.iterations == (3, 10)
    assert chosen.plans.shape[0] == 2
    long = predictor.align(NOISE, CAPTION, trace=True, iterations=1000, beta=0.1)
    assert long.trace.iterations == chosen_iterations(1000)
    assert np.array_equal(long.trace.plans[-1], long.plan)
    assert predictor.align(NOISE, CAPTION).trace is None


@pytest.mark.parametrize("total", [1, 2, 50, 59, 60, 61, 100, 1000, 20_000])
@pytest.mark.parametrize("count", [2, 5, 60])
def test_chosen_iterations(total, count):
    chosen = chosen_iterations(total, count)
    steps = np.diff(chosen)
    assert (chosen[0], chosen[-1]) == (1, total)
    assert len(chosen) == min(total, count)
    assert (steps > 0).all()
    assert (np.diff(steps) >= -1).all()  # they grow, but for rounding


def test_every_layer_can_be_asked(predictor):
    depth = predictor.model.config.depth
    last = predictor.align(NOISE, CAPTION)
    plans = [predictor.align(NOISE, CAPTION, layer=layer).plan for layer in range(depth + 1)]
    assert np.array_equal(plans[depth], last.plan)
    assert np.array_equal(plans[0], predictor.align(NOISE, CAPTION, layer=-depth - 1).plan)
    assert len({plan.tobytes() for plan in plans}) == depth + 1


def test_settings_out_of_range(predictor):
    assert "beta" in refusal(predictor.align, NOISE, CAPTION, beta=0.0)
    assert "beta" in refusal(predictor.align, NOISE, CAPTION, beta=1e-9)
    for settings in ({"iterations": 0}, {"iterations": 0, "trace": True}):
        assert "iterations" in refusal(predictor.align, NOISE, CAPTION, **settings)
    assert "-4 to 3, got 4" in refusal(predictor.align, NOISE, CAPTION, layer=4)
    assert "trace=True" in refusal(predictor.align, NOISE, CAPTION, trace_at=[1])
    assert "1 to 50" in refusal(predictor.align, NOISE, CAPTION, trace=True, trace_at=[51])


# What cannot be


BAD_TEXTS = ["", "  ", "?!", "🐱", "猫はどこ", "cat " * 2_500, "cat " * 15, "\0"]
BAD_TEXTS += ["\ud800", "\ud800 cat"]  # half a character


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_bad_texts_are_refused_and_the_next_request_works(predictor, text):
    before = predictor.answer(NOISE, QUESTION)
    assert "question" in refusal(predictor.answer, NOISE, text) or "猫" in text
    refusal(predictor.match, NOISE, [QUESTION, text])
    refusal(predictor.fill, NOISE, text)
    refusal(predictor.align, NOISE, text)
    assert predictor.answer(NOISE, QUESTION) == before


@pytest.mark.parametrize(
    "image",
    [
        "nowhere.png",
        ".",
        b"",
        b"no picture",
        np.zeros((3, 3, 3, 3)),
        np.full((4, 4), np.nan),
        Image.new("RGB", (0, 3)),
        7,
    ],
)
def test_bad_images_are_refused_and_the_next_request_works(predictor, image):
    before = predictor.answer(NOISE, QUESTION)
    refusal(predictor.answer, image, QUESTION)
    refusal(predictor.match, [NOISE, image], QUESTION)
    refusal(predictor.fill, image, "a [MASK]")
    refusal(predictor.align, image, CAPTION)
    refusal(predictor.prepare, image)
    assert predictor.answer(NOISE, QUESTION) == before


MISUSED = """
import json, sys, vilt_core
import numpy as np

predictor = vilt_core.load(sys.argv[1])
noise, text, masked = np.zeros((32, 32, 3), np.uint8), "a cat next to an apple", "a [MASK]"
calls = {
    "beta": lambda: predictor.align(noise, text, beta="a"),
    "iterations": lambda: predictor.align(noise, text, iterations="a", trace=True),
    "layer": lambda: predictor.align(noise, text, layer="a"),
    "trace_at": lambda: predictor.align(noise, text, trace=True, trace_at="a"),
    "trace_at once": lambda: predictor.align(noise, text, trace=True, trace_at=7),
    "top_k": lambda: predictor.answer(noise, text, top_k="a"),
    "top_k of masks": lambda: predictor.fill(noise, masked, top_k=2.5),
    "text": lambda: predictor.align(noise, 3),
    "dtype": lambda: vilt_core.load(sys.argv[1], dtype=16),
    "revision": lambda: vilt_core.load("owner/name", revision=3),
    "no name": lambda: vilt_core.load(None),
}
said = {}
for name, call in calls.items():
    try:
        call()
    except ValueError as error:
        said[name] = str(error)
print(json.dumps(said))
"""


def test_settings_of_another_type(bundle, tmp_path):
    """As a user meets them: with annotations that nobody checks."""
    save_folder(bundle, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", MISUSED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "beta": "beta must be finite and greater than 0, got 'a'",
        "iterations": "iterations must be an integer of at least 1, got 'a'",
        "layer": "layer must be a whole number, got 'a'",
        "trace_at": "trace_at must hold whole numbers, got 'a'",
        "trace_at once": "trace_at must hold whole numbers, got 7",
        "top_k": "top_k must be an integer of at least 1, got 'a'",
        "top_k of masks": "top_k must be an integer of at least 1, got 2.5",
        "text": "the text must be a string, got int",
        "dtype": "dtype must be auto, float32 or bfloat16, got 16",
        "revision": "revision must be a branch, a tag or a commit, got 3",
        "no name": "expected the name or the path of a model, got None",
    }


def test_words_that_nobody_knows_may_stand_beside_known_ones(predictor):
    assert len(predictor.answer(NOISE, "猫: how many cats 🐱 are there?")) == 5


@pytest.mark.parametrize("size", [(1, 1), (20_000, 20), (3, 900), (31, 33)])
def test_odd_sizes_work(predictor, size):
    image = Image.new("RGB", size, (200, 30, 40))
    seen, batch = predictor.prepare(image)
    assert batch.pixels.shape == (1, 3, seen.height, seen.width)
    rows, columns = predictor.align(image, CAPTION).grid
    assert (rows * 8, columns * 8) == (seen.height, seen.width)
    assert len(predictor.answer(image, QUESTION)) == 5


def test_a_picture_of_the_models_size_is_seen_as_it_is(predictor):
    seen, batch = predictor.prepare(NOISE)
    assert np.array_equal(np.asarray(seen), NOISE)
    assert batch.mask is None
    expected = torch.from_numpy(NOISE.transpose(2, 0, 1).copy()).float() / 127.5 - 1
    assert torch.equal(batch.pixels[0], expected)


# Precision


def test_a_precision_that_is_none(bundle):
    with pytest.raises(ValueError, match="dtype must be auto, float32 or bfloat16, got 'int8'"):
        Predictor(bundle, dtype="int8")


def test_bfloat16_needs_its_units(bundle, monkeypatch):
    monkeypatch.setattr(vilt_core.predictor, "has_bfloat16_units", lambda: False)
    assert Predictor(bundle).dtype == torch.float32
    with pytest.raises(ValueError, match="no bfloat16 units"):
        Predictor(bundle, dtype="bfloat16")


def test_small_models_keep_every_digit(bundle, monkeypatch):
    monkeypatch.setattr(vilt_core.predictor, "has_bfloat16_units", lambda: True)
    assert Predictor(bundle).dtype == torch.float32


@pytest.mark.skipif(not has_bfloat16_units(), reason="this processor has no bfloat16 units")
def test_bfloat16_answers_are_close(bundle, predictor):
    half = Predictor(replace(bundle, model=copy.deepcopy(predictor.model)), dtype="bfloat16")
    for image in (NOISE, WIDE):
        exact = {one.text: one.probability for one in predictor.answer(image, QUESTION, top_k=9)}
        for one in half.answer(image, QUESTION, top_k=9):
            assert one.probability == pytest.approx(exact[one.text], abs=0.03)
        np.testing.assert_allclose(
            half.match(image, SENTENCES), predictor.match(image, SENTENCES), atol=0.03
        )


# Pictures


def test_pictures_are_prepared_as_the_checkpoint_wants_them(bundle):
    wanted = Processing(size=48, patch_size=16, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    seen, read = Predictor(replace(bundle, pictures=wanted)).prepare(WIDE)
    assert seen.size == (64, 48)
    expected = np.asarray(seen) / 255
    expected = (expected - np.array(wanted.mean)) / np.array(wanted.std)
    np.testing.assert_allclose(read.pixels[0].permute(1, 2, 0), expected, atol=1e-6)


def test_an_explanation_is_that_of_the_answer(predictor):
    best = predictor.answer(WIDE, QUESTION)[0].text
    found = predictor.explain(WIDE, QUESTION)
    assert (found.method, found.answer) == ("relevance", best)
    assert found.heat.shape[0] < found.heat.shape[1]
    assert " ".join(found.words) == QUESTION.replace("?", " ?")
    other = predictor.explain(WIDE, QUESTION, answer="dog")
    assert other.answer == "dog"
    assert not np.allclose(other.heat, found.heat)


def test_the_last_layer_says_what_the_model_answers(predictor):
    found = predictor.lens(WIDE, QUESTION, top_k=3)
    answers = predictor.answer(WIDE, QUESTION, top_k=3)
    assert found.answers[:3] == tuple(answer.text for answer in answers)
    expected = [answer.probability for answer in answers]
    np.testing.assert_allclose(found.probabilities[-1, :3], expected, atol=1e-6)


def test_what_cannot_be_explained_gets_a_sentence(predictor, bundle):
    assert "no answer 'griffin'" in refusal(predictor.explain, WIDE, QUESTION, answer="griffin")
    assert "method must be one of" in refusal(predictor.explain, WIDE, QUESTION, method="magic")
    assert "at least one letter" in refusal(predictor.lens, WIDE, "?!")
    assert "no VQA head" in refusal(another_with(bundle, answers=0).lens, WIDE, QUESTION)
