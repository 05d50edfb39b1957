"""What retrieval is measured on: pictures with their captions, of the world or of a data set."""

from dataclasses import dataclass, field
from typing import Any

from vilt_core.data.examples import CaptionExample
from vilt_core.data.sequences import Spread
from vilt_core.evaluation.readable import readable
from vilt_core.evaluation.sets import Source, check_any, data_set_of, of_kind, world_split
from vilt_core.evaluation.sources import EVALUATION_SEED, Picture, draw_of
from vilt_core.world.captions import caption
from vilt_core.world.programs import Program
from vilt_core.world.scenes import scene

WORLD_GALLERY = 1000  # pictures, where no limit is given


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Pictures that can be read, and the captions that were made for them."""

    pictures: tuple[Picture, ...]
    captions: tuple[str, ...]
    owners: tuple[int, ...]  # the picture that each caption was made for
    programs: tuple[Program, ...] = ()  # what each caption of the world claims
    own_alone: bool = False  # as of the data set
    passed_over: dict[str, Any] = field(default_factory=dict)  # other pictures, as a result tells


def gallery_of(on: Source, *, limit: int | None = None) -> Gallery:
    """The gallery of a set.

    Args:
        on: a set of the world (one caption a scene), a file of captions, or a data set of them
            (all captions of each picture).
        limit: how many pictures at most, of data spread over all; 1,000 of the world, or all
            otherwise.

    Raises:
        ValueError: no such set, a file that cannot be read, no caption in it, or too many pictures
            that cannot be read.
    """
    split = world_split(on, limit)
    if split is not None:
        return world_gallery(split, limit or WORLD_GALLERY)
    told: dict[Picture, list[str]] = {}
    data = data_set_of(on, kind="captions")
    for example in of_kind(data, CaptionExample):
        told.setdefault(example.image, []).extend(example.captions)
    some = list(Spread(list(told), limit))
    seen = readable(some)
    pictures = seen.keep(some, lambda picture: (picture,))
    captions = [(said, at) for at, picture in enumerate(pictures) for said in told[picture]]
    check_any(captions, on)
    return Gallery(
        pictures=tuple(pictures),
        captions=tuple(said for said, _ in captions),
        owners=tuple(at for _, at in captions),
        own_alone=data.own_alone,
        passed_over=seen.told(),
    )


def world_gallery(split: str, size: int, *, seed: int = EVALUATION_SEED) -> Gallery:
    """The first scenes of a split, one caption each."""
    scenes = [scene(seed, index, split=split) for index in range(size)]
    said = [
        caption(place, draw_of("gallery", split, seed, index)) for index, place in enumerate(scenes)
    ]
    return Gallery(
        pictures=tuple(scenes),
        captions=tuple(one.text for one in said),
        owners=tuple(range(size)),
        programs=tuple(one.program for one in said),
    )
