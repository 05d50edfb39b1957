"""The public door: a model by its name, and what one can ask of it, a line each."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from vilt_core.data.image import ImageSource, normalise, open_image, resize
from vilt_core.evaluation.encounter import Encounter, encounter
from vilt_core.evaluation.scoring import (
    GPU_PAIRS,
    PAIRS,
    Judge,
    Placed,
    judge_of,
    of_one_size,
    score_all,
)
from vilt_core.evaluation.sources import Box
from vilt_core.explain.align import align
from vilt_core.explain.alignment import Alignment
from vilt_core.explain.explanation import Explanation, explain
from vilt_core.explain.inquiry import Inquiry, inquire
from vilt_core.explain.lens import Lens, lens
from vilt_core.interop.address import is_repo_name
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.folders import SHIPPED as MODELS
from vilt_core.interop.folders import is_file, is_folder
from vilt_core.interop.opening import open_bundle
from vilt_core.layers.packed import has_bfloat16_units, pack
from vilt_core.models.vilt import Vilt
from vilt_core.transport.problem import check_count, check_positive
from vilt_core.types import ImageBatch, TextBatch
from vilt_core.world.reasons import as_read

HELD = 128  # pictures that ``match`` holds at once
WIDE = 512  # from this width on, products are so large that bfloat16 units pay


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One candidate and its share of the probability."""

    text: str
    probability: float


Fill = list[Answer]  # the candidates for one mask, the likeliest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a model says of one token that was hidden from it."""

    token: int  # its index in the sequence, [CLS] is 0
    truth: Answer  # the piece that stood there
    rank: int  # of the truth, 1 is the likeliest
    likeliest: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region of a picture, and how likely an expression means it."""

    box: Box  # left, top, right, bottom, as shares of the picture's sides
    probability: float  # of this region alone: those of a picture do not sum to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A statement about two pictures, and the two readings that it was judged by."""

    left: Float[np.ndarray, " d"]  # the pooled state of the text with the left picture
    right: Float[np.ndarray, " d"]
    probability: float  # that the statement is true


