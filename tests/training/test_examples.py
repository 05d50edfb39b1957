"""Laws of rows from data sets: every sample once, each row by itself, and truths that are true."""

import json
import pickle
import random
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vilt_core.data.examples import (
    CaptionExample,
    DataSet,
    ImageFile,
    QuestionExample,
    StatementExample,
    Uncaptioned,
)
from vilt_core.data.folders import open_data
from vilt_core.data.image import Processing, to_pixels
from vilt_core.data.sequences import Joined, MadeOnDemand
from vilt_core.evaluation.sources import questions_of
from vilt_core.evaluation.vqa import worth
from vilt_core.objectives import patch_colours
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training.adapt import own_answers
from vilt_core.training.batches import NOT_ASKED, Row, collate, counts
from vilt_core.training.examples import ExampleRows, Reading, order
from vilt_core.training.stages import Stage

SIZE, PATCH, ROWS = 32, 8, 8
STAGE = Stage(name="any", steps=9, mix={"captions": 1.0}, batch_size=ROWS, negatives=3)
WORDS = ("cat", "dog", "lemon", "car", "drum", "rose")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[ImageFile]:
    """Six pictures of one colour each, two of them wide."""
    folder, found = tmp_path_factory.mktemp("pictures"), []
    for index in range(6):
        size = (60, 36) if index < 2 else (40, 40)
        Image.new("RGB", size, (40 * index, 20, 250 - 40 * index)).save(folder / f"{index}.png")
        found.append(ImageFile(folder / f"{index}.png"))
    return found


@pytest.fixture(scope="module")
def sets(pictures) -> dict[str, DataSet]:
    captions = tuple(
        CaptionExample(
            image=image, captions=(f"a {word}", f"the {word} it is")[: 1 + at % 2], id=word
        )
        for at, (image, word) in enumerate(zip(pictures, WORDS, strict=True))
    )
    questions = tuple(
        QuestionExample(image=image, question="what is it?", answers=(word,), id=word)
        for image, word in zip(pictures, WORDS, strict=True)
    )
    statements = tuple(
        StatementExample(
            images=(image, pictures[0]),
            statement=f"a {word}",
            label=at % 3 == 0,
            id=word,
            group=word,
        )
        for at, (image, word) in enumerate(zip(pictures, WORDS, strict=True))
    )
    named = {"captions": captions, "questions": questions, "statements": statements}
    return {
        kind: DataSet(name=kind, split="train", kind=kind, examples=examples, vqa_rules=True)
        for kind, examples in named.items()
    }


@pytest.fixture
def rows_of(sets, tokenizer):
    def build(
        kind: str = "captions",
        *,
        max_patches: int = 100,
        seed: int = 0,
        kept_bytes: int | None = None,
        **changes,
    ):
        reading = Reading(
            tokenizer=tokenizer,
            processing=Processing(size=SIZE, patch_size=PATCH),
            patch_size=PATCH,
            max_patches=max_patches,
            answers=("dog", "cat", "Lemon.", "rose"),
        )
        stage = replace(STAGE, mix={kind: 1.0}, **changes)
        return ExampleRows(stage, data=sets, reading=reading, seed=seed, kept_bytes=kept_bytes)

    return build


def seen(row: Row) -> torch.Tensor:
    """What a model reads of a row's picture."""
    return collate("questions", [row], pad=0).image.pixels


def which(row: Row, pictures) -> int:
    """The picture that a row shows."""
    shown = [to_pixels(p.open(), size=SIZE, patch_size=PATCH) for p in pictures]
    [found] = [at for at, pixels in enumerate(shown) if torch.equal(pixels, seen(row)[0])]
    return found


def same(one: Row, other: Row) -> bool:
    batches = [collate("captions", [row], pad=0) for row in (one, other)]
    return (
        torch.equal(batches[0].image.pixels, batches[1].image.pixels)
        and torch.equal(batches[0].text.ids, batches[1].text.ids)
        and one.matched == other.matched
    )


