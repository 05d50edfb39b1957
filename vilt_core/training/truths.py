"""What the sticker world knows of a picture and a text: the truths that training asks for.

Pure functions of a scene, of what is said of it, and of who owns which patch.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vilt_core.data.text import EncodedText
from vilt_core.evaluation.alignment import noun_tokens
from vilt_core.objectives import scaled
from vilt_core.objectives.mlm import IGNORED
from vilt_core.world.grammar import Mention
from vilt_core.world.rendering import MAX_OBJECTS
from vilt_core.world.scenes import Scene
from vilt_core.world.sprites import sprites

BACKGROUND_CLASS = 0  # patch classes: the background, then the sprites in their order
_BARE = 0.97  # of a patch: background, from which on nothing is to be seen there


def patch_classes() -> int:
    """How many things a patch can show."""
    return len(sprites()) + 1


def patch_targets(seen: Scene, shares: np.ndarray) -> np.ndarray:
    """The class of each patch's clear owner: most of the ink, or next to no ink at all."""
    ink = shares[:MAX_OBJECTS]
    owner, most = ink.argmax(axis=0), ink.max(axis=0)
    kinds = np.array([thing.sprite.index + 1 for thing in seen.objects] + [BACKGROUND_CLASS])
    targets = np.where(most > 0.2, kinds[np.minimum(owner, len(seen.objects))], IGNORED)
    return np.where(shares[MAX_OBJECTS] > _BARE, BACKGROUND_CLASS, targets)


def fullest_patches(shares: np.ndarray, count: int, draw: Callable[[], float]) -> np.ndarray:
    """Which patches show most of the stickers, so many of them; chance decides among equals."""
    bare = shares[MAX_OBJECTS]
    order = sorted(range(len(bare)), key=lambda at: (bare[at], draw()))
    fullest = np.zeros(len(bare), dtype=bool)
    fullest[order[:count]] = True
    return fullest


def named_objects(mentions: Sequence[Mention]) -> frozenset[int]:
    """The objects that any of the phrases speaks of."""
    return frozenset(index for mention in mentions for index in mention.objects)


def grounded_nouns(
    encoded: EncodedText, mentions: Sequence[Mention], owners: Int[Tensor, " n"]
) -> Bool[Tensor, "l n"]:
    """For each piece of each noun of one text, the patches of the objects that it speaks of."""
    grounded = torch.zeros(encoded.words.shape[1], len(owners), dtype=torch.bool)
    for mention in mentions:
        if mention.objects:
            own = torch.isin(owners, torch.tensor(mention.objects))
            grounded[noun_tokens(encoded, 0, mention)] = own
    return grounded


def located_nouns(
    encoded: EncodedText, mentions: Sequence[Mention], seen: Scene
) -> tuple[Int[Tensor, " l"], Float[Tensor, "l 2"]]:
    """For each piece of each noun of one text, how many objects it speaks of and their mean centre.

    Of other pieces nothing is asked: IGNORED, and a centre of 0.
    """
    pieces = encoded.words.shape[1]
    numbers = torch.full((pieces,), IGNORED)
    centres = torch.zeros(pieces, 2)
    for mention in mentions:
        noun = noun_tokens(encoded, 0, mention)
        numbers[noun] = len(mention.objects)
        if mention.objects:
            centres[noun] = _centre(mention, seen)
    return numbers, centres


def differences_of(mentions: Sequence[Mention], seen: Scene) -> Float[Tensor, " 3"]:
    """(x, y, number) of the first of two things less those of the second.

    NaN where a text names other than two, and where one of them is not there to have a place.
    """
    found = torch.full((3,), math.nan)
    if len(mentions) == 2:
        one, other = mentions
        found[2] = len(one.objects) - len(other.objects)
        if one.objects and other.objects:
            found[:2] = _centre(one, seen) - _centre(other, seen)
    return found


def _centre(mention: Mention, seen: Scene) -> Float[Tensor, " 2"]:
    """The mean centre of the objects that a phrase speaks of."""
    own = [(seen.objects[i].x, seen.objects[i].y) for i in mention.objects]
    return scaled(torch.tensor(own).mean(dim=0))


def mentioned_patches(owners: Int[Tensor, " n"], named: frozenset[int] | None) -> Int[Tensor, " n"]:
    """1 where a patch's owner is spoken of, 0 where it is not, IGNORED where that is not known."""
    if named is None:
        return torch.full_like(owners, IGNORED)
    spoken_of = torch.isin(owners, torch.tensor(sorted(named), dtype=owners.dtype))
    return torch.where(owners >= 0, spoken_of.long(), IGNORED)
