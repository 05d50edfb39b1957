import pytest
from PIL import Image

from app import services
from app.photographs import FOLDER, PHOTOGRAPHS


def test_together_they_are_small():
    assert 4 <= len(PHOTOGRAPHS) <= 6
    assert {path.name for path in FOLDER.glob("*.jpg")} == {one.file for one in PHOTOGRAPHS}
    assert sum(one.path.stat().st_size for one in PHOTOGRAPHS) < 400_000


@pytest.mark.parametrize("photograph", PHOTOGRAPHS, ids=lambda one: one.file)
def test_each_is_credited_and_has_something_to_ask_and_to_say(photograph):
    row = next(
        line
        for line in (FOLDER / "CREDITS.md").read_text(encoding="utf-8").splitlines()
        if f"`{photograph.file}`" in line
    )
    author, licence = photograph.credit.split(", ")
    assert author in row
    assert licence in row
    assert len(photograph.questions) >= 4
    assert len(photograph.captions) >= 3
    with Image.open(photograph.path) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= 640
        assert not image.getexif()


def test_nobody_knows_what_is_true_of_a_photograph():
    photograph = PHOTOGRAPHS[0]
    assert services.suggestions(photograph) == photograph.questions
    assert services.true_answer(photograph, photograph.questions[0]) is None
    assert services.picture(photograph).ndim == 3
    assert len(services.thumbnail(photograph)) < 12_000
