"""The galleries of the Find tab, with a tiny dual encoder and without one."""

import json
import threading
from dataclasses import replace
from itertools import islice
from pathlib import Path

import gradio as gr
import pytest
import torch
from PIL import Image

from app import encoders, endpoints, galleries, services
from app.components import finds
from app.components.wishes import Wishes
from app.library import Shelf
from app.tabs import retrieve
from vilt_core.config import ClipConfig
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import save_folder
from vilt_core.models.clip import Clip
from vilt_core.search.albums import Files

TINY = "tiny"
SCENES = "64 scenes"


@pytest.fixture
def unaided(monkeypatch, tmp_path):
    """No dual encoder on this machine."""
    monkeypatch.delenv("VILT_LAB_ENCODER", raising=False)
    monkeypatch.setattr(encoders, "SHIPPED", tmp_path / "none")


@pytest.fixture
def alone(tiny, unaided):
    """A tiny ViLT, and no dual encoder."""


def save_clip(folder, tokenizer, *, domain):
    """A dual encoder with random weights."""
    config = ClipConfig(
        vocab_size=len(tokenizer),
        text_width=24,
        text_depth=1,
        text_heads=2,
        max_text_tokens=40,
        width=32,
        depth=1,
        heads=2,
        image_size=32,
        patch_size=8,
        shared_width=16,
    )
    torch.manual_seed(0)
    model = Clip(config)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    bundle = Bundle(name="small", model=model, tokenizer=tokenizer, answers=(), domain=domain)
    save_folder(bundle, folder)


@pytest.fixture
def clip(tiny, monkeypatch, tmp_path):
    """A dual encoder of stickers, and a folder for indexes."""
    save_clip(tmp_path / "clip", tiny.tokenizer, domain="stickers")
    monkeypatch.setenv("VILT_LAB_ENCODER", str(tmp_path / "clip"))
    monkeypatch.setenv("VILT_LAB_INDEXES", str(tmp_path / "indexes"))
    return tmp_path / "indexes"


