import copy
from dataclasses import replace

import pytest
import torch

from vilt_core.config import ViltConfig
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch, PatchEmbeddings, TextBatch

CONFIG = ViltConfig(
    vocab_size=50,
    width=24,
    depth=3,
    heads=3,
    image_size=24,
    patch_size=8,
    max_text_tokens=12,
    max_patches=6,
    answers=7,
    dropout=0.0,
)
SIZES = ((16, 40), (32, 8), (24, 24))


@pytest.fixture
def model():
    torch.manual_seed(0)
    whole = Vilt(CONFIG).eval()
    for parameter in whole.parameters():  # away from the start, where positions hardly count
        parameter.data += 0.2 * torch.randn_like(parameter)
    return whole


def texts(*lengths):
    longest = max(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    ids = torch.randint(1, 50, mask.shape, generator=torch.Generator().manual_seed(1))
    return TextBatch(ids=ids * mask, mask=mask)


def embedded(model: Vilt, image: ImageBatch, seed: int) -> PatchEmbeddings:
    """With patches dropped by that seed, where training drops some."""
    return model.embed_image(image, generator=torch.Generator().manual_seed(seed))


def images(*sizes, masked=True):
    height, width = (max(side) for side in zip(*sizes, strict=True))
    pixels = torch.randn(len(sizes), 3, height, width, generator=torch.Generator().manual_seed(2))
    mask = torch.zeros(len(sizes), height, width, dtype=torch.bool)
    for row, (h, w) in zip(mask, sizes, strict=True):
        row[:h, :w] = True
    return ImageBatch(pixels=pixels, mask=mask if masked else None)


def test_shapes_and_places(model):
    out = model(texts(5, 3), images((24, 40), (24, 40), masked=False))
    assert out.text.shape == (2, 5, 24)
    assert out.image.shape == (2, 15, 24)
    assert out.image_class.shape == out.pooled.shape == (2, 24)
    assert out.grid == (3, 5)
    assert out.image_mask.all()
    assert out.positions[0, 7].tolist() == [1, 2]
    assert out.states is None
    assert out.attentions is None


def test_heads_read_the_output(model):
    out = model(texts(5, 3), images((24, 24), (24, 24)))
    assert model.itm(out.pooled).shape == (2, 2)
    assert model.mlm(out.text).shape == (2, 5, 50)
    assert model.vqa(out.pooled).shape == (2, 7)


def test_no_answers_no_vqa_head():
    assert Vilt(ViltConfig(vocab_size=50, width=24, depth=1, heads=3)).vqa is None


def test_everything_alone_is_everything_in_a_padded_batch(model):
    text, image = texts(9, 4, 6), images(*SIZES)
    together = model(text, image)
    for i, (height, width) in enumerate(SIZES):
        length = int(text.mask[i].sum())
        alone = model(
            TextBatch(ids=text.ids[i : i + 1, :length], mask=text.mask[i : i + 1, :length]),
            ImageBatch(pixels=image.pixels[i : i + 1, :, :height, :width]),
        )
        real = together.image_mask[i]
        torch.testing.assert_close(together.text[i, :length], alone.text[0])
        torch.testing.assert_close(together.image[i][real], alone.image[0])
        torch.testing.assert_close(together.image_class[i], alone.image_class[0])
        torch.testing.assert_close(together.pooled[i], alone.pooled[0])
        assert torch.equal(together.positions[i][real], alone.positions[0])
        assert (together.positions[i][~real] == -1).all()


def test_what_lies_in_the_padding_does_not_matter(model):
    text, image = texts(9, 4, 6), images(*SIZES)
    other_text = TextBatch(ids=text.ids.masked_fill(~text.mask, 17), mask=text.mask)
    blank = image.pixels.masked_fill(~image.mask[:, None], 9.0)
    before, after = model(text, image), model(other_text, ImageBatch(pixels=blank, mask=image.mask))
    torch.testing.assert_close(before.pooled, after.pooled)
    torch.testing.assert_close(before.text[text.mask], after.text[text.mask])
    torch.testing.assert_close(before.image[before.image_mask], after.image[after.image_mask])


def test_fast_path_equals_slow_path(model):
    inputs = texts(9, 4, 6), images(*SIZES)
    slow = model(*inputs, return_attentions=True)
    with torch.no_grad():
        fast = model(*inputs)
    torch.testing.assert_close(slow.pooled, fast.pooled)
    torch.testing.assert_close(slow.text, fast.text)
    torch.testing.assert_close(slow.image, fast.image)


def test_states_and_attentions(model):
    text, image = texts(9, 4, 6), images(*SIZES)
    out = model(text, image, return_states=True, return_attentions=True)
    s = 9 + 1 + 10  # of a canvas of 20 patches no image has more than 10
    assert [state.shape for state in out.states] == [(3, s, 24)] * 4
    assert [weights.shape for weights in out.attentions] == [(3, 3, s, s)] * 3
    real = torch.cat([text.mask, torch.ones(3, 1, dtype=torch.bool), out.image_mask], dim=1)
    for weights in out.attentions:
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 3, s))
        assert (weights * ~real[:, None, None] == 0).all()
    final = model.encoder.norm(out.states[-1])
    torch.testing.assert_close(final[:, :9], out.text)
    torch.testing.assert_close(final[:, 9], out.image_class)
    torch.testing.assert_close(final[:, 10:], out.image)
    torch.testing.assert_close(model.pooler(final[:, 0]), out.pooled)


