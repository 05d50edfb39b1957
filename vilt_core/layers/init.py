"""Every initial distribution of every model, in one place."""

import torch
from torch import nn

from vilt_core.layers.boxes import BoxHead
from vilt_core.layers.cnn import GridCnn
from vilt_core.layers.detector import Detector
from vilt_core.layers.positions import PositionGrid, sines


def initialise(module: nn.Module, *, std: float = 0.02) -> None:
    """Set all parameters of a module to fresh values, in place.

    ==============================================  ===========================================
    parameter                                       starts as
    ==============================================  ===========================================
    weights of linear layers and convolutions       N(0, std), truncated at two deviations
    embedding tables, [class], its position         N(0, std), truncated at two deviations
    position grid of the patches                    waves along rows and columns, of size 1/2
    convolutions of a CNN                           N(0, 2 / (outputs of a window)), He et al.
    weights of a GRU                                U(-1, 1) / sqrt(width), as torch does
    last BatchNorm of each block of a detector      0: the block is the identity (Goyal et al.)
    what a detector proposes, names and moves with  N(0, 0.01), Ren et al.
    every bias                                      0
    weight of a LayerNorm or a BatchNorm            1
    ==============================================  ===========================================

    ViLT as published draws from N(0, 0.02), cut only at +-2, a hundred deviations away, and takes
    its position grid from a trained ViT.

    Args:
        module: The whole to initialise.
        std: Standard deviation before truncation.
    """
    convolutional = {
        part
        for cnn in module.modules()
        if isinstance(cnn, GridCnn | BoxHead)
        for part in cnn.modules()
    }
    detectors = [part for part in module.modules() if isinstance(part, Detector)]
    judging = {part for one in detectors for half in one.judges() for part in half.modules()}
    closing = {norm for one in detectors for norm in one.closing_norms()}
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.is_meta:  # a model without values has nothing to set
                continue
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            elif isinstance(part, PositionGrid):
                with torch.no_grad():
                    parameter.copy_(sines(len(parameter), parameter.shape[-1]) / 2)
            elif isinstance(part, nn.LayerNorm | nn.BatchNorm2d):
                nn.init.constant_(parameter, 0.0 if part in closing else 1.0)
            elif isinstance(part, nn.GRU):
                nn.init.uniform_(parameter, -(part.hidden_size**-0.5), part.hidden_size**-0.5)
            elif part in judging:
                nn.init.normal_(parameter, std=0.01)
            elif part in convolutional:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")
            else:
                nn.init.trunc_normal_(parameter, std=std, a=-2 * std, b=2 * std)
