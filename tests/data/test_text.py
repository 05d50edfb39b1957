"""Laws of words and tokens, and of hiding words or their pieces."""

import inspect
import math
import random
from itertools import pairwise

import pytest
import torch

from vilt_core.data.text import SPECIAL, Tokenizer, mask_words

SENTENCES = [
    "a cat next to a red apple",
    "there is a giraffe on the left of the banana",
    "how many cats are there?",
    "is the dog above the yellow umbrella?",
    "two strawberries and a blue heart",
    "a photograph with an elephant below a guitar",
]
TEXTS = [*SENTENCES, "A Cat, a DOG; don't!", "a [MASK] next to [MASK]", "猫 and a cat 🐱", "été"]


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(SENTENCES, vocab_size=110, max_tokens=16)


# Tokens


def test_training_is_deterministic_and_files_keep_everything(tokenizer, tmp_path):
    again = Tokenizer.train(SENTENCES, vocab_size=110, max_tokens=16)
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.from_file(tmp_path / "tokenizer.json", max_tokens=16)
    pieces = [tokenizer.token(index) for index in range(len(tokenizer))]
    for other in (again, loaded):
        assert [other.token(index) for index in range(len(other))] == pieces
        assert torch.equal(other.encode(TEXTS).batch.ids, tokenizer.encode(TEXTS).batch.ids)


def test_special_tokens_come_first(tokenizer):
    assert tuple(tokenizer.token(index) for index in range(len(SPECIAL))) == SPECIAL
    assert sorted(tokenizer.special) == list(range(len(SPECIAL)))


def test_a_row_is_cls_words_sep_and_padding(tokenizer):
    encoded = tokenizer.encode(TEXTS)
    ids, mask = encoded.batch.ids, encoded.batch.mask
    ends = mask.sum(dim=1) - 1
    rows = torch.arange(len(TEXTS))
    assert (ids[:, 0] == tokenizer.cls).all()
    assert (ids[rows, ends] == tokenizer.sep).all()
    assert torch.equal(mask, torch.arange(ids.shape[1]) <= ends[:, None])
    assert torch.equal(ids == tokenizer.pad, ~mask)
    special = (ids == tokenizer.cls) | (ids == tokenizer.sep) | ~mask
    assert torch.equal(encoded.words < 0, special)


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_are_the_tokens_between_cls_and_sep(tokenizer, text):
    ids = tokenizer.encode([text]).batch.ids[0, 1:-1].tolist()
    assert tokenizer.pieces(text)[: len(ids)] == [tokenizer.token(index) for index in ids]
    assert len(tokenizer.pieces(text)) == tokenizer.count(text) - 2


def test_alone_as_in_a_batch(tokenizer):
    together = tokenizer.encode(TEXTS)
    for row, text in enumerate(TEXTS):
        alone = tokenizer.encode([text])
        length = alone.batch.ids.shape[1]
        assert torch.equal(alone.batch.ids[0], together.batch.ids[row, :length])
        assert torch.equal(alone.words[0], together.words[row, :length])
        assert torch.equal(alone.spans[0], together.spans[row, :length])


def test_case_and_accents_do_not_matter(tokenizer):
    plain, other = tokenizer.encode(["a cat"]), tokenizer.encode(["Á CAT"])
    assert torch.equal(plain.batch.ids, other.batch.ids)


@pytest.mark.parametrize("words", [13, 14, 15, 40])
def test_a_long_text_is_cut_and_keeps_its_sep(tokenizer, words):
    text = "cat " * words
    encoded = tokenizer.encode([text])
    length = min(words + 2, 16)
    assert tokenizer.count(text) == words + 2
    assert encoded.batch.ids.tolist()[0][-1] == tokenizer.sep
    assert encoded.batch.ids.shape == (1, length)
    assert encoded.words.tolist()[0] == [-1, *range(length - 2), -1]
    assert encoded.spans[0, -1].tolist() == [0, 0]
    assert [word.tokens for word in tokenizer.words(text)] == [(i + 1,) for i in range(length - 2)]


