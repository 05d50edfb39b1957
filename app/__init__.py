"""The Gradio application: one file a tab, and services.py behind them."""

import ctypes
from contextlib import suppress
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from app import assistants, course, endpoints, errands, parcels, services, theme, waiting
from app.components import chooser, frame, glossary, linking, polite
from app.languages import serving
from app.tabs import (
    align,
    ask,
    compose,
    explain,
    families,
    foil,
    mask,
    pair,
    preprocess,
    retrieve,
    tour,
    train,
)

_QUEUE = 200  # calls that wait at once; who comes then is told so
_VISITS = 500  # that Gradio remembers at once: each takes some 0.8 MB and 60 ms of a processor
# Seconds. Gradio, except on Windows, looks a thousand times a second for calls, whether anybody
# calls or not: a tenth of a core.
_LOOKS_FOR_CALLS = 0.01
_M_ARENA_MAX = -8  # of malloc.h
# Seconds: how often old pictures of visitors go, and how old; so that none stays for a day.
_LOOKS, _KEPT = 3600, 22 * 3600


def build_demo() -> gr.Blocks:
    """The whole page, and the named endpoints behind it. Loads no model."""
    with polite.Door(
        title="ViLT Lab",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(_LOOKS, _KEPT),
    ) as demo:
        link = linking.Linking(header=frame.header())
        chosen = chooser.build()
        with gr.Tabs(elem_classes="lab-tabs") as tabs:
            with gr.Tab("Tour", id="tour") as tour_tab:
                tour.build(chosen.speakers["tour"], tour_tab, link.place("tour"))
            with gr.Tab("Ask", id="ask") as ask_tab:
                card = ask.build(chosen.speakers["ask"], link.place("ask"))
            with gr.Tab("Align", id="align") as align_tab:
                align.build(chosen.speakers["align"], link.place("align"))
            with gr.Tab("Explain", id="explain") as explain_tab:
                explain.build(chosen.speakers["explain"], link.place("explain"))
            with gr.Tab("Compose", id="compose") as compose_tab:
                compose.build(chosen.speakers["compose"], link.place("compose"))
            with gr.Tab("Foils", id="foils") as foils_tab:
                foil.build(chosen.speakers["foils"], link.place("foils"))
            with gr.Tab("Masks", id="masks") as masks_tab:
                mask.build(chosen.speakers["masks"], link.place("masks"))
            with gr.Tab("Pairs", id="pairs") as pairs_tab:
                pair.build(chosen.speakers["pairs"], link.place("pairs"))
            with gr.Tab("Pixels", id="pixels") as pixels_tab:
                preprocess.build(pixels_tab, link.place("pixels"))
            with gr.Tab("Find", id="find") as find_tab:
                retrieve.build(chosen.speakers["find"], link.place("find"))
            with gr.Tab("Train", id="train") as train_tab:
                train.build(train_tab, link.place("train"))
            with gr.Tab("Compare", id="compare") as compare_tab:
                families.build(compare_tab, link.place("compare"))
        glossary.introduce(tabs)
        footer = frame.footer()
        glossary.explain()
        endpoints.build()
        arrived = linking.wire(link, demo=demo, tabs=tabs, visit=chosen.visit)
        chooser.wire(
            chosen,
            opened=arrived.then,
            closed=demo.unload,
            tabs={
                "tour": tour_tab,
                "ask": ask_tab,
                "align": align_tab,
                "explain": explain_tab,
                "compose": compose_tab,
                "foils": foils_tab,
                "masks": masks_tab,
                "pairs": pairs_tab,
                "find": find_tab,
            },
            offer=card.offer,
            footer=footer,
        )
    return demo


def _share_memory() -> None:
    """Two pools of memory for all threads, where the C library is GNU's.

    By itself it gives each of the server's many threads one of its own, and what an answer took
    there for a moment is not had again for the next.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def launch(demo: gr.Blocks, **settings: Any) -> None:
    """Serve the page; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT are honoured.

    The model loads beside the server, so that the page need not wait for it.

    Args:
        demo: what ``build_demo`` made.
        settings: further ones of Gradio's ``launch``.
    """
    _share_memory()
    services.warm_up()
    errands.limit()
    assistants.amend()
    demo.queue(default_concurrency_limit=2, max_size=_QUEUE)
    demo._queue.sleep_when_free = _LOOKS_FOR_CALLS
    demo._queue.pending_event_ids_session = waiting.Sessions(demo._queue)
    demo.launch(
        theme=theme.lab(),
        head=theme.head(),
        favicon_path=theme.OWN / "logo.svg",
        footer_links=["api"],
        run_history=False,
        ssr_mode=False,
        enable_monitoring=False,
        state_session_capacity=_VISITS,
        app_kwargs={
            "routes": [*theme.routes(), *serving.routes(), *course.routes()],
            "exception_handlers": {Exception: polite.sorry, 503: polite.busy},
            "middleware": [
                Middleware(errands.NoErrands),
                Middleware(errands.NoFloods),
                Middleware(errands.NoGuesses),
                Middleware(parcels.Packed),
                serving.heading(),
            ],
        },
        max_file_size=errands.LARGEST,
        **settings,
    )
