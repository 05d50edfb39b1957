"""Laws of fitting a trained model to other data: what is not asked for stays what it is."""

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vilt_core.data.examples import (
    CaptionExample,
    DataSet,
    ImageFile,
    QuestionExample,
    StatementExample,
)
from vilt_core.data.folders import open_data
from vilt_core.data.image import Processing
from vilt_core.data.text import Tokenizer
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.layers.positions import resize_grid
from vilt_core.training.adapt import OWN, adapt, own_answers
from vilt_core.training.vocabulary import LARGE, LONGEST_TEXT, MOST_NEW, token_counts
from vilt_core.types import ImageBatch

PICTURE = ImageFile(Path("never-opened.png"))


def questions(*asked: tuple[str, str]) -> DataSet:
    examples = [
        QuestionExample(image=PICTURE, question=question, answers=(answer,), id=str(at))
        for at, (question, answer) in enumerate(asked)
    ]
    return DataSet(name="mine", split="train", kind="questions", examples=examples, vqa_rules=True)


def statements(*told: str) -> DataSet:
    examples = [
        StatementExample(images=(PICTURE, PICTURE), statement=one, label=True, id=one, group=one)
        for one in told
    ]
    return DataSet(name="mine", split="train", kind="statements", examples=examples)


def captions(*told: str) -> DataSet:
    examples = [CaptionExample(image=PICTURE, captions=(one, one), id=one) for one in told]
    return DataSet(name="mine", split="train", kind="captions", examples=examples)


STRANGE = questions(
    ("is there a zeppelin?", "yes"),
    ("is a zeppelin red?", "no"),
    ("what is above the zeppelin?", "a Quokka"),
    ("what is red?", "quokka"),
    ("what is blue?", "cat"),
)


@pytest.fixture(scope="module")
def trained(tiny_bundle):
    """Away from its start, so that no two rows are alike by their zeros."""
    model = copy.deepcopy(tiny_bundle.model)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return replace(tiny_bundle, model=model)


def outputs(bundle, *texts: str, image_type: int = 1):
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    text = bundle.tokenizer.encode(list(texts)).batch
    images = ImageBatch(pixels=pixels.expand(len(texts), -1, -1, -1))
    with torch.no_grad():
        return bundle.model.eval()(text, images, image_type=image_type)


KNOWN = ("is there a red circle?", "what is above the red circle?")


def test_data_without_anything_new_change_no_answer(trained):
    data = questions(*((KNOWN[at % 2], answer) for at, answer in enumerate(trained.answers)))
    found = adapt(trained, task="vqa", data=data).bundle
    assert sorted(found.answers) == sorted(trained.answers)
    before = trained.model.vqa(outputs(trained, *KNOWN).pooled)
    after = found.model.vqa(outputs(found, *KNOWN).pooled)
    places = [trained.answers.index(answer) for answer in found.answers]
    torch.testing.assert_close(after, before[:, places], rtol=0, atol=0)


def test_all_patches_of_a_larger_picture_are_learned_from(trained):
    """Only pre-training drops some of them."""
    side = 20 * trained.model.config.patch_size
    found = adapt(trained, task="vqa", data=STRANGE, image_size=side).bundle
    image = ImageBatch(pixels=torch.zeros(1, 3, side, side))
    assert found.model.train().embed_image(image).tokens.shape[1] == 400


def test_other_words_and_answers_change_nothing_of_the_old_ones(trained):
    found = adapt(trained, task="vqa", data=STRANGE).bundle
    before, after = outputs(trained, *KNOWN), outputs(found, *KNOWN)
    torch.testing.assert_close(after.text, before.text, rtol=0, atol=0)
    old, new = trained.model.vqa(before.pooled), found.model.vqa(after.pooled)
    for answer in ("yes", "no", "cat"):
        torch.testing.assert_close(
            new[:, found.answers.index(answer)],
            old[:, trained.answers.index(answer)],
        )
    masked = found.model.mlm(after.text)[..., : len(trained.tokenizer)]
    torch.testing.assert_close(masked, trained.model.mlm(before.text))


