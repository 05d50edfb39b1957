"""The Gradio application: one file a tab, and services.py behind them."""

import gradio as gr

from app import endpoints, services, theme
from app.components import frame
from app.tabs import align, ask


def build_demo() -> gr.Blocks:
    """The whole page, and the named endpoints behind it. Loads no model."""
    with gr.Blocks(title="ViLT Lab", analytics_enabled=False, fill_width=True) as demo:
        frame.header()
        with gr.Tabs(elem_classes="lab-tabs"):
            with gr.Tab("Ask", id="ask"):
                start_asking = ask.build()
            with gr.Tab("Align", id="align") as align_tab:
                start_aligning = align.build()
        frame.footer()
        endpoints.build()
        start_asking(demo.load)
        start_aligning(align_tab.select)
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
