"""Models to race with: random weights, in a folder such as the Hub holds.

transformers writes the folder and both sides read it, so that nothing but the code differs.
"""

from pathlib import Path

import torch

from vilt_core.bench.peers import transformers_quietly
from vilt_core.bench.setting import Scale

CLASSES = {
    "vqa": "ViltForQuestionAnswering",
    "mlm": "ViltForMaskedLM",
    "retrieval": "ViltForImageAndTextRetrieval",
}
_SEED = 0
_SHARPER = 5.0  # the last layer of VQA, times this: random weights find all answers equally likely
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_checkpoint(folder: Path, scale: Scale, *, task: str) -> None:
    """Write weights, tokenizer and processor; the same ones every time.

    Args:
        folder: An empty one.
        scale: Of the model.
        task: One of ``CLASSES``.

    Raises:
        ValueError: transformers is not installed.
    """
    transformers = transformers_quietly()
    config = transformers.ViltConfig(
        vocab_size=scale.vocab_size,
        hidden_size=scale.width,
        num_hidden_layers=scale.depth,
        num_attention_heads=scale.heads,
        intermediate_size=4 * scale.width,
        max_position_embeddings=scale.text_tokens,
        image_size=scale.side,
        patch_size=scale.patch_size,
        num_labels=scale.answers,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = getattr(transformers, CLASSES[task])(config)
    if task == "vqa":
        model.classifier[-1].weight.data *= _SHARPER
    model.save_pretrained(folder)
    vocab = {word: at for at, word in enumerate(vocabulary(scale))}
    transformers.ViltProcessor(
        transformers.ViltImageProcessorPil(
            size={"shortest_edge": scale.side}, size_divisor=scale.patch_size
        ),
        transformers.BertTokenizer(vocab=vocab, model_max_length=scale.text_tokens),
    ).save_pretrained(folder)


def vocabulary(scale: Scale) -> list[str]:
    """Special tokens, then words that are one token each."""
    return [*_SPECIAL, *(f"word{at}" for at in range(len(_SPECIAL), scale.vocab_size))]


def sentence(scale: Scale, tokens: int, *, generator: torch.Generator) -> str:
    """A text of so many tokens, [CLS] and [SEP] included."""
    words = torch.randint(len(_SPECIAL), scale.vocab_size, (tokens - 2,), generator=generator)
    return " ".join(f"word{at}" for at in words.tolist())