def test_the_model_that_it_began_with_stays_as_it_is(trained):
    before = copy.deepcopy(trained.model.state_dict())
    words, config = len(trained.tokenizer), trained.model.config
    adapt(trained, task="vqa", data=STRANGE, image_size=96)
    assert trained.model.config == config
    assert len(trained.tokenizer) == words
    for name, value in trained.model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_new_word_starts_as_the_mean_of_its_pieces(trained):
    found = adapt(trained, task="vqa", data=STRANGE).bundle
    pieces = trained.tokenizer.backend.encode("zeppelin", add_special_tokens=False).ids
    [whole] = found.tokenizer.backend.encode("zeppelin", add_special_tokens=False).ids
    assert len(pieces) > 1
    assert whole >= len(trained.tokenizer)
    for table in ("text_embedding.words.weight", "mlm.decoder.weight", "mlm.decoder.bias"):
        old, new = trained.model.state_dict()[table], found.model.state_dict()[table]
        torch.testing.assert_close(new[whole], old[pieces].mean(dim=0))
        torch.testing.assert_close(new[: len(trained.tokenizer)], old[: len(trained.tokenizer)])


def test_new_words_are_bounded_and_the_frequent_ones(trained):
    def word(number: int) -> str:
        return "q" + "".join("zxvk"[number >> shift & 3] for shift in range(0, 12, 2))

    asked = [(f"{word(n)} {word(n)}", "yes") for n in range(MOST_NEW + 50)]
    data = questions(*asked, *asked[-3:], ("once", "yes"), ("jjjj", "no"))
    found = adapt(trained, task="vqa", data=data)
    new = len(found.bundle.tokenizer) - len(trained.tokenizer)
    assert new == MOST_NEW
    vocab = found.bundle.tokenizer.backend.get_vocab()
    first = {word(n) for n in range(MOST_NEW + 47, MOST_NEW + 50)}
    assert {vocab[one] for one in first} == {len(trained.tokenizer) + at for at in range(3)}
    assert "jjjj" not in vocab


def test_a_large_vocabulary_is_kept(trained, monkeypatch):
    monkeypatch.setattr("vilt_core.training.vocabulary.LARGE", len(trained.tokenizer))
    found = adapt(trained, task="vqa", data=STRANGE).bundle
    assert found.tokenizer.backend.get_vocab() == trained.tokenizer.backend.get_vocab()
    assert len(trained.tokenizer) < LARGE < 30522  # of the published checkpoints


SCRIPT = """
import sys
from pathlib import Path
from vilt_core.data.folders import open_data
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.training.adapt import adapt

start, data, to = sys.argv[1:]
save_folder(adapt(load_folder(start), task="vqa", data=open_data(data)).bundle, to)
"""


