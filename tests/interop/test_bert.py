"""The same ids as transformers' BertTokenizer, whatever a text holds and however it is stored."""

import json
import random
import string

import pytest
from judges import refusal_of

from vilt_core.data.text import SPECIAL
from vilt_core.interop.bert import read_tokenizer, tokenizer_files

WORDS = (
    "the a cat cats couch lay ##ing ##s un ##believ ##able caf cafe café ##é naive naïve zürich "
    "zurich straße über 猫 狗 在 上 東 京 は ん ##ん привет мир ##ир 한 국 ##국 ½ ™ ﬁ ﬁnd find i̇ "
    "istanbul 2 10 ##0 hello Hello HELLO ##llo [unused0] [unused1] mask ##mask don isn"
)
TEXTS = [
    "The CATS lay on the couch.",
    "unbelievable cats, laying?!",
    "Café naïve ZÜRICH straße ÜBER",
    "cafe\u0301 nai\u0308ve",  # accents apart from their letters
    "猫在couch上 東京 はん",
    "한국 привет Мир",
    "cats\u0000on\u0007the\u200bcouch\ufeff\ufffd",
    "a\tcat\r\non\u00a0the\u3000couch\u2028a",
    "🐱🐶 cats 👩‍👩‍👧 🇩🇪 a☃︎",
    "x" * 99 + " " + "x" * 100 + " " + "x" * 101 + " cat",
    "[MASK] [mask] [Mask] x[MASK]y [MASK][MASK] [CLS] [SEP] [PAD] [UNK] [unused0] [unused1]",
    "don't isn't --- a.b,c;d:e (f) {g} $1,000.00 100% a/b\\c ~`^_|<>=+*&@# “quoted” … —",
    "½ ™ ﬁnd ﬁ İstanbul ΑΣ ẞ",
    "Hello HELLO hello",
    "   ",
    "",
    "\ud7ff\ue000\U0001f600\U000e0041",
]


def noise(count):
    """Texts of letters from everywhere."""
    draw = random.Random(0)
    starts = (0, 32, 64, 160, 300, 768, 1024, 8192, 12352, 19968, 63744, 65024, 127744)
    ranges = [(start, start + 60) for start in starts]
    texts = []
    for _ in range(count):
        letters = [chr(draw.randrange(*draw.choice(ranges))) for _ in range(draw.randrange(1, 40))]
        texts.append("".join(letters))
    return texts


@pytest.fixture
def folder(tmp_path):
    pieces = [
        *SPECIAL,
        *WORDS.split(),
        *string.ascii_lowercase,
        *(f"##{c}" for c in string.ascii_lowercase),
    ]
    pieces = list(dict.fromkeys([*pieces, *string.punctuation, *string.digits]))
    (tmp_path / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    return tmp_path


SETTINGS = {
    "published": {"do_lower_case": True, "model_max_length": 512, "strip_accents": None},
    "cased": {"do_lower_case": False},
    "accents kept": {"do_lower_case": True, "strip_accents": False},
    "accents gone": {"do_lower_case": False, "strip_accents": True},
    "characters together": {"tokenize_chinese_chars": False},
}


def ids(tokenizer, text):
    row = tokenizer.encode([text]).batch
    return row.ids[0][row.mask[0]].tolist()


@pytest.mark.parametrize("settings", [None, *SETTINGS.values()], ids=["none", *SETTINGS])
@pytest.mark.parametrize("form", ["vocab.txt", "tokenizer.json"])
def test_the_same_ids(folder, settings, form):
    transformers = pytest.importorskip("transformers", reason="the reference is not installed")
    if settings is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    reference = transformers.BertTokenizer.from_pretrained(folder)
    if form == "tokenizer.json":
        reference.save_pretrained(folder)
        reference = transformers.BertTokenizer.from_pretrained(folder)
    tokenizer = read_tokenizer(folder, max_tokens=400)
    for text in [*TEXTS, *noise(200)]:
        assert ids(tokenizer, text) == reference(text)["input_ids"], text


def test_what_is_written_is_read_alike(folder, tmp_path):
    transformers = pytest.importorskip("transformers", reason="the reference is not installed")
    for name, settings in SETTINGS.items():
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        tokenizer = read_tokenizer(folder, max_tokens=400)
        target = tmp_path / name
        target.mkdir()
        for path, write in tokenizer_files(tokenizer, target).items():
            write(path)
        again = read_tokenizer(target, max_tokens=400)
        (target / "tokenizer.json").unlink()
        from_lines = read_tokenizer(target, max_tokens=400)
        reference = transformers.BertTokenizerFast.from_pretrained(target)
        for text in TEXTS:
            expected = ids(tokenizer, text)
            assert ids(again, text) == ids(from_lines, text) == expected
            assert reference(text)["input_ids"] == expected


def test_lengths(folder):
    assert read_tokenizer(folder, max_tokens=40).max_tokens == 40
    for limit, expected in ((512, 40), (12, 12), (1e30, 40), (None, 40), ("many", 40)):
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": limit}))
        assert read_tokenizer(folder, max_tokens=40).max_tokens == expected


def refusal(folder):
    sentence = refusal_of(read_tokenizer, folder, max_tokens=40)
    assert str(folder) in sentence
    return sentence


def test_vocabularies_that_are_none(folder):
    lines = (folder / "vocab.txt").read_text(encoding="utf-8")
    (folder / "vocab.txt").write_text(lines + "cat\n", encoding="utf-8")
    assert "must name each piece once, 1 come again" in refusal(folder)
    (folder / "vocab.txt").write_text(lines.replace("[SEP]\n", ""), encoding="utf-8")
    assert "it lacks ['[SEP]']" in refusal(folder)
    (folder / "vocab.txt").write_bytes(b"\xff\xfe\x00")
    assert "not a readable vocabulary" in refusal(folder)


def test_windows_line_ends(folder):
    expected = read_tokenizer(folder, max_tokens=40).backend.get_vocab()
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").replace("\n", "\r\n")
    (folder / "vocab.txt").write_bytes(lines.encode())
    assert read_tokenizer(folder, max_tokens=40).backend.get_vocab() == expected


def test_settings_that_are_none(folder):
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": "yes"}')
    assert "true or false, got 'yes'" in refusal(folder)
    (folder / "tokenizer_config.json").write_text("[")
    assert "not readable JSON" in refusal(folder)


def test_without_any_it_is_berts_own(folder, tmp_path, monkeypatch):
    asked = []

    def fetch_file(repo, name):
        asked.append((repo, name))
        return folder / "vocab.txt"

    monkeypatch.setattr("vilt_core.interop.hub.fetch_file", fetch_file)
    empty = tmp_path / "empty"
    empty.mkdir()
    found = read_tokenizer(empty, max_tokens=40)
    assert asked == [("google-bert/bert-base-uncased", "vocab.txt")]
    assert ids(found, "a cat") == ids(read_tokenizer(folder, max_tokens=40), "a cat")


def test_without_any_and_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    assert "has no tokenizer (tokenizer.json or vocab.txt)" in refusal(tmp_path)
