"""What is worth a word about how rows were divided, before a model is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from components.text_example_gen.corrections import CorrectionCounts

# Fewer test rows of a class, and its measures say little; so many times more training
# rows of one class than of another, and they are worth a word.
LEAST_TEST_ROWS = 10
UNBALANCED = 10
# Of a column that is kept, so many values become slices of the evaluation.
MOST_SLICES = 100
_SHOWN = 3  # names of a list of classes
# What databases and programs write where there is no value.
_NO_VALUES = {"\\n", "null", "none", "nan", "na", "n/a", "<na>", "nat", "#n/a"}


def correction_notes(counts: CorrectionCounts | None) -> list[str]:
    """Returns lines on what became of the corrections of a person."""
    if counts is None:
        return []
    total = counts.applied + counts.as_data + counts.not_found
    line = f"{counts.applied:,} of {total:,} corrections changed {counts.rows:,} rows"
    if counts.as_data:
        line += f"; {counts.as_data:,} are in the data already"
    if counts.undecided:
        line += f"; {counts.undecided:,} lines are undecided"
    if not counts.not_found:
        return [line]
    lines = ", ".join(map(str, counts.not_found_lines))
    more = ", …" if counts.not_found > len(counts.not_found_lines) else ""
    return [
        line,
        f"corrections of rows that are not there, with this text and label: "
        f"{counts.not_found:,} (line {lines}{more} of {counts.path})",
    ]


def split_file_notes(files: Sequence[str]) -> list[str]:
    """Returns a line if files of held-out rows seem to be among the training data."""
    if not files:
        return []
    return [
        f"{' and '.join(map(_short, files))} seem to be splits of the data, but all "
        "rows are divided anew: name those that are held out (--test, --eval)"
    ]


def leak_notes(leaked: int) -> list[str]:
    """Returns a line if rows that are held out have the text of earlier splits."""
    if not leaked:
        return []
    return [
        f"{leaked:,} rows of eval or test have a text that an earlier split has, too: "
        "what is measured on them is too good"
    ]


def class_notes(labels: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Returns lines on classes that are too small to be tested well, or rare.

    Args:
        labels: Split -> label -> rows, the training split first, the test split last.
    """
    trained, *_, tested = labels.values()
    untested = [name for name in trained if not tested.get(name)]
    few = [name for name in trained if 0 < tested.get(name, 0) < LEAST_TEST_ROWS]
    notes = []
    if untested:
        notes.append(f"without a test row, so never measured: {_some(untested)}")
    if few:
        notes.append(
            f"with fewer than {LEAST_TEST_ROWS} test rows, so measured roughly: "
            f"{_some(few)}"
        )
    if trained:
        most = max(trained, key=lambda name: (trained[name], name))
        least = min(trained, key=lambda name: (trained[name], name))
        ratio = trained[most] / trained[least]
        if ratio >= UNBALANCED:
            notes.append(
                f"unbalanced: {ratio:,.0f} training rows of {_short(most)} for each "
                f"of {_short(least)} ({trained[most]:,} and {trained[least]:,})"
            )
    return notes + _spelling_notes(trained)


def _spelling_notes(labels: Iterable[str]) -> list[str]:
    """Returns lines on classes that are likely a matter of how labels are written."""
    notes = []
    if missing := [name for name in labels if name.casefold() in _NO_VALUES]:
        notes.append(f"classes that may stand for a missing label: {_some(missing)}")
    if lists := [name for name in labels if name[:1] == "[" and name[-1:] == "]"]:
        notes.append(
            f"classes that look like lists of labels: {_some(lists)} (JSON Lines and "
            "Parquet hold lists; in CSV, write a|b, with --label-separator '|')"
        )
    spellings: dict[str, list[str]] = {}
    for name in labels:
        spellings.setdefault(name.casefold(), []).append(name)
    alike = [name for names in spellings.values() if len(names) > 1 for name in names]
    if alike:
        notes.append(f"classes that differ in capitals alone: {_some(alike)}")
    return notes


def slice_notes(values: Mapping[str, int]) -> list[str]:
    """Returns a line for each column of which not all values are slices.

    Args:
        values: Column -> number of its different values.
    """
    return [
        f"slices of `{name}`: the {MOST_SLICES} most frequent of {number:,} values"
        for name, number in values.items()
        if number > MOST_SLICES
    ]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(_short, names[:_SHOWN]))
    number = f"{len(names):,} class{'es' if len(names) > 1 else ''}"
    return f"{number}, such as {shown}" if len(names) > _SHOWN else f"{number}, {shown}"


def _short(name: str) -> str:
    return repr(name if len(name) <= 40 else name[:40] + "...")
