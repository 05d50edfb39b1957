import gzip
import json
import math
import re

import pytest

from vilt_core.data.check import check_data
from vilt_core.data.examples import ImageFile, StatementExample
from vilt_core.data.folders import open_data
from vilt_core.data.jsonl_sets import files_in, passed_over, read_file
from vilt_core.training.finetuning import held_out_of
from vilt_core.world.export import export

ASKED = {"image": "a.png", "question": "is it?", "answer": "yes"}


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_captions_of_a_picture_are_one_example(tmp_path):
    file = write(
        tmp_path / "train.jsonl",
        {"image": "a.png", "caption": "one "},
        {"image": "b.png", "captions": ["two", "three"]},
        {"image": "a.png", "caption": "four"},
    )
    data = read_file(file)
    assert data.kind == "captions"
    said = {example.image.path.name: example.captions for example in data.examples}
    assert said == {"a.png": ("one", "four"), "b.png": ("two", "three")}
    assert list(said) == ["a.png", "b.png"]
    assert all(example.image.path.parent == tmp_path for example in data.examples)


def test_questions_answered_by_one_by_several_and_by_nobody(tmp_path):
    file = write(
        tmp_path / "train.jsonl",
        {"image": "a.png", "question": "is it?", "answer": "yes", "type": "exist"},
        {"image": "a.png", "question": "how many?", "answers": ["2", 3], "question_id": 9},
        {"image": "a.png", "question": "what?"},
    )
    one, several, secret = read_file(file).examples
    assert (one.answers, one.kind, one.id) == (("yes",), "exist", None)
    assert (several.answers, several.kind, several.id) == (("2", "3"), None, 9)
    assert secret.answers == ()


def test_true_and_false_are_answers_and_null_is_none(tmp_path):
    asked = {"image": "a.png", "question": "is it?"}
    file = write(
        tmp_path / "train.jsonl",
        asked | {"answer": True},
        asked | {"answers": [True, False, "maybe", 0]},
        asked | {"answer": None},
        asked | {"answers": None},
        asked | {"answers": None, "answer": "yes"},
    )
    found = [example.answers for example in read_file(file).examples]
    assert found == [("yes",), ("yes", "no", "maybe", "0"), (), (), ("yes",)]


@pytest.mark.parametrize(
    ("fields", "answers"),
    [
        ({"answer": ""}, ()),
        ({"answer": " "}, ()),
        ({"answer": math.nan}, ()),
        ({"answers": []}, ()),
        ({"answers": ""}, ()),
        ({"answers": math.nan, "answer": "yes"}, ("yes",)),
        ({"answers": [], "answer": 0}, ("0",)),
        ({"answers": ["", math.nan]}, ()),
        ({"answers": ["cat"] * 9 + [""]}, ("cat",) * 9),
        ({"answers": ["cat", math.nan, "nan"]}, ("cat", "nan")),
        ({"answers": "yes"}, ("yes",)),
        ({"answer": ["yes", "no"]}, ("yes", "no")),
        (
            {"answers": [{"answer": "yes", "answer_confidence": "maybe"}, {"answer": 2}]},
            ("yes", "2"),
        ),
        ({"answers": [{"answer": "", "answer_id": 1}, {"answer": "no", "answer_id": 2}]}, ("no",)),
    ],
)
def test_answers_as_public_sets_have_them(tmp_path, fields, answers):
    """Of no answer at all they are secret, as for null."""
    file = write(tmp_path / "train.jsonl", {"image": "a.png", "question": "is it?"} | fields)
    assert read_file(file).examples[0].answers == answers


@pytest.mark.parametrize(
    "given",
    [{"answers": {}}, {"answers": [None]}, {"answers": [{"answer": None}]}, {"answers": [["yes"]]}],
)
def test_answers_that_are_none_are_refused(tmp_path, given):
    file = write(tmp_path / "train.jsonl", {"image": "a.png", "question": "is it?"} | given)
    with pytest.raises(ValueError, match=r"train\.jsonl line 1: expected \"answer\": a word"):
        read_file(file)


