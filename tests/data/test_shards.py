import io
import json
import pickle
import random
import tarfile

import pytest
from PIL import Image

from vilt_core.data import conceptual, sbu, shards
from vilt_core.data.check import check_data
from vilt_core.data.examples import Uncaptioned
from vilt_core.data.sequences import caption_counts, present
from vilt_core.data.shards import ShardExamples
from vilt_core.data.tar_index import index_shard, members
from vilt_core.evaluation.galleries import gallery_of
from vilt_core.interop.folders import SHIPPED
from vilt_core.interop.lab import load_folder
from vilt_core.training.adapt import adapt
from vilt_core.training.finetuning import fitting_size
from vilt_core.training.picture_sizes import sampled_sizes

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT}


def jpeg(number):
    file = io.BytesIO()
    Image.new("RGB", (9 + number % 5, 7), (number % 256, 40, 90)).save(file, format="JPEG")
    return file.getvalue()


def add(tar, name, content, mtime=1e9):
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(content), mtime
    tar.addfile(info, io.BytesIO(content))


def sample(tar, key, number, parts=("jpg", "txt", "json"), mtime=1e9):
    contents = {
        "jpg": jpeg(number),
        "txt": f"a caption of {number}, straße".encode(),
        "json": json.dumps({"key": key, "caption": "..."}, indent=4).encode(),
    }
    for part in parts:
        add(tar, f"{key}.{part}", contents[part], mtime)


def write_shard(path, count, *, format="ustar", mtime=1e9, stats=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=FORMATS[format]) as tar:
        for number in range(count):
            sample(tar, f"{path.stem}{number:04d}", number, mtime=mtime)
    if stats is not None:
        path.with_name(f"{path.stem}_stats.json").write_text(json.dumps({"successes": stats}))
    return path


def sequentially(path):
    """Key, caption and picture of each sample, as tarfile reads them one after the other."""
    samples = {}
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile():
                stem, _, ending = member.name.partition(".")
                samples.setdefault(stem, {})[ending] = tar.extractfile(member).read()
    return [(key, parts["txt"].decode(), parts["jpg"]) for key, parts in samples.items()]


@pytest.mark.parametrize("mtime", [1e9, 1e9 + 0.5])  # webdataset's fractions need pax headers
@pytest.mark.parametrize("format", FORMATS)
def test_random_access_is_sequential_reading(tmp_path, format, mtime):
    paths = [
        write_shard(tmp_path / f"0000{n}.tar", n + 3, format=format, mtime=mtime) for n in (1, 0)
    ]
    expected = [row for path in sorted(paths) for row in sequentially(path)]
    examples = shards.read(tmp_path, split="train").examples
    assert len(examples) == len(expected) == 7
    for at in (6, 0, 3, 2, 5, 1, 4):
        key, caption, content = expected[at]
        assert examples[at].id == examples[at].image.key == key
        assert examples[at].captions == (caption,)
        with Image.open(io.BytesIO(content)) as image:
            assert examples[at].image.open().tobytes() == image.convert("RGB").tobytes()


@pytest.mark.parametrize("format", FORMATS)
def test_members_are_those_of_tarfile(tmp_path, format):
    path = tmp_path / "names.tar"
    long = "folder/" * 12 + "n" * 60 + ".jpg"  # fits ustar's prefix
    names = ["a.jpg", "straße.txt", "empty.txt", long]
    names += [] if format == "ustar" else ["x" * 300 + ".jpg", "after.txt"]
    with tarfile.open(path, "w", format=FORMATS[format]) as tar:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for number, name in enumerate(names):
            add(tar, name, b"" if name == "empty.txt" else b"x" * (511 + number))
    with tarfile.open(path) as tar:
        expected = [(m.name, m.offset_data, m.size) for m in tar if m.isfile()]
    with path.open("rb") as file:
        assert list(members(file, total=path.stat().st_size)) == expected


