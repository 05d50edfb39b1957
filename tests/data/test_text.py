"""Laws of words and tokens, and of hiding whole words."""

from itertools import pairwise

import pytest
import torch

from vilt_core.data.text import SPECIAL, Tokenizer, mask_whole_words

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
        ("a cat \ud83d", "valid Unicode, got half a character at 6"),
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


# Whole-word masking


def hidden(tokenizer, texts, *, seed=0, **settings):
    encoded = tokenizer.encode(texts)
    masked, labels, chosen = mask_whole_words(
        encoded.batch.ids,
        encoded.words,
        mask_id=tokenizer.mask,
        vocab_size=len(tokenizer),
        generator=torch.Generator().manual_seed(seed),
        **settings,
    )
    return encoded, masked, labels, chosen


def test_the_pieces_of_a_word_are_hidden_together(tokenizer):
    for seed in range(20):
        encoded, masked, _, chosen = hidden(tokenizer, SENTENCES, seed=seed)
        for row, text in enumerate(SENTENCES):
            for word in tokenizer.words(text):
                pieces = chosen[row, list(word.tokens)]
                assert pieces.all() or not pieces.any()
                as_mask = masked[row, list(word.tokens)] == tokenizer.mask
                assert as_mask.all() or not as_mask.any()
        assert torch.equal(masked[~chosen], encoded.batch.ids[~chosen])


@pytest.mark.parametrize("rate", [0.0, 0.15, 1.0])
def test_at_least_one_word_and_never_a_special_token(tokenizer, rate):
    encoded, masked, labels, chosen = hidden(tokenizer, TEXTS * 20, rate=rate)
    assert chosen.any(dim=1).all()
    assert not (chosen & (encoded.words < 0)).any()
    assert torch.equal(labels, torch.where(chosen, encoded.batch.ids, -100))
    if rate == 0:
        words = [encoded.words[row][chosen[row]].unique() for row in range(len(chosen))]
        assert {len(word) for word in words} == {1}
    if rate == 1:
        assert torch.equal(chosen, encoded.words >= 0)
    specials = torch.tensor([tokenizer.pad, tokenizer.unknown, tokenizer.cls, tokenizer.sep])
    put_in = masked[chosen & (masked != encoded.batch.ids)]
    assert not torch.isin(put_in, specials).any()


def test_the_rate_is_that_of_words_and_the_fates_are_80_10_10(tokenizer):
    text = "a cat and a dog and an elephant and a banana"  # few words: the floor of one counts
    words = len(tokenizer.words(text))
    encoded, masked, _, chosen = hidden(tokenizer, [text] * 4000)
    first = torch.tensor([word.tokens[0] for word in tokenizer.words(text)])
    share = chosen[:, first].float().mean().item()
    assert share == pytest.approx(0.15 + 0.85**words / words, abs=0.01)

    drawn = chosen[:, first]
    before, after = encoded.batch.ids[:, first][drawn], masked[:, first][drawn]
    as_mask, stayed = (after == tokenizer.mask).float().mean(), (after == before).float().mean()
    other = ((after != tokenizer.mask) & (after != before)).float().mean()
    assert as_mask == pytest.approx(0.8, abs=0.02)
    assert stayed == pytest.approx(0.1, abs=0.02)
    assert other == pytest.approx(0.1, abs=0.02)


def test_every_word_of_a_short_text_has_its_turn(tokenizer):
    _, _, _, chosen = hidden(tokenizer, ["cat dog"] * 400, rate=0.0)
    assert chosen[:, 1:3].float().mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.08)


def test_rates_of_their_own(tokenizer):
    encoded = tokenizer.encode(SENTENCES)
    favourite = encoded.words == 1
    rates = torch.where(favourite, 1.0, 0.0)
    _, _, _, chosen = hidden(tokenizer, SENTENCES, rate=rates)
    assert torch.equal(chosen, favourite)
    one_piece = rates * (torch.rand(rates.shape, generator=torch.Generator().manual_seed(5)) < 0.5)
    one_piece.scatter_(1, favourite.float().argmax(dim=1, keepdim=True), 1.0)  # its first piece
    _, _, _, chosen = hidden(tokenizer, SENTENCES, rate=one_piece)
    assert torch.equal(chosen, favourite)  # the largest of its pieces' rates decides


def test_a_generator_decides_alone(tokenizer):
    torch.manual_seed(1)
    first = hidden(tokenizer, TEXTS, seed=3)[1]
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(hidden(tokenizer, TEXTS, seed=3)[1], first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(hidden(tokenizer, TEXTS, seed=4)[1], first)


def test_nothing_but_padding_is_left_alone():
    ids, words = torch.zeros(2, 3, dtype=torch.long), torch.full((2, 3), -1)
    masked, labels, chosen = mask_whole_words(ids, words, mask_id=4, vocab_size=10)
    assert torch.equal(masked, ids)
    assert (labels == -100).all()
    assert not chosen.any()
