"""Cost accounts: what each part of a model holds, computes and takes, beside the paper's Table 6.

FLOPs are counted by torch: a multiply-accumulate is two of them, and whatever is no product of
matrices is none.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vilt_core.evaluation.inference import evaluating
from vilt_core.evaluation.machine import hardware, versions
from vilt_core.evaluation.tables import table
from vilt_core.models.vilt import Vilt
from vilt_core.transport.problem import check_count
from vilt_core.types import ImageBatch, Looked, ModelOutput, TextBatch

TEXT_TOKENS = 40  # of the paper's texts
VISUAL, TEXT, INTERACTION = "visual embedding", "text embedding", "interaction"
# Children of a model by how their names begin. Whatever is neither these nor a head, interacts.
_EMBEDDINGS = {"patch_": VISUAL, "image_": VISUAL, "text_": TEXT}
# How a head reads one forward pass.
_HEADS: dict[str, Callable[[nn.Module, ModelOutput], Tensor]] = {
    "itm": lambda head, output: head(output.pooled),
    "mlm": lambda head, output: head(output.text),
    "mpp": lambda head, output: head(output.image),
    "rank": lambda head, output: head(output.pooled),
    "nlvr2": lambda head, output: head(torch.cat([output.pooled, output.pooled], dim=-1)),
    "vqa": lambda head, output: head(output.pooled),
    "naming": lambda head, output: head(output.image),
    "mentioning": lambda head, output: head(output.image),
    "locating": lambda head, output: torch.cat(head(output.text), dim=-1),
    "comparing": lambda head, output: head(output.text[:, 0]),
    "region_class": lambda head, output: head(output.image),
    "region_features": lambda head, output: head(output.image),
    "referring": lambda head, output: head(output.image),
    "choice": lambda head, output: head(output.pooled),
}
_B32_PARAMETERS = 87_414_528  # of the blocks and the patch projection: the paper's 87.4 M


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of a model, and what it takes to read one pair with it."""

    name: str
    parameters: int
    flops: int
    milliseconds: float  # median of several runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The account of ViLT-B/32 as the paper's Table 6 draws it up, and what that gives here.

    The paper counts neither the text embedding nor the heads. Its parameters are those of the
    blocks and the patch projection; its GFLOPs come out of no count of their products.
    """

    tokens: str = "200 + 40"  # of the image and the text
    parameters: int = 87_400_000
    flops: int = 55_900_000_000
    milliseconds: float = 15.0  # on an Nvidia P40
    counted_parameters: dict[str, int]
    counted_flops: dict[str, int]  # by the tokens of the image and the text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The whole account of a model, for one pair."""

    hardware: str
    text_tokens: int
    image_size: tuple[int, int]  # height and width, pixels
    patches: int  # that these become
    components: tuple[Component, ...]  # up to the pooled state
    heads: tuple[Component, ...]  # each for itself: a pair is read by one of them
    paper: Paper | None  # of a ViLT of the published size

    @property
    def total(self) -> Component:
        """All components together."""
        return Component(
            name="all of it",
            parameters=sum(part.parameters for part in self.components),
            flops=sum(part.flops for part in self.components),
            milliseconds=sum(part.milliseconds for part in self.components),
        )


