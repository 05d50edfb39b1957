"""What docs/retrieval.md says of several indexes is so."""

import re
import textwrap
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "retrieval.md").read_text(encoding="utf-8")
SNIPPETS = [textwrap.dedent(code) for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)]


class Encoder:
    """Vectors by lot."""

    name, domain, image_size, fingerprint = "lot", "stickers", 32, "lot"

    def images(self, pictures):
        vectors = np.stack([np.asarray(one, np.float32)[::4, ::4].ravel() for one in pictures])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def texts(self, texts):
        vectors = np.random.default_rng(0).normal(size=(len(texts), 192)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_parts_in_shards_answer_as_one_index(tmp_path, monkeypatch):
    import vilt_core.search.store as store
    from vilt_core.search.albums import album_of
    from vilt_core.search.index import Index, faiss_of

    encoder, loaded = Encoder(), {}
    vectors = []
    for name, seed in (("runs/a", 1), ("runs/b", 2)):
        album = album_of(f"world:test:20:{seed}")
        entries = album.entries()
        vectors.append(encoder.images([album.open(entry.key, side=32) for entry in entries]))
        loaded[name] = Index(
            album=album,
            entries=entries,
            vectors=faiss_of(vectors[-1]),
            model="lot",
            fingerprint="lot",
        )
    monkeypatch.setattr(store, "load_index", loaded.__getitem__)
    names = {"encoder": encoder}
    exec(compile(SNIPPETS[1], "retrieval.md", "exec"), names)
    whole = np.concatenate(vectors) @ encoder.texts(["a red heart"])[0]
    np.testing.assert_array_equal(names["rows"][0], np.argsort(-whole, kind="stable")[:32])
    np.testing.assert_allclose(names["cosines"][0], np.sort(whole)[::-1][:32], atol=1e-5)
    assert len(names["entries"]) == 40


def test_its_python_is_python():
    for code in SNIPPETS:
        compile(code, "retrieval.md", "exec")
