"""Laws of the stickers' rows: where they come from, what is asked of each, and that it is true."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vilt_core.data.image import normalise
from vilt_core.data.text import Tokenizer
from vilt_core.objectives import scaled
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training import stickers
from vilt_core.training.batches import Batch, collate, matching_rows
from vilt_core.training.stages import Stage, drawn
from vilt_core.training.stickers import StickerRows
from vilt_core.training.truths import BACKGROUND_CLASS, patch_classes, patch_targets
from vilt_core.world.grammar import Mention
from vilt_core.world.programs import execute
from vilt_core.world.questions import answers
from vilt_core.world.rendering import MAX_OBJECTS, paint, visible_shares
from vilt_core.world.scenes import scene
from vilt_core.world.sprites import sprites

SIZE, PATCH, ROWS, SEED = 64, 8, 16, 3
STAGE = Stage(name="any", steps=40, mix={"captions": 0.5, "questions": 0.5}, batch_size=ROWS)


class Whole(Dataset):
    """Global batches, whole."""

    def __init__(self, source: StickerRows):
        self.source = source

    def __len__(self) -> int:
        return self.source.stage.steps

    def __getitem__(self, step: int) -> Batch:
        rows = self.source.rows(step, range(self.source.stage.batch_size))
        return collate(self.source.kind(step), rows, pad=self.source.tokenizer.pad)


@pytest.fixture
def data(tokenizer: Tokenizer):
    def build(**changes) -> Whole:
        seed = changes.pop("seed", SEED)
        source = StickerRows(
            replace(STAGE, **changes),
            tokenizer=tokenizer,
            image_size=SIZE,
            patch_size=PATCH,
            seed=seed,
        )
        return Whole(source)

    return build


@pytest.fixture
def said(monkeypatch) -> dict[int, tuple[Mention, ...]]:
    """What captions and questions mention, by the index of the scene, as they are drawn."""
    heard = {}

    def listening(name):
        function = getattr(stickers, name)

        def spoken(place, *args, **kwargs):
            found = function(place, *args, **kwargs)
            if found is not None and place.index >= 0:  # those below are strangers' captions
                heard[place.index] = found.mentions
            return found

        return spoken

    for name in ("caption", "question"):
        monkeypatch.setattr(stickers, name, listening(name))
    return heard


def tensors(batch: Batch) -> dict[str, Tensor]:
    found = {f.name: getattr(batch, f.name) for f in fields(batch)}
    found |= {"pixels": batch.image.pixels, "image": None, "kind": None, "broken": None}
    if batch.text is not None:
        found |= {"ids": batch.text.ids, "mask": batch.text.mask, "text": None}
    return {name: value for name, value in found.items() if value is not None}


def same(one: Batch, other: Batch) -> bool:
    left, right = tensors(one), tensors(other)
    return (
        one.kind == other.kind
        and left.keys() == right.keys()
        and all(torch.equal(left[name].nan_to_num(), right[name].nan_to_num()) for name in left)
    )


def test_a_batch_is_a_function_of_seed_stage_and_step(data):
    first = data()[2]
    again = data()
    assert [again[step].kind for step in (5, 0)]
    assert same(again[2], first)
    assert not same(data()[3], first)
    assert not same(data(seed=4)[2], first)
    assert not same(data(name="other")[2], first)


def test_workers_change_nothing(data):
    alone = [data()[step] for step in range(4)]
    shared = DataLoader(torch.utils.data.Subset(data(), range(4)), batch_size=None, num_workers=2)
    assert all(same(one, other) for one, other in zip(alone, shared, strict=True))


def test_kinds_come_as_often_as_the_mix_says(data):
    build = data(mix={"patches": 0.2, "captions": 0.3, "questions": 0.5}, batch_size=1)
    kinds = Counter(build[step].kind for step in range(300))
    assert kinds["patches"] == pytest.approx(60, abs=21)  # three standard deviations
    assert kinds["captions"] == pytest.approx(90, abs=24)
    assert kinds["questions"] == pytest.approx(150, abs=26)


def test_drawn_follows_the_shares_whatever_their_sum():
    found = Counter(drawn({"a": 1.0, "b": 3.0}, lambda at=at: at / 100) for at in range(100))
    assert found == {"a": 25, "b": 75}
    assert drawn({"a": 0.1, "b": 0.2}, lambda: 1 - 2**-53) == "b"


def test_each_kind_carries_its_own_truth(data):
    patches = data(mix={"patches": 1.0})[0]
    captions = data(mix={"captions": 1.0})[0]
    questions = data(mix={"questions": 1.0})[0]
    assert patches.text is patches.masked is patches.matched is patches.answers is None
    assert captions.answers is None
    assert questions.masked is questions.matched is None
    for batch in (patches, captions, questions):
        assert batch.image.pixels.shape == (ROWS, 3, SIZE, SIZE)
        assert batch.patches.shape == (ROWS, (SIZE // PATCH) ** 2)


def test_half_of_the_captions_are_asked_for_matching_and_half_of_these_match(data):
    for step in range(3):
        batch = data(mix={"captions": 1.0})[step]
        rows = matching_rows(batch)
        assert rows.tolist() == [False] * (ROWS // 2) + [True] * (ROWS // 2)
        assert Counter(batch.matched[rows].tolist()) == {0: ROWS // 4, 1: ROWS // 4}


def test_only_captions_are_asked_for_matching(data):
    with pytest.raises(ValueError, match="expected a batch of captions, got one of questions"):
        matching_rows(data(mix={"questions": 1.0})[0])


@pytest.mark.parametrize("hard_negatives", [0.0, 1.0])
def test_what_is_said_to_match_does_and_nothing_else(data, monkeypatch, hard_negatives):
    programs, heard = {}, []

    def listening(function):
        def spoken(*args, **kwargs):
            said = function(*args, **kwargs)
            programs[said.text] = said.program
            return said

        return spoken

    build = data(mix={"captions": 1.0}, hard_negatives=hard_negatives, batch_size=64)
    encode = build.source.tokenizer.encode
    monkeypatch.setattr(stickers, "caption", listening(stickers.caption))
    monkeypatch.setattr(stickers, "hard_negative", listening(stickers.hard_negative))
    monkeypatch.setattr(
        build.source.tokenizer, "encode", lambda texts: (heard.extend(texts), encode(texts))[1]
    )
    for step in range(3):
        heard.clear()
        batch = build[step]
        for row, text in enumerate(heard):
            place = scene(SEED, build.source.first_scene + step * 64 + row)
            assert bool(execute(programs[text], place)) == (batch.matched[row] != 0), text


def test_masks_hide_words_of_their_own_half_alone(data, tokenizer):
    for step in range(4):
        batch = data(mix={"captions": 1.0})[step]
        asked = batch.masked != IGNORED
        rows = matching_rows(batch)
        specials = torch.isin(
            batch.text.ids, torch.tensor([tokenizer.pad, tokenizer.cls, tokenizer.sep])
        )
        assert not asked[rows].any()
        assert asked[~rows].any(dim=1).all()
        assert not (asked & ~batch.text.mask).any()
        assert not (asked & specials & (batch.text.ids == batch.masked)).any()
        assert not (batch.masked[asked] < 5).any()  # no special token is ever asked for
        assert not (batch.text.ids[rows] == tokenizer.mask).any()
        assert ((batch.text.ids == tokenizer.mask) <= asked).all()


def test_nothing_is_hidden_at_rates_of_zero(data):
    batch = data(mix={"captions": 1.0}, mask_rate=0.0, noun_mask_rate=0.0)[0]
    assert (batch.masked == IGNORED).all()


def test_whole_nouns_are_hidden_where_the_stage_says_so(data, monkeypatch):
    said = []
    caption = stickers.caption
    monkeypatch.setattr(
        stickers, "caption", lambda *a, **k: (said.append(caption(*a, **k)), said[-1])[1]
    )
    build = data(mix={"captions": 1.0}, mask_rate=0.0, noun_mask_rate=1.0)
    batch = build[0]
    encoded = build.source.tokenizer.encode([one.text for one in said[: ROWS // 2]])
    for row, one in enumerate(said[: ROWS // 2]):
        if not one.mentions:
            continue  # only the background is named: any one word is hidden
        hidden = set()
        for at, (start, end) in enumerate(encoded.spans[row].tolist()):
            if any(start >= m.noun_start and end <= m.noun_end and end for m in one.mentions):
                hidden.add(at)
        assert set(torch.nonzero(batch.masked[row] != IGNORED).flatten().tolist()) == hidden


def test_answers_are_indices_into_the_answer_list(data):
    batch = data(mix={"questions": 1.0}, batch_size=64)[0]
    assert batch.answers.min() >= 0
    assert batch.answers.max() < len(answers())
    assert len(batch.answers.unique()) > 5


def test_the_question_mix_is_kept_to(data, monkeypatch):
    asked = Counter()
    question = stickers.question

    def counting(place, draw, *, kind):
        found = question(place, draw, kind=kind)
        asked[kind] += found is not None
        return found

    monkeypatch.setattr(stickers, "question", counting)
    data(mix={"questions": 1.0}, question_mix={"count": 1.0, "existence": 3.0}, batch_size=64)[0]
    assert set(asked) == {"count", "existence"}
    assert asked["existence"] > asked["count"] > 0


def test_patch_targets_name_the_clear_owner():
    for index in range(20):
        place = scene(SEED, index)
        shares = visible_shares(paint(place, 128), 8)
        targets = patch_targets(place, shares)
        for patch, target in enumerate(targets):
            ink = {o.sprite.index: 0.0 for o in place.objects}
            most = 0.0
            for thing, share in zip(place.objects, shares[:, patch], strict=False):
                ink[thing.sprite.index] = max(ink[thing.sprite.index], share)
                most = max(most, share)
            if target == BACKGROUND_CLASS:
                assert shares[MAX_OBJECTS, patch] > 0.97
            elif target == IGNORED:
                assert most <= 0.2
            else:
                assert ink[target - 1] == most > 0.2
        assert {o.sprite.index + 1 for o in place.objects} <= set(targets)
    assert patch_classes() == len(sprites()) + 1


@pytest.mark.parametrize("kind", ["captions", "questions"])
def test_patches_know_whether_the_text_speaks_of_them(data, said, kind):
    stage = data(mix={kind: 1.0}, hard_negatives=1.0)
    batch = stage[0]
    asked = batch.mentioned != IGNORED
    assert not (asked & (batch.patches <= BACKGROUND_CLASS)).any()
    if kind == "captions":  # near misses are not asked
        wrong = batch.matched == 0
        assert not asked[wrong].any()
        assert asked[~wrong].any(dim=1).all()
    for row in range(ROWS):
        place = scene(SEED, stage.source.first_scene + row)
        named = {index for mention in said.get(place.index, ()) for index in mention.objects}
        kinds = {place.objects[index].sprite.index + 1 for index in named}
        others = {o.sprite.index + 1 for at, o in enumerate(place.objects) if at not in named}
        assert set(batch.patches[row][batch.mentioned[row] == 1].tolist()) <= kinds
        assert set(batch.patches[row][batch.mentioned[row] == 0].tolist()) <= others


def test_a_caption_that_has_nothing_to_do_with_the_picture_speaks_of_no_patch(data):
    batch = data(mix={"captions": 1.0}, hard_negatives=0.0, batch_size=64)[0]
    wrong = batch.matched == 0
    assert not (batch.mentioned[wrong] == 1).any()
    assert (batch.mentioned[wrong] == 0).any()


def test_inked_pictures_are_a_share_told_by_the_index(data):
    plain, some, every = (
        data(mix={"patches": 1.0}, inked=share, batch_size=64)[0].image.pixels
        for share in (0.0, 0.3, 1.0)
    )
    inked = [torch.equal(one, other) for one, other in zip(some, every, strict=True)]
    clean = [torch.equal(one, other) for one, other in zip(some, plain, strict=True)]
    assert all(a != b for a, b in zip(inked, clean, strict=True))
    assert sum(inked) == pytest.approx(0.3 * 64, abs=3)


def test_normalise_maps_bytes_to_minus_one_to_one():
    pixels = np.zeros((1, 2, 4, 3), np.uint8)
    pixels[0, 1, 2] = (255, 51, 204)
    found = normalise(pixels)
    assert found.shape == (1, 3, 2, 4)
    torch.testing.assert_close(found[0, :, 1, 2], torch.tensor([1.0, -0.6, 0.6]))
    assert (found[0, :, 0] == -1).all()


def test_a_batch_moves_as_a_whole(data):
    batch = data(mix={"captions": 1.0})[0]
    moved = batch.to("meta")
    assert moved.kind == "captions"
    assert all(value.device.type == "meta" for value in tensors(moved).values())


def test_stages_do_not_share_scenes(data):
    one, other = (data(name=name, mix={"patches": 1.0})[0] for name in ("one", "other"))
    assert not torch.equal(one.image.pixels, other.image.pixels)


@pytest.mark.parametrize("kind", ["captions", "questions"])
def test_the_pieces_of_a_noun_are_tied_to_patches_that_show_what_it_says(data, tokenizer, kind):
    said = {
        s.index + 1: {*s.name.split(), *s.plural.split(), *s.category.split()} for s in sprites()
    }
    found = []  # one masked piece a row may have been replaced at random: nearly all, not all
    for step in range(4):
        asked = data(mix={kind: 1.0}, mask_rate=0.0, noun_mask_rate=0.0)[step]
        for row, piece in asked.grounded.any(-1).nonzero().tolist():
            shown = asked.patches[row][asked.grounded[row, piece]].unique().tolist()
            assert BACKGROUND_CLASS not in shown
            letters = tokenizer.token(int(asked.text.ids[row, piece])).removeprefix("##")
            if letters.isalpha() and letters != tokenizer.token(tokenizer.mask):
                words = {word for shape in shown for word in (*said[shape], "stickers", "shapes")}
                found.append(any(letters in word for word in words))
    assert len(found) > 10
    assert sum(found) > 0.9 * len(found)


@pytest.mark.parametrize("kind", ["captions", "questions"])
def test_nouns_know_how_many_they_speak_of_and_where(data, said, kind):
    """By what was said: the number is that of the objects, and the centre that of their patches."""
    source = data(mix={kind: 1.0}, batch_size=64).source
    batch = collate(kind, source.rows(0, range(64)), pad=source.tokenizer.pad)
    for row in range(64):
        asked = batch.numbers[row][batch.numbers[row] != IGNORED]
        if len(asked):
            mentions = said[source.first_scene + row]
            assert set(asked.tolist()) == {len(mention.objects) for mention in mentions}
        elif kind == "questions":
            assert not any(said[source.first_scene + row])
    assert not batch.centres[batch.numbers <= 0].any()
    off = []
    for row, piece in (batch.numbers == 1).nonzero().tolist():
        shown = batch.grounded[row, piece].nonzero().flatten()
        if len(shown):  # else it lies behind another
            at = torch.stack([shown % source.grid, shown // source.grid], dim=-1) + 0.5
            middle = scaled(at.float().mean(dim=0) / source.grid)
            off.append((batch.centres[row, piece] - middle).abs().max())
    assert len(off) > 20
    assert torch.stack(off).quantile(0.9) < 0.5  # an eighth of the picture


def test_two_things_differ_as_their_numbers_and_places_do(data):
    """A text that names two: each noun's own number and centre give the difference."""
    source = data(mix={"questions": 1.0}, batch_size=128).source
    batch = collate("questions", source.rows(0, range(128)), pad=source.tokenizer.pad)
    compared = 0
    for row in range(128):
        if batch.differences[row, 2].isnan():
            assert batch.differences[row].isnan().all()
            continue
        nouns = (batch.numbers[row] != IGNORED).nonzero().flatten()
        first, last = nouns[0], nouns[-1]  # a piece of the first noun, and one of the second
        number = batch.numbers[row, first] - batch.numbers[row, last]
        assert batch.differences[row, 2] == number
        if batch.differences[row, 0].isnan():
            assert 0 in (batch.numbers[row, first], batch.numbers[row, last])
        else:
            apart = batch.centres[row, first] - batch.centres[row, last]
            torch.testing.assert_close(batch.differences[row, :2], apart)
            compared += 1
    assert compared > 10


