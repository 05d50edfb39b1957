"""The report of a conversion sees what is the same, and what is not."""

import json
import sys
from dataclasses import replace

import pytest
import torch

from vilt_core.__main__ import main
from vilt_core.commands.typed import source_of
from vilt_core.config import ViltConfig
from vilt_core.data.text import Tokenizer
from vilt_core.interop import open_bundle, to_huggingface
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import load_folder, save_folder
from vilt_core.interop.parity import compare, compare_with_transformers, parity_report
from vilt_core.models.vilt import Vilt

ALL = ["embedding", "block 1", "block 2", "block 3", "final norm", "pooled"]
HEADS = ["vqa", "nlvr2", "rank", "mlm", "itm"]


@pytest.fixture
def bundle():
    tokenizer = Tokenizer.train(["how many cats are there?"], vocab_size=50, max_tokens=20)
    config = ViltConfig(
        vocab_size=len(tokenizer),
        width=24,
        depth=3,
        heads=3,
        image_size=32,
        patch_size=8,
        max_text_tokens=20,
        modality_types=3,
        tasks=("itm", "mlm", "rank", "nlvr2"),
        answers=2,
        norm_eps=1e-12,
    )
    torch.manual_seed(0)
    model = Vilt(config).eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return Bundle(name="all", model=model, tokenizer=tokenizer, answers=("yes", "no"))


def changed(bundle, name):
    """The same model, one number of it another."""
    model = Vilt(bundle.model.config).eval()
    model.load_state_dict(bundle.model.state_dict())
    model.get_parameter(name).data.view(-1)[0] += 1
    return model


def test_a_model_equals_itself(bundle):
    rows = compare(bundle.model, bundle.model)
    assert [row.layer for row in rows] == [*ALL, *HEADS]
    assert all(row.difference == 0 for row in rows)
    assert all(row.largest > 0.01 for row in rows)


@pytest.mark.parametrize(
    ("parameter", "first"),
    [
        ("patch_embedding.positions.table", "embedding"),
        ("encoder.blocks.1.mlp.contract.bias", "block 2"),
        ("encoder.norm.bias", "final norm"),
        ("pooler.dense.bias", "pooled"),
        ("rank.dense.bias", "rank"),
        ("itm.dense.weight", "itm"),
        ("fusion.types.weight", "embedding"),
    ],
)
def test_a_change_shows_from_its_layer_on(bundle, parameter, first):
    rows = compare(bundle.model, changed(bundle, parameter))
    assert next(row.layer for row in rows if row.difference) == first


def test_the_second_image_has_a_row_of_its_own(bundle):
    model = Vilt(bundle.model.config).eval()
    model.load_state_dict(bundle.model.state_dict())
    model.fusion.types.weight.data[2] += 1
    assert [row.layer for row in compare(bundle.model, model) if row.difference] == ["nlvr2"]


def test_every_head_against_transformers(bundle, tmp_path):
    pytest.importorskip("transformers", reason="the reference is not installed")
    for settings in ({"answers": 0}, {"tasks": ("itm", "mlm", "rank")}):
        model = Vilt(replace(bundle.model.config, **settings)).eval()
        to_huggingface(model, tmp_path)
        rows = compare_with_transformers(model, tmp_path)
        assert [row.layer for row in rows[:6]] == ALL
        assert [row.layer for row in rows[6:]] == [
            head for head in HEADS[:4] if getattr(model, head)
        ]
        assert all(row.difference <= 1e-5 * max(row.largest, 1) for row in rows)
        wrong = changed(replace(bundle, model=model), "encoder.blocks.2.mlp.contract.bias")
        found = compare_with_transformers(wrong, tmp_path)
        assert next(row.layer for row in found if row.difference > 0.01) == "block 3"


def test_the_callers_random_numbers_are_left_alone(bundle):
    state = torch.get_rng_state()
    compare(bundle.model, bundle.model)
    assert torch.equal(state, torch.get_rng_state())