@pytest.mark.parametrize("text", ["\ud800", "the cat on \ude00 the mat", "cat " * 99 + "\udfff"])
def test_half_a_character_is_refused_in_a_sentence_wherever_it_comes_in(tokenizer, text):
    for read in (lambda text: tokenizer.encode(["a cat", text]), tokenizer.count, tokenizer.words):
        with pytest.raises(ValueError, match=r"^the text must be valid Unicode") as caught:
            read(text)
        assert type(caught.value) is ValueError
        assert str(caught.value).isascii()
    whole = tokenizer.encode(["a cat \U0001f431"]).batch.ids
    assert (whole == tokenizer.unknown).any()


def test_no_texts_are_refused(tokenizer):
    with pytest.raises(ValueError, match="at least one text"):
        tokenizer.encode([])


@pytest.mark.parametrize("content", ["", "{", "{}", '{"model": 3}', "\udcff"])
def test_a_damaged_file_is_refused(content, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ValueError, match="not a readable tokenizer"):
        Tokenizer.from_file(path)


def test_a_missing_file_and_a_foreign_vocabulary_are_refused(tokenizer, tmp_path):
    with pytest.raises(ValueError, match="found none"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")
    tokenizer.save(tmp_path / "tokenizer.json")
    text = (tmp_path / "tokenizer.json").read_text().replace("[MASK]", "<mask>")
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(ValueError, match=r"must know \[MASK\]"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match="got id 5000"):
        tokenizer.token(5000)


# Words


@pytest.mark.parametrize("text", TEXTS)
def test_words_share_out_all_tokens_in_order(tokenizer, text):
    words, encoded = tokenizer.words(text), tokenizer.encode([text])
    tokens = [token for word in words for token in word.tokens]
    assert tokens == list(range(1, encoded.batch.ids.shape[1] - 1))
    index = encoded.words[0].tolist()
    for place, word in enumerate(words):
        assert {index[token] for token in word.tokens} == {place}
        assert text[word.start : word.end] == word.text
        assert word.text == word.text.strip() != ""
        assert encoded.spans[0, word.tokens[0], 0] == word.start
        assert encoded.spans[0, word.tokens[-1], 1] == word.end
    assert all(a.end <= b.start for a, b in pairwise(words))


def test_words_are_what_a_person_sees(tokenizer):
    said = [word.text for word in tokenizer.words("A Giraffe, don't! [MASK]")]
    assert said == ["A", "Giraffe", ",", "don", "'", "t", "!", "[MASK]"]


# What a person may hand in


@pytest.mark.parametrize(
    "text",
    ["cat", "CAT?!", "  a\tcat\n", "a cat 🐱", "猫 and a cat", "c\0a\x07t", "x" * 200 + " cat"],
)
def test_what_can_be_read_comes_back(tokenizer, text):
    assert tokenizer.check(text) == text


def test_the_mask_may_be_in_any_letter_case(tokenizer):
    assert tokenizer.check("a [mask] or a [Mask]") == "a [MASK] or a [MASK]"
    assert tokenizer.check("[mask]") == "[MASK]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one letter or digit, got ''"),
        (" \t\n", "letter or digit"),
        ("?!... --", "letter or digit"),
        ("🐱🐶", "letter or digit, got '🐱🐶'"),
        ("\0\x01", "letter or digit"),
        ("猫はどこ", "knows none of these words: '猫はどこ'"),
        ("где кот?", "knows none of these words"),
        ("قطة", "knows none of these words"),
        ("x" * 9_000, "knows none of these words"),
        ("[UNK] [SEP]", "knows none of these words"),
        ("cat " * 15, "at most 14 tokens for this model, got 15"),
        ("cat " * 2_500, "at most 14 tokens for this model, got 2,500"),
        ("cat " * 2_501, "at most 10,000 characters, got 10,004"),
        ("a cat \ud83d", r"valid Unicode, got half a character at the end of 'a cat \ud83d'"),
        ("\ud800", r"got half a character at the end of '\ud800'"),
        ("\udc31\ud83d cat", r"got half a character at the end of '\udc31'"),
        (None, "must be a string, got NoneType"),
        (b"cat", "must be a string, got bytes"),
        (3, "must be a string, got int"),
        (["cat"], "must be a string, got list"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence(tokenizer, text, said):
    with pytest.raises(ValueError, match=r".+") as caught:
        tokenizer.check(text, noun="question")
    sentence = str(caught.value)
    assert said in sentence
    assert "question" in sentence or "knows none" in sentence
    assert "\n" not in sentence
    assert len(sentence) < 150


# Masking


def hidden(tokenizer, text, *, seed=0, **settings):
    """Ids, each token's word, the masked ids and the labels of one text."""
    encoded = tokenizer.encode([text])
    ids, words = encoded.batch.ids[0], encoded.words[0]
    masked, labels = mask_words(
        ids,
        words,
        draw=random.Random(seed).random,
        mask_id=tokenizer.mask,
        vocab_size=len(tokenizer),
        **settings,
    )
    return ids, words, masked, labels


def test_the_pieces_of_a_word_are_hidden_together(tokenizer):
    for seed in range(20):
        for text in SENTENCES:
            ids, _, masked, labels = hidden(tokenizer, text, seed=seed)
            chosen = labels != -100
            for word in tokenizer.words(text):
                pieces = chosen[list(word.tokens)]
                assert pieces.all() or not pieces.any()
                as_mask = masked[list(word.tokens)] == tokenizer.mask
                assert as_mask.all() or not as_mask.any()
            assert torch.equal(masked[~chosen], ids[~chosen])


def test_pieces_are_hidden_alone_where_they_are_the_unit(tokenizer):
    text = "giraffe elephant umbrella"
    several = [word.tokens for word in tokenizer.words(text) if len(word.tokens) > 1]
    assert several
    torn = 0
    for seed in range(40):
        _, _, masked, labels = hidden(tokenizer, text, seed=seed, rate=0.5, unit="piece")
        torn += any(0 < (labels[list(word)] != -100).sum() < len(word) for word in several)
        assert ((masked == tokenizer.mask) <= (labels != -100)).all()
    assert torn > 20  # of two pieces at even odds, one alone in half of the cases


@pytest.mark.parametrize("unit", ["word", "piece"])
@pytest.mark.parametrize("rate", [0.0, 0.15, 1.0])
def test_at_least_one_and_never_a_special_token(tokenizer, rate, unit):
    forbidden = torch.tensor([tokenizer.pad, tokenizer.unknown, tokenizer.cls, tokenizer.sep])
    for seed, text in enumerate(TEXTS * 10):
        ids, words, masked, labels = hidden(tokenizer, text, seed=seed, rate=rate, unit=unit)
        chosen = labels != -100
        assert chosen.any()
        assert not (chosen & (words < 0)).any()
        assert torch.equal(labels[chosen], ids[chosen])
        if rate == 0 and unit == "word":
            assert len(words[chosen].unique()) == 1
        if rate == 0 and unit == "piece":
            assert chosen.sum() == 1
        if rate == 1:
            assert torch.equal(chosen, words >= 0)
        put_in = masked[chosen & (masked != ids)]
        assert not torch.isin(put_in, forbidden).any()


@pytest.mark.parametrize("unit", ["word", "piece"])
def test_neighbours_and_padding_change_nothing(tokenizer, unit):
    together = tokenizer.encode(TEXTS)
    for row, text in enumerate(TEXTS):
        alone = hidden(tokenizer, text, seed=row, unit=unit, rate=0.4)[2:]
        padded = mask_words(
            together.batch.ids[row],
            together.words[row],
            draw=random.Random(row).random,
            mask_id=tokenizer.mask,
            vocab_size=len(tokenizer),
            rate=0.4,
            unit=unit,
        )
        for short, long in zip(alone, padded, strict=True):
            assert torch.equal(long[: len(short)], short)
        assert (padded[0][len(alone[0]) :] == tokenizer.pad).all()
        assert (padded[1][len(alone[1]) :] == -100).all()


@pytest.mark.parametrize("unit", ["word", "piece"])
def test_the_rate_and_the_fates_are_as_published(tokenizer, unit):
    """Shares over many rows lie within four standard deviations of 15 % and of 80, 10 and 10 %."""
    text = "a cat and a dog and an elephant and a banana"
    units = [word.tokens for word in tokenizer.words(text)]
    if unit == "piece":
        units = [(token,) for tokens in units for token in tokens]
    first = torch.tensor([tokens[0] for tokens in units])
    rows = [hidden(tokenizer, text, seed=seed, unit=unit) for seed in range(3000)]
    before = torch.stack([ids for ids, _, _, _ in rows])[:, first]
    after = torch.stack([masked for _, _, masked, _ in rows])[:, first]
    drawn = torch.stack([labels for _, _, _, labels in rows])[:, first] != -100

    def close(share, truth, count):
        return share == pytest.approx(truth, abs=4 * math.sqrt(truth * (1 - truth) / count))

    count = len(units)  # few units a text: the floor of one counts
    assert close(drawn.float().mean().item(), 0.15 + 0.85**count / count, drawn.numel())
    before, after = before[drawn], after[drawn]
    outcomes = {
        0.8: after == tokenizer.mask,
        # One random piece in all of them is the one that stood there.
        0.1 + 0.1 / (len(tokenizer) - len(SPECIAL)): after == before,
        0.1 * (1 - 1 / (len(tokenizer) - len(SPECIAL))): (after != tokenizer.mask)
        & (after != before),
    }
    for truth, outcome in outcomes.items():
        assert close(outcome.float().mean().item(), truth, len(after))


def test_every_word_of_a_short_text_has_its_turn(tokenizer):
    rows = [hidden(tokenizer, "cat dog", seed=seed, rate=0.0)[3] for seed in range(400)]
    chosen = torch.stack(rows) != -100
    assert chosen[:, 1:3].float().mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.1)


