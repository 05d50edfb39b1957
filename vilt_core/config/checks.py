"""What more than one config must hold."""

from vilt_core.config.detector import DetectorConfig


def check_patches(image_size: int, patch_size: int) -> None:
    """Say so where a side is no whole patches."""
    if image_size % patch_size:
        raise ValueError(
            f"image_size must be a multiple of patch_size, got {image_size} and {patch_size}"
        )


def check_regions(
    detector: DetectorConfig | None, *, width: int, classes: int | None = None
) -> None:
    """Say so where a model reads other regions than its detector tells."""
    if detector is None:
        return
    if classes is None:
        classes = detector.classes
    if (detector.width, detector.classes) != (width, classes):
        raise ValueError(
            f"region_width and region_classes must be the detector's {detector.width} and "
            f"{detector.classes}, got {width} and {classes}: or leave it out, detector=None"
        )
