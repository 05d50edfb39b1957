import inspect

import pytest
import torch
import torch.nn.functional as F

from vilt_core.layers import PatchEmbedding, initialise, raster_positions, sample_patches


def embedding(**settings):
    part = PatchEmbedding(16, patch_size=4, grid=3, **settings)
    initialise(part, std=0.5)
    return part


def pixel_mask(height, width, *sizes):
    mask = torch.zeros(len(sizes), height, width, dtype=torch.bool)
    for row, (h, w) in zip(mask, sizes, strict=True):
        row[:h, :w] = True
    return mask


def test_raster_order():
    assert raster_positions(2, 3).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]


def test_convolution_is_unfold_and_a_matrix():
    part, pixels = embedding(), torch.randn(2, 3, 12, 12)
    matrix = part.projection.weight.flatten(1)
    flat = F.unfold(pixels, kernel_size=4, stride=4).mT
    expected = flat @ matrix.T + part.projection.bias + part.positions.table.flatten(0, 1)
    torch.testing.assert_close(part(pixels).tokens, expected)


@pytest.mark.parametrize(("height", "width"), [(12, 12), (8, 20), (4, 4)])
def test_every_patch_knows_its_place(height, width):
    part, pixels = embedding(), torch.randn(2, 3, height, width)
    out = part(pixels)
    assert out.grid == (height // 4, width // 4)
    assert out.mask.all()
    assert out.positions.shape == (2, height * width // 16, 2)
    table = part.positions(*out.grid)
    for token, (row, column) in zip(out.tokens[1], out.positions[1].tolist(), strict=True):
        patch = pixels[1, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        alone = part.projection(patch[None]).flatten()
        torch.testing.assert_close(token, alone + table[row, column])


def test_an_image_in_a_padded_batch_is_the_image_alone():
    part, sizes = embedding(), ((8, 20), (16, 4), (16, 20), (8, 20))
    pixels = torch.randn(4, 3, 16, 20)
    out = part(pixels, mask=pixel_mask(16, 20, *sizes))
    for i, (h, w) in enumerate(sizes):
        alone = part(pixels[i : i + 1, :, :h, :w])
        torch.testing.assert_close(out.tokens[i][out.mask[i]], alone.tokens[0])
        assert torch.equal(out.positions[i][out.mask[i]], alone.positions[0])
        assert (out.positions[i][~out.mask[i]] == -1).all()


def test_a_padded_batch_is_as_long_as_its_longest_image(mixed):
    assert mixed.grid == (4, 5)
    assert mixed.tokens.shape == (3, 15, 16)
    assert mixed.mask.sum(dim=1).tolist() == [10, 4, 15]
    for places, real in zip(mixed.positions, mixed.mask, strict=True):
        assert ((places[real] @ torch.tensor([5, 1])).diff() > 0).all()


def test_a_full_mask_is_no_mask():
    part, pixels = embedding(), torch.randn(2, 3, 8, 20)
    plain, masked = part(pixels), part(pixels, mask=pixel_mask(8, 20, (8, 20), (8, 20)))
    torch.testing.assert_close(plain.tokens, masked.tokens)
    assert torch.equal(plain.positions, masked.positions)
    assert torch.equal(plain.mask, masked.mask)


def test_class_token_has_its_own_position():
    part = embedding()
    expected = (part.class_token + part.class_position).expand(3, 16)
    torch.testing.assert_close(part.image_class(3), expected)


@pytest.mark.parametrize(("height", "width"), [(10, 12), (12, 2), (0, 12)])
def test_sides_that_do_not_divide(height, width):
    with pytest.raises(ValueError, match=f"multiples of 4, got {height} x {width}"):
        embedding()(torch.randn(1, 3, height, width))


def test_mask_of_another_shape():
    forward = inspect.unwrap(PatchEmbedding.forward)  # as users run it, without shape checks
    mask = pixel_mask(8, 12, (8, 12))
    with pytest.raises(ValueError, match=r"shape \(1, 12, 12\), got \(1, 8, 12\)"):
        forward(embedding(), torch.randn(1, 3, 12, 12), mask=mask)


def test_image_without_a_real_pixel():
    with pytest.raises(ValueError, match="top left corner"):
        embedding()(torch.randn(2, 3, 12, 12), mask=pixel_mask(12, 12, (12, 12), (0, 0)))


@pytest.fixture
def mixed():
    sizes = ((8, 20), (16, 4), (12, 20))
    return embedding()(torch.randn(3, 3, 16, 20), mask=pixel_mask(16, 20, *sizes))


def test_sampling_keeps_raster_order_and_tells_which(mixed):
    out = sample_patches(mixed, limit=7, generator=torch.Generator().manual_seed(0))
    assert out.tokens.shape == (3, 7, 16)
    assert out.mask.sum(1).tolist() == [7, 4, 7]
    assert out.grid == mixed.grid
    for i in range(3):
        kept = out.positions[i][out.mask[i]]
        assert ((kept @ torch.tensor([5, 1])).diff() > 0).all()
        places = mixed.positions[i].tolist()
        rows = [places.index(place) for place in kept.tolist()]
        torch.testing.assert_close(out.tokens[i][out.mask[i]], mixed.tokens[i, rows])
        assert (out.positions[i][~out.mask[i]] == -1).all()


def test_sampling_keeps_what_it_is_told_to(mixed):
    """By cell of the canvas, whatever place a patch has in the sequence."""
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        kept = torch.rand(len(mixed.mask), mixed.grid[0] * mixed.grid[1], generator=generator) < 0.3
        out = sample_patches(mixed, limit=7, kept=kept)
        for row in range(len(mixed.mask)):
            real = mixed.positions[row][mixed.mask[row]].tolist()
            expected = [p for p in real if kept[row, p[0] * mixed.grid[1] + p[1]]][:7]
            assert out.positions[row][out.mask[row]].tolist() == expected


def test_sampling_obeys_its_generator(mixed):
    def draw(seed):
        return sample_patches(
            mixed, limit=7, generator=torch.Generator().manual_seed(seed)
        ).positions

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_sampling_is_uniform():
    part = embedding()(torch.randn(1, 3, 12, 12).expand(4000, -1, -1, -1))
    out = sample_patches(part, limit=3, generator=torch.Generator().manual_seed(0))
    share = (out.positions[..., 0] * 3 + out.positions[..., 1]).flatten().bincount() / 4000
    torch.testing.assert_close(share, torch.full((9,), 1 / 3), atol=0.03, rtol=0)


def test_nothing_to_drop_is_the_same_object(mixed):
    assert sample_patches(mixed, limit=20) is mixed


def test_masked_patches_are_their_positions_alone():
    part, pixels = embedding(mask_token=True), torch.randn(2, 3, 8, 20)
    masked = torch.rand(2, 10, generator=torch.Generator().manual_seed(0)) < 0.4
    plain, out = part(pixels), part(pixels, masked_patches=masked)
    table = part.positions(2, 5).flatten(0, 1).expand(2, -1, -1)
    torch.testing.assert_close(out.tokens[masked], (part.mask_token + table)[masked])
    torch.testing.assert_close(out.tokens[~masked], plain.tokens[~masked])
    loud = torch.where(
        masked.unflatten(1, (2, 5)).repeat_interleave(4, 1).repeat_interleave(4, 2)[:, None],
        torch.tensor(1e3),
        pixels,
    )
    torch.testing.assert_close(part(loud, masked_patches=masked).tokens, out.tokens)


def test_cells_of_the_padded_raster_are_masked_where_they_are():
    part, sizes = embedding(mask_token=True), ((8, 20), (16, 4), (12, 12))
    pixels, real = torch.randn(3, 3, 16, 20), pixel_mask(16, 20, *sizes)
    masked = torch.rand(3, 20, generator=torch.Generator().manual_seed(1)) < 0.5
    out = part(pixels, mask=real, masked_patches=masked)
    for i, (h, w) in enumerate(sizes):
        own = masked[i].unflatten(0, (4, 5))[: h // 4, : w // 4].flatten()
        alone = part(pixels[i : i + 1, :, :h, :w], masked_patches=own[None])
        torch.testing.assert_close(out.tokens[i][out.mask[i]], alone.tokens[0])


def test_the_mask_token_learns():
    part = embedding(mask_token=True)
    masked = torch.tensor([[True, False, True]])
    part(torch.randn(1, 3, 4, 12), masked_patches=masked).tokens.sum().backward()
    torch.testing.assert_close(part.mask_token.grad, torch.full((16,), 2.0))


def test_masks_that_do_not_fit_are_refused():
    pixels = torch.randn(1, 3, 4, 12)
    with pytest.raises(ValueError, match=r"shape \(1, 3\), got \(1, 4\)"):
        embedding(mask_token=True)(pixels, masked_patches=torch.ones(1, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="tasks name mpp"):
        embedding()(pixels, masked_patches=torch.ones(1, 3, dtype=torch.bool))
