"""What the models of the paper's figure 2 cost, one after the other on this machine.

for found in family_costs(runs=5):
    print(found.facts.title, found.cost.total.milliseconds)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from torch import nn

from vilt_core.evaluation.cost import Component, Cost, cost_of, noise
from vilt_core.evaluation.papers import FACTS, Facts
from vilt_core.layers.reader import PairReader
from vilt_core.models import MODELS, build

Size = Literal["published", "mini"]
Progress = Callable[[str, int, int], None]  # what comes now, how many are done, of how many


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyCost:
    """One model, measured."""

    name: str  # of ``MODELS``
    cost: Cost
    tables: int  # parameters that are looked up for a text

    @property
    def facts(self) -> Facts:
        """Of its paper."""
        return FACTS[self.name]

    @property
    def counted(self) -> Component:
        """As Table 6 counts: without heads, and without the tables of words and positions."""
        return replace(
            self.cost.total,
            name="as the paper counts",
            parameters=self.cost.total.parameters - self.tables,
        )


def families() -> list[str]:
    """The models that are known and can be built, by the paper's figure 2, then by date."""
    known = [name for name in FACTS if name in MODELS]
    return sorted(known, key=lambda name: (FACTS[name].kind, FACTS[name].arxiv))


def family_costs(
    names: Sequence[str] | None = None,
    *,
    size: Size = "published",
    runs: int = 5,
    device: str = "cpu",
    progress: Progress | None = None,
    between: Callable[[], None] | None = None,
) -> Iterator[FamilyCost]:
    """Measure models one at a time; whoever has seen enough takes no further one.

    Weights are random: they change no cost. A model's memory is free before the next is built.

    Args:
        names: Of ``MODELS``; all that are known unless given.
        size: "published", at the picture size of the paper, or "mini".
        runs: Of which the median time counts.
        device: Where to compute.
        progress: Told before each model and at the end.
        between: Called before each run of a model; what it raises ends all of this.

    Raises:
        ValueError: A name that no model has, or no runs at all.
    """
    names = families() if names is None else names
    if unknown := [name for name in names if name not in families()]:
        raise ValueError(f"models must be some of {', '.join(families())}, got {unknown}")
    for done, name in enumerate(names):
        if progress is not None:
            progress(FACTS[name].title, done, len(names))
        yield family_cost(name, size=size, runs=runs, device=device, between=between)
    if progress is not None:
        progress("", len(names), len(names))


def family_cost(
    name: str,
    *,
    size: Size = "published",
    runs: int = 5,
    device: str = "cpu",
    between: Callable[[], None] | None = None,
) -> FamilyCost:
    """Build one model and take its account."""
    model = random_model(name, size=size).to(device)
    facts = FACTS[name]
    image_size, text_tokens = facts.image_size, facts.text_tokens
    if size == "mini":
        side = model.config.image_size
        image_size, text_tokens = (side, side), min(text_tokens, model.config.max_text_tokens)
    cost = cost_of(
        model,
        text_tokens=text_tokens,
        image_size=image_size,
        runs=runs,
        image=noise(image_size, device=device),
        between=between,
    )
    return FamilyCost(name=name, cost=cost, tables=_tables(model))


def random_model(name: str, *, size: Size = "published") -> PairReader:
    """A model that learned nothing; its detector still tells as many regions as the paper counts.

    Raises:
        ValueError: No such model.
    """
    model = build(name, size=size)
    if model.image_detector is not None:
        model.image_detector.fewest = FACTS[name].regions
    return model


def _tables(model: PairReader) -> int:
    return sum(
        module.weight.numel()
        for name, child in model.named_children()
        if name.startswith("text_")
        for module in child.modules()
        if isinstance(module, nn.Embedding)
    )


def family_json(found: FamilyCost) -> dict[str, Any]:
    """The account as plain numbers, ready for JSON."""
    cost = found.cost
    return {
        "name": found.name,
        "text_tokens": cost.text_tokens,
        "image_size": list(cost.image_size),
        "patches": cost.patches,
        "components": [asdict(part) for part in cost.components],
        "counted": asdict(found.counted),
    }
