"""The interactive view of an alignment: words, picture, transport plan and IPOT's iterations."""

import json

import gradio as gr

from vilt_core.viz import stepper

_SHOW = """
const view = alignmentView(element.firstElementChild, %s);
view.show(props.value);
watch("value", () => view.show(props.value));
"""


def build(*, elem_id: str, empty: str = "") -> gr.HTML:
    """The view, empty; its value is a message of ``alignments.align``, or a ``trouble``.

    What it is built with stands in its script: properties of one's own are lost where the tab is
    opened long after the page.

    Args:
        elem_id: of the box.
        empty: what is said while there is nothing to see.
    """
    settings = json.dumps({"page": stepper.page({}), "empty": empty})
    return gr.HTML(
        value={},
        html_template='<div class="va"></div>',
        js_on_load=stepper.script() + _SHOW % settings,
        apply_default_css=False,
        elem_id=elem_id,
    )
