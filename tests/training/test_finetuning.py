"""Laws of training on somebody's own data: from JSON lines to a model that opens."""

import copy
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

import vilt_core
from vilt_core.commands.finetune import Finetune
from vilt_core.commands.machine import Machine
from vilt_core.data.examples import DataSet, ImageFile, QuestionExample
from vilt_core.data.folders import open_data
from vilt_core.evaluation import evaluate
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.predictor import MODELS
from vilt_core.training import finetuning
from vilt_core.training.adapt import adapt
from vilt_core.training.engine import Settings
from vilt_core.training.finetuning import (
    EPOCHS,
    blind_of,
    default_batch_size,
    default_epochs,
    finetune,
    fitting_size,
    held_out_of,
    look_every,
    looking_at,
    own_data,
    training_data,
)
from vilt_core.training.outcome import headline, scores, summary
from vilt_core.training.picture_sizes import sampled_sizes

OFTEN = Settings(device="cpu", precision="float32", save_every=3)
COLORS = {"crimson": (200, 20, 40), "azure": (20, 90, 220)}


def lines_of(task: str, at: int) -> list[dict]:
    name = list(COLORS)[at % 2]
    if task == "vqa":
        return [
            {"image": f"{at}.png", "question": "what colour is it?", "answer": name},
            {"image": f"{at}.png", "question": "is it azure?", "answer": "no" if at % 2 else "yes"},
        ]
    if task == "nlvr2":
        images = [f"{at}.png", f"{(at + 1) % 12}.png"]
        return [{"images": images, "statement": "both are azure", "label": False}]
    return [{"image": f"{at}.png", "captions": [f"it is {name}", f"a {name} square"]}]


@pytest.fixture
def data(tmp_path):
    """A folder of twelve squares in two colours, as a user would write it."""

    def data(task: str = "vqa", *, splits: tuple[str, ...] = ("train", "val")) -> Path:
        folder = tmp_path / "squares"
        folder.mkdir()
        for at in range(12):
            image = Image.new("RGB", (48, 48), "white")
            color = list(COLORS.values())[at % 2]
            ImageDraw.Draw(image).rectangle((at, 2 * at, at + 20, 2 * at + 20), fill=color)
            image.save(folder / f"{at}.png")
        lines = [json.dumps(line) for at in range(12) for line in lines_of(task, at)]
        for split in splits:
            (folder / f"{split}.jsonl").write_text("\n".join(lines))
        return folder

    return data


def start(bundle):
    return replace(bundle, model=copy.deepcopy(bundle.model))


def trained(bundle, source, to, *, task="vqa", settings=OFTEN, **choices):
    data = training_data(source, task=task)
    held_out = held_out_of(source, None, task=task)
    size = fitting_size(bundle, sampled_sizes(data))
    adapted = adapt(start(bundle), task=task, data=data, image_size=size)
    recipe = own_data(data, task=task, batch_size=8, **choices)
    return finetune(
        adapted.bundle, recipe, to, data=data, held_out=held_out, task=task, settings=settings
    )


def test_from_json_lines_to_a_model_that_answers_with_its_own_words(data, tmp_path):
    source = data()
    model = trained(load_folder(MODELS / "vilt-mini"), source, tmp_path / "mine", epochs=8.0)
    predictor = vilt_core.load(model)
    assert predictor.name == "mine"
    assert set(predictor.answers) == {"crimson", "azure", "yes", "no"}
    for at, color in enumerate(COLORS):
        first = predictor.answer(source / f"{at}.png", "what colour is it?")[0]
        assert first.text == color
    found = scores(model, task="vqa", on=held_out_of(source, None, task="vqa"))
    assert found["accuracy"] == 1.0
    assert found["text_only"] < 1.0


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    tiny_bundle, data, tmp_path, monkeypatch
):
    source = data()
    whole = trained(tiny_bundle, source, tmp_path / "whole", epochs=3.0)

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(finetuning, "scores", stop)
        patch.setattr(finetuning, "look_every", lambda *_, **__: 5)
        with pytest.raises(KeyboardInterrupt):
            trained(tiny_bundle, source, tmp_path / "stopped", epochs=3.0)
    assert torch.load(tmp_path / "stopped" / "run.pt", weights_only=True)["step"] == 3
    again = trained(tiny_bundle, source, tmp_path / "stopped", epochs=3.0)
    one, other = (load_folder(folder).model.state_dict() for folder in (whole, again))
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("vqa", {"accuracy", "text_only"}),
        ("nlvr2", {"accuracy", "text_only", "consistency"}),
        ("retrieval", {"text_to_image/r1", "image_to_text/r10"}),
    ],
)
def test_every_task_is_learned_scored_and_told(tiny_bundle, data, tmp_path, task, names):
    source = data(task)
    model = trained(tiny_bundle, source, tmp_path / "mine", task=task, epochs=1.0)
    blind = blind_of(training_data(source, task=task))
    found = scores(model, task=task, on=held_out_of(source, None, task=task), blind=blind)
    assert names <= set(headline(found))
    told = "\n".join(summary(found))
    assert ("from the words of squares:train" in told) is (task != "retrieval")
    if task != "retrieval":
        assert evaluate(model, task=task, on=source)["text_only"] == found["text_only"]
    assert all(name in told for name in names)
    assert "squares:val" in told


