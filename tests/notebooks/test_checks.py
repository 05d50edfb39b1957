"""Laws of the checkers: right answers pass, and of a wrong one it is said what is off.

The solutions in the notebooks are run by scripts/course.py; here are other right answers, and those
that students hand in.
"""

import json
from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lesson.checking import check, verdict
from vilt_core.evaluation.answers import normalise_answer
from vilt_core.predictor import load


def test_what_is_not_written_yet_is_not_wrong():
    def blank(a): ...

    def blank_with_words(a):
        """What it shall do."""
        ...

    for answer in (..., None, blank, blank_with_words):
        told = verdict("01.2", answer)
        assert not told.right
        assert told.message == "01.2: put your answer in place of the dots, then run this cell"


def test_what_a_function_raises_is_told():
    told = verdict("01.2", lambda y, x, side, columns: y / 0)
    assert told.message == "01.2: not yet. Your function raised ZeroDivisionError: division by zero"
    told = verdict("01.3", lambda tiles: [].append(tiles))
    assert "does it end with return?" in told.message
    assert "A function is wanted" in verdict("01.3", 3).message


@pytest.mark.parametrize(("name", "known"), [("01.9", "01.1, 01.2"), ("99.1", "none")])
def test_an_unknown_exercise_is_named_with_those_that_are(name, known):
    with pytest.raises(ValueError, match=known):
        verdict(name, 1)
    with pytest.raises(ValueError, match="expected the name of an exercise"):
        verdict("one", 1)


def test_check_says_it(capsys):
    check("05.3", 5)
    assert capsys.readouterr().out == "05.3: right. 5 / 0.05 = 50 / 0.5.\n"


def ranked_loss(scores, *, dim=1):
    return -scores.log_softmax(dim=dim)[:, 0].mean()


def ipot_by_hand(C, beta, iterations, *, remember=True, columns_last=False, scale=1.0):
    l, n = C.shape
    A, T, sigma = np.exp(-C / beta), np.ones((l, n)), np.ones(l) / l
    for _ in range(iterations):
        Q = A * T if remember else A
        delta = 1 / (n * (sigma @ Q))
        sigma = 1 / (l * (Q @ delta))
        if columns_last:
            delta = 1 / (n * (sigma @ Q))
        T = sigma[:, None] * Q * delta
    return T * scale


def attended(Q, K, V, mask, *, scale=None, axis=-1, fill=-torch.inf, after=False):
    """Masked attention, and its usual mistakes."""
    scores = Q @ K.T / (scale or Q.shape[-1] ** 0.5)
    if not after:
        return scores.masked_fill(~mask, fill).softmax(dim=axis) @ V
    return scores.softmax(dim=-1).masked_fill(~mask, 0) @ V


def hid(ids, words, chosen, mask_id, *, by=lambda at, word, words: word):
    """Ids with some hidden; ``by`` says what is looked up in chosen."""
    hit = [by(at, word, words.tolist()) in chosen for at, word in enumerate(words.tolist())]
    return torch.where(torch.tensor(hit), mask_id, ids)


def first_of_its_word(at, word, words):
    return word if word not in words[:at] else None


def surprise(scores, labels, *, over=None, sign=-1.0):
    asked = labels != -100
    picked = scores.log_softmax(dim=-1)[asked, labels[asked]]
    return sign * picked.sum() / (over or len(picked))


def covered(pixels, question, answer, *, patches=64, sign=1.0, whole=None, turned=False):
    """Occlusion patch by patch, and its usual mistakes."""
    model = load("vilt-mini")
    gray = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)

    def chance(image):
        said = model.answer(image, question, top_k=len(model.answers))
        return next(one.probability for one in said if one.text == answer)

    before = chance(pixels) if whole is None else whole
    falls = np.zeros((8, 8))
    for number in range(patches):
        row, column = divmod(number, 8)
        other = pixels.copy()
        other[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = gray
        falls[row, column] = sign * (before - chance(other))
    return falls.T if turned else falls


def painted(pixels, question, answer):
    pixels[:16, :16] = 0
    return np.zeros((8, 8))


def pointed(heat, box, *, swapped=False, corner=0.5):
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    x, y = (column + corner) / heat.shape[1], (row + corner) / heat.shape[0]
    x, y = (y, x) if swapped else (x, y)
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])


def shuffled(one, other, *, same=False, rows=True):
    """Whether two tensors are one set of rows in two orders, and its usual mistakes."""
    if torch.allclose(one, other, atol=1e-4):
        return same
    if not rows:
        return torch.allclose(one.flatten().sort().values, other.flatten().sort().values, atol=1e-4)
    nearest = torch.cdist(other, one).argmin(dim=1)
    return len(set(nearest.tolist())) == len(one) and torch.allclose(other, one[nearest], atol=1e-4)


def drawn_from(one, other):
    """Whether every row of the other is one of the first's, somewhere."""
    near = (other[:, None] - one).abs().sum(dim=-1).amin(dim=1)
    return bool((near < 1e-3).all()) and not torch.allclose(one, other, atol=1e-4)


def homed(heat, places, grid):
    home = np.zeros(grid)
    for value, (row, column) in zip(heat, places, strict=True):
        home[row, column] = value
    return home