def test_the_same_data_give_the_same_model_whatever_the_hash_seed(trained, tmp_path):
    save_folder(trained, tmp_path / "start")
    lines = [
        {"image": "a.png", "question": f"{one} {one} or {two}?", "answer": f"{two}ish"}
        for one in ("zeppelin", "quokka", "yurt", "fjord")
        for two in ("yak", "emu", "gnu", "zho")
    ]
    data = tmp_path / "train.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    here = adapt(load_folder(tmp_path / "start"), task="vqa", data=open_data(data)).bundle
    save_folder(here, tmp_path / "here")
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "start", data, tmp_path / "there"],
        check=True,
        env=os.environ | {"PYTHONHASHSEED": other, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        written = (tmp_path / "there" / name).read_bytes()
        assert (tmp_path / "here" / name).read_bytes() == written, name


@pytest.mark.parametrize("size", [32, 96])
def test_the_table_of_positions_is_stretched_to_the_new_grid(trained, size):
    found = adapt(trained, task="vqa", data=STRANGE, image_size=size).bundle
    side = size // 16
    table = trained.model.patch_embedding.positions.table.detach()
    torch.testing.assert_close(
        found.model.patch_embedding.positions.table.detach(),
        resize_grid(table, rows=side, columns=side),
    )
    assert found.processing.size == found.model.config.image_size == size


def test_the_size_of_published_processing_follows(trained):
    pictures = Processing(size=64, patch_size=16, mean=(0.4, 0.4, 0.4), std=(0.3, 0.3, 0.3))
    published = replace(trained, pictures=pictures)
    found = adapt(published, task="vqa", data=STRANGE, image_size=32).bundle
    assert found.processing == replace(pictures, size=32)


@pytest.mark.parametrize("size", [0, 8, 40, -16])
def test_sizes_of_no_whole_patches_are_refused(trained, size):
    with pytest.raises(ValueError, match=f"patches of 16 pixels, got {size}"):
        adapt(trained, task="vqa", data=STRANGE, image_size=size)


class Counting:
    """A tokenizer's backend that notes how many texts it is handed at once."""

    def __init__(self, backend):
        self.backend, self.handed = backend, []

    def __getattr__(self, name):
        return getattr(self.backend, name)

    def encode_batch(self, texts):
        self.handed.append(len(texts))
        return self.backend.encode_batch(texts)


@pytest.mark.parametrize("portion", [1, 3, 7, 8])
def test_texts_are_taken_apart_by_portions_to_the_same_end(trained, monkeypatch, portion):
    texts = ["cat " * (number % 5) for number in range(7)]
    words = Tokenizer(trained.tokenizer.backend)
    monkeypatch.setattr(words, "backend", Counting(words.backend))
    monkeypatch.setattr("vilt_core.training.vocabulary.PORTION", portion)
    assert token_counts(words, texts) == [words.count(text) for text in texts]
    assert max(words.backend.handed) <= portion
    assert sum(words.backend.handed) == len(texts)
    assert token_counts(words, []) == []


def test_portions_change_nothing_of_the_model_and_its_account(trained, monkeypatch):
    data = questions(*((f"{'cat ' * n}zeppelin", "yes") for n in range(60)))
    whole = adapt(trained, task="vqa", data=data)
    monkeypatch.setattr("vilt_core.training.vocabulary.PORTION", 7)
    parts = adapt(trained, task="vqa", data=data)
    assert parts.account == whole.account
    assert parts.bundle.model.config == whole.bundle.model.config
    vocabularies = [one.bundle.tokenizer.backend.get_vocab() for one in (parts, whole)]
    assert vocabularies[0] == vocabularies[1]


def test_longer_texts_are_read_whole_as_far_as_that_goes(trained):
    before = trained.model.text_embedding.positions.weight
    found = adapt(trained, task="vqa", data=questions(("cat " * 60, "yes"))).bundle
    places = found.model.text_embedding.positions.weight
    assert len(places) == found.tokenizer.max_tokens == found.model.config.max_text_tokens == 62
    assert torch.equal(places[:40], before)
    torch.testing.assert_close(places[40:], before[-1:].expand(22, -1))
    longest = adapt(trained, task="vqa", data=questions(("cat " * 999, "yes"), ("a", "no")))
    assert longest.bundle.tokenizer.max_tokens == LONGEST_TEXT
    assert any("1 longer one is cut." in line for line in longest.account)
    often = adapt(trained, task="vqa", data=questions(*[("cat " * 999, "yes")] * 7, ("a", "no")))
    assert any("7 longer ones are cut." in line for line in often.account)


def test_answers_are_normalised_ranked_and_counted_by_majorities():
    said = [("two",), ("2",), ("cat", "the cat", "dog"), ("Yes",), ("A",)]
    examples = [
        QuestionExample(image=PICTURE, question="what?", answers=answers, id="") for answers in said
    ]
    data = DataSet(name="mine", split="train", kind="questions", examples=examples, vqa_rules=True)
    assert list(own_answers(data).items()) == [("2", 2), ("A", 1), ("cat", 1), ("yes", 1)]
    assert list(own_answers(data, at_least=2)) == ["2"]


def test_ones_own_answers_are_spelled_as_they_are_most_often(trained):
    said = [("iPhone  13",), ("iphone 13",), ("iPhone 13",), ("-1",), ("1",), ("NO", "no", "none")]
    examples = [
        QuestionExample(image=PICTURE, question="what?", answers=answers, id="") for answers in said
    ]
    data = DataSet(name="mine", split="train", kind="questions", examples=examples)
    assert list(own_answers(data).items()) == [
        ("iPhone 13", 3),
        ("-1", 1),
        ("1", 1),
        ("NO", 1),
    ]
    found = adapt(trained, task="vqa", data=data)
    assert found.bundle.answers == ("iPhone 13", "-1", "1", "NO")
    kept = [line for line in found.account if "kept, with" in line]
    assert ("no" in trained.answers) is bool(kept and "NO" in kept[0])


def test_rare_answers_may_be_left_out(trained):
    found = adapt(trained, task="vqa", data=STRANGE, min_count=2)
    assert found.bundle.answers == ("quokka",)
    assert found.bundle.model.vqa.classify.out_features == 1
    with pytest.raises(ValueError, match="no answer that 3 questions share"):
        adapt(trained, task="vqa", data=STRANGE, min_count=3)


def test_statements_get_a_head_and_a_second_picture_that_begins_as_the_first(trained):
    data = statements("both pictures show a cat", "there is a zeppelin")
    found = adapt(trained, task="nlvr2", data=data).bundle
    assert found.model.config.modality_types == 3
    assert "nlvr2" in found.model.config.tasks
    first, second = (outputs(found, *KNOWN, image_type=row).pooled for row in (1, 2))
    torch.testing.assert_close(first, outputs(trained, *KNOWN).pooled, rtol=0, atol=0)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert found.answers == trained.answers


def test_ranking_begins_as_matching(trained):
    found = adapt(trained, task="retrieval", data=captions("a cat", "a dog")).bundle
    pooled = outputs(trained, *KNOWN).pooled
    torch.testing.assert_close(found.model.rank(pooled), trained.model.itm(pooled)[:, 1])


@pytest.mark.parametrize(
    ("task", "data"),
    [("vqa", STRANGE), ("nlvr2", statements("a cat")), ("retrieval", captions("a cat"))],
)
def test_what_was_adapted_is_written_and_read_and_adapted_again(trained, tmp_path, task, data):
    found = adapt(trained, task=task, data=data)
    save_folder(found.bundle, tmp_path)
    opened = load_folder(tmp_path)
    assert opened.answers == found.bundle.answers
    assert opened.domain == OWN
    again = adapt(opened, task=task, data=data).bundle
    for name, value in opened.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name


def test_the_account_names_what_was_kept_and_what_is_new(trained):
    found = adapt(trained, task="vqa", data=STRANGE, image_size=32)
    account = "\n".join(found.account)
    assert "grows by 1 (zeppelin)" in account
    assert "Answers kept, with what was learned of them: 3 (cat, no, yes)" in account
    assert "Answers that are new: 1 (quokka)" in account
    assert f"Answers dropped, which the data lack: {len(trained.answers) - 3} " in account
    assert "from 4 x 4 to 2 x 2" in account
    assert "Heads kept but not trained: itm, mlm" in account
    assert "Heads dropped: naming, mentioning" in account


def test_pictures_that_were_measured_are_not_opened_again(trained):
    account = adapt(trained, task="vqa", data=STRANGE, sizes=[(400, 100)]).account
    assert any("400 x 100 is read at" in line for line in account)


def test_words_that_no_pieces_make_up_are_told(trained):
    strange = questions(("is there a 肺?", "yes"), ("is a zeppelin 器?", "no"), ("器 器", "no"))
    account = adapt(trained, task="vqa", data=strange).account
    assert "grows by 1 (器)" in account[1]
    assert account[2].startswith("Words that are read as one and the same, unknown: 1 (肺), ")
    assert not any("unknown" in line for line in adapt(trained, task="vqa", data=STRANGE).account)


def test_the_account_begins_with_what_is_missing_of_the_data(trained):
    lines = tuple(f"the shard {number}" for number in range(7))
    account = adapt(trained, task="vqa", data=replace(STRANGE, missing=lines)).account
    assert account[:5] == tuple(f"Missing: {line}." for line in lines[:5])
    assert account[5] == "Missing: 2 things more, see data check."
    assert account[6:] == adapt(trained, task="vqa", data=STRANGE).account


def test_half_a_character_in_the_data_is_told(trained):
    with pytest.raises(ValueError, match=r"^the text must be valid Unicode, .*'a cat \\ud800'"):
        adapt(trained, task="nlvr2", data=statements("a dog", "a cat \ud800"))


def test_data_of_another_kind_and_unknown_tasks_are_refused(trained):
    with pytest.raises(ValueError, match="nlvr2 learns from statements, got mine, of questions"):
        adapt(trained, task="nlvr2", data=STRANGE)
    with pytest.raises(ValueError, match="task must be one of vqa, nlvr2, retrieval, got 'poems'"):
        adapt(trained, task="poems", data=STRANGE)
