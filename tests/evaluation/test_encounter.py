"""What is shown of a meeting is what the model did: sums are its score, rows its attention."""

import numpy as np
import pytest
import torch

from vilt_core.evaluation.encounter import encounter
from vilt_core.evaluation.families import families, random_model
from vilt_core.evaluation.papers import FACTS
from vilt_core.types import ImageBatch

TEXT = "a cat next to a red heart"
APART = ("vse", "clip")


@pytest.fixture(scope="module")
def met(bundle):
    """Every family once: the model, the text, the picture and their encounter."""
    found = {}
    for name in families():
        torch.manual_seed(0)
        model = random_model(name, size="mini").eval()
        side = model.config.image_size
        image = ImageBatch(pixels=torch.rand(1, 3, side, side) * 2 - 1)
        text = bundle.tokenizer.encode([TEXT])
        found[name] = model, text.batch, image, encounter(model, bundle.tokenizer, TEXT, image)
    return found


def whole(looks):
    """The blocks put together again."""
    sides = "text", "image"
    return np.block([[looks.weights[of, to] for to in sides] for of in sides])


@pytest.mark.parametrize("name", families())
def test_pieces_are_regions_or_a_grid_and_tokens_those_of_the_text(met, bundle, name):
    _, batch, _, found = met[name]
    assert found.tokens == tuple(bundle.tokenizer.token(one) for one in batch.ids[0].tolist())
    assert (found.grid is None) == (FACTS[name].sees == "regions")
    if found.looks is not None:
        count = len(found.boxes) if found.grid is None else found.grid[0] * found.grid[1]
        assert found.looks.heat.shape == (len(found.tokens), count)
    assert (found.vectors is None) == (name not in APART) == (found.looks is not None)


@pytest.mark.parametrize("name", APART)
def test_products_of_two_vectors_add_up_to_the_score(met, name):
    model, batch, image, found = met[name]
    with torch.no_grad():
        score = float(model.score_all(batch, image))
    assert np.linalg.norm(found.vectors.text) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(found.vectors.image) == pytest.approx(1, abs=1e-5)
    products = found.vectors.text * found.vectors.image
    assert found.vectors.factor * products.sum() == pytest.approx(score, abs=1e-4)
    assert found.score == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in families() if name not in APART])
def test_what_one_looks_at_adds_up_to_one(met, name):
    looks = met[name][3].looks
    for side in ("text", "image"):
        rows = sum(block.sum(axis=1) for (of, _), block in looks.weights.items() if of == side)
        np.testing.assert_allclose(rows, 1, atol=1e-5)


@pytest.mark.parametrize("name", ["uniter", "pixelbert-r50", "pixelbert-x152", "vilt"])
def test_joint_attention_is_that_of_the_last_layer(met, name):
    model, batch, image, found = met[name]
    with torch.no_grad():
        last = model(batch, image, return_attentions=True).attentions[-1]
    np.testing.assert_allclose(whole(found.looks), last[0].mean(dim=0).numpy(), atol=1e-6)
    assert found.looks.how == "joint"
    assert found.looks.heads == last.shape[1]
    assert found.image_class == (name == "vilt")


@pytest.mark.parametrize("name", ["scan", "vilbert", "xlxmert"])
def test_two_streams_look_at_each_other_alone_both_ways(met, name):
    model, batch, image, found = met[name]
    with torch.no_grad():
        output = model(batch, image, return_attentions=True)
    skipped = int(name != "vilbert")  # the column of a [class] that only ViLBERT has
    there, back = output.text_to_image[-1][0].mean(dim=0), output.image_to_text[-1][0].mean(dim=0)
    assert set(found.looks.weights) == {("text", "image"), ("image", "text")}
    np.testing.assert_allclose(found.looks.weights["text", "image"], there[:, skipped:], atol=1e-6)
    np.testing.assert_allclose(found.looks.weights["image", "text"], back[skipped:], atol=1e-6)


@pytest.mark.parametrize("name", [name for name in families() if name not in APART])
def test_heat_is_what_words_look_at_without_the_picture_s_class(met, name):
    found = met[name][3]
    pieces = found.looks.weights["text", "image"][:, int(found.image_class) :]
    np.testing.assert_allclose(found.looks.heat, pieces, atol=1e-6)


def test_what_words_and_regions_of_scan_find_makes_its_score(met):
    model, batch, image, found = met["scan"]
    with torch.no_grad():
        score = float(model.score_all(batch, image))
    pooled = found.looks.pooled
    assert set(pooled) == {"text", "image"}
    assert sum(pooled.values()) / 2 == pytest.approx(score, abs=1e-5)
    assert pooled["text"] == pytest.approx(found.looks.found["text"].mean(), abs=1e-5)
    assert found.score == pytest.approx(score, abs=1e-6)


def test_a_head_that_tells_pairs_is_asked_and_its_odds_become_a_probability(met):
    model, batch, image, found = met["vilt"]
    with torch.no_grad():
        chances = model.itm(model.pool(batch, image)).softmax(dim=-1)
    assert found.matched == pytest.approx(float(chances[0, 1]), abs=1e-5)
    assert met["vse"][3].matched is None
    assert found.score is None


def test_a_sentence_without_words_is_refused(met, bundle):
    model, _, image, _ = met["vilt"]
    with pytest.raises(ValueError, match="at least one letter"):
        encounter(model, bundle.tokenizer, "!!!", image)