@pytest.mark.parametrize("length", [1, 7, 100])
def test_an_epoch_is_a_permutation_and_the_next_is_another(length):
    first, second = (order(length, seed=3, epoch=epoch) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(length))
    assert length < 7 or not np.array_equal(first, second)
    assert np.array_equal(first, order(length, seed=3, epoch=0))


def test_every_sample_is_seen_once_an_epoch(rows_of, sets, tokenizer):
    """Nine captions of six pictures, at batches of eight, over eight epochs."""
    source = rows_of()
    said = [
        tokenizer.encode([row_text]).batch.ids[0].tolist()
        for example in sets["captions"].examples
        for row_text in example.captions
    ]
    seen: list[list[int]] = []
    for step in range(9):
        seen += [row.texts[0].tolist() for row in source.rows(step, range(ROWS))[1::2]]
    for epoch in range(8):
        part = seen[9 * epoch : 9 * (epoch + 1)]
        assert sorted(map(tuple, part)) == sorted(map(tuple, said))


@pytest.mark.parametrize("kind", ["captions", "questions", "statements", "ranking"])
@pytest.mark.parametrize("parts", [2, 4])
def test_rows_do_not_depend_on_who_asks_for_them(rows_of, kind, parts):
    each = 2 if kind == "captions" else 1
    whole = rows_of(kind, augment=True).rows(3, range(ROWS))
    for part in range(parts):
        shared = rows_of(kind, augment=True).rows(3, range(part, ROWS, parts))
        own = [row for place in range(part, ROWS, parts) for row in whole[each * place :][:each]]
        assert len(shared) == len(own)
        assert all(same(one, other) for one, other in zip(shared, own, strict=True))
    assert not all(
        same(one, other)
        for one, other in zip(whole, rows_of(kind, seed=1).rows(3, range(ROWS)), strict=True)
    )


@pytest.mark.parametrize("kind", ["captions", "questions", "statements", "ranking"])
def test_pictures_are_changed_where_the_stage_augments_and_there_alone(rows_of, kind):
    plain, again, augmented = (
        [seen(row) for row in rows_of(kind, augment=asked).rows(0, range(ROWS))]
        for asked in (False, False, True)
    )
    assert all(map(torch.equal, plain, again))
    assert not all(map(torch.equal, plain, augmented))


@pytest.mark.parametrize("nested", [False, True])
def test_false_pictures_and_texts_are_of_the_captions_own_set(
    rows_of, sets, pictures, tokenizer, nested
):
    """Else matching could be told from what pictures of a set look like."""

    def tokens(ids: torch.Tensor) -> str:
        return "".join(map(tokenizer.token, ids.tolist()[1:-1]))

    examples = sets["captions"].examples
    parts = [examples[:2], examples[2:4], examples[4:]]
    joined = Joined([Joined(parts[:2]), parts[2]]) if nested else Joined(parts)
    data = {"captions": replace(sets["captions"], examples=joined)}
    for kind in ("captions", "ranking"):
        source = rows_of(kind)
        again = ExampleRows(source.stage, data=data, reading=source.reading, seed=0)
        false = 0
        for step in range(6):
            rows = again.rows(step, range(ROWS))
            if kind == "captions":
                for told, shown in zip(rows[::2], rows[1::2], strict=True):
                    places = which(told, pictures), which(shown, pictures)
                    assert places[0] // 2 == places[1] // 2
                    false += places[0] != places[1]
                continue
            for row in rows:
                own = which(row, pictures)
                other = WORDS[own ^ 1]  # the only other picture of the part
                texts = [tokens(ids) for ids in row.texts]
                spelled = tokens(tokenizer.encode([other]).batch.ids[0])
                assert all(spelled in text for text in texts[1:])
                false += len(texts) - 1
        assert false