def test_rates_of_their_own(tokenizer):
    for seed, text in enumerate(SENTENCES):
        favourite = tokenizer.encode([text]).words[0] == 1
        rates = torch.where(favourite, 1.0, 0.0)
        assert torch.equal(hidden(tokenizer, text, seed=seed, rate=rates)[3] != -100, favourite)
        one_piece = torch.zeros_like(rates)
        one_piece[favourite.nonzero()[-1]] = 1.0  # the largest of its pieces' rates decides
        assert torch.equal(hidden(tokenizer, text, seed=seed, rate=one_piece)[3] != -100, favourite)


def test_its_own_source_decides_alone(tokenizer):
    torch.manual_seed(1)
    random.seed(1)
    first = hidden(tokenizer, TEXTS[0], seed=3, rate=0.5)[2]
    torch.manual_seed(2)
    random.seed(2)
    state = torch.get_rng_state()
    assert torch.equal(hidden(tokenizer, TEXTS[0], seed=3, rate=0.5)[2], first)
    assert torch.equal(torch.get_rng_state(), state)
    others = [hidden(tokenizer, TEXTS[0], seed=seed, rate=0.5)[2] for seed in range(4, 8)]
    assert not all(torch.equal(other, first) for other in others)


def test_what_has_no_word_is_left_alone():
    ids, words = torch.zeros(3, dtype=torch.long), torch.full((3,), -1)
    masked, labels = mask_words(ids, words, draw=random.Random(0).random, mask_id=4, vocab_size=10)
    assert torch.equal(masked, ids)
    assert (labels == -100).all()


def test_another_unit_is_refused():
    ids = torch.zeros(3, dtype=torch.long)
    with pytest.raises(ValueError, match="got 'sentence'"):
        inspect.unwrap(mask_words)(  # as users run it, without type checks
            ids, ids, draw=random.Random(0).random, mask_id=4, vocab_size=10, unit="sentence"
        )
