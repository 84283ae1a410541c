"""How the templates show values: as text that is visible, cut, escaped and readable.

Whatever comes from the data passes through here, and not through each template: it
becomes neither markup nor an invisible character, and one value cannot fill the page.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

from pipeline.files import short_names
from pipeline.report import views
from pipeline.runs.evaluation_text import measure_value
from pipeline.runs.summary import RunSummary
from pipeline.runs.summary_text import spelt
from pipeline.terminal import visible

if TYPE_CHECKING:
    import jinja2

_MOST_SHOWN = 2_000  # characters of one value


@functools.cache
def environment() -> jinja2.Environment:
    """Returns what renders the templates, with the filters they use."""
    import jinja2  # a tenth of a second, for which no --help should wait
    import markupsafe

    def shown(value: Any) -> Any:
        if isinstance(value, markupsafe.Markup) or not isinstance(value, str):
            return "–" if value is None else value
        text = visible(value[:_MOST_SHOWN])
        return f"{text}…" if len(value) > _MOST_SHOWN else text

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report"),
        autoescape=True,
        finalize=shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "share": _share,
        "measure": _measure,
        "figure": lambda value: None if value is None else f"{value:.3f}",
        "sure": lambda value: "> 99%" if value > 0.99 else f"{value:.0%}",
        "between": views.between,
        "below_one": _below_one,
        "signed": lambda value: f"{value:+.2f}".replace("-", "−"),
        "count": lambda value: None if value is None else f"{value:,}",
        "bytes": _bytes,
        "seconds": _seconds,
        "cut": lambda text, most=80: text if len(text) <= most else text[:most] + "…",
        "begin": begin,
        "option": _option,
        "spelt": spelt,
        "breakable": _breakable,
        "quoted": lambda text: re.sub("`([^`]*)`", "“\\1”", text),
        "pieces": views.pieces,
        "short_names": short_names,
        "strongest": views.strongest,
    }
    made.globals |= {"measures": views.MEASURES}
    return made


def _breakable(name: str) -> Any:
    """Returns the name of an option, which may go on in the next line after a dot."""
    import markupsafe

    return markupsafe.Markup(".<wbr>").join(visible(name[:_MOST_SHOWN]).split("."))


def _share(value: float | None, digits: int = 1) -> str | None:
    return None if value is None else f"{value:.{digits}%}"


def _below_one(value: float) -> str:
    """Returns a share that is not 1 as one that is seen to be below it."""
    text = f"{value:.1%}"
    if text != "100.0%":
        return text
    return f"{value * 100:.6f}".rstrip("0").rstrip(".") + "%"


def _measure(value: float | None, name: str) -> str | None:
    return None if value is None else measure_value(name, value)


def _option(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _bytes(value: int) -> str:
    size, units = float(value), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:,.0f} {units[0]}" if size >= 100 else f"{size:,.3g} {units[0]}"


def _seconds(value: float) -> str:
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def begin(run: RunSummary) -> str:
    """Returns when a run began, or else the begin of its name."""
    return f"{run.began:%Y-%m-%d %H:%M}" if run.began else run.run_id[:16]
