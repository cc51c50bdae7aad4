"""Charts as SVG, drawn on the server without a style attribute, which the content security policy forbids.

Each has a title and a description for screen readers; a page that shows one has its numbers in a table too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup, escape

MOST_MARKS: Final = 120
_WIDTH: Final = 1_000  # units of the drawing, which is as wide as its place on the page
_BAR_HEIGHT: Final = 12
_COLUMNS_HEIGHT: Final = 160
_GAP: Final = 1


def stacked_bar(parts: Sequence[tuple[str, float]], whole: float, *, title: str) -> Markup:
    """Draw a bar whose parts lie side by side.

    :param parts: the kind, which is a class of the style sheet, and the amount of each part.
    :param whole: the amount of the whole bar.
    """
    left, drawn = 0.0, []
    for kind, amount in parts:
        width = 0.0 if whole <= 0 else min(amount / whole * _WIDTH, _WIDTH - left)
        if width > 0:
            drawn.append(_rectangle(left, 0, width, _BAR_HEIGHT, f"fill-{kind}"))
        left += width
    return _drawing("chart-bar", _BAR_HEIGHT, title, drawn)


def columns(values: Sequence[float], *, title: str, limit: float | None = None, kind: str = "sent") -> Markup:
    """Draw columns from left to right, at most :data:`MOST_MARKS` of them: of more, the last ones.

    :param limit: where a line is drawn over all columns.
    """
    shown = values[-MOST_MARKS:]
    top = max([*shown, limit or 0.0, 1.0])
    step = _WIDTH / max(1, len(shown))
    drawn = [
        _rectangle(place * step, _COLUMNS_HEIGHT * (1 - value / top), step - _GAP, value / top * _COLUMNS_HEIGHT, kind_)
        for place, value in enumerate(shown)
        if value > 0 and (kind_ := f"fill-{kind}")
    ]
    if limit is not None:
        y = _COLUMNS_HEIGHT * (1 - limit / top)
        drawn.append(Markup('<line class="chart-limit" x1="0" x2="{}" y1="{}" y2="{}"/>').format(_WIDTH, _n(y), _n(y)))
    return _drawing("chart-columns", _COLUMNS_HEIGHT, title, drawn)


def _drawing(kind: str, height: int, title: str, marks: Sequence[Markup]) -> Markup:
    start = Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        "<title>{}</title>"
    ).format(kind, _WIDTH, height, title, title)
    return start + Markup("").join(marks) + Markup("</svg>")


def _rectangle(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        escape(kind), _n(x), _n(y), _n(max(0.0, width)), _n(max(0.0, height))
    )


def _n(value: float) -> str:
    return f"{value:.1f}"


CHARTS: Final[Mapping[str, Callable[..., Markup]]] = {"stacked_bar": stacked_bar, "columns": columns}
"""What templates may draw."""