def asked_line(*answers, image="images/1.png", question="can you eat it?", key="answers"):
    """A line of a data set, and what students make of it."""
    return json.dumps({"image": image, "question": question, key: list(answers)})


def always(questions, *, rank=None, mean=len, score=None, meant=normalise_answer):
    """The best constant answer, and its usual mistakes."""
    worth = score or (lambda said, answer: min(said[answer] * 0.3, 1.0))
    counts = [Counter(map(meant, ten)) for ten in questions]
    total = {
        answer: sum(worth(said, answer) for said in counts) for answer in sum(counts, Counter())
    }
    best = max(sorted(total), key=(lambda a: sum(c[a] for c in counts)) if rank else total.get)
    return best, total[best] / mean(questions)


def most_first(questions):
    """The answer that is the first of most questions, with the share of these."""
    firsts = [Counter(map(normalise_answer, ten)).most_common(1)[0][0] for ten in questions]
    best, count = Counter(firsts).most_common(1)[0]
    return best, count / len(questions)


def split_freely(one, other, *, least=lambda gap, real: abs(gap) >= abs(real) - 1e-9, of=np.mean):
    """A permutation test over all splits, and its usual mistakes."""
    scores, n = [*one, *other], len(one)
    gaps = []
    for chosen in combinations(range(2 * n), n):
        rest = [scores[k] for k in range(2 * n) if k not in chosen]
        gaps.append(np.mean(rest) - np.mean([scores[k] for k in chosen]))
    return of([least(gap, np.mean(other) - np.mean(one)) for gap in gaps])


def by_value(one, other):
    """The same, with the rest of a split told by its scores: wrong where some are equal."""
    scores, real = [*one, *other], abs(np.mean(other) - np.mean(one))
    if one == other:
        return 1.0
    gaps = [
        np.mean([score for score in scores if score not in chosen] or 0) - np.mean(chosen)
        for chosen in combinations(scores, len(one))
    ]
    return np.mean(np.abs(gaps) >= real - 1e-9)


def flipped(one, other):
    """A test of sign flips, where a permutation test is asked for."""
    d = np.subtract(other, one)
    means = [np.mean(d * signs) for signs in product((1, -1), repeat=len(d))]
    return np.mean(np.abs(means) >= abs(d.mean()) - 1e-9)


def key_rows(query, key, value, head, heads, *, part=1, high=None, more=0):
    """Where the keys of a head lie, and the usual mistakes."""
    d = query.shape[1]
    high = high or d // heads
    first = part * d + head * high
    return first, first + high + more


def hinges(scores, margin, *, own=False, ways=(1, 0), worst=False, over=None, cut=True):
    """VSE's loss, and its usual mistakes."""
    wrong = torch.ones_like(scores) if own else 1 - torch.eye(len(scores))
    total = 0.0
    for way in ways:
        pair = scores.diagonal().unsqueeze(way)
        paid = margin + scores - pair
        paid = (paid.clamp(min=0) if cut else paid) * wrong
        total += (paid.amax(dim=way) if worst else paid).sum()
    return total / (over or len(scores))


def into_zeros(scores, margin):
    scores.zero_()
    return scores.sum()


def soft_maximum(cosines, steepness=6.0, *, over=6.0, mean=False):
    raised = np.exp(steepness * np.array(cosines))
    return np.log(raised.mean() if mean else raised.sum()) / over


def quarters(weights, l, *, by=lambda part, whole: part.sum(axis=1).mean()):
    """The four blocks of a matrix of attention."""
    sides = slice(0, l), slice(l, None)
    return np.array([[by(weights[a, b], weights) for b in sides] for a in sides])


def crossed_out(scores, l, *, own=True, fill=-torch.inf, after=False, axis=-1, image=True):
    """Co-attention from joint scores, and its usual mistakes."""
    side = torch.arange(len(scores)) >= l
    hit = (side[:, None] == side) if own else (side[:, None] != side)
    if not image:
        hit = hit & ~side
    if after:
        return scores.softmax(dim=-1).masked_fill(hit, 0.0)
    return scores.masked_fill(hit, fill).softmax(dim=axis)


def into_place(scores, l):
    scores[:l, :l] = scores[l:, l:] = -torch.inf
    return scores.softmax(dim=-1)


