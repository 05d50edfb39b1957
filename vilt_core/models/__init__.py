"""Whole models, one file each, and the one door to build them by name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vilt_core.config import (
    ClipConfig,
    PixelBertConfig,
    ScanConfig,
    UniterConfig,
    VilbertConfig,
    ViltConfig,
    VseConfig,
    XlxmertConfig,
    clip_b32,
    clip_mini,
    pixelbert_mini,
    pixelbert_r50,
    pixelbert_x152,
    scan_mini,
    scan_t2i,
    uniter_base,
    uniter_mini,
    vilbert_base,
    vilbert_mini,
    vilt_b32,
    vilt_mini,
    vse_mini,
    vse_resnet152,
    xlxmert_base,
    xlxmert_mini,
)
from vilt_core.layers.reader import PairReader
from vilt_core.models.clip import Clip
from vilt_core.models.pixelbert import PixelBert
from vilt_core.models.scan import Scan
from vilt_core.models.uniter import Uniter
from vilt_core.models.vilbert import Vilbert
from vilt_core.models.vilt import Vilt
from vilt_core.models.vse import Vse
from vilt_core.models.xlxmert import Xlxmert


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model and its presets."""

    model: type[PairReader]  # takes the config
    config: type
    presets: dict[str, Callable[..., Any]]  # size -> function of vocab_size and answers
    vocab_size: int = 30522  # of the published model's own tokenizer


MODELS = {
    "clip": Family(
        model=Clip,
        config=ClipConfig,
        presets={"published": clip_b32, "mini": clip_mini},
        vocab_size=49408,
    ),
    "scan": Family(
        model=Scan,
        config=ScanConfig,
        presets={"published": scan_t2i, "mini": scan_mini},
        vocab_size=8481,  # Flickr30K's words, as re-implementations configure them
    ),
    "pixelbert-r50": Family(
        model=PixelBert,
        config=PixelBertConfig,
        presets={"published": pixelbert_r50, "mini": pixelbert_mini},
    ),
    "pixelbert-x152": Family(
        model=PixelBert,
        config=PixelBertConfig,
        presets={"published": pixelbert_x152, "mini": pixelbert_mini},
    ),
    "uniter": Family(
        model=Uniter,
        config=UniterConfig,
        presets={"published": uniter_base, "mini": uniter_mini},
        vocab_size=28996,
    ),
    "vilbert": Family(
        model=Vilbert,
        config=VilbertConfig,
        presets={"published": vilbert_base, "mini": vilbert_mini},
    ),
    "vilt": Family(
        model=Vilt, config=ViltConfig, presets={"published": vilt_b32, "mini": vilt_mini}
    ),
    "vse": Family(
        model=Vse,
        config=VseConfig,
        presets={"published": vse_resnet152, "mini": vse_mini},
        vocab_size=11755,  # likewise of COCO's
    ),
    "xlxmert": Family(
        model=Xlxmert,
        config=XlxmertConfig,
        presets={"published": xlxmert_base, "mini": xlxmert_mini},
    ),
}


def build(name: str, *, size: str = "published", **overrides) -> PairReader:
    """A freshly initialised model.

    Args:
        name: One of ``MODELS``.
        size: ``published`` as in its paper, or ``mini``, which trains on a laptop.
        overrides: Fields of the model's config to set otherwise, such as ``answers=3129``. Without
            ``vocab_size`` the model speaks the word pieces of the published one, mostly BERT's.

    Raises:
        ValueError: No such model or size.
    """
    if name not in MODELS:
        raise ValueError(f"model must be one of {sorted(MODELS)}, got {name!r}")
    family = MODELS[name]
    if size not in family.presets:
        raise ValueError(f"size must be one of {sorted(family.presets)}, got {size!r}")
    config = family.presets[size](vocab_size=family.vocab_size, answers=0)
    return family.model(replace(config, **overrides))


def kind_of(model: PairReader) -> str:
    """The name of a model's family: the first one under which ``build`` makes its like."""
    return next(name for name, family in MODELS.items() if family.model is type(model))


def of_config(config: Any) -> PairReader:
    """The model that a config describes, freshly initialised."""
    return next(family for family in MODELS.values() if family.config is type(config)).model(config)
