"""Laws of the convolutional networks, against torchvision's."""

import pytest
import torch
from torchvision.models import resnet50, resnext101_32x8d

from vilt_core.layers.cnn import GridCnn
from vilt_core.layers.init import initialise


@pytest.mark.parametrize(
    ("other", "sizes"),
    [
        (resnet50, {}),
        (resnext101_32x8d, {"depths": (3, 4, 23, 3), "groups": 32, "group_width": 8}),
    ],
)
@torch.no_grad()
def test_it_is_torchvisions(other, sizes):
    theirs = other(weights=None).eval().double()  # so that the order of sums hardly counts
    ours = GridCnn(**sizes).eval().double()
    values = [value for name, value in theirs.state_dict().items() if not name.startswith("fc.")]
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    pixels = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    expected = theirs.layer1(theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(pixels)))))
    expected = theirs.layer4(theirs.layer3(theirs.layer2(expected)))
    torch.testing.assert_close(ours(pixels), expected)


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_stages_give_the_grid_its_width_and_stride(stages):
    cnn = GridCnn(depths=(1, 1, 1), widths=(8, 12, 20), bottleneck=False, stages=stages)
    height, width = 64, 96 - 1  # an odd side is rounded up
    grid = cnn(torch.randn(2, 3, height, width))
    assert grid.shape == (2, cnn.width, height // cnn.stride, -(-width // cnn.stride))


@pytest.mark.parametrize("dilated", [False, True])
@torch.no_grad()
def test_what_is_cut_off_goes_on_where_the_grid_ends(dilated):
    sizes = {"depths": (1, 1, 2), "widths": (8, 12, 20), "stages": 3}
    whole, cnn = GridCnn(**sizes).eval(), GridCnn(**sizes).eval()
    cnn.load_state_dict(whole.state_dict())
    stage = cnn.cut(dilated=dilated)
    assert (cnn.width, cnn.stride) == (4 * 12, 8)
    pixels = torch.randn(1, 3, 64, 96)
    read = stage(cnn(pixels))
    if dilated:
        assert read.shape == (1, whole.width, 64 // cnn.stride, 96 // cnn.stride)
    else:
        torch.testing.assert_close(read, whole(pixels))


def test_every_cell_starts_with_what_a_cell_before_it_has():
    """He's initialisation: the size of the features neither dies out nor explodes."""
    cnn = GridCnn(depths=(2, 2, 2, 2), widths=(16, 32, 64, 128), bottleneck=False)
    torch.manual_seed(0)
    initialise(cnn)
    assert 0.1 < cnn(torch.randn(4, 3, 128, 128)).std() < 10
