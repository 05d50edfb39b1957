"""Checkpoints of the original code: renamed as its own converter does, or refused in a sentence."""

import contextlib
import json
import os
import re
import runpy
import shutil
import sys
from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from types import ModuleType

import numpy as np
import pytest
import torch
from judges import refusal_of, same

from vilt_core.config import ViltConfig, vilt_b32
from vilt_core.data.text import Tokenizer
from vilt_core.interop import from_huggingface, from_original, to_huggingface
from vilt_core.interop.original import load_original
from vilt_core.interop.renames import NEVER_USED, TABLE, outwards
from vilt_core.interop.weights import read_safetensors, without_values
from vilt_core.models.vilt import Vilt

SHAPES = Path(__file__).parents[2].parent / "shared" / "golden" / "hf_vilt_b32_state_shapes.json"

# What the five published files hold, by the heads that their recipes build.
FILES = {
    "vilt_200k_mlm_itm": {"tasks": ("itm", "mlm")},
    "vilt_vqa": {"tasks": (), "answers": 5},
    "vilt_nlvr2": {"tasks": ("nlvr2",), "modality_types": 3},
    "vilt_irtr_coco": {"tasks": ("itm", "rank")},
    "vilt_irtr_f30k": {"tasks": ("itm", "rank")},
}


def original_names(theirs):
    """transformers' parameters as the original's: its converter's renames, backwards, by hand."""
    state = {name.removeprefix("vilt."): value for name, value in theirs.items()}
    renamed = {}
    for name in list(state):
        if ".attention.attention." in name:
            continue
        new = name
        for pattern, original in (
            (r"^embeddings\.text_embeddings\.", "text_embeddings."),
            (r"^embeddings\.token_type_embeddings\.", "token_type_embeddings."),
            (r"^embeddings\.cls_token$", "transformer.cls_token"),
            (r"^embeddings\.position_embeddings$", "transformer.pos_embed"),
            (r"^embeddings\.patch_embeddings\.projection\.", "transformer.patch_embed.proj."),
            (r"^encoder\.layer\.(\d+)\.layernorm_before\.", r"transformer.blocks.\1.norm1."),
            (r"^encoder\.layer\.(\d+)\.layernorm_after\.", r"transformer.blocks.\1.norm2."),
            (
                r"^encoder\.layer\.(\d+)\.attention\.output\.dense\.",
                r"transformer.blocks.\1.attn.proj.",
            ),
            (r"^encoder\.layer\.(\d+)\.intermediate\.dense\.", r"transformer.blocks.\1.mlp.fc1."),
            (r"^encoder\.layer\.(\d+)\.output\.dense\.", r"transformer.blocks.\1.mlp.fc2."),
            (r"^layernorm\.", "transformer.norm."),
            (r"^mlm_score\.decoder\.bias$", "mlm_score.bias"),
        ):
            new = re.sub(pattern, original, new)
        if name.startswith("classifier."):
            wide = state["classifier.0.weight"].shape[1] == 2 * len(state["layernorm.weight"])
            new = f"{'nlvr2' if wide else 'vqa'}_{name}"
        renamed[new] = state[name]
    blocks = {name.split(".")[2] for name in state if name.startswith("encoder.layer.")}
    for i in blocks:
        for kind in ("weight", "bias"):
            parts = [
                state[f"encoder.layer.{i}.attention.attention.{part}.{kind}"]
                for part in ("query", "key", "value")
            ]
            renamed[f"transformer.blocks.{i}.attn.qkv.{kind}"] = torch.cat(parts)
    return renamed


