"""The Gradio application: one file a tab, and services.py behind them."""

import gradio as gr

from app import endpoints, services, theme
from app.components import chooser, frame
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
)


def build_demo() -> gr.Blocks:
    """The whole page, and the named endpoints behind it. Loads no model."""
    with gr.Blocks(title="ViLT Lab", analytics_enabled=False, fill_width=True) as demo:
        frame.header()
        chosen = chooser.build()
        with gr.Tabs(elem_classes="lab-tabs") as tabs:
            with gr.Tab("Tour", id="tour") as tour_tab:
                tour.build(chosen.speakers["align"], tour_tab)
            with gr.Tab("Ask", id="ask") as ask_tab:
                card = ask.build(chosen.speakers["answer"])
            with gr.Tab("Align", id="align") as align_tab:
                align.build(chosen.speakers["align"])
            with gr.Tab(explain.TITLE, id="explain") as explain_tab:
                explain.build(tabs, chosen.speakers["answer"])
            with gr.Tab("Compose", id="compose") as compose_tab:
                compose.build(chosen.speakers["answer"])
            with gr.Tab("Foils", id="foils") as foils_tab:
                foil.build(chosen.speakers["match"])
            with gr.Tab("Masks", id="masks") as masks_tab:
                mask.build(chosen.speakers["fill"])
            with gr.Tab("Pairs", id="pairs") as pairs_tab:
                pair.build(chosen.speakers["compare"])
            with gr.Tab("Pixels", id="pixels") as pixels_tab:
                preprocess.build(pixels_tab)
            with gr.Tab("Find", id="find") as find_tab:
                retrieve.build(chosen.speakers["match"])
            with gr.Tab("Compare", id="compare") as compare_tab:
                families.build(compare_tab)
        footer = frame.footer()
        endpoints.build()
        demo.load(compose.linked, None, tabs, show_progress="hidden", api_visibility="private")
        chooser.wire(
            chosen,
            opened=demo.load,
            tabs=(
                ("align", tour_tab),
                ("answer", ask_tab),
                ("align", align_tab),
                ("answer", explain_tab),
                ("answer", compose_tab),
                ("match", foils_tab),
                ("fill", masks_tab),
                ("compare", pairs_tab),
                ("match", find_tab),
            ),
            offer=card.offer,
            footer=footer,
        )
    return demo


def launch(demo: gr.Blocks) -> None:
    """Serve the page; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT are honoured.

    The model loads beside the server, so that the page need not wait for it.
    """
    services.warm_up()
    demo.queue(default_concurrency_limit=2).launch(
        theme=theme.lab(),
        head=theme.head(),
        favicon_path=theme.OWN / "logo.svg",
        footer_links=["api"],
        run_history=False,
        ssr_mode=False,
        max_file_size="30mb",
        app_kwargs=serving.app_kwargs(),
    )
