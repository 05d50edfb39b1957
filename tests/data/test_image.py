"""Whatever a person may hand in as a picture becomes the right pixels, or one clear sentence."""

import json
import struct
import subprocess
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from vilt_core.data.image import (
    MAX_PIXELS,
    Processing,
    blurred,
    channels_first,
    fitted_size,
    normalise,
    open_image,
    resize,
    stack,
    stack_levels,
    to_pixels,
)

SHARED = Path(__file__).parents[3] / "shared"
GOLDEN = SHARED / "golden"
RED, WHITE = (255, 0, 0), (255, 255, 255)


@pytest.fixture
def picture():
    """Noise: any pixel out of place is noticed."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def file_of(image, kind, **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refusal(source):
    with pytest.raises(ValueError, match=r".+") as caught:
        open_image(source)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 300
    return sentence


def same(image, array):
    return image.mode == "RGB" and np.array_equal(np.asarray(image), array)


# Ways to hand in a picture


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_one_picture_however_it_is_handed_in(picture, kind, tmp_path):
    content = file_of(picture, kind)
    path = tmp_path / "picture"
    path.write_bytes(content)
    pixels = np.asarray(picture)
    for source in (path, str(path), content, picture, pixels, Image.open(path)):
        assert same(open_image(source), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_lossy_kinds_are_read(picture, kind):
    assert open_image(file_of(picture, kind)).size == picture.size


def test_the_source_is_left_as_it_was(picture):
    transparent = picture.convert("RGBA")
    transparent.putalpha(7)
    before = transparent.copy()
    open_image(transparent)
    assert transparent == before
    pixels = np.asarray(picture).copy()
    open_image(pixels).putpixel((0, 0), RED)
    assert np.array_equal(pixels, np.asarray(picture))


def test_arrays_of_every_brightness(picture):
    pixels = np.asarray(picture)
    assert same(open_image(pixels.astype(np.int64)), pixels)
    assert same(open_image(pixels.astype(np.float32) / 255), pixels)
    assert same(open_image(pixels.astype(np.float64) / 255), pixels)
    assert same(open_image(pixels.astype(np.uint16) * 257), pixels)
    assert same(open_image(pixels.astype(">u2") * 257), pixels)
    assert same(open_image(pixels > 127), np.where(pixels > 127, 255, 0))
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    assert same(open_image(pixels[..., 0]), grey)
    assert same(open_image(pixels[..., :1]), grey)
    assert same(open_image(pixels[::-1, ::2]), pixels[::-1, ::2])


@pytest.mark.parametrize("shape", [(5,), (3, 4, 5), (2, 4, 4, 3), (4, 4, 2), ()])
def test_arrays_of_other_shapes_are_refused(shape):
    assert str(shape) in refusal(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.float32("nan"), "nan"),
        (np.float32("inf"), "inf"),
        (np.float32(200.0), "0 to 1"),
        (np.float32(-0.1), "-0.1"),
        (np.int32(256), "0 to 255"),
        (np.int32(-1), "-1"),
        (np.complex64(1), "complex64"),
        (np.str_("a"), "<U1"),
        (np.array(None), "object"),
    ],
)
def test_arrays_of_other_values_are_refused(value, said):
    array = np.zeros((4, 4), dtype=value.dtype)
    array[1, 2] = value
    assert said in refusal(array)


@pytest.mark.parametrize("source", [None, 3, [1, 2], torch.zeros(3, 4, 4), object()])
def test_other_things_are_refused_by_name(source):
    assert type(source).__name__ in refusal(source)


# Files that are none


def test_nothing_there(tmp_path):
    assert "nowhere.png" in refusal(tmp_path / "nowhere.png")
    assert "a folder" in refusal(tmp_path)
    assert "none" in refusal("x" * 5000)
    assert "none" in refusal("nul\0.png")
    assert "a folder" in refusal("")


def test_no_picture(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("not a picture at all")
    assert "known kind" in refusal(path)
    assert "known kind" in refusal(b"")
    assert "known kind" in refusal(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "BMP", "TIFF", "PPM"])
def test_truncated_files(picture, kind):
    content = file_of(picture, kind)
    refusal(content[: len(content) // 2])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "PPM"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_never_raise_anything_else(picture, kind):
    content, luck = file_of(picture, kind), np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(content)
        for place in luck.integers(0, min(len(content), 200), 4):
            damaged[place] = luck.integers(0, 256)
        with suppress(ValueError):
            assert open_image(bytes(damaged)).mode == "RGB"


def png_header(width, height):
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("side", [7_072, 12_000, 60_000])  # beside Pillow's own two limits as well
def test_decompression_bombs_are_told_by_their_header(side):
    assert "50,000,000 pixels" in refusal(png_header(side, side))


def test_pillow_says_nothing_beside(recwarn):
    """Of 90 to 179 million pixels it warns; above, it refuses to read on."""
    warnings.simplefilter("always")
    before = list(warnings.filters)
    assert "got 10000 x 12000" in refusal(png_header(10_000, 12_000))
    assert list(recwarn) == []
    assert warnings.filters == before


def test_the_pixel_limit_holds_for_arrays_and_pil_images():
    huge = np.broadcast_to(np.uint8(0), (MAX_PIXELS // 1000 + 1, 1000))
    assert "50,000,000 pixels" in refusal(huge)
    assert "50,000,000 pixels" in refusal(Image.new("1", (1000, MAX_PIXELS // 1000 + 1)))


def test_empty_pictures():
    assert "0 x 5" in refusal(Image.new("RGB", (0, 5)))
    assert "5 x 0" in refusal(np.zeros((0, 5, 3), dtype=np.uint8))


# Kinds of pixels


def test_sixteen_bits_are_scaled_and_not_clipped():
    deep = np.linspace(0, 65535, 24 * 36).round().astype(np.uint16).reshape(24, 36)
    image = Image.fromarray(deep)
    shallow = (deep / 257).round()
    expected = np.repeat(shallow[..., None], 3, axis=2)
    for source in (image, file_of(image, "PNG"), file_of(image, "TIFF"), image.convert("I")):
        assert same(open_image(source), expected)
    assert same(open_image(Image.fromarray(np.float32(shallow / 255))), expected)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.int32([[-7, 65535]]), "of int32 must lie in 0 to 65535, got -7 to 65535"),
        (np.int32([[0, 70000]]), "of int32 must lie in 0 to 65535, got 0 to 70000"),
        (np.float32([[0, 1.5]]), "of float32 must lie in 0 to 1, got 0.0 to 1.5"),
        (np.float32([[0, "nan"]]), "of float32 must lie in 0 to 1, got nan to nan"),
    ],
)
def test_a_file_of_greys_without_a_known_scale_is_refused_as_a_file(values, said):
    file = file_of(Image.fromarray(values), "TIFF")
    assert refusal(file) == f"the image ({len(file)} bytes) {said}"


def test_transparency_is_laid_on_white():
    clear_red = Image.new("RGBA", (4, 4), (*RED, 0))
    half = Image.new("LA", (4, 4), (0, 128))
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 255, *RED])
    grey_key = Image.new("L", (4, 4), 9)
    assert open_image(clear_red).getpixel((0, 0)) == WHITE
    assert open_image(np.asarray(clear_red)).getpixel((0, 0)) == WHITE
    assert open_image(half).getpixel((0, 0)) == (127, 127, 127)
    assert open_image(file_of(half, "PNG")).getpixel((0, 0)) == (127, 127, 127)
    assert open_image(palette).getpixel((0, 0)) == RED
    assert open_image(file_of(palette, "PNG", transparency=1)).getpixel((0, 0)) == WHITE
    assert open_image(file_of(palette, "PNG", transparency=b"\xff\x00")).getpixel((0, 0)) == WHITE
    assert open_image(file_of(palette, "GIF", transparency=1)).getpixel((0, 0)) == WHITE
    assert open_image(file_of(grey_key, "PNG", transparency=9)).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV", "RGBX", "RGBa", "PA"])
def test_every_mode_becomes_rgb(mode):
    image = Image.new("RGB", (8, 8), WHITE)
    steps = {"RGBa": ("RGBA", "RGBa"), "PA": ("P", "PA"), "RGBX": ("RGBX",)}.get(mode, (mode,))
    for step in steps:
        image = image.convert(step)
    assert open_image(image).getpixel((3, 3)) == WHITE


def test_cmyk_jpeg(picture):
    flat = Image.new("RGB", (16, 16), (200, 30, 60))
    seen = open_image(file_of(flat.convert("CMYK"), "JPEG", quality=95)).getpixel((8, 8))
    assert np.abs(np.array(seen) - (200, 30, 60)).max() <= 4


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_counts(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, WHITE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    moving = file_of(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert Image.open(BytesIO(moving)).n_frames == 2
    assert open_image(moving).getpixel((3, 3)) == RED


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_is_undone(picture, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    seen = {
        1: picture,
        2: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: picture.transpose(Image.Transpose.ROTATE_180),
        4: picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: picture.transpose(Image.Transpose.TRANSPOSE),
        6: picture.transpose(Image.Transpose.ROTATE_270),
        7: picture.transpose(Image.Transpose.TRANSVERSE),
        8: picture.transpose(Image.Transpose.ROTATE_90),
    }[turn]
    assert same(open_image(file_of(picture, "PNG", exif=exif)), np.asarray(seen))


# How much of them there is at once


PEAKS = """
import os, resource, sys
from vilt_core.data.image import open_image

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

