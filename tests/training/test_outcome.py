"""What a person is told of the scores."""

from vilt_core.training.outcome import summary

FOUND = {
    "task": "vqa",
    "data": "mine:val",
    "examples": 4,
    "accuracy": 0.5,
    "text_only": 0.25,
    "text_only_from": "mine:train",
    "by_type": {"colour": 1.0, "number": 0.0},
}


def test_where_captions_repeat_the_published_number_stands_beside():
    same = {"r1": 1.0, "r5": 1.0, "r10": 1.0}
    ways = ("text_to_image", "image_to_text")
    found = {"task": "retrieval", "data": "mine:val", "examples": 4} | dict.fromkeys(ways, same)
    assert not any("own" in line for line in summary(found))
    told = summary(found | {"own": dict.fromkeys(ways, same | {"r1": 0.125})})
    assert [line.split()[:3] for line in told if "own" in line] == [
        [f"{way}/r1", "100.0%", "12.5%"] for way in ways
    ]


def test_a_kind_of_question_that_is_never_right_is_told_of():
    lines = summary(FOUND)
    assert [line.split()[:2] for line in lines[-2:]] == [["colour", "100.0%"], ["number", "0.0%"]]
    assert summary(FOUND | {"by_type": {"colour": None}}) == lines[:-2]


def test_what_holds_a_score_down_is_told_where_there_is_any():
    assert summary(FOUND | {"answerable": 1.0}) == summary(FOUND)
    limits = {"answerable": 0.75, "cut": 3, "unreadable": 2, "named": ["a.png is missing"]}
    at_most, cut, unreadable = summary(FOUND | limits)[-3:]
    assert at_most.startswith("At most 75.0% can be right")
    assert cut.startswith("3 texts were too long")
    assert unreadable == "2 pictures could not be read, and were passed over: a.png is missing"


def test_an_answer_that_people_dispute_is_not_told_as_one_that_was_never_learned():
    disputed = summary(FOUND | {"answerable": 0.75, "agreement": 0.75})
    assert disputed[:-1] == summary(FOUND)
    assert disputed[-1] == "No answers could score more than 75.0%: people answered differently."
    both = summary(FOUND | {"answerable": 0.5, "agreement": 0.75})
    assert both[:-1] == disputed
    assert both[-1].startswith("At most 50.0% can be right")
    shown_as_all = FOUND | {"agreement": 0.9996, "answerable": 0.9995}
    assert summary(shown_as_all) == summary(FOUND)
    assert summary(FOUND | {"examples": 1})[0] == "On 1 held-out example of mine:val:"


def test_secret_truth_is_told_and_scores_nothing():
    some = summary(FOUND | {"secret": 3})
    assert some[-1] == "3 of the 4 examples keep their truth secret, and do not count."
    nothing = dict.fromkeys(("accuracy", "text_only", "answerable"))
    assert summary(FOUND | nothing | {"by_type": {}, "secret": 4}) == [
        "Nothing is scored: all 4 held-out examples of mine:val keep their truth secret."
    ]


def test_retrieval_stands_beside_chance_and_says_among_how_many():
    same = {"r1": 0.5, "r5": 1.0, "r10": 1.0}
    ways = ("text_to_image", "image_to_text")
    found = {"task": "retrieval", "data": "mine:val", "examples": 100} | dict.fromkeys(ways, same)
    told = summary(found | {"chance": dict.fromkeys(ways, same | {"r1": 0.01})})
    assert told[1].split() == ["text_to_image/r1", "50.0%", "1.0%", "by", "chance"]
    assert summary(found | {"drawn_from": 1000})[:-1] == summary(found)
    assert summary(found | {"drawn_from": 1000})[-1].startswith("Ranked among 100 of 1,000 pict")
