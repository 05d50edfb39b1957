"""Words become vectors one after another: the gated recurrent units of VSE++ and SCAN."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class RecurrentText(nn.Module):
    """Word embedding and a GRU (Cho et al., EMNLP 2014), a state for every word.

    ``both_ways`` a second GRU reads each text from its last real token to its first, and a word's
    state is the mean of the two, as in SCAN. Padding is read after the real tokens either way, so
    no state depends on it: nothing is packed, and a GPU is not stopped to learn the lengths.
    """

    def __init__(
        self, vocab_size: int, width: int, *, word_width: int = 300, both_ways: bool = False
    ):
        super().__init__()
        self.words = nn.Embedding(vocab_size, word_width)
        self.forwards = nn.GRU(word_width, width, batch_first=True)
        self.backwards = nn.GRU(word_width, width, batch_first=True) if both_ways else None

    def forward(
        self, ids: Int[Tensor, "b l"], *, mask: Bool[Tensor, "b l"]
    ) -> Float[Tensor, "b l d"]:
        """Read texts of token ids; the states of padding are 0."""
        words = self.words(ids)
        states, _ = self.forwards(words)
        if self.backwards is not None:
            order = turned(mask)[..., None]
            back, _ = self.backwards(words.take_along_dim(order, dim=1))
            states = (states + back.take_along_dim(order, dim=1)) / 2
        return states * mask[..., None]


def turned(mask: Bool[Tensor, "b l"]) -> Int[Tensor, "b l"]:
    """The order that turns each text's real tokens round and leaves padding at the end.

    Twice it is the order of old.
    """
    l = mask.shape[1]
    return (mask.sum(dim=1, keepdim=True) - 1 - torch.arange(l, device=mask.device)) % l