first, *others = sys.argv[1:]
open_image(first)  # whatever is loaded on first use
for path in others:
    if os.fork():
        os.wait()
    else:
        before = peak()
        open_image(path)
        print(peak() - before, flush=True)
        os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux counts, in its units")
def test_of_a_large_picture_two_copies_are_held_and_no_third(tmp_path):
    side, exif = 4000, Image.Exif()
    exif[0x0112] = 6
    flat = Image.new("RGB", (side, side), RED)
    Image.new("RGB", (8, 8)).save(tmp_path / "a small one.png")
    flat.save(tmp_path / "upright.jpg")
    flat.save(tmp_path / "turned.jpg", exif=exif)
    flat.convert("CMYK").save(tmp_path / "inks.jpg")
    flat.convert("RGBA").save(tmp_path / "transparent.png", compress_level=1)
    paths = sorted(map(str, tmp_path.iterdir()))
    told = subprocess.run(
        [sys.executable, "-c", PEAKS, *paths],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    copies = [int(peak) * 1024 / (4 * side * side) for peak in told.stdout.split()]
    assert len(copies) == 4
    assert max(copies) < 2.5, dict(zip(paths[1:], copies, strict=True))


def test_few_pictures_are_decoded_together_however_many_ask(picture, monkeypatch):
    at_work, most = [], []
    transpose = ImageOps.exif_transpose

    def slow(*given, **options):
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.02)
        at_work.pop()
        return transpose(*given, **options)

    monkeypatch.setattr(ImageOps, "exif_transpose", slow)
    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(open_image, [file_of(picture, "PNG")] * 16))
    assert all(same(one, np.asarray(picture)) for one in found)
    assert max(most) <= 2