def test_nan_is_as_good_as_null_everywhere(tmp_path):
    names = ("question", "images", "group", "id", "type")
    gaps = {"caption": "it is", "label": math.nan} | dict.fromkeys(names, math.nan)
    [stated] = read_file(write(tmp_path / "test.jsonl", {"image": "a.png"} | gaps)).examples
    assert (stated.statement, stated.label, stated.id) == ("it is", None, None)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"answer_type": "CLOSED "}, "CLOSED"),
        ({"question_type": "what is"}, "what is"),
        ({"question_type": "what is", "answer_type": "other"}, "other"),
        ({"answer_type": "other", "kind": "colour"}, "colour"),
        ({"kind": "colour", "type": "hue"}, "hue"),
        ({"type": " ", "answer_type": 3, "question_type": "what is"}, "what is"),
        ({"answer_type": None}, None),
    ],
)
def test_the_type_of_a_question_by_its_names(tmp_path, fields, kind):
    assert read_file(write(tmp_path / "train.jsonl", ASKED | fields)).examples[0].kind == kind


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({"question_id": 458752000}, 458752000),
        ({"question_id": "05515931"}, "05515931"),
        ({"questionId": "05515931", "id": 3}, "05515931"),
        ({"qid": "vsr-1"}, "vsr-1"),
        ({"id": 0}, 0),
        ({"question_id": 7.0}, 7),
        ({"question_id": "", "id": "x"}, "x"),
        ({"question_id": math.nan}, None),
        ({}, None),
    ],
)
def test_ids_stay_as_they_came(tmp_path, fields, known):
    found = read_file(write(tmp_path / "train.jsonl", ASKED | fields)).examples[0].id
    assert (found, type(found)) == (known, type(known))


def test_whole_numbers_are_one_answer_however_they_are_written(tmp_path):
    asked = {"image": "a.png", "question": "how many?"}
    file = write(
        tmp_path / "train.jsonl",
        asked | {"answers": [2, 2.0, "2", -0.0, 1e3, 2.5]},
        asked | {"answer": 7.0},
        asked | {"answer": "7.0"},  # as it is written
    )
    found = [example.answers for example in read_file(file).examples]
    assert found == [("2", "2", "2", "0", "1000", "2.5"), ("7",), ("7.0",)]


def test_a_field_that_is_null_is_as_good_as_none(tmp_path):
    names = ("filename", "images", "caption", "captions", "statement", "question")
    nulls = dict.fromkeys((*names, "id", "question_id", "group", "type", "kind", "answers"))
    image = {"image": "a.png"}
    for line in (
        {"question": "is it?", "answer": "yes", "kind": "exist"},
        {"question": "is it?", "answers": ["yes", "no"], "type": "exist"},
        {"caption": "a cat"},
        {"captions": ["a cat", "one cat"]},
        {"statement": "it is", "label": True},
        {"caption": "it is", "label": False, "id": "x"},
    ):
        bare, full = (
            read_file(write(tmp_path / "train.jsonl", *[one] * 2))
            for one in (image | line, image | nulls | line)
        )
        assert bare.kind == full.kind
        assert list(bare.examples) == list(full.examples)
    held_back = {"caption": "it is", "label": None}
    secret = read_file(write(tmp_path / "test.jsonl", image | held_back))
    assert (secret.kind, secret.examples[0].label) == ("statements", None)


def test_statements_are_a_group_only_where_they_say_so(tmp_path):
    stated = {"image": "a.png", "statement": "it is", "label": True}
    file = write(
        tmp_path / "train.jsonl",
        stated | {"group": None},
        stated | {"id": None},
        stated | {"id": "picture 3"},
        stated | {"id": "picture 3", "group": None},
        stated | {"id": "picture 3", "group": "g"},
        stated | {"id": "picture 4", "group": "g"},
    )
    groups = [example.group for example in read_file(file).examples]
    assert groups[4:] == ["g", "g"]
    assert len(set(groups)) == 5


def test_a_group_that_is_called_as_a_line_is_counted_is_another(tmp_path):
    stated = {"image": "a.png", "statement": "it is", "label": True}
    file = write(tmp_path / "train.jsonl", stated, stated | {"group": "1"}, stated | {"group": 1})
    first, *others = [example.group for example in read_file(file).examples]
    assert others == ["1", "1"]
    assert first != "1"


