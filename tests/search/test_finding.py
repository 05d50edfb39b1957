import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vilt_core.config import scan_mini, vse_mini
from vilt_core.models.scan import Scan
from vilt_core.models.vse import Vse
from vilt_core.search.albums import Files, album_of
from vilt_core.search.finding import search, search_all, search_all_captions, search_captions
from vilt_core.search.index import captions_of, index_of

TEXT = "a cat next to a red heart"
TEXTS = ["a cat", "two dogs", "a red heart above a fox", "an apple on the left", "a green square"]


@pytest.fixture(scope="module")
def index(encoder):
    return index_of(album_of("world:test:24"), encoder)


def test_a_shortlist_of_the_whole_gallery_is_scoring_everything(index, encoder, judge):
    found = search(index, TEXT, encoder=encoder, judge=judge, shortlist=len(index.entries))
    everything = search_all(index.album, TEXT, judge=judge)
    assert [hit.name for hit in found.hits] == [hit.name for hit in everything.hits]
    np.testing.assert_allclose(
        [hit.score for hit in found.hits], [hit.score for hit in everything.hits], atol=1e-5
    )
    assert found.cost.forwards == everything.cost.forwards == 24


def test_a_shorter_shortlist_is_what_the_encoder_likes_best_in_the_judges_order(
    index, encoder, judge
):
    cosines = (encoder.texts([TEXT]) @ index.vectors.reconstruct_n(0, 24).T)[0]
    found = search(index, TEXT, encoder=encoder, judge=judge, shortlist=6)
    assert {hit.row for hit in found.hits} == set(np.argsort(-cosines)[:6].tolist())
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    for hit in found.hits:
        picture = index.album.open(hit.name, side=judge.image_size)
        assert hit.probability == pytest.approx(float(judge.match(picture, TEXT)[0, 0]), abs=1e-5)
        assert hit.cosine == pytest.approx(cosines[hit.row], abs=1e-5)
    assert (found.cost.gallery, found.cost.shortlist, found.cost.forwards) == (24, 6, 6)
    assert set(found.cost.seconds) == {"encode", "nearest", "open", "judge"}
    assert found.cost.everything(12) == pytest.approx(2 * found.cost.everything(6))


def test_without_a_judge_the_cosines_rank(index, encoder):
    found = search(index, TEXT, encoder=encoder, shortlist=5)
    cosines = [hit.cosine for hit in found.hits]
    assert cosines == sorted(cosines, reverse=True)
    assert found.hits[0].probability is None
    assert found.cost.forwards == 0
    assert found.json()["everything_seconds"] is None


def test_a_query_draws_the_shortlist_alone(index, encoder, judge, monkeypatch):
    opened = []
    drawn = type(index.album).open
    monkeypatch.setattr(
        type(index.album),
        "open",
        lambda self, key, side: (opened.append(key), drawn(self, key, side=side))[1],
    )
    found = search(index, TEXT, encoder=encoder, judge=judge, shortlist=4)
    assert sorted(opened) == sorted(hit.name for hit in found.hits)


def test_texts_of_a_picture(encoder, judge, index):
    picture = index.album.open(index.entries[3].key, side=64)
    found = search_captions(
        captions_of(TEXTS, encoder), picture, encoder=encoder, judge=judge, shortlist=len(TEXTS)
    )
    everything = search_all_captions(TEXTS, picture, judge=judge)
    assert [hit.name for hit in found.hits] == [hit.name for hit in everything.hits]
    assert {hit.name for hit in found.hits} == set(TEXTS)
    short = search_captions(captions_of(TEXTS, encoder), picture, encoder=encoder, judge=judge,
                            shortlist=2)  # fmt: skip
    assert len(short.hits) == short.cost.forwards == 2


def test_a_picture_that_has_gone_is_named_and_the_others_are_found(tmp_path, encoder, judge):
    for at in range(4):
        Image.new("RGB", (64, 64), (60 * at, 90, 30)).save(tmp_path / f"{at}.png")
    index = index_of(Files(root=tmp_path), encoder)
    (tmp_path / "2.png").unlink()
    found = search(index, TEXT, encoder=encoder, judge=judge, shortlist=4)
    assert [one.key for one in found.broken] == ["2.png"]
    assert len(found.hits) == found.cost.forwards == 3


def test_what_cannot_be_searched_gets_one_sentence(index, encoder, judge, stranger):
    with pytest.raises(ValueError, match="at least 1, got 0"):
        search(index, TEXT, encoder=encoder, judge=judge, shortlist=0)
    with pytest.raises(ValueError, match="letter or digit"):
        search(index, "?!", encoder=encoder, judge=judge)
    with pytest.raises(ValueError, match="other weights"):
        search(index, TEXT, encoder=stranger, judge=judge)
    with pytest.raises(ValueError, match="not those of other"):
        search_captions(captions_of(TEXTS, encoder), np.zeros((9, 9, 3)), encoder=stranger)
    with pytest.raises(ValueError, match="at least one text"):
        captions_of([], encoder)


def test_a_model_without_vectors_is_refused(vilt):
    from vilt_core.search.encoder import DualEncoder

    with pytest.raises(ValueError, match="tiny is of the kind Vilt, which makes no vectors"):
        DualEncoder(vilt)


def test_a_model_of_many_vectors_is_refused(vilt):
    from vilt_core.search.encoder import DualEncoder

    model = Scan(scan_mini(vocab_size=len(vilt.tokenizer), answers=0))
    with pytest.raises(ValueError, match="a vector of every word and region"):
        DualEncoder(replace(vilt, model=model))


def test_a_dual_encoder_of_a_cnn_makes_vectors_of_length_one(vilt):
    from vilt_core.search.encoder import DualEncoder

    model = Vse(vse_mini(vocab_size=len(vilt.tokenizer), answers=0))
    encoder = DualEncoder(replace(vilt, model=model))
    picture = np.zeros((9, 9, 3), dtype=np.uint8)
    for vectors in (encoder.images([picture, picture + 200]), encoder.texts(TEXTS)):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert vectors.shape[1] == encoder.width


def test_the_fingerprint_is_that_of_the_weights(clip, encoder, stranger):
    from vilt_core.search.encoder import DualEncoder

    assert DualEncoder(clip).fingerprint == encoder.fingerprint != stranger.fingerprint


def test_of_many_large_pictures_one_is_held_at_full_size(tmp_path, encoder, judge, monkeypatch):
    for at in range(5):
        Image.new("RGB", (300 + at, 200), (50 * at, 90, 30)).save(tmp_path / f"{at}.png")
    held, most, opened = [], [], Files.open

    def watched(self, key, *, side):
        picture = opened(self, key, side=side)
        held.append(weakref.ref(picture))
        gc.collect()
        most.append(sum(one() is not None for one in held))
        return picture

    monkeypatch.setattr(Files, "open", watched)
    index = index_of(Files(root=tmp_path), encoder)
    search(index, TEXT, encoder=encoder, judge=judge, shortlist=5)
    search_all(index.album, TEXT, judge=judge)
    assert most == [1] * 15