def checkpoint(**settings):
    """A small model away from its start, and its parameters by the original's names."""
    config = ViltConfig(
        **{
            "vocab_size": 60,
            "width": 128,
            "depth": 2,
            "heads": 2,
            "image_size": 32,
            "patch_size": 8,
            "max_text_tokens": 20,
        }
        | settings
    )
    torch.manual_seed(0)
    model = Vilt(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model, outwards(model.state_dict(), names="original", depth=config.depth)


def written(path, state, **beside):
    torch.save({"state_dict": state, "epoch": 9, **beside}, path)
    return path


def refusal(path, read=from_original):
    sentence = refusal_of(read, path)
    assert path.name in sentence
    return sentence


@pytest.mark.parametrize("name", FILES)
def test_every_published_file(name, tmp_path):
    model, state = checkpoint(**FILES[name])
    found = from_original(written(tmp_path / f"{name}.ckpt", state))
    assert found.config == model.config
    assert (found.config.norm_eps, found.config.text_norm_eps) == (1e-6, 1e-12)
    assert same(model, found)
    assert not found.training


def test_settings_come_from_where_lightning_kept_them(tmp_path):
    model, state = checkpoint(heads=8, dropout=0.3, tasks=("itm", "mlm"))
    settings = {"config": {"num_heads": 8, "drop_rate": 0.3, "loss_names": {"itm": 1}}}
    path = written(tmp_path / "a.ckpt", state, hyper_parameters=settings)
    assert from_original(path).config == model.config


def test_what_is_never_used_is_passed_over(tmp_path):
    model, state = checkpoint(tasks=("itm", "mlm"))
    state |= {name: torch.zeros(2) for name in NEVER_USED}
    assert same(model, from_original(written(tmp_path / "a.ckpt", state)))


def test_half_precision_and_the_bare_state_dict(tmp_path):
    model, state = checkpoint(tasks=("mlm",))
    torch.save({name: value.half() for name, value in state.items()}, tmp_path / "a.pt")
    found = from_original(tmp_path / "a.pt").state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(found[name], value.half().float())


class Callback(dict):
    """Stands for a class of a package that is not installed."""


def test_objects_of_lightning_are_passed_over(tmp_path, monkeypatch):
    module = ModuleType("pytorch_lightning")
    module.Callback = Callback
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Callback, "__module__", module.__name__)
    odd = Callback(num_heads=4)
    odd.mode = "max"
    model, state = checkpoint(tasks=("mlm",), heads=4)
    path = written(
        tmp_path / "a.ckpt", state, callbacks={Callback: {"best": 0.7}}, hyper_parameters=odd
    )
    monkeypatch.delitem(sys.modules, module.__name__)
    assert same(model, from_original(path))
    assert from_original(path).config.heads == 4


class Settings(dict):
    """A dictionary that is pickled as sacred's read-only ones are: made from a plain one."""

    def __reduce__(self):
        return type(self), (dict(self),)


class Values(list):
    """A list of a class of its own, pickled by what is appended to it."""


class Record:
    """An object with a state that is no dictionary."""

    __slots__ = ("note",)


class Weights(OrderedDict):
    """A state dict of a class of its own."""


def objects():
    """What is found in checkpoints beside the parameters."""
    counts = defaultdict(list, best=[0.7])
    values, record = Values([1, Values(["a"])]), Record()
    record.note = "a note"
    return {
        "best_model_score": np.float64(0.5),
        "steps": np.int64(3),
        "curve": np.linspace(0, 1, 5),
        "callbacks": {Record: record, "counts": counts, "values": values, "empty": Values()},
        "when": datetime(2021, 6, 1),
        "place": PurePosixPath("/result"),
        "heads": frozenset({"itm"}),
        "steps_done": range(3),
        "hyper_parameters": Settings(config=Settings(num_heads=4, drop_rate=0.3, losses=values)),
    }


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "as before PyTorch 1.6"])
def test_objects_beside_the_parameters_do_not_matter(tmp_path, archive, monkeypatch):
    module = ModuleType("gone")
    model, state = checkpoint(tasks=("mlm",), heads=4, dropout=0.3)
    for kind in (Settings, Values, Record, Weights):
        setattr(module, kind.__name__, kind)
        monkeypatch.setattr(kind, "__module__", module.__name__)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        content = {"state_dict": Weights(state), "epoch": 9, **objects()}
        torch.save(content, tmp_path / "a.ckpt", _use_new_zipfile_serialization=archive)
    found = from_original(tmp_path / "a.ckpt")
    assert same(model, found)
    assert found.config == model.config