def test_kept_patches_are_those_that_show_stickers_and_truths_are_theirs(data):
    keep = 24
    for kind in ("captions", "questions"):
        whole, some = (data(mix={kind: 1.0}, kept_patches=kept)[0] for kept in (None, keep))
        assert whole.kept is None
        kept = some.kept.flatten(1)
        assert (kept.sum(dim=1) == keep).all()
        assert kind == "captions" or torch.equal(some.text.ids, whole.text.ids)
        for row in range(ROWS):
            read = kept[row]
            for name in ("patches", "mentioned"):
                torch.testing.assert_close(
                    getattr(some, name)[row], getattr(whole, name)[row][read]
                )
            if kind == "questions":
                torch.testing.assert_close(some.grounded[row], whole.grounded[row][:, read])
            bare = whole.patches[row] == BACKGROUND_CLASS
            assert (read | bare).all() or not (read & bare).any()
    pair = data(mix={"statements": 1.0}, kept_patches=keep)[0]
    assert (pair.kept.sum(dim=(1, 2)) == keep).all()
    assert (pair.second_kept.sum(dim=(1, 2)) == keep).all()
    assert not torch.equal(pair.kept, pair.second_kept)


def test_patches_to_predict_are_among_those_kept(data):
    batch = data(mix={"captions": 1.0}, kept_patches=24, patch_mask_rate=0.5)[0]
    assert batch.hidden.any()
    assert not (batch.hidden & ~batch.kept).any()
    assert not (batch.covered & ~batch.hidden).any()


@pytest.mark.parametrize(
    "told", [{"locating_weight": 1.0}, {"comparing_weight": 1.0}, {"kept_patches": 24}]
)
def test_of_augmented_pictures_nobody_knows_where_things_are(data, told):
    with pytest.raises(ValueError, match="of pictures that may have moved nobody knows where"):
        data(augment=True, **told)


def test_guests_draw_a_share_of_the_pictures(data):
    none, some, every = (
        data(mix={"patches": 1.0}, guests=share, batch_size=32)[0] for share in (0.0, 0.5, 1.0)
    )
    home = [
        torch.equal(one, other)
        for one, other in zip(none.image.pixels, some.image.pixels, strict=True)
    ]
    shapes = sum(map(torch.equal, none.image.pixels, every.image.pixels))  # nobody draws them anew
    assert shapes < 4 < sum(home) < 28


def test_retouched_pictures_are_a_share_and_their_truth_is_that_of_what_is_seen(data):
    plain, changed = (
        data(mix={"patches": 1.0}, retouched=share, batch_size=32)[0] for share in (0.0, 0.5)
    )
    same = [
        torch.equal(one, other)
        for one, other in zip(plain.image.pixels, changed.image.pixels, strict=True)
    ]
    assert 4 < sum(same) < 28
