"""Puts the report into a page, between two marks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.elmo.errors import BenchmarkError

BEGIN = "<!-- begin: make bench-elmo -->"
END = "<!-- end: make bench-elmo -->"
_NEW = f"# How fast the ELMo layer is\n\n{BEGIN}\n{END}\n"


def write_report(path: Path, report: str) -> None:
    """Replaces what stands between the marks; a page that is not there is begun.

    Raises:
        BenchmarkError: If the page lacks the marks.
    """
    page = path.read_text("utf-8") if path.exists() else _NEW
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchmarkError(
            f"`--write` must name a page with the lines {BEGIN} and {END}. "
            f"Received: {path}"
        )
    path.write_text(f"{before}{BEGIN}\n{report}{END}{after}", "utf-8")
