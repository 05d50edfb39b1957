"""What the notebooks of the course share: pictures on their pages, and their exercises checked."""

from lesson.checking import check
from lesson.showing import canvas, show, turn

__all__ = ["canvas", "check", "show", "turn"]
