import json
import random
from dataclasses import replace
from itertools import islice

import pytest
import torch
from PIL import Image

from vilt_core.config import ViltConfig
from vilt_core.data.examples import DataSet, ImageFile, StatementExample
from vilt_core.data.image import stack
from vilt_core.evaluation import evaluate, nlvr2_accuracy
from vilt_core.evaluation.inference import evaluating, pixels_of
from vilt_core.evaluation.nlvr2 import consistency, guessed_right, statement_probabilities
from vilt_core.evaluation.statements import Stated, statements_of, world_statements
from vilt_core.models.vilt import Vilt
from vilt_core.world.statements import FORMS


@pytest.fixture(scope="module")
def comparing(bundle):
    """A model with a head for pairs, away from its start."""
    torch.manual_seed(1)
    config: ViltConfig = replace(bundle.model.config, tasks=("nlvr2",), modality_types=3)
    model = Vilt(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return replace(bundle, model=model)


@pytest.fixture
def pictures(tmp_path):
    for at, size in enumerate([(64, 64), (100, 40)]):
        Image.effect_noise(size, 40 * (at + 1)).save(tmp_path / f"{at}.png")
    return tuple(ImageFile(tmp_path / f"{at}.png") for at in (0, 1))


def data_set(*rows):
    examples = [
        StatementExample(images=images, statement=text, label=label, id=str(at), group=group)
        for at, (images, text, label, group) in enumerate(rows)
    ]
    return DataSet(name="mine", split="val", kind="statements", examples=examples)


def test_a_sentence_counts_if_it_is_right_of_every_pair():
    groups = ["dev-850--0", "dev-850--0", "dev-850--1", "dev-851--0", "dev-851--0"]
    right = [True, True, True, True, False]
    assert consistency(groups, right) == pytest.approx(2 / 3, abs=1e-6)
    assert consistency(groups, [True] * 5) == 1.0
    assert consistency([], []) is None


def test_consistency_is_at_most_the_accuracy_of_even_groups():
    draw = random.Random(0)
    groups = [str(at // 4) for at in range(400)]
    for share in (0.1, 0.5, 0.9):
        right = [draw.random() < share for _ in groups]
        assert consistency(groups, right) <= sum(right) / len(right)
        assert consistency(groups, right) == pytest.approx(share**4, abs=0.15)


def test_both_pictures_are_read_in_their_places(comparing, pictures):
    left, right = pictures
    data = data_set(
        ((left, right), "a cat", True, "0"),
        ((right, left), "a cat", True, "0"),
        ((left,), "there are two dogs", None, "1"),
        ((left, left), "there are two dogs", None, "1"),
    )
    found = statement_probabilities(comparing, statements_of(data), batch_size=3)

    def pooled(text, picture, side):
        batch = comparing.tokenizer.encode([text]).batch
        image = stack([pixels_of(picture, comparing)])
        return comparing.model(batch, image, image_type=side).pooled

    with evaluating(comparing.model):
        for chance, (text, first, second) in zip(
            found,
            [
                ("a cat", left, right),
                ("a cat", right, left),
                ("there are two dogs", left, left),
            ],
            strict=False,
        ):
            logits = comparing.model.nlvr2.pair(pooled(text, first, 1), pooled(text, second, 2))
            assert chance == pytest.approx(logits.softmax(-1)[0, 1].item(), abs=1e-5)
    assert found[0] != pytest.approx(found[1], abs=1e-4)
    assert found[2] == pytest.approx(found[3], abs=1e-5)  # one picture stands on both sides


def test_what_is_reported_of_the_world(comparing):
    found = evaluate(comparing, task="nlvr2", on="world:composition", limit=60, batch_size=16)
    assert json.loads(json.dumps(found)) == found
    assert (found["task"], found["examples"]) == ("nlvr2", 60)
    assert set(found["by_type"]) <= set(FORMS)
    assert found["consistency"] <= found["accuracy"]


def test_what_is_reported_of_a_data_set(comparing, pictures):
    rows = [(pictures, "a cat", True, "0"), (pictures, "a dog", False, "1")]
    found = nlvr2_accuracy(comparing, on=data_set(*rows, (pictures, "a cow", None, "2")))
    believed = statement_probabilities(comparing, statements_of(data_set(*rows)))
    right = [(p > 0.5) == label for p, (_, _, label, _) in zip(believed, rows, strict=True)]
    assert (found["examples"], found["secret"]) == (3, 1)
    assert found["accuracy"] == found["consistency"] == sum(right) / 2  # the secret one is no part
    assert "by_type" not in found
    secret = nlvr2_accuracy(comparing, on=data_set((pictures, "a cow", None, "2")))
    assert secret["accuracy"] is secret["consistency"] is secret["text_only"] is None


def test_a_bad_line_elsewhere_takes_no_score_away(comparing, tmp_path, pictures):
    line = {"images": ["0.png", "1.png"], "statement": "both show dogs", "label": True}
    lines = [json.dumps(line)] * 4
    (tmp_path / "val.jsonl").write_text("\n".join(lines))
    (tmp_path / "train.jsonl").write_text("\n".join([*lines, "no JSON"]))
    found = nlvr2_accuracy(comparing, on=f"{tmp_path}:val")
    assert "train.jsonl line 5 is not readable JSON" in found["text_only_from"]
    assert found["text_only"] == 1.0  # each half by the other
    assert "cut" not in found


def test_statements_that_are_too_long_are_counted(comparing, pictures):
    rows = [(pictures, "red " * words, True, str(words)) for words in (38, 39, 99)]
    assert comparing.tokenizer.max_tokens == 40  # [CLS] and [SEP] are two of them
    assert nlvr2_accuracy(comparing, on=data_set(*rows))["cut"] == 2


def test_the_words_alone_tell_little_of_the_world():
    stated = statements_of("world:test", limit=800)
    right = guessed_right(stated)
    assert 0.45 < sum(right) / len(right) < 0.56
    assert 0.4 < sum(one.label for one in stated) / len(stated) < 0.6


def test_words_that_tell_all_are_found_out():
    stated = [
        replace(one, text="it is so" if one.label else "it is not")
        for one in statements_of("world:test", limit=200)
    ]
    assert all(guessed_right(stated))


def test_a_group_does_not_tell_on_itself():
    # Each sentence is of one group and always true or always false: nobody else knows which.
    pictures = next(world_statements("test")).pictures
    labels = [bool(random.Random(at).randrange(2)) for at in range(200)]
    stated = [
        Stated(pictures=pictures, text=f"word{at}", label=label, group=str(at))
        for at, label in enumerate(labels)
        for _ in range(2)
    ]
    right = guessed_right(stated)
    assert sum(right) / len(right) < 0.65


def test_pairs_come_both_ways_round():
    stated = list(islice(world_statements("style"), 40))
    for one, other in zip(stated[::2], stated[1::2], strict=True):
        assert one.pictures == other.pictures[::-1]
        assert (one.text, one.group, one.form) == (other.text, other.group, other.form)
        if one.form in ("both", "neither", "exactly one", "at least one", "total", "background"):
            assert one.label == other.label
    assert statements_of("world:style", limit=13) == stated[:13]
    assert len({one.group for one in stated}) == 20


def test_a_file_of_ones_own(tmp_path, pictures):
    lines = [
        {"images": ["0.png", "1.png"], "statement": "both show dogs", "label": True, "group": "a"},
        {"image": "0.png", "statement": "it shows a dog", "label": False},
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    both, alone = statements_of(path)
    assert both.pictures == pictures
    assert (both.text, both.label, both.group) == ("both show dogs", True, "a")
    assert alone.pictures == (pictures[0], pictures[0])


def test_what_cannot_be_judged(bundle, pictures):
    with pytest.raises(ValueError, match="untrained has no head for pairs of pictures"):
        nlvr2_accuracy(bundle, limit=4)
    with pytest.raises(ValueError, match="one or two pictures, got 3"):
        statements_of(data_set(((*pictures, pictures[0]), "a cat", True, "0")))
    with pytest.raises(ValueError, match="mine:val must hold at least one"):
        statements_of(data_set())
