import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vilt_core.data import visual_genome

LIST_CAPTIONS = """
import sys
from pathlib import Path
from vilt_core.data.visual_genome import read
print([example.captions for example in read(Path(sys.argv[1])).examples])
"""


def write(root, phrases):
    pictures = [
        {"id": number, "regions": [{"phrase": phrase, "image_id": number} for phrase in said]}
        for number, said in phrases.items()
    ]
    (root / "region_descriptions.json").write_text(json.dumps(pictures))


def test_the_published_file(formats, tmp_path, paint):
    (tmp_path / "annotations").mkdir()
    sample = (formats / "vg_region_descriptions.json").read_bytes()
    (tmp_path / "annotations" / "region_descriptions.json").write_bytes(sample)
    (tmp_path / "images" / "VG_100K").mkdir(parents=True)
    paint(tmp_path / "images" / "VG_100K_2" / "1.jpg")
    assert visual_genome.splits_in(tmp_path) == ("train",)
    data = visual_genome.read(tmp_path)
    [example] = data.examples
    assert example.captions == ("the clock is green in colour", "shade is along the street")
    assert example.id == "1"
    assert example.image.open().size == (12, 8)
    assert not data.missing


def test_each_picture_is_found_in_the_folder_that_has_it(tmp_path, paint):
    write(tmp_path, {1: ["a"], 2: ["b"], 3: ["c"]})
    first = paint(tmp_path / "VG_100K" / "2.jpg")
    second = paint(tmp_path / "VG_100K_2" / "1.jpg")
    paths = [example.image.path for example in visual_genome.read(tmp_path).examples]
    assert paths == [second, first, tmp_path / "VG_100K" / "3.jpg"]


def test_phrases_are_distinct_and_in_the_order_of_the_file(tmp_path):
    write(tmp_path, {1: ["b", "a ", "b", " ", "a", "c"], 2: [], 3: ["a"]})
    said = {example.id: example.captions for example in visual_genome.read(tmp_path).examples}
    assert said == {"1": ("b", "a", "c"), "3": ("a",)}


def test_the_order_does_not_depend_on_the_hash_seed(tmp_path):
    write(tmp_path, {1: [f"phrase {number % 30}" for number in range(60)]})
    told = {
        subprocess.run(
            [sys.executable, "-c", LIST_CAPTIONS, tmp_path],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[{"id": 1, "regions": [{"phrase": "a"}]}, {"id": 2', "cut short"),
        ('[{"id": 1}]', "picture 0: expected a list"),
        ('[{"id": 1, "regions": [{"phrase": 2}]}]', "under 'phrase'"),
        ('{"1": []}', "expected an array"),
    ],
)
def test_a_damaged_file_is_told_in_a_sentence(tmp_path, content, complaint):
    (tmp_path / "region_descriptions.json").write_text(content)
    with pytest.raises(ValueError, match=complaint):
        visual_genome.read(tmp_path)