def test_two_epsilons_are_told(bundle, tmp_path):
    pytest.importorskip("transformers", reason="the reference is not installed")
    model = Vilt(replace(bundle.model.config, norm_eps=1e-6)).eval()
    to_huggingface(replace(bundle, model=model), tmp_path)
    report = parity_report(model, tmp_path, to="huggingface")
    assert "epsilon of 1e-06" in report["notes"][0]
    assert all(row["read back"] == 0 for row in report["rows"])


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["vilt_core", "convert", *map(str, arguments)])
    main()


@pytest.fixture
def source(bundle, tmp_path):
    model = Vilt(replace(bundle.model.config, tasks=("itm", "mlm"), modality_types=2)).eval()
    save_folder(replace(bundle, model=model), tmp_path / "source")
    return tmp_path / "source"


def test_the_command_converts_there_and_back(source, tmp_path, monkeypatch, capsys):
    report, there, back = tmp_path / "report.json", tmp_path / "there", tmp_path / "back"
    run(monkeypatch, source, there, "--to", "huggingface", "--json", report)
    printed = capsys.readouterr().out
    told = json.loads(report.read_text())
    assert [row["layer"] for row in told["rows"]] == [*ALL, "vqa", "mlm", "itm"]
    assert all(row["layer"] in printed for row in told["rows"])
    assert all(row["read back"] == 0 for row in told["rows"])
    run(monkeypatch, there, back, "--to", "lab")
    before, after = (open_bundle(folder).model.state_dict() for folder in (source, back))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (source / "model.safetensors").read_bytes() == (back / "model.safetensors").read_bytes()
    assert (source / "config.json").read_bytes() == (back / "config.json").read_bytes()


@pytest.mark.parametrize(("bits", "bytes_a_weight"), [(8, 1), (16, 2), (32, 4)])
def test_the_command_writes_as_many_bits_as_asked(
    bits, bytes_a_weight, source, tmp_path, monkeypatch, capsys
):
    report = tmp_path / "report.json"
    run(monkeypatch, source, tmp_path / "there", "--to", "lab", "--bits", bits, "--json", report)
    rows = json.loads(report.read_text())["rows"]
    assert all(row["read back"] <= 0.05 * max(row["largest"], 1) for row in rows)
    assert any(row["read back"] > 0 for row in rows) == (bits < 32)
    count = sum(weight.numel() for weight in open_bundle(source).model.parameters())
    written = (tmp_path / "there" / "model.safetensors").stat().st_size
    assert count * bytes_a_weight < written < count * (bytes_a_weight + 1) + 20_000


def test_a_rival_is_written_in_eight_bits_too(tmp_path, monkeypatch, capsys):
    rival, whole = load_folder(source_of("vse-mini")), tmp_path / "whole"
    torch.manual_seed(0)
    for parameter in rival.model.parameters():  # as it ships it has no more than eight
        parameter.data *= 1 + 0.1 * torch.rand_like(parameter)
    save_folder(rival, whole)
    run(monkeypatch, whole, tmp_path / "rounded", "--to", "lab", "--bits", 8)
    printed = capsys.readouterr().out
    assert "the largest difference of any weight" in printed
    # Half a step of 254, and what float32 rounds.
    assert 0 < float(printed.splitlines()[1].split()[0]) < 0.51 / 127
    with pytest.raises(SystemExit):
        run(monkeypatch, whole, tmp_path / "there", "--to", "huggingface")
    assert "this takes a ViLT" in capsys.readouterr().err


def test_the_command_says_what_is_wrong(source, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, source, source, "--to", "lab")
    assert "expected another folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(monkeypatch, source, tmp_path / "there", "--to", "huggingface", "--bits", "8")
    assert "--bits is for --to lab, got 8" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path / "nothing", tmp_path / "there", "--to", "lab")
    assert "expected a folder of this lab" in capsys.readouterr().err
    assert not (tmp_path / "there").exists()