def test_labels_may_be_written_as_words(tmp_path):
    labels = ["true", "false", "True", "False", True, False, 1, 0, None]
    file = write(
        tmp_path / "train.jsonl",
        *[{"image": "a.png", "statement": "it is", "label": label} for label in labels],
    )
    found = [example.label for example in read_file(file).examples]
    assert found == [True, False, True, False, True, False, True, False, None]


@pytest.mark.parametrize("name", ["valid", "validation", "dev"])
def test_val_goes_by_other_names(tmp_path, name):
    asked = {"image": "a.png", "question": "is it?", "answer": "yes"}
    write(tmp_path / "train.jsonl", asked)
    file = write(tmp_path / f"{name}.jsonl", asked, asked)
    assert files_in(tmp_path)["questions", "val"] == file
    for split in ("val", name):
        assert len(open_data(tmp_path, split=split).examples) == 2
    [found] = check_data(tmp_path).sets
    assert [split.split for split in found.splits] == ["train", "val"], "it is checked once"
    write(tmp_path / "captions.jsonl", {"image": "a.png", "caption": "a cat"})
    assert held_out_of(tmp_path / "train.jsonl", None, task="vqa").split == "val"
    assert held_out_of(tmp_path / "train.jsonl", None, task="retrieval") is None
    write(tmp_path / "val.jsonl", asked)
    with pytest.raises(ValueError, match=rf"holds val\.jsonl and {name}\.jsonl, each of which"):
        held_out_of(tmp_path / "train.jsonl", None, task="vqa")
    with pytest.raises(ValueError, match="each of which would be val: keep one of them"):
        open_data(tmp_path, split="train", kind="questions")


def test_statements_about_two_pictures_and_about_one(tmp_path):
    file = write(
        tmp_path / "train.jsonl",
        {"images": ["a.png", "b.png"], "statement": "both", "label": True, "group": "g"},
        {"image": "a.png", "statement": "one", "label": 0},
        {"image": "a.png", "statement": "secret"},
    )
    a, b = (ImageFile(tmp_path / name) for name in ("a.png", "b.png"))
    assert list(read_file(file).examples) == [
        StatementExample(images=(a, b), statement="both", label=True, id=None, group="g"),
        StatementExample(
            images=(a,), statement="one", label=False, id=None, group="train.jsonl line 2"
        ),
        StatementExample(
            images=(a,), statement="secret", label=None, id=None, group="train.jsonl line 3"
        ),
    ]


def test_visual_spatial_reasoning_as_published(formats):
    data = read_file(formats / "vsr_test_head5.jsonl", split="test")
    assert (data.kind, data.split) == ("statements", "test")
    assert [example.label for example in data.examples] == [True, True, False, False, False]
    assert data.examples[0].statement == "The person is inside the refrigerator."
    assert data.examples[0].images[0].path.name == "000000451431.jpg"


def test_remote_sensing_captions_as_published(formats):
    data = read_file(formats / "rsicd_head3.jsonl")
    assert [len(example.captions) for example in data.examples] == [5, 5, 5]
    assert data.examples[1].image.path == formats / "rsicd_images" / "airport_349.jpg"


def test_what_the_world_writes(tmp_path):
    for split in ("train", "test"):
        list(export(tmp_path / split, seed=1, count=2, split=split, size=32))
    files = files_in(tmp_path)
    kinds = ("captions", "questions", "statements")
    assert set(files) == {(kind, split) for kind in kinds for split in ("train", "test")}
    for (kind, split), file in files.items():
        data = read_file(file, split=split)
        assert (data.kind, data.split) == (kind, split)
        assert len(data.examples) == {"captions": 2, "questions": 6, "statements": 2}[kind]
        for example in data.examples:
            for image in getattr(example, "images", None) or [example.image]:
                assert min(image.open().size) >= 32


