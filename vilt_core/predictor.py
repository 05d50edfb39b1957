"""The public door: a model by its name, and what one can ask of it, a line each."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from vilt_core.data.image import ImageSource, normalise, open_image, resize, stack
from vilt_core.explain.align import align
from vilt_core.explain.alignment import Alignment
from vilt_core.interop.lab import Bundle, load_folder
from vilt_core.transport.problem import check_count
from vilt_core.types import ImageBatch, TextBatch

MODELS = Path(__file__).resolve().parents[1] / "assets" / "models"
PAIRS = 32  # that ``match`` reads at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One candidate and its share of the probability."""

    text: str
    probability: float


Fill = list[Answer]  # the candidates for one mask, the likeliest first


def load(name_or_path: str | os.PathLike[str] = "vilt-mini", *, device: str = "cpu") -> "Predictor":
    """Open a model.

    Args:
        name_or_path: A model that ships with the lab, or a folder that ``save_folder`` wrote. Where
            a folder has the name of a shipped model, the shipped one is meant.
        device: Where it shall compute, such as "cuda".

    Raises:
        ValueError: No such model, or one that is damaged or does not fit.
    """
    for folder in (MODELS / name_or_path, Path(name_or_path)):
        if folder.is_dir() and folder != MODELS:
            return Predictor(load_folder(folder), device=device)
    shipped = ", ".join(sorted(path.parent.name for path in MODELS.glob("*/config.json")))
    raise ValueError(
        f"expected a shipped model ({shipped or 'there is none'}) or a model folder of this lab, "
        f"got {os.fspath(name_or_path)!r}; Hugging Face names and .ckpt files cannot be opened yet"
    )


