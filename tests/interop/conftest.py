"""A Hugging Face Hub of its own for each test that wants one, an empty cache, the reference."""

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest


def beside(name: str) -> ModuleType:
    """A module of this folder, which tests can then import by its name."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pytest.register_assert_rewrite("judges")
hub_server, judges = beside("hub_server"), beside("judges")

SMALL = {
    "config.json": b'{"model_type": "vilt"}',
    "vocab.txt": b"[PAD]\n[UNK]\ncat\n",
    "tokenizer_config.json": b'{"do_lower_case": true}',
    "preprocessor_config.json": b'{"size": 384}',
}
UNWANTED = {"README.md": b"# A model", "tf_model.h5": b"tensors", "onnx/model.onnx": b"graph"}


def noise(length: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(length)


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers", reason="the reference is not installed")


@pytest.fixture
def files() -> dict[str, bytes]:
    """What a repository of the hub holds: more than anyone needs."""
    weights = {"model.safetensors": noise(300_000), "pytorch_model.bin": noise(300_000, 1)}
    return SMALL | UNWANTED | weights


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    for name in (
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HF_HOME",
        "HF_TOKEN",
        "HUGGINGFACE_HUB_CACHE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    # It asks the hub which agents there are before it says who it is.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    return tmp_path / "cache"


@pytest.fixture
def hub(files, cache, monkeypatch):
    server = hub_server.HubServer(
        repositories={"owner/name": hub_server.Repository(files=files, revisions=("main", "v1"))}
    )
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    monkeypatch.setattr("vilt_core.interop.hub._PAUSES", (0.0, 0.01, 0.01))
    yield server
    server.stop()