@pytest.fixture
def brought(hub, monkeypatch, tmp_path):
    """Beside the shipped dual encoder, one of photographs; ViLT-B/32 is not here yet."""
    save_clip(tmp_path / "shipped", hub.embedded.tokenizer, domain="stickers")
    save_clip(tmp_path / "photographs", hub.photographs.tokenizer, domain="photographs")
    monkeypatch.setattr(encoders, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv("VILT_LAB_ENCODER", str(tmp_path / "photographs"))
    monkeypatch.setenv("VILT_LAB_INDEXES", str(tmp_path / "indexes"))
    return hub


@pytest.fixture
def uploads(tmp_path):
    paths = []
    for at in range(3):
        path = tmp_path / "sent" / str(at) / f"{at}.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (90, 60), (70 * at, 90, 30)).save(path)
        paths.append(str(path))
    return paths


def last(*given):
    *_, answer = retrieve.found_pictures(*given)
    return answer


def test_without_a_dual_encoder_a_small_gallery_is_read_whole(alone):
    assert list(galleries.names()) == [SCENES, "Photographs", "Your pictures"]
    shown, meter, pairs, plan = last("A cat", SCENES, None, 32, TINY)
    assert len(shown["hits"]) == len(pairs) == finds.SHOWN
    assert "this query, 64 of 64" in meter
    assert "1,000,000" in meter
    assert "<svg" not in meter
    assert plan == {}
    chances = [float(hit["chance"].removesuffix(" %")) for hit in shown["hits"]]
    assert chances == sorted(chances, reverse=True)
    assert all(hit["picture"].startswith("data:image/") for hit in shown["hits"])
    assert all(hit["cosine"] == "" for hit in shown["hits"])


def test_one_sentence_says_what_to_do_without_a_dual_encoder():
    assert "VILT_LAB_ENCODER" in encoders.NONE
    assert encoders.NONE.count(". ") == 0


def test_with_a_dual_encoder_an_index_is_built_once_and_its_shortlist_judged(clip):
    assert list(galleries.names())[:3] == [SCENES, "1,000 scenes", "10,000 scenes"]
    *steps, answer = retrieve.found_pictures("A cat", SCENES, None, 8, TINY)
    assert [step[0]["total"] for step in steps] == [64] * len(steps)
    shown, meter, pairs, _ = answer
    assert shown["trouble"] == ""
    assert len(shown["hits"]) == len(pairs) == 8
    assert all(hit["cosine"] for hit in shown["hits"])
    assert "this query, 8 of 64" in meter
    assert "<svg" in meter
    assert len(list(clip.iterdir())) == 1
    again = list(retrieve.found_pictures("A cat", SCENES, None, 8, TINY))
    assert len(again) == 1
    assert again[-1][0] == shown


def test_a_building_that_is_stopped_goes_on_and_stands_in_nobodys_way(clip, monkeypatch):
    monkeypatch.setattr(galleries, "_span", lambda setup: 0.0)
    left = retrieve.found_pictures("A cat", SCENES, None, 8, TINY)
    assert next(left)[0]["done"] == 32
    steps = list(retrieve.found_pictures("A cat", SCENES, None, 8, TINY))
    assert [step[0]["done"] for step in steps[:-1]] == [64]
    assert len(steps[-1][0]["hits"]) == 8


def test_the_last_wish_counts_and_the_work_for_an_older_one_ends(clip, monkeypatch):
    monkeypatch.setattr(galleries, "_span", lambda setup: 0.0)
    wishes = Wishes()
    older = wishes.follow(retrieve.found_pictures("A red heart", "1,000 scenes", None, 8, TINY))
    assert next(older)[0]["total"] == 1000
    *_, answer = wishes.follow(retrieve.found_pictures("A cat", SCENES, None, 8, TINY))
    assert list(older) == [answer]  # the page shows once more what a work has handed out last
    assert len(list(clip.rglob("index.json"))) == 1
    assert wishes.last.known is None  # and nobody is left who would show it


def test_another_gallery_ends_what_is_under_way(clip, monkeypatch):
    monkeypatch.setattr(galleries, "_span", lambda setup: 0.0)
    wishes, nothing = Wishes(), (finds.nothing(), "", (), {})
    under_way = wishes.follow(retrieve.found_pictures("A cat", "1,000 scenes", None, 8, TINY))
    next(under_way)
    assert wishes.take(nothing) == nothing
    assert list(under_way) == [nothing]
    assert not list(clip.rglob("index.json"))


def test_a_wish_that_has_shown_nothing_yet_counts_too():
    ended = []

    def work():
        try:
            yield 1
            yield 2
        finally:
            ended.append(True)

    wishes = Wishes()
    older = wishes.follow(work())
    next(older)
    newer = wishes.follow(work())
    assert next(newer) == 1
    assert next(older) == 1
    assert ended == [True]
    assert list(newer) == [2]
    assert list(older) == []
    assert list(wishes.follow(work())) == [1, 2]


def test_a_sentence_of_the_world_is_shown_with_its_truth(alone):
    text, *_ = galleries.suggestions(SCENES)
    shown, *_ = last(text, SCENES, None, 32, TINY)
    assert all(hit["truth"] in (True, False) for hit in shown["hits"])
    keys = [entry.key for entry in galleries.album_of(SCENES).entries()]
    assert any(galleries.truths(text, SCENES, keys))
    shown, *_ = last("A cat made of cheese", SCENES, None, 32, TINY)
    assert all(hit["truth"] is None for hit in shown["hits"])


@pytest.mark.parametrize("written", ["{}.", "  {} . ", "{}?", "{}\n"])
def test_the_truth_is_known_however_a_sentence_ends(alone, written):
    text = galleries.suggestions(SCENES)[0]
    keys = [entry.key for entry in galleries.album_of(SCENES).entries()]
    known = galleries.truths(text, SCENES, keys)
    assert set(known) <= {True, False}
    assert galleries.truths(written.format(text.upper()), SCENES, keys) == known


def test_what_was_found_is_aligned_with_its_truth(alone):
    *_, pairs, _ = last("A cat", SCENES, None, 32, TINY)
    message = retrieve.aligned(pairs[1], TINY)
    assert message["words"] == ["A", "cat"]
    assert pairs[1].key is not None


@pytest.mark.parametrize("encoder", ["alone", "clip"])
def test_ones_own_pictures_are_a_gallery(encoder, request, uploads):
    request.getfixturevalue(encoder)
    shown, _, pairs, _ = last("A cat", galleries.UPLOADS, uploads, 32, TINY)
    assert {hit["says"] for hit in shown["hits"]} == {"0.png", "1.png", "2.png"}
    assert retrieve.aligned(pairs[0], TINY)["words"] == ["A", "cat"]


@pytest.mark.parametrize("encoder", ["alone", "clip"])
def test_a_broken_upload_is_named_and_passed_over(encoder, request, uploads, tmp_path):
    request.getfixturevalue(encoder)
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    shown, *_ = last("A cat", galleries.UPLOADS, [*uploads, str(bad)], 32, TINY)
    assert len(shown["hits"]) == 3
    assert "bad.png" in shown["says"]
    assert str(tmp_path) not in shown["says"]


@pytest.mark.parametrize("encoder", ["alone", "clip"])
def test_the_sentences_of_a_picture(encoder, request):
    request.getfixturevalue(encoder)
    key = services.EXAMPLES[0]
    shown, meter, pairs, _ = retrieve.sentences_at_once(
        None, key, "a cat\n\n two dogs \na red heart", SCENES, 32, TINY
    )
    assert {hit["says"] for hit in shown["hits"]} == {"a cat", "two dogs", "a red heart"}
    assert "of 3" in meter
    assert retrieve.aligned(pairs[0], TINY)["places"] is not None
    shown, *_ = retrieve.sentences_at_once(None, key, "", SCENES, 32, TINY)
    assert shown["trouble"] == ""
    assert len(shown["hits"]) == finds.SHOWN


def test_another_shortlist_finds_again_what_was_asked_for_and_else_nothing(clip):
    key, lines = services.EXAMPLES[0], "a cat\ntwo dogs\na red heart"
    asked = "A cat", SCENES, None, 8, TINY
    looked = None, key, lines, SCENES, 8, TINY
    *_, (shown, *_) = retrieve.found_anew(retrieve.SENTENCES, asked, looked)
    assert {hit["says"] for hit in shown["hits"]} == set(lines.split("\n"))
    *_, (shown, *_) = retrieve.found_anew(retrieve.PICTURES, asked, looked)
    assert len(shown["hits"]) == 8
    assert all(hit["picture"] for hit in shown["hits"])
    assert retrieve.found_anew(retrieve.PICTURES, (" ", *asked[1:]), looked) is None
    nothing = None, None, None, *looked[3:]
    assert retrieve.found_anew(retrieve.SENTENCES, asked, nothing) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("?!", SCENES, None, 8, TINY), "at least one letter"),
        (("A cat", galleries.UPLOADS, None, 8, TINY), "pictures of your own"),
        (("A cat", "/etc", None, 8, TINY), "must be one of"),
        (("A cat", SCENES, None, 8, "gpt"), "must be one of tiny"),
    ],
)
def test_what_cannot_be_found_gets_one_sentence(alone, given, said):
    shown, meter, pairs, _ = last(*given)
    assert said in shown["trouble"]
    assert shown["trouble"].endswith(".")
    assert (meter, pairs) == ("", ())


