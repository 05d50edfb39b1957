import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

from vilt_core.config import clip_mini
from vilt_core.data.examples import CaptionExample, DataSet, ImageFile
from vilt_core.data.image import stack
from vilt_core.evaluation import evaluate, retrieval
from vilt_core.evaluation.galleries import Gallery, gallery_of, world_gallery
from vilt_core.evaluation.inference import evaluating, pixels_of
from vilt_core.evaluation.recall import ceiling, ownership, recalls
from vilt_core.evaluation.retrieval import gallery_scores, retrieval_recall, truth
from vilt_core.evaluation.scoring import judge_of
from vilt_core.evaluation.sets import WORLD
from vilt_core.layers.heads import RankHead
from vilt_core.models.clip import Clip


@pytest.fixture
def photographs(tmp_path):
    """Three pictures of two sizes, with one to three captions each."""
    told = (("a cat",), ("a dog in the middle", "a dog"), ("a cow", "one cow", "there is a cow"))
    for at, size in enumerate([(64, 64), (100, 40), (64, 64)]):
        Image.effect_noise(size, 20 * (at + 1)).save(tmp_path / f"{at}.png")
    examples = [
        CaptionExample(image=ImageFile(tmp_path / f"{at}.png"), captions=captions, id=str(at))
        for at, captions in enumerate(told)
    ]
    return DataSet(name="mine", split="test", kind="captions", examples=examples)


def one_by_one(bundle, gallery, score):
    """Every pair through the whole model alone."""
    with evaluating(bundle.model):
        return torch.tensor(
            [
                [
                    score(
                        bundle.model(
                            bundle.tokenizer.encode([caption]).batch,
                            stack([pixels_of(picture, bundle)]),
                        ).pooled
                    ).item()
                    for caption in gallery.captions
                ]
                for picture in gallery.pictures
            ]
        )


def test_scores_are_the_odds_of_a_match(bundle, photographs):
    gallery = gallery_of(photographs)
    head, judge = judge_of(bundle.model)
    assert head == "itm"
    found = gallery_scores(bundle, gallery, judge=judge, batch_size=4)
    expected = one_by_one(
        bundle, gallery, lambda pooled: bundle.model.itm(pooled).softmax(-1)[0, 1]
    )
    torch.testing.assert_close(found.sigmoid(), expected, atol=1e-5, rtol=0)
    assert found.std() > 1e-3  # or nothing was compared


def test_the_retrieval_head_goes_first(spare, photographs):
    torch.manual_seed(3)
    spare.model.rank = RankHead(spare.model.config.width)
    gallery = gallery_of(photographs)
    head, judge = judge_of(spare.model)
    assert head == "rank"
    found = gallery_scores(spare, gallery, judge=judge)
    expected = one_by_one(spare, gallery, spare.model.rank)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_batches_change_nothing(bundle, photographs, monkeypatch):
    _, judge = judge_of(bundle.model)
    gallery = gallery_of(photographs)
    together = gallery_scores(bundle, gallery, judge=judge)
    monkeypatch.setattr(retrieval, "HELD", 2)
    for size in (1, 5):
        again = gallery_scores(bundle, gallery, judge=judge, batch_size=size)
        torch.testing.assert_close(again, together, atol=1e-5, rtol=0)


def test_a_model_that_ranks_nothing(spare):
    spare.model.itm = None
    with pytest.raises(ValueError, match="untrained ranks nothing: it has no retrieval and no ITM"):
        retrieval_recall(spare, limit=4)


def test_what_is_reported_of_the_world(bundle):
    heard = []
    found = evaluate(
        bundle,
        task="retrieval",
        on="world:style",
        limit=12,
        batch_size=32,
        progress=lambda *at: heard.append(at),
    )
    assert json.loads(json.dumps(found)) == found
    assert (found["gallery"], found["captions"], found["head"]) == (12, 12, "itm")
    assert heard[-1] == (12, 12)
    for way in ("text_to_image", "image_to_text"):
        assert list(found[way]) == ["r1", "r5", "r10"]
        assert all(found["own"][way][at] <= found[way][at] for at in found[way])
        assert found["chance"][way]["r1"] >= round(1 / 12, 6)
    assert "folds" not in found


def test_what_is_reported_of_a_data_set(bundle, photographs, monkeypatch):
    monkeypatch.setattr(retrieval, "FOLD", 1)
    found = retrieval_recall(bundle, on=photographs)
    assert (found["data"], found["gallery"], found["captions"]) == ("mine:test", 3, 6)
    assert not {"own", "ceiling"} & found.keys()
    assert found["folds"]["text_to_image"]["r1"] == 1.0  # each picture alone
    assert "no_folds" not in found


