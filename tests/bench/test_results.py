import json

import pytest
import torch

from vilt_core.bench.results import Row, machine, markdown, result


def row(**changes):
    return Row(
        **{
            "case": "batch 1",
            "ours_ms": 4.0,
            "peer": "another",
            "peer_ms": 1000.0,
            "max_difference": 2e-7,
        }
        | changes
    )


def test_a_row_says_how_many_times_faster():
    assert row().speedup == 250.0
    assert row(ours_ms=2000.0).speedup == 0.5


def test_a_result_has_the_keys_that_were_promised_and_is_json():
    found = result("transport", machine(torch.device("cpu")), [row()], memory={"ours": 1.0})
    assert json.loads(json.dumps(found)) == found
    assert {"bench", "hardware", "rows"} <= set(found)
    assert set(found["rows"][0]) == {
        "case",
        "ours_ms",
        "peer",
        "peer_ms",
        "speedup",
        "max_difference",
    }
    assert found["memory"] == {"ours": 1.0}
    assert f"torch {torch.__version__}" in found["software"]
    assert found["threads"] == torch.get_num_threads()


@pytest.mark.parametrize(("difference", "shown"), [(2e-7, "2.0e-07"), (None, "-")])
def test_a_table_shows_every_number_and_note(difference, shown):
    where = machine(torch.device("cpu"))
    found = result("transport", where, [row(max_difference=difference)], notes=["It rained."])
    text = markdown(found)
    cells = [cell.strip() for cell in text.split("\n\n")[1].splitlines()[-1].split("|")[1:-1]]
    assert cells == ["batch 1", "another", "4", "1,000", "250.00", shown]
    assert text.endswith("It rained.")
    assert found["hardware"] in text
