"""The view of a training: sentences as a model learns to read them, on a slider of snapshots."""

import gradio as gr

from vilt_core.viz import emergence

_SHOW = """
const root = element.firstElementChild, view = emergenceView(root);
view.show(props.value);
watch("value", () => view.show(props.value));
root.addEventListener("keep", ({ detail }) => trigger("keep", { step: detail }));
"""


def build(*, elem_id: str) -> gr.HTML:
    """The view, empty; its value is what ``training.view`` gives.

    Its event ``keep`` carries the ``step`` of the snapshot that somebody wants to have.
    """
    return gr.HTML(
        value={},
        html_template='<div class="ve"></div>',
        js_on_load=emergence.script() + _SHOW,
        apply_default_css=False,
        elem_id=elem_id,
    )
