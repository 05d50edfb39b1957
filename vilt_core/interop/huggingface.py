"""Checkpoints of transformers, in and out: its folders, by their path or by their name on the hub.

All of its ViLT heads but token classification; CLIP comes in by clip.py. What transformers has no
head for, such as our ITM, lies in the same file under the original's name, which it skips.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from vilt_core.config import TASKS, ViltConfig
from vilt_core.data.image import Processing
from vilt_core.interop.address import is_repo_name
from vilt_core.interop.bert import read_tokenizer, tokenizer_files
from vilt_core.interop.bundle import Bundle, Progress
from vilt_core.interop.client import client
from vilt_core.interop.clip import load_clip
from vilt_core.interop.described import (
    DEFAULTS,
    classifier_of,
    described_by,
    picture_settings,
    read_answers,
    read_config,
    read_own,
    read_processing,
)
from vilt_core.interop.folders import (
    check_whole,
    is_folder,
    json_text,
    read_object,
    write_together,
)
from vilt_core.interop.renames import HEADS, NO_PARAMETERS, Classifier, inwards, outwards, tasks_in
from vilt_core.interop.weights import State, adopt, check, check_scale, read_weights, without_values
from vilt_core.models.vilt import Vilt

# How the names of the head of each class of transformers begin.
_CLASSES = {
    "ViltForQuestionAnswering": "classifier.",
    "ViltForImagesAndTextClassification": "classifier.",
    "ViltForImageAndTextRetrieval": "rank_output.",
    "ViltForMaskedLM": "mlm_score.",
}
_PROJECTION = r"vilt\.encoder\.layer\.\d+\.attention\.attention\.(query|key|value)\.weight"


def from_huggingface(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    progress: Progress | None = None,
) -> Vilt:
    """The model of a checkpoint of transformers, in evaluation mode; float32 whatever the file has.

    Dropout of attention weights, which transformers can train with, is none of ours.

    Args:
        source: A folder, or a name on the Hugging Face Hub.
        revision: Of the hub: a branch, a tag or a commit.
        progress: Told of the bytes that are there and of all bytes while they come from the hub.

    Raises:
        ValueError: One sentence: what is missing, left over, damaged, or not computed here.
    """
    return _read(_folder_of(source, revision, progress))[0]


def load_huggingface(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """The same with its tokenizer, the names of its answers and its way to prepare pictures.

    Or a CLIP.
    """
    folder = _folder_of(source, revision, progress)
    name = Path(source).resolve().name if is_folder(source) else os.fspath(source)
    kind = (described := _described(folder)).get("model_type")
    if kind == "clip":
        return load_clip(folder, described, name=name)
    if kind != "vilt":
        raise ValueError(f"{folder / 'config.json'} must describe a vilt or a clip, got {kind!r}")
    model, described = _read(folder)
    config, own = model.config, read_own(described, folder / "config.json")
    tokenizer = read_tokenizer(folder, max_tokens=config.max_text_tokens)
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"the tokenizer of {folder} has {len(tokenizer)} tokens, "
            f"but the model knows only {config.vocab_size}"
        )
    pictures = read_processing(folder, patch_size=config.patch_size)
    usual = Processing(size=config.image_size, patch_size=config.patch_size)
    return Bundle(
        name=own.get("name", name),
        model=model,
        tokenizer=tokenizer,
        answers=read_answers(described, folder / "config.json") if config.answers else (),
        domain=own.get("domain", "photographs"),
        pictures=None if pictures == usual else pictures,
    )


def to_huggingface(model: Vilt | Bundle, folder: str | os.PathLike[str]) -> None:
    """Write a model as transformers does: whole, or not at all.

    Its classes read it without loss. It has one epsilon for all norms, however, where a model of
    ours may have two: it gets the text's, which matters more, and only we read that of the blocks.

    Args:
        model: A model, or one with its tokenizer, answers and pictures, which are then written too.
            Heads that serve training on stickers only are left out.
        folder: Where to; made where there is none.

    Raises:
        ValueError: A tokenizer that BERT's classes cannot be, or one of ViLT's rivals.
        OSError: The disk is full or may not be written. The folder holds the old model then.
    """
    folder = Path(folder)
    bundle = model if isinstance(model, Bundle) else None
    vilt = model.vilt if isinstance(model, Bundle) else model
    described = described_by(vilt.config, bundle)
    config = vilt.config
    own = Processing(size=config.image_size, patch_size=config.patch_size)
    pictures = picture_settings(own if bundle is None else bundle.processing)
    state = {
        name: value.detach().to("cpu", torch.float32).contiguous()
        for name, value in outwards(
            vilt.state_dict(),
            names="transformers",
            depth=config.depth,
            classifier=classifier_of(config),
        ).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[Path, Callable[[Path], object]] = {
        folder / "model.safetensors": lambda part: _save(state, part),
        folder / "config.json": lambda part: part.write_text(
            json_text(described), encoding="utf-8"
        ),
        folder / "preprocessor_config.json": lambda part: part.write_text(json_text(pictures)),
        folder / "processor_config.json": lambda part: part.write_text(
            json_text({"image_processor": pictures, "processor_class": "ViltProcessor"})
        ),
    }
    if bundle is not None:
        writers |= tokenizer_files(bundle.tokenizer, folder)
    write_together(writers)


# In


def _folder_of(
    source: str | os.PathLike[str], revision: str | None, progress: Progress | None
) -> Path:
    if is_folder(source):
        return Path(source)
    name = os.fspath(source)
    if not is_repo_name(name):
        raise ValueError(
            f"expected a folder of transformers or a name on its hub, got {name!r:.200}"
        )
    return client().fetch(name, revision=revision, progress=progress)


def _described(folder: Path) -> dict:
    check_whole(folder)
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"expected a model of transformers with a config.json at {folder}")
    return read_object(path)


def _read(folder: Path) -> tuple[Vilt, dict]:
    path, described = folder / "config.json", _described(folder)
    if described.get("model_type") != "vilt":
        raise ValueError(f"{path} must describe a vilt, got {described.get('model_type')!r}")
    held, source = read_weights(folder)
    state, settings = _with_prefix(held), DEFAULTS | described
    classifier = _classifier_in(state, described, source)
    tasks = _tasks_in(state, described, classifier)
    config = read_config(settings, path, tasks=tasks, asked=classifier == "vqa")
    _complete(state, config, has_bias=settings["qkv_bias"] is not False)
    check_scale(config, state, source=source)
    model = without_values(config)
    names = {"names": "transformers", "depth": config.depth, "classifier": classifier}
    check(state, outwards(model.state_dict(), **names), source=source)
    return adopt(model, inwards(state, **names)), described


def _with_prefix(state: State) -> State:
    """Names as transformers has them in models with a head, whether or not it wrote them so."""
    heads = (*HEADS.values(), *_CLASSES.values())
    named = {}
    for name in list(state):
        whole = name if name.startswith(("vilt.", *heads)) else f"vilt.{name}"
        value = state.pop(name)
        if whole not in NO_PARAMETERS:
            named[whole] = value
    return named


def _classifier_in(state: State, described: dict, source: Path) -> Classifier | None:
    """Whose head lies under ``classifier``; its name does not tell."""
    classes = _architectures(described)
    if "classifier.weight" in state or "ViltForTokenClassification" in classes:
        raise ValueError(f"{source} classifies tokens, for which this lab has no head")
    if "ViltForImagesAndTextClassification" in classes:
        return "nlvr2"
    if "ViltForQuestionAnswering" in classes:
        return "vqa"
    first = state.get("classifier.0.weight")
    if first is None:
        return None
    width = described.get("hidden_size", 768)  # a head for pairs is as wide as what it reads
    return "vqa" if list(first.shape[1:]) == [width] != list(first.shape[:1]) else "nlvr2"


def _tasks_in(state: State, described: dict, classifier: Classifier | None) -> tuple[str, ...]:
    """The heads that are there, or that the config promises."""
    promised = {_CLASSES.get(name) for name in _architectures(described)}
    found = tasks_in(state) | {task for task, start in HEADS.items() if start in promised}
    return tuple(task for task in TASKS if task in found | {classifier})


def _architectures(described: dict) -> list[str]:
    named = described.get("architectures")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _complete(state: State, config: ViltConfig, *, has_bias: bool) -> None:
    """Add what transformers leaves away because it can be derived."""
    words = "vilt.embeddings.text_embeddings.word_embeddings.weight"
    decoder, bias = "mlm_score.decoder.weight", "mlm_score.decoder.bias"
    if "mlm_score.transform.dense.weight" in state and words in state:
        state.setdefault(decoder, state[words])  # tied
    if "mlm_score.bias" in state:
        other = state.pop("mlm_score.bias")  # one parameter by two names
        state.setdefault(bias, other)
    if not has_bias:
        for name in [name for name in state if re.fullmatch(_PROJECTION, name)]:
            state.setdefault(f"{name.removesuffix('weight')}bias", torch.zeros(config.width))


# Out


def _save(state: State, path: Path) -> None:
    path.touch()
    mode = path.stat().st_mode  # safetensors would let nobody else read it
    save_file(state, path, {"format": "pt"})
    path.chmod(mode)
