"""Where losses and model meet: one forward pass, then every objective the batch has truth for."""

from collections.abc import Mapping

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vilt_core import objectives
from vilt_core.data.regions import overlaps_with
from vilt_core.explain.attention import words_to_patches
from vilt_core.layers.fusion import split
from vilt_core.layers.reader import PairReader
from vilt_core.layers.regions import beside
from vilt_core.models.vilt import Vilt
from vilt_core.objectives.mlm import IGNORED
from vilt_core.training.batches import Batch, matching_rows
from vilt_core.training.hidden import hide, told
from vilt_core.training.stages import Stage
from vilt_core.types import ImageBatch, ModelOutput, PatchEmbeddings, RegionBatch, TextBatch


class TrainingStep(nn.Module):
    """A batch to its losses and their weighted sum: what processes share and shard."""

    def __init__(self, model: PairReader, stage: Stage):
        super().__init__()
        self.model = model
        self.stage = stage

    def forward(
        self, batch: Batch, shares: Mapping[str, float]
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The total to go downhill on, and each loss by name.

        Args:
            batch: part of the global batch.
            shares: how much each loss of this part counts: 1 where the part is the whole.
        """
        found = losses(self.model, batch, self.stage)
        shared = {name: loss * shares[name] for name, loss in found.items()}
        return weighted_sum(shared, self.stage), {n: loss.detach() for n, loss in found.items()}


def losses(model: PairReader, batch: Batch, stage: Stage) -> dict[str, Float[Tensor, ""]]:
    """The named losses of one batch; each appears where the batch carries its truth.

    Args:
        model: what is trained.
        batch: what it reads.
        stage: at which depths who is asked, how many patches are read, what is aligned.

    Raises:
        ValueError: a batch that asks for a head that the model does not have.
    """
    if batch.kind == "patches":
        if model.naming is None or batch.patches is None:
            raise ValueError("a stage of patches needs a model with a naming head, got one without")
        named = model.naming(model.cell_states(batch.image))
        return {"naming": objectives.naming(named, batch.patches)}
    if batch.text is None:
        raise ValueError(f"expected a batch of {batch.kind} with texts, got none")
    if batch.kind == "statements":
        return {"nlvr2": _statements(model, batch, batch.text, stage)}
    if batch.kind == "ranking":
        return {"ranking": _ranking(model, batch, batch.text)}
    if batch.kind == "referring":
        return {"referring": _referring(model, batch, batch.text)}
    if batch.kind == "choices":
        return {"choice": _choice(model, batch, batch.text)}
    if batch.kind == "pairs":
        return _contrast(model.score_all(batch.text, batch.image), stage)
    if not isinstance(model, Vilt):
        return _of_a_rival(model, batch, batch.text, stage)
    image = _embedded(model, batch.image, batch.kept, stage, covered=batch.covered)
    looked_at = None
    if stage.gathering_weight and batch.grounded is not None:
        last = model.config.depth
        looked_at = last if stage.gathering_block is None else stage.gathering_block
    output = model(batch.text, image, return_states=True, attention_of=looked_at)
    return (
        _about_patches(model, batch, output, stage)
        | _about_nouns(model, batch, output, stage)
        | _about_words(model, batch, output, stage)
        | _about_differences(model, batch, output, stage)
        | _about_pairs(model, batch, output, stage)
    )


def _of_a_rival(model: PairReader, batch: Batch, text: TextBatch, stage: Stage) -> dict:
    """Captions and questions as ViLT's rivals read them, some of their regions hidden."""
    seen, asked = model.look(batch.image), None
    shown = seen
    if isinstance(seen, RegionBatch) and batch.matched is not None:
        # Drawn as dropout is: anew for each process and part.
        shown, asked = hide(
            model, seen, _hiding_rows(batch, stage), generator=torch.default_generator
        )
    output = model(text, shown)
    found = _about_words(model, batch, output, stage) | _about_pairs(model, batch, output, stage)
    if isinstance(seen, RegionBatch) and asked is not None:
        found |= told(model, output, seen, asked)
    return found


def _hiding_rows(batch: Batch, stage: Stage) -> Bool[Tensor, " b"]:
    """Where regions may be hidden: not where matching is asked, nor words in place of regions."""
    rows = ~matching_rows(batch)
    if stage.hide_either and batch.masked is not None:
        rows = rows & (batch.masked == IGNORED).all(dim=1)
    return rows


def _about_patches(model: Vilt, batch: Batch, output: ModelOutput, stage: Stage) -> dict:
    """Objectives that ask the patches: of the sticker world, and masked patch prediction."""
    found = {}
    naming, mentioning = model.naming, model.mentioning  # shipped models leave them behind
    if stage.naming_weight and naming is not None and batch.patches is not None:
        named = [
            objectives.naming(naming(_patches_after(model, output, depth)), batch.patches)
            for depth in {stage.naming_depth, None}
        ]
        found["naming"] = torch.stack(named).mean()
    if stage.mentioning_weight and mentioning is not None and batch.mentioned is not None:
        patches = _patches_after(model, output, stage.mentioning_depth)
        found["mentioning"] = objectives.mentioning(
            mentioning(patches).squeeze(-1), batch.mentioned
        )
    if batch.hidden is not None:
        colours = objectives.patch_colours(batch.image.pixels, model.config.patch_size)
        rows, columns = output.positions.clamp(min=0).unbind(dim=-1)
        at = rows * output.grid[1] + columns
        asked = batch.hidden.flatten(1).gather(1, at) & output.image_mask
        truth = colours.gather(1, at[..., None].expand(-1, -1, 3))
        found["mpp"] = objectives.mpp(model.head("mpp")(output.image[asked]), truth[asked])
    return found


def _about_nouns(model: Vilt, batch: Batch, output: ModelOutput, stage: Stage) -> dict:
    """Objectives of the sticker world that ask every noun of what it speaks."""
    found, locating = {}, model.locating
    if batch.grounded is not None and stage.grounding_weight:
        found["grounding"] = objectives.grounding(output.text, output.image, batch.grounded)
    if batch.grounded is not None and output.attentions is not None:
        looks = words_to_patches(output.attentions[0][:, 0], text_tokens=output.text.shape[1])
        found["gathering"] = objectives.gathering(looks, batch.grounded)
    if stage.locating_weight and locating is not None and batch.numbers is not None:
        assert batch.centres is not None
        numbers, centres = locating(_words_after(model, output, stage.locating_depth))
        found["locating"] = objectives.locating(numbers, centres, batch.numbers, batch.centres)
    return found


def _about_differences(model: Vilt, batch: Batch, output: ModelOutput, stage: Stage) -> dict:
    """The sticker world's question to the first token: how do the two things differ?"""
    if not stage.comparing_weight or model.comparing is None or batch.differences is None:
        return {}
    first = _words_after(model, output, stage.comparing_depth)[:, 0]
    return {"comparing": objectives.comparing(model.comparing(first), batch.differences)}


def _about_words(model: PairReader, batch: Batch, output: ModelOutput, stage: Stage) -> dict:
    """Masked language modelling."""
    if batch.masked is None or not stage.mlm:
        return {}
    asked = batch.masked != IGNORED
    return {"mlm": objectives.mlm(model.head("mlm")(output.text[asked]), batch.masked[asked])}


def _about_pairs(model: PairReader, batch: Batch, output: ModelOutput, stage: Stage) -> dict:
    """Matching with its alignment, and questions."""
    found = {}
    if batch.matched is not None:
        rows = matching_rows(batch)
        truth = batch.matched[rows] == 1
        if stage.itm:
            found["itm"] = objectives.itm(model.head("itm")(output.pooled[rows]), truth)
        if stage.wpa:
            found["wpa"] = objectives.wpa(
                output.text[rows],
                output.image[rows],
                objectives.content_mask(output.text_mask[rows]),
                output.image_mask[rows],
                truth,
            )
    if batch.scores is not None:
        found["vqa"] = objectives.vqa(model.head("vqa")(output.pooled), batch.scores)
    elif batch.answers is not None:
        found["vqa"] = objectives.vqa_single(model.head("vqa")(output.pooled), batch.answers)
    return found


def _embedded(
    model: Vilt,
    image: ImageBatch,
    kept: Bool[Tensor, "b rows columns"] | None,
    stage: Stage,
    *,
    covered: Bool[Tensor, "b rows columns"] | None = None,
) -> PatchEmbeddings:
    """The patches that are read, some of them behind the mask token."""
    return model.embed_image(
        image,
        masked_patches=None if covered is None else covered.flatten(1),
        kept_patches=None if kept is None else kept.flatten(1),
        limit=stage.kept_patches,
    )


def _statements(
    model: PairReader, batch: Batch, text: TextBatch, stage: Stage
) -> Float[Tensor, ""]:
    """NLVR2's pair method: the text is read with each picture, under the picture's own type."""
    if batch.second is None or batch.statements is None:
        raise ValueError("statements need two pictures and a truth, a batch has none")
    left, right = batch.image, batch.second
    if isinstance(model, Vilt):
        left = _embedded(model, left, batch.kept, stage)
        right = _embedded(model, right, batch.second_kept, stage)
    left, right = model.pool(text, left, image_type=1), model.pool(text, right, image_type=2)
    if model.nlvr2 is None:
        raise ValueError("a stage of statements needs a model with an nlvr2 head, got one without")
    return objectives.nlvr2(model.nlvr2.pair(left, right), batch.statements == 1)


def _ranking(model: PairReader, batch: Batch, texts: TextBatch) -> Float[Tensor, ""]:
    """The true text of every picture above the false ones beside it."""
    return objectives.ranking(_scored(model, batch, texts, model.head("rank")))


def _choice(model: PairReader, batch: Batch, texts: TextBatch) -> Float[Tensor, ""]:
    """The true candidate of every picture among all of its own."""
    if batch.chosen is None:
        raise ValueError("choices need to know which candidate is true, a batch does not")
    return objectives.choice(_scored(model, batch, texts, model.head("choice")), batch.chosen)


def _scored(
    model: PairReader, batch: Batch, texts: TextBatch, head: nn.Module
) -> Float[Tensor, "b candidates"]:
    """Every picture, looked at once, with each of its texts."""
    pictures = len(batch.image.pixels)
    each = len(texts.ids) // pictures
    images = model.look(batch.image).take([row for row in range(pictures) for _ in range(each)])
    return rearrange(head(model(texts, images).pooled), "(b c) -> b c", c=each)


def _referring(model: PairReader, batch: Batch, text: TextBatch) -> Float[Tensor, ""]:
    """What is meant, among the regions of the detector and the true boxes of all things.

    As in ViLBERT's code, true boxes are there in training alone: there is one that is right.
    """
    head = model.head("referring")
    if batch.boxes is None or batch.meant is None or model.image_detector is None:
        raise ValueError("referring needs true boxes, and a detector that looks at them")
    real = (batch.boxes[..., 2:] > batch.boxes[..., :2]).all(dim=-1)
    things = model.image_detector.describe(batch.image, batch.boxes, real)
    seen = model.look(batch.image)
    assert isinstance(seen, RegionBatch)
    seen = beside(seen, things)
    scores = head(model(text, seen).image)
    meant = batch.boxes[torch.arange(len(batch.meant), device=batch.meant.device), batch.meant]
    overlap = overlaps_with(seen.boxes, meant[:, None]).squeeze(-1)
    return objectives.referring(scores, overlap, seen.mask)


def _contrast(scores: Float[Tensor, "b b"], stage: Stage) -> dict[str, Float[Tensor, ""]]:
    """Every pair of the batch above those that it makes by mistake."""
    if stage.contrast != "softmax":
        return {"triplet": objectives.triplet(scores, hardest=stage.contrast == "hardest")}
    return {"contrastive": objectives.contrastive(scores)}


def _patches_after(model: Vilt, output: ModelOutput, depth: int | None) -> Float[Tensor, "b n d"]:
    """The patches as the final norm sees them after ``depth`` blocks, or after all."""
    return output.image if depth is None else model.encoder.norm(_states(output, depth)[2])


def _words_after(model: Vilt, output: ModelOutput, depth: int | None) -> Float[Tensor, "b l d"]:
    """The words, likewise."""
    return output.text if depth is None else model.encoder.norm(_states(output, depth)[0])


def _states(output: ModelOutput, depth: int) -> tuple[Tensor, Tensor, Tensor]:
    """Words, the image's class and patches after ``depth`` blocks, not normalised."""
    assert output.states is not None
    return split(output.states[depth], text_tokens=output.text.shape[1])


def weighted_sum(found: dict[str, Tensor], stage: Stage) -> Float[Tensor, ""]:
    """The total that is trained: by the stage's weights, and everything without one by 1."""
    weights = {
        "wpa": stage.wpa_weight,
        "naming": stage.naming_weight,
        "mentioning": stage.mentioning_weight,
        "grounding": stage.grounding_weight,
        "locating": stage.locating_weight,
        "gathering": stage.gathering_weight,
        "comparing": stage.comparing_weight,
    }
    if set(found) == {"naming"}:
        return found["naming"]
    return torch.stack([weights.get(name, 1.0) * loss for name, loss in found.items()]).sum()