def load(
    name_or_path: str | os.PathLike[str] = "vilt-mini",
    *,
    device: str = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> "Predictor":
    """Open a model.

    Args:
        name_or_path: A model that ships with the lab; a folder of this lab or of transformers; a
            .ckpt file of the original code; or a name on the Hugging Face Hub, such as
            "dandelin/vilt-b32-finetuned-vqa". A shipped model comes first, then what is on disk.
        device: Where it shall compute, such as "cuda".
        dtype: Of the matrix products: "float32", "bfloat16", or "auto", which is bfloat16 for wide
            models on processors with units for it: same answers, probabilities within 0.01 or so.
        revision: Of the hub: a branch, a tag or a commit.
        progress: Told of the bytes that are there and of all bytes while they come from the hub.

    Raises:
        ValueError: No such model, or one that is damaged or does not fit.
    """
    if not isinstance(name_or_path, str | os.PathLike):
        raise ValueError(f"expected the name or the path of a model, got {name_or_path!r:.60}")
    shipped = MODELS / name_or_path
    if is_folder(shipped) and shipped != MODELS:
        return Predictor(open_bundle(shipped), device=device, dtype=dtype)
    there = is_folder(name_or_path) or is_file(name_or_path)
    if there or is_repo_name(os.fspath(name_or_path)):
        bundle = open_bundle(name_or_path, revision=revision, progress=progress)
        return Predictor(bundle, device=device, dtype=dtype)
    names = ", ".join(sorted(path.parent.name for path in MODELS.glob("*/config.json")))
    raise ValueError(
        f"expected a shipped model ({names or 'there is none'}), a folder of this lab or of "
        "transformers, a .ckpt file or a name on the Hugging Face Hub, "
        f"got {os.fspath(name_or_path)!r:.200}"
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
        processing: How a picture becomes what the model reads.
        model: The network, in evaluation mode. In bfloat16 on a CPU its blocks are packed
            (``layers/packed.py``), and it can neither be saved nor trained.
        dtype: Of the matrix products.
        tokenizer: What turns words into its tokens.
    """

    def __init__(self, bundle: Bundle, *, device: str = "cpu", dtype: str = "auto"):
        self.name = bundle.name
        self.domain = bundle.domain
        self.answers = bundle.answers
        self.image_size = bundle.model.config.image_size
        self.processing = bundle.processing
        self.tokenizer = bundle.tokenizer
        width = getattr(bundle.model.config, "width", 0)  # some have two, or none of their own
        self.dtype = _dtype(dtype, device=device, width=width)
        self._device = device
        # A GPU keeps all in bfloat16; packed blocks on a CPU take and give float32.
        self._weights = torch.float32 if device == "cpu" else self.dtype
        self.model = bundle.model.to(device, self._weights).eval()
        if self._weights != self.dtype:
            pack(self.model)
        self._pairs = PAIRS if device == "cpu" else GPU_PAIRS
        special = set(self.tokenizer.special)
        self._pieces = [piece for piece in range(len(self.tokenizer)) if piece not in special]

    def prepare(self, image: ImageSource) -> tuple[Image.Image, ImageBatch]:
        """The picture as the model sees it, and the batch of one that it reads."""
        seen = self.seen(image)
        return seen, self._batch([seen])

    def seen(self, image: ImageSource) -> Image.Image:
        """The picture as the model sees it, which the model sees as it is.

        Whoever holds many holds them so: one of 50 million pixels takes 150 MB as it came.
        """
        to = self.processing
        return resize(open_image(image), size=to.size, patch_size=to.patch_size, crop=to.crop)

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
        pooled = self.model.pool(text, self.prepare(image)[1])
        return _likeliest(self.model.vqa(pooled)[0], self.answers.__getitem__, top_k)

    def match(
        self,
        images: ImageSource | Sequence[ImageSource],
        texts: str | Sequence[str],
    ) -> Float[np.ndarray, "images texts"]:
        """The probability that each text is about each image.

        Every image is embedded once, and sequences of about one length are read together. A model
        fine-tuned for retrieval has learned to rank and not how sure to be: of its score the
        logistic function is given.

        Args:
            images: A list or a tuple of images, or one alone.
            texts: A list or a tuple of texts, or one alone.

        Raises:
            ValueError: The model has neither an ITM nor a retrieval head.
        """
        return torch.from_numpy(self.score(images, texts)).sigmoid().numpy()

    @torch.inference_mode()
    def score(
        self,
        images: ImageSource | Sequence[ImageSource],
        texts: str | Sequence[str],
    ) -> Float[np.ndarray, "images texts"]:
        """What ``match`` is the logistic function of: it still ranks where all are nearly sure.

        Raises:
            ValueError: As ``match``.
        """
        judge = self._judge()
        sources = _several(images, "images")
        text = self._read(_several(texts, "texts"), noun="text")
        return score_all(
            self.model,
            self._batches(sources),
            text,
            judge=judge,
            images=len(sources),
            pairs_at_once=self._pairs,
        )

    @torch.inference_mode()
    def refer(self, image: ImageSource, expression: str, *, top_k: int = 5) -> list[Region]:
        """The regions of an image that a referring expression may mean, the likeliest first.

        Args:
            image: What the expression is about.
            expression: Such as "the cat above the red heart".
            top_k: How many regions; all that the detector tells where these are fewer.

        Raises:
            ValueError: The model was not trained to this.
        """
        check_count("top_k", top_k)
        if self.model.referring is None:
            raise ValueError(f"{self.name} finds nothing by expressions: it has no referring head")
        read = self._read([expression], noun="expression")
        output = self.model(read, self.prepare(image)[1])
        assert output.boxes is not None
        there = output.image_mask[0]
        chances = self.model.referring(output.image)[0, there].double().sigmoid()
        boxes = output.boxes[0, there].tolist()
        best = chances.argsort(descending=True, stable=True)[:top_k].tolist()
        return [Region(box=tuple(boxes[at]), probability=float(chances[at])) for at in best]

    @torch.inference_mode()
    def choose(
        self,
        image: ImageSource,
        question: str,
        candidates: Sequence[str],
        *,
        answer: str | None = None,
    ) -> list[Answer]:
        """Which of a few candidates answers a question about an image, or gives the reason for it.

        Args:
            image: What the question is about.
            question: With its question mark.
            candidates: At least two answers; or, where ``answer`` is given, reasons for that.
            answer: What was answered.

        Returns:
            The candidates with probabilities that sum to 1, the likeliest first.

        Raises:
            ValueError: The model was not trained to this, or there is nothing to choose from.
        """
        if self.model.choice is None:
            raise ValueError(f"{self.name} chooses among no texts: it has no choice head")
        texts = [one for one in candidates if isinstance(one, str) and one.strip()]
        if isinstance(candidates, str) or len(texts) < max(2, len(candidates)):
            raise ValueError(f"candidates must be two texts or more, got {candidates!r:.60}")
        read = self._read(as_read(question, candidates, answer=answer), noun="candidate")
        seen = self.model.look(self.prepare(image)[1]).take([0] * len(candidates))
        scores = self.model.choice(self.model(read, seen).pooled)
        return _likeliest(scores, candidates.__getitem__, len(candidates))

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
        if self.model.mlm is None:
            raise ValueError(f"{self.name} fills no masks: it has no MLM head")
        read = self._read([text], noun="text")
        masks = (read.ids[0] == self.tokenizer.mask).nonzero()[:, 0]
        if not len(masks):
            raise ValueError(f"the text must have at least one [MASK], got {text!r:.60}")
        logits = self._pieces_at(masks, read, image)
        return [_likeliest(row, self._piece, top_k) for row in logits]

    @torch.inference_mode()
    def guess(
        self, image: ImageSource | None, text: str, hidden: Sequence[int], *, top_k: int = 5
    ) -> list[Guess]:
        """What stands under tokens of a text that are hidden: any pieces of words, or all of one.

        Args:
            image: What the text is about; None reads the text alone.
            text: As it is before anything is hidden.
            hidden: Indices of tokens, as ``Tokenizer.words`` gives them.
            top_k: How many pieces for each.

        Returns:
            One guess a hidden token, in the order of the text. Probabilities are over all pieces
            but the special tokens, and each token is guessed on its own, as in training.

        Raises:
            ValueError: No head for it, nothing hidden, or a token that the text does not have.
        """
        check_count("top_k", top_k)
        if self.model.mlm is None:
            raise ValueError(f"{self.name} fills no masks: it has no MLM head")
        read = self._read([text], noun="text")
        tokens = sorted(set(hidden))
        last = read.ids.shape[1] - 2
        if not tokens:
            raise ValueError("hide at least one word, none is hidden")
        if not 1 <= tokens[0] <= tokens[-1] <= last:
            raise ValueError(f"hidden tokens must lie in 1 to {last}, got {tokens}")
        pieces = read.ids[0, tokens].tolist()
        if strange := [piece for piece in pieces if piece in self.tokenizer.special]:
            said = ", ".join(self.tokenizer.token(piece) for piece in strange)
            raise ValueError(f"only pieces of words can be hidden, got {said}")
        ids = read.ids.clone()
        ids[0, tokens] = self.tokenizer.mask
        logits = self._pieces_at(torch.tensor(tokens), replace(read, ids=ids), image)
        return [
            self._guess(token, piece, row, top_k)
            for token, piece, row in zip(tokens, pieces, logits, strict=True)
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
        check_positive("beta", beta)
        check_count("iterations", iterations)
        if not isinstance(layer, Integral):
            raise ValueError(f"layer must be a whole number, got {layer!r:.60}")
        if not isinstance(self.model, Vilt):
            raise ValueError(f"{self.name} lays no words on patches: this takes a ViLT")
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

    def explain(
        self,
        image: ImageSource,
        question: str,
        *,
        method: str = "relevance",
        answer: str | None = None,
    ) -> Explanation:
        """How much each patch and each word counts in an answer.

        Args:
            image: What the question is about.
            question: In words that the model knows.
            method: "transport", "attention", "rollout", "relevance", "gradients" or "occlusion".
            answer: Whose reasons are asked for; the likeliest by default.
        """
        if answer is not None and answer not in self.answers:
            raise ValueError(f"{self.name} knows no answer {answer!r:.60}")
        place = None if answer is None else self.answers.index(answer)
        return explain(self.inquire(image, question), self.answers, method=method, answer=place)

    def lens(self, image: ImageSource, question: str, *, top_k: int = 5) -> Lens:
        """What the model would answer after every layer."""
        check_count("top_k", top_k)
        return lens(self.inquire(image, question), self.answers, top_k=top_k)

    def inquire(self, image: ImageSource, question: str) -> Inquiry:
        """A question embedded once, for everything in ``vilt_core.explain``."""
        if not isinstance(self.model, Vilt):
            raise ValueError(f"{self.name} explains no answers: this takes a ViLT")
        return inquire(self.model, self.tokenizer, question, self.prepare(image)[1])

    def meet(self, image: ImageSource, text: str) -> Encounter:
        """How both meet: as two vectors and their product, or by who looks at whom."""
        return encounter(self.model, self.tokenizer, text, self.prepare(image)[1])

    @torch.inference_mode()
    def compare(self, left: ImageSource, right: ImageSource, text: str) -> float:
        """The probability that a statement about two images is true.

        The statement is read twice, once with each image, and both readings judged together.

        Raises:
            ValueError: The model was not trained on pairs.
        """
        return self.weigh(left, right, text).probability

    @torch.inference_mode()
    def weigh(self, left: ImageSource, right: ImageSource, text: str) -> Comparison:
        """``compare``, with the two pooled states that are laid side by side for the head.

        Raises:
            ValueError: As ``compare``.
        """
        if self.model.nlvr2 is None:
            raise ValueError(f"{self.name} cannot compare two images: it has no NLVR2 head")
        read = self._read([text], noun="statement")
        pooled = [
            self.model.pool(read, self.prepare(image)[1], image_type=row)
            for row, image in enumerate((left, right), start=1)
        ]
        logits = self.model.nlvr2.pair(*pooled)
        first, second = (state[0].float().cpu().numpy() for state in pooled)
        return Comparison(
            left=first, right=second, probability=float(logits.double().softmax(dim=-1)[0, 1])
        )

    def _pieces_at(
        self, masks: Int[Tensor, " m"], read: TextBatch, image: ImageSource | None
    ) -> Float[Tensor, "m pieces"]:
        """Logits of ``_pieces`` at some places of a text."""
        output = self.model(read, None if image is None else self.prepare(image)[1])
        return self.model.head("mlm")(output.text[0, masks])[:, self._pieces]

    def _piece(self, at: int) -> str:
        return self.tokenizer.token(self._pieces[at])

    def _guess(self, token: int, piece: int, logits: Float[Tensor, " k"], top_k: int) -> Guess:
        at = self._pieces.index(piece)
        chance = float(logits.double().softmax(dim=-1)[at])
        return Guess(
            token=token,
            truth=Answer(text=self._piece(at), probability=chance),
            rank=1 + int((logits > logits[at]).sum()),
            likeliest=_likeliest(logits, self._piece, top_k),
        )

    def _judge(self) -> Judge:
        found = judge_of(self.model)
        if found is None:
            raise ValueError(f"{self.name} matches no texts: it has no ITM and no retrieval head")
        return found[1]

    def _batches(self, images: Sequence[ImageSource]) -> Iterator[Placed]:
        """All pictures as the model reads them, a few of one size at a time."""
        for first in range(0, len(images), HELD):
            seen = [self.seen(image) for image in images[first : first + HELD]]
            for rows in of_one_size([picture.size for picture in seen], most=self._pairs):
                yield [first + row for row in rows], self._batch([seen[row] for row in rows])

    def _batch(self, seen: Sequence[Image.Image]) -> ImageBatch:
        """Pictures of one size as the model reads them, on its device."""
        pixels = np.stack([np.asarray(picture) for picture in seen])
        read = normalise(pixels, mean=self.processing.mean, std=self.processing.std)
        return ImageBatch(pixels=read.to(self._device, self._weights))

    def _read(self, texts: Sequence[str], *, noun: str) -> TextBatch:
        checked = [self.tokenizer.check(text, noun=noun) for text in texts]
        return self.tokenizer.encode(checked).batch.to(self._device)


def _dtype(wanted: str, *, device: str, width: int) -> torch.dtype:
    """What products are computed in: "auto" is bfloat16 where that is faster and wide enough.

    Raises:
        ValueError: No such precision, or not on this machine.
    """
    if wanted not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"dtype must be auto, float32 or bfloat16, got {wanted!r}")
    units = has_bfloat16_units() if device == "cpu" else torch.cuda.is_bf16_supported()
    if wanted == "bfloat16" and not units:
        raise ValueError(f"this {device} has no bfloat16 units: choose float32")
    auto = wanted == "auto" and units and device == "cpu" and width >= WIDE
    return torch.bfloat16 if auto or wanted == "bfloat16" else torch.float32


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
