"""A small run of each of the paper's recipes, on tiny files in the formats that are published."""

import hashlib
import io
import json
import math
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from vilt_core.commands.machine import Machine
from vilt_core.commands.train import Planning, Train
from vilt_core.config import ViltConfig
from vilt_core.data import vqav2
from vilt_core.data.examples import ImageFile
from vilt_core.data.folders import open_data
from vilt_core.evaluation import vqa_accuracy
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.models.vilt import Vilt
from vilt_core.predictor import Predictor
from vilt_core.training import finetuning, monitor
from vilt_core.training.begin import begin, read_data, read_held_out
from vilt_core.training.engine import Settings
from vilt_core.training.loop import Record, train
from vilt_core.training.outcome import scores
from vilt_core.training.paper import PAPER, PaperRecipe
from vilt_core.training.transfer import set_dropout
from vilt_core.world.captions import caption
from vilt_core.world.rendering import paint
from vilt_core.world.scenes import scene

PICTURES = 8
SIZES = ViltConfig(vocab_size=600, width=48, depth=2, heads=3, image_size=64, patch_size=16)
FOLDERS = {  # of the data of each recipe
    "vilt-b32-pretrain": ("coco", "vg", "conceptual", "sbu"),
    "vilt-b32-vqav2": ("vqav2",),
    "vilt-b32-nlvr2": ("nlvr2",),
    "vilt-b32-coco": ("coco",),
    "vilt-b32-flickr30k": ("flickr30k",),
}
LEARNED = {  # heads, and what each loss is called
    "vilt-b32-pretrain": ({"itm", "mlm"}, {"itm", "mlm", "wpa"}),
    "vilt-b32-vqav2": ({"vqa"}, {"vqa"}),
    "vilt-b32-nlvr2": ({"nlvr2"}, {"nlvr2"}),
    "vilt-b32-coco": ({"rank"}, {"ranking"}),
    "vilt-b32-flickr30k": ({"rank"}, {"ranking"}),
}
HEADS = ("itm", "mlm", "mpp", "rank", "nlvr2", "vqa")
QUIET = Settings(device="cpu", precision="float32")


def picture(index: int) -> bytes:
    """A scene, wide or high."""
    file = io.BytesIO()
    image = Image.fromarray(paint(scene(3, index), 64).pixels)
    image.resize((96, 72) if index % 2 else (64, 90)).save(file, "JPEG")
    return file.getvalue()


def said(index: int, which: int = 0) -> str:
    return caption(scene(3, index), lambda: 0.1 + 0.2 * which).text


