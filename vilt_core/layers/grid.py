"""A picture becomes a sequence of cells: the grid of a convolutional network, as Pixel-BERT has it.

Huang et al., 2020, section 3.2. Where a cell lies, the network alone has to tell: there is no table
of positions.
"""

from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from vilt_core.layers.cells import read_grids
from vilt_core.layers.cnn import GridCnn
from vilt_core.layers.patches import raster_positions, without_padding
from vilt_core.types import PatchEmbeddings


class GridEmbedding(nn.Module):
    """A CNN, the largest of each 2 x 2 of its cells, and a linear map to the transformer's width.

    The bias of that map is the paper's ``s_v``, the one vector that tells cells from words. Cells
    stay in raster order and carry their (row, column). At an odd side of the CNN's grid the last
    cells are the largest of 2 x 1: no pixel is dropped.
    """

    def __init__(self, cnn: GridCnn, width: int):
        super().__init__()
        self.cnn = cnn
        self.stride = 2 * cnn.stride  # side of a cell in pixels
        self.projection = nn.Linear(cnn.width, width)

    def forward(
        self,
        pixels: Float[Tensor, "b 3 height width"],
        *,
        mask: Bool[Tensor, "b height width"] | None = None,
    ) -> PatchEmbeddings:
        """Embed a batch of pictures of any size.

        Args:
            pixels: Pictures in [-1, 1], padded at the bottom and the right.
            mask: True on real pixels; None says that all of them are. A cell is real when its top
                left pixel is. On a CPU the sequence is then only as long as the image with the most
                cells.

        Raises:
            ValueError: A mask of another shape, or an image has no real pixel.
        """
        cells, _ = read_grids(self.cnn, pixels, mask=mask)
        # Padding is 0 and no cell is less, as ReLUs come last: the largest is a real one.
        cells = max_pool2d(cells, kernel_size=2, ceil_mode=True)
        b, _, rows, columns = cells.shape
        places = raster_positions(rows, columns, device=pixels.device).expand(b, -1, -1)
        if mask is None:
            real = cells.new_ones(b, rows * columns).bool()
        else:
            s = self.stride
            real = rearrange(mask[:, ::s, ::s], "b rows columns -> b (rows columns)")
            places = places.masked_fill(~real[..., None], -1)
        tokens = self.projection(rearrange(cells, "b c rows columns -> b (rows columns) c"))
        return without_padding(
            PatchEmbeddings(tokens=tokens, mask=real, positions=places, grid=(rows, columns))
        )