def test_a_set_of_one_picture_borrows_false_ones_from_the_others(rows_of, sets, pictures):
    examples = sets["captions"].examples
    data = {"captions": replace(sets["captions"], examples=Joined([examples[:1], examples[1:]]))}
    source = rows_of()
    again = ExampleRows(source.stage, data=data, reading=source.reading, seed=0)
    for step in range(6):
        rows = again.rows(step, range(ROWS))
        for told, shown in zip(rows[::2], rows[1::2], strict=True):
            assert (which(told, pictures) == which(shown, pictures)) == bool(shown.matched)


def test_exactly_half_of_the_pairs_match_and_the_rest_show_another_picture(rows_of, pictures, sets):
    source, places = rows_of(), Counter()
    for step in range(6):
        rows = source.rows(step, range(ROWS))
        assert [row.matched for row in rows[::2]] == [NOT_ASKED] * ROWS
        matched = [row.matched for row in rows[1::2]]
        assert sum(matched) == ROWS // 2
        places.update(place for place, match in enumerate(matched) if match)
        for told, shown in zip(rows[::2], rows[1::2], strict=True):
            assert (which(told, pictures) == which(shown, pictures)) == bool(shown.matched)
            assert (shown.masked == IGNORED).all()
            assert (told.masked != IGNORED).any()
            hidden = told.masked != IGNORED
            assert torch.equal(torch.where(hidden, told.masked, told.texts[0]), shown.texts[0])
    assert len(places) == ROWS  # not the same places in every step


def test_a_true_text_stands_before_those_of_other_pictures(rows_of, pictures, tokenizer):
    for row in rows_of("ranking").rows(0, range(ROWS)):
        texts = ["".join(map(tokenizer.token, ids.tolist()[1:-1])) for ids in row.texts]
        assert len(texts) == 1 + STAGE.negatives
        own = WORDS[which(row, pictures)]
        spelled = "".join(map(tokenizer.token, tokenizer.encode([own]).batch.ids[0].tolist()[1:-1]))
        assert spelled in texts[0]
        assert not any(spelled in text for text in texts[1:])


def test_answers_are_looked_up_normalised(rows_of, pictures):
    for row in rows_of("questions").rows(0, range(ROWS)):
        word = WORDS[which(row, pictures)]
        assert row.answer == {"dog": 0, "cat": 1, "lemon": 2, "rose": 3}.get(word, IGNORED)


def test_of_people_who_disagree_each_answer_is_worth_its_share(rows_of, sets, pictures):
    """The 2021 code looked answers up as they were spelled, in a list of normalised ones."""
    given = ("A dog", "dog.", "Dogs", *["cat"] * 7)
    asked = QuestionExample(image=pictures[0], question="what?", answers=given, id="1")
    data = replace(sets["questions"], examples=(asked,))
    source = rows_of("questions")
    again = ExampleRows(source.stage, data={"questions": data}, reading=source.reading, seed=0)
    [row] = again.rows(0, range(1))
    assert row.scores.tolist() == pytest.approx([0.6, 1.0, 0.0, 0.0])
    assert row.answer is None


def test_each_answer_of_ones_own_is_a_class_of_its_own_and_alone_is_right(
    rows_of, sets, pictures, tokenizer
):
    """VQA v2's rules would make one class of a sign and its opposite, and call both right."""
    said = ("-1", "1", "C++", "C", "C#", "left/right", "left right", "none", "0", "a", "Müller-Lüd")
    examples = tuple(
        QuestionExample(image=pictures[0], question="what?", answers=(answer,), id=answer)
        for answer in said
    )
    data = DataSet(name="mine", split="train", kind="questions", examples=examples)
    listed = tuple(own_answers(data))
    assert set(listed) == set(said)
    reading = replace(rows_of("questions").reading, answers=listed)
    stage = replace(STAGE, mix={"questions": 1.0}, batch_size=len(said))
    rows = ExampleRows(stage, data={"questions": data}, reading=reading, seed=0)
    trained = [row.answer for row in rows.rows(0, range(len(said)))]
    assert sorted(trained) == list(range(len(said)))
    for asked, own in zip(questions_of(data), said, strict=True):
        assert [worth([asked], [given])[0] for given in listed] == [
            given == own for given in listed
        ]