def cost_of(
    model: nn.Module,
    *,
    text_tokens: int = TEXT_TOKENS,
    image_size: tuple[int, int] = (384, 384),
    runs: int = 5,
    image: Looked | None = None,
    between: Callable[[], None] | None = None,
) -> Cost:
    """Take a model's account, where it lies, on one pair of blank inputs.

    A model of the lab is all that is asked for: called with a text and an image it returns a
    ``ModelOutput``; its children whose names begin with ``text_`` embed the text, those with
    ``patch_`` or ``image_`` the picture; heads have the names of their tasks.

    Args:
        model: Of any family.
        text_tokens: Of the text.
        image_size: Height and width of the picture, pixels.
        runs: Of which the median time counts.
        image: What is looked at instead of a blank picture, where the model lies.
        between: Called before each of the runs; what it raises ends all of this.

    Raises:
        ValueError: A text or a picture that this model cannot read, or no runs at all.
    """
    check_count("text_tokens", text_tokens)
    check_count("runs", runs)
    device = next(model.parameters()).device
    ids = torch.zeros(1, text_tokens, dtype=torch.long, device=device)
    text = TextBatch(ids=ids, mask=torch.ones_like(ids, dtype=torch.bool))
    if image is None:
        image = ImageBatch(pixels=torch.zeros(1, 3, *image_size, device=device))

    def read() -> ModelOutput:
        if between is not None:
            between()
        return model(text, image)

    with evaluating(model):
        output = read()
        heads = {
            name: partial(apply, head, output)
            for name, apply in _HEADS.items()
            if (head := getattr(model, name, None)) is not None
        }
        components = _components(model, read, runs=runs)
        head_costs = tuple(
            Component(
                name=f"head of {name}",
                parameters=_parameters(getattr(model, name)),
                flops=count_flops(apply),
                milliseconds=statistics.median(_timed(apply, device) for _ in range(runs)),
            )
            for name, apply in heads.items()
        )
        paper = _paper(model)
    return Cost(
        hardware=f"{hardware(device)}, {versions()}",
        text_tokens=text_tokens,
        image_size=image_size,
        patches=output.image.shape[1],
        components=components,
        heads=head_costs,
        paper=paper,
    )