def test_the_account_of_a_start_is_never_told_over_another_model(
    tiny_bundle, data, tmp_path, capsys
):
    source, start = data(), tmp_path / "start"
    save_folder(tiny_bundle, start)
    to = tmp_path / "mine"
    machine = Machine(device="cpu", precision="float32", workers=0)

    def command(epochs: float, start: Path = start) -> Finetune:
        return Finetune(data=source, start=str(start), to=to, epochs=epochs, machine=machine)

    command(2.0).run()
    assert "Answers: 4" in capsys.readouterr().out
    report = (to / "finetuned.json").read_text()
    with pytest.raises(ValueError, match=r"mine holds a finished run of 3 steps, and 6 are asked"):
        command(4.0).run()
    other = replace(tiny_bundle, model=copy.deepcopy(tiny_bundle.model))
    torch.nn.init.normal_(other.model.pooler.dense.weight)
    save_folder(other, tmp_path / "other")
    with pytest.raises(ValueError, match=r"begun with another model \(--from\)"):
        command(2.0, tmp_path / "other").run()
    assert capsys.readouterr().out == ""
    assert (to / "finetuned.json").read_text() == report


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be finite and greater than 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"epochs": 0.0}, "epochs must be finite and greater than 0"),
        ({"epochs": 1e308}, "epochs must be finite and greater than 0"),
        ({"image_size": 0}, "image_size must be a multiple"),
        ({"image_size": 9_600_000}, "image_size must be at most 7,071 pixels, got 9,600,000"),
        ({"machine": Machine(save_every=0)}, "save_every must be at least 1, got 0"),
    ],
)
def test_numbers_that_are_none_are_refused_and_not_replaced(
    tiny_bundle, data, tmp_path, wrong, said
):
    save_folder(tiny_bundle, tmp_path / "start")
    to = tmp_path / "mine"
    with pytest.raises(ValueError, match=said):
        Finetune(data=data(), start=str(tmp_path / "start"), to=to, **wrong).run()
    assert not to.exists()