def test_secret_answers_cannot_be_trained_on(rows_of, sets, pictures):
    asked = QuestionExample(image=pictures[0], question="what?", answers=(), id="1")
    data = replace(sets["questions"], examples=(replace(asked, answers=("yes",)), asked))
    source = rows_of("questions")
    complaint = "keeps its answers secret, or lacks some: 1 of 2 examples, the first .* number 2"
    with pytest.raises(ValueError, match=complaint):
        ExampleRows(source.stage, data={"questions": data}, reading=source.reading, seed=0)


def test_a_stage_says_what_data_it_lacks(rows_of, sets):
    source, only = rows_of(), {"questions": sets["questions"]}
    with pytest.raises(ValueError, match=r"needs \['captions'\], got \['questions'\]"):
        ExampleRows(source.stage, data=only, reading=source.reading, seed=0)


def test_statements_bring_two_pictures_and_their_truth(rows_of, pictures):
    for row in rows_of("statements").rows(0, range(ROWS)):
        assert row.statement == int(which(row, pictures) % 3 == 0)
        assert which(replace(row, pixels=row.second), pictures) == 0


def test_patches_to_predict_are_among_those_read(rows_of):
    rows = rows_of(max_patches=12, patch_mask_rate=0.5).rows(0, range(ROWS))
    for told, shown in zip(rows[::2], rows[1::2], strict=True):
        cells = told.kept.numel()
        assert int(told.kept.sum()) == int(shown.kept.sum()) == 12 < cells
        assert (told.hidden <= told.kept).all()
        assert (told.covered <= told.hidden).all()
        assert not shown.hidden.any()
    asked = collate("captions", rows, pad=0)
    assert counts(asked)["mpp"] == sum(int(row.hidden.sum()) for row in rows)


def test_patches_are_labelled_with_the_colours_of_the_pictures(rows_of, pictures):
    for row in rows_of(patch_mask_rate=0.5).rows(0, range(ROWS)):
        index = which(row, pictures)
        colours = patch_colours(seen(row), PATCH)[0]
        assert colours.tolist() == [[40 * index, 20, 250 - 40 * index]] * row.hidden.numel()


@pytest.mark.parametrize("levels", [{"mean": (0.48, 0.46, 0.41)}, {"std": (0.27, 0.26, 0.28)}])
def test_pictures_of_other_levels_are_refused_where_patches_are_labelled(rows_of, sets, levels):
    source = rows_of()
    other = replace(source.reading, processing=replace(source.reading.processing, **levels))
    ExampleRows(source.stage, data=sets, reading=other, seed=0)
    masking = replace(source.stage, patch_mask_rate=0.15)
    with pytest.raises(ValueError, match=r"of mean and std 0\.5, got mean \(.*\) and std \("):
        ExampleRows(masking, data=sets, reading=other, seed=0)


def test_mixed_pairs_say_both_captions_of_a_blend(rows_of, pictures):
    plain, mixed = (rows_of(mixgen=share).rows(0, range(ROWS)) for share in (0.0, 1.0))
    for one, both in zip(plain[1::2], mixed[1::2], strict=True):
        assert len(both.texts[0]) > len(one.texts[0])
    blended = mixed[0].pixels
    shown = [to_pixels(p.open(), size=SIZE, patch_size=PATCH) for p in pictures]
    means = [pixels.mean(dim=(1, 2)) for pixels in shown]
    halves = [(a + b) / 2 for a in means for b in means]
    assert min(float((blended.mean(dim=(1, 2)) - half).abs().max()) for half in halves) < 0.02