def test_too_much_for_one_by_one_is_refused(alone):
    shown, *_ = retrieve.sentences_at_once(
        None, services.EXAMPLES[0], "\n".join(f"{n} cats" for n in range(65)), SCENES, 8, TINY
    )
    assert "at most 64 sentences" in shown["trouble"]
    shown, *_ = retrieve.sentences_at_once(None, services.EXAMPLES[0], "", "Photographs", 8, TINY)
    assert "write some" in shown["trouble"]


def test_a_folder_on_this_machine_is_offered_where_it_is_named(alone, uploads, monkeypatch):
    folder = Path(uploads[0]).parents[1]
    monkeypatch.setenv("HOME", str(folder.parent))
    for named in (str(folder), f"~/{folder.name}"):
        monkeypatch.setenv("VILT_LAB_PICTURES", named)
        shown, *_ = last("A cat", "Your folder", None, 32, TINY)
        assert len(shown["hits"]) == 3


def test_where_files_lie_on_the_server_is_told_to_nobody(clip, uploads, tmp_path, monkeypatch):
    broken = tmp_path / "holiday.png"
    broken.write_bytes(b"no picture")
    shown, *_ = last("A cat", galleries.UPLOADS, [str(broken)], 4, TINY)
    assert "holiday.png" in shown["trouble"]
    assert str(tmp_path) not in shown["trouble"]
    monkeypatch.setenv("VILT_LAB_PICTURES", str(tmp_path / "gone"))
    shown, *_ = last("A cat", "Your folder", None, 4, TINY)
    assert shown["trouble"] == "The folder of 'Your folder' is not on this server any more."


