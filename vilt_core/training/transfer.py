"""What a model that has learned one thing brings to the next.

Words start where their pictures are. After the backbone has learned to name stickers, the vector
that its naming head holds for "cat" points to where cats lie in the space of the patches. The word
"cat" starts there too: in the word embedding, in the decoder of masked words and among the answers,
and the heads start as near-identities. What is left to learn is to look, not what every single noun
means.

Ranking starts as matching, and the second picture of a pair as the first.
"""

from dataclasses import replace

import torch
from torch import nn

from vilt_core.config import TRAINING_HEADS, with_task
from vilt_core.data.text import Tokenizer
from vilt_core.layers.heads import LocatingHead, Nlvr2Head, RankHead
from vilt_core.layers.init import initialise
from vilt_core.layers.positions import sines
from vilt_core.layers.reader import PairReader
from vilt_core.models.vilt import Vilt
from vilt_core.world.sprites import sprites

_EMBEDDING_SCALE = 0.05  # of a noun's word embedding; others start at 0.02
_DECODER_SCALE = 0.08


@torch.no_grad()
def seed_words_from_pictures(model: Vilt, tokenizer: Tokenizer, answers: tuple[str, ...]) -> int:
    """Move what the naming head knows into the text side, in place; returns the pieces touched.

    Raises:
        ValueError: a model without one of these heads.
    """
    if model.naming is None or model.vqa is None or model.mlm is None:
        raise ValueError("expected a model with naming, MLM and VQA heads, one of them is missing")
    directions = model.naming.weight[1:].float().cpu()
    directions = directions - directions.mean(dim=0)
    directions = directions / directions.std(dim=1, keepdim=True)
    total = torch.zeros(len(tokenizer), model.config.width)
    heard = torch.zeros(len(tokenizer))
    answer_total = torch.zeros(len(answers), model.config.width)
    answer_heard = torch.zeros(len(answers))
    for sprite, direction in zip(sprites(), directions, strict=True):
        said = {sprite.name, sprite.plural} | ({sprite.color} if sprite.color else set())
        for word in said:
            for piece in tokenizer.backend.encode(word, add_special_tokens=False).ids:
                total[piece] += direction
                heard[piece] += 1
        for word in {sprite.name, sprite.color} & set(answers):
            answer_total[answers.index(word)] += direction
            answer_heard[answers.index(word)] += 1
    named = heard > 0
    # A piece that many nouns share ("##s") points nowhere: its mean is short, and stays short.
    mean = total[named] / heard[named, None]
    device = model.naming.weight.device
    model.text_embedding.words.weight[named] += (mean * _EMBEDDING_SCALE).to(device)
    model.mlm.decoder.weight[named] += (mean * _DECODER_SCALE).to(device)
    eye = torch.eye(model.config.width)
    model.mlm.dense.weight.copy_(eye)
    model.pooler.dense.weight.copy_(eye * 0.5)
    # gelu(x) - gelu(-x) = x: the two halves of the VQA head together pass the pooled state on.
    model.vqa.expand.weight.copy_(torch.cat((eye, -eye)))
    known = answer_heard > 0
    rows = answer_total[known] / answer_heard[known, None]
    rows = rows / rows.std(dim=1, keepdim=True) * _DECODER_SCALE
    model.vqa.classify.weight[known] = torch.cat((rows, -rows), dim=1).to(device)
    return int(named.sum())


def set_dropout(model: Vilt, share: float) -> None:
    """Let training drop this share of units wherever the model drops any, in place."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
    model.config = replace(model.config, dropout=share)


@torch.no_grad()
def start_rank_from_itm(model: PairReader) -> None:
    """Give a model the head of retrieval, which begins as the "match" row of its ITM head.

    In place; the config follows. As published, the ITM head learns no more (section 4.4).

    Raises:
        ValueError: a model without an ITM head.
    """
    if model.itm is None:
        raise ValueError("expected a model with an ITM head, it has none")
    matching = model.itm.dense
    with torch.random.fork_rng(devices=[]):  # the head's own start is not used
        rank = RankHead(matching.in_features).to(matching.weight)
    rank.dense.weight.copy_(matching.weight[1:])
    rank.dense.bias.copy_(matching.bias[1:])
    model.rank = rank
    if isinstance(model, Vilt):
        model.config = with_task(model.config, "rank")
    else:
        model.config = replace(model.config, ranking=True)
    model.itm.requires_grad_(False)


@torch.no_grad()
def start_second_image_type(model: Vilt) -> None:
    """Give a model a type for the second image of a pair, which begins as that of the first.

    In place; the config follows. What the model computes of one image stays the same (the published
    code does so for NLVR2, section 4.3).

    Raises:
        ValueError: a model that has more types than text and image.
    """
    types = model.fusion.types.weight
    if len(types) != 2:
        raise ValueError(f"expected a model of 2 modality types, got {len(types)}")
    grown = torch.cat([types, types[1:]])
    model.fusion.types = nn.Embedding.from_pretrained(grown, freeze=False)
    model.config = replace(model.config, modality_types=3)


@torch.no_grad()
def strengthen_positions(model: Vilt, *, size: float = 1.0) -> None:
    """Add waves to a position grid that was never learned, in place; any other stays as it is.

    Models that were made before ``initialise`` gave positions a start have next to none.

    Args:
        model: what gets them.
        size: root mean square of what is added, and of a table that needs nothing a quarter of it.
    """
    table = model.patch_embedding.positions.table
    if table.square().mean().sqrt() > size / 4:
        return
    table += size * sines(len(table), model.config.width).to(table)


def add_heads(model: Vilt, *, nlvr2: bool = False, patch_classes: int = 0) -> None:
    """Give a model heads that it lacks, fresh ones, in place; the config follows.

    Args:
        model: what gets them; heads that it has stay as they are.
        nlvr2: the head of statements over two pictures, with a type for the second one.
        patch_classes: of the heads that training on stickers has besides; 0 adds none.
    """
    config, device = model.config, next(model.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if nlvr2 and model.nlvr2 is None:
            if config.modality_types == 2:
                start_second_image_type(model)
            model.config = with_task(model.config, "nlvr2")
            model.nlvr2 = Nlvr2Head(config.width)
            initialise(model.nlvr2)
        if patch_classes and model.naming is None:
            model.config = replace(model.config, patch_classes=patch_classes)
            model.naming = nn.Linear(config.width, patch_classes)
            model.mentioning = nn.Linear(config.width, 1)
            model.locating = LocatingHead(config.width)
            model.comparing = nn.Linear(config.width, 3)
            for name in TRAINING_HEADS:
                initialise(getattr(model, name))
    model.to(device)
