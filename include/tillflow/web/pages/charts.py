"""Charts as SVG in the page: drawn by pygal, stripped of its styles, scripts and links, dressed by tillflow.css.

A chart is a picture of a table that stands beside it, so it is one image with a name for who cannot see it. Its colours
are classes: they follow the theme, and nothing inline offends the content security policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pygal
from markupsafe import Markup
from pygal.config import Config
from pygal.etree import etree
from pygal.style import Style

#: of pygal's attributes those that draw; ids, styles and handlers stay behind
_KEPT: Final = frozenset(
    "class d x y x1 y1 x2 y2 cx cy r rx ry width height transform points viewBox text-anchor".split()
)
#: elements with what is below them: styles, scripts, tooltips' texts, and texts that only a script would show
_DROPPED: Final = frozenset({"defs", "style", "script", "desc", "title"})
_DROPPED_CLASSES: Final = ("tooltip", "tooltip-overlay", "plot text-overlay", "background")
_FONT: Final = 12
#: as tillflow.css sets the texts, for pygal reckons how much room they take
_STYLE: Final = Style(
    label_font_size=_FONT, major_label_font_size=_FONT, legend_font_size=_FONT, value_font_size=_FONT,
    tooltip_font_size=_FONT, title_font_size=_FONT, no_data_font_size=_FONT,
)  # fmt: skip

Series = Mapping[str, Sequence[float]]


def bars(
    name: str, labels: Sequence[str], series: Series, *, says: Callable[[float], str] = lambda value: f"{value:,.0f}"
) -> Markup:
    """Bars side by side along time, stacked where there are several series. `series`: word -> a value per label."""
    return _drawn(name, pygal.StackedBar, labels, series, says, height=240)


def lines_of_bars(
    name: str, labels: Sequence[str], series: Series, *, says: Callable[[float], str] = lambda value: f"{value:,.0f}"
) -> Markup:
    """Bars below each other, the first label on top: for words that are long."""
    upside_down = {word: list(reversed(values)) for word, values in series.items()}
    height = 70 + 28 * len(labels)
    return _drawn(name, pygal.HorizontalStackedBar, list(reversed(labels)), upside_down, says, height=height)


def _drawn(
    name: str, kind: Any, labels: Sequence[str], series: Series, says: Callable[[float], str], *, height: int
) -> Markup:
    config = Config(
        width=480, height=height, style=_STYLE, css=[], js=[], no_prefix=True, show_legend=len(series) > 1,
        legend_at_bottom=True, legend_at_bottom_columns=2, legend_box_size=10,
        value_formatter=says, margin=4, spacing=6,
        min_scale=2, max_scale=5, include_x_axis=True, truncate_label=28, truncate_legend=18,
    )  # fmt: skip
    chart = kind(config)
    chart.x_labels = labels
    for word, values in series.items():
        chart.add(word, list(values))
    root = _stripped(chart.render_tree())
    root.attrib.update({"role": "img", "aria-label": name, "class": "chart", "preserveAspectRatio": "xMinYMin meet"})
    return Markup(etree.tostring(root, encoding="unicode"))  # noqa: S704 - made by an XML library, which escapes


def _stripped(node: Any) -> Any:
    """The same drawing with nothing in it that a script or a style would need."""
    for name in [name for name in node.attrib if name not in _KEPT]:
        del node.attrib[name]
    for child in list(node):
        kind = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else ""
        if kind in _DROPPED or not kind or child.get("class", "").startswith(_DROPPED_CLASSES):
            node.remove(child)
        else:
            _stripped(child)
    return node
