import torch
from torch import nn

from vilt_core.layers import PatchEmbedding, PreNormBlock, initialise
from vilt_core.layers.positions import sines


def test_every_parameter_starts_as_the_table_says():
    whole = nn.ModuleList(
        [
            PreNormBlock(64, heads=4, mlp_width=256),
            PatchEmbedding(64, patch_size=8, grid=6),
            nn.Embedding(50, 64),
        ]
    )
    for parameter in whole.parameters():
        nn.init.constant_(parameter, 7.0)
    initialise(whole, std=0.1)
    norms = {f"{n}.weight" for n, m in whole.named_modules() if isinstance(m, nn.LayerNorm)}
    for name, parameter in whole.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
        elif name in norms:
            assert (parameter == 1).all(), name
        elif name.endswith("positions.table"):
            torch.testing.assert_close(parameter.detach(), sines(6, 64) / 2)
        else:
            assert parameter.abs().max() <= 0.2, name
            # Cut at two deviations, a normal keeps 0.88 of its deviation.
            assert 0.05 < parameter.std() < 0.12, name


def test_reproducible():
    def draw():
        torch.manual_seed(0)
        part = nn.Linear(4, 4)
        initialise(part)
        return part.weight

    assert torch.equal(draw(), draw())
