"""One text and one picture through the whole of ViLT, equations 1 to 6, and all that lies between.

The model's own parts are called in the paper's order, one after the other, and what each of them
adds is kept beside what came out. The tests hold every sum to what ``Vilt.forward`` computes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from vilt_core.data.text import Tokenizer, Word
from vilt_core.explain.attention import head_mean
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """Everything between the inputs and the pooled state, in float32.

    The joint sequence is [text; class; patches]. ``states[0]`` is what the blocks are given;
    ``states[i]`` is what block i makes of ``states[i - 1]``.
    """

    # What was read.
    pieces: tuple[str, ...]  # of the text, [CLS] and [SEP] included
    ids: Int[np.ndarray, " l"]
    words: tuple[Word, ...]
    grid: tuple[int, int]  # rows and columns of patches
    patch_size: int  # pixels
    # Equation 1: the text's rows are norm(word_rows + word_places).
    word_rows: Float[np.ndarray, "l d"]
    word_places: Float[np.ndarray, "l d"]  # with BERT's constant sentence type
    text_rows: Float[np.ndarray, "l d"]
    # Equation 2: the image's rows are [class_row; projected + patch_places].
    pixels: Float[np.ndarray, "n pixels"]  # flattened patches, as the projection reads them
    projected: Float[np.ndarray, "n d"]
    patch_places: Float[np.ndarray, "n d"]
    class_row: Float[np.ndarray, " d"]
    # Equation 3.
    types: Float[np.ndarray, "2 d"]  # of text and of image
    # Equations 4 and 5: states[i] = states[i - 1] + looked[i - 1] + thought[i - 1].
    states: Float[np.ndarray, "layers s d"]
    looked: Float[np.ndarray, "depth s d"]  # what attention adds, MSA(LN(z))
    thought: Float[np.ndarray, "depth s d"]  # what the MLP adds, MLP(LN(z'))
    attention: Float[np.ndarray, "depth s s"]  # mean of the heads; rows are queries
    # The final norm of every state: what the heads would read if the stack ended there.
    normed: Float[np.ndarray, "layers s d"]
    # Equation 6 of every state; the last is the model's own.
    pooled: Float[np.ndarray, "layers pooled"]

    @property
    def text_tokens(self) -> int:
        """Rows of the text; the image's [class] is the row after them."""
        return len(self.pieces)

    @property
    def patches(self) -> int:
        """N of the paper."""
        return len(self.projected)

    @property
    def depth(self) -> int:
        """D of the paper."""
        return len(self.looked)

    def alike(self, layer: int) -> Float[np.ndarray, "l n"]:
        """Cosine of every text token with every patch in a state, under the final norm.

        Raises:
            ValueError: No such layer; 0 is the embedding.
        """
        if not 0 <= layer <= self.depth:
            raise ValueError(f"layer must lie in 0 to {self.depth}, got {layer}")
        rows = directions(self.normed[layer])
        return rows[: self.text_tokens] @ rows[self.text_tokens + 1 :].T


def directions(rows: Float[np.ndarray, "*b d"]) -> Float[np.ndarray, "*b d"]:
    """Rows of length 1, whose products are cosines; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


@torch.inference_mode()
def travel(model: Vilt, tokenizer: Tokenizer, text: str, image: ImageBatch) -> Journey:
    """Follow one text and one picture.

    Args:
        model: In evaluation mode.
        tokenizer: The model's own.
        text: Is read whole or refused.
        image: A batch of one, of whole patches.

    Raises:
        ValueError: A text that cannot be read (``Tokenizer.check``), or more than one image.
    """
    text = tokenizer.check(text)
    device = next(model.parameters()).device
    batch, image = tokenizer.encode([text]).batch.to(device), image.to(device)
    if len(image.pixels) != 1:
        raise ValueError(f"expected one image, got {len(image.pixels)}")
    embedding, cut = model.text_embedding, model.patch_embedding
    length = batch.ids.shape[1]
    joint, mask, patches = model.embed(batch, image)
    states, looked, thought, attention = [joint], [], [], []
    for block in model.encoder.blocks:  # eq. 4 and 5
        before = states[-1]
        mixed, weights = block.mix(before, mask=mask, return_weights=True)  # pyright: ignore[reportCallIssue]
        after = block.transform(mixed)  # pyright: ignore[reportCallIssue]
        looked.append(mixed - before)
        thought.append(after - mixed)
        attention.append(head_mean(weights))
        states.append(after)
    stacked = torch.cat(states)
    normed = model.encoder.norm(stacked)
    p = cut.patch_size
    return Journey(
        pieces=tuple(tokenizer.token(index) for index in batch.ids[0].tolist()),
        ids=batch.ids[0].cpu().numpy(),
        words=tuple(tokenizer.words(text)),
        grid=patches.grid,
        patch_size=p,
        word_rows=_array(embedding.words(batch.ids)[0]),
        word_places=_array(embedding.positions.weight[:length] + embedding.segments.weight[0]),
        text_rows=_array(embedding(batch.ids)[0]),
        pixels=_array(
            rearrange(image.pixels[0], "c (row p) (column q) -> (row column) (c p q)", p=p, q=p)
        ),
        projected=_array(
            rearrange(cut.projection(image.pixels)[0], "d rows columns -> (rows columns) d")
        ),
        patch_places=_array(
            rearrange(cut.positions(*patches.grid), "rows columns d -> (rows columns) d")
        ),
        class_row=_array(cut.image_class(1)[0]),
        types=_array(model.fusion.types.weight[:2]),
        states=_array(stacked),
        looked=_array(torch.cat(looked)),
        thought=_array(torch.cat(thought)),
        attention=_array(torch.cat(attention)),
        normed=_array(normed),
        pooled=_array(model.pooler(normed[:, 0])),  # eq. 6
    )


def _array(tensor: Tensor) -> Float[np.ndarray, "..."]:
    return tensor.float().cpu().numpy()
