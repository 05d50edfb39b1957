"""A trained model made ready for somebody's own data, with an account of what was kept.

Words, answers, the size of pictures and the heads change only as far as the data ask for it. Where
they ask for nothing new, the model computes what it did before.
"""

import copy
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from vilt_core.config import TASKS, TRAINING_HEADS, with_task
from vilt_core.data.examples import DataSet, QuestionExample, texts_of
from vilt_core.data.image import MAX_PIXELS
from vilt_core.data.sequences import present
from vilt_core.evaluation.answers import comparison, own_answer
from vilt_core.interop.bundle import Bundle
from vilt_core.layers.heads import RankHead, VqaHead
from vilt_core.layers.init import initialise
from vilt_core.layers.positions import resize_grid
from vilt_core.models.vilt import Vilt
from vilt_core.training.paper import most_patches
from vilt_core.training.picture_sizes import Size, as_read, sampled_sizes
from vilt_core.training.transfer import add_heads, start_rank_from_itm
from vilt_core.training.vocabulary import fit_words, some_of

KIND_OF = {"vqa": "questions", "nlvr2": "statements", "retrieval": "captions"}  # by task
OWN = "own data"  # the domain of what began in the sticker world, and has left it
_MISSING_NAMED = 5  # of what is missing of the data


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """A model ready to be trained on other data."""

    bundle: Bundle
    account: tuple[str, ...]  # what is missing, was kept and was made, a sentence or two each


def adapt(
    bundle: Bundle,
    *,
    task: str,
    data: DataSet,
    image_size: int | None = None,
    sizes: Sequence[Size] | None = None,
    min_count: int = 1,
    listed: Sequence[str] | None = None,
) -> Adapted:
    """Fit words, answers, picture size and heads to data; the same for the same data.

    Args:
        bundle: a trained model; it stays as it is.
        task: "vqa", "nlvr2" or "retrieval".
        data: what it will be trained on, and nothing else: never a set that scores it.
        image_size: the shorter side of the pictures, pixels; as before otherwise.
        sizes: of pictures from all over the data, for the account; ``sampled_sizes`` otherwise.
        min_count: of "vqa": how many questions an answer needs to be learned; 9 as published.
        listed: of "vqa": the answers, where another list than the data's own is meant.

    Raises:
        ValueError: another task, data of another kind, no answer that is frequent enough, or an
            image size that is no multiple of the model's patches, or larger than pictures may be.
    """
    if task not in KIND_OF:
        raise ValueError(f"task must be one of {', '.join(KIND_OF)}, got {task!r}")
    if data.kind != KIND_OF[task]:
        raise ValueError(f"{task} learns from {KIND_OF[task]}, got {data.name}, of {data.kind}")
    model = copy.deepcopy(bundle.vilt)
    texts = Counter(_texts(data))
    tokenizer, words = fit_words(model, bundle.tokenizer, texts)
    domain = OWN if bundle.domain == "stickers" else bundle.domain
    bundle = replace(bundle, model=model, tokenizer=tokenizer, domain=domain)
    bundle, pictures = _fit_pictures(bundle, image_size)
    sizes = sampled_sizes(data) if sizes is None else sizes
    read = as_read(sizes, size=bundle.processing.size, patch_size=model.config.patch_size)
    model.config = replace(model.config, max_patches=most_patches(model.config))
    answers: list[str] = []
    if task == "vqa":
        every = own_answers(data) if listed is None else Counter(dict.fromkeys(listed, min_count))
        order = "the most frequent first" if listed is None else "as they first appear"
        bundle, answers = _fit_answers(bundle, every, data, min_count=min_count, order=order)
    heads = _fit_heads(model, task)
    account = (*missing_of(data), *words, *answers, f"{pictures} {read}".rstrip(), *heads)
    return Adapted(bundle=bundle, account=account)


def missing_of(data: DataSet) -> list[str]:
    """What is missing of the data that a run learns from, a sentence each, for its account.

    A run learns from what is left: whoever starts it is to know that.
    """
    told = [f"Missing: {line}." for line in data.missing[:_MISSING_NAMED]]
    more = len(data.missing) - _MISSING_NAMED
    return [*told, f"Missing: {more:,} things more, see data check."] if more > 0 else told


def _texts(data: DataSet) -> Iterator[str]:
    for example in present(data.examples):
        yield from texts_of(example)


def _fit_pictures(bundle: Bundle, image_size: int | None) -> tuple[Bundle, str]:
    """The position table at the grid of another picture size, in place."""
    model, before = bundle.vilt, bundle.processing.size
    config = model.config
    if image_size in (None, before):
        return bundle, f"Pictures: {before} pixels on their shorter side, as before."
    if image_size < config.patch_size or image_size % config.patch_size:
        raise ValueError(
            f"image_size must be a multiple of this model's patches of {config.patch_size} pixels, "
            f"got {image_size}"
        )
    if image_size > (largest := math.isqrt(MAX_PIXELS)):
        raise ValueError(f"image_size must be at most {largest:,} pixels, got {image_size:,}")
    side = image_size // config.patch_size
    positions = model.patch_embedding.positions
    table = resize_grid(positions.table.detach(), rows=side, columns=side)
    positions.table = nn.Parameter(table.clone())
    model.config = replace(config, image_size=image_size)
    if bundle.pictures is not None:
        bundle = replace(bundle, pictures=replace(bundle.pictures, size=image_size))
    return bundle, (
        f"Pictures: {image_size} pixels on their shorter side, {before} before; the table of "
        f"positions is resized from {config.grid} x {config.grid} to {side} x {side}."
    )


