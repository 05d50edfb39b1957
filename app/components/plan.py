"""The interactive view of an alignment: words, picture, transport plan and IPOT's iterations."""

import gradio as gr

from vilt_core.viz import stepper

_SHOW = """
const view = alignmentView(element.firstElementChild, { page: props.page, empty: props.empty });
view.show(props.value);
watch("value", () => view.show(props.value));
"""


def build(*, elem_id: str, empty: str = "") -> gr.HTML:
    """The view, empty; its value is a message of ``alignments.align``, or a ``trouble``.

    Args:
        elem_id: of the box.
        empty: what is said while there is nothing to see.
    """
    return gr.HTML(
        value={},
        html_template='<div class="va"></div>',
        js_on_load=stepper.script() + _SHOW,
        apply_default_css=False,
        page=stepper.page({}),
        empty=empty,
        elem_id=elem_id,
    )
