"""Words to tokens and back: WordPiece, and masking by whole words (section 3.3) or by pieces.

A tokenizer of ours is one ``tokenizer.json`` of the tokenizers library: any tool of the field
reads it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tokenizers
import torch
from jaxtyping import Float, Int
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor

from vilt_core.types import TextBatch

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# The same five of CLIP, which has two, and no masks: texts are framed by them and filled up.
CLIP_START, CLIP_END = "<|startoftext|>", "<|endoftext|>"
_OF_CLIP = (CLIP_END, CLIP_END, CLIP_START, CLIP_END, None)
MAX_CHARACTERS = 10_000  # of a text that a person hands in; the time to split one grows with it
_QUOTED = 20  # characters before half a one, in the error
_MASK = re.compile(re.escape("[MASK]"), re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of a text and the tokens it fell into."""

    text: str
    start: int  # character span in the text
    end: int
    tokens: tuple[int, ...]  # indices into the sequence, [CLS] is 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedText:
    """A batch of texts as tokens, each token knowing its word."""

    batch: TextBatch
    words: Int[Tensor, "b l"]  # index of each token's word; -1 for special tokens and padding
    spans: Int[Tensor, "b l 2"]  # character span of each token; (0, 0) for special tokens


class Tokenizer:
    """Lower-casing WordPiece with BERT's special tokens, or the byte pairs of a published CLIP.

    Where there is no token for what is masked, ``mask`` is -1, which is nobody's id.
    """

    def __init__(self, backend: tokenizers.Tokenizer, *, max_tokens: int = 40):
        self.backend = backend
        self.max_tokens = max_tokens
        self.backend.no_padding()
        self.backend.no_truncation()
        names = SPECIAL if backend.token_to_id(CLIP_START) is None else _OF_CLIP
        self.pad, self.unknown, self.cls, self.sep, self.mask = (
            -1 if token is None else self._id_of(token) for token in names
        )

    def _id_of(self, token: str) -> int:
        found = self.backend.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer must know {token}, it has {len(self)} other tokens")
        return found

    @property
    def special(self) -> list[int]:
        """The ids that stand for no piece of a word."""
        roles = (self.pad, self.unknown, self.cls, self.sep, self.mask)
        return list(dict.fromkeys(role for role in roles if role >= 0))

    def __len__(self) -> int:
        return self.backend.get_vocab_size()

    @classmethod
    def from_file(cls, path: str | Path, *, max_tokens: int = 40) -> "Tokenizer":
        """Read a ``tokenizer.json``.

        Raises:
            ValueError: a missing or unreadable file.
        """
        if not Path(path).is_file():
            raise ValueError(f"expected a tokenizer at {path}, found none")
        try:
            backend = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"{path} is not a readable tokenizer: {error}") from error
        return cls(backend, max_tokens=max_tokens)

    @classmethod
    def train(cls, texts: Iterable[str], *, vocab_size: int, max_tokens: int = 40) -> "Tokenizer":
        """Learn the pieces from texts; rare words fall into several.

        The same texts give the same ids. Left to itself, the trainer would number the letters
        inside of words in the order of a hash map and break ties by these numbers: they are
        handed to it in order.
        """
        texts = list(texts)
        letters = [f"##{letter}" for letter in _inner_letters(texts)]
        backend = _wordpiece({})
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocab_size, special_tokens=[*SPECIAL, *letters], show_progress=False
        )
        backend.train_from_iterator(texts, trainer)
        backend = _wordpiece(backend.get_vocab())  # in which letters are nothing special
        backend.add_special_tokens(list(SPECIAL))
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            special_tokens=[(t, backend.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
        )
        return cls(backend, max_tokens=max_tokens)

    def save(self, path: str | Path) -> None:
        """Write one ``tokenizer.json``."""
        self.backend.save(str(path))

    def token(self, index: int) -> str:
        """The piece behind an id.

        Raises:
            ValueError: no such id.
        """
        found = self.backend.id_to_token(index)
        if found is None:
            raise ValueError(f"the tokenizer has {len(self)} tokens, got id {index}")
        return found

    def encode(self, texts: Sequence[str]) -> EncodedText:
        """Tokens of a batch of texts, padded to the longest and cut at ``max_tokens``.

        A cut text keeps its [SEP]. Whoever must not lose words asks ``count`` or ``check`` first.

        Raises:
            ValueError: no text at all, or half a character in one.
        """
        if not texts:
            raise ValueError("expected at least one text, got none")
        for text in texts:
            check_unicode(text)
        rows = self.backend.encode_batch(list(texts))
        limit = self.max_tokens
        length = min(max(len(row.ids) for row in rows), limit)
        ids = torch.full((len(rows), length), self.pad)
        words = torch.full((len(rows), length), -1)
        spans = torch.zeros((len(rows), length, 2), dtype=torch.long)
        mask = torch.zeros((len(rows), length), dtype=torch.bool)
        for at, row in enumerate(rows):
            count = min(len(row.ids), limit)
            ids[at, :count] = torch.tensor(row.ids[:count])
            words[at, :count] = torch.tensor([-1 if w is None else w for w in row.word_ids[:count]])
            spans[at, :count] = torch.tensor(row.offsets[:count])
            mask[at, :count] = True
            if len(row.ids) > limit:
                ids[at, -1], words[at, -1], spans[at, -1] = self.sep, -1, 0
        return EncodedText(batch=TextBatch(ids=ids, mask=mask), words=words, spans=spans)

    def count(self, text: str) -> int:
        """How many tokens a text needs, [CLS] and [SEP] included.

        Raises:
            ValueError: half a character in it.
        """
        check_unicode(text)
        return len(self.backend.encode(text).ids)

    def pieces(self, text: str) -> list[str]:
        """The pieces of a text in order, without [CLS] and [SEP]; never cut.

        Raises:
            ValueError: half a character in it.
        """
        check_unicode(text)
        return self.backend.encode(text).tokens[1:-1]

    def words(self, text: str) -> list[Word]:
        """The words of a text in order, as far as ``max_tokens`` reach; "[MASK]" counts as one.

        Every token but [CLS] and [SEP] belongs to exactly one of them.

        Raises:
            ValueError: half a character in it.
        """
        check_unicode(text)
        row = self.backend.encode(text)
        pieces: dict[int, list[int]] = {}
        for at, word in enumerate(row.word_ids[: self.max_tokens - 1]):
            if word is not None:
                pieces.setdefault(word, []).append(at)
        found = []
        for tokens in pieces.values():
            start, end = row.offsets[tokens[0]][0], row.offsets[tokens[-1]][1]
            found.append(Word(text=text[start:end], start=start, end=end, tokens=tuple(tokens)))
        return found

    def check(self, text: object, *, noun: str = "text") -> str:
        """A person's text, found fit to be read whole, with "[mask]" in capitals.

        Control characters are skipped over, and unknown words stand, as [UNK], beside known ones.

        Args:
            text: what was handed in.
            noun: what to call it in the error.

        Raises:
            ValueError: no string, half a character in it, nothing to read, no piece of it in the
                vocabulary, or more than the model can take: texts are never cut in silence.
        """
        if not isinstance(text, str):
            raise ValueError(f"the {noun} must be a string, got {type(text).__name__}")
        if len(text) > MAX_CHARACTERS:
            raise ValueError(
                f"the {noun} must have at most {MAX_CHARACTERS:,} characters, got {len(text):,}"
            )
        check_unicode(text, what=f"the {noun}")
        if not any(character.isalnum() for character in text):
            raise ValueError(f"the {noun} must have at least one letter or digit, got {text!r:.60}")
        text = _MASK.sub("[MASK]", text)
        row = self.backend.encode(text)
        room, needed = self.max_tokens - 2, len(row.ids) - 2  # [CLS] and [SEP]
        if needed > room:
            raise ValueError(
                f"the {noun} must have at most {room} tokens for this model, got {needed:,}"
            )
        silent = {self.pad, self.unknown, self.cls, self.sep}
        known = "".join(self.token(piece) for piece in row.ids if piece not in silent)
        if not any(character.isalnum() for character in known):
            raise ValueError(f"this model knows none of these words: {text!r:.60}")
        return text


def check_unicode(text: str, *, what: str = "the text") -> None:
    r"""Refuse half a character, such as "\ud800": JSON may hold it, no tokenizer takes it.

    Raises:
        ValueError: there is one.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        quoted = text[max(error.start - _QUOTED, 0) : error.start + 1]
        raise ValueError(
            f"{what} must be valid Unicode, got half a character at the end of {quoted!r}"
        ) from error


def _wordpiece(vocab: dict[str, int]) -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    return backend


def _inner_letters(texts: Sequence[str]) -> list[str]:
    """Every letter that stands in a word after its first, in order."""
    backend = _wordpiece({})
    found: set[str] = set()
    for chunk in {chunk for text in texts for chunk in text.split()}:
        plain = backend.normalizer.normalize_str(chunk)
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(plain):
            found.update(word[1:])
    return sorted(found)


def mask_words(
    ids: Int[Tensor, " l"],
    words: Int[Tensor, " l"],
    *,
    draw: Callable[[], float],
    mask_id: int,
    vocab_size: int,
    rate: float | Float[Tensor, " l"] = 0.15,
    unit: Literal["word", "piece"] = "word",
) -> tuple[Int[Tensor, " l"], Int[Tensor, " l"]]:
    """Hide words of one text whole, or single pieces of them: at least one, never padding.

    Of the chosen ones 80 % become [MASK], 10 % random pieces and 10 % stay, decided once a word:
    so a word hidden is hidden whole. Chance is spent on the text's own words alone, so neighbours
    in a batch and padding change nothing. (The published code draws per piece over a whole batch
    and counts [PAD] in its budget.)

    Args:
        ids: token ids of one text.
        words: index of each token's word, -1 where it belongs to none.
        draw: the source of chance, numbers from 0 up to 1.
        mask_id: the id of [MASK].
        vocab_size: random pieces are drawn from the ids above our special ones. BERT's own lie at
            100 to 103, among pieces that no text has: one random piece in 30 is one of these, as
            published.
        rate: chance of each word; where it is given per token, a word has its pieces' largest.
        unit: what is hidden together: "word", as in the paper, or "piece", as BERT did first.

    Returns:
        The masked ids, and the labels: -100 where nothing is asked.

    Raises:
        ValueError: another unit.
    """
    if unit not in ("word", "piece"):
        raise ValueError(f'unit must be "word" or "piece", got {unit!r}')
    units: dict[int, list[int]] = {}
    for at, word in enumerate(words.tolist()):
        if word >= 0:
            units.setdefault(word if unit == "word" else at, []).append(at)
    if not units:
        return ids.clone(), torch.full_like(ids, -100)
    original, masked, labels = ids.tolist(), ids.tolist(), [-100] * len(ids)
    rates = rate.tolist() if isinstance(rate, Tensor) else [rate] * len(ids)
    # Below 1 the word is hidden; the smallest is the likeliest, were there none.
    odds = [draw() / max(1e-12, *(rates[at] for at in tokens)) for tokens in units.values()]
    chosen = [tokens for tokens, odd in zip(units.values(), odds, strict=True) if odd < 1]
    for tokens in chosen or [list(units.values())[odds.index(min(odds))]]:
        fate = draw()
        for at in tokens:
            labels[at] = original[at]
            if fate < 0.8:
                masked[at] = mask_id
            elif fate < 0.9:
                masked[at] = len(SPECIAL) + int(draw() * (vocab_size - len(SPECIAL)))
    return torch.tensor(masked).to(ids), torch.tensor(labels).to(ids)