def own_answers(data: DataSet, *, at_least: int = 1) -> Counter[str]:
    """The answers of questions, by how many questions they are the answer to.

    Of several people's answers the one that most gave counts, as published (Teney et al., CVPR
    2018). The most frequent first, those of equal count by the alphabet. By VQA v2's rules they are
    normalised (``comparison``); otherwise an answer is spelled as it is most often.
    """
    said: Counter[str] = Counter()
    spelled: Counter[str] = Counter()
    for example in data.examples:
        assert isinstance(example, QuestionExample)
        if example.answers:
            same = comparison(vqa_rules=data.vqa_rules, people=len(example.answers))
            said[Counter(map(same, example.answers)).most_common(1)[0][0]] += 1
            spelled.update(" ".join(answer.split()) for answer in example.answers)
    if not data.vqa_rules:
        said = _as_spelled(said, spelled)
    ranked = sorted(said, key=lambda answer: (-said[answer], answer))
    return Counter({answer: said[answer] for answer in ranked if said[answer] >= at_least})


def _as_spelled(said: Counter[str], spelled: Counter[str]) -> Counter[str]:
    """Somebody's own answers in their most frequent spelling; of equals the alphabet's first."""
    best: dict[str, str] = {}
    for spelling in sorted(spelled, key=lambda one: (-spelled[one], one)):
        best.setdefault(own_answer(spelling), spelling)
    return Counter({best[answer]: count for answer, count in said.items()})


def _fit_answers(
    bundle: Bundle, every: Counter[str], data: DataSet, *, min_count: int, order: str
) -> tuple[Bundle, list[str]]:
    """A head with the answers that are frequent enough; known ones keep their rows."""
    answers = tuple(answer for answer, count in every.items() if count >= min_count)
    if not answers:
        raise ValueError(f"{data.name} has no answer that {min_count} questions share")
    compared = comparison(vqa_rules=data.vqa_rules)
    places: dict[str, int] = {}
    for place, answer in enumerate(bundle.answers):
        places.setdefault(compared(answer), place)
    _set_answers(bundle.vilt, [places.get(compared(answer)) for answer in answers])
    chosen, said = set(answers), set(map(compared, every))
    lists = {
        "kept, with what was learned of them": [one for one in answers if compared(one) in places],
        "that are new": [one for one in answers if compared(one) not in places],
        "dropped, which the data lack": [one for one in places if one not in said],
        f"left out, of fewer than {min_count} questions": [
            one for one in every if one not in chosen
        ],
    }
    account = [f"Answers: {len(answers)}, {order}."]
    account += [
        f"Answers {what}: {len(some)} ({some_of(some)})." for what, some in lists.items() if some
    ]
    return replace(bundle, answers=answers), account


@torch.no_grad()
def _set_answers(model: Vilt, rows: Sequence[int | None]) -> None:
    """A classifier whose answers were rows of the old one, or are new (None), in place."""
    head = _fresh(VqaHead(model.config.width, answers=len(rows)), model)
    if model.vqa is not None:
        old, new = model.vqa.classify, head.classify
        for place, row in enumerate(rows):
            if row is not None:
                new.weight[place], new.bias[place] = old.weight[row], old.bias[row]
        head = model.vqa
        head.classify = new
    model.vqa = head
    model.config = replace(model.config, answers=len(rows))


def _fit_heads(model: Vilt, task: str) -> list[str]:
    """The head that a task needs, in place."""
    account = []
    dropped = [name for name in TRAINING_HEADS if getattr(model, name) is not None]
    for name in dropped:
        setattr(model, name, None)
    model.config = replace(model.config, patch_classes=0)
    if task == "nlvr2":
        account.append(_fit_pairs(model))
    if task == "retrieval":
        account.append(_fit_ranking(model))
    trained = {"vqa": "vqa", "nlvr2": "nlvr2", "retrieval": "rank"}[task]
    others = [name for name in (*TASKS, "vqa") if name != trained and getattr(model, name)]
    if others:
        account.append(f"Heads kept but not trained: {', '.join(others)}.")
    if dropped:
        account.append(f"Heads dropped: {', '.join(dropped)}.")
    return account


def _fit_pairs(model: Vilt) -> str:
    if model.nlvr2 is not None:
        return "Head of pairs: kept."
    add_heads(model, nlvr2=True)
    return "Head of pairs: made anew; the second picture's type starts as that of the first."


def _fit_ranking(model: Vilt) -> str:
    if model.rank is not None:
        return "Head of ranking: kept."
    if model.itm is not None:
        start_rank_from_itm(model)
        return "Head of ranking: starts as the matching head's row for a match."
    model.rank = _fresh(RankHead(model.config.width), model)
    model.config = with_task(model.config, "rank")
    return "Head of ranking: made anew."


def _fresh(head, model: Vilt):
    """A head at its initial values, always the same, where the model lies."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        initialise(head)
    return head.to(model.pooler.dense.weight)
