"""Where models of the Hugging Face Hub are: their names, and the address of the hub.

Nothing here imports huggingface_hub, which fails on import where HF_ENDPOINT is no address.
"""

import os
import re
from urllib.parse import urlsplit

_PART = r"\w(?:[\w.-]{0,94}\w)?"
_NAME = re.compile(rf"(?!.*(?:--|\.\.))(?!.*\.git$){_PART}/{_PART}", re.ASCII)
_PUBLIC = "https://huggingface.co"
_HOST = re.compile(
    r"(?=.{1,253}$)[\w-]{1,63}(?:\.[\w-]{1,63})*\.?|[\da-f:.%]*:[\da-f:.%]*", re.ASCII
)


def is_repo_name(text: str) -> bool:
    """Whether a text may name a repository of the hub, as "dandelin/vilt-b32-mlm" does."""
    return _NAME.fullmatch(text) is not None


def endpoint() -> str:
    """The address of the hub, as HF_ENDPOINT names it now; the public one where it is empty.

    Raises:
        ValueError: HF_ENDPOINT is no address.
    """
    named = os.environ.get("HF_ENDPOINT") or _PUBLIC
    if not _is_address(named):
        raise ValueError(f"HF_ENDPOINT must be an address such as {_PUBLIC}, got {named!r:.200}")
    return named.rstrip("/")


def _is_address(text: str) -> bool:
    """Whether it has a host that may exist, and nothing after its path."""
    if re.search(r"\s", text):
        return False
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port
    except ValueError:  # brackets, labels of a host, or a port that cannot be
        return False
    return (
        parts.scheme in ("http", "https")
        and _HOST.fullmatch(host) is not None
        and port != 0
        and not (parts.query or parts.fragment)
    )
