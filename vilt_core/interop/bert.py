"""BERT's tokenizer, in and out of the files that transformers keeps it in."""

import json
from collections.abc import Callable
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from vilt_core.data.text import SPECIAL, Tokenizer
from vilt_core.interop.client import client
from vilt_core.interop.folders import json_text, read_object

PUBLISHED = "google-bert/bert-base-uncased"  # whose vocabulary every published ViLT speaks
_ROLES = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL, strict=True))


def read_tokenizer(folder: Path, *, max_tokens: int) -> Tokenizer:
    """The tokenizer beside a checkpoint: the same ids as transformers' ``BertTokenizer``.

    Where there is none, it is that of BERT, uncased, by way of the Hugging Face Hub or its cache.

    Args:
        folder: May hold tokenizer.json or vocab.txt, and tokenizer_config.json.
        max_tokens: The model's limit; the tokenizer's own may be lower.

    Raises:
        ValueError: A file that cannot be read, or no vocabulary anywhere.
    """
    settings_file = folder / "tokenizer_config.json"
    settings = read_object(settings_file) if settings_file.is_file() else {}
    limit = settings.get("model_max_length")
    if isinstance(limit, int | float) and 2 < limit < max_tokens:
        max_tokens = int(limit)
    if (folder / "tokenizer.json").is_file():
        found = Tokenizer.from_file(folder / "tokenizer.json", max_tokens=max_tokens)
        if settings_file.is_file() and isinstance(
            found.backend.normalizer, normalizers.BertNormalizer
        ):
            found.backend.normalizer = _normalizer(settings, settings_file)
        return found
    vocabulary = folder / "vocab.txt"
    if not vocabulary.is_file():
        vocabulary = _fetched_vocabulary(folder)
    backend = tokenizers.Tokenizer(models.WordPiece(_vocabulary(vocabulary), unk_token="[UNK]"))
    backend.normalizer = _normalizer(settings, settings_file)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.add_special_tokens(list(SPECIAL))
    found = Tokenizer(backend, max_tokens=max_tokens)
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", found.cls), ("[SEP]", found.sep)]
    )
    return found


def tokenizer_files(tokenizer: Tokenizer, folder: Path) -> dict[Path, Callable[[Path], object]]:
    """What writes the files by which every release of transformers opens a tokenizer.

    Raises:
        ValueError: It is not one of BERT's kind, or its ids have gaps.
    """
    described = json.loads(tokenizer.backend.to_str())
    kinds = (described["model"]["type"], (described["normalizer"] or {}).get("type"))
    if kinds != ("WordPiece", "BertNormalizer"):
        raise ValueError(
            f"transformers' ViLT needs a WordPiece tokenizer with BERT's normalizer, got {kinds}"
        )
    pieces = {index: token for token, index in tokenizer.backend.get_vocab().items()}
    if sorted(pieces) != list(range(len(pieces))):
        raise ValueError("the ids of the tokenizer must count from 0 without gaps")
    vocabulary = "".join(f"{pieces[index]}\n" for index in range(len(pieces)))
    special = {f"{role}_token": token for role, token in _ROLES.items()}
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": described["normalizer"]["lowercase"],
        "strip_accents": described["normalizer"]["strip_accents"],
        "tokenize_chinese_chars": described["normalizer"]["handle_chinese_chars"],
        "model_max_length": tokenizer.max_tokens,
        **special,
    }
    return {
        folder / "tokenizer.json": tokenizer.save,
        folder / "vocab.txt": lambda part: part.write_text(vocabulary, encoding="utf-8"),
        folder / "tokenizer_config.json": lambda part: part.write_text(json_text(settings)),
        folder / "special_tokens_map.json": lambda part: part.write_text(json_text(special)),
    }


def _normalizer(settings: dict, path: Path) -> normalizers.BertNormalizer:
    lowercase = settings.get("do_lower_case", True)
    chinese = settings.get("tokenize_chinese_chars", True)
    accents = settings.get("strip_accents")
    if not (isinstance(lowercase, bool) and isinstance(chinese, bool)) or (
        accents is not None and not isinstance(accents, bool)
    ):
        raise ValueError(
            f"{path}: do_lower_case, tokenize_chinese_chars and strip_accents must be true or "
            f"false, got {lowercase!r}, {chinese!r} and {accents!r}"
        )
    return normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=chinese, strip_accents=accents, lowercase=lowercase
    )


def _vocabulary(path: Path) -> dict[str, int]:
    """One piece a line; the line number is its id."""
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a readable vocabulary: {error}") from error
    pieces = {piece: index for index, piece in enumerate(lines)}
    if len(pieces) != len(lines):
        raise ValueError(f"{path} must name each piece once, {len(lines) - len(pieces)} come again")
    if missing := [token for token in SPECIAL if token not in pieces]:
        raise ValueError(f"{path} must name {list(SPECIAL)}, it lacks {missing}")
    return pieces


def _fetched_vocabulary(folder: Path) -> Path:
    try:
        return client().fetch_file(PUBLISHED, "vocab.txt")
    except ValueError as error:
        raise ValueError(
            f"{folder} has no tokenizer (tokenizer.json or vocab.txt), and that of published "
            f"checkpoints is not at hand: {error}"
        ) from error