@pytest.mark.parametrize("further", [b"", bytes(10_240), bytes(1 << 21)])
def test_zeros_may_follow_the_end(tmp_path, further):
    path = write_shard(tmp_path / "00000.tar", 3)
    path.write_bytes(path.read_bytes() + further)
    assert len(ShardExamples([path])) == 3


def test_a_hole_in_a_shard_is_not_its_end(tmp_path):
    path = write_shard(tmp_path / "00000.tar", 4)
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        at = [member.offset for member in tar][len(tar.getmembers()) // 2]
    path.write_bytes(whole[:at] + bytes(512) + whole[at + 512 :])
    (note,) = ShardExamples([path]).damage()
    assert f"has an end mark at byte {at:,} of {len(whole):,}, and more after it" in note


def test_two_archives_in_one_file_are_told(tmp_path):
    one, other = (write_shard(tmp_path / f"0000{at}.tar", 2 + at) for at in range(2))
    one.write_bytes(one.read_bytes() + other.read_bytes())
    (note,) = ShardExamples([one]).damage()
    assert "has an end mark" in note


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    for number in range(3):
        write_shard(tmp_path / f"0000{number}.tar", 4, stats=4)
    (tmp_path / "00001.tar").write_bytes(b"no tar")
    examples = shards.read(tmp_path, split="train").examples
    assert len(examples) == 12
    assert list(caption_counts(examples)) == [1] * 12
    assert [examples[at].id for at in (0, 11)] == ["000000000", "000020003"]
    with pytest.raises(ValueError, match=r"00001\.tar holds 0 whole samples, .* promises 4"):
        examples[4]


def test_examples_travel_between_processes(tmp_path):
    write_shard(tmp_path / "00000.tar", 3)
    examples = shards.read(tmp_path, split="train").examples
    assert list(pickle.loads(pickle.dumps(examples))) == list(examples)


def test_samples_without_a_part_are_left_out_and_named(tmp_path):
    path = tmp_path / "00000.tar"
    with tarfile.open(path, "w") as tar:
        sample(tar, "0", 0)
        sample(tar, "1", 1, parts=("txt", "json"))
        sample(tar, "2", 2, parts=("jpg", "json"))
        add(tar, "3.jpg", jpeg(3))
        add(tar, "3.txt", b"")
        sample(tar, "4", 4)
        sample(tar, "0", 5)
    examples = ShardExamples([path])
    assert [example.id for example in examples] == ["0", "4"]
    assert examples[0].captions == ("a caption of 0, straße",)
    notes = " | ".join(examples.damage())
    assert "has a caption and no picture: 1" in notes
    assert "has a picture and no caption: 2, 3" in notes
    assert "comes twice: 0.jpg, 0.txt" in notes


def test_many_faults_are_counted_not_listed(tmp_path):
    path = tmp_path / "00000.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(9):
            sample(tar, str(number), number, parts=("jpg",))
    assert index_shard(path).notes == (
        "00000.tar: what has a picture and no caption: 0, 1, 2 and 6 more",
    )


def test_wherever_a_tar_is_cut_what_comes_before_counts(tmp_path):
    whole = write_shard(tmp_path / "00000.tar", 3)
    keys = [key for key, _, _ in sequentially(whole)]
    content = whole.read_bytes()
    with tarfile.open(whole) as tar:
        ends = [m.offset_data + m.size for m in tar if m.name.endswith("txt")]
    cut = tmp_path / "cut.tar"
    for end in range(0, ends[-1] + 200, 97):
        cut.write_bytes(content[:end])
        index = index_shard(cut)
        assert list(index.keys) == keys[: sum(end >= each for each in ends)]
        assert any("cut short" in note or "damaged" in note for note in index.notes)


def test_a_damaged_header_ends_a_shard_with_a_note(tmp_path):
    path = write_shard(tmp_path / "00000.tar", 3, stats=3)
    with tarfile.open(path) as tar:
        second = next(m for m in tar if m.name.endswith("1.jpg")).offset
    content = bytearray(path.read_bytes())
    content[second + 124 : second + 130] = b"\xffrubbi"[:6]
    content[second + 257 : second + 262] = b"?????"
    path.write_bytes(content)
    examples = ShardExamples([path])
    damaged, short = examples.damage()
    assert "is damaged or cut short at byte" in damaged
    assert short == "00000.tar holds 1 whole samples, not 3 as 00000_stats.json says"


def test_a_picture_with_an_empty_caption_is_counted_and_is_no_damage(tmp_path):
    """As img2dataset writes them, which counts them among its successes."""
    path = write_shard(tmp_path / "00000.tar", 3)
    with tarfile.open(path, "a") as tar:
        for number in (3, 4):
            add(tar, f"{number}.jpg", jpeg(number))
            add(tar, f"{number}.txt", b"")
    path.with_name("00000_stats.json").write_text(json.dumps({"successes": 6}))
    examples = ShardExamples([path])
    assert [found.id for found in present(examples)] == [f"00000000{n}" for n in range(3)]
    for at in (3, 4):
        with pytest.raises(Uncaptioned, match="2 pictures with an empty caption"):
            examples[at]
    with pytest.raises(ValueError, match="holds 3 whole samples") as missing:
        examples[5]
    assert not isinstance(missing.value, Uncaptioned)
    assert "not 6 as 00000_stats.json says" in " | ".join(examples.damage())
    path.with_name("00000_stats.json").write_text(json.dumps({"successes": 5}))
    assert ShardExamples([path]).damage() == ("00000.tar: what has a picture and no caption: 3, 4",)
    report = check_data(tmp_path)
    [split] = report.sets[0].splits
    assert (split.examples, split.unlabelled) == (3, 2)
    assert "2 without a caption" in report.text()


def test_what_a_shard_promises_and_lacks_ends_no_evaluation_and_no_training(tmp_path):
    write_shard(tmp_path / "val" / "00000.tar", 2, stats=3)
    write_shard(tmp_path / "val" / "00001.tar", 1, stats=1)
    data = shards.read(tmp_path, split="val")
    assert len(data.examples) == 4
    gallery = gallery_of(data)
    assert len(gallery.pictures) == len(gallery.captions) == 3
    bundle = load_folder(SHIPPED / "vilt-mini")
    assert fitting_size(bundle, sampled_sizes(data)) < bundle.processing.size
    adapted = adapt(bundle, task="retrieval", data=data)
    assert "caption" in adapted.bundle.tokenizer.backend.get_vocab()


def samples_of(path):
    examples = ShardExamples([path])
    found = [(one.id, one.captions, one.image.open().tobytes()) for one in examples]
    return found, examples.noticed()


@pytest.mark.parametrize("format", FORMATS)
def test_a_flipped_bit_of_a_header_is_noticed_or_does_no_harm(tmp_path, format):
    """Of headers alone: contents, and the long names of pax and GNU, have no checksum in a tar."""
    path = write_shard(tmp_path / "whole.tar", 2, format=format, mtime=1e9 + 0.5)
    content, (expected, nothing) = path.read_bytes(), samples_of(path)
    assert len(expected) == 2
    assert nothing == ()
    blocks = range(0, len(content), 512)
    headers = [at for at in blocks if content[at + 257 : at + 262] == b"ustar"]
    draw = random.Random(format)
    places = (range(8 * 512), range(8 * 124, 8 * 136))  # anywhere; and in sizes, the worst place
    bits = [8 * at + bit for at in headers for place in places for bit in draw.sample(place, 20)]
    flipped = tmp_path / "flipped.tar"
    for bit in bits:
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        flipped.write_bytes(changed)
        found, noticed = samples_of(flipped)
        assert found == expected[: len(found)]
        assert noticed or found == expected


def test_a_shard_cut_short_is_told_when_it_is_opened(tmp_path):
    for number, stats in enumerate((None, None, 2)):
        path = write_shard(tmp_path / f"0000{number}.tar", 2, stats=stats)
        if number:
            path.write_bytes(path.read_bytes()[:4000])
    data = shards.read(tmp_path, split="train")
    [told] = data.missing  # the last will be missed when its second sample is asked for
    assert "00001.tar is damaged or cut short at byte 3,584 of 4,000" in told
    assert len(data.examples) == 2 + 1 + 2


def test_a_damaged_picture_names_shard_and_key(tmp_path):
    path = tmp_path / "00000.tar"
    with tarfile.open(path, "w") as tar:
        add(tar, "7.jpg", b"no picture")
        add(tar, "7.txt", b"a caption")
    [example] = ShardExamples([path])
    with pytest.raises(ValueError, match=r"00000\.tar/7: "):
        example.image.open()


def test_a_shard_that_vanishes_is_an_os_error_that_names_it(tmp_path):
    paths = [write_shard(tmp_path / f"0000{number}.tar", 2, stats=2) for number in (0, 1)]
    examples = shards.read(tmp_path, split="train").examples
    example = examples[0]
    for path in paths:
        path.unlink()
    for read in (example.image.open, lambda: examples[0], lambda: examples[2]):
        with pytest.raises(OSError, match=r"0000[01]\.tar"):
            read()
    assert [r"00001.tar" in note for note in examples.damage()] == [True]


def test_a_shard_that_was_announced_is_missed(tmp_path):
    write_shard(tmp_path / "00000.tar", 2, stats=2)
    write_shard(tmp_path / "00001.tar", 2, stats=2).unlink()
    [missing] = shards.read(tmp_path, split="train").missing
    assert "00001.tar" in missing


def test_splits_by_folder_and_by_name(tmp_path):
    write_shard(tmp_path / "a" / "train" / "00000.tar", 1)
    write_shard(tmp_path / "a" / "validation" / "00000.tar", 2)
    write_shard(tmp_path / "b" / "cc3m-train-0000.tar", 3)
    write_shard(tmp_path / "b" / "cc3m-val-0000.tar", 1)
    for folder, sizes in (("a", (1, 2)), ("b", (3, 1))):
        root = tmp_path / folder
        assert shards.splits_in(root) == ("train", "val")
        found = [len(shards.read(root, split=split).examples) for split in ("train", "val")]
        assert tuple(found) == sizes
        with pytest.raises(ValueError, match="of test in"):
            shards.read(root, split="test")


@pytest.mark.parametrize(
    ("module", "folder"), [(conceptual, "gcc"), (conceptual, "CC3M"), (sbu, "sbu-captions")]
)
def test_shards_are_known_by_the_name_of_their_folder(module, folder, tmp_path):
    write_shard(tmp_path / folder / "00000.tar", 2)
    assert module.splits_in(tmp_path / folder) == ("train",)
    assert module.splits_in(tmp_path) == ()
    data = module.read(tmp_path / folder, split="train")
    assert (data.name, len(data.examples)) == (module.NAME, 2)


@pytest.mark.parametrize(
    ("module", "name"), [(conceptual, "train_annot.json"), (sbu, "annot.json")]
)
def test_the_lists_of_the_2021_code(formats, module, name, tmp_path, paint):
    (tmp_path / name).write_bytes((formats / "vilt_gcc_or_sbu_annot.json").read_bytes())
    image = paint(tmp_path / "images_train" / "0000" / "0000000")
    assert module.splits_in(tmp_path) == ("train",)
    [example] = module.read(tmp_path, split="train").examples
    assert example.captions == ("a very typical bus station",)
    assert example.image.path == image
    assert example.image.open().size == (12, 8)


def test_a_list_of_other_things_is_refused(tmp_path):
    (tmp_path / "annot.json").write_text('[["a", "b"], ["a", 3]]')
    with pytest.raises(ValueError, match=r"annot\.json, entry 1"):
        sbu.read(tmp_path)
