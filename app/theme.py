"""The look: quiet paper, so that the stickers are the colour; blue for words, orange for patches.

The colours themselves are variables in static/lab.css, once for light and once for dark.
"""

import json
from importlib.util import find_spec
from pathlib import Path

from gradio import themes
from starlette.responses import FileResponse
from starlette.routing import Route

from vilt_core.viz.emergence import styles as emergence_styles
from vilt_core.viz.explanations import style as explanation_styles
from vilt_core.viz.foils import script as foil_script
from vilt_core.viz.heads import script as head_script
from vilt_core.viz.stepper import styles

OWN = Path(__file__).parent / "static"
_SANS = (
    "-apple-system",
    "BlinkMacSystemFont",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Arial",
    "sans-serif",
)
_MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


def lab() -> themes.Base:
    """Gradio's own widgets in the lab's colours. System fonts: the page loads nothing from afar."""
    return themes.Base(
        primary_hue=themes.colors.blue,
        neutral_hue=themes.colors.slate,
        font=_SANS,
        font_mono=_MONO,
        radius_size=themes.sizes.radius_lg,
        text_size=themes.sizes.text_md,
    ).set(
        **_both("body_background_fill", "var(--lab-paper)"),
        **_both("body_text_color", "var(--lab-ink)"),
        **_both("body_text_color_subdued", "var(--lab-soft)"),
        **_both("background_fill_primary", "var(--lab-card)"),
        **_both("background_fill_secondary", "var(--lab-sunk)"),
        **_both("block_background_fill", "var(--lab-card)"),
        **_both("block_border_color", "var(--lab-line)"),
        **_both("border_color_primary", "var(--lab-line)"),
        **_both("block_label_background_fill", "var(--lab-card)"),
        **_both("block_label_text_color", "var(--lab-soft)"),
        **_both("block_title_text_color", "var(--lab-ink)"),
        **_both("block_info_text_color", "var(--lab-soft)"),
        **_both("block_shadow", "none"),
        **_both("input_background_fill", "var(--lab-card)"),
        **_both("input_border_color", "var(--lab-edge)"),
        **_both("checkbox_border_color", "var(--lab-edge)"),
        **_both("input_border_color_focus", "var(--lab-text)"),
        **_both("input_shadow_focus", "0 0 0 3px var(--lab-glow)"),
        **_both("input_placeholder_color", "var(--lab-soft)"),
        **_both("button_primary_background_fill", "var(--lab-text)"),
        **_both("button_primary_background_fill_hover", "var(--lab-text-strong)"),
        **_both("button_primary_text_color", "var(--lab-on-text)"),
        **_both("button_primary_border_color", "transparent"),
        **_both("button_secondary_background_fill", "var(--lab-card)"),
        **_both("button_secondary_background_fill_hover", "var(--lab-sunk)"),
        **_both("button_secondary_text_color", "var(--lab-ink)"),
        **_both("button_border_width", "1px"),
        **_both("button_secondary_border_color", "var(--lab-line)"),
        **_both("slider_color", "var(--lab-text)"),
        color_accent="var(--lab-text)",
        **_both("color_accent_soft", "var(--lab-glow)"),
        **_both("link_text_color", "var(--lab-text)"),
    )


def head() -> str:
    """What goes into the page's head. Gradio's own way for style sheets rewrites their rules."""
    sheets = static("lab.css"), static("compose.css"), styles(), explanation_styles()
    ours = "".join((*sheets, emergence_styles()))
    return f"""
    <meta name="description" content="See, question and take apart a vision-language transformer.">
    <style id="lab-styles">{ours}</style>
    <script>{static("stream.js")}</script>
    <script>{static("steady.js")}</script>
    <script>{static("said.js")}</script>
    <script>{static("rove.js")}</script>
    <script>{saving()}</script>
    """


def saving() -> str:
    """What keeps figures and tables as files, with the code of views that can be touched."""
    heads = f"{head_script()} headsView(element.querySelector('.vx-heads')).show(payload);"
    live = json.dumps({".vf": foil_script(), ".vx-heads": heads}).replace("</", "<\\/")
    return static("save.js").replace("/*LIVE*/ {}", live)


def routes() -> list[Route]:
    """What a saved figure of plotly's takes along: the library itself, whole."""
    found = find_spec("plotly")
    assert found is not None
    assert found.origin is not None
    library = Path(found.origin).parent / "package_data" / "plotly.min.js"
    return [Route("/lab/plotly.min.js", lambda _: FileResponse(library))]


def static(name: str) -> str:
    """A template or a script of the page, by its file name."""
    return (OWN / name).read_text(encoding="utf-8")


def _both(name: str, value: str) -> dict[str, str]:
    """The same variable by day and by night: its value changes, not its name."""
    return {name: value, f"{name}_dark": value}
