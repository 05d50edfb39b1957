"""What a training of the paper will take, told before it begins: work, memory and days."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vilt_core.interop.weights import without_values
from vilt_core.training.demand import (
    Memory,
    example_flops,
    memory,
    passes,
    patches_read,
    sequence,
    waiting_bytes,
)
from vilt_core.training.loading import parts_held
from vilt_core.training.paper import PaperRecipe

# Dense FLOPs a second in bfloat16, of the V100, which has none, in float16: data sheets of SXM.
PEAKS = {"V100": 125e12, "A100": 312e12, "H100": 989e12, "H200": 989e12}
ASSUMED_UTILISATION = 0.4
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The account of a training to come."""

    recipe: str
    data: str  # what it counts with
    examples: int
    steps: int
    batch_size: int
    epochs: float
    parameters: int
    text_tokens: int
    patches: int
    tokens_a_step: int
    flops_a_step: int
    devices: int
    accumulate: int
    workers: int  # of each device
    waiting: int  # bytes of main memory, of each device, in which pictures wait
    gpu: str
    utilisation: float
    utilisation_source: str
    memory: dict[str, Memory]  # by the ways to do it; the chosen one first

    @property
    def tokens(self) -> int:
        """Of all steps."""
        return self.steps * self.tokens_a_step

    @property
    def flops(self) -> int:
        """Of all steps."""
        return self.steps * self.flops_a_step

    @property
    def days(self) -> float:
        """On all devices together, at the utilisation."""
        rate = self.devices * PEAKS[self.gpu] * self.utilisation
        return self.flops / rate / _SECONDS_A_DAY


def plan(
    paper: PaperRecipe,
    *,
    data: str,
    devices: int = 1,
    gpu: str = "A100",
    utilisation: tuple[float, str] = (ASSUMED_UTILISATION, "assumed"),
    accumulate: int = 1,
    workers: int = 1,
    checkpointing: bool = False,
    sharded: bool = False,
) -> Plan:
    """The account of a recipe on some devices.

    Args:
        paper: the recipe.
        data: what ``paper.examples`` was counted in, for a person.
        devices: how many GPUs.
        gpu: which, of PEAKS.
        utilisation: share of the peak that is reached, and how that is known.
        accumulate: parts in which each device takes its share of a batch.
        workers: processes that prepare them, for each device.
        checkpointing: see ``Settings``.
        sharded: see ``Settings``.

    Raises:
        ValueError: another GPU, a share that is none, a batch that does not divide, or shards of
            one device.
    """
    if gpu not in PEAKS:
        raise ValueError(f"gpu must be one of {', '.join(PEAKS)}, got {gpu!r}")
    if devices < 1 or accumulate < 1 or paper.stage.batch_size % (devices * accumulate):
        raise ValueError(
            f"a batch of {paper.stage.batch_size} must fall into equal parts, "
            f"got {devices} devices that accumulate {accumulate}"
        )
    if sharded and devices == 1:
        raise ValueError("sharding needs at least two devices, got one")
    share, source = utilisation
    if not 0 < share <= 1:
        raise ValueError(f"utilisation must be above 0 and at most 1, got {share}")
    stage, sizes = paper.stage, paper.sizes
    each = stage.batch_size // (devices * accumulate)
    ways = dict.fromkeys(
        [(checkpointing, sharded), *((c, s) for s in (False, True) for c in (False, True))]
    )
    return Plan(
        recipe=paper.recipe.name,
        data=data,
        examples=paper.examples,
        steps=stage.steps,
        batch_size=stage.batch_size,
        epochs=paper.epochs,
        parameters=sum(parameter.numel() for parameter in without_values(sizes).parameters()),
        text_tokens=sizes.max_text_tokens,
        patches=patches_read(sizes),
        tokens_a_step=stage.batch_size * passes(stage) * sequence(sizes),
        flops_a_step=stage.batch_size * example_flops(stage, sizes, checkpointing=checkpointing),
        devices=devices,
        accumulate=accumulate,
        workers=workers,
        waiting=waiting_bytes(
            sizes, stage=stage, examples=each, accumulate=accumulate, workers=workers
        ),
        gpu=gpu,
        utilisation=share,
        utilisation_source=source,
        memory={
            _way(c, s): memory(
                sizes,
                examples=each,
                stage=stage,
                devices=devices,
                checkpointing=c,
                sharded=s,
            )
            for c, s in ways
            if devices > 1 or not s
        },
    )


def measured_utilisation(found: Mapping[str, Any], *, gpu: str) -> tuple[float, str]:
    """The best share of a GPU's peak in the JSON of ``python -m vilt_core bench training``.

    Args:
        found: what was measured.
        gpu: which GPU is asked about, of PEAKS.

    Raises:
        ValueError: it was not measured on a GPU whose peak is known, or on another one.
    """
    rows = found.get("utilisation")
    each = rows.values() if isinstance(rows, dict) else ()
    shares = [row.get("share") for row in each if isinstance(row, dict)]
    known = [share for share in shares if isinstance(share, float) and share > 0]
    if not known or not isinstance(found.get("hardware"), str):
        raise ValueError("expected bench training's JSON with a GPU's utilisation, found none")
    if gpu not in found["hardware"]:
        raise ValueError(
            f"the share was measured on {found['hardware']}, and --gpu is {gpu}: name the GPU that "
            "was measured, or give --utilisation"
        )
    return max(known), f"measured on {found['hardware']}"


def render(found: Plan) -> str:
    """For a person: a line a quantity, then a table of memory."""
    each = found.batch_size // (found.devices * found.accumulate)
    peak = PEAKS[found.gpu] / 1e12
    lines = [
        f"{found.recipe}: {found.steps:,} steps of {found.batch_size:,} examples, "
        f"{found.epochs:.1f} epochs",
        f"data     {found.data}: {found.examples:,} examples",
        f"model    {found.parameters:,} parameters",
        f"tokens   {found.tokens_a_step:,} a step, {found.tokens:.3g} in all, of at most "
        f"{found.text_tokens} for a text and {found.patches} + 1 for a picture",
        f"FLOPs    {found.flops_a_step:.3g} a step, {found.flops:.3g} in all, counted",
        f"time     {found.days:.2f} days, {24 * found.days:.1f} hours: {found.devices} x "
        f"{found.gpu} at {found.utilisation:.0%} of {peak:.0f} TFLOP/s "
        f"({found.utilisation_source})",
        f"host     {_giga(found.waiting)} GB of main memory for each device: at most "
        f"{parts_held(accumulate=found.accumulate, workers=found.workers)} parts of {each:,} "
        f"examples wait there, with --accumulate {found.accumulate} and --workers {found.workers}",
        f"memory   of one device, {each:,} examples at a time, GB:",
        f"  {'':26}{'weights':>10}{'gradients':>12}{'AdamW':>8}{'activations':>14}{'all':>8}",
    ]
    for way, held in found.memory.items():
        lines.append(
            f"  {way:26}{_giga(held.parameters):>10}{_giga(held.gradients):>12}"
            f"{_giga(held.optimiser):>8}{_giga(held.activations):>14}{_giga(held.total):>8}"
        )
    return "\n".join(lines)


def _way(checkpointing: bool, sharded: bool) -> str:
    names = [
        name
        for name, chosen in (("--checkpointing", checkpointing), ("--shard", sharded))
        if chosen
    ]
    return " ".join(names) or "as it is"


def _giga(size: int) -> str:
    return f"{size / 1e9:,.1f}"
