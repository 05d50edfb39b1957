"""A run as a person watches it: progress bar, TensorBoard, scores on the way, a summary."""

import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from vilt_core.data.text import Tokenizer
from vilt_core.evaluation.machine import hardware
from vilt_core.evaluation.sources import world_questions
from vilt_core.evaluation.vqa import predict_answers, worth
from vilt_core.interop.bundle import Bundle
from vilt_core.interop.lab import load_folder
from vilt_core.training.loop import Record, new_bundle, train
from vilt_core.training.recipes import Recipe

_WATCHED_QUESTIONS = 512


def train_and_watch(
    recipe: Recipe,
    folder: Path,
    *,
    command: str,
    start: Path | None = None,
    device: str = "auto",
    workers: int = 0,
    evaluate_every: int = 1000,
) -> Path:
    """Run a recipe to its end; returns the folder of the finished model.

    Args:
        recipe: the stages.
        folder: of this run.
        command: what the user typed, kept with the model.
        start: folder of a trained model to go on from; a fresh one otherwise.
        device: "cpu", "cuda" or "auto".
        workers: processes that prepare batches.
        evaluate_every: steps between two looks at fresh training-split questions.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not (device == "cuda" and torch.cuda.is_available()):
        raise ValueError(f"device must be auto, cpu, or cuda where there is one, got {device!r}")
    bundle = _begin(recipe, folder) if start is None else load_folder(start)
    steps = sum(stage.steps for stage in recipe.stages)
    at = {
        stage.name: sum(s.steps for s in recipe.stages[:i]) for i, stage in enumerate(recipe.stages)
    }
    with SummaryWriter(str(folder / "tensorboard")) as board, tqdm(total=steps, unit="step") as bar:
        for record in train(recipe, folder, bundle=bundle, device=device, workers=workers):
            step = at[record.stage] + record.step
            bar.update(step - bar.n)
            _log(board, bar, record, step)
            if record.stage != "backbone" and (
                record.step % evaluate_every == 0 or record.step == record.steps
            ):
                board.add_scalar("accuracy/vqa", _look(bundle), step)
            if record.saved:
                _summarise(recipe, folder / "model", command, device, record.seconds)
    return folder / "model"


def _begin(recipe: Recipe, folder: Path) -> Bundle:
    """A fresh model; an unfinished run keeps its words, whatever the world's language is by now."""
    words = folder / "model" / "tokenizer.json"
    return new_bundle(recipe, tokenizer=Tokenizer.from_file(words) if words.is_file() else None)


def _log(board: SummaryWriter, bar: tqdm, record: Record, step: int) -> None:
    shown = " ".join(f"{name} {loss:.3f}" for name, loss in record.losses.items())
    bar.set_postfix_str(f"{record.stage}: {shown}", refresh=False)
    for name, loss in record.losses.items():
        board.add_scalar(f"loss/{name}", loss, step)
    board.add_scalar("optimiser/learning rate", record.learning_rate, step)
    board.add_scalar("optimiser/gradient norm", record.gradient_norm, step)


def _look(bundle: Bundle) -> float:
    """Accuracy on fresh scenes of the training split; the test split is left for the end."""
    asked = list(islice(world_questions("train"), _WATCHED_QUESTIONS))
    scores = worth(asked, predict_answers(bundle, asked))
    return sum(scores) / len(scores)


def _summarise(recipe: Recipe, folder: Path, command: str, device: str, seconds: float) -> None:
    """What the model card says of the training."""
    summary = {
        "command": command,
        "recipe": recipe.name,
        "stages": [asdict(stage) for stage in recipe.stages],
        "seconds": round(seconds),
        "hardware": hardware(torch.device(device)),
        "torch": torch.__version__,
    }
    (folder / "training.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
