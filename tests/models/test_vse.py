"""VSE++: laws of a CNN, a GRU and a dot product."""

import pytest
import torch
from torch.nn.functional import normalize

from vilt_core.config import CnnConfig, VseConfig, vse_resnet152
from vilt_core.evaluation.cost import cost_at_own_size
from vilt_core.models import build
from vilt_core.models.vse import Vse
from vilt_core.objectives import contrastive, triplet, vqa_single
from vilt_core.types import ImageBatch, TextBatch

CONFIG = VseConfig(
    vocab_size=50,
    word_width=12,
    max_text_tokens=9,
    cnn=CnnConfig(depths=(1, 1, 1), widths=(8, 12, 20), bottleneck=False, stages=3),
    image_size=64,
    shared_width=16,
    answers=5,
)
SIZES = [(64, 48), (48, 64), (32, 32)]


def texts(*lengths: int) -> TextBatch:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, 50, mask.shape, generator=torch.Generator().manual_seed(1))
    return TextBatch(ids=ids * mask, mask=mask)


def images() -> ImageBatch:
    pixels = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    mask = torch.zeros(3, 64, 64, dtype=torch.bool)
    for row, (height, width) in enumerate(SIZES):
        mask[row, :height, :width] = True
    return ImageBatch(pixels=pixels, mask=mask)


@pytest.fixture
def model() -> Vse:
    torch.manual_seed(0)
    whole = Vse(CONFIG).eval()
    for parameter in whole.parameters():  # away from the start, where everything is nearly linear
        parameter.data += 0.1 * torch.randn_like(parameter)
    return whole


def test_shapes_places_and_heads(model):
    out = model(texts(7, 4, 9), images())
    assert out.grid == (4, 4)
    assert out.text.shape == (3, 9, 16)
    assert out.image.shape == (3, 16, 16)
    assert out.image_mask.sum(dim=1).tolist() == [12, 12, 4]
    assert out.positions[2].tolist()[:6] == [[0, 0], [0, 1], [-1, -1], [-1, -1], [1, 0], [1, 1]]
    assert model.vqa(out.pooled).shape == (3, 5)


def test_vectors_have_length_one_and_scores_are_cosines(model):
    out = model(texts(7, 4, 9), images())
    for vector in (out.text_vector, out.image_vector):
        torch.testing.assert_close(vector.norm(dim=-1), torch.ones(3))
    scores = model.score(out.text_vector, out.image_vector)
    cosines = torch.cosine_similarity(out.text_vector[:, None], out.image_vector[None], dim=-1)
    torch.testing.assert_close(scores, cosines)


def test_everything_alone_is_everything_in_a_padded_batch(model):
    text, image = texts(7, 4, 9), images()
    together = model(text, image)
    scores = model.score(together.text_vector, together.image_vector)
    for row, (height, width) in enumerate(SIZES):
        length = int(text.mask[row].sum())
        ids = text.ids[row : row + 1, :length]
        alone = model(
            TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool)),
            ImageBatch(pixels=image.pixels[row : row + 1, :, :height, :width]),
        )
        torch.testing.assert_close(alone.text[0], together.text[row, :length])
        torch.testing.assert_close(alone.image[0], together.image[row, together.image_mask[row]])
        torch.testing.assert_close(alone.pooled[0], together.pooled[row])
        pair = model.score(alone.text_vector, alone.image_vector)
        torch.testing.assert_close(pair[0, 0], scores[row, row])


def test_a_picture_is_its_cells(model):
    """As published: mean, length 1, linear, length 1; and the parts of the score add up to it."""
    out = model(texts(7, 4, 9), images())
    for row, (height, width) in enumerate(SIZES):
        grid = model.image_cnn(images().pixels[row : row + 1, :, :height, :width])
        pooled = normalize(grid.mean(dim=(2, 3)), dim=-1)
        vector = normalize(model.image_projection(pooled), dim=-1)[0]
        torch.testing.assert_close(out.image_vector[row], vector)
        parts = out.image[row, out.image_mask[row]] @ out.text_vector[row]
        length = out.image[row, out.image_mask[row]].mean(dim=0).norm()
        torch.testing.assert_close(parts.mean() / length, vector @ out.text_vector[row])


def test_towers_never_meet(model):
    one, other = model(texts(7, 4, 9), images()), model(texts(4, 7, 9), images())
    torch.testing.assert_close(one.image_vector, other.image_vector, atol=0, rtol=0)
    torch.testing.assert_close(one.image_vector, model.encode_image(images()))
    assert not torch.allclose(one.text_vector[:2], other.text_vector[:2])


@pytest.mark.parametrize("loss", [triplet, contrastive])
def test_the_gradient_reaches_every_parameter(model, loss):
    out = model.train()(texts(7, 4, 9), images())
    answered = vqa_single(model.vqa(out.pooled), torch.tensor([0, 3, 1]))
    (loss(model.score(out.text_vector, out.image_vector)) + answered).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


def test_the_published_size():
    with torch.device("meta"):
        model = build("vse")
    assert model.config == vse_resnet152()
    resnet152 = 60_192_808 - (2048 * 1000 + 1000)  # torchvision's, without its classifier
    gru = 3 * (300 * 1024 + 1024 * 1024 + 2 * 1024)
    assert sum(p.numel() for p in model.parameters()) == (
        resnet152 + 2048 * 1024 + 1024 + 11755 * 300 + gru
    )


def test_its_cost_is_that_of_the_picture():
    found = cost_at_own_size(Vse(CONFIG))
    visual, text, interaction = found.components
    cells, width, steps = 4 * 4, CONFIG.shared_width, CONFIG.max_text_tokens
    assert found.patches == cells
    assert visual.flops > 2 * cells * 20 * width
    assert text.flops == 2 * steps * 3 * width * (CONFIG.word_width + width)
    assert interaction.flops == interaction.parameters == 0