def with_val(source: Path, *, good: int, lost: int) -> Path:
    lines = [
        {"image": f"{at if at < good else f'lost-{at}'}.png", "question": "why?", "answer": "yes"}
        for at in range(good + lost)
    ]
    (source / "val.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return source


def test_a_model_that_cannot_be_scored_is_there_and_told(tiny_bundle, data, tmp_path, capsys):
    source, to = with_val(data(), good=3, lost=21), tmp_path / "mine"
    for at in range(3, 24):
        (source / f"lost-{at}.png").write_bytes(b"damaged")
    save_folder(tiny_bundle, tmp_path / "start")
    machine = Machine(device="cpu", precision="float32", workers=0)
    Finetune(data=source, start=str(tmp_path / "start"), to=to, epochs=1.0, machine=machine).run()
    told = capsys.readouterr().out
    assert "Answers: 4" in told
    assert "\nNot scored: 21 of 24 pictures could not be read" in told
    assert f"--model {to / 'model'}" in told
    assert json.loads((to / "finetuned.json").read_text())["scores"] is None
    load_folder(to / "model")


def test_held_out_pictures_none_of_which_can_be_read_are_missed_before_the_first_step(
    tiny_bundle, data, tmp_path
):
    source, to = with_val(data(), good=0, lost=20), tmp_path / "mine"
    save_folder(tiny_bundle, tmp_path / "start")
    with pytest.raises(ValueError, match=r"none of 20 held-out pictures of .*lost-19\.png"):
        Finetune(data=source, start=str(tmp_path / "start"), to=to).run()
    assert not to.exists()


def test_too_many_absent_pictures_are_missed_before_the_first_step(tiny_bundle, data, tmp_path):
    source, to = with_val(data(), good=3, lost=21), tmp_path / "mine"
    save_folder(tiny_bundle, tmp_path / "start")
    first = ", ".join(str(source / f"lost-{at}.png") for at in (3, 4, 5))
    said = f" pictures of squares are not there, which is more than 1%: {first} and 18 more"
    with pytest.raises(ValueError, match=f"^21 of 24 held-out{said}$"):
        Finetune(data=source, start=str(tmp_path / "start"), to=to).run()
    val, train = source / "val.jsonl", source / "train.jsonl"
    train.write_text(val.read_text())
    val.unlink()
    with pytest.raises(ValueError, match=f"^21 of 24 training{said}$"):
        Finetune(data=source, start=str(tmp_path / "start"), to=to).run()
    assert not to.exists()


def test_training_pictures_none_of_which_can_be_read_are_missed_before_the_first_step(
    tiny_bundle, data, tmp_path
):
    source, to = data(), tmp_path / "mine"
    for picture in source.glob("*.png"):
        picture.write_bytes(b"damaged")
    save_folder(tiny_bundle, tmp_path / "start")
    with pytest.raises(ValueError, match=r"^none of 24 training pictures of .* could be read"):
        Finetune(data=source, start=str(tmp_path / "start"), to=to).run()
    assert not to.exists()


def test_a_few_absent_pictures_are_told_in_the_account(tiny_bundle, data, tmp_path, capsys):
    source, to = with_val(data(), good=4, lost=1), tmp_path / "mine"
    for at in range(8, 12):
        (source / f"{at}.png").unlink()
    save_folder(tiny_bundle, tmp_path / "start")
    machine = Machine(device="cpu", precision="float32", workers=0)
    Finetune(data=source, start=str(tmp_path / "start"), to=to, epochs=1.0, machine=machine).run()
    kept = json.loads((to / "finetuned.json").read_text())
    first = ", ".join(str(source / f"{at}.png") for at in (8, 9, 10))
    assert kept["account"][:2] == [
        f"Missing: 4 of 12 training pictures of squares ({first} and 1 more).",
        f"Missing: 1 of 5 held-out pictures of squares ({source / 'lost-4.png'}).",
    ]
    assert "\n".join(kept["account"][:2]) in capsys.readouterr().out
    assert kept["scores"]["unreadable"] == 1


@pytest.mark.parametrize("rules", [False, True])
def test_answers_are_one_class_by_their_letters_or_by_vqas_rules(
    tiny_bundle, data, tmp_path, capsys, rules
):
    source = data()
    lines = [{"image": f"{at}.png", "question": "how many?"} for at in range(12)]
    said = ("two", "2", "Two", "a 2")
    for split in ("train", "val"):
        told = [json.dumps(line | {"answer": said[at % 4]}) for at, line in enumerate(lines)]
        (source / f"{split}.jsonl").write_text("\n".join(told))
    save_folder(tiny_bundle, tmp_path / "start")
    Finetune(
        data=source,
        start=str(tmp_path / "start"),
        to=tmp_path / "mine",
        epochs=1.0,
        vqa_rules=rules,
        machine=Machine(device="cpu", precision="float32", workers=0),
    ).run()
    assert load_folder(tmp_path / "mine" / "model").answers == (
        ("2",) if rules else ("Two", "2", "a 2")
    )
    assert f"Answers: {1 if rules else 3}" in capsys.readouterr().out
    scored = json.loads((tmp_path / "mine" / "finetuned.json").read_text())["scores"]
    assert (scored["accuracy"] == 1.0) is rules


def test_what_is_scored_is_val_and_never_test(data):
    source = data(splits=("train", "test"))
    assert held_out_of(source, None, task="vqa") is None
    assert held_out_of(source / "train.jsonl", None, task="vqa") is None
    (source / "val.jsonl").write_text((source / "test.jsonl").read_text())
    assert held_out_of(source / "train.jsonl", None, task="vqa").split == "val"
    assert held_out_of(source / "test.jsonl", None, task="vqa") is None
    given = held_out_of(source, source / "test.jsonl", task="vqa")
    assert given is not None
    assert len(given.examples) == 24
    assert "nothing is scored" in summary(None)[0]


def test_the_val_of_the_same_folder_is_scored(data):
    found = held_out_of(data(), None, task="vqa")
    assert found is not None
    assert found.split == "val"


def test_epochs_count_every_caption(data):
    found = open_data(data("retrieval"), split="train")
    [stage] = own_data(found, task="retrieval", epochs=2.0, batch_size=6).stages
    assert stage.steps == 2 * 24 / 6
    assert stage.mix == {"ranking": 1.0}


def test_captions_of_one_picture_teach_no_matching(data):
    found = open_data(data("retrieval"), split="train")
    alone = replace(found, examples=list(found.examples)[:1])
    with pytest.raises(ValueError, match="squares train must have captions of at least two pict"):
        own_data(alone, task="retrieval")
    assert own_data(replace(found, examples=list(found.examples)[:2]), task="retrieval")


@pytest.mark.parametrize("samples", [1, 640, 5_000, 35_000, 10_000_000])
def test_small_data_are_seen_more_often_and_large_ones_no_less_than_a_few_times(samples):
    epochs = default_epochs(samples, batch_size=128)
    assert EPOCHS[0] <= epochs <= EPOCHS[1]
    assert epochs >= default_epochs(samples * 2, batch_size=128)


@pytest.mark.parametrize(
    ("samples", "size"),
    [(1, 16), (24, 16), (639, 16), (640, 32), (1279, 32), (1280, 64), (2560, 128), (10**7, 128)],
)
def test_small_data_are_taken_in_small_batches(samples, size):
    assert default_batch_size(samples, task="vqa") == size
    assert default_batch_size(samples, task="nlvr2") == size // 2
    assert default_batch_size(samples, task="retrieval") == max(size // 16, 4)


@pytest.mark.parametrize("epochs", [0.0, -1.0, math.inf, math.nan])
def test_epochs_that_are_none_are_refused(data, epochs):
    found = open_data(data(), split="train")
    with pytest.raises(ValueError, match="epochs must be finite and greater than 0"):
        own_data(found, task="vqa", epochs=epochs)


def test_looks_are_epochs_apart(data):
    found = open_data(data(), split="train")
    for batch_size in (4, 8, 24):
        steps = look_every(found, batch_size=batch_size)
        assert steps * batch_size % len(found.examples) == 0
        assert steps >= finetuning.LEAST_APART


def test_the_account_tells_how_long_a_training_is(tmp_path):
    found = sized(tmp_path, *[20] * 40)
    recipe = own_data(found, task="vqa", epochs=6.0, batch_size=8, learning_rate=1e-4)
    assert finetuning.told_of(recipe, found) == (
        "Training: 6 epochs of 40 examples, 30 steps of 8; learning rate 0.0001 at its peak."
    )
    fast = own_data(found, task="vqa", epochs=0.5, batch_size=4, head_rate=10.0)
    assert fast.stages[0].head_rate == 10
    assert "0.5 epochs of 40" in finetuning.told_of(fast, found)
    assert finetuning.told_of(fast, found).endswith("at its peak, 10 times as much for heads.")
    some = own_data(found, task="vqa", epochs=6.0, dropout=0.1)
    assert finetuning.told_of(some, found).endswith("at its peak; dropout 0.1.")


def test_the_heads_of_a_wide_model_learn_questions_as_published():
    small = load_folder(MODELS / "vilt-mini")
    wide = replace(small, model=copy.copy(small.vilt))
    wide.vilt.config = replace(small.vilt.config, width=768, heads=12)
    assert finetuning.default_rate(wide) == 1e-4
    assert finetuning.default_head_rate(wide, task="vqa") == 10
    assert finetuning.default_head_rate(wide, task="nlvr2") == 1
    assert finetuning.default_head_rate(small, task="vqa") == 1
    assert (finetuning.default_dropout(wide), finetuning.default_dropout(small)) == (0.1, None)


def sized(tmp_path, *sides: int) -> DataSet:
    for at, side in enumerate(sides):
        Image.new("RGB", (side, side + 9)).save(tmp_path / f"{at}.png")
    images = [ImageFile(tmp_path / f"{at}.png") for at in range(len(sides))]
    examples = [
        QuestionExample(image=image, question="what?", answers=("cat",), id="") for image in images
    ]
    return DataSet(name="sized", split="train", kind="questions", examples=examples)


@pytest.mark.parametrize(
    ("sides", "read"),
    [((30, 20), 96), ((64,), 96), ((70,), 128), ((64, 65), 128), ((500,), 128)],
)
def test_pictures_of_half_the_size_or_less_are_not_enlarged_as_far(tmp_path, sides, read):
    sizes = sampled_sizes(sized(tmp_path, *sides))
    assert fitting_size(load_folder(MODELS / "vilt-mini"), sizes) == read


def test_no_picture_is_read_larger_than_the_model_reads_its_own(tmp_path):
    small = adapt(
        load_folder(MODELS / "vilt-mini"), task="vqa", data=sized(tmp_path, 9), image_size=64
    ).bundle
    assert fitting_size(small, sampled_sizes(sized(tmp_path, 9))) == 64


def test_pictures_that_cannot_be_read_have_no_say_in_the_size(tmp_path):
    found = sized(tmp_path, 500, 40)
    (tmp_path / "0.png").write_bytes(b"")
    assert fitting_size(load_folder(MODELS / "vilt-mini"), sampled_sizes(found)) == 96


@pytest.mark.parametrize(("task", "truth"), [("vqa", "answer"), ("nlvr2", "label")])
def test_examples_without_their_truth_are_left_out_of_training_and_told(task, truth, data):
    file = data(task, splits=("train",)) / "train.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    secret = {1, len(lines) - 1}
    known = [at for at in range(len(lines)) if at not in secret]
    whole = training_data(file, task=task)
    assert not whole.missing

    def without(places):
        asked = [{**line, truth: None} if at in places else line for at, line in enumerate(lines)]
        file.write_text("\n".join(map(json.dumps, asked)))
        return training_data(file, task=task)

    left = without(secret)
    assert list(left.examples) == [whole.examples[at] for at in known]
    [told] = left.missing
    assert f"2 of {len(lines)} training examples" in told
    assert "number 2)" in told
    assert len(without(set(range(len(lines)))).examples) == len(lines)  # which training refuses


def test_what_is_held_out_is_told_and_how_much_of_it_is_learned_from(data):
    folder = data(splits=("train",))
    learned = training_data(folder, task="vqa")

    def told(*lines):
        (folder / "val.jsonl").write_text("\n".join(map(json.dumps, lines)))
        held_out = held_out_of(folder, None, task="vqa")
        return finetuning.told_of_held_out(held_out, learned), held_out

    assert finetuning.told_of_held_out(None, learned).startswith("Held out: nothing")
    new, old = {"image": "new.png", "question": "why?"}, lines_of("vqa", 0)[0]
    said, _ = told(new | {"answer": "so"})
    assert said == "Held out: 1 example of squares:val."
    said, _ = told(old)
    assert "1 example of squares:val. 1 has a picture that is learned from, too, 1 of the" in said
    said, _ = told(new | {"answer": "so"}, old, old | {"question": "why?"})
    assert ". 2 have a picture that is learned from, too, 1 of them the same words:" in said
    nothing = finetuning.told_of_held_out(replace(learned, split="val", examples=()), learned)
    assert nothing == "Held out: 0 examples of squares:val, so that nothing is scored."
    said, secret = told(new, new)
    assert said.startswith("Held out: 2 examples of squares:val, whose truth is secret")
    assert looking_at(secret, task="vqa", learned=learned) is None
