"""A picture becomes a sequence: equation 2 of the paper, one linear map of each patch."""

from dataclasses import replace

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from vilt_core.layers.positions import PositionGrid
from vilt_core.types import PatchEmbeddings


def raster_positions(
    rows: int, columns: int, *, device: torch.device | None = None
) -> Int[Tensor, "n 2"]:
    """(row, column) of every cell of a grid, row after row."""
    return torch.cartesian_prod(
        torch.arange(rows, device=device), torch.arange(columns, device=device)
    )


def no_patches(words: Float[Tensor, "b l d"]) -> PatchEmbeddings:
    """The image of a text that has none: a sequence of length 0, on the text's device."""
    b, _, d = words.shape
    return PatchEmbeddings(
        tokens=words.new_zeros(b, 0, d),
        mask=words.new_zeros(b, 0, dtype=torch.bool),
        positions=words.new_zeros(b, 0, 2, dtype=torch.long),
        grid=(0, 0),
    )


def sample_patches(
    patches: PatchEmbeddings,
    *,
    limit: int,
    kept: Bool[Tensor, "b cells"] | None = None,
    generator: torch.Generator | None = None,
) -> PatchEmbeddings:
    """At most ``limit`` real patches of each image, drawn without replacement, in raster order.

    An image with fewer keeps them all and is padded. Section 3 of the paper samples 200 patches
    while pre-training, to save time; the published code also leaves them in shuffled order.

    Args:
        patches: all of them.
        limit: how many are left of each image.
        kept: which, by cell of the padded canvas's raster; by chance otherwise.
        generator: the source of that chance.
    """
    b, n, _ = patches.tokens.shape
    if n <= limit:
        return patches
    device = patches.mask.device
    real = patches.mask
    if kept is None:
        source = generator.device if generator is not None else device
        luck = torch.rand(b, n, generator=generator, device=source).to(device)
    else:
        row, column = patches.positions.clamp(min=0).unbind(dim=-1)
        real = real & kept.gather(1, row * patches.grid[1] + column)
        luck = real.float()
    drawn = luck.masked_fill(~real, -1.0).topk(limit, dim=1).indices
    chosen = drawn.sort(dim=1).values
    return PatchEmbeddings(
        tokens=patches.tokens.take_along_dim(chosen[..., None], dim=1),
        mask=real.take_along_dim(chosen, dim=1),
        positions=patches.positions.take_along_dim(chosen[..., None], dim=1),
        grid=patches.grid,
    )


def without_padding(patches: PatchEmbeddings) -> PatchEmbeddings:
    """Only as long as the image with the most patches: no block works on a canvas of padding.

    On a GPU, which would have to stop to count it, all of them.
    """
    real = patches.mask
    if not real.is_cpu or real.all():
        return patches
    most = int(real.sum(dim=1).max())
    kept = real.argsort(dim=1, descending=True, stable=True)[:, :most]
    return PatchEmbeddings(
        tokens=patches.tokens.take_along_dim(kept[..., None], dim=1),
        mask=real.take_along_dim(kept, dim=1),
        positions=patches.positions.take_along_dim(kept[..., None], dim=1),
        grid=patches.grid,
    )


