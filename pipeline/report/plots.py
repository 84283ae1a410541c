"""The plots of the page, as SVG that takes the colours of its theme.

Matplotlib knows colours, and no variables of a style sheet: each colour here stands for
one of these, and is replaced by it in what Matplotlib writes. A plot holds no text of
the data: names stand beside it, in HTML. The same facts give the same SVG.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.evaluation.facts import Bin, Curves
from pipeline.runs.training_facts import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#010101"
SOFT = "#020202"
LINE = "#030303"
ACCENT = "#040404"
OTHER = "#050505"
_VARIABLES = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    OTHER: "var(--other)",
}
STROKES = ((ACCENT, "-"), (OTHER, "--"), (INK, ":"), (SOFT, "-."))
"""Of lines that are told apart: by colour and, in print, by their dashes."""

_SIZE = (
    4.5,
    2.9,
)  # inches of 72 points: as wide as a phone, so that text stays legible
_SQUARE = (3.2, 3.0)
_RC = {
    "svg.fonttype": "none",  # the browser has the fonts
    "svg.hashsalt": "elmo-tfx",
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}


_LEAST_SPAN = 0.1  # of an axis with shares


@dataclass(frozen=True)
class Series:
    """One line of a plot.

    Attributes:
        points: Their places, left to right.
        stroke: Colour and dashes, such as one of `STROKES`.
        width: Of the line, in points.
        filled: Which points are drawn as full marks, the others as rings; None: no
            marks.
    """

    points: Sequence[tuple[float, float]]
    stroke: tuple[str, str] = STROKES[0]
    width: float = 1.8
    filled: Sequence[bool] | None = None


@dataclass(frozen=True)
class Measured:
    """A value at a place, and between which values it lies; None: not known.

    Attributes:
        is_filled: Whether it is drawn as a full mark, or as a ring.
    """

    place: int
    value: float
    interval: tuple[float, float] | None
    is_filled: bool


def loss_plot(epochs: Sequence[Epoch], best: int) -> str:
    """Returns the losses of training and eval by epoch, the best one marked."""
    return _training_plot(
        "Loss by epoch",
        [
            [(e.epoch, e.train_loss) for e in epochs],
            [(e.epoch, e.eval_loss) for e in epochs],
        ],
        best,
    )


def accuracy_plot(epochs: Sequence[Epoch], best: int) -> str:
    """Returns the accuracies of training, where known, and eval by epoch."""
    train = [
        (e.epoch, e.train_accuracy) for e in epochs if e.train_accuracy is not None
    ]
    return _training_plot(
        "Accuracy by epoch",
        [train, [(e.epoch, e.eval_accuracy) for e in epochs]],
        best,
    )


def _training_plot(
    title: str, curves: Sequence[Sequence[tuple[float, float]]], best: int
) -> str:
    strokes = ((SOFT, "--"), (ACCENT, "-"))
    series = [
        Series(points, stroke, filled=[point[0] == best for point in points])
        for points, stroke in zip(curves, strokes, strict=True)
        if points
    ]

    def draw(axes: Axes) -> None:
        axes.axvline(best, color=LINE, linewidth=8, zorder=0)
        _whole_numbers(axes)
        _draw(axes, series)

    return _svg(title, draw, xlabel="epoch")


def roc_plot(curves: Sequence[Curves], strokes: Sequence[tuple[str, str]]) -> str:
    """Returns true against false positive rates, the first curve on top."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1)
        _draw(axes, _as_series([curve.roc for curve in curves], strokes))
        _unit_square(axes)

    return _svg(
        "Receiver operating characteristic",
        draw,
        xlabel="false positive rate",
        ylabel="true positive rate",
        size=_SQUARE,
    )


def precision_recall_plot(
    curves: Sequence[Curves], strokes: Sequence[tuple[str, str]]
) -> str:
    """Returns precision against recall, the first curve on top."""

    def draw(axes: Axes) -> None:
        _draw(axes, _as_series([curve.precision_recall for curve in curves], strokes))
        _unit_square(axes)

    return _svg(
        "Precision and recall", draw, xlabel="recall", ylabel="precision", size=_SQUARE
    )


def reliability_plot(bins: Sequence[Bin]) -> str:
    """Returns accuracy against confidence, and below it how many rows are where."""
    known = [each for each in bins if each.rows and each.accuracy is not None]
    most = max((each.rows for each in known), default=1)

    def draw(axes: Axes) -> None:
        for each in known:
            axes.bar(
                each.low,
                0.16 * each.rows / most,
                width=each.high - each.low,
                align="edge",
                color=LINE,
                linewidth=0,
            )
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        points = [(each.confidence or 0.0, each.accuracy or 0.0) for each in known]
        _draw(axes, [Series(points, filled=[True] * len(points))])
        _unit_square(axes)

    return _svg(
        "Reliability", draw, xlabel="confidence", ylabel="accuracy", size=_SQUARE
    )


