"""What a recipe of the paper begins with: its data, and the model that it trains."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import torch

from vilt_core.data.examples import DataSet, QuestionExample
from vilt_core.data.folders import join, open_data
from vilt_core.data.vqav2 import answer_list
from vilt_core.evaluation.answers import normalise_answer
from vilt_core.interop.bert import read_tokenizer
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.opening import open_bundle
from vilt_core.interop.timm import from_timm
from vilt_core.training.adapt import adapt, missing_of
from vilt_core.training.finetuning import held_out_of
from vilt_core.training.paper import PaperRecipe
from vilt_core.training.transfer import set_dropout

ANSWERED = 9  # questions that an answer of VQA v2 must have, as published


def read_data(paper: PaperRecipe, folders: Iterable[Path]) -> DataSet:
    """What the folders hold for a recipe, joined: its training split, and no other.

    Raises:
        ValueError: no folder, or one without data of the recipe's kind or split.
    """
    opened = [open_data(folder, split=paper.split, kind=paper.kind) for folder in folders]
    if not opened:
        raise ValueError(f"{paper.recipe.name} needs --data FOLDER with {paper.kind}")
    return join(opened)


def read_held_out(paper: PaperRecipe, folders: Iterable[Path]) -> DataSet | None:
    """What the folders hold out of a fine-tuning, joined: never a test split; None of nothing.

    Raises:
        ValueError: files that cannot be read.
    """
    if paper.task is None:
        return None
    found = [held_out_of(folder, None, task=paper.task, split=paper.held_out) for folder in folders]
    opened = [one for one in found if one is not None]
    return join(opened) if opened else None


def begin(
    paper: PaperRecipe,
    start: str,
    *,
    data: DataSet,
    held_out: DataSet | None = None,
    answered: int = ANSWERED,
) -> tuple[Bundle, tuple[str, ...]]:
    """The model that a recipe trains; an account of what it has from where and what data lack.

    Dropout is the recipe's, whatever the start had: checkpoints on the hub say 0, which is right
    for answers and not for training.

    Args:
        paper: the recipe.
        start: of pre-training a ViT, as ``from_timm`` takes it, beside whose file a tokenizer may
            lie (BERT's otherwise); of a fine-tuning whatever ``open_bundle`` opens.
        data: what is trained on.
        held_out: what is kept out of it: its answers count for the list, as published, which was
            made of all of train and val (3,129 answers).
        answered: how many questions an answer must have to be one of the classes.

    Raises:
        ValueError: nothing there, or a model that cannot be trained so.
    """
    if paper.task is None:
        account = (*missing_of(data), f"Pre-training starts from the ViT {start}.")
        return _from_vit(paper, start), account
    listed = None
    if paper.task == "vqa":
        every = chain(data.examples, () if held_out is None else held_out.examples)
        questions = (one for one in every if isinstance(one, QuestionExample))
        listed = answer_list(questions, normalise=normalise_answer, at_least=answered)
    adapted = adapt(
        open_bundle(start), task=paper.task, data=data, min_count=answered, listed=listed
    )
    model = adapted.bundle.vilt
    account = adapted.account
    dropout, before = paper.sizes.dropout, model.config.dropout
    if dropout != before:
        set_dropout(model, dropout)
        account = (
            *account,
            f"Dropout: {dropout:g}, as published; {before:g} in what is begun with.",
        )
    return replace(adapted.bundle, name=paper.recipe.name), account


def _from_vit(paper: PaperRecipe, start: str) -> Bundle:
    beside = Path(start).parent if Path(start).is_file() else Path(start)
    tokenizer = read_tokenizer(beside, max_tokens=paper.sizes.max_text_tokens)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(paper.recipe.seed)
        model = from_timm(start, config=replace(paper.sizes, vocab_size=len(tokenizer)))
    return Bundle(
        name=paper.recipe.name, model=model, tokenizer=tokenizer, answers=(), domain="photographs"
    )