def test_the_look_of_a_picture_does_not_tell_matching(rows_of, pictures):
    """Where the text is of two examples, so is every picture that it is held against."""
    shown = [to_pixels(p.open(), size=SIZE, patch_size=PATCH).mean(dim=(1, 2)) for p in pictures]
    rows = [row for step in range(8) for row in rows_of(mixgen=1.0).rows(step, range(ROWS))]
    false = [row for row in rows if row.matched == 0]
    assert len(false) >= ROWS
    blends = [
        min(float((row.pixels.mean(dim=(1, 2)) - one).abs().max()) for one in shown) > 0.02
        for row in false
    ]
    assert sum(blends) / len(blends) > 0.2  # the first and the third look like the second
    halves = [(a + b) / 2 for a in shown for b in shown]
    for row in false:
        mean = row.pixels.mean(dim=(1, 2))
        assert min(float((mean - half).abs().max()) for half in halves) < 0.02


def test_a_mixed_pair_is_not_held_against_its_own_picture(rows_of, sets, tokenizer):
    """Nor against a blend with it: of two pictures the other one alone is left."""
    examples = sets["captions"].examples[2:4]
    source = rows_of(mixgen=1.0)
    two = {"captions": replace(sets["captions"], examples=examples)}
    source = ExampleRows(source.stage, data=two, reading=source.reading, seed=0)
    rows = [row for step in range(4) for row in source.rows(step, range(ROWS))]
    false = [row for row in rows if row.matched == 0]
    assert len(false) >= ROWS
    for row in false:
        [other] = (
            one
            for one in examples
            if not any(row.texts[0].tolist()[: len(ids)] == ids for ids in said(one, tokenizer))
        )
        shown = to_pixels(other.image.open(), size=SIZE, patch_size=PATCH)
        torch.testing.assert_close(row.pixels.mean(dim=(1, 2)), shown.mean(dim=(1, 2)))


def said(example: CaptionExample, tokenizer) -> list[list[int]]:
    """How texts begin that begin with one of its captions."""
    return [tokenizer.encode([one]).batch.ids[0].tolist()[:-1] for one in example.captions]


def test_the_order_is_that_of_the_file_whatever_the_set_is(tmp_path):
    """Captions keep their order: nothing goes through a set, whose order a hash seed decides."""
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    said = [f"caption {random.Random(at).random()}" for at in range(50)]
    lines = [json.dumps({"image": "0.png", "caption": text}) for text in said]
    Path(tmp_path / "train.jsonl").write_text("\n".join(lines))
    found = [text for one in open_data(tmp_path).examples for text in one.captions]
    assert found == said


def test_captions_without_words_and_pictures_without_captions_are_passed_over(rows_of, sets):
    first, second, *rest = sets["captions"].examples
    odd = (replace(first, captions=("\u200b",)), replace(second, captions=()), *rest)
    source = rows_of(mixgen=0.5)
    data = {"captions": replace(sets["captions"], examples=odd)}
    again = ExampleRows(source.stage, data=data, reading=source.reading, seed=0)
    rows = [row for step in range(4) for row in again.rows(step, range(ROWS))]
    assert any("expected a caption with words" in name for row in rows for name in row.broken)
    assert all(len(row.texts[0]) > 2 for row in rows)


class Promised(MadeOnDemand):
    """Captions of a shard that promises more than it holds: the others are not there."""

    def __init__(self, examples, *, lost: int, error: type[ValueError]):
        self.examples, self.lost, self.error = examples, lost, error

    def __len__(self) -> int:
        return len(self.examples) + self.lost

    def caption_counts(self) -> np.ndarray:
        return np.ones(len(self), dtype=np.int64)

    def make(self, index: int):
        if index < len(self.examples):
            return self.examples[index]
        raise self.error("the shard holds fewer samples")


@pytest.mark.parametrize("error", [ValueError, Uncaptioned])
def test_a_false_text_that_is_not_there_costs_no_row(rows_of, sets, error):
    """Only a row whose own sample is lost is made of another, and says of which."""
    source = rows_of("ranking")
    examples = Promised(sets["captions"].examples, lost=3, error=error)
    data = {"captions": replace(sets["captions"], examples=examples)}
    again = ExampleRows(source.stage, data=data, reading=source.reading, seed=0)
    broken = []
    for step in range(9):
        for row in again.rows(step, range(ROWS)):
            assert len(row.texts) == 1 + source.stage.negatives
            broken += row.broken
    lost = {f"example {at}: the shard holds fewer samples" for at in (7, 8, 9)}
    assert set(broken) == (lost if error is ValueError else set())


