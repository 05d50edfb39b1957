"""CLIP's tokenizer, out of the files that transformers keeps it in."""

from pathlib import Path

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors

from vilt_core.data.text import CLIP_END, CLIP_START, Tokenizer

# Words, digits one by one, and runs of anything else: each falls into pieces by itself.
_PARTS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


def read_byte_pairs(folder: Path, *, max_tokens: int) -> Tokenizer:
    """The tokenizer beside a checkpoint: the same ids as transformers' ``CLIPTokenizer``.

    Args:
        folder: Holds tokenizer.json, or vocab.json and merges.txt.
        max_tokens: The model's limit.

    Raises:
        ValueError: None there, one that cannot be read, or one that frames texts otherwise.
    """
    path, pieces, merges = (folder / n for n in ("tokenizer.json", "vocab.json", "merges.txt"))
    if not path.is_file() and not (pieces.is_file() and merges.is_file()):
        raise ValueError(
            f"{folder} has no tokenizer: expected tokenizer.json, or vocab.json and merges.txt"
        )
    if path.is_file():
        found = Tokenizer.from_file(path, max_tokens=max_tokens)
    else:
        path = pieces
        found = Tokenizer(_built(pieces, merges), max_tokens=max_tokens)
    framed = found.backend.encode("a").tokens
    if (framed[:1], framed[-1:]) != ([CLIP_START], [CLIP_END]):
        raise ValueError(
            f"{path} must put texts between {CLIP_START} and {CLIP_END}, got {framed!r:.100}"
        )
    return found


def _built(pieces: Path, merges: Path) -> tokenizers.Tokenizer:
    try:
        model = models.BPE.from_file(
            str(pieces), str(merges), unk_token=CLIP_END, end_of_word_suffix="</w>"
        )
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{pieces} and {merges.name} are no byte pairs: {error}") from error
    backend = tokenizers.Tokenizer(model)
    start, end = backend.token_to_id(CLIP_START), backend.token_to_id(CLIP_END)
    if start is None or end is None:
        raise ValueError(f"{pieces} must name {CLIP_START} and {CLIP_END}")
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PARTS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([CLIP_START, CLIP_END])
    backend.post_processor = processors.RobertaProcessing(
        (CLIP_END, end), (CLIP_START, start), trim_offsets=False, add_prefix_space=False
    )
    return backend