def series_plot(
    title: str,
    series: Sequence[Series],
    *,
    ticks: Sequence[str],
    bound: float | None = None,
) -> str:
    """Returns lines over spans, which lie at 0, 1, 2 and so on, from 0 upwards.

    Args:
        title: For those who do not see it.
        series: The lines.
        ticks: What stands below the first and the last place.
        bound: Where a dashed line lies; None: nowhere.
    """

    def draw(axes: Axes) -> None:
        if bound is not None:
            axes.axhline(bound, color=OTHER, linewidth=1.2, linestyle="--")
        _draw(axes, series)
        _name_ends(axes, [p[0] for each in series for p in each.points], ticks)
        axes.set_ylim(0, max(axes.get_ylim()[1], 1e-3))
        _few_ticks(axes)

    return _svg(title, draw)


def measured_plot(title: str, points: Sequence[Measured], ticks: Sequence[str]) -> str:
    """Returns shares with their intervals, which no line joins.

    Args:
        title: For those who do not see it.
        points: By place.
        ticks: What stands below the first and the last place.
    """

    def draw(axes: Axes) -> None:
        for each in points:
            if each.interval is not None:
                axes.vlines(each.place, *each.interval, color=SOFT, linewidth=1.2)
            _mark(axes, each.place, each.value, ACCENT, each.is_filled)
        places = [each.place for each in points]
        edge = 0.04 * (places[-1] - places[0])
        axes.set_xlim(places[0] - edge, places[-1] + edge)
        _name_ends(axes, places, ticks)
        # A difference of a point is none that one should see from afar.
        low, high = axes.get_ylim()
        more = max(0.0, _LEAST_SPAN - (high - low)) / 2
        axes.set_ylim(max(low - more, -0.02), min(high + more, 1.02))
        _few_ticks(axes)

    return _svg(title, draw)


def _name_ends(axes: Axes, places: Sequence[float], ticks: Sequence[str]) -> None:
    """Writes below the first and the last place what stands there."""
    ends = sorted({min(places, default=0), max(places, default=0)})
    axes.set_xticks(ends)
    labels = axes.set_xticklabels(ticks[: len(ends)], parse_math=False)
    if len(ends) > 1:
        labels[0].set_horizontalalignment("left")
        labels[-1].set_horizontalalignment("right")


def _as_series(
    curves: Sequence[Sequence[tuple[float, float]]], strokes: Sequence[tuple[str, str]]
) -> list[Series]:
    return [
        Series(points, stroke, width=0.8 if stroke == (SOFT, "-") else 1.8)
        for points, stroke in reversed(list(zip(curves, strokes, strict=True)))
    ]


def _draw(axes: Axes, series: Sequence[Series]) -> None:
    for each in series:
        colour, dashes = each.stroke
        xs, ys = [p[0] for p in each.points], [p[1] for p in each.points]
        axes.plot(xs, ys, color=colour, linestyle=dashes, linewidth=each.width)
        for (x, y), is_full in zip(each.points, each.filled or (), strict=False):
            _mark(axes, x, y, colour, is_full)


def _mark(axes: Axes, x: float, y: float, colour: str, is_full: bool) -> None:
    """Draws a full mark, or a ring."""
    face, size = (colour, 5) if is_full else ("none", 3.5)
    axes.plot([x], [y], "o", color=colour, markerfacecolor=face, markersize=size)


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])


def _whole_numbers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    _few_ticks(axes)


def _few_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_formatter("{x:.4g}")


def _svg(
    title: str,
    draw: Any,
    *,
    xlabel: str = "",
    ylabel: str = "",
    size: tuple[float, float] = _SIZE,
) -> str:
    """Returns a plot as an `svg` element that stands in a page of HTML."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=size)
        # Room for the ticks; Matplotlib's own layout draws everything twice.
        left, below = 42 / 72, (36 if xlabel else 22) / 72
        above = (22 if ylabel else 8) / 72
        axes = figure.add_axes(
            (
                left / size[0],
                below / size[1],
                1 - (left + 0.12) / size[0],
                1 - (below + above) / size[1],
            )
        )
        draw(axes)
        if xlabel:
            axes.set_xlabel(xlabel)
        if ylabel:
            axes.set_title(ylabel, loc="left", fontsize=10, color=SOFT)
        file = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(file, metadata=nothing)
    return _themed(file.getvalue(), title)


def _themed(svg: str, title: str) -> str:
    """Returns what Matplotlib wrote without its head, names, fonts and colours."""
    view = re.search(r'viewBox="([^"]*)"', svg)
    assert view is not None
    body = svg[svg.index(">", view.end()) + 1 :].strip()
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r" font-family: [^;\"]*;", "", body)
    body = re.sub(r"\bfont: ([\d.]+px) [^;\"]*", r"font-size: \1", body)
    body = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", body)
    # The background of the figure and of its axes, which is that of the page.
    body = re.sub(r"fill: #ffffff", "fill: none", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    body = re.sub(r"\s*\n\s*", "\n", body)
    return (
        f'<svg class="plot" viewBox="{view[1]}" role="img" '
        f'aria-label="{html.escape(title)}">{body}'
    )
