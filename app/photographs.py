"""The photographs to try ViLT-B/32 on, each with something to ask and to say about it.

Whose they are, and under which licence: ``assets/photos/CREDITS.md``.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "assets" / "photos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """One photograph. Nobody wrote down what is true of it."""

    file: str
    shows: str
    credit: str
    questions: tuple[str, ...]
    captions: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where it lies."""
        return FOLDER / self.file


PHOTOGRAPHS = (
    Photograph(
        file="cat.jpg",
        shows="A tabby cat, from near",
        credit="Stefan van der Walt, CC0",
        questions=(
            "What animal is this?",
            "What color are its eyes?",
            "Is the cat asleep?",
            "How many cats are there?",
            "Where is the cat looking?",
        ),
        captions=(
            "A cat with green eyes and long whiskers",
            "The nose and the ear of a tabby cat",
            "A dog looking at the camera",
        ),
    ),
    Photograph(
        file="coffee.jpg",
        shows="A cup of espresso on a red saucer",
        credit="Rachel Michetti, CC0",
        questions=(
            "What is in the cup?",
            "What color is the saucer?",
            "What is the table made of?",
            "Is the cup full?",
            "What is next to the cup?",
        ),
        captions=(
            "A cup of coffee and a spoon on a red saucer",
            "A silver spoon on a wooden table",
            "A glass of milk on a white table",
        ),
    ),
    Photograph(
        file="astronaut.jpg",
        shows="An astronaut in an orange suit",
        credit="NASA, public domain",
        questions=(
            "What is the woman wearing?",
            "What color is the suit?",
            "Is the woman smiling?",
            "What is behind her on the left?",
            "What is her job?",
        ),
        captions=(
            "A woman in an orange suit in front of a flag",
            "A white helmet and a model of a rocket",
            "A smiling astronaut with short hair",
        ),
    ),
    Photograph(
        file="rocket.jpg",
        shows="A rocket on its launch pad at dusk",
        credit="SpaceX, public domain",
        questions=(
            "What is in the middle?",
            "Is it day or night?",
            "What color is the sky?",
            "How many towers are there?",
            "Are there clouds in the sky?",
        ),
        captions=(
            "A white rocket between towers under a blue sky",
            "Bright lights around a rocket at night",
            "A train in front of a blue sky",
        ),
    ),
    Photograph(
        file="photographer.jpg",
        shows="A man looks through a camera on a tripod",
        credit="Lav Varshney, CC0",
        questions=(
            "What is the man doing?",
            "What is the camera standing on?",
            "Is the photo in color?",
            "What is the man wearing?",
            "Is it raining?",
        ),
        captions=(
            "A man in a black coat behind a camera on a tripod",
            "A field of grass with buildings behind it",
            "A woman riding a horse on a field",
        ),
    ),
)