def test_patches_follow_the_picture(model):
    """A change inside one patch moves that patch's embedding and no other."""
    text, image = texts(5), images((24, 40), masked=False)
    pixels = image.pixels.clone()
    pixels[:, :, 8:16, 24:32] += 1
    before = model(text, image, return_states=True)
    after = model(text, ImageBatch(pixels=pixels), return_states=True)
    moved = (before.states[0] != after.states[0]).any(-1)[0, 6:]
    assert before.positions[0][moved].tolist() == [[1, 3]]


def test_samples_patches_only_while_training(model):
    text, image = texts(5, 3), images((24, 40), (24, 24))
    assert model(text, image).image.shape[1] == 15

    def draw(seed):
        return model(text, embedded(model, image, seed))

    model.train()
    out = draw(0)
    assert out.image.shape == (2, 6, 24)
    assert out.image_mask.all()
    flat = out.positions[..., 0] * 5 + out.positions[..., 1]
    assert (flat.diff(dim=1) > 0).all()
    torch.testing.assert_close(out.image, draw(0).image)
    assert not torch.equal(out.positions, draw(1).positions)


def test_dropped_patches_are_not_seen(model):
    model.train()
    text, image = texts(5), images((24, 40), masked=False)
    out = model(text, embedded(model, image, 0))
    kept = {tuple(place) for place in out.positions[0].tolist()}
    pixels = image.pixels.clone()
    for row in range(3):
        for column in range(5):
            if (row, column) not in kept:
                pixels[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 0
    again = model(text, embedded(model, ImageBatch(pixels=pixels), 0))
    torch.testing.assert_close(out.pooled, again.pooled)


def test_pooling_alone(model):
    for inputs in ((texts(9, 4, 6), images(*SIZES)), (texts(9, 4, 6), None)):
        torch.testing.assert_close(model.pool(*inputs), model(*inputs).pooled)


def test_an_embedded_image_serves_many_texts(model):
    image = images(*SIZES)
    patches = model.embed_image(image)
    text = texts(9, 4, 6, 5)
    some = model(text, patches.take([2, 0, 0, 1]))
    for i, row in enumerate((2, 0, 0, 1)):
        height, width = SIZES[row]
        alone = model(
            TextBatch(ids=text.ids[i : i + 1], mask=text.mask[i : i + 1]),
            ImageBatch(pixels=image.pixels[row : row + 1, :, :height, :width]),
        )
        torch.testing.assert_close(some.pooled[i], alone.pooled[0])
        torch.testing.assert_close(some.image[i][some.image_mask[i]], alone.image[0])


def test_the_second_image_of_a_pair_is_told_by_its_type():
    torch.manual_seed(0)
    config = replace(CONFIG, modality_types=3, tasks=("nlvr2",))
    model = Vilt(config).eval()
    text, image = texts(5), images((24, 24), masked=False)
    with torch.no_grad():
        model.fusion.types.weight[2] = model.fusion.types.weight[1]
        same = model.pool(text, image, image_type=2)
        torch.testing.assert_close(same, model.pool(text, image))
        model.fusion.types.weight[2] += torch.randn(24)
        assert not torch.allclose(model.pool(text, image, image_type=2), same)
    assert model.nlvr2.pair(same, same).shape == (1, 2)


@pytest.mark.parametrize("task", ["itm", "mlm", "rank", "nlvr2", "vqa"])
def test_a_head_that_is_not_there(task):
    model = Vilt(replace(CONFIG, tasks=(), answers=0))
    with pytest.raises(ValueError, match=f"no {task} head"):
        model.head(task)


def test_text_alone(model):
    text = texts(5, 3)
    out = model(text, None, return_states=True, return_attentions=True)
    assert out.text.shape == (2, 5, 24)
    assert out.image.shape == (2, 0, 24)
    assert out.image_mask.shape == (2, 0)
    assert out.positions.shape == (2, 0, 2)
    assert out.grid == (0, 0)
    assert not out.image_class.any()
    assert out.states[0].shape == (2, 5, 24)
    assert out.attentions[0].shape == (2, 3, 5, 5)
    alone = model(TextBatch(ids=text.ids[1:, :3], mask=text.mask[1:, :3]), None)
    torch.testing.assert_close(out.pooled[1:], alone.pooled)


def test_image_alone(model):
    image = images(*SIZES)
    together = model.encode_image(image)
    assert together.shape == (3, 1 + 10, 24)
    real = model.embed_image(image).mask
    for i, (height, width) in enumerate(SIZES):
        alone = model.encode_image(ImageBatch(pixels=image.pixels[i : i + 1, :, :height, :width]))
        torch.testing.assert_close(together[i, 0], alone[0, 0])
        torch.testing.assert_close(together[i, 1:][real[i]], alone[0, 1:])


def test_image_alone_enters_as_it_does_beside_text(model):
    seen = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = images((24, 40), masked=False)
    model(texts(5), image)
    model.encode_image(image)
    torch.testing.assert_close(seen[0][:, 5:], seen[1], atol=0, rtol=0)


def test_image_alone_keeps_every_patch_in_training(model):
    assert model.train().encode_image(images((24, 40))).shape == (1, 16, 24)


def test_gradient_reaches_every_parameter(model):
    out = model(texts(9, 4, 6), images(*SIZES))
    heads = model.itm(out.pooled), model.mlm(out.text), model.vqa(out.pooled)
    sum(logits.square().mean() for logits in heads).backward()
    untouched = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []


def test_bfloat16_autocast(model):
    inputs = texts(9, 4, 6), images(*SIZES)
    exact = model(*inputs)
    for grad in (True, False):
        with torch.set_grad_enabled(grad), torch.autocast("cpu", torch.bfloat16):
            out = model(*inputs, return_attentions=grad)
            logits = model.mlm(out.text)
        assert logits.dtype == torch.bfloat16
        torch.testing.assert_close(out.text.float(), exact.text, atol=0.15, rtol=0.1)
        torch.testing.assert_close(out.pooled.float(), exact.pooled, atol=0.1, rtol=0.1)


def test_reproducible_and_copies_are_equal(model):
    inputs = texts(9, 4, 6), images(*SIZES)
    with torch.inference_mode():
        first = model(*inputs)
        assert torch.equal(first.pooled, model(*inputs).pooled)
        assert torch.equal(first.pooled, copy.deepcopy(model)(*inputs).pooled)


def test_weights_can_be_loaded_into_an_empty_model(model):
    with torch.device("meta"):
        empty = Vilt(CONFIG)
    empty.load_state_dict(model.state_dict(), assign=True)
    inputs = texts(9, 4, 6), images(*SIZES)
    assert torch.equal(empty.eval()(*inputs).pooled, model(*inputs).pooled)


def test_too_long_a_text(model):
    with pytest.raises(ValueError, match="at most 12 tokens, got 13"):
        model(texts(13), None)


def test_sides_that_do_not_divide(model):
    with pytest.raises(ValueError, match="multiples of 8, got 20 x 24"):
        model(texts(5), images((20, 24)))


def test_batches_of_different_size(model):
    with pytest.raises(ValueError, match="expected 2 images, got 3"):
        model(texts(5, 3), images(*SIZES))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"tasks": ("itm", "dance")}, "dance"), ({"tasks": ("nlvr2",)}, "3 modality_types")],
)
def test_heads_that_cannot_be(settings, said):
    with pytest.raises(ValueError, match=said):
        replace(CONFIG, **settings)


