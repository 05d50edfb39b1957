"""The way to the Hugging Face Hub, opened when it is first needed.

``hub.py`` imports huggingface_hub, which takes long, and fails where HF_ENDPOINT is no address.
"""

from types import ModuleType

from vilt_core.interop.address import endpoint


def client() -> ModuleType:
    """``hub.py``.

    Raises:
        ValueError: HF_ENDPOINT is no address.
    """
    endpoint()
    from vilt_core.interop import hub

    return hub
