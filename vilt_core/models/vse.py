"""VSE++: a convolutional network, a recurrent one and a dot product.

Faghri et al., BMVC 2018, after its published code; the family (a) of ViLT's figure 2, where nearly
all is spent on embedding the picture and next to nothing on bringing it together with the text.
"""

from dataclasses import asdict

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize

from vilt_core.config import VseConfig
from vilt_core.layers.cells import read_grids
from vilt_core.layers.cnn import GridCnn
from vilt_core.layers.heads import Nlvr2Head, VqaHead, joined, last_of, mean_of
from vilt_core.layers.init import initialise
from vilt_core.layers.patches import raster_positions
from vilt_core.layers.reader import PairReader
from vilt_core.layers.recurrent import RecurrentText
from vilt_core.types import ImageBatch, ModelOutput, PatchEmbeddings, TextBatch


class Vse(PairReader):
    """A tower for texts, one for pictures, and the vectors that they make of them.

    ``score(out.text_vector, out.image_vector)`` is every text's score with every picture. Not
    published: ``vqa(out.pooled)``, a choice among answers, where the config has them.
    """

    dual = True

    def __init__(self, config: VseConfig):
        super().__init__(config)
        self.config: VseConfig = config
        width, answers = config.shared_width, config.answers
        self.text_encoder = RecurrentText(config.vocab_size, width, word_width=config.word_width)
        self.image_cnn = GridCnn(**asdict(config.cnn))
        self.image_projection = nn.Linear(self.image_cnn.width, width)
        self.vqa = VqaHead(4 * width, answers=answers, hidden=2 * width) if answers else None
        named = config.patch_classes
        self.naming = nn.Linear(self.image_cnn.width, named) if named else None
        self.nlvr2 = Nlvr2Head(4 * width, hidden=2 * width) if config.nlvr2 else None
        initialise(self)

    def forward(self, text: TextBatch, image: ImageBatch) -> ModelOutput:
        """Read a batch of texts and, apart from them, of pictures.

        The states of the image are its cells in the shared space: the direction of their mean is
        the picture's vector, so a cell's product with a text's vector is its part of the score.
        """
        words, text_vector = self.encode_text(text)
        cells = self._look(image)
        image_vector = _direction(cells)
        return ModelOutput(
            text=words,
            image=cells.tokens,
            image_class=cells.tokens.new_zeros(image_vector.shape),  # it has no token of its own
            pooled=joined(text_vector, image_vector),
            text_mask=text.mask,
            image_mask=cells.mask,
            positions=cells.positions,
            grid=cells.grid,
            text_vector=text_vector,
            image_vector=image_vector,
        )

    def encode_text(self, text: TextBatch) -> tuple[Float[Tensor, "b l d"], Float[Tensor, "b e"]]:
        """Each text's states, and its vector of length 1: the state of its last real token."""
        words = self.text_encoder(text.ids, mask=text.mask)
        return words, normalize(last_of(words, mask=text.mask), dim=-1)

    def encode_image(self, image: ImageBatch) -> Float[Tensor, "b e"]:
        """Each picture's vector of length 1."""
        return _direction(self._look(image))

    def score(
        self, texts: Float[Tensor, "texts e"], images: Float[Tensor, "images e"]
    ) -> Float[Tensor, "texts images"]:
        """The cosine of every text with every picture."""
        return texts @ images.mT

    def cell_states(self, image: ImageBatch) -> Float[Tensor, "b n c"]:
        """What the CNN makes of every cell."""
        return rearrange(self.image_cnn(image.pixels), "b c rows columns -> b (rows columns) c")

    def score_all(self, text: TextBatch, image: ImageBatch) -> Float[Tensor, "texts images"]:
        """The score of every text with every picture, each read once."""
        return self.score(self.encode_text(text)[1], self.encode_image(image))

    def _look(self, image: ImageBatch) -> PatchEmbeddings:
        """The cells, over the length of their mean as published, in the shared space."""
        grid, real = read_grids(self.image_cnn, image.pixels, mask=image.mask)
        cells = rearrange(grid, "b c rows columns -> b (rows columns) c")
        mask = rearrange(real, "b rows columns -> b (rows columns)")
        length = mean_of(cells, mask=mask).norm(dim=-1).clamp(min=1e-12)
        rows, columns = real.shape[1:]
        places = raster_positions(rows, columns, device=mask.device)
        return PatchEmbeddings(
            tokens=self.image_projection(cells / rearrange(length, "b -> b 1 1")),
            mask=mask,
            positions=places.expand(len(mask), -1, -1).masked_fill(~mask[..., None], -1),
            grid=(rows, columns),
        )


def _direction(cells: PatchEmbeddings) -> Float[Tensor, "b e"]:
    return normalize(mean_of(cells.tokens, mask=cells.mask), dim=-1)