def test_a_false_text_is_not_the_true_one(rows_of, sets, tokenizer):
    """Pictures that are captioned alike: what is said of one is no false caption of the other."""
    examples = tuple(
        replace(one, captions=("a dog",) if at < 4 else (f"a {WORDS[at]}",))
        for at, one in enumerate(sets["captions"].examples)
    )
    source = rows_of("ranking")

    def rows(among):
        data = {"captions": replace(sets["captions"], examples=among)}
        again = ExampleRows(source.stage, data=data, reading=source.reading, seed=0)
        return [row for step in range(6) for row in again.rows(step, range(ROWS))]

    for row in rows(examples):
        assert not any(torch.equal(row.texts[0], text) for text in row.texts[1:])
    for row in rows(examples[:4]):  # nothing else is said of any
        assert len(row.texts) == 1 + source.stage.negatives


def test_statements_without_labels_cannot_be_trained_on(rows_of, sets):
    secret = tuple(replace(one, label=None) for one in sets["statements"].examples)
    source = rows_of("statements")
    data = {"statements": replace(sets["statements"], examples=secret)}
    with pytest.raises(ValueError, match="keeps its labels secret"):
        ExampleRows(source.stage, data=data, reading=source.reading, seed=0)


def test_rows_travel_to_processes_that_are_spawned(rows_of):
    again = pickle.loads(pickle.dumps(rows_of()))
    assert same(again.rows(0, range(1))[0], rows_of().rows(0, range(1))[0])


def contents(row: Row) -> dict:
    """All of a row, to compare."""
    values = {part.name: getattr(row, part.name) for part in fields(row)}
    values["texts"] = [ids.tolist() for ids in row.texts]
    return {k: v.tolist() if isinstance(v, torch.Tensor) else v for k, v in values.items()}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("captions", {}),
        ("captions", {"mixgen": 0.5}),
        ("questions", {}),
        ("questions", {"augment": True}),
        ("statements", {}),
        ("ranking", {}),
    ],
)
def test_rows_are_the_same_however_many_pictures_are_kept(
    rows_of, sets, tmp_path, monkeypatch, kind, changes
):
    """None, two or all, from the first step or from one in the middle; one picture is broken."""
    (tmp_path / "bad.png").write_bytes(b"no picture")
    bad = ImageFile(tmp_path / "bad.png")
    named = "captions" if kind == "ranking" else kind
    first, *others = sets[named].examples
    shows = {"images": (bad,)} if kind == "statements" else {"image": bad}
    data = replace(sets[named], examples=(replace(first, **shows), *others))
    monkeypatch.setitem(sets, named, data)

    def read(kept: int | None, *, first: int = 0) -> list[list[dict]]:
        source = rows_of(kind, kept_bytes=kept, **changes)
        return [list(map(contents, source.rows(step, range(ROWS)))) for step in range(first, 4)]

    whole = read(0)
    assert any(row["broken"] for rows in whole for row in rows)
    for kept in (2 * 3 * SIZE * SIZE, None):
        assert read(kept) == whole
        assert read(kept, first=2) == whole[2:]


def test_a_picture_is_decoded_once_for_all_questions_unless_it_is_augmented(
    rows_of, sets, monkeypatch
):
    decoded: Counter[str] = Counter()
    own = ImageFile.open
    monkeypatch.setattr(ImageFile, "open", lambda image: decoded.update([image.name]) or own(image))
    for augment, times in ((False, 1), (True, 4)):
        decoded.clear()
        source = rows_of("questions", augment=augment)
        for step in range(3):  # four epochs of six questions
            source.rows(step, range(ROWS))
        assert set(decoded.values()) == {times}
        assert len(decoded) == len(sets["questions"].examples)
