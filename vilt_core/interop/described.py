"""What transformers writes about a ViLT beside its weights: config.json, and how pictures go in.

Read with one sentence for whatever is not computed here, and written so that nothing is lost.
"""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from vilt_core.config import ViltConfig
from vilt_core.data.image import Processing
from vilt_core.interop.bundle import Bundle, processing_of
from vilt_core.interop.folders import read_object
from vilt_core.interop.renames import Classifier
from vilt_core.interop.settings import LARGEST

DEFAULTS = {  # of transformers, where a config.json is silent
    "vocab_size": 30522,
    "type_vocab_size": 2,
    "modality_type_vocab_size": 2,
    "max_position_embeddings": 40,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "layer_norm_eps": 1e-12,
    "image_size": 384,
    "patch_size": 32,
    "num_channels": 3,
    "qkv_bias": True,
    "max_image_length": -1,
    "num_images": -1,
}
_PICTURES = {  # of the processor, likewise
    "do_resize": True,
    "do_center_crop": False,
    "do_rescale": True,
    "do_normalize": True,
    "size": 384,
    "size_divisor": 32,
    "resample": 3,
    "rescale_factor": 1 / 255,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
_OWN = "vilt_lab"  # what transformers has no word for, in config.json


def read_config(settings: dict, path: Path, *, tasks: Iterable[str], asked: bool) -> ViltConfig:
    """Our config, or one sentence about what is not computed here."""
    for name, only in {"hidden_act": "gelu", "num_channels": 3}.items():
        if settings[name] != only:
            raise ValueError(f"{path}: {name} must be {only!r}, got {settings[name]!r}")
    if "nlvr2" in tasks and settings["num_images"] != 2:
        raise ValueError(
            f"{path}: num_images must be 2, for this lab judges texts by two images alone, "
            f"got {settings['num_images']!r}"
        )
    sizes = {
        "vocab_size": whole(settings, "vocab_size", path),
        "width": whole(settings, "hidden_size", path),
        "depth": whole(settings, "num_hidden_layers", path),
        "heads": whole(settings, "num_attention_heads", path),
        "image_size": side(settings, "image_size", path),
        "patch_size": side(settings, "patch_size", path),
        "max_text_tokens": whole(settings, "max_position_embeddings", path),
        "modality_types": whole(settings, "modality_type_vocab_size", path),
        "segment_types": whole(settings, "type_vocab_size", path),
        "mlp_ratio": whole(settings, "intermediate_size", path)
        / whole(settings, "hidden_size", path),
    }
    if settings["max_image_length"] != -1:
        sizes["max_patches"] = whole(settings, "max_image_length", path)
    text_norm_eps = number(settings, "layer_norm_eps", path)
    own = {"norm_eps": text_norm_eps} | read_own(settings, path)
    dropout = number(settings, "hidden_dropout_prob", path)
    norm_eps = number(own, "norm_eps", path)
    answers = len(read_answers(settings, path)) if asked else 0
    try:
        return ViltConfig(
            **sizes,
            tasks=tuple(tasks),
            answers=answers,
            dropout=dropout,
            norm_eps=norm_eps,
            text_norm_eps=text_norm_eps,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def whole(settings: dict, name: str, path: Path) -> int:
    """A setting that counts something."""
    value = settings[name]
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise ValueError(f"{path}: {name} must be a positive whole number, got {value!r}")
    return value


def side(settings: dict, name: str, path: Path) -> int:
    """A setting that is the side of a square, or both its sides."""
    value = settings[name]
    if isinstance(value, list) and len(value) == 2 and value[0] == value[1]:
        return whole({name: value[0]}, name, path)
    if isinstance(value, list):
        raise ValueError(f"{path}: {name} must be square, got {value!r}")
    return whole(settings, name, path)


def number(settings: dict, name: str, path: Path) -> float:
    """A setting that is a share, or an epsilon."""
    value = settings[name]
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise ValueError(f"{path}: {name} must be a number from 0 to 1, got {value!r}")
    return float(value)


def read_own(settings: dict, path: Path) -> dict:
    """What we wrote of a model that transformers has no word for; nothing in its own folders."""
    own = settings.get(_OWN, {})
    if not isinstance(own, dict) or not all(
        isinstance(own.get(name, ""), str) for name in ("name", "domain")
    ):
        raise ValueError(f"{path}: {_OWN} must hold texts, got {own!r}")
    return own


def read_answers(settings: dict, path: Path) -> tuple[str, ...]:
    """The names of the classes, in order; transformers leaves two nameless ones away."""
    named = settings.get("id2label", {"0": "LABEL_0", "1": "LABEL_1"})
    if not isinstance(named, dict) or {str(at) for at in range(len(named))} != set(named):
        raise ValueError(f"{path}: id2label must name every class from 0 on")
    answers = tuple(named[str(at)] for at in range(len(named)))
    if not all(isinstance(answer, str | int | float) for answer in answers):
        raise ValueError(f"{path}: every name in id2label must be a string or a number")
    return tuple(str(answer) for answer in answers)  # people also number their answers


def read_processing(folder: Path, *, patch_size: int) -> Processing:
    """How transformers would prepare pictures, where it would do so as ViLT does."""
    settings, path = read_pictures(folder, _PICTURES)
    multiple = whole(settings, "size_divisor", path)
    if multiple % patch_size:
        raise ValueError(
            f"{path}: size_divisor must be a multiple of the patch of {patch_size} pixels, "
            f"got {multiple}"
        )
    return processing_from(settings, path, patch_size=multiple)


def read_pictures(folder: Path, usual: dict) -> tuple[dict, Path]:
    """What a folder says of its pictures and where, with what is usual where it is silent.

    Raises:
        ValueError: They would be prepared in another way than the usual one.
    """
    path = folder / "processor_config.json"
    settings = read_object(path).get("image_processor") if path.is_file() else None
    if settings is None:
        path = folder / "preprocessor_config.json"
        settings = read_object(path) if path.is_file() else {}
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: image_processor must be an object, got {settings!r}")
    settings = usual | {name: value for name, value in settings.items() if value is not None}
    for name in ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "resample"):
        if settings[name] != usual[name]:
            raise ValueError(f"{path}: {name} must be {usual[name]}, got {settings[name]!r}")
    scale = settings["rescale_factor"]
    if not isinstance(scale, float) or abs(scale * 255 - 1) > 1e-6:
        raise ValueError(f"{path}: rescale_factor must be 1/255, got {scale!r}")
    return settings, path


def processing_from(
    settings: dict, path: Path, *, patch_size: int, crop: bool = False
) -> Processing:
    """Sizes and levels out of such settings, each looked at."""
    size = settings["size"]
    if isinstance(size, dict):
        if set(size) != {"shortest_edge"}:
            raise ValueError(f"{path}: size must be a shortest_edge, got {size!r}")
        settings["size"] = size["shortest_edge"]
    size = whole(settings, "size", path)
    try:
        return processing_of(
            size=size,
            patch_size=patch_size,
            crop=crop,
            mean=settings["image_mean"],
            std=settings["image_std"],
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def classifier_of(config: ViltConfig) -> Classifier | None:
    """Which head transformers is to find under ``classifier``."""
    if config.answers:
        return "vqa"
    return "nlvr2" if "nlvr2" in config.tasks else None


def _class_of(config: ViltConfig) -> str:
    """The class of transformers that has the model's foremost head."""
    if config.answers:
        return "ViltForQuestionAnswering"
    if "nlvr2" in config.tasks:
        return "ViltForImagesAndTextClassification"
    if "rank" in config.tasks:
        return "ViltForImageAndTextRetrieval"
    return "ViltForMaskedLM" if "mlm" in config.tasks else "ViltModel"


def described_by(config: ViltConfig, bundle: Bundle | None) -> dict:
    """The config.json of a model of ours."""
    labels: tuple[str, ...] = ()
    if config.answers:
        labels = tuple(f"LABEL_{at}" for at in range(config.answers))
        labels = labels if bundle is None else bundle.answers
    elif "nlvr2" in config.tasks:
        labels = ("False", "True")
    own: dict = {"norm_eps": config.norm_eps}
    if bundle is not None:
        own |= {"name": bundle.name, "domain": bundle.domain}
    described = {
        "architectures": [_class_of(config)],
        "model_type": "vilt",
        "vocab_size": config.vocab_size,
        "type_vocab_size": config.segment_types,
        "modality_type_vocab_size": config.modality_types,
        "max_position_embeddings": config.max_text_tokens,
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "intermediate_size": config.mlp_width,
        "hidden_act": "gelu",
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.02,
        "layer_norm_eps": config.text_norm_eps,
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "num_channels": 3,
        "qkv_bias": True,
        "max_image_length": -1,
        "num_images": 2 if "nlvr2" in config.tasks else -1,
        "tie_word_embeddings": False,
        "dtype": "float32",
        _OWN: own,
    }
    if labels:
        described["id2label"] = {str(at): label for at, label in enumerate(labels)}
        described["label2id"] = {label: at for at, label in enumerate(labels)}
    return described


def picture_settings(pictures: Processing) -> dict:
    """The settings of its image processor."""
    settings = asdict(pictures)
    return {
        "image_processor_type": "ViltImageProcessor",
        "processor_class": "ViltProcessor",
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "do_pad": True,
        "size": {"shortest_edge": settings["size"]},
        "size_divisor": settings["patch_size"],
        "resample": 3,
        "rescale_factor": 1 / 255,
        "image_mean": list(settings["mean"]),
        "image_std": list(settings["std"]),
    }
