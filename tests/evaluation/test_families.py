"""What is said of each model is true of the model that is built, and measuring can be stopped."""

import json
import math
import re
from pathlib import Path

import pytest
import torch

from vilt_core.config.detector import bottom_up_r101
from vilt_core.evaluation.cost import count_flops
from vilt_core.evaluation.families import (
    families,
    family_cost,
    family_costs,
    family_json,
    random_model,
)
from vilt_core.evaluation.papers import FACTS, KINDS, SEES, TABLE_6
from vilt_core.layers.cnn import GridCnn
from vilt_core.layers.detector import Detector
from vilt_core.models import MODELS, build


def test_every_model_is_known_and_they_come_in_the_order_of_figure_2():
    assert set(families()) == set(MODELS)
    kinds = [FACTS[name].kind for name in families()]
    assert kinds == sorted(kinds)
    assert families()[-1] == "vilt"


def test_table_6_is_quoted_exactly():
    assert len(TABLE_6) == 11
    row = TABLE_6["ViLT-B/32"]
    assert (row.tokens, row.parameters, row.gflops, row.milliseconds) == (
        "200 + 40",
        87.4,
        55.9,
        15,
    )
    assert TABLE_6["ViLBERT"].table_2 == 920
    assert TABLE_6["Pixel-BERT-R50"].tokens == "260 + ?"
    assert min(TABLE_6, key=lambda name: TABLE_6[name].gflops) == "ViLT-B/32"
    assert set(SEES) <= set(TABLE_6)


@pytest.mark.parametrize("name", FACTS)
def test_facts_are_whole(name):
    facts = FACTS[name]
    assert facts.kind in KINDS
    assert facts.differs.endswith(".")
    assert "2017" <= facts.date[:4] <= "2021"
    assert facts.row is None or facts.row.arxiv == facts.arxiv
    assert facts.sees != "regions" or facts.regions > 0


@pytest.mark.parametrize("name", families())
def test_a_small_model_is_measured_and_every_parameter_has_one_place(name):
    found = family_cost(name, size="mini", runs=1)
    model = build(name, size="mini")
    held = found.cost.total.parameters + sum(head.parameters for head in found.cost.heads)
    every = model.named_parameters(remove_duplicate=False)  # tied ones lie in both of their places
    assert held == sum(parameter.numel() for _, parameter in every)
    assert 0 < found.counted.parameters < found.cost.total.parameters
    assert found.counted.milliseconds == found.cost.total.milliseconds > 0
    described = family_json(found)
    assert json.loads(json.dumps(described)) == json.loads(json.dumps(described, allow_nan=False))
    assert all(math.isfinite(part["milliseconds"]) for part in described["components"])


@pytest.mark.parametrize("name", ["vilbert", "uniter", "pixelbert-r50", "pixelbert-x152"])
def test_what_is_said_of_flops_is_what_was_counted(name):
    """By two a multiplication and addition, and by one."""
    measured = json.loads((Path(__file__).parents[2] / "assets/families.json").read_text())[
        "families"
    ]
    flops = next(one["counted"]["flops"] for one in measured if one["name"] == name)
    row = FACTS[name].row
    assert row is not None
    for gigas in (f"{flops / 1e9:,.0f}", f"{flops / 2e9:,.0f}", f"{row.gflops:g}"):
        assert gigas in FACTS[name].differs


def test_most_flops_of_a_detector_are_its_last_stage_on_every_box():
    config = bottom_up_r101()
    with torch.device("meta"):
        detector = Detector(**config.numbers()).eval()
        grid = torch.empty(config.proposals, 1024, config.cells, config.cells)
    with torch.no_grad():
        counted = count_flops(lambda: detector.roi_heads.box_head(grid))
    squeezed, widened, looked = 1024 * 512, 512 * 2048, 9 * 512 * 512
    again = 2048 * 512 + looked + widened
    cell = squeezed + looked + widened + 1024 * 2048 + 2 * again
    assert counted == 2 * 300 * 14 * 14 * cell
    assert round(counted / 1e9) == 1757
    assert all("takes 1,757" in FACTS[name].differs for name in ("vilbert", "uniter"))


def test_a_detector_that_learned_nothing_tells_as_many_regions_as_the_paper_counts():
    assert random_model("uniter", size="mini").image_detector.fewest == 36


def test_nobody_is_measured_before_it_is_asked_for():
    told = []
    steps = family_costs(
        ["clip", "vilt"], size="mini", runs=1, progress=lambda *now: told.append(now)
    )
    assert told == []
    assert next(steps).name == "clip"
    assert told == [("CLIP ViT-B/32", 0, 2)]
    steps.close()
    assert len(told) == 1


def test_the_end_is_told():
    told = []
    list(family_costs(["clip"], size="mini", runs=1, progress=lambda *now: told.append(now)))
    assert told[-1] == ("", 1, 1)


def test_an_unknown_model_is_one_sentence():
    with pytest.raises(ValueError, match=r"must be some of .*vilt, got \['bert'\]"):
        next(family_costs(["bert"]))


def counted(name: str) -> float:
    """Millions of parameters of a published preset, as the paper's Table 6 counts them."""
    with torch.device("meta"):
        model = build(name)
    heads = {"itm", "mlm", "region_class", "region_features"}
    held = {
        parameter
        for part, child in model.named_children()
        if part not in heads
        for parameter in child.parameters()
    }
    looked_up = {
        module.weight
        for part, child in model.named_children()
        if part.startswith("text_")
        for module in child.modules()
        if isinstance(module, torch.nn.Embedding)
    }
    return sum(parameter.numel() for parameter in held - looked_up) / 1e6


@pytest.mark.parametrize("name", ["vilbert", "pixelbert-x152", "vilt"])
def test_published_models_hold_what_the_paper_counts_within_a_percent(name):
    assert counted(name) == pytest.approx(FACTS[name].row.parameters, rel=0.01)


@pytest.mark.parametrize(
    "name", [name for name, facts in FACTS.items() if facts.row is not None and name in families()]
)
def test_the_page_tells_what_is_counted_beside_what_the_paper_counts(name):
    page = (Path(__file__).parents[2] / "docs/families.md").read_text(encoding="utf-8")
    section = " ".join(page.split("## Against the paper's Table 6")[1].split())
    told = rf"{counted(name):.1f}( million)? \({FACTS[name].row.parameters}\b"
    assert re.search(told, section)


def test_uniter_holds_what_the_paper_counts_with_two_layers_that_it_never_asks():
    # Bottom-up attention's head for attributes, which training the detector needs ...
    attributes = 1601 * 256 + (2048 + 256) * 512 + 512 + 512 * 401 + 401
    imagenet = 2048 * 1000 + 1000  # ... and ResNet-101's own classifier: "R101 44M" in Table 7
    whole = counted("uniter") + (attributes + imagenet) / 1e6
    assert whole == pytest.approx(FACTS["uniter"].row.parameters, rel=0.001)


def test_pixel_bert_of_the_table_is_one_whose_resnet_50_lacks_its_last_stage():
    with torch.device("meta"):
        stages = next(m for m in build("pixelbert-r50").modules() if isinstance(m, GridCnn)).stages
        last = sum(parameter.numel() for parameter in stages[-1].parameters()) / 1e6
    narrower = 1024 * 768 / 1e6  # the linear map reads half as many numbers then
    whole = counted("pixelbert-r50")
    assert whole - last - narrower == pytest.approx(
        FACTS["pixelbert-r50"].row.parameters, rel=0.002
    )