def test_threads_read_at_the_same_time(tmp_path):
    """Each with stand-ins of its own under the same names."""
    model, state = checkpoint(tasks=("mlm",))
    for at in range(4):
        steps = {str(step): datetime(2021, 6, 1 + step % 28) for step in range(3000)}
        written(tmp_path / f"{at}.ckpt", state, steps=steps)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(from_original, sorted(tmp_path.iterdir())))
    assert all(same(model, other) for other in found)


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


class Fuse:
    """Explodes where it is given a state, appended to, or called."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return *self.made, {"state": 1}, iter([Bomb()]), iter([("key", Bomb())])


@pytest.mark.parametrize("archive", [True, False])
def test_code_is_never_run(tmp_path, monkeypatch, archive):
    monkeypatch.chdir(tmp_path)
    _, state = checkpoint()
    torch.save(
        {"state_dict": state, "callbacks": Bomb()},
        tmp_path / "a.ckpt",
        _use_new_zipfile_serialization=archive,
    )
    assert "never run" in refusal(tmp_path / "a.ckpt")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize(
    "spark",
    [
        Fuse(exec, "import os; os.mkdir('exploded')"),
        Fuse(Path.mkdir, Path("exploded")),
        Fuse(shutil.copytree, ".", "exploded"),
        Fuse(runpy.run_path, "spark.py"),
    ],
    ids=["exec", "mkdir", "copytree", "run_path"],
)
def test_what_would_run_code_stands_for_nothing(tmp_path, monkeypatch, archive, spark):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spark.py").write_text("import os; os.mkdir('exploded')")
    model, state = checkpoint()
    torch.save(
        {"before": spark, "state_dict": state, "after": {spark.made[0]: spark}},
        tmp_path / "a.ckpt",
        _use_new_zipfile_serialization=archive,
    )
    with contextlib.suppress(ValueError):  # refused or passed over, but not run
        assert same(model, from_original(tmp_path / "a.ckpt"))
    assert not (tmp_path / "exploded").exists()


def test_a_state_dict_whose_parameters_are_no_tensors(tmp_path):
    _, state = checkpoint()
    state["pooler.dense.bias"] = np.zeros(128)
    assert "is it a checkpoint of ViLT?" in refusal(written(tmp_path / "a.ckpt", state))


def test_a_checkpoint_may_be_overwritten_afterwards(tmp_path):
    _, state = checkpoint()
    path = written(tmp_path / "a.ckpt", state)
    model = from_original(path)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    path.write_bytes(b"\xff" * 10_000)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("transformer.norm.bias"), "missing ['transformer.norm.bias']"),
        (lambda state: state.update(stray=torch.zeros(2)), "left over ['stray']"),
        (lambda state: state.pop("transformer.pos_embed"), "lacks transformer.pos_embed"),
        (
            lambda state: state.update({"pooler.dense.bias": torch.zeros(3)}),
            "pooler.dense.bias has shape (3,), expected (128,)",
        ),
        (lambda state: state["mlm_score.bias"].fill_(torch.nan), "mlm_score.bias holds values"),
        (
            lambda state: state.update({"transformer.pos_embed": torch.zeros(1, 19, 128)}),
            "transformer.pos_embed has shape (1, 19, 128), expected (1, 17, 128)",
        ),
        (
            lambda state: state.update({"transformer.pos_embed": torch.zeros(17, 128)}),
            "transformer.pos_embed must have 3 axes",
        ),
        (
            lambda state: state.pop("transformer.blocks.1.attn.qkv.bias"),
            "missing ['transformer.blocks.1.attn.qkv.bias']",
        ),
        (
            lambda state: state.update({"transformer.blocks.300000.norm1.bias": torch.zeros(128)}),
            "has a block 300000, but not all of those before it",
        ),
        (
            lambda state: state.update({"transformer.pos_embed": torch.zeros(1, 1, 128)}),
            "transformer.pos_embed has shape (1, 1, 128), expected (1, 2, 128)",
        ),
        (lambda state: state.update({3: torch.zeros(1)}), "is it a checkpoint of ViLT?"),
    ],
)
def test_files_that_do_not_fit(tmp_path, change, said):
    _, state = checkpoint()
    change(state)
    assert said in refusal(written(tmp_path / "a.ckpt", state))


def test_files_that_are_something_else(tmp_path):
    path = tmp_path / "a.ckpt"
    assert "expected weights" in refusal(path)
    path.write_bytes(bytes(range(256)) * 8)
    assert "damaged" in refusal(path)
    torch.save([1, 2], path)
    assert "is it a checkpoint of ViLT?" in refusal(path)
    torch.save({"state_dict": {"weight": torch.zeros(2)}}, path)
    assert "is no checkpoint of ViLT: it lacks text_embeddings" in refusal(path)
    _, state = checkpoint()
    written(path, state)
    path.write_bytes(path.read_bytes()[:-2000])
    assert "damaged" in refusal(path)


def test_a_bundle_has_its_words_and_answers_from_beside(tmp_path):
    _, state = checkpoint(tasks=(), answers=3)
    path = written(tmp_path / "vilt_vqa.ckpt", state)
    tokenizer = Tokenizer.train(["how many cats are there?"], vocab_size=50)
    tokenizer.save(tmp_path / "tokenizer.json")
    sentence = refusal(path.with_name("vqa_dict.json"), lambda _: load_original(path))
    assert "expected the names of 3 answers" in sentence
    named = {"0": "yes", "1": "no", "2": "2"}
    (tmp_path / "vqa_dict.json").write_text(json.dumps(named))
    bundle = load_original(path)
    assert (bundle.name, bundle.domain, bundle.answers) == (
        "vilt_vqa",
        "photographs",
        ("yes", "no", "2"),
    )
    assert bundle.tokenizer.max_tokens == 20
    (tmp_path / "vqa_dict.json").write_text(json.dumps({"0": "yes", "1": "no"}))
    assert "must name the answers 0 to 2" in refusal(
        path.with_name("vqa_dict.json"), lambda _: load_original(path)
    )


def test_the_table_names_every_parameter_once():
    config = replace(
        vilt_b32(answers=3129), tasks=("itm", "mlm", "rank", "nlvr2"), modality_types=3
    )
    state = without_values(config).state_dict()
    for names in ("transformers", "original"):
        renamed = outwards(state, names=names, depth=12, classifier="vqa")
        assert sum(value.numel() for value in renamed.values()) == sum(
            value.numel() for value in state.values()
        )
    assert len({row.ours for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("model", {"tasks": ()}),
        ("mlm", {"tasks": ("mlm",)}),
        ("vqa", {"tasks": (), "answers": 3129}),
        ("itr", {"tasks": ("rank",)}),
        ("nlvr2", {"tasks": ("nlvr2",), "modality_types": 3}),
    ],
)
def test_names_and_shapes_are_those_of_transformers(kind, settings):
    if not SHAPES.is_file():
        pytest.skip("the stored names of transformers are not beside this checkout")
    expected = json.loads(SHAPES.read_text())[kind]["state"]
    classifier = kind if kind in ("vqa", "nlvr2") else None
    state = without_values(replace(vilt_b32(), **settings)).state_dict()
    found = outwards(state, names="transformers", depth=12, classifier=classifier)
    plain = {name.removeprefix("vilt."): list(value.shape) for name, value in found.items()}
    assert plain == {name.removeprefix("vilt."): shape for name, shape in expected.items()}


@pytest.mark.parametrize("name", FILES)
def test_from_the_original_to_transformers(name, tmp_path):
    """What we export, renamed by hand, is the original's checkpoint again."""
    _, state = checkpoint(**FILES[name])
    model = from_original(written(tmp_path / f"{name}.ckpt", state))
    to_huggingface(model, tmp_path / "there")
    back = original_names(read_safetensors(tmp_path / "there" / "model.safetensors"))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)
    assert same(model, from_huggingface(tmp_path / "there"))


@pytest.mark.slow
def test_the_full_size(tmp_path):
    torch.manual_seed(0)
    model = Vilt(vilt_b32(answers=3129)).eval()
    state = outwards(model.state_dict(), names="original", depth=12)
    found = from_original(written(tmp_path / "a.ckpt", state))
    assert found.config == model.config
    assert same(model, found)
