"""A question about a picture, embedded once, to be put to the model again in other forms.

Every explanation asks the same thing many times over: without a patch, without a word, without a
head, halfway to a grey picture. All of it is done by what is handed to the model, never by changing
it: threads share one model, and so do the visitors of a page.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vilt_core.data.text import Tokenizer, Word
from vilt_core.layers.fusion import mask_of, with_class
from vilt_core.layers.patches import without_padding
from vilt_core.models.vilt import Vilt
from vilt_core.types import ImageBatch, PatchEmbeddings, TextBatch

AT_ONCE = 32  # sequences that are read together


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """One text and one picture in front of a model with a VQA head.

    The joint sequence is [text; class; patches], s = l + 1 + n tokens.
    """

    model: Vilt
    text: TextBatch  # of one, without padding
    patches: PatchEmbeddings  # of one, without padding, in raster order
    grey: PatchEmbeddings  # of a picture of the same size that is grey all over
    words: tuple[Word, ...]  # Word.tokens are places in the joint sequence
    mask_token: int  # the id that stands for a word that is not said

    @property
    def text_tokens(self) -> int:
        """l, with [CLS] and [SEP]."""
        return self.text.ids.shape[1]

    @property
    def patch_tokens(self) -> int:
        """N."""
        return self.patches.tokens.shape[1]

    def joint(self) -> Float[Tensor, "1 s d"]:
        """Equation 3: what the first block is given."""
        return self.model.embed(self.text, self.patches)[0]

    def blank(self) -> Float[Tensor, "1 s d"]:
        """The same of a grey picture and a text whose words are all masked."""
        ids = self.text.ids.clone()
        ids[:, 1:-1] = self.mask_token
        return self.model.embed(replace(self.text, ids=ids), self.grey)[0]

    def read(
        self,
        joint: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        gates: Float[Tensor, "b depth h"] | None = None,
    ) -> Float[Tensor, "b k"]:
        """Logits of joint sequences, gradients and all: blocks, pooler, VQA head."""
        tokens = self.model.encoder(joint, mask=mask, gates=gates, first=1).tokens
        return self.model.head("vqa")(self.model.pooler(tokens[:, 0]))

    @torch.no_grad()
    def logits(
        self,
        *,
        kept: Bool[Tensor, "b n"] | None = None,
        said: Bool[Tensor, "b l"] | None = None,
    ) -> Float[Tensor, "b k"]:
        """Logits of the question with some patches and words taken out of the sequence.

        Nothing attends to what was taken out; what is left keeps its positions.

        Args:
            kept: True where a patch stays; all of them by default.
            said: True where a token of the text stays; all of them by default.
        """
        rows = max(len(part) for part in (kept, said, self.patches.mask) if part is not None)
        kept = self.patches.mask.expand(rows, -1) if kept is None else kept
        said = self.text.mask.expand(rows, -1) if said is None else said
        found = []
        for some in chunks(rows):
            size = len(range(rows)[some])
            text = TextBatch(ids=self.text.ids.expand(size, -1), mask=said[some])
            patches = replace(self.patches.take([0] * size), mask=kept[some])
            joint, mask, _ = self.model.embed(text, without_padding(patches))
            found.append(self.read(joint, mask=mask))
        return torch.cat(found)

    def mask(self) -> Bool[Tensor, "1 s"] | None:
        """Of the whole sequence; None, as nothing in it is padding."""
        return mask_of(self.text.mask, with_class(self.patches.mask))


def chunks(rows: int, size: int = AT_ONCE) -> Iterator[slice]:
    """The rows, so many at a time."""
    return (slice(first, first + size) for first in range(0, rows, size))


def inquire(model: Vilt, tokenizer: Tokenizer, question: str, image: ImageBatch) -> Inquiry:
    """Read a question and a picture as far as equation 2.

    Args:
        model: In evaluation mode.
        tokenizer: The model's own.
        question: In words that the model knows.
        image: A batch of one, without padding.

    Raises:
        ValueError: A model without a VQA head, a question that cannot be read
            (``Tokenizer.check``), or another number of pictures.
    """
    if model.vqa is None:
        raise ValueError("this model answers no questions: it has no VQA head")
    if len(image.pixels) != 1 or image.mask is not None:
        raise ValueError(
            f"expected one picture without padding, got {len(image.pixels)}"
            f"{'' if image.mask is None else ', padded'}"
        )
    question = tokenizer.check(question, noun="question")
    device = next(model.parameters()).device
    with torch.inference_mode(mode=False), torch.no_grad():
        pixels = image.pixels.to(device).clone()  # gradients take no tensor of inference mode
        grey = ImageBatch(pixels=torch.zeros_like(pixels))
        return Inquiry(
            model=model,
            text=tokenizer.encode([question]).batch.to(device),
            patches=model.embed_image(ImageBatch(pixels=pixels)),
            grey=model.embed_image(grey),
            words=tuple(tokenizer.words(question)),
            mask_token=tokenizer.mask,
        )