class PatchEmbedding(nn.Module):
    """Linear projection of patches + position, and the image's own [class] token.

    A convolution whose stride is its kernel is one matrix applied to each flattened patch.
    Patches stay in raster order and carry their (row, column). With ``mask_token`` there is one
    more vector, which stands in for the projection of patches that are to be predicted. CLIP's
    projection has no ``bias``.
    """

    def __init__(
        self,
        width: int,
        *,
        patch_size: int,
        grid: int,
        dropout: float = 0.0,
        mask_token: bool = False,
        bias: bool = True,
    ):
        super().__init__()
        self.patch_size = patch_size
        self.projection = nn.Conv2d(3, width, kernel_size=patch_size, stride=patch_size, bias=bias)
        self.positions = PositionGrid(grid, width)
        self.class_token = nn.Parameter(torch.zeros(width))
        self.class_position = nn.Parameter(torch.zeros(width))
        self.mask_token = nn.Parameter(torch.zeros(width)) if mask_token else None
        self.dropout = nn.Dropout(dropout)

    def image_class(self, batch: int) -> Float[Tensor, "b d"]:
        """The [class] token at its own position, once for each image."""
        return self.dropout(repeat(self.class_token + self.class_position, "d -> b d", b=batch))

    def forward(
        self,
        pixels: Float[Tensor, "b 3 height width"],
        *,
        mask: Bool[Tensor, "b height width"] | None = None,
        masked_patches: Bool[Tensor, "b n"] | None = None,
    ) -> PatchEmbeddings:
        """Embed a batch of pictures.

        Args:
            pixels: Pictures in [-1, 1], padded at the bottom and the right.
            mask: True on real pixels; None says that all of them are. A patch is real when its
                top left pixel is, and each image's positions span its own real grid. On a CPU the
                sequence is then only as long as the image with the most patches.
            masked_patches: Patches of the padded raster, row after row, whose content gives way to
                the mask token; they keep their positions.

        Raises:
            ValueError: The sides are not multiples of the patch, a mask has another shape, an
                image has no real patch, or there is no mask token.
        """
        b, _, height, width = pixels.shape
        p = self.patch_size
        if height < p or width < p or height % p or width % p:
            raise ValueError(
                f"image height and width must be positive multiples of {p}, got {height} x {width}"
            )
        if mask is not None and mask.shape != (b, height, width):
            raise ValueError(
                f"image mask must have shape {(b, height, width)}, got {tuple(mask.shape)}"
            )
        tokens = rearrange(self.projection(pixels), "b d rows columns -> b (rows columns) d")
        if masked_patches is not None:
            tokens = self._masked(tokens, masked_patches)
        grid = height // p, width // p
        places = raster_positions(*grid, device=pixels.device).expand(b, -1, -1)
        if mask is None:
            real = torch.ones(b, tokens.shape[1], dtype=torch.bool, device=pixels.device)
            positions = rearrange(self.positions(*grid), "rows columns d -> (rows columns) d")
        else:
            patch_mask = mask[:, ::p, ::p]
            real = rearrange(patch_mask, "b rows columns -> b (rows columns)")
            positions = self._own_positions(patch_mask)
            places = places.masked_fill(~real[..., None], -1)
        patches = without_padding(
            PatchEmbeddings(tokens=tokens + positions, mask=real, positions=places, grid=grid)
        )
        return replace(patches, tokens=self.dropout(patches.tokens))

    def _masked(
        self, tokens: Float[Tensor, "b n d"], masked: Bool[Tensor, "_b _n"]
    ) -> Float[Tensor, "b n d"]:
        if self.mask_token is None:
            raise ValueError("patches can be masked where the model's tasks name mpp, these do not")
        if masked.shape != tokens.shape[:2]:
            raise ValueError(
                f"masked patches must have shape {tuple(tokens.shape[:2])}, "
                f"got {tuple(masked.shape)}"
            )
        return torch.where(masked[..., None], self.mask_token.to(tokens.dtype), tokens)

    def _own_positions(self, patch_mask: Bool[Tensor, "b rows columns"]) -> Float[Tensor, "b n d"]:
        """Each image's table resized to its own real grid, all of them at once."""
        rows, columns = patch_mask[:, :, 0].sum(dim=1), patch_mask[:, 0].sum(dim=1)
        if rows.is_cpu and not (rows * columns).all():
            raise ValueError("every image must have real pixels from its top left corner, got none")
        own = self.positions.own(rows, columns, grid=(patch_mask.shape[1], patch_mask.shape[2]))
        return rearrange(own, "b rows columns d -> b (rows columns) d")
