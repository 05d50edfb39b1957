"""One sticker swapped for another: the same scene, but that a sentence about it is no longer true.

A foil of the picture, as negatives.py makes foils of the sentence.
"""

from collections.abc import Callable
from dataclasses import replace

from vilt_core.world.scenes import Scene, choose
from vilt_core.world.sprites import Sprite, sprites


def swapped(scene: Scene, at: int, sprite: Sprite) -> Scene:
    """The scene with another thing in the place of one of its stickers, as large and as turned.

    Args:
        scene: what it was.
        at: which of ``scene.objects``.
        sprite: what lies there now.

    Raises:
        ValueError: the scene has no such sticker.
    """
    if not 0 <= at < len(scene.objects):
        raise ValueError(f"the scene has {len(scene.objects)} stickers, got number {at}")
    things = list(scene.objects)
    things[at] = replace(things[at], sprite=sprite)
    return replace(scene, objects=tuple(things))


def kin_of(scene: Scene, at: int, draw: Callable[[], float]) -> Sprite:
    """Something of the same category as a sticker that the scene does not show yet.

    Args:
        scene: what it is.
        at: which of ``scene.objects``.
        draw: the source of chance, floats in [0, 1).
    """
    shown = {thing.sprite.index for thing in scene.objects}
    others = [sprite for sprite in sprites() if sprite.index not in shown]
    kin = [sprite for sprite in others if sprite.category == scene.objects[at].category]
    return choose(kin or others, draw)