def test_files_named_by_split_and_by_kind(tmp_path):
    asked = {"image": "a.png", "question": "is it?", "answer": "yes"}
    write(tmp_path / "train.jsonl", asked)
    write(tmp_path / "val.jsonl", asked)
    write(tmp_path / "train.small.jsonl", asked)
    write(tmp_path / "notes.jsonl", {"note": "of no kind"})
    write(tmp_path / "captions.jsonl", {"image": "a.png", "caption": "a cat"})
    write(tmp_path / "pairs.jsonl")
    assert files_in(tmp_path) == {
        ("questions", "train"): tmp_path / "train.jsonl",
        ("questions", "val"): tmp_path / "val.jsonl",
        ("questions", "train.small"): tmp_path / "train.small.jsonl",
        ("captions", "train"): tmp_path / "captions.jsonl",
        ("statements", "train"): tmp_path / "pairs.jsonl",  # to be told that it is empty
    }


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (("train.jsonl", "questions.jsonl"), "train"),
        (("questions.jsonl", "train/questions.jsonl"), "train"),
        (("train.jsonl", "pairs.jsonl"), "train"),  # by its lines, whatever its name says
        (("val.jsonl", "val/questions.jsonl"), "val"),
        (("val/questions.jsonl", "dev.jsonl"), "val"),
        (("test.jsonl", "test/questions.jsonl"), "test"),
    ],
)
def test_no_file_is_lost_to_another_of_its_kind_and_split(tmp_path, names, split):
    for name in names:
        write(tmp_path / name, {"image": "a.png", "question": "is it?", "answer": "yes"})
    told = rf"holds {' and '.join(names)}, each of which would be {split}: keep one of them"
    for open_it in (files_in, passed_over, open_data, check_data):
        with pytest.raises(ValueError, match=re.escape(told)):
            open_it(tmp_path)


def test_files_of_several_kinds_share_a_split(tmp_path):
    write(tmp_path / "train.jsonl", {"image": "a.png", "question": "is it?", "answer": "yes"})
    write(tmp_path / "train" / "captions.jsonl", {"image": "a.png", "caption": "a cat"})
    write(tmp_path / "train" / "questions.jsonl", {"img": "a.png", "asked": "is it?"})
    assert set(files_in(tmp_path)) == {("questions", "train"), ("captions", "train")}
    [told] = passed_over(tmp_path)
    assert told.startswith(str(tmp_path / "train" / "questions.jsonl"))
    assert told.endswith("which has 'img', 'asked'")


def test_a_set_in_folders_of_splits_has_the_name_of_the_whole(tmp_path):
    for split in ("train", "val"):
        asked = {"image": "a.png", "question": "is it?", "answer": "yes"}
        file = write(tmp_path / "mine" / split / "questions.jsonl", asked)
        assert open_data(tmp_path / "mine", split=split).name == "mine"
        assert read_file(file, split=split).name == "mine"
    assert read_file(write(tmp_path / "train" / "train.jsonl", asked)).name == "train"


def test_a_file_whose_fields_have_other_names_is_told_of(tmp_path):
    write(tmp_path / "train.jsonl", {"image": "a.png", "question": "is it?", "answer": "yes"})
    write(tmp_path / "val.jsonl", {"img": "a.png", "question_text": "is it?"})
    write(tmp_path / "extra.jsonl", {"img": "a.png", "txt": "a cat"})
    assert files_in(tmp_path)["questions", "val"] == tmp_path / "val.jsonl"
    with pytest.raises(ValueError, match=r"val\.jsonl line 1: .*question_text"):
        open_data(tmp_path, split="val")
    found = check_data(tmp_path)
    assert not found.complete
    assert "val.jsonl line 1: expected a caption, a question or a statement" in found.text()
    assert re.search(r"passed over: .*extra\.jsonl: .*'img', 'txt'", found.text())
    (tmp_path / "train.jsonl").unlink()
    (tmp_path / "val.jsonl").unlink()
    with pytest.raises(ValueError, match=r"found .*extra\.jsonl: no caption, question or state"):
        open_data(tmp_path)


