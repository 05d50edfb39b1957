"""A stack of blocks and its final LayerNorm, with everything on the way there for the asking."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """What a stack of blocks makes of a sequence."""

    tokens: Float[Tensor, "b wanted d"]  # normalised
    states: tuple[Float[Tensor, "b _s d"], ...] | None  # input first, then each block's output
    attentions: tuple[Float[Tensor, "b h _queries s"], ...] | None  # of the blocks asked


class Encoder(nn.Module):
    """Blocks one after the other, then a LayerNorm (pre-norm blocks leave their sum unscaled)."""

    def __init__(self, blocks: Iterable[nn.Module], *, norm: nn.Module):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm
        self.checkpointing = False  # compute blocks anew in the backward pass, to save memory

    def forward(
        self,
        tokens: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        return_states: bool = False,
        return_attentions: bool = False,
        attention_of: int | None = None,
        first: int | None = None,
        gates: Float[Tensor, "b depth h"] | None = None,
    ) -> Encoded:
        """Run the stack.

        Args:
            tokens: The embedded sequence.
            mask: True where a token is real; None says that all of them are.
            return_states: Keep the input and every block's output, before the final norm.
            return_attentions: Keep every block's attention weights.
            attention_of: Keep one block's alone, counted from 1.
            first: How many tokens of the last block are wanted, from the first on; all by default.
            gates: What the finds of each head of each block are multiplied with, for each row of
                the batch: 0 silences a head. Of pre-norm blocks alone.

        Raises:
            ValueError: ``attention_of`` names no block.
        """
        if attention_of is not None and not 1 <= attention_of <= len(self.blocks):
            raise ValueError(
                f"attention_of must be a block from 1 to {len(self.blocks)}, got {attention_of}"
            )
        states, attentions = [tokens], []
        run = partial(checkpoint, use_reentrant=False) if self.checkpointing else _call
        for depth, block in enumerate(self.blocks, start=1):
            gated: dict[str, Any] = {} if gates is None else {"gates": gates[:, depth - 1]}
            tokens, weights = run(
                block,
                tokens,
                mask=mask,
                return_weights=return_attentions or depth == attention_of,
                first=first if depth == len(self.blocks) else None,
                **gated,
            )
            if return_states:
                states.append(tokens)
            if weights is not None:
                attentions.append(weights)
        return Encoded(
            tokens=self.norm(tokens),
            states=tuple(states) if return_states else None,
            attentions=tuple(attentions) or None,
        )


def _call(block: nn.Module, *tokens: Tensor, **settings) -> tuple[Tensor, Tensor | None]:
    return block(*tokens, **settings)
