"""Checkpoints of the original code (dandelin/ViLT): Lightning's .ckpt files.

They are ``vilt_200k_mlm_itm``, ``vilt_vqa``, ``vilt_nlvr2``, ``vilt_irtr_coco`` and
``vilt_irtr_f30k``, and whatever else that code has trained; their sizes are told by their shapes.
"""

import os
from collections.abc import Mapping
from math import isqrt
from pathlib import Path

from torch import Tensor

from vilt_core.config import TASKS, ViltConfig
from vilt_core.interop.bert import read_tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import read_object
from vilt_core.interop.pickles import State, load_pickle
from vilt_core.interop.renames import NEVER_USED, inwards, outwards, tasks_in
from vilt_core.interop.weights import adopt, check, without_values
from vilt_core.models.vilt import Vilt

HEAD_WIDTH = 64  # of every ViT that the original can be built on


def from_original(path: str | os.PathLike[str]) -> Vilt:
    """The model of a checkpoint of the original code, in evaluation mode, all heads that it has.

    Args:
        path: A .ckpt file; read as data, nothing in it is run. What lies beside its parameters may
            be anything.

    Raises:
        ValueError: One sentence: what is missing, left over, damaged, or no checkpoint of ViLT.
    """
    path = Path(path)
    content = load_pickle(path, mapped=True, stand_ins=True)
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(held, Tensor) for name, held in state.items()
    ):
        raise ValueError(f"{path} must hold a state_dict of tensors, is it a checkpoint of ViLT?")
    parameters = {name: value.clone() for name, value in state.items() if name not in NEVER_USED}
    config = _config(parameters, _hyperparameters(content), path)
    model = without_values(config)
    expected = outwards(model.state_dict(), names="original", depth=config.depth)
    check(parameters, expected, source=path)
    return adopt(model, inwards(parameters, names="original", depth=config.depth))


def load_original(path: str | os.PathLike[str]) -> Bundle:
    """The same with its tokenizer and the names of its answers.

    The answers come from the ``vqa_dict.json`` that was published with ``vilt_vqa.ckpt``, the words
    from BERT's tokenizer; each from a file beside the checkpoint, the words also from the hub.
    """
    path = Path(path)
    model = from_original(path)
    config = model.config
    tokenizer = read_tokenizer(path.parent, max_tokens=config.max_text_tokens)
    if len(tokenizer) > config.vocab_size:
        raise ValueError(
            f"the tokenizer beside {path} has {len(tokenizer)} tokens, "
            f"but the model knows only {config.vocab_size}"
        )
    return Bundle(
        name=path.stem,
        model=model,
        tokenizer=tokenizer,
        answers=_answers(path.with_name("vqa_dict.json"), config.answers),
        domain="photographs",
    )


def _hyperparameters(content: object) -> Mapping:
    """The original's config, where Lightning kept it."""
    kept = content.get("hyper_parameters") if isinstance(content, dict) else None
    config = kept.get("config", kept) if isinstance(kept, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def _config(state: State, settings: Mapping, path: Path) -> ViltConfig:
    vocab_size, width = _shape(state, "text_embeddings.word_embeddings.weight", 2, path)
    text_tokens, _ = _shape(state, "text_embeddings.position_embeddings.weight", 2, path)
    segment_types, _ = _shape(state, "text_embeddings.token_type_embeddings.weight", 2, path)
    modality_types, _ = _shape(state, "token_type_embeddings.weight", 2, path)
    *_, patch_size = _shape(state, "transformer.patch_embed.proj.weight", 4, path)
    _, tokens, _ = _shape(state, "transformer.pos_embed", 3, path)
    mlp_width, _ = _shape(state, "transformer.blocks.0.mlp.fc1.weight", 2, path)
    answers = 0
    if any(name.startswith("vqa_classifier.") for name in state):
        answers, _ = _shape(state, "vqa_classifier.3.weight", 2, path)
    found = tasks_in(state)
    heads = settings.get("num_heads", max(width // HEAD_WIDTH, 1))
    dropout = settings.get("drop_rate", 0.1)
    if type(heads) is not int or heads < 1 or not isinstance(dropout, int | float):
        raise ValueError(
            f"{path}: num_heads must be a positive whole number and drop_rate a number, "
            f"got {heads!r} and {dropout!r}"
        )
    try:
        return ViltConfig(
            vocab_size=vocab_size,
            width=width,
            depth=_depth(state, path),
            heads=heads,
            mlp_ratio=mlp_width / width,
            image_size=max(isqrt(tokens - 1), 1) * patch_size,
            patch_size=patch_size,
            max_text_tokens=text_tokens,
            modality_types=modality_types,
            segment_types=segment_types,
            tasks=tuple(task for task in TASKS if task in found),
            answers=answers,
            dropout=float(dropout),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _shape(state: State, name: str, axes: int, path: Path) -> tuple[int, ...]:
    if name not in state:
        raise ValueError(f"{path} is no checkpoint of ViLT: it lacks {name}")
    shape = tuple(state[name].shape)
    if len(shape) != axes or 0 in shape:
        raise ValueError(f"{path}: {name} must have {axes} axes, got shape {shape}")
    return shape


def _depth(state: State, path: Path) -> int:
    """One more than the last block's number."""
    parts = (name.split(".")[2] for name in state if name.startswith("transformer.blocks."))
    numbers = {int(part) for part in parts if part.isdecimal()}
    if gaps := sorted(numbers - set(range(len(numbers)))):
        raise ValueError(f"{path} has a block {gaps[0]}, but not all of those before it")
    return len(numbers)


def _answers(path: Path, count: int) -> tuple[str, ...]:
    """The names of the classes, in order: the published dictionary maps numbers to answers."""
    if not count:
        return ()
    if not path.is_file():
        raise ValueError(
            f"expected the names of {count} answers in {path}, found none: vqa_dict.json is "
            "published beside vilt_vqa.ckpt"
        )
    named = read_object(path)
    if set(named) != {str(at) for at in range(count)}:
        raise ValueError(f"{path} must name the answers 0 to {count - 1}")
    answers = tuple(named[str(at)] for at in range(count))
    if not all(isinstance(answer, str) for answer in answers):
        raise ValueError(f"{path}: every answer must be a string")
    return answers
