"""Every initial distribution of every model, in one place."""

from torch import nn


def initialise(module: nn.Module, *, std: float = 0.02) -> None:
    """Set all parameters of a module to fresh values, in place.

    ==============================================  ===========================================
    parameter                                       starts as
    ==============================================  ===========================================
    weights of linear layers and convolutions       N(0, std), truncated at two deviations
    embedding tables, [class], position vectors     N(0, std), truncated at two deviations
    every bias                                      0
    weight of a LayerNorm                           1
    ==============================================  ===========================================

    ViLT as published draws from N(0, 0.02), cut only at +-2, a hundred deviations away.

    Args:
        module: The whole to initialise.
        std: Standard deviation before truncation.
    """
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if name == "bias":
                nn.init.zeros_(parameter)
            elif isinstance(part, nn.LayerNorm):
                nn.init.ones_(parameter)
            else:
                nn.init.trunc_normal_(parameter, std=std, a=-2 * std, b=2 * std)
