"""Puts a report into a page, between two marks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.errors import BenchmarkError


def write_report(path: Path, report: str, *, maker: str, title: str) -> None:
    """Replaces what stands between the marks; a page that is not there is begun.

    Args:
        path: Of the page.
        report: Markdown that ends with a newline.
        maker: The command that makes the report; the marks name it.
        title: Of a page that is begun.

    Raises:
        BenchmarkError: If the page lacks the marks.
    """
    begin, end = marks(maker)
    page = (
        path.read_text("utf-8") if path.exists() else f"# {title}\n\n{begin}\n{end}\n"
    )
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise BenchmarkError(
            f"`--write` must name a page with the lines {begin} and {end}. "
            f"Received: {path}"
        )
    path.write_text(f"{before}{begin}\n{report}{end}{after}", "utf-8")


def marks(maker: str) -> tuple[str, str]:
    """Gives the lines between which the report of a command stands."""
    return f"<!-- begin: {maker} -->", f"<!-- end: {maker} -->"