def write(path: Path, content: bytes | object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def write_karpathy(folder: Path, file: str, *, pictures: str, name: str) -> None:
    """Eight pictures of which six are for training; those of val and test are no pictures."""
    images = []
    for index in range(PICTURES):
        split = {6: "val", 7: "test"}.get(index, "train")
        one = {"filename": name.format(index), "split": split}
        one["sentences"] = [{"raw": said(index, which)} for which in range(2)]
        images.append(one | ({"filepath": pictures} if "COCO" in name else {}))
        content = picture(index) if split == "train" else b"nobody opens this"
        write(folder / pictures / one["filename"], content)
    write(folder / file, {"images": images})


def write_genome(folder: Path) -> None:
    entries = []
    for index in range(PICTURES):
        regions = [{"phrase": said(index, which)} for which in range(2)]
        entries.append({"id": index, "regions": regions})
        write(folder / ("VG_100K", "VG_100K_2")[index % 2] / f"{index}.jpg", picture(index))
    write(folder / "region_descriptions.json", entries)


def write_shards(folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(folder / "00000.tar", "w") as tar:
        for index in range(PICTURES):
            for suffix, content in (("jpg", picture(index)), ("txt", said(index).encode())):
                member = tarfile.TarInfo(f"{index:09}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def write_vqa(folder: Path) -> None:
    for part, pictures in (("train2014", range(6)), ("val2014", range(6, PICTURES))):
        asked, answered = [], []
        for index in pictures:
            numbers = {"question_id": 10 * index, "image_id": index}
            asked.append(numbers | {"question": "what is in the picture?"})
            words = ("cat", "Two.", "yes")[index % 3]
            answers = [{"answer": words if at < 8 else "other"} for at in range(10)]
            answered.append(
                numbers
                | {"answers": answers, "answer_type": "other", "multiple_choice_answer": words}
            )
            write(folder / part / f"COCO_{part}_{index:012}.jpg", picture(index))
        write(folder / f"v2_OpenEnded_mscoco_{part}_questions.json", {"questions": asked})
        write(folder / f"v2_mscoco_{part}_annotations.json", {"annotations": answered})


def write_nlvr2(folder: Path) -> None:
    for part in ("train", "dev", "test1"):
        lines = []
        for index in range(PICTURES // 2):
            one = {"identifier": f"{part}-{index}-0-0", "sentence": said(index), "directory": 1}
            lines.append(json.dumps(one | {"label": ("True", "False")[index % 2]}))
            for side in (0, 1):
                content = b"nobody opens this" if part == "test1" else picture(2 * index + side)
                write(folder / "images" / part / "1" / f"{part}-{index}-0-img{side}.png", content)
        write(folder / "data" / f"{part}.json", "\n".join(lines).encode())


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    coco = "COCO_train2014_{:012}.jpg"
    write_karpathy(folder / "coco", "dataset_coco.json", pictures="train2014", name=coco)
    write_karpathy(
        folder / "flickr30k", "dataset_flickr30k.json", pictures="flickr30k-images", name="{}.jpg"
    )
    write_genome(folder / "vg")
    for name in ("conceptual", "sbu"):
        write_shards(folder / name)
    write_vqa(folder / "vqav2")
    write_nlvr2(folder / "nlvr2")
    return folder


@pytest.fixture(scope="module")
def vit(tokenizer, tmp_path_factory) -> Path:
    """A plain ViT of timm, with words beside it."""
    timm = pytest.importorskip("timm.models.vision_transformer")
    torch.manual_seed(0)
    network = timm.VisionTransformer(
        img_size=64, patch_size=16, embed_dim=48, depth=2, num_heads=3, num_classes=5
    )
    folder = tmp_path_factory.mktemp("vit")
    save_file(network.state_dict(), folder / "model.safetensors")
    tokenizer.save(folder / "tokenizer.json")
    return folder


@pytest.fixture(scope="module")
def pretrained(tokenizer, tmp_path_factory) -> Path:
    """What pre-training leaves."""
    torch.manual_seed(1)
    model = Vilt(replace(SIZES, vocab_size=len(tokenizer)))
    folder = tmp_path_factory.mktemp("pretrained")
    save_folder(Bundle(name="pretrained", model=model, tokenizer=tokenizer, answers=()), folder)
    return folder


@pytest.fixture
def start(root, vit, pretrained):
    """A recipe with small numbers, its data and its model."""

    def begun(name: str, **changes) -> tuple[PaperRecipe, dict, Bundle]:
        paper = small(PAPER[name](sizes=SIZES, **changes))
        folder = vit if paper.task is None else pretrained
        data = read_data(paper, [root / each for each in FOLDERS[name]])
        bundle, _ = begin(paper, str(folder), data=data, answered=1)
        return paper, {paper.kind: data}, bundle

    return begun


def small(paper: PaperRecipe) -> PaperRecipe:
    stage = replace(paper.stage, steps=2, batch_size=4, negatives=3, warmup=0.0)
    return replace(paper, recipe=replace(paper.recipe, stages=(stage,)))


def run(begun, folder: Path, settings: Settings = QUIET) -> list[Record]:
    paper, data, bundle = begun
    return list(train(paper.recipe, folder, bundle=bundle, data=data, settings=settings))


def values(model: Vilt) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def test_the_list_of_answers_is_that_of_train_and_val_together(root, pretrained):
    """Also of the questions of val that are kept out of the training."""
    paper = small(PAPER["vilt-b32-vqav2"](sizes=SIZES))
    held_out = vqav2.read(root / "vqav2", split="val")
    data = vqav2.read(root / "vqav2", split="train")
    bundle, account = begin(paper, str(pretrained), data=data, answered=2)
    assert bundle.answers == ("cat", "2", "yes")
    assert "Answers: 3, as they first appear." in account
    with pytest.raises(ValueError, match="no answer that 3 questions share"):
        begin(paper, str(pretrained), data=data, answered=3)
    bundle, _ = begin(paper, str(pretrained), data=data, held_out=held_out, answered=3)
    assert bundle.answers == ("cat", "2")  # of pictures 0, 3, 6 and 1, 4, 7


def test_an_answer_that_normalises_to_nothing_is_a_class_as_published(root, pretrained, tmp_path):
    """Five times "a" and four times "the" make nine questions of one answer, the empty one."""
    paper = small(PAPER["vilt-b32-vqav2"](sizes=SIZES))
    data = vqav2.read(root / "vqav2", split="train")
    one = data.examples[0]
    said = ["a"] * 5 + ["the"] * 4 + ["Yes"] * 9
    examples = tuple(
        replace(one, answers=(word,) * 6 + ("An",) * 4, majority=word, id=str(at))
        for at, word in enumerate(said)
    )
    data = replace(data, examples=examples)
    bundle, account = begin(paper, str(pretrained), data=data)
    assert bundle.answers == ("", "yes")
    assert "Answers: 2, as they first appear." in account
    assert "Answers that are new: 2 (“”, yes)." in account
    run((paper, {paper.kind: data}, bundle), tmp_path)
    kept = load_folder(tmp_path / "model")
    assert kept.answers == ("", "yes")
    found = vqa_accuracy(kept, on=data)
    assert found["answerable"] == 1.0
    assert found["accuracy"] > 0
    answered = Predictor(kept).answer(paint(scene(3, 0), 64).pixels, "what is it?")
    assert {one.text for one in answered} == {"", "yes"}


@pytest.mark.parametrize("name", sorted(PAPER))
def test_every_recipe_runs_and_teaches_its_heads_alone(name, start, tmp_path):
    begun = start(name)
    before = values(begun[2].model)
    records = run(begun, tmp_path)
    heads, losses = LEARNED[name]
    assert [record.step for record in records] == [1, 2]
    assert all(set(record.losses) == losses for record in records)
    assert all(math.isfinite(loss) for record in records for loss in record.losses.values())
    assert not any(record.broken for record in records)
    after = values(begun[2].model)
    moved = {key.split(".")[0] for key in after if not torch.equal(before[key], after[key])}
    assert {head for head in HEADS if head in moved} == heads
    assert {"text_embedding", "patch_embedding", "encoder", "pooler"} <= moved
    again = load_folder(tmp_path / "model")
    assert again.model.config == begun[2].model.config
    assert again.answers == begun[2].answers


def test_masked_patches_are_predicted_where_that_is_asked_for(start, tmp_path):
    """The 2021 code stops here: its mask token is defined nowhere."""
    begun = start("vilt-b32-pretrain", patch_masking=True)
    before = values(begun[2].model)
    [first, _] = run(begun, tmp_path)
    assert first.losses["mpp"] == pytest.approx(math.log(256), rel=0.1)
    after = values(begun[2].model)
    for name in ("patch_embedding.mask_token", "mpp.decoder.weight"):
        assert not torch.equal(before[name], after[name])


def test_pretraining_joins_all_four_sets_and_starts_as_the_vit(start, vit):
    _, data, bundle = start("vilt-b32-pretrain")
    assert data["captions"].name == "coco+visual genome+conceptual+sbu"
    regions = sum(len({said(index, which) for which in range(2)}) for index in range(PICTURES))
    captions = [text for one in data["captions"].examples for text in one.captions]
    assert len(captions) == 2 * 6 + regions + 2 * PICTURES
    projection = load_file(vit / "model.safetensors")["patch_embed.proj.weight"]
    assert torch.equal(bundle.model.patch_embedding.projection.weight, projection)


def test_a_shard_cut_short_is_told_before_the_training(root, vit, tmp_path):
    write_shards(tmp_path / "sbu")
    shard = tmp_path / "sbu" / "00000.tar"
    shard.write_bytes(shard.read_bytes()[:6000])
    paper = PAPER["vilt-b32-pretrain"](sizes=SIZES)
    data = read_data(paper, [root / "conceptual", tmp_path / "sbu"])
    _, account = begin(paper, str(vit), data=data)
    assert account[0].startswith("Missing: sbu: 00000.tar is")
    assert account[-1] == f"Pre-training starts from the ViT {vit}."


def test_retrieval_starts_as_matching(start):
    _, _, bundle = start("vilt-b32-coco")
    itm, rank = bundle.model.itm, bundle.model.rank
    assert itm is not None
    assert rank is not None
    assert torch.equal(rank.dense.weight[0], itm.dense.weight[1])


def test_answers_are_normalised_and_those_of_trainval(start):
    _, data, bundle = start("vilt-b32-vqav2")
    assert data["questions"].split == "trainval"
    assert set(bundle.answers) == {"cat", "2", "yes"}


@pytest.mark.parametrize("name", sorted(set(PAPER) - {"vilt-b32-pretrain"}))
def test_dropout_is_the_recipes_whatever_the_start_had(name, root, pretrained, tmp_path):
    """Checkpoints on the hub have none: they are for answers."""
    bundle = load_folder(pretrained)
    set_dropout(bundle.vilt, 0.0)
    save_folder(bundle, tmp_path)
    paper = small(PAPER[name](sizes=SIZES))
    data = read_data(paper, [root / each for each in FOLDERS[name]])
    told = []
    for start in (tmp_path, pretrained):
        found, account = begin(paper, str(start), data=data, answered=1)
        drops = {one.p for one in found.model.modules() if isinstance(one, torch.nn.Dropout)}
        assert drops == {found.model.config.dropout} == {0.1}
        told.append([line for line in account if line.startswith("Dropout: ")])
    assert told == [["Dropout: 0.1, as published; 0 in what is begun with."], []]


@pytest.mark.parametrize("name", sorted(set(PAPER) - {"vilt-b32-pretrain"}))
def test_finetuning_reads_every_patch(start, name):
    _, _, bundle = start(name)
    assert bundle.model.config.max_patches == 4 * 6  # of pictures of 64 x 96


def test_accumulation_leaves_the_schedule_alone(start, tmp_path):
    """The 2021 code divides the steps of the schedule by the parts of a batch."""
    rates = []
    for parts in (1, 4):
        settings = replace(QUIET, accumulate=parts)
        records = run(start("vilt-b32-vqav2"), tmp_path / str(parts), settings)
        rates.append([(record.step, record.learning_rate) for record in records])
    assert rates[0] == rates[1]


def test_the_command_counts_as_many_steps_however_a_batch_is_accumulated(
    pretrained, tmp_path, monkeypatch, capsys
):
    """Ten times 128 statements in batches of 128, planned and begun."""
    write(tmp_path / "0.jpg", picture(0))
    line = json.dumps({"images": ["0.jpg"] * 2, "statement": "a cat", "label": True})
    (tmp_path / "train.jsonl").write_text("\n".join([line] * 128))
    begun = []
    monkeypatch.setattr(monitor, "train_and_watch", lambda recipe, *_, **__: begun.append(recipe))
    for parts in (1, 2, 4):
        machine = Machine(device="cpu", accumulate=parts)
        what = {"recipe": "vilt-b32-nlvr2", "data": (tmp_path,), "machine": machine}
        Train(**what, planning=Planning(plan=True)).run()
        assert "vilt-b32-nlvr2: 10 steps of 128 examples, 10.0 epochs" in capsys.readouterr().out
        Train(**what, start=str(pretrained), to=tmp_path / "run").run()
    assert [recipe.stages[0].steps for recipe in begun] == [10, 10, 10]
    assert begun[0] == begun[1] == begun[2]


def test_the_command_looks_for_pictures_before_its_first_step(pretrained, tmp_path, monkeypatch):
    """One that is missing is told, and too many are refused; a plan needs none."""
    write(tmp_path / "0.jpg", picture(0))
    line = {"images": ["0.jpg", "1.jpg"], "statement": "a cat", "label": True}
    lines = [line | {"images": ["0.jpg", f"{at}.jpg"]} for at in range(1, 31)]
    begun = []
    monkeypatch.setattr(monitor, "train_and_watch", lambda *_, **what: begun.append(what))
    what = {"recipe": "vilt-b32-nlvr2", "data": (tmp_path,), "to": tmp_path / "run"}
    what["machine"] = Machine(device="cpu")
    (tmp_path / "train.jsonl").write_text(json.dumps(line))
    Train(**what, start=str(pretrained)).run()
    assert "1 of 2 training pictures of" in " ".join(begun[0]["account"])
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ValueError, match=r"30 of 31 training pictures of .* are not there"):
        Train(**what).run()
    Train(**what, planning=Planning(plan=True)).run()


@pytest.mark.parametrize("name", ["vilt-b32-coco", "vilt-b32-flickr30k"])
def test_no_picture_of_another_split_is_opened(name, start, tmp_path, monkeypatch):
    """The 2021 code chooses the model by the test split. Here the last step is the model."""
    opened = set()

    def note(image: ImageFile) -> Image.Image:
        opened.add(image.path)
        return Image.open(image.path).convert("RGB")

    begun = start(name)
    monkeypatch.setattr(ImageFile, "open", note)
    run(begun, tmp_path)
    assert opened
    for path in opened:
        assert path.read_bytes() != b"nobody opens this"


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_what_is_watched_is_neither_learned_nor_the_test_split(name, root):
    paper, folders = PAPER[name](), [root / each for each in FOLDERS[name]]
    held_out = read_held_out(paper, folders)
    if paper.task is None:
        assert held_out is None
        return
    learned = read_data(paper, folders)
    test = (
        open_data(folders[0], split="test", kind=paper.kind) if name != "vilt-b32-vqav2" else None
    )
    pictures = [
        {image for one in each.examples for image in getattr(one, "images", None) or (one.image,)}
        for each in (held_out, learned, test)
        if each is not None
    ]
    assert all(pictures)
    assert pictures[0].isdisjoint(set().union(*pictures[1:]))
    assert held_out.split == ("rest_val" if test is None else "val")


def test_of_several_folders_what_they_hold_out_is_joined_and_of_none_nothing(root, tmp_path):
    paper = PAPER["vilt-b32-nlvr2"]()
    once = read_held_out(paper, [root / "nlvr2"])
    twice = read_held_out(paper, [root / "nlvr2", root / "nlvr2", root / "coco"])
    assert len(twice.examples) == 2 * len(once.examples) == PICTURES
    write_nlvr2(tmp_path)
    (tmp_path / "data" / "dev.json").unlink()
    assert read_held_out(paper, [tmp_path]) is None


def watched(monkeypatch, capsys, *, recipe: str, root: Path, start: Path, to: Path, every: int = 1):
    """Train by the command, a look after so many steps; what it says."""
    monkeypatch.setattr(finetuning, "look_every", lambda *_, **__: every)
    monkeypatch.setitem(PAPER, recipe, lambda *, original=PAPER[recipe], **_: small(original()))
    data = (root / FOLDERS[recipe][0],)
    machine = Machine(device="cpu", precision="float32")
    Train(recipe=recipe, data=data, start=str(start), to=to, machine=machine).run()
    told = capsys.readouterr()
    [curves] = (to / "tensorboard").iterdir()
    return told.out + told.err, curves.read_bytes()


def test_a_finetuning_is_scored_on_val_on_its_way(root, pretrained, tmp_path, monkeypatch, capsys):
    asked = []

    def noted(bundle, *, task, on, limit, blind):
        assert blind.source == "nlvr2:train"
        asked.append((task, on.split, limit, bundle.model.training))
        return scores(bundle, task=task, on=on, limit=limit, blind=blind)

    monkeypatch.setattr(finetuning, "scores", noted)
    said, curves = watched(
        monkeypatch, capsys, recipe="vilt-b32-nlvr2", root=root, start=pretrained, to=tmp_path
    )
    assert asked == [("nlvr2", "val", finetuning.WATCHED["nlvr2"], True)] * 2
    for at in (1, 2):
        assert f"after {at} steps: accuracy " in said
    for name in (b"accuracy", b"consistency", b"text_only"):
        assert name in curves


def test_what_cannot_be_scored_is_told_and_ends_no_run(
    root, pretrained, tmp_path, monkeypatch, capsys
):
    said, _ = watched(
        monkeypatch, capsys, recipe="vilt-b32-coco", root=root, start=pretrained, to=tmp_path
    )
    for at in (1, 2):
        assert f"after {at} steps: not scored: " in said
    assert load_folder(tmp_path / "model").model.rank is not None


def test_looking_changes_nothing_of_what_is_learned(
    root, pretrained, tmp_path, monkeypatch, capsys
):
    found = []
    for every in (1, 2):
        to = tmp_path / str(every)
        with monkeypatch.context() as patch:
            watched(
                patch,
                capsys,
                recipe="vilt-b32-nlvr2",
                root=root,
                start=pretrained,
                to=to,
                every=every,
            )
        found.append(values(load_folder(to / "model").model))
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


def test_what_is_missing_is_told(root):
    paper = PAPER["vilt-b32-vqav2"]()
    with pytest.raises(ValueError, match=r"vilt-b32-vqav2 needs --data FOLDER with questions"):
        read_data(paper, [])
    with pytest.raises(ValueError, match=r"expected questions in .*, found captions"):
        read_data(paper, [root / "coco"])


def test_the_command_trains_what_was_pretrained(root, pretrained, tmp_path, capsys):
    Train(
        recipe="vilt-b32-nlvr2",
        data=(root / "nlvr2",),
        start=str(pretrained),
        to=tmp_path,
        machine=Machine(device="cpu", accumulate=2),
    ).run()
    assert "Head of pairs: made anew" in capsys.readouterr().out
    assert load_folder(tmp_path / "model").model.nlvr2 is not None
    [line] = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(line)["steps"] == 1  # ten epochs of four statements, in batches of 128


def test_the_command_plans_with_data_and_without(root, capsys):
    for data, known in (((), "NLVR2 as published: 86,373"), ((root / "nlvr2",), "nlvr2, train: 4")):
        Train(recipe="vilt-b32-nlvr2", data=data, planning=Planning(plan=True, devices=4)).run()
        shown = capsys.readouterr().out
        assert f"{known} examples" in shown
        assert "4 x A100 at 40% of 312 TFLOP/s (assumed" in shown


def test_a_plan_names_what_is_missing_of_the_data(root, capsys):
    (root / "alone").mkdir()
    listed = (root / "flickr30k" / "dataset_flickr30k.json").read_bytes()
    write(root / "alone" / "dataset_flickr30k.json", listed)
    planning = Planning(plan=True)
    Train(recipe="vilt-b32-flickr30k", data=(root / "alone",), planning=planning).run()
    shown = capsys.readouterr().out
    assert "flickr30k, train: 12 examples" in shown
    assert f"missing  the folder of pictures {root / 'alone' / 'flickr30k-images'}" in shown


def test_a_plan_counts_with_published_sizes_before_the_data_are_there(tmp_path, capsys):
    data = (tmp_path / "COCO",)
    Train(recipe="vilt-b32-coco", data=data, planning=Planning(plan=True)).run()
    shown = capsys.readouterr().out
    assert "COCO as published: 566,747 examples" in shown
    assert f"missing  expected a folder at {tmp_path / 'COCO'}, found none" in shown


def test_of_several_processes_one_tells_the_plan(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    Train(recipe="vilt-b32-coco", planning=Planning(plan=True)).run()
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (Train(recipe="vilt-b32-coco"), "vilt-b32-coco needs --data FOLDER with captions"),
        (
            Train(recipe="vilt-b32-coco", steps=5),
            "--steps, --mpp and --mixgen are for pre-training",
        ),
        (Train(planning=Planning(plan=True)), "vilt-mini draws its own data"),
        (Train(planning=Planning(devices=8)), "vilt-mini draws its own data"),
        (
            Train(recipe="vilt-b32-coco", planning=Planning(devices=8)),
            "--devices, .* are of a --plan: `accelerate launch` and torchrun start a training on",
        ),
        (
            Train(
                recipe="vilt-b32-coco",
                planning=Planning(plan=True),
                machine=Machine(precision="float32"),
            ),
            "a plan counts in half precision: leave --precision float32 out",
        ),
    ],
)
def test_a_mistaken_command_is_told(command, complaint):
    with pytest.raises(ValueError, match=complaint):
        command.run()


_DIGEST = """
import hashlib, sys
from pathlib import Path
from vilt_core.data.image import Processing
from vilt_core.data.text import Tokenizer
from vilt_core.training.begin import read_data
from vilt_core.training.examples import ExampleRows, Reading
from vilt_core.training.paper import PAPER
root, words = map(Path, sys.argv[1:])
paper = PAPER["vilt-b32-pretrain"]()
data = read_data(paper, [root / "coco", root / "vg", root / "sbu"])
reading = Reading(
    tokenizer=Tokenizer.from_file(words),
    processing=Processing(size=64, patch_size=16),
    patch_size=16,
    max_patches=10,
)
found = hashlib.sha256()
rows = ExampleRows(paper.stage, data={"captions": data}, reading=reading, seed=0)
for row in rows.rows(0, range(40)):
    for value in (row.pixels, row.texts[0], row.masked, row.kept):
        found.update(value.numpy().tobytes())
    found.update(str(row.matched).encode())
print(found.hexdigest())
"""


def test_the_order_does_not_depend_on_the_hash_seed(root, vit):
    """The 2021 code puts captions through a set, so that each process has an order of its own."""
    command = [sys.executable, "-c", _DIGEST, str(root), str(vit / "tokenizer.json")]
    path = str(Path(__file__).parents[2])
    running = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        for seed in ("1", "2")
    ]
    found = [process.communicate(timeout=120)[0].strip() for process in running]
    assert found[0] == found[1]
    assert len(found[0]) == 2 * hashlib.sha256().digest_size
