"""Pure losses: tensors in, a scalar out. They know no model."""

from vilt_core.objectives.choice import choice
from vilt_core.objectives.comparing import asked_differences, comparing
from vilt_core.objectives.contrastive import contrastive
from vilt_core.objectives.gathering import gathering
from vilt_core.objectives.grounding import grounding
from vilt_core.objectives.itm import itm
from vilt_core.objectives.locating import locating, scaled
from vilt_core.objectives.mentioning import mentioning
from vilt_core.objectives.mlm import mlm
from vilt_core.objectives.mpp import mpp, patch_colours
from vilt_core.objectives.mrm import region_class, region_kl, region_regression
from vilt_core.objectives.naming import naming
from vilt_core.objectives.nlvr2 import nlvr2
from vilt_core.objectives.ranking import ranking
from vilt_core.objectives.referring import referring
from vilt_core.objectives.triplet import triplet
from vilt_core.objectives.vqa import vqa, vqa_single
from vilt_core.objectives.wpa import content_mask, wpa

__all__ = [
    "asked_differences",
    "choice",
    "comparing",
    "content_mask",
    "contrastive",
    "gathering",
    "grounding",
    "itm",
    "locating",
    "mentioning",
    "mlm",
    "mpp",
    "naming",
    "nlvr2",
    "patch_colours",
    "ranking",
    "referring",
    "region_class",
    "region_kl",
    "region_regression",
    "scaled",
    "triplet",
    "vqa",
    "vqa_single",
    "wpa",
]
