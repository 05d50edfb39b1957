"""The Gradio application: one file a tab, and services.py behind them."""

import gradio as gr

from app import endpoints, services, theme
from app.components import chooser, frame
from app.tabs import align, ask, compose, families, retrieve


def build_demo() -> gr.Blocks:
    """The whole page, and the named endpoints behind it. Loads no model."""
    with gr.Blocks(title="ViLT Lab", analytics_enabled=False, fill_width=True) as demo:
        frame.header()
        chosen = chooser.build()
        with gr.Tabs(elem_classes="lab-tabs") as tabs:
            with gr.Tab("Ask", id="ask") as ask_tab:
                card = ask.build(chosen.speakers["answer"])
            with gr.Tab("Align", id="align") as align_tab:
                align.build(chosen.speakers["align"])
            with gr.Tab("Find", id="find") as find_tab:
                retrieve.build(chosen.speakers["match"])
            with gr.Tab("Compare", id="compare") as compare_tab:
                families.build(compare_tab)
            with gr.Tab("Compose", id="compose"):
                compose.build(chosen.speakers["answer"])
        footer = frame.footer()
        endpoints.build()
        demo.load(compose.linked, None, tabs, show_progress="hidden", api_visibility="private")
        chooser.wire(
            chosen,
            opened=demo.load,
            tabs={"answer": ask_tab, "align": align_tab, "match": find_tab},
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
    )