def noise(image_size: tuple[int, int], *, device: str) -> ImageBatch:
    """A picture in which a detector finds something: the same one for the same size."""
    pixels = torch.rand(1, 3, *image_size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return ImageBatch(pixels=pixels.to(device))


def cost_at_own_size(model: Any) -> Cost:
    """The account at what the model's config speaks of.

    Its longest text, but as the paper's at most: a BERT has room for 512 tokens. Its square
    pictures, or its longest ones where it says how long they are.
    """
    config = model.config
    height, width = config.image_size, getattr(config, "longest_side", config.image_size)
    return cost_of(
        model,
        text_tokens=min(config.max_text_tokens, TEXT_TOKENS),
        image_size=(height, width),
    )


def cost_json(cost: Cost, *, name: str) -> dict[str, Any]:
    """The account as plain numbers, ready for JSON."""
    return {"task": "cost", "model": name, **asdict(cost), "total": asdict(cost.total)}


def cost_markdown(cost: Cost) -> str:
    """The account as tables that read well in a terminal too."""
    height, width = cost.image_size
    lines = [
        f"One pair: {cost.text_tokens} text tokens and {height} x {width} pixels in "
        f"{cost.patches} patches. {cost.hardware}.",
        table(
            ["", "parameters", "GFLOPs", "ms"],
            [
                [part.name, f"{part.parameters:,}", _giga(part.flops), f"{part.milliseconds:.2f}"]
                for part in (*cost.components, cost.total, *cost.heads)
            ],
        ),
    ]
    if cost.paper is not None:
        lines += _paper_markdown(cost.paper)
    return "\n\n".join(lines)


def _paper_markdown(paper: Paper) -> list[str]:
    counted = paper.counted_parameters
    composed = " + ".join(f"{count:,} ({part})" for part, count in counted.items())
    rows = [
        ["paper", paper.tokens, f"{paper.parameters / 1e6:.1f}", _giga(paper.flops)],
        *(
            ["counted here", tokens, f"{sum(counted.values()) / 1e6:.1f}", _giga(flops)]
            for tokens, flops in paper.counted_flops.items()
        ),
    ]
    return [
        "As the paper's Table 6 counts, without text embedding and heads (it gives about "
        f"{paper.milliseconds:.0f} ms on a P40):",
        table(["", "tokens", "M parameters", "GFLOPs"], rows),
        f"{sum(counted.values()):,} parameters = {composed}.",
    ]


def _giga(flops: int) -> str:
    return f"{flops / 1e9:,.3f}"


def _components(
    model: nn.Module, read: Callable[[], object], *, runs: int
) -> tuple[Component, ...]:
    device = next(model.parameters()).device
    with _counting() as counter:
        flops = _shares(model, read, counter.get_total_flops)
    timed = [_shares(model, read, partial(clock, device)) for _ in range(runs)]
    held = defaultdict(int)
    for name, child in model.named_children():
        if name not in _HEADS:
            held[_part_of(name)] += _parameters(child)
    held[INTERACTION] += sum(p.numel() for p in model.parameters(recurse=False))
    return tuple(
        Component(
            name=part,
            parameters=held[part],
            flops=int(flops[part]),
            milliseconds=1000 * statistics.median(shares[part] for shares in timed),
        )
        for part in (VISUAL, TEXT, INTERACTION)
    )


def _shares(
    model: nn.Module, read: Callable[[], object], meter: Callable[[], float]
) -> dict[str, float]:
    """How much a meter goes up in each part of the model; what no embedding took, interacts.

    Inside an embedding the outermost module that is called counts: some are read by their parts.
    """
    shares: dict[str, float] = dict.fromkeys((VISUAL, TEXT, INTERACTION), 0.0)
    inside: dict[str, int] = dict.fromkeys(shares, 0)

    def began(part: str, *_) -> None:
        if not inside[part]:
            shares[part] -= meter()
        inside[part] += 1

    def ended(part: str, *_) -> None:
        inside[part] -= 1
        if not inside[part]:
            shares[part] += meter()

    with ExitStack() as hooks:
        for name, child in model.named_children():
            part = _part_of(name)
            if part == INTERACTION:
                continue
            for module in child.modules():
                for hook in (
                    module.register_forward_pre_hook(partial(began, part)),
                    module.register_forward_hook(partial(ended, part)),
                ):
                    hooks.callback(hook.remove)
        before = meter()
        read()
        shares[INTERACTION] = meter() - before - shares[VISUAL] - shares[TEXT]
    return shares


def _part_of(child: str) -> str:
    return next(
        (part for beginning, part in _EMBEDDINGS.items() if child.startswith(beginning)),
        INTERACTION,
    )


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


class _Untracked:
    """In place of torch's tracker, whose hooks are on all modules of the process.

    They would run in the other threads of a server as well, and fail in inference mode.
    """

    parents = frozenset({"Global"})

    def __enter__(self) -> None:
        """Set up nothing."""

    def __exit__(self, *_) -> None:
        """Take down nothing."""


@contextmanager
def _counting():
    """Torch's counter, with attention as the two products that it is: it knows not every kernel."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _Untracked()  # pyright: ignore[reportAttributeAccessIssue]
    with sdpa_kernel(SDPBackend.MATH), counter:
        yield counter


def count_flops(work: Callable[[], object]) -> int:
    """Floating point operations of a piece of work, two a multiplication and addition."""
    with _counting() as counter:
        work()
    return counter.get_total_flops()


def clock(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _timed(work: Callable[[], object], device: torch.device) -> float:
    begun = clock(device)
    work()
    return 1000 * (clock(device) - begun)


def _paper(model: nn.Module) -> Paper | None:
    """The paper's account, of a ViLT of its size; of any other model there is none."""
    if not isinstance(model, Vilt):
        return None
    projection = model.patch_embedding.projection
    parameters = {
        "blocks": _parameters(model.encoder.blocks),
        "patch projection": _parameters(projection),
    }
    if sum(parameters.values()) != _B32_PARAMETERS:
        return None

    def counted(height: int, width: int, *, tokens: int) -> int:
        picture = projection.weight.new_zeros(1, 3, height, width)
        sequence = projection.weight.new_zeros(1, tokens, model.config.width)
        return count_flops(lambda: (projection(picture), model.encoder(sequence)))

    return Paper(
        counted_parameters=parameters,
        counted_flops={
            "200 + 40": counted(320, 640, tokens=200 + 40),
            "240 + 1 + 40": counted(384, 640, tokens=240 + 1 + 40),
        },
    )
