"""Where losses and model meet: one forward pass, then every objective the batch has truth for."""

import torch
from jaxtyping import Float
from torch import Tensor

from vilt_core import objectives
from vilt_core.layers.fusion import split
from vilt_core.models.vilt import Vilt
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training.batches import Batch, matching_rows
from vilt_core.training.recipes import Stage
from vilt_core.types import ModelOutput


def losses(
    model: Vilt,
    batch: Batch,
    *,
    naming_depth: int | None = None,
    mentioning_depth: int | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """The named losses of one batch; each appears where the batch carries its truth.

    Args:
        model: what is trained.
        batch: what it reads.
        naming_depth: blocks after which the patches must have their names, besides after all.
        mentioning_depth: blocks after which they must know whether the text speaks of them.

    Raises:
        ValueError: a batch that asks for a head that the model does not have.
    """
    if batch.text is None:
        if model.naming is None:
            raise ValueError("a stage of patches needs a model with a naming head, got one without")
        patches = model.encode_image(batch.image)
        return {"naming": objectives.naming(model.naming(patches[:, 1:]), batch.patches)}
    output = model(batch.text, batch.image, return_states=True)
    found = {}
    if model.naming is not None:  # shipped models leave it behind
        named = [
            objectives.naming(model.naming(_patches_after(model, output, depth)), batch.patches)
            for depth in {naming_depth, None}
        ]
        found["naming"] = sum(named, start=torch.zeros(())) / len(named)
    if model.mentioning is not None and batch.mentioned is not None:
        spoken_of = model.mentioning(_patches_after(model, output, mentioning_depth)).squeeze(-1)
        found["mentioning"] = objectives.mentioning(spoken_of, batch.mentioned)
    if batch.grounded is not None and batch.grounded.any():
        found["grounding"] = objectives.grounding(output.text, output.image, batch.grounded)
    if batch.masked is not None:
        asked = batch.masked != IGNORED
        found["mlm"] = objectives.mlm(model.head("mlm")(output.text[asked]), batch.masked[asked])
    if batch.matched is not None:
        rows = matching_rows(batch)
        truth = batch.matched[rows] == 1
        found["itm"] = objectives.itm(model.head("itm")(output.pooled[rows]), truth)
        found["wpa"] = objectives.wpa(
            output.text[rows],
            output.image[rows],
            objectives.content_mask(output.text_mask[rows]),
            output.image_mask[rows],
            truth,
        )
    if batch.answers is not None:
        if model.vqa is None:
            raise ValueError("a stage of questions needs a model with a VQA head, got one without")
        found["vqa"] = objectives.vqa_single(model.vqa(output.pooled), batch.answers)
    return found


def _patches_after(model: Vilt, output: ModelOutput, depth: int | None) -> Float[Tensor, "b n d"]:
    """The patches as the final norm sees them after ``depth`` blocks, or after all."""
    if depth is None:
        return output.image
    assert output.states is not None
    _, _, patches = split(output.states[depth], text_tokens=output.text.shape[1])
    return model.encoder.norm(patches)


def weighted_sum(found: dict[str, Tensor], stage: Stage) -> Float[Tensor, ""]:
    """The total that is trained: by the stage's weights, and everything without one by 1."""
    weights = {
        "wpa": stage.wpa_weight,
        "naming": stage.naming_weight,
        "mentioning": stage.mentioning_weight,
        "grounding": stage.grounding_weight,
    }
    if set(found) == {"naming"}:
        return found["naming"]
    return torch.stack([weights.get(name, 1.0) * loss for name, loss in found.items()]).sum()
