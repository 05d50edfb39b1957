"""The blocks once more, for answering on a CPU with bfloat16 units: same numbers, less time.

A processor with such units multiplies bfloat16 matrices several times as fast as float32 ones, the
more so where the weights lie in memory in the order in which its kernels read them. Here they are
rounded and laid out once; PyTorch's own linear layer would do it at every call. Sums, norms and the
residual stream stay float32, so that roundings do not pile up from block to block.

Packed parts cannot be trained, saved or moved; gradients pass through them to what they were given.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vilt_core.layers.attention import mixed
from vilt_core.layers.block import PreNormBlock

TYPICAL_ROWS = 256  # of a product, for which the kernels' layout of the weights is chosen


def has_bfloat16_units() -> bool:
    """Whether this processor multiplies bfloat16 natively (AVX512-BF16 or AMX) and oneDNN is in."""
    units = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return units and torch.backends.mkldnn.is_available()


class _Product(torch.autograd.Function):
    """The product, with a gradient for its input: PyTorch's own kernel has none."""

    @staticmethod
    def forward(ctx, tokens: Tensor, layer: "PackedLinear") -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(tokens)
        return layer.product(tokens)

    @staticmethod
    def backward(ctx, *gradients: Tensor) -> tuple[Tensor, None]:
        layer: PackedLinear = ctx.layer
        (gradient,) = gradients
        if layer.gelu:
            with torch.enable_grad():
                (tokens,) = ctx.saved_tensors
                flat = layer.product(tokens, bent=False).detach().requires_grad_()
                (gradient,) = torch.autograd.grad(F.gelu(flat), flat, gradient)
        return gradient @ layer.weight.to_dense(), None


class PackedLinear(nn.Module):
    """A linear layer whose weights lie as the kernels want them, an exact GELU after it if asked.

    Takes any floating point; gives ``dtype``.
    """

    def __init__(
        self,
        weight: Float[Tensor, "out d"],
        bias: Float[Tensor, " out"],
        *,
        dtype: torch.dtype,
        gelu: bool = False,
    ):
        super().__init__()
        self.dtype = dtype
        self.gelu = gelu
        self.bias = bias.detach().to(dtype)
        rounded = weight.detach().to(dtype).contiguous()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(rounded, TYPICAL_ROWS)

    def forward(self, tokens: Float[Tensor, "*b d"]) -> Float[Tensor, "*b out"]:
        """Transform every token by itself."""
        tokens = tokens.to(self.dtype)
        wanted = torch.is_grad_enabled() and tokens.requires_grad
        return _Product.apply(tokens, self) if wanted else self.product(tokens)  # pyright: ignore[reportReturnType]

    def product(
        self, tokens: Float[Tensor, "*b d"], *, bent: bool = True
    ) -> Float[Tensor, "*b out"]:
        """The kernel itself, of ``dtype``; not ``bent``, without the GELU."""
        epilogue = ("gelu", [], "none") if bent and self.gelu else ("none", [], "")
        return torch.ops.mkldnn._linear_pointwise(tokens, self.weight, self.bias, *epilogue)


class PackedProjection(nn.Module):
    """The patch projection as the matrix product that it is."""

    def __init__(self, convolution: nn.Conv2d, *, dtype: torch.dtype):
        super().__init__()
        self.side = convolution.kernel_size[0]
        bias = convolution.bias
        assert bias is not None
        self.flat = PackedLinear(convolution.weight.flatten(1), bias, dtype=dtype)

    def forward(
        self, pixels: Float[Tensor, "b 3 height width"]
    ) -> Float[Tensor, "b d rows columns"]:
        """Project every patch, as the convolution does."""
        p = self.side
        patches = rearrange(pixels, "b c (row p) (column q) -> b row column (c p q)", p=p, q=p)
        return rearrange(self.flat(patches).to(pixels.dtype), "b row column d -> b d row column")


class PackedBlock(nn.Module):
    """A :class:`PreNormBlock` in evaluation mode, equations 4 and 5, on packed weights."""

    def __init__(self, block: PreNormBlock, *, dtype: torch.dtype):
        super().__init__()
        self.dtype = dtype
        self.norm1, self.norm2 = block.norm1, block.norm2
        self.heads = block.attention.heads
        self.qkv = _packed(block.attention.qkv, dtype)
        self.projection = _packed(block.attention.projection, dtype)
        self.expand = _packed(block.mlp.expand, dtype, gelu=True)
        self.contract = _packed(block.mlp.contract, dtype)

    forward = PreNormBlock.forward  # equation 4, then 5, by the two below

    def mix(
        self,
        tokens: Float[Tensor, "b s d"],
        *,
        mask: Bool[Tensor, "b s"] | None = None,
        return_weights: bool = False,
        first: int | None = None,
        gates: Float[Tensor, "b h"] | None = None,
    ) -> tuple[Float[Tensor, "b queries d"], Float[Tensor, "b h queries s"] | None]:
        """Equation 4, as :meth:`PreNormBlock.mix`."""
        query, key, value = rearrange(
            self.qkv(self.norm1(tokens)), "b s (of h d) -> of b h s d", of=3, h=self.heads
        ).unbind(0)
        query = query[:, :, :first]
        found, weights = mixed(
            query, key, value, mask=mask, return_weights=return_weights, gates=gates
        )
        return tokens[:, :first] + self.projection(found), weights

    def transform(self, tokens: Float[Tensor, "b queries d"]) -> Float[Tensor, "b queries d"]:
        """Equation 5, as :meth:`PreNormBlock.transform`."""
        return tokens + self.contract(self.expand(self.norm2(tokens)))


def pack(model: nn.Module, *, dtype: torch.dtype = torch.bfloat16) -> None:
    """Replace every block and patch projection of a model by its packed twin, in place.

    Each part is replaced before the next is read, so that both never lie in memory whole. What has
    no twin, such as CLIP's causal blocks and those of another GELU, stays as it is.

    Args:
        model: In evaluation mode, on the CPU.
        dtype: Of the products; float32 gives today's numbers, faster on no processor we know.
    """
    for name in [name for name, _ in model.named_children()]:  # names hold no weights back
        part = getattr(model, name)
        if isinstance(part, PreNormBlock) and _is_plain(part):
            setattr(model, name, PackedBlock(part, dtype=dtype))
        elif isinstance(part, nn.Conv2d) and _is_projection(part):
            setattr(model, name, PackedProjection(part, dtype=dtype))
        else:
            pack(part, dtype=dtype)


def _is_plain(block: PreNormBlock) -> bool:
    return not block.attention.causal and isinstance(block.mlp.activation, nn.GELU)


def _is_projection(convolution: nn.Conv2d) -> bool:
    return convolution.bias is not None and convolution.kernel_size == convolution.stride


def _packed(layer: nn.Linear, dtype: torch.dtype, *, gelu: bool = False) -> PackedLinear:
    return PackedLinear(layer.weight, layer.bias, dtype=dtype, gelu=gelu)