def test_of_a_damaged_index_nobody_hears_where_it_lies(clip, uploads):
    last("A cat", SCENES, None, 4, TINY)
    (manifest,) = clip.rglob("index.json")
    manifest.write_text("{}")
    shown, *_ = last("A cat", SCENES, None, 4, TINY)
    assert shown["trouble"].startswith("Its folder")
    assert str(clip) not in shown["trouble"]


def test_what_a_program_sent_and_nobody_could_read_is_told(clip, uploads, tmp_path):
    broken = tmp_path / "holiday.png"
    broken.write_bytes(b"no picture")
    found = endpoints.retrieve("A cat", pictures=[uploads[0], str(broken), uploads[1]])
    (told,) = found["passed_over"]
    assert (told["key"], told["place"]) == ("holiday.png", 1)
    assert "no image" in told["why"]
    assert found["gallery"] == 2


def test_models_of_stickers_say_that_they_guess_of_photographs(clip, alone, uploads):
    shown, *_ = last("A cat", SCENES, None, 4, TINY)
    assert shown["says"] == ""
    shown, *_ = last("A cat", galleries.UPLOADS, uploads, 4, TINY)
    assert shown["says"].startswith("These models have seen stickers alone")


def test_a_folder_is_read_again_only_where_something_in_it_has_changed(
    brought, tmp_path, monkeypatch
):
    from vilt_core.search import store

    brought.go.set()
    folder = tmp_path / "mine"
    folder.mkdir()
    for at in range(3):
        Image.new("RGB", (40, 30), (70 * at, 90, 30)).save(folder / f"{at}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    monkeypatch.setenv("VILT_LAB_PICTURES", str(folder))
    built = []
    build = store.build_index
    monkeypatch.setattr(
        store, "build_index", lambda *given, **some: built.append(1) or build(*given, **some)
    )
    asked = ("A red cup", "Your folder", None, 2, "ViLT-B/32")
    last(*asked)
    first = len(built)
    last(*asked)
    assert len(built) == first > 0
    Image.new("RGB", (40, 30), (1, 2, 3)).save(folder / "new.png")
    shown, meter = last(*asked)[:2]
    assert len(built) > first
    assert "Passed over, for they cannot be read: broken.png." in shown["says"]
    assert "2 of 4" in meter


def test_many_broken_files_keep_nobody_waiting_for_ever(brought, tmp_path, monkeypatch):
    brought.go.set()
    folder = tmp_path / "mine"
    folder.mkdir()
    for at in range(36):
        (folder / f"{at:02}.jpg").write_bytes(b"no picture")
    for at in range(8):
        Image.new("RGB", (40, 30), (30 * at, 90, 30)).save(folder / f"good {at}.png")
    monkeypatch.setenv("VILT_LAB_PICTURES", str(folder))
    monkeypatch.setattr(galleries, "_span", lambda setup: 0.0)
    waits = list(islice(galleries.prepare("Your folder", "ViLT-B/32"), 50))
    assert [wait.done for wait in waits] == [8, 16, 24, 32, 40, 44]
    assert [wait.says.split()[0] for wait in waits] == ["0", "0", "0", "0", "4", "8"]
    assert {wait.total for wait in waits} == {44}
    assert galleries.find("A cat", "Your folder", model="ViLT-B/32").cost.gallery == 8
    assert len(galleries.unread("Your folder", model="ViLT-B/32")) == 36


def test_of_files_few_are_read_between_two_looks_at_the_page(brought, tmp_path, monkeypatch):
    brought.go.set()
    sent = []
    for at in range(20):
        path = tmp_path / f"{at:02}.png"
        Image.new("RGB", (40, 30), (10 * at, 90, 30)).save(path)
        sent.append(str(path))
    Path(sent[0]).write_bytes(b"no picture")
    opened, read = [], Files.open
    monkeypatch.setattr(
        Files, "open", lambda album, key, side: opened.append(key) or read(album, key, side=side)
    )
    steps = galleries.prepare(galleries.UPLOADS, "ViLT-B/32", sent)
    told = [(wait.done, wait.total, wait.says.split()[0], len(opened)) for wait in steps]
    assert told == [(8, 20, "7", 8), (16, 20, "15", 16), (20, 20, "19", 20)]
    again = list(galleries.prepare(galleries.UPLOADS, "ViLT-B/32", sent))
    assert again[-1].done == 20
    assert len(opened) == 20
    assert list(galleries.prepare(galleries.UPLOADS, "ViLT-B/32", sent[:8])) == []


def test_what_is_shown_of_a_file_is_made_once(clip, uploads, monkeypatch):
    read, pixels = [], services.pixels_of
    monkeypatch.setattr(services, "pixels_of", lambda file: read.append(file) or pixels(file))
    asked = ("A cat", galleries.UPLOADS, uploads, 8, TINY)
    shown, *_ = last(*asked)
    assert sorted(read) == sorted(uploads)
    assert last(*asked)[0]["hits"] == shown["hits"]
    assert len(read) == 3
    Image.new("RGB", (60, 60), "red").save(uploads[0])
    again, *_ = last(*asked)
    assert read[3:] == [uploads[0]]
    pictures = [{hit["says"]: hit["picture"] for hit in one["hits"]} for one in (shown, again)]
    assert {name for name in pictures[0] if pictures[0][name] != pictures[1][name]} == {"0.png"}


def test_a_model_that_makes_no_vectors_gets_one_sentence(tiny_folder, tiny, monkeypatch):
    monkeypatch.setenv("VILT_LAB_ENCODER", str(tiny_folder))
    shown, *_ = last("A cat", SCENES, None, 32, TINY)
    assert "makes no vectors" in shown["trouble"]


def test_photographs_are_searched_by_the_model_that_knows_them(hub, unaided):
    hub.go.set()
    assert galleries.fitting(galleries.first(), "ViLT-B/32") == "Photographs"
    assert galleries.fitting("Photographs", "vilt-mini") == SCENES
    assert galleries.fitting(galleries.UPLOADS, "ViLT-B/32") == galleries.UPLOADS
    shown, *_ = last("A red cup", "Photographs", None, 32, "ViLT-B/32")
    assert shown["trouble"] == ""
    assert len(shown["hits"]) == 5


def test_an_encoder_of_another_world_is_not_asked(clip, monkeypatch):
    assert encoders.encoder(galleries.world_of(SCENES, TINY)) is not None
    monkeypatch.setattr(services, "domain", lambda model: "photographs")
    assert encoders.encoder(galleries.world_of(SCENES, TINY)) is None
    shown, meter, *_ = last("A red cup", "Photographs", None, 1, TINY)
    assert len(shown["hits"]) == 5
    assert "this query, 5 of 5" in meter
    shown, *_ = last("A red cup", "1,000 scenes", None, 1, TINY)
    assert "at most 64 pictures" in shown["trouble"]


def test_an_index_that_can_be_kept_nowhere_is_one_sentence(clip, monkeypatch):
    clip.write_text("a file where the folder should be")
    shown, *_ = last("A cat", SCENES, None, 8, TINY)
    assert shown["trouble"].startswith("The index cannot be kept")
    assert str(clip) not in shown["trouble"]


def test_the_endpoint_finds_pictures_and_texts(clip, uploads):
    found = endpoints.retrieve("A cat", None, None, SCENES, None, 5, 8)
    assert len(found["hits"]) == 5
    assert (found["forwards"], found["gallery"]) == (8, 64)
    assert found["everything_seconds"]["million"] > found["everything_seconds"]["this"]
    found = endpoints.retrieve("A cat", pictures=uploads)
    assert {(hit["name"], hit["place"]) for hit in found["hits"]} == {
        ("0.png", 0),
        ("1.png", 1),
        ("2.png", 2),
    }
    found = endpoints.retrieve(None, uploads[0], ["a cat", "two dogs"])
    assert {hit["name"] for hit in found["hits"]} == {"a cat", "two dogs"}
    with pytest.raises(gr.Error, match="letter or digit"):
        endpoints.retrieve(None)
    with pytest.raises(gr.Error, match="list of texts"):
        endpoints.retrieve(None, uploads[0], [1])


def test_an_image_is_not_looked_for_in_pictures(clip, uploads):
    with pytest.raises(gr.Error, match="got an image and a text"):
        endpoints.retrieve("A cat", uploads[0])
    with pytest.raises(gr.Error, match="got an image and pictures"):
        endpoints.retrieve(None, uploads[0], ["a cat"], None, uploads)
    found = endpoints.retrieve(None, uploads[0], ["a cat", "two dogs"], galleries.UPLOADS)
    assert {hit["name"] for hit in found["hits"]} == {"a cat", "two dogs"}


@pytest.mark.parametrize("encoder", ["alone", "clip"])
@pytest.mark.parametrize("text", ["", "?!", "кошка", "cat " * 60])
def test_a_text_is_read_before_an_index_is_made_for_it(encoder, text, request, monkeypatch):
    request.getfixturevalue(encoder)
    monkeypatch.setattr(galleries, "prepare", lambda *_: pytest.fail("refused too late"))
    with pytest.raises(gr.Error, match=r"letter or digit|none of these words|at most"):
        endpoints.retrieve(text, gallery=SCENES)
    assert last(text, SCENES, None, 8, TINY)[0]["trouble"]


@pytest.mark.parametrize("encoder", ["alone", "clip"])
def test_the_endpoint_tells_what_was_sent_and_no_folder_of_the_server(
    encoder, request, uploads, tmp_path
):
    request.getfixturevalue(encoder)
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    found = endpoints.retrieve("A cat", pictures=[str(bad), *uploads, uploads[0]])
    assert str(tmp_path) not in json.dumps(found)
    assert sorted(hit["place"] for hit in found["hits"]) == [1, 2, 3]
    assert [(one["key"], one["place"]) for one in found["passed_over"]] == [("bad.png", 0)]


def test_the_endpoint_reads_no_shortlist_without_an_end(clip, monkeypatch):
    monkeypatch.setattr(galleries, "prepare", lambda *_: pytest.fail("refused too late"))
    with pytest.raises(gr.Error, match=r"Shortlist must be at most 256, got 257\."):
        endpoints.retrieve("A cat", None, None, SCENES, None, 5, 257)


def test_a_list_of_sentences_has_an_end(clip, monkeypatch):
    monkeypatch.setattr(galleries, "MOST_SENTENCES", 2)
    shown, *_ = retrieve.sentences_at_once(
        None, services.EXAMPLES[0], "a cat\na dog\na fox", SCENES, 8, TINY
    )
    assert shown["trouble"] == "At most 2 sentences are ranked at once, got 3."


def test_where_nothing_may_be_written_indexes_go_to_the_cache(clip, monkeypatch, tmp_path):
    monkeypatch.delenv("VILT_LAB_INDEXES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for writable in (True, False):
        monkeypatch.setattr(galleries.os, "access", lambda *_, writable=writable: writable)
        list(galleries.prepare(SCENES))
        assert bool(list((tmp_path / "cache").rglob("index.json"))) is not writable
    assert len(list(tmp_path.rglob("index.json"))) == 2
    found = galleries.find("a cat", SCENES)
    assert found.hits


@pytest.mark.parametrize("encoder", ["alone", "clip"])
def test_a_picture_sent_twice_is_searched_once_and_too_many_are_refused(
    encoder, request, uploads, monkeypatch
):
    request.getfixturevalue(encoder)
    assert galleries.find("A cat", galleries.UPLOADS, uploads=uploads * 9).cost.gallery == 3
    monkeypatch.setattr(galleries, "MOST_PICTURES", 2)
    shown, *_ = last("A cat", galleries.UPLOADS, uploads, 32, TINY)
    assert shown["trouble"] == "At most 2 pictures of your own are searched, got 3."
    with pytest.raises(gr.Error, match="At most 2 pictures"):
        endpoints.retrieve("A cat", pictures=uploads)


# A dual encoder of photographs, beside that of stickers


def test_more_photographs_than_vilt_reads_are_found_by_their_index(brought, tmp_path, monkeypatch):
    brought.go.set()
    many = tmp_path / "many"
    many.mkdir()
    for at in range(70):
        Image.new("RGB", (40, 30), (3 * at, 90, 30)).save(many / f"{at}.png")
    monkeypatch.setenv("VILT_LAB_PICTURES", str(many))
    sent = [str(path) for path in sorted(many.iterdir())]
    for gallery in ("Your folder", galleries.UPLOADS):
        *steps, (shown, meter, *_) = retrieve.found_pictures(
            "A red cup", gallery, sent, 8, "ViLT-B/32"
        )
        assert shown["trouble"] == ""
        assert [step[0]["total"] for step in steps] == [70] * len(steps)
        assert (steps[-1][0]["done"], len(shown["hits"])) == (70, 8)
        assert all(hit["chance"] and hit["cosine"] for hit in shown["hits"])
        assert "this query, 8 of 70" in meter


def test_uploads_that_were_read_are_not_read_again(brought, uploads, monkeypatch):
    brought.go.set()
    last("A red cup", galleries.UPLOADS, uploads, 2, "ViLT-B/32")
    monkeypatch.setattr(
        "vilt_core.search.index.embed", lambda *_, **__: pytest.fail("read once more")
    )
    shown, *_ = last("Two cats", galleries.UPLOADS, uploads, 2, "ViLT-B/32")
    assert len(shown["hits"]) == 2


def test_while_vilt_is_not_here_the_dual_encoder_ranks_photographs_alone(brought, uploads):
    shown, meter, *_ = last("A red cup", galleries.UPLOADS, uploads, 8, "vilt-mini")
    assert len(shown["hits"]) == 3
    assert "dual encoder alone" in shown["says"]
    assert not any(hit["chance"] for hit in shown["hits"])
    assert "1,000,000" not in meter
    assert brought.asked == []  # nobody wanted half a gigabyte
    brought.go.set()
    services.predictor("ViLT-B/32", "match")
    shown, *_ = last("A red cup", galleries.UPLOADS, uploads, 8, "vilt-mini")
    assert shown["says"] == ""
    assert all(hit["chance"] for hit in shown["hits"])


def test_each_world_has_its_own_dual_encoder(brought):
    assert encoders.source("stickers") != encoders.source("photographs")
    worlds = [encoders.encoder(world).domain for world in encoders.WORLDS]
    assert worlds == list(encoders.WORLDS)
    assert galleries.world_of("1,000 scenes", "vilt-mini") == "stickers"
    assert galleries.world_of(galleries.UPLOADS, "vilt-mini") == "photographs"


def test_one_sentence_says_what_to_bring_for_photographs(hub, unaided, uploads, monkeypatch):
    hub.go.set()
    monkeypatch.setattr(galleries, "SMALL", 2)
    shown, *_ = last("A red cup", galleries.UPLOADS, uploads, 8, "ViLT-B/32")
    assert shown["trouble"].endswith(
        "got 3: to choose among more, name a CLIP in VILT_LAB_ENCODER, "
        "such as openai/clip-vit-base-patch32."
    )


@pytest.mark.parametrize(
    ("named", "world"),
    [("openai/clip-vit-base-patch32", "photographs"), ("/nowhere", None), ("{folder}", None)],
)
def test_what_a_dual_encoder_knows_is_told_before_it_is_opened(
    named, world, unaided, tmp_path, monkeypatch
):
    (tmp_path / "config.json").write_text("no JSON")
    named = named.format(folder=tmp_path)
    monkeypatch.setenv("VILT_LAB_ENCODER", named)
    for one in encoders.WORLDS:
        assert (encoders.source(one) == named) is (world in (one, None))


def test_a_published_clip_in_a_folder_is_one_of_photographs(tmp_path, unaided, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    monkeypatch.setenv("VILT_LAB_ENCODER", str(tmp_path))
    assert encoders.source("photographs") == str(tmp_path)
    assert encoders.source("stickers") is None


class Afar:
    """A dual encoder on its way, at 37 of 100 bytes until somebody says so."""

    def __init__(self, folder):
        self.folder, self.go = folder, threading.Event()
        self.begun, self.stopped = 0, threading.Event()

    def __call__(self, checkpoint, progress):
        self.begun += 1
        try:
            while not self.go.wait(0.01):
                progress(37, 100)
        except BaseException:
            self.stopped.set()
            raise
        if self.folder is None:
            raise ValueError("there is no network")
        return encoders._open(replace(checkpoint, source=str(self.folder)), progress)


def fetched(monkeypatch, folder):
    afar = Afar(folder)
    monkeypatch.setattr(encoders, "_SHELF", Shelf(afar))
    monkeypatch.setenv("VILT_LAB_ENCODER", "owner/clip")
    return afar


def test_a_download_tells_how_far_it_is_and_stops_where_nobody_waits(
    brought, uploads, monkeypatch, tmp_path
):
    brought.go.set()
    afar = fetched(monkeypatch, tmp_path / "photographs")
    asked = ("A red cup", galleries.UPLOADS, uploads, 8, "ViLT-B/32")
    left = retrieve.found_pictures(*asked)
    says = [next(left)[0]["says"] for _ in range(3)]
    assert says[-1] == "37 % of owner/clip are here"
    left.close()
    assert afar.stopped.wait(5)
    afar.go.set()
    shown, *_ = last(*asked)
    assert (afar.begun, len(shown["hits"])) == (2, 3)


def test_a_download_that_fails_is_one_sentence(brought, uploads, monkeypatch):
    brought.go.set()
    fetched(monkeypatch, None).go.set()
    shown, *_ = last("A red cup", galleries.UPLOADS, uploads, 8, "ViLT-B/32")
    assert shown["trouble"] == "There is no network."