def test_a_refusal_holds_nobody_up(picture):
    for _ in range(4):
        refusal(b"no picture")
    assert open_image(picture) == picture


# What the model sees


@pytest.mark.parametrize("size", [64, 128, 192, 384])
def test_a_square_of_the_models_size_passes_untouched(size):
    noise = np.random.default_rng(2).integers(0, 256, (size, size, 3), dtype=np.uint8)
    pixels = to_pixels(open_image(noise), size=size, patch_size=16)
    channels_first = torch.from_numpy(noise.transpose(2, 0, 1).copy())
    assert torch.equal(pixels, channels_first.float() / 127.5 - 1)
    assert ((pixels + 1) * 127.5).round().to(torch.uint8).equal(channels_first)


@pytest.mark.parametrize("side", [1, 3, 100, 127, 129, 1000])
def test_any_square_becomes_the_models_size(side):
    assert fitted_size(side, side, size=128, patch_size=16) == (128, 128)


def test_sizes_are_whole_patches_within_the_limits():
    longest = int(1333 / 800 * 128)
    sides = (1, 2, 7, 20, 99, 128, 130, 640, 5000, 20000)
    for width in sides:
        for height in sides:
            columns, rows = fitted_size(width, height, size=128, patch_size=16)
            assert columns % 16 == rows % 16 == 0
            assert 16 <= min(columns, rows) <= 128
            assert max(columns, rows) <= longest
            assert fitted_size(height, width, size=128, patch_size=16) == (rows, columns)


def test_a_pixel_and_a_ribbon_can_be_seen():
    pixel = to_pixels(open_image(np.full((1, 1, 3), 255, np.uint8)), size=128, patch_size=16)
    assert pixel.shape == (3, 128, 128)
    assert (pixel == 1).all()
    ribbon = open_image(Image.new("RGB", (20000, 20), RED))
    assert to_pixels(ribbon, size=128, patch_size=16).shape == (3, 16, 208)


def test_reductions_do_not_alias():
    stripes = np.zeros((512, 512), dtype=np.uint8)
    stripes[:, ::2] = 255
    seen = np.asarray(resize(open_image(stripes), size=128, patch_size=16)).astype(int)
    assert np.abs(seen[:, 4:-4] - 127.5).max() < 2


def test_normalise_takes_batches():
    pictures = np.random.default_rng(3).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    together = normalise(pictures)
    assert torch.equal(together, torch.stack([normalise(picture) for picture in pictures]))
    assert together.min() >= -1
    assert together.max() <= 1