def test_what_is_of_a_kind_comes_before_what_only_promises(tmp_path):
    write(tmp_path / "train.jsonl", {"img": "a.png"})
    write(tmp_path / "captions.jsonl", {"image": "a.png", "caption": "a cat"})
    assert files_in(tmp_path) == {("captions", "train"): tmp_path / "captions.jsonl"}
    assert passed_over(tmp_path)[0].startswith(str(tmp_path / "train.jsonl"))


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "an empty file"),
        ([{"image": "a.png"}], "expected a caption, a question or a statement"),
        ([{"image": "a.png", "caption": ""}], '"caption": words'),
        ([{"image": "a.png", "captions": []}], '"caption": words'),
        ([{"caption": "a cat"}], "expected words under 'image'"),
        ([{"image": "a.png", "question": "q", "answer": "a"}, {"image": "a.png"}], "line 2"),
        ([{"image": "a.png", "question": "q", "answers": [[]]}], '"answers": a list'),
        ([{"images": ["a", "b", "c"], "statement": "s"}], "two images or one, got 3"),
        ([{"images": "a.png", "statement": "s"}], 'in "images"'),
        ([{"image": "a.png", "statement": "s", "label": "yes"}], "true or false, got 'yes'"),
    ],
)
def test_a_line_that_is_none_is_told_in_a_sentence(tmp_path, lines, complaint):
    file = write(tmp_path / "train.jsonl", *lines)
    with pytest.raises(ValueError, match=complaint):
        read_file(file)


@pytest.mark.parametrize(
    "half",
    [
        rb'"caption": "a \uD800 cat"',
        rb'"captions": ["a cat", "\udc31"]',
        b'"caption": "a cat", "id": "\xed\xa0\xbd"',
    ],
)
def test_half_a_character_is_told_with_its_line(tmp_path, half):
    whole = rb'{"image": "a.png", "caption": "\ud83d\udc31 is a cat, \\ud800 is none"}'
    file = tmp_path / "train.jsonl"
    file.write_bytes(whole + b'\n{"image": "b.png", ' + half + b"}\n")
    with pytest.raises(ValueError, match=r"^train\.jsonl line 2 must be valid Unicode, got half"):
        read_file(file)
    file.write_bytes(whole)
    assert read_file(file).examples[0].captions == (r"🐱 is a cat, \ud800 is none",)


@pytest.mark.parametrize("name", ["train.jsonl", "train.json"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_that_is_one_array_is_its_objects(tmp_path, name, indent, mark):
    there = {"image": str(tmp_path / "a.png")}
    asked = [ASKED | there | {"question": f"is it {at}?"} for at in range(4)]
    lines = read_file(write(tmp_path / "lines.jsonl", *asked))
    file = tmp_path / "array" / name
    file.parent.mkdir()
    file.write_text(mark + "\n" + json.dumps(asked, indent=indent), encoding="utf-8")
    assert list(read_file(file).examples) == list(lines.examples)
    assert list(open_data(file.parent).examples) == list(lines.examples)
    assert check_data(file.parent).sets[0].splits[0].examples == 4


def test_what_is_wrong_in_an_array_is_told_with_its_place(tmp_path):
    file = tmp_path / "train.json"
    file.write_text(json.dumps([ASKED, ASKED | {"question": ""}, ["is it?"], ASKED], indent=1))
    with pytest.raises(ValueError, match=r"^train\.json item 2: expected words under 'question'"):
        read_file(file)
    text = check_data(tmp_path).text()
    assert "2 of 4 lines are bad" in text
    assert "train.json item 3: expected an object" in text
    file.write_text(json.dumps([ASKED] * 3)[:-9])
    with pytest.raises(ValueError, match="cut short"):
        read_file(file)
    file.write_text(json.dumps([ASKED]) + "\n" + json.dumps([ASKED]))
    with pytest.raises(ValueError, match="expected one array alone"):
        read_file(file)
    file.write_text(r'[{"image": "a.png", "caption": "a \ud800 cat"}]')
    with pytest.raises(ValueError, match=r"^train\.json item 1 must be valid Unicode"):
        read_file(file)


def test_an_array_stands_back_behind_lines_and_behind_other_formats(tmp_path):
    (tmp_path / "train.json").write_text(json.dumps([ASKED]))
    (tmp_path / "val.json").write_text(json.dumps([["a.png", "a cat"]]))
    assert files_in(tmp_path) == {("questions", "train"): tmp_path / "train.json"}
    assert "val.json" in passed_over(tmp_path)[0]
    lines = write(tmp_path / "train.jsonl", ASKED, ASKED)
    assert files_in(tmp_path) == {("questions", "train"): lines}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (gzip.compress, r"train\.jsonl is packed with gzip: unpack it first"),
        (lambda raw: raw.decode().encode("utf-16"), r"train\.jsonl is written in UTF-16: save it"),
    ],
)
def test_a_file_that_is_no_text_as_we_read_it_is_told_so_once(tmp_path, written, told):
    file = write(tmp_path / "train.jsonl", *[ASKED] * 3)
    file.write_bytes(written(file.read_bytes()))
    with pytest.raises(ValueError, match=told):
        read_file(file)
    assert len(re.findall(told, check_data(tmp_path).text())) == 1


