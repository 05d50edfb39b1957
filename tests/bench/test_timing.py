import torch

from vilt_core.bench.timing import milliseconds, race

CPU = torch.device("cpu")


def test_contestants_take_turns():
    order = []
    found = race(
        {name: lambda name=name: order.append(name) for name in ("ours", "theirs", "others")},
        device=CPU,
        seconds=0.0,
        warm_up=1,
        least=4,
    )
    assert order == ["ours", "theirs", "others"] * 5
    assert list(found) == ["ours", "theirs", "others"]
    assert all(time >= 0 for time in found.values())


def test_the_median_round_counts(monkeypatch):
    lasted = iter([7.0, 2.0, 100.0])
    monkeypatch.setattr(
        "vilt_core.bench.timing.milliseconds", lambda run, device: (run(), next(lasted))[1]
    )
    calls = []
    found = race({"ours": lambda: calls.append(1)}, device=CPU, seconds=0.0, warm_up=2, least=3)
    assert found == {"ours": 7.0}
    assert len(calls) == 5  # the warm-up runs too


def test_more_rounds_are_run_while_there_is_time():
    calls = []
    race({"ours": lambda: calls.append(1)}, device=CPU, seconds=0.05, warm_up=0, least=1)
    assert len(calls) > 1


def test_a_call_takes_as_long_as_the_clock_says(monkeypatch):
    ticks = iter([1.0, 1.25])
    monkeypatch.setattr("vilt_core.bench.timing.time.perf_counter", lambda: next(ticks))
    assert milliseconds(lambda: None, CPU) == 250.0
