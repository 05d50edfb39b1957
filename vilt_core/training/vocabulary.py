"""The words of other data: a WordPiece vocabulary that grows by words it knew in pieces only."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import tokenizers
import torch
from torch import Tensor, nn

from vilt_core.data.text import Tokenizer, check_unicode
from vilt_core.models.vilt import Vilt

LARGE = 10_000  # pieces; a vocabulary of everyday language, whose pieces have all been learned
MOST_NEW = 500  # words
AT_LEAST = 2  # times that a new word is said
LONGEST_TEXT = 128  # tokens; what is longer is cut
PORTION = 5_000  # texts taken apart at once: some 3 kB each until they are counted
_SHOWN = 8  # words of a list in an account


def fit_words(
    model: Vilt, tokenizer: Tokenizer, texts: Mapping[str, int]
) -> tuple[Tokenizer, list[str]]:
    """Fit a model, in place, to the words and the lengths of texts.

    Args:
        model: what reads them.
        tokenizer: of the model.
        texts: each with how often it stands in the data.

    Returns:
        The tokenizer that the model has from now on, and an account of what was done.
    """
    said = words_said(tokenizer, texts)
    known = tokenizer.backend.get_vocab()
    whole = [word for word in said if word in known]
    share = sum(said[word] for word in whole) / max(said.total(), 1)
    account = [
        f"Words: {len(whole)} of the {len(said)} different words of the data were single pieces "
        f"already, {share:.1%} of all that is said."
    ]
    words = new_words(tokenizer, said)
    if words:
        account.append(
            f"Vocabulary: grows by {len(words)} ({some_of(words)}) from {len(tokenizer)} pieces; a "
            "new one starts as the mean of the pieces that the word fell into before."
        )
    else:
        why = ", a large one" if len(tokenizer) >= LARGE else ""
        account.append(f"Vocabulary: kept as it is, {len(tokenizer)} pieces{why}.")
    tokenizer = learn_words(model, tokenizer, words)
    if unread := unread_words(tokenizer, said):
        times = sum(said[word] for word in unread)
        account.append(
            f"Words that are read as one and the same, unknown: {len(unread)} ({some_of(unread)}), "
            f"{times / said.total():.1%} of all that is said."
        )
    lengths = token_counts(tokenizer, texts)
    longest, before = max(lengths, default=0), model.config.max_text_tokens
    tokenizer = make_room(model, tokenizer, min(longest, LONGEST_TEXT))
    room = model.config.max_text_tokens
    line = f"Texts: up to {room} tokens"
    line += ", as before" if room == before else f", {before} before"
    line += f"; the longest of the data has {longest}."
    times = zip(texts.values(), lengths, strict=True)
    if cut := sum(count for count, length in times if length > room):
        line += f" {cut:,} longer ones are cut." if cut > 1 else " 1 longer one is cut."
    return tokenizer, [*account, line]


def words_said(tokenizer: Tokenizer, texts: Mapping[str, int]) -> Counter[str]:
    """How often each word is said, as the tokenizer sees words.

    Args:
        tokenizer: whose idea of letters and of words.
        texts: each with how often it stands in the data.

    Raises:
        ValueError: half a character in one.
    """
    backend = tokenizer.backend
    said: Counter[str] = Counter()
    for text, times in texts.items():
        check_unicode(text)
        plain = backend.normalizer.normalize_str(text) if backend.normalizer else text
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(plain):
            said[word] += times
    return said


def token_counts(tokenizer: Tokenizer, texts: Iterable[str]) -> list[int]:
    """How many tokens each text needs, in memory for ``PORTION`` of them."""
    counts: list[int] = []
    left = iter(texts)
    while some := list(islice(left, PORTION)):
        counts += [len(row.ids) for row in tokenizer.backend.encode_batch(some)]
    return counts


def new_words(tokenizer: Tokenizer, said: Mapping[str, int]) -> list[str]:
    """The words to learn whole: the most frequent first, those of equal count by the alphabet."""
    if len(tokenizer) >= LARGE:
        return []
    known = tokenizer.backend.get_vocab()
    strange = [word for word, times in said.items() if word not in known and times >= AT_LEAST]
    return sorted(strange, key=lambda word: (-said[word], word))[:MOST_NEW]


def unread_words(tokenizer: Tokenizer, said: Mapping[str, int]) -> list[str]:
    """The words that not even pieces make up, the most frequent first: a model cannot read them."""
    known = tokenizer.backend.get_vocab()
    strange = [word for word in said if word not in known]
    read = tokenizer.backend.encode_batch(strange, add_special_tokens=False)
    unread = [word for word, one in zip(strange, read, strict=True) if tokenizer.unknown in one.ids]
    return sorted(unread, key=lambda word: (-said[word], word))


def with_words(tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """A tokenizer that knows more words whole; every piece keeps its id.

    Texts with none of these words are read as before. A longer word that begins with a new one may
    fall into other pieces.
    """
    described = json.loads(tokenizer.backend.to_str())
    first = len(tokenizer)
    described["model"]["vocab"] |= {word: first + at for at, word in enumerate(words)}
    backend = tokenizers.Tokenizer.from_str(json.dumps(described))
    return Tokenizer(backend, max_tokens=tokenizer.max_tokens)


@torch.no_grad()
def learn_words(model: Vilt, tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """Give a model new words, in place; returns the tokenizer that has them.

    The embedding of each starts as the mean of the pieces that the word fell into, and so do its
    row and its bias in the decoder of masked words.
    """
    if not words:
        return tokenizer
    pieces = [tokenizer.backend.encode(word, add_special_tokens=False).ids for word in words]
    first = len(tokenizer)
    table = _with_means(model.text_embedding.words.weight, pieces, first=first)
    model.text_embedding.words = nn.Embedding.from_pretrained(table, freeze=False)
    if model.mlm is not None:
        decoder = nn.Linear(table.shape[1], len(table)).to(table)
        decoder.weight.copy_(_with_means(model.mlm.decoder.weight, pieces, first=first))
        decoder.bias.copy_(_with_means(model.mlm.decoder.bias, pieces, first=first))
        model.mlm.decoder = decoder
    model.config = replace(model.config, vocab_size=len(table))
    return with_words(tokenizer, words)


@torch.no_grad()
def make_room(model: Vilt, tokenizer: Tokenizer, tokens: int) -> Tokenizer:
    """Let a model read longer texts, in place; returns the tokenizer that cuts them later.

    New places begin as the last one that there was.
    """
    places = model.text_embedding.positions.weight
    if tokens <= len(places):
        return tokenizer
    more = places[-1:].expand(tokens - len(places), -1)
    table = nn.Embedding.from_pretrained(torch.cat([places, more]), freeze=False)
    model.text_embedding.positions = table
    model.config = replace(model.config, max_text_tokens=tokens)
    return Tokenizer(tokenizer.backend, max_tokens=tokens)


def _with_means(table: Tensor, pieces: Sequence[Sequence[int]], *, first: int) -> Tensor:
    """The rows of a table, and from ``first`` on the mean of some of them for each new one."""
    grown = table.new_zeros(max(len(table), first + len(pieces)), *table.shape[1:])
    grown[: len(table)] = table
    for at, own in enumerate(pieces):
        grown[first + at] = table[list(own)].mean(dim=0)
    return grown


def some_of(words: Sequence[str]) -> str:
    """The first few, for a person; an empty one as a pair of quotes."""
    more = ", ..." if len(words) > _SHOWN else ""
    return ", ".join(word or "“”" for word in words[:_SHOWN]) + more
