"""Find pictures from the shell: ``index`` and ``search``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from vilt_core.commands.typed import source_of, to_file, typed_command


@dataclass(frozen=True, kw_only=True)
class Index:
    """Make pictures searchable; stop and start it as you like, and again when there are more."""

    source: Positional[str]  # FOLDER, or world:SPLIT:COUNT such as world:test:10000
    to: Path  # folder of the index
    model: str = "vse-mini"  # a dual encoder
    kind: Literal["flat", "hnsw"] = "flat"  # exact; or a graph, for many millions

    def run(self) -> None:
        """Do it."""
        from vilt_core.progress import progress_bar
        from vilt_core.search.albums import album_of
        from vilt_core.search.store import build_index, load_index

        album, encoder, passed = album_of(self.source), _encoder(self.model), 0
        steps = build_index(self.to, album, encoder, kind=self.kind)
        with progress_bar(unit="picture") as bar:
            for step in steps:
                bar.total = step.total
                bar.update(step.done - bar.n)
                for one in step.broken:
                    bar.write(f"passed over  {one.key}: {one.why}")
                passed += len(step.broken)
        print(f"{len(load_index(self.to).entries):,} pictures in {self.to}, {passed} passed over")
        # A model of stickers would spoil what an encoder of photographs finds.
        alone = "" if encoder.domain == "stickers" else " --shortlist 0"
        asked = f'python -m vilt_core search {self.to} "a cat" --encoder {self.model}{alone}'
        print(f"\n  {asked}")


@dataclass(frozen=True, kw_only=True)
class Search:
    """Find the pictures of a text, or measure what shortlists cost and miss."""

    index: Positional[Path]
    text: Positional[str] = ""
    top: int = 5
    shortlist: int = 32  # pictures that ViLT reads; 0: the dual encoder alone
    model: str = "vilt-mini"  # ranks the shortlist
    encoder: str = "vse-mini"  # the model of the index
    measure: int = 0  # captions to measure shortlists of several lengths with; of scenes alone
    report: Path | None = None  # page to write the measures into, between its marks
    json: Path | None = None  # where to write what was found or measured

    def run(self) -> None:
        """Do it."""
        if bool(self.text) == bool(self.measure):
            raise ValueError("expected a text, or --measure COUNT, and not both")
        if self.measure:
            self._measure()
            return
        import vilt_core
        from vilt_core.search.finding import MILLION, search
        from vilt_core.search.store import load_index

        encoder = _encoder(self.encoder)
        found = search(
            load_index(self.index, encoder=encoder),
            self.text,
            encoder=encoder,
            judge=vilt_core.load(self.model) if self.shortlist else None,
            shortlist=self.shortlist or self.top,
        )
        for hit in found.hits[: self.top]:
            sure = "" if hit.probability is None else f"{hit.probability:7.1%}  "
            print(f"{sure}cosine {hit.cosine:.3f}  {hit.name}")
        cost = found.cost
        parts = ", ".join(f"{part} {1000 * spent:.0f}" for part, spent in cost.seconds.items())
        print(
            f"\n{cost.shortlist:,} of {cost.gallery:,} pictures, {cost.forwards} forwards, "
            f"{1000 * cost.total:.0f} ms ({parts})"
        )
        if cost.forwards:
            hours = cost.everything(MILLION) / 3600
            print(f"reading all of a million at this pace: {hours:.1f} hours")
        for one in found.broken:
            print(f"passed over  {one.key}: {one.why}")
        if self.json is not None:
            to_file(found.json(), self.json)

    def _measure(self) -> None:
        import vilt_core
        from vilt_core.evaluation.tables import fill
        from vilt_core.progress import progress_bar
        from vilt_core.search.measure import MARK, measure_shortlists, shortlist_markdown
        from vilt_core.search.store import load_index

        encoder = _encoder(self.encoder)
        with progress_bar(unit="caption", delay=1, leave=False) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            found = measure_shortlists(
                load_index(self.index, encoder=encoder),
                encoder=encoder,
                judge=vilt_core.load(self.model),
                queries=self.measure,
                progress=show,
            )
        page = shortlist_markdown(found, command=typed_command())
        print(page)
        if self.json is not None:
            to_file(found, self.json)
        if self.report is not None and not fill(self.report, MARK, page):
            raise ValueError(f"expected a page with the marks of {MARK!r} at {self.report}")


def _encoder(name: str):
    from vilt_core.interop.opening import open_bundle
    from vilt_core.search.encoder import DualEncoder

    return DualEncoder(open_bundle(source_of(name)))