def divergence(p, logits):
    q = np.exp(logits) / np.exp(logits).sum()
    return sum(a * np.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def shares_of(logits):
    return np.exp(logits) / np.exp(logits).sum()


def staged(cosines, scores, K, *, place=True, upwards=False, judge=True, reached=False):
    """Shortlist and judge, and the usual mistakes."""
    found = 0
    for row, (near, score) in enumerate(zip(cosines, scores, strict=True)):
        short = np.argsort(near if upwards else -near)[:K]
        best = int(score[short].argmax()) if judge else 0
        found += row in short if reached else (short[best] if place else best) == row
    return found / len(cosines)


def over_all(cosines, scores, K):
    return np.mean(scores.argmax(axis=1) == np.arange(len(scores)))


def favourite(cosines, scores, K):
    """ViLT's first of the whole gallery, where it is on the shortlist."""
    near = np.argsort(-cosines, axis=1)[:, :K]
    best = scores.argmax(axis=1)
    return np.mean([row in near[row] and best[row] == row for row in range(len(best))])


def spoiled(cosines, scores, K):
    scores[:] = 0
    return 0.5


def shortlist(places, wanted, *, more=0, strict=False):
    for K in range(1, max(places) + 3):
        reached = np.mean(np.array(places) < K)
        if reached > wanted or (reached == wanted and not strict):
            return K + more
    return None


def beyond(places, wanted):
    """A shortlist that reaches more than is wanted: of everything there is none."""
    assert wanted < 1, "this loop would never end"
    return shortlist(places, wanted, strict=True)


RIGHT = [
    ("01.1", 252),
    ("01.1", np.array([252.0])),
    ("01.2", lambda y, x, side, columns: int(y / side) * columns + int(x / side)),
    ("01.3", lambda t: t.swapaxes(1, 2).reshape(t.shape[0] * t.shape[2], -1, 3)),
    ("01.4", [0, 1.5, 3, 4.5, 6]),
    ("01.5", 3072 * 768 + 768),
    ("02.1", 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768),
    ("02.2", attended),
    ("02.3", 3072),
    ("02.3", 3073),
    ("02.4", lambda z: z + 0),
    ("03.1", hid),
    ("03.2", 0.12),
    ("03.3", surprise),
    ("03.4", "the background is [MASK]"),
    ("04.1", -0.5 * np.log(0.9 * 0.2)),
    ("04.2", lambda s: (s - 1e9 * np.eye(len(s))).argmax(axis=1)),
    ("04.3", lambda s, k: np.mean([r in np.argsort(row)[::-1][:k] for r, row in enumerate(s)])),
    ("04.4", [10_033, 10_000]),
    ("04.5", ranked_loss),
    ("04.5", lambda s: cross_entropy(s, torch.zeros(len(s), dtype=torch.long))),
    ("05.1", 1 / 576),
    ("05.2", lambda T: [sum(abs(T.sum(a) - 1 / T.shape[1 - a])) for a in (1, 0)]),
    ("05.3", 5),
    ("05.4", ipot_by_hand),
    ("05.5", -0.1 / 3),
    ("05.5", -0.033),
    ("06.1", covered),
    ("06.2", lambda curve, steps: np.trapezoid(curve, np.divide(steps, 64))),
    ("06.3", pointed),
    ("06.3", lambda h, b: torch.tensor(pointed(h, b))),
    ("06.4", 0.1),
    ("07.1", {"a", "c"}),
    ("07.1", "CA"),
    ("07.2", hinges),
    ("07.3", 1.0152),
    ("07.4", soft_maximum([0.2, 0.9, 0.5])),
    ("08.1", quarters),
    ("08.2", 0.7558),
    ("08.3", crossed_out),
    ("08.4", divergence),
    ("10.1", staged),
    ("10.2", 8.064),
    ("10.3", shortlist),
    ("10.4", 20.48),
    ("09.1", asked_line(*["yes"] * 7, *["no"] * 3)),
    ("09.1", asked_line(*["No."] * 3, *["Yes"] * 7) + "\n"),
    ("09.2", np.log(2) + np.log1p(np.exp(-2))),
    ("09.3", always),
    ("09.4", {"b", "c"}),
    ("09.4", "b, c"),
    ("11.1", 6),
    ("11.2", split_freely),
    ("11.3", {"words", "words-patches"}),
    ("11.3", ("words-patches", "words")),
    ("11.4", 1.16),
    ("12.1", 199),
    ("12.2", 769 * 1536 + 2 * 1536 + 1537 * 3129),
    ("12.3", key_rows),
    ("12.4", {"a", "c", "e"}),
    ("13.1", homed),
    ("13.2", 1),
    ("13.3", {"c", "e"}),
    ("13.3", "ce"),
    ("13.4", shuffled),
]  # fmt: skip

WRONG = [
    ("01.1", 249, "You miss 3"),
    ("01.1", 240, "Those are the patches"),
    ("01.1", 384 * 640 + 11, "patches, not pixels"),
    ("01.1", 77, "Count patches"),
    ("01.1", "many", "Numbers are wanted"),
    ("01.1", [1, 2], "One number is wanted"),
    ("01.2", lambda y, x, side, columns: (x // side) * columns + y // side, "exchanged"),
    ("01.2", lambda y, x, side, columns: (y // side) * columns + x // side + 1, "lies in patch 0"),
    ("01.2", lambda y, x, side, columns: (y // side) * side + x // side, "not"),
    ("01.2", lambda y, x, side, columns: y // side * columns + x / side, "is whole"),
    ("01.2", lambda y, x, side, columns: float("nan"), "is whole"),
    ("01.3", lambda t: t.reshape(t.shape[0] * t.shape[2], -1, 3), "swap axes"),
    ("01.3", lambda t: t, "must have shape (6, 8, 3)"),
    ("01.3", lambda t: t[::-1].swapaxes(1, 2).reshape(6, 8, 3), "own row"),
    ("01.4", [0, 0, 3, 3, 6], "nearest neighbours"),
    ("01.4", [0, 1.2, 2.4, 3.6, 4.8], "corners"),
    ("01.4", [0, 3, 6], "must have shape (5,)"),
    ("01.5", 3072 * 768, "bias"),
    ("01.5", 1024 * 768, "three colours"),
    ("01.5", 5, "One weight for every"),
    ("02.1", 4 * 768 * 768 + 2 * 768 * 3072, "Now the biases"),
    ("02.1", 7_087_872 - 3072, "the two norms (4 x 768), or"),
    ("02.1", 7_087_872 - 1536, "a scale *and* a shift"),
    ("02.1", 7_087_872 - 768 * 769, "puts the heads together"),
    ("02.1", 12 * 7_087_872, "one is asked for"),
    ("02.1", 1, "Four matrices"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, mask, scale=1), "square root"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, mask, scale=4), "square root"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, mask | True), "no effect"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, ~mask), "wrong way round"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, mask, fill=0.0), "not silence"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, mask, after=True), "after the softmax"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K[:3], V[:3], mask[:3], axis=0), "over the queries"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, mask & False), "NaNs"),
    ("02.2", lambda Q, K, V, mask: V, "over the real keys"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, mask, scale=2), "wrong for 9"),
    ("02.2", lambda Q, K, V, mask: attended(Q, K, V, mask.sort(descending=True)[0]), "each key"),
    ("02.3", 768, "divide both sides"),
    ("02.3", 192, "in which direction"),
    ("02.3", 100, "for s, with d = 768"),
    ("02.3", 3071, "for s, with d = 768"),
    ("02.4", lambda z: z * 0, "added to z"),
    ("02.4", lambda z: 2 * z, "not doubled"),
    ("02.4", lambda z: (z - z.mean(-1, keepdim=True)), "not normalised"),
    ("02.4", lambda z: z + 1, "Put 0 for MSA"),
    ("03.1", lambda i, w, c, m: hid(i, w, c, m, by=first_of_its_word), "first piece"),
    ("03.1", lambda i, w, c, m: hid(i, w, {*c, -1}, m), "belong to no word"),
    ("03.1", lambda i, w, c, m: hid(i, w, c, m, by=lambda at, x, ws: at), "indices of words"),
    ("03.1", lambda i, w, c, m: i, "and no others"),
    ("03.1", lambda i, w, c, m: torch.where(w >= 1, m, i), "use all arguments"),
    ("03.1", lambda i, w, c, m: hid(i, w, c, 4), "use all arguments"),
    ("03.1", lambda i, w, c, m: i.copy_(hid(i, w, c, m)), "Use a copy"),
    ("03.2", 12, "not in percent"),
    ("03.2", 0.8, "Of all words?"),
    ("03.2", 0.15, "only 80 %"),
    ("03.2", 0.5, "80 % of them"),
    ("03.3", lambda s, y: surprise(s, y, over=4), "not by all"),
    ("03.3", lambda s, y: surprise(s, y, over=1), "That is the sum"),
    ("03.3", lambda s, y: surprise(s, y, over=2), "where three are"),
    ("03.3", lambda s, y: surprise(s, y, sign=1.0), "The sign"),
    ("03.3", lambda s, y: surprise(s, y) / np.log(2), "natural logarithm"),
    ("03.3", lambda s, y: -s[y != -100, y[y != -100]].mean(), "not probabilities yet"),
    ("03.3", lambda s, y: 7.0, "over the tokens with labels"),
    ("03.4", "a horse and a duck", "at least one [MASK]"),
    ("03.4", "?!", "cannot read it"),
    ("03.4", "a [MASK] and a [MASK]", "has 2"),
    ("03.4", "in this picture there [MASK] a horse", "the words give it away"),
    ("03.4", 5, "A sentence in quotes"),
    ("04.1", -0.5 * np.log(0.9 * 0.8), "the truth there is no"),
    ("04.1", -np.log(0.9 * 0.2), "That is the sum"),
    ("04.1", 0.5 * np.log(0.9 * 0.2), "The sign"),
    ("04.1", -0.5 * np.log2(0.9 * 0.2), "natural logarithm"),
    ("04.1", -0.5 * np.log10(0.9 * 0.2), "natural logarithm"),
    ("04.1", 0.86, "three digits"),
    ("04.1", 3, "Mean of"),
    ("04.2", lambda s: s.argmax(axis=1), "no negative"),
    ("04.2", lambda s: (s * (1 - np.eye(len(s)))).argmax(axis=1), "minus infinity"),
    ("04.2", lambda s: (s * (1 - np.eye(len(s)))).argmax(axis=0), "Along the columns"),
    ("04.2", lambda s: [3, 2, 1, 0], "the columns are"),
    ("04.2", lambda s: np.fill_diagonal(s, -9) or s.argmax(axis=1), "work on a copy"),
    ("04.3", lambda s, k: 100 * np.mean((s > np.diag(s)[:, None]).sum(1) < k), "between 0 and 1"),
    ("04.3", lambda s, k: sum((s > np.diag(s)[:, None]).sum(1) < k), "how many rows"),
    ("04.3", lambda s, k: np.mean((s < np.diag(s)[:, None]).sum(1) < k), "sort upwards"),
    ("04.3", lambda s, k: np.mean((s > np.diag(s)).sum(0) < k), "exchanged"),
    ("04.3", lambda s, k: 0.3, "Of the example"),
    ("04.4", (10_000, 10_033), "other way round"),
    ("04.4", (10_033, 320_000), "one run a pair"),
    ("04.4", (10_001, 10_000), "then come 32 pairs"),
    ("04.4", (5, 10_000), "Add up"),
    ("04.4", 10_033, "must have shape (2,)"),
    ("04.5", lambda s: -ranked_loss(s), "The sign"),
    ("04.5", lambda s: ranked_loss(s) * len(s), "That is the sum"),
    ("04.5", lambda s: ranked_loss(s) / np.log(2), "natural logarithm"),
    ("04.5", lambda s: ranked_loss(s.flip(1)), "not in the last one"),
    ("04.5", lambda s: -s.log_softmax(dim=1).diagonal().mean(), "not on the diagonal"),
    ("04.5", lambda s: -s.log_softmax(dim=1).mean(), "column 0"),
    ("04.5", lambda s: -s.log_softmax(dim=1).sum(dim=1).mean(), "column 0"),
    ("04.5", lambda s: ranked_loss(s, dim=0), "softmax along each row"),
    ("04.5", lambda s: s.softmax(dim=1)[:, 0].mean(), "minus the logarithm"),
    ("04.5", lambda s: -s[:, 0].mean(), "not probabilities yet"),
    ("04.5", lambda s: 3, "yours 3.0000"),
    ("04.5", lambda s: -(s.exp()[:, 0] / s.exp().sum(dim=1)).log().mean(), "use log_softmax"),
    ("04.5", lambda s: ranked_loss(s) * len(s) / 3, "is a size fixed"),
    ("04.5", lambda s: ranked_loss(s.sub_(1)), "work on a copy"),
    ("05.1", 1 / 144, "all four words together"),
    ("05.1", 1 / 4, "all 144 patches"),
    ("05.1", 1, "How many are there?"),
    ("05.1", 0.0017, "keep all digits"),
    ("05.2", lambda T: [sum(abs(T.sum(a) - 1 / T.shape[1 - a])) for a in (0, 1)], "other way"),
    ("05.2", lambda T: (abs(sum(T.sum(1) - 0.5)), abs(sum(T.sum(0) - 1 / 3))), "absolute"),
    ("05.2", lambda T: (0.0, abs(T.sum(0) - 1 / 3).sum()), "is 1/l or 1/n fixed"),
    ("05.2", lambda T: (1.0, 1.0), "the rows err by"),
    (
        "05.2",
        lambda T: (abs(T.sum(1) - 0.5).sum(), abs(T.sum(0) - 1 / T.shape[1]).sum()),
        "is 1/l or 1/n fixed",
    ),
    ("05.3", 500, "smaller beta takes larger steps"),
    ("05.3", 50, "Beta counts"),
    ("05.3", 7, "N / beta decides"),
    ("05.4", lambda C, b, N: ipot_by_hand(C, b, N, remember=False), "This is Sinkhorn"),
    ("05.4", lambda C, b, N: ipot_by_hand(C, b, N, columns_last=True), "columns last"),
    ("05.4", lambda C, b, N: ipot_by_hand(C, b, N, scale=3.0), "Up to a factor"),
    ("05.4", lambda C, b, N: ipot_by_hand(C, 0.5, 20), "wrong with others"),
    ("05.4", lambda C, b, N: np.ones_like(C) / C.size, "one by one"),
    ("05.4", lambda C, b, N: ipot_by_hand(C, b, N).T, "must have shape (3, 7)"),
    ("05.5", 0.1 / 3, "signs are exchanged"),
    ("05.5", -0.1, "Divide by the number of pairs"),
    ("05.5", -0.6, "not one of the matched"),
    ("05.5", 0.7, "counts minus"),
    ("05.5", 3, "over 3"),
    ("06.1", lambda p, q, a: covered(p, q, a, whole=0.0, sign=-1.0), "how much did they fall"),
    ("06.1", lambda p, q, a: covered(p, q, a, sign=-1.0), "The sign"),
    ("06.1", lambda p, q, a: covered(p, q, a, turned=True), "exchanged"),
    ("06.1", lambda p, q, a: np.zeros((8, 8)), "For every patch"),
    ("06.1", lambda p, q, a: np.zeros(64), "must have shape (8, 8)"),
    ("06.1", painted, "fresh copy"),
    ("06.2", lambda c, s: np.trapezoid(c, s), "divide the steps by 64"),
    ("06.2", lambda c, s: c.mean(), "equally long"),
    ("06.2", lambda c, s: (c[:-1] * np.diff(s)).sum() / 64, "steps of a stair"),
    ("06.2", lambda c, s: -np.trapezoid(c, np.divide(s, 64)), "The sign"),
    ("06.2", lambda c, s: 1.0, "yours 1.0"),
    ("06.3", lambda h, b: pointed(h, b, swapped=True), "Do columns go with x?"),
    ("06.3", lambda h, b: not pointed(h, b), "other way round"),
    ("06.3", lambda h, b: True, "check x and y"),
    ("06.3", lambda h, b: pointed(h, b, corner=0.0), "Use centres"),
    ("06.3", lambda h, b: "yes", "True or False"),
    ("06.3", lambda h, b: pointed(h, (b[0], -1, 2, b[3])), "right of the box"),
    ("06.3", lambda h, b: pointed(h, (b[0], b[1], 2, b[3])), "right of the box"),
    ("06.3", lambda h, b: pointed(h, (b[0], -1, b[2], b[3])), "above the box"),
    ("06.4", 0.2, "the token itself"),
    ("06.4", 0.05, "nothing is halved there"),
    ("06.4", 0, "mixes the patch in"),
    ("06.4", 1, "with A1 = I"),
    ("07.1", {"a", "c", "e"}, "d and e are out"),
    ("07.1", {"a", "b", "c"}, "many vectors"),
    ("07.1", {"a"}, "c reads each side alone"),
    ("07.1", {"f"}, "choose from a to e"),
    ("07.1", 1, "A set of letters"),
    ("07.2", lambda s, m: hinges(s, m, worst=True), "VSE++ still"),
    ("07.2", lambda s, m: hinges(s, m, own=True), "The diagonal counts too"),
    ("07.2", lambda s, m: hinges(s, m, ways=(1,)), "Only one direction"),
    ("07.2", lambda s, m: hinges(s, m, ways=(0,)), "Only one direction"),
    ("07.2", lambda s, m: hinges(s, m, over=1), "That is the sum"),
    ("07.2", lambda s, m: hinges(s, m, over=6), "by nothing else"),
    ("07.2", lambda s, m: hinges(s, m, cut=False), "cut off"),
    ("07.2", lambda s, m: hinges(s, 0.2), "wrong with another"),
    ("07.2", lambda s, m: hinges(s, m, over=3), "wrong for two"),
    ("07.2", into_zeros, "work on a copy"),
    ("07.3", 10, "Ten times is the transformer alone"),
    ("07.3", 886.5 / 900, "Old time over new"),
    ("07.3", 900 / 885, "takes no time"),
    ("07.3", 900 / 103.5, "not the seeing"),
    ("07.3", 2, "a tenth of the rest"),
    ("07.4", soft_maximum([0.2, 0.9, 0.5], over=1), "Divide by lambda"),
    ("07.4", 1.6 / 3, "That is the mean"),
    ("07.4", 0.9, "hard maximum"),
    ("07.4", soft_maximum([0.2, 0.9, 0.5], steepness=1, over=1), "before the exponential"),
    ("07.4", soft_maximum([0.2, 0.9, 0.5], mean=True), "not their mean"),
    ("07.4", soft_maximum([0.2, 0.9, 0.5]) / np.log(10), "natural logarithm"),
    ("07.4", 3, "over 6"),
    ("08.1", lambda w, l: quarters(w, l).T, "exchanged"),
    ("08.1", lambda w, l: quarters(w, l, by=lambda b, w: b.mean()), "mean weight"),
    ("08.1", lambda w, l: quarters(w, l, by=lambda b, w: b.sum()), "take their mean"),
    ("08.1", lambda w, l: quarters(w, l, by=lambda b, w: b.sum() / len(w)), "that block alone"),
    ("08.1", lambda w, l: quarters(w.T, l), "each row's columns"),
    ("08.1", lambda w, l: np.zeros((2, 2)), "The first row of blocks"),
    ("08.1", lambda w, l: quarters(w, 3 if len(w) == 7 else 2), "is l fixed"),
    ("08.1", lambda w, l: w, "must have shape (2, 2)"),
    ("08.2", 0.2442, "That is what it keeps"),
    ("08.2", 75.58, "between 0 and 1"),
    ("08.2", 59_681, "how many"),
    ("08.2", 241**2 / 281**2, "The text's own block"),
    ("08.2", 40 * 241 / 281**2, "one of the two blocks"),
    ("08.2", 0.5, "over 281 x 281"),
    ("08.3", lambda s, l: crossed_out(s, l, own=False), "The other two blocks"),
    ("08.3", lambda s, l: crossed_out(s, l, after=True), "after the softmax"),
    ("08.3", lambda s, l: crossed_out(s, l, fill=0.0), "not silence"),
    ("08.3", lambda s, l: crossed_out(s, l, axis=0), "over the queries"),
    ("08.3", lambda s, l: crossed_out(s, l, image=False), "still asks the image"),
    ("08.3", lambda s, l: (s - torch.inf).softmax(dim=-1), "NaNs"),
    ("08.3", lambda s, l: crossed_out(s, 2), "is l fixed"),
    ("08.3", lambda s, l: s, "Minus infinity in text to text"),
    ("08.3", into_place, "work on a copy"),
    ("08.4", lambda p, x: -(p * np.log(shares_of(x))).sum(), "cross-entropy"),
    ("08.4", lambda p, x: (shares_of(x) * np.log(shares_of(x) / p)).sum(), "other way round"),
    ("08.4", lambda p, x: -divergence(p, x), "The sign"),
    ("08.4", lambda p, x: divergence(p, x) / len(p), "over regions alone"),
    ("08.4", lambda p, x: (p * (np.log(p) - x)).sum(), "softmax them first"),
    ("08.4", lambda p, x: 0.0, "Of [0.6"),
    ("08.4", lambda p, x: (p * np.log((p + 1e-30) / shares_of(x))).sum() + (0 in p), "0 log 0"),
    ("10.1", lambda c, s, K: 100 * staged(c, s, K), "between 0 and 1"),
    ("10.1", lambda c, s, K: 5 * staged(c, s, K), "how many sentences"),
    ("10.1", over_all, "K has no effect"),
    ("10.1", lambda c, s, K: staged(c, s, K, judge=False), "do not decide"),
    ("10.1", lambda c, s, K: staged(c, s, K, reached=True), "not whether ViLT has it first"),
    ("10.1", lambda c, s, K: staged(c, s, K, place=False), "counts within the shortlist"),
    ("10.1", lambda c, s, K: staged(c, s, K, upwards=True), "K farthest"),
    ("10.1", lambda c, s, K: staged(s, c, K), "cosines choose the shortlist"),
    ("10.1", lambda c, s, K: staged(c.T, s.T, K), "each row is a sentence"),
    ("10.1", favourite, "favourite of the whole gallery"),
    ("10.1", lambda c, s, K: 0.123, "At K = 1 to 5"),
    ("10.1", spoiled, "work on copies"),
    ("10.2", 8.064 / 8, "multiply by 8"),
    ("10.2", 8.064 / 64, "do not divide"),
    ("10.2", 0.008064, "Those are seconds"),
    ("10.2", 0.001, "over 5,000 x 25,000"),
    ("10.2", 8064, "microseconds"),
    ("10.2", 35 * 3600 * 8000 / 30_000, "How many pairs"),
    ("10.2", 50, "over 5,000 x 25,000"),
    ("10.3", lambda p, w: shortlist(p, w, more=-1), "Off by one"),
    ("10.3", lambda p, w: shortlist(p, w, more=1), "One too long"),
    ("10.3", lambda p, w: max(shortlist(p, w, more=-1), 1), "Off by one"),
    ("10.3", beyond, "exactly 60 %"),
    ("10.3", lambda p, w: 2, "K must be 1"),
    ("10.4", 5.12, "4 bytes"),
    ("10.4", 20_480, "megabytes"),
    ("10.4", 20.48e9, "Those are bytes"),
    ("10.4", 163.84, "gigabits"),
    ("10.4", 2.048, "Ten million"),
    ("10.4", 19.07, "2^30"),
    ("10.4", 22.1, "over 10^9"),
    ("10.4", 1, "over 10^9"),
    ("09.1", {"image": "images/1.png"}, "A line of text"),
    ("09.1", asked_line("yes", "no").replace(", ", ",\n"), "without line breaks"),
    ("09.1", "{'image': 'images/1.png'}", "not readable JSON"),
    ("09.1", asked_line("yes", image="1.png"), "expected an image at 1.png"),
    ("09.1", asked_line(*["yes"] * 7, *["no"] * 3, image=__file__), "seen from the file"),
    ("09.1", " ", "is empty"),
    ("09.1", asked_line("yes", key="answer"), "a list"),
    ("09.1", asked_line({"yes": 7}, {"no": 3}), "expected \"answer\": a word"),
    ("09.1", asked_line("yes", question="is it food?"), "The question is"),
    ("09.1", '{"image": "images/1.png", "question": "can you eat it?", "answer": "yes"}', "a list"),
    ("09.1", asked_line("yes", "no"), "your line has 2 answers"),
    ("09.1", asked_line(*["yes"] * 3, *["no"] * 7), "other way round"),
    ("09.1", asked_line(*["yes"] * 5, *["no"] * 5), "Seven times yes"),
    ("09.2", (np.log(2) + np.log1p(np.exp(-2))) / 2, "only questions are averaged"),
    ("09.2", -np.log(2) - np.log1p(np.exp(-2)), "The sign"),
    ("09.2", 1 + np.log2(1 + np.exp(-2)), "natural logarithm"),
    ("09.2", 0.6 * np.log(2) + np.log1p(np.exp(-2)), "The other side"),
    ("09.2", 0.6 * np.log1p(np.exp(2)) + np.log1p(np.exp(-2)), "That is a softmax"),
    ("09.2", 7, "then add"),
    ("09.3", lambda q: always(q, rank="count"), "is said more often"),
    ("09.3", most_first, "the majority in more questions"),
    ("09.3", lambda q: ("green", 0.6), "it is \"blue\""),
    ("09.3", lambda q: always(q, mean=lambda _: 1), "Divide by the number"),
    ("09.3", lambda q: (always(q)[0], 100 * always(q)[1]), "not in percent"),
    ("09.3", lambda q: ("blue", 0.18), "how many people say it"),
    ("09.3", lambda q: always(q, score=lambda said, a: min(said[a] / 3, 1)), "Leave each of the"),
    ("09.3", lambda q: ("blue", 0.6), "yours says 0.600"),
    ("09.3", lambda q: always(q, meant=str.lower), "normalise before"),
    ("09.3", lambda q: ("blue", 0.5) if len(q) == 5 else ("2", 0.4), "on average"),
    ("09.3", lambda q: "blue", "A pair is wanted"),
    ("09.4", {"a", "b", "c"}, "is then too high"),
    ("09.4", {"d"}, "no longer tells"),
    ("09.4", {"c"}, "b is honest"),
    ("09.4", {"b"}, "c is honest"),
    ("09.4", {"x"}, "There is no x"),
    ("09.4", 4, "A set of letters"),
    ("11.1", 5, "both ends count"),
    ("11.1", 3, "two of eight"),
    ("11.1", 64, "a number of combinations"),
    ("11.1", 100, "for which n"),
    ("11.2", by_value, "split by place"),
    ("11.2", lambda a, b: split_freely(a, b, least=lambda g, r: g >= r - 1e-9), "one side only"),
    (
        "11.2",
        lambda a, b: split_freely(a, b, least=lambda g, r: abs(g) > abs(r) + 1e-9),
        "at least as far",
    ),
    ("11.2", lambda a, b: split_freely(a, b, of=np.sum), "A share is wanted"),
    ("11.2", flipped, "sign flips"),
    ("11.2", lambda a, b: 0.5, "2 of the 20"),
    (
        "11.2",
        lambda a, b: split_freely(a, b, least=lambda g, r: abs(g) >= r - 1e-9),
        "absolute values on both sides",
    ),
    (
        "11.2",
        lambda a, b: split_freely(a, b, least=lambda g, r: abs(g) >= max(abs(r), 0.1) - 1e-9),
        "the p-value is 1",
    ),
    ("11.3", {"words", "words-augmented"}, "is the same"),
    ("11.3", {"whole", "words-patches"}, "something else besides"),
    ("11.3", {"words", "mpp"}, "There is no row mpp"),
    ("11.3", "words", "A set of two names"),
    ("11.4", 0, "the mean of all five"),
    ("11.4", -1.16, "the worst of five"),
    ("11.4", 2.33, "from the worst to the best"),
    ("11.4", 5, "the mean of their maxima"),
    ("12.1", 12 * 24 + 9, "held at 639"),
    ("12.1", 12 * 19 + 9, "shrinks with it"),
    ("12.1", 9 * 19 + 9, "rounded to 320"),
    ("12.1", 190, "Those are the patches"),
    ("12.1", 197, "You miss 2"),
    ("12.1", 500_000, "not pixels"),
    ("12.1", 3, "Patches (rows x columns)"),
    ("12.2", 769 * 1536 + 1537 * 3129, "The norm is missing"),
    ("12.2", 769 * 1536 + 1536 + 1537 * 3129, "a scale *and* a shift"),
    ("12.2", 768 * 1536 + 2 * 1536 + 1536 * 3129, "have biases"),
    ("12.2", 769 * 3129, "a layer between"),
    ("12.2", 6_000_000, "Two linear layers"),
    ("12.3", lambda *a: key_rows(*a, part=0), "the queries of the head"),
    ("12.3", lambda *a: key_rows(*a, part=2), "its values"),
    ("12.3", lambda *a: key_rows(*a, more=-1), "as slices have it"),
    ("12.3", lambda q, k, v, h, n: (len(q), 2 * len(q)), "the keys of all heads"),
    ("12.3", lambda *a: key_rows(*a, high=3), "d / heads rows high"),
    ("12.3", lambda *a: (0, 4), "not 0 to 3"),
    ("12.3", lambda *a: (16, 20), "wrong for one"),
    ("12.3", lambda *a: 16, "must have shape (2,)"),
    ("12.4", {"a", "b"}, "lists them"),
    ("12.4", {"d"}, "another shape"),
    ("12.4", {"c", "e"}, "an exchange fits"),
    ("12.4", {"a", "c"}, "e: loading sees weights only"),
    ("12.4", {"f"}, "There is no f"),
    ("12.4", 1, "A set of letters"),
    ("13.1", lambda h, p, g: h.reshape(g), "in which they came"),
    ("13.1", lambda h, p, g: h[p[:, 0] * g[1] + p[:, 1]].reshape(g), "The inverse"),
    ("13.1", lambda h, p, g: homed(h, p, g)[::-1], "Upside down"),
    ("13.1", lambda h, p, g: np.zeros(g), "for every token's own"),
    ("13.2", 1 / 144, "the chance of one patch"),
    ("13.2", 0, "there are many"),
    ("13.2", 12, "add these up"),
    ("13.3", {"a", "c", "e"}, "[CLS]"),
    ("13.3", {"b", "c", "e"}, "do not ask where"),
    ("13.3", {"c"}, "e asks where"),
    ("13.3", {"z"}, "There is no z"),
    ("13.3", 3, "A set of letters"),
    ("13.4", lambda a, b: False, "are a shuffle"),
    ("13.4", lambda a, b: shuffled(a, b, same=True), "where nothing moved"),
    ("13.4", lambda a, b: not torch.allclose(a, b, atol=1e-4), "other numbers"),
    ("13.4", lambda a, b: shuffled(a, b, rows=False), "whole rows must reappear"),
    ("13.4", drawn_from, "must be a permutation"),
    ("13.4", lambda a, b: (a == b).numpy(), "True or False is wanted"),
    ("13.4", lambda a, b: a == b, "True or False is wanted"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer"), RIGHT, ids=[name for name, _ in RIGHT])
def test_right_answers_pass_and_learn_why(name, answer):
    told = verdict(name, answer)
    assert told.right, told.message
    assert len(told.message) > len(f"{name}: right. ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG, ids=[f"{w[0]}-{w[2]}" for w in WRONG])
def test_of_wrong_answers_it_is_said_what_is_off(name, answer, hint):
    told = verdict(name, answer)
    assert not told.right
    assert hint in told.message


def test_every_exercise_has_both(course):
    asked = {name for path in course.sources() for name in course.exercises(course.read(path))}
    assert {name for name, *_ in RIGHT} == {name for name, *_ in WRONG} == asked
