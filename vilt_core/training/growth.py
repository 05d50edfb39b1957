"""A model that grows: new blocks on top that begin as identities.

What the first blocks have learned stays what it is at the moment of growing, and there is room to
reason about it: a backbone whose patches know their names only after its last block leaves no block
to use them.
"""

from dataclasses import replace

import torch
from torch import nn

from vilt_core.layers.block import PreNormBlock
from vilt_core.layers.init import initialise
from vilt_core.models.vilt import Vilt


def grow(model: Vilt, depth: int, *, seed: int = 0) -> None:
    """Add blocks, in place, until there are ``depth``; the function computed stays the same.

    Args:
        model: what grows; its config follows.
        depth: blocks afterwards.
        seed: of the new blocks' inner weights.

    Raises:
        ValueError: a model that is deeper already.
    """
    config = model.config
    if depth < config.depth:
        raise ValueError(f"a model of {config.depth} blocks cannot grow to {depth}")
    for place in range(config.depth, depth):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + place)
            block = PreNormBlock(
                config.width,
                heads=config.heads,
                mlp_width=config.mlp_width,
                dropout=config.dropout,
                norm_eps=config.norm_eps,
            )
            initialise(block)
        for last in (block.attention.projection, block.mlp.contract):
            nn.init.zeros_(last.weight)
        model.encoder.blocks.append(block.to(next(model.parameters()).device))
    model.config = replace(config, depth=depth)
