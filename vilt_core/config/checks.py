"""What more than one config must hold."""


def check_patches(image_size: int, patch_size: int) -> None:
    """Say so where a side is no whole patches."""
    if image_size % patch_size:
        raise ValueError(
            f"image_size must be a multiple of patch_size, got {image_size} and {patch_size}"
        )