def test_captions_that_repeat_are_right_of_each_and_the_published_number_stands_beside(
    bundle, photographs, monkeypatch
):
    alike = [replace(one, captions=("a cat",)) for one in photographs.examples[:2]]
    data = replace(photographs, examples=[*alike, photographs.examples[2]])
    gallery = gallery_of(data)
    scores = torch.tensor([[1.0, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1]])
    monkeypatch.setattr(retrieval, "gallery_scores", lambda *_, **__: scores)
    found = retrieval_recall(bundle, on=data)
    assert (found["gallery"], found["captions"]) == (len(gallery.pictures), 5)
    assert found["text_to_image"]["r1"] == found["image_to_text"]["r1"] == 1.0
    assert found["own"]["text_to_image"]["r1"] == 0.6  # ties are wrong there: 3 of 5 captions
    assert found["own"]["image_to_text"]["r1"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["ceiling"]["text_to_image"]["r1"] == pytest.approx((1 + 3) / 5, abs=1e-6)
    assert found["chance"]["text_to_image"]["r1"] == pytest.approx((4 + 3) / 5 / 3, abs=1e-6)
    assert found["chance"]["image_to_text"]["r1"] == pytest.approx((2 + 2 + 3) / 3 / 5, abs=1e-6)
    monkeypatch.setattr(retrieval, "FOLD", 1)
    folds = retrieval_recall(bundle, on=data)["folds"]
    assert folds["own"]["text_to_image"]["r1"] == folds["text_to_image"]["r1"] == 1.0
    monkeypatch.setattr(retrieval, "FOLD", 1000)
    published = retrieval_recall(bundle, on=replace(data, own_alone=True))
    assert published["text_to_image"] == found["own"]["text_to_image"]
    assert "own" not in published


def test_folds_are_of_a_thousand_pictures_as_published():
    assert retrieval.FOLD == 1000


def test_where_there_are_no_folds_it_says_why(bundle, photographs, monkeypatch):
    monkeypatch.setattr(retrieval, "FOLD", 2)
    found = retrieval_recall(bundle, on=photographs)
    assert found["no_folds"] == "3 pictures are no whole number of folds of 2"
    more = photographs.examples[0]
    lost = replace(more, image=ImageFile(more.image.path.with_name("lost.png")), id="lost")
    cut = replace(photographs, examples=[*photographs.examples, lost])
    found = retrieval_recall(bundle, on=cut)
    assert found["no_folds"].endswith("folds of 2: 1 could not be read")
    assert "folds" not in found
    assert found["chance"]["image_to_text"]["r1"] == pytest.approx((1 + 2 + 3) / 6 / 3, abs=1e-6)
    assert retrieval_recall(bundle, on=photographs, limit=2)["captions"] == 3


def test_a_file_of_ones_own(tmp_path):
    for name in ("a", "b"):
        Image.new("RGB", (32, 32), "red").save(tmp_path / f"{name}.png")
    lines = [("a", "a cat"), ("b", "a cow"), ("a", "one cat")]
    path = tmp_path / "mine.jsonl"
    path.write_text(
        "\n".join(json.dumps({"image": f"{name}.png", "caption": said}) for name, said in lines)
    )
    gallery = gallery_of(path)
    assert gallery.captions == ("a cat", "one cat", "a cow")
    assert gallery.owners == (0, 0, 1)
    with pytest.raises(ValueError, match=r"expected a file of JSON lines or a folder at .*none"):
        gallery_of(tmp_path / "none.jsonl")


@pytest.mark.parametrize("on", WORLD)
def test_every_caption_is_true_of_its_own_scene(on):
    gallery = gallery_of(on, limit=40)
    assert truth(gallery).diagonal().all()
    assert gallery_of(on, limit=15) == Gallery(
        pictures=gallery.pictures[:15],
        captions=gallery.captions[:15],
        owners=gallery.owners[:15],
        programs=gallery.programs[:15],
    )


def test_who_knows_the_world_finds_what_is_true_and_reaches_the_ceiling():
    gallery = world_gallery("test", 50)
    true = truth(gallery)
    own = ownership(torch.tensor(gallery.owners), pictures=50)
    best = ceiling(own, true)
    generator = torch.Generator().manual_seed(0)
    draws = [true + 0.1 * torch.rand(true.shape, generator=generator) for _ in range(100)]
    assert recalls(draws[0], true)["text_to_image"]["r1"] == 1.0
    for way in ("text_to_image", "image_to_text"):
        mean = sum(recalls(scores, own)[way]["r1"] for scores in draws) / len(draws)
        assert mean == pytest.approx(best[way]["r1"], abs=0.02)
    assert best["text_to_image"]["r1"] < 1.0


def test_a_dual_encoder_ranks_by_its_vectors(bundle, photographs):
    torch.manual_seed(0)
    sizes = replace(clip_mini(vocab_size=len(bundle.tokenizer), answers=0), image_size=64)
    dual = replace(bundle, model=Clip(sizes), answers=(), pictures=None)
    gallery = gallery_of(photographs)
    found = gallery_scores(dual, gallery, judge=None, batch_size=2)
    with evaluating(dual.model):
        for row, picture in enumerate(gallery.pictures):
            for column, text in enumerate(gallery.captions):
                out = dual.model(
                    dual.tokenizer.encode([text]).batch, stack([pixels_of(picture, dual)])
                )
                expected = dual.model.score(out.text_vector, out.image_vector)[0, 0]
                torch.testing.assert_close(found[row, column], expected)
    assert retrieval_recall(dual, on=photographs)["head"] == "vectors"