def test_stack_pads_at_the_bottom_and_the_right():
    wide, tall = torch.rand(3, 16, 48), torch.rand(3, 32, 16)
    assert stack([wide, wide]).mask is None
    batch = stack([wide, tall])
    assert batch.pixels.shape == (2, 3, 32, 48)
    assert batch.mask.sum((1, 2)).tolist() == [16 * 48, 32 * 16]
    assert torch.equal(batch.pixels[0, :, :16, :48], wide)
    assert torch.equal(batch.pixels[1, :, :32, :16], tall)
    assert (batch.pixels.masked_select(~batch.mask[:, None]) == 0).all()
    with pytest.raises(ValueError, match="at least one picture"):
        stack([])


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the reference's numbers are not in this checkout")
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("widths", [(8, 8, 8), (8, 24, 16)])
@pytest.mark.parametrize("levels", [{}, {"mean": (0.48, 0.46, 0.41), "std": (0.27, 0.26, 0.28)}])
def test_bytes_that_are_normalised_together_and_elsewhere_are_the_same_to_the_bit(
    device, widths, levels
):
    """Every byte in every channel, against each picture normalised alone and then stacked."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    pictures = [
        np.resize(np.arange(256, dtype=np.uint8) + 7 * at, (96, width, 3))
        for at, width in enumerate(widths)
    ]
    one_by_one = stack([normalise(picture, **levels) for picture in pictures])
    together = stack_levels([channels_first(picture) for picture in pictures], **levels)
    read = together.to(device)
    assert torch.equal(read.pixels.cpu(), one_by_one.pixels)
    assert (read.mask is None) == (one_by_one.mask is None)
    if read.mask is not None:
        assert torch.equal(read.mask.cpu(), one_by_one.mask)


def test_sizes_are_the_reference_implementations():
    for case in json.loads((GOLDEN / "image_processor_sizes.json").read_text()):
        expected = (case["out_w"], case["out_h"])
        assert fitted_size(case["w"], case["h"], size=384, patch_size=32) == expected


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the reference's numbers are not in this checkout")
def test_pixels_are_the_reference_implementations():
    images = [open_image(GOLDEN / f"imgproc_{name}.png") for name in "ab"]
    batch = stack([to_pixels(image, size=64, patch_size=16) for image in images])
    expected = np.load(GOLDEN / "imgproc_expected.npz")
    assert batch.pixels.shape == expected["pixel_values"].shape
    assert np.array_equal(batch.mask.numpy(), expected["pixel_mask"].astype(bool))
    difference = np.abs(batch.pixels.numpy() - expected["pixel_values"])
    assert difference[1].max() < 1e-6
    # Versions of Pillow resize the two axes in different order, and round to bytes between them.
    assert difference[0].mean() < 1 / 127.5


@pytest.mark.skipif(not SHARED.is_dir(), reason="the photographs are not in this checkout")
def test_photographs():
    photographs = sorted((SHARED / "photos").glob("*.jpg"))
    assert photographs
    for path in photographs:
        pixels = to_pixels(open_image(path), size=128, patch_size=16)
        assert min(pixels.shape[1:]) <= 128
        assert pixels.std() > 0.1


def test_other_means_and_deviations_channel_by_channel(picture):
    mean, std = (0.48, 0.45, 0.41), (0.26, 0.27, 0.25)
    pixels = normalise(np.array(picture), mean=mean, std=std)
    for channel in range(3):
        plain = torch.from_numpy(np.array(picture)[..., channel] / 255).float()
        expected = (plain - mean[channel]) / std[channel]
        torch.testing.assert_close(pixels[channel], expected, atol=1e-6, rtol=0)
    whole = to_pixels(picture, size=16, patch_size=8, mean=mean, std=std)
    seen = np.array(resize(picture, size=16, patch_size=8))
    assert torch.equal(whole, normalise(seen, mean=mean, std=std))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 0}, "at least one patch high"),
        ({"size": 16, "patch_size": 32}, "at least one patch high"),
        ({"std": (0.5, 0.0, 0.5)}, "std above 0"),
        ({"mean": (0.5, float("nan"), 0.5)}, "finite"),
    ],
)
def test_processing_that_gives_no_picture(settings, said):
    with pytest.raises(ValueError, match=said):
        Processing(**settings)


def test_out_of_focus_colours_stay_and_edges_go():
    half = np.zeros((32, 48, 3), np.uint8)
    half[:, 24:] = (200, 100, 50)
    before = Image.fromarray(half)
    after = np.array(blurred(before, share=1 / 8)).astype(float)
    assert after.shape == half.shape
    np.testing.assert_allclose(after.mean(axis=(0, 1)), half.mean(axis=(0, 1)), atol=1.0)
    steepest = np.abs(np.diff(after[..., 0], axis=1)).max()
    assert steepest < 200 / 4
    sharper = np.array(blurred(before, share=1 / 32)).astype(float)
    assert steepest < np.abs(np.diff(sharper[..., 0], axis=1)).max()


def test_an_even_picture_has_no_focus():
    plain = Image.new("RGB", (20, 30), (10, 200, 90))
    assert np.array_equal(np.array(blurred(plain)), np.array(plain))


@pytest.mark.parametrize("share", [0.0, -1.0, float("nan")])
def test_a_blur_of_nothing(share):
    with pytest.raises(ValueError, match="above 0"):
        blurred(Image.new("RGB", (8, 8)), share=share)
