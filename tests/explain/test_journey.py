"""The parts of a journey add up to what the model itself computes."""

import numpy as np
import pytest
import torch

from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.explain.journey import directions, travel
from vilt_core.layers.packed import has_bfloat16_units, pack
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch

TEXT = "A fox above the camel"
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([TEXT, "the fox", "a camels' camel"] * 9, vocab_size=60)


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=len(tokenizer), width=24, depth=3, heads=3, image_size=24, patch_size=8
    )
    whole = Vilt(config).eval()
    for parameter in whole.parameters():  # away from the start, where places hardly count
        parameter.data += 0.2 * torch.randn_like(parameter)
    return whole


@pytest.fixture(scope="module", params=[(24, 24), (16, 40)])
def image(request):
    generator = torch.Generator().manual_seed(1)
    return ImageBatch(pixels=torch.rand(1, 3, *request.param, generator=generator) * 2 - 1)


@pytest.fixture(scope="module")
def journey(model, tokenizer, image):
    return travel(model, tokenizer, TEXT, image)


@pytest.fixture(scope="module")
def output(model, tokenizer, image):
    batch = tokenizer.encode([TEXT]).batch
    with torch.inference_mode():
        return model(batch, image, return_states=True, return_attentions=True)


def test_words_and_places_are_normalised_to_the_texts_rows(model, journey):
    summed = torch.from_numpy(journey.word_rows + journey.word_places)
    normed = model.text_embedding.norm(summed).detach().numpy()
    np.testing.assert_allclose(normed, journey.text_rows, **CLOSE)


def test_a_patch_times_a_matrix_is_its_projection(model, journey):
    projection = model.patch_embedding.projection
    matrix = projection.weight.detach().flatten(1).numpy()
    product = journey.pixels @ matrix.T + projection.bias.detach().numpy()
    np.testing.assert_allclose(product, journey.projected, **CLOSE)


def test_all_parts_together_are_what_the_encoder_receives(journey, output):
    text = journey.text_rows + journey.types[0]
    image = np.vstack([journey.class_row[None], journey.projected + journey.patch_places])
    joint = np.vstack([text, image + journey.types[1]])
    np.testing.assert_allclose(joint, journey.states[0], **CLOSE)
    np.testing.assert_allclose(joint, output.states[0][0].numpy(), **CLOSE)
    assert len(joint) == journey.text_tokens + 1 + journey.patches


def test_every_state_is_the_models_own(journey, output):
    assert journey.depth == 3
    for found, expected in zip(journey.states, output.states, strict=True):
        np.testing.assert_allclose(found, expected[0].numpy(), **CLOSE)
    for found, expected in zip(journey.attention, output.attentions, strict=True):
        np.testing.assert_allclose(found, expected[0].mean(0).numpy(), **CLOSE)


def test_each_layer_adds_what_it_looked_at_and_what_it_thought(journey):
    steps = np.diff(journey.states, axis=0)
    np.testing.assert_allclose(journey.looked + journey.thought, steps, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(journey.attention.sum(axis=-1), 1, **CLOSE)


def test_the_last_state_normalised_and_pooled_is_the_models_output(journey, output):
    last = journey.normed[-1]
    np.testing.assert_allclose(last[: journey.text_tokens], output.text[0].numpy(), **CLOSE)
    np.testing.assert_allclose(last[journey.text_tokens + 1 :], output.image[0].numpy(), **CLOSE)
    np.testing.assert_allclose(journey.pooled[-1], output.pooled[0].numpy(), **CLOSE)


def test_likeness_is_one_minus_the_cost_of_the_alignment(model, tokenizer, image, journey):
    from vilt_core.explain.align import align

    for layer in range(journey.depth + 1):
        cost = align(model, tokenizer, TEXT, image, layer=layer, iterations=1).cost
        np.testing.assert_allclose(journey.alike(layer)[1:-1], 1 - cost, rtol=1e-4, atol=1e-5)


def test_pieces_are_those_of_the_words(journey, tokenizer):
    assert (journey.pieces[0], journey.pieces[-1]) == ("[CLS]", "[SEP]")
    assert [word.text for word in journey.words] == TEXT.split()
    for word in journey.words:
        spelled = "".join(journey.pieces[at].removeprefix("##") for at in word.tokens)
        assert spelled == word.text.lower()
    assert [tokenizer.token(index) for index in journey.ids.tolist()] == list(journey.pieces)


@pytest.mark.skipif(not has_bfloat16_units(), reason="this processor has no bfloat16 units")
def test_packed_blocks_tell_the_same(model, tokenizer, image, journey):
    import copy

    packed = copy.deepcopy(model)
    pack(packed)
    with torch.inference_mode():
        output = packed(tokenizer.encode([TEXT]).batch, image)
    found = travel(packed, tokenizer, TEXT, image)
    np.testing.assert_allclose(found.pooled[-1], output.pooled[0].numpy(), atol=0.03)
    np.testing.assert_allclose(
        found.looked + found.thought, np.diff(found.states, axis=0), atol=2e-2
    )


def test_directions_have_length_one_and_zeros_stay():
    rows = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(directions(rows), [[0.6, 0.8], [0.0, 0.0]])


def test_what_cannot_be_followed_is_refused(model, tokenizer, image, journey):
    with pytest.raises(ValueError, match="at least one letter"):
        travel(model, tokenizer, "?!", image)
    with pytest.raises(ValueError, match="expected one image, got 2"):
        travel(model, tokenizer, TEXT, image.take([0, 0]))
    for layer in (-1, 4):
        with pytest.raises(ValueError, match="layer must lie in 0 to 3"):
            journey.alike(layer)