def test_packed_lines_are_named_where_nothing_else_is_there(tmp_path):
    file = write(tmp_path / "train.jsonl", ASKED)
    (tmp_path / "train.jsonl.gz").write_bytes(gzip.compress(file.read_bytes()))
    assert passed_over(tmp_path) == ()
    file.unlink()
    told = r"train\.jsonl\.gz, packed with gzip: unpack it first \(gunzip\)$"
    with pytest.raises(ValueError, match=f"^expected .* in .*, found .*{told}"):
        open_data(tmp_path)
    assert re.search(f"passed over: .*{told}", check_data(tmp_path).text(), re.MULTILINE)


def test_names_from_windows_are_found(tmp_path, paint):
    for name in ("images/a.png", "images/deep/b.png", "odd\\name.png"):
        paint(tmp_path / name)
    lines = [
        {"image": "images\\a.png", "question": "is it?"},
        {"filename": "images\\deep\\b.png", "question": "is it?"},
        {"image": "odd\\name.png", "question": "is it?"},
    ]
    asked = read_file(write(tmp_path / "train.jsonl", *lines)).examples
    assert all(one.image.path.is_file() for one in asked)
    told = write(tmp_path / "val.jsonl", {"image": "images\\a.png", "caption": "a cat"})
    assert read_file(told).examples[0].image.path.is_file()
    names = ["images\\a.png", "images\\deep\\b.png"]
    stated = write(tmp_path / "test.jsonl", {"images": names, "statement": "both"})
    assert all(image.path.is_file() for image in read_file(stated).examples[0].images)


@pytest.mark.parametrize("value", ["[" * 100_000, "1" * 5_000])
def test_json_that_python_does_not_take_is_told_with_its_line(tmp_path, value):
    file = tmp_path / "train.jsonl"
    file.write_text('{"image": "a.png", "caption": "one"}\n{"caption": ' + value)
    with pytest.raises(ValueError, match=r"train\.jsonl line 2 is not readable JSON"):
        read_file(file)


def test_a_file_that_ends_within_a_line(tmp_path):
    file = tmp_path / "train.jsonl"
    file.write_text('{"image": "a.png", "caption": "one"}\n{"image": "b.p')
    with pytest.raises(ValueError, match="line 2 is not readable JSON"):
        read_file(file)


def test_lines_of_no_kind_are_not_told_as_captions(tmp_path):
    write(tmp_path / "train.jsonl", {"left": "a.png", "right": "b.png", "sentence": "both"})
    complaint = r"train\.jsonl line 1: expected .* by that name, got 'left', 'right', 'sentence'$"
    for kind in ("statements", "questions", "captions"):
        with pytest.raises(ValueError, match=complaint):
            open_data(tmp_path, kind=kind)


def test_where_a_split_is_called_otherwise_its_file_can_be_named(tmp_path):
    asked = {"image": "a.png", "question": "is it?", "answer": "yes"}
    file = write(tmp_path / "train1.jsonl", asked)
    complaint = r"no split 'train', only train1; a file of it can be named itself, such as .*train1"
    with pytest.raises(ValueError, match=complaint):
        open_data(tmp_path)
    assert len(open_data(file).examples) == 1