class Predictor:
    """A model with its tokenizer and answers.

    An image is a path, a PIL image, an array or the bytes of a file (``data.image.open_image``); a
    text is read whole or refused (``Tokenizer.check``). Every method raises ValueError with one
    sentence for what it cannot take. The same input gives the same output, and threads may share
    one predictor: nothing in it changes after it was made.

    Attributes:
        name: Of the model.
        domain: What the model was trained on: "stickers" or "photographs".
        answers: What ``answer`` chooses from; empty where the model answers no questions.
        image_size: Side of the square pictures it was trained on, pixels.
        model: The network, in evaluation mode.
        tokenizer: What turns words into its tokens.
    """

    def __init__(self, bundle: Bundle, *, device: str = "cpu"):
        self.name = bundle.name
        self.domain = bundle.domain
        self.answers = bundle.answers
        self.image_size = bundle.model.config.image_size
        self.model = bundle.model.to(device).eval()
        self.tokenizer = bundle.tokenizer
        self._device = device
        special = set(self.tokenizer.special)
        self._pieces = [piece for piece in range(len(self.tokenizer)) if piece not in special]

    def prepare(self, image: ImageSource) -> tuple[Image.Image, ImageBatch]:
        """The picture as the model sees it, and the batch of one that it reads."""
        patch_size = self.model.config.patch_size
        seen = resize(open_image(image), size=self.image_size, patch_size=patch_size)
        return seen, stack([normalise(np.array(seen))])

    @torch.inference_mode()
    def answer(self, image: ImageSource, question: str, *, top_k: int = 5) -> list[Answer]:
        """The likeliest answers to a question about an image, the likeliest first.

        Args:
            image: What the question is about.
            question: In words that the model knows.
            top_k: How many answers; all of them where the model has fewer.

        Returns:
            Answers with probabilities; over all of ``answers`` these sum to 1.
        """
        check_count("top_k", top_k)
        if self.model.vqa is None:
            raise ValueError(f"{self.name} answers no questions: it has no VQA head")
        text = self._read([question], noun="question")
        output = self.model(text, self.prepare(image)[1].to(self._device))
        return _likeliest(self.model.vqa(output.pooled)[0], self.answers.__getitem__, top_k)

    @torch.inference_mode()
    def match(
        self,
        images: ImageSource | Sequence[ImageSource],
        texts: str | Sequence[str],
    ) -> Float[np.ndarray, "images texts"]:
        """The probability that each text is about each image.

        Args:
            images: A list or a tuple of images, or one alone.
            texts: A list or a tuple of texts, or one alone.
        """
        pictures = [self.prepare(image)[1].pixels[0] for image in _several(images, "images")]
        text = self._read(_several(texts, "texts"), noun="text")
        pairs = torch.cartesian_prod(torch.arange(len(pictures)), torch.arange(len(text.ids)))
        chances = []
        for some in pairs.split(PAIRS):
            which = some[:, 1].to(self._device)
            pixels = stack([pictures[row] for row in some[:, 0].tolist()])
            output = self.model(
                TextBatch(ids=text.ids[which], mask=text.mask[which]), pixels.to(self._device)
            )
            chances.append(self.model.itm(output.pooled).softmax(dim=-1)[:, 1])
        return torch.cat(chances).reshape(len(pictures), -1).cpu().numpy()

    @torch.inference_mode()
    def fill(self, image: ImageSource | None, text: str, *, top_k: int = 5) -> list[Fill]:
        """The likeliest word pieces for every [MASK] of a text, each mask on its own.

        A mask stands for one piece of the vocabulary. A word of several pieces needs as many masks;
        its later pieces begin with "##".

        Args:
            image: What the text is about; None reads the text alone.
            text: With at least one [MASK], in capitals or not.
            top_k: How many pieces for each mask.

        Returns:
            For each mask, in order, pieces with probabilities; over all pieces but the special
            tokens these sum to 1.
        """
        check_count("top_k", top_k)
        read = self._read([text], noun="text")
        masks = (read.ids[0] == self.tokenizer.mask).nonzero()[:, 0]
        if not len(masks):
            raise ValueError(f"the text must have at least one [MASK], got {text!r:.60}")
        picture = None if image is None else self.prepare(image)[1].to(self._device)
        output = self.model(read, picture)
        logits = self.model.mlm(output.text[0, masks])[:, self._pieces]
        return [
            _likeliest(row, lambda at: self.tokenizer.token(self._pieces[at]), top_k)
            for row in logits
        ]

    def align(
        self,
        image: ImageSource,
        text: str,
        *,
        beta: float = 0.5,
        iterations: int = 50,
        trace: bool = False,
        trace_at: Iterable[int] | None = None,
        layer: int = -1,
    ) -> Alignment:
        """Which words lie on which patches: the transport plan of section 3.2 and figure 4.

        Args:
            image: What the text is about.
            text: Its words become the rows.
            beta: IPOT's proximal weight, the inverse of a step size.
            iterations: Of IPOT; iterations / beta says how far it gets to the exact optimum.
            trace: Keep what IPOT was on its way.
            trace_at: The iterations to keep; by default 60 at most, ever fewer towards the end.
            layer: Whose states: 0 is the embedding, i the output of block i, -1 the last block.
        """
        return align(
            self.model,
            self.tokenizer,
            text,
            self.prepare(image)[1],
            beta=beta,
            iterations=iterations,
            trace=trace,
            trace_at=trace_at,
            layer=layer,
        )

    def compare(self, left: ImageSource, right: ImageSource, text: str) -> float:  # noqa: ARG002
        """The probability that a statement about two images is true.

        Raises:
            ValueError: Always so far: no model has been trained on pairs.
        """
        raise ValueError(f"{self.name} cannot compare two images: it has no NLVR2 head")

    def _read(self, texts: Sequence[str], *, noun: str) -> TextBatch:
        checked = [self.tokenizer.check(text, noun=noun) for text in texts]
        return self.tokenizer.encode(checked).batch.to(self._device)


def _several(things, name: str) -> Sequence:
    """A list or a tuple as it is; anything else is one thing."""
    if not isinstance(things, list | tuple):
        return [things]
    if not things:
        raise ValueError(f"{name} must hold at least one, got none")
    return things


def _likeliest(logits: Float[Tensor, " k"], name: Callable[[int], str], top_k: int) -> list[Answer]:
    chances, places = logits.double().softmax(dim=-1).sort(descending=True, stable=True)
    best = zip(chances[:top_k].tolist(), places[:top_k].tolist(), strict=True)
    return [Answer(text=name(place), probability=chance) for chance, place in best]