def test_without_the_task_there_is_nothing_of_masked_patches(model):
    assert model.mpp is None
    assert not [name for name in model.state_dict() if "mpp" in name or "mask_token" in name]
    with pytest.raises(ValueError, match="no mpp head"):
        model.head("mpp")
    with pytest.raises(ValueError, match="tasks name mpp"):
        model.embed_image(images((8, 8)), masked_patches=torch.ones(1, 1, dtype=torch.bool))


def with_mpp(model):
    whole = Vilt(replace(CONFIG, tasks=("itm", "mlm", "mpp"))).eval()
    missing, left_over = whole.load_state_dict(model.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"mpp", "patch_embedding"}
    assert not left_over
    return whole


def test_the_task_changes_nothing_where_no_patch_is_masked(model):
    whole, text, image = with_mpp(model), texts(5, 3, 4), images(*SIZES)
    none = torch.zeros(3, 20, dtype=torch.bool)
    expected = model(text, image)
    for seen in (image, whole.embed_image(image, masked_patches=none)):
        found = whole(text, seen)
        torch.testing.assert_close(found.pooled, expected.pooled)
        torch.testing.assert_close(found.image, expected.image)


def test_nothing_of_a_masked_patch_is_seen(model):
    whole, text, image = with_mpp(model), texts(5, 3), images((24, 40), (24, 40), masked=False)
    masked = torch.rand(2, 15, generator=torch.Generator().manual_seed(0)) < 0.5
    cells = masked.unflatten(1, (3, 5)).repeat_interleave(8, 1).repeat_interleave(8, 2)
    other = ImageBatch(pixels=torch.where(cells[:, None], torch.tensor(9.0), image.pixels))
    found, same = (whole(text, whole.embed_image(i, masked_patches=masked)) for i in (image, other))
    torch.testing.assert_close(found.image, same.image)
    torch.testing.assert_close(found.pooled, same.pooled)
    assert whole.head("mpp")(found.image).shape == (2, 15, 3, 256)
    assert (whole(text, image).pooled - found.pooled).abs().max() > 1e-3


def test_masking_goes_before_sampling(model):
    whole = with_mpp(model).train()
    image = images((24, 40), masked=False)
    masked = torch.rand(1, 15, generator=torch.Generator().manual_seed(0)) < 0.5
    every = whole.patch_embedding(image.pixels, masked_patches=masked)
    out = whole.embed_image(
        image, masked_patches=masked, generator=torch.Generator().manual_seed(1)
    )
    assert out.tokens.shape[1] == CONFIG.max_patches
    at = out.positions[0] @ torch.tensor([5, 1])
    torch.testing.assert_close(out.tokens[0], every.tokens[0, at])
