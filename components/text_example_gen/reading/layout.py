"""What was found out about how a file is written, as the summaries say it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from components.text_example_gen.reading.records import replace_invalid

_MOST_CHARS = 80  # of each thing that a line says: some come from the file
_DELIMITERS = {"\t": "tab", " ": "blank", "": "no delimiter"}
_ENCODINGS = {"utf-8": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """How one file is written; `str()` is one line of it.

    Args:
        format: `csv`, `tsv`, `jsonl`, `parquet`, `folder` or the like.
        encoding: As Python names it; "" where the format has its own.
        delimiter: Between fields, "" if a row is one field; None: not of this format.
        quoting: `double` or `none`, "" where the format has its own.
        escape_character: What stands before a quote that is text; "": a second quote.
        header: `yes`, `no`, or "" where the format has its own names.
        notes: What else was guessed or changed, a few words each.
    """

    format: str
    encoding: str = ""
    delimiter: str | None = None
    quoting: str = ""
    escape_character: str = ""
    header: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [self.format]
        if self.encoding:
            parts.append(_ENCODINGS.get(self.encoding, self.encoding))
        if self.delimiter is not None:
            parts.append(_DELIMITERS.get(self.delimiter, f"`{self.delimiter}`"))
            is_usual = self.quoting == (
                "none" if self.delimiter in ("\t", "") else "double"
            )
            if not is_usual:
                parts.append("quoted" if self.quoting == "double" else "not quoted")
        if self.escape_character:
            parts.append(f"quotes escaped by `{self.escape_character}`")
        if self.header:
            parts.append("header" if self.header == "yes" else "no header")
        parts += self.notes
        shown = (p if len(p) <= _MOST_CHARS else f"{p[:_MOST_CHARS]} …" for p in parts)
        return replace_invalid(", ".join(shown))[0]


# Of these a summary for people says nothing.
PLAIN = frozenset(
    map(
        str,
        (
            Layout(
                format="csv",
                encoding="utf-8",
                delimiter=",",
                quoting="double",
                header="yes",
            ),
            Layout(
                format="tsv",
                encoding="utf-8",
                delimiter="\t",
                quoting="none",
                header="yes",
            ),
            Layout(format="jsonl", encoding="utf-8"),
            Layout(format="json", encoding="utf-8"),
            Layout(format="folder", encoding="utf-8"),
            Layout(format="parquet"),
        ),
    )
)


def told(layouts: Mapping[str, int]) -> Iterator[str]:
    """Yields a line for each layout that is not in `PLAIN`; the numbers are files."""
    for layout, files in sorted(layouts.items(), key=lambda item: (-item[1], item[0])):
        if layout not in PLAIN:
            yield f"read as {layout} ({files:,} file{'s' if files > 1 else ''})"


# Is called once for each file, before its first row.
OnLayout = Callable[[Layout], None]


def ignore_layout(layout: Layout) -> None:
    """Does nothing: for those who only want the rows."""
