"""Every number of the lab that a person may want to change, one small dataclass a concern.

Presets are functions. No module of ``layers`` ever sees one of these objects: builders unpack them.
"""

from vilt_core.config.clip import (
    ClipConfig,
    clip_b32,
    clip_mini,
)
from vilt_core.config.cnn import (
    CnnConfig,
    resnet50,
    resnet101,
    resnet152,
    resnet_mini,
    resnext152,
)
from vilt_core.config.detector import (
    DetectorConfig,
    bottom_up_r101,
    bottom_up_x152,
    detector_mini,
)
from vilt_core.config.pixelbert import (
    PixelBertConfig,
    pixelbert_mini,
    pixelbert_r50,
    pixelbert_x152,
)
from vilt_core.config.scan import (
    DIRECTIONS,
    ScanConfig,
    scan_mini,
    scan_t2i,
)
from vilt_core.config.uniter import (
    UniterConfig,
    uniter_base,
    uniter_mini,
)
from vilt_core.config.vilbert import (
    VilbertConfig,
    vilbert_base,
    vilbert_mini,
)
from vilt_core.config.vilt import (
    TASKS,
    TRAINING_HEADS,
    ViltConfig,
    vilt_b32,
    vilt_mini,
    vilt_mini_gpu,
    vilt_small,
    with_task,
)
from vilt_core.config.vse import (
    VseConfig,
    vse_mini,
    vse_resnet152,
)
from vilt_core.config.xlxmert import (
    XlxmertConfig,
    xlxmert_base,
    xlxmert_mini,
)

__all__ = [
    "DIRECTIONS",
    "TASKS",
    "TRAINING_HEADS",
    "ClipConfig",
    "CnnConfig",
    "DetectorConfig",
    "PixelBertConfig",
    "ScanConfig",
    "UniterConfig",
    "VilbertConfig",
    "ViltConfig",
    "VseConfig",
    "XlxmertConfig",
    "bottom_up_r101",
    "bottom_up_x152",
    "clip_b32",
    "clip_mini",
    "detector_mini",
    "pixelbert_mini",
    "pixelbert_r50",
    "pixelbert_x152",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnet_mini",
    "resnext152",
    "scan_mini",
    "scan_t2i",
    "uniter_base",
    "uniter_mini",
    "vilbert_base",
    "vilbert_mini",
    "vilt_b32",
    "vilt_mini",
    "vilt_mini_gpu",
    "vilt_small",
    "vse_mini",
    "vse_resnet152",
    "with_task",
    "xlxmert_base",
    "xlxmert_mini",
]
