"""A review of the labels of a run: what may be wrong, as a table for a person."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from components.text_example_gen.corrections import (
    Corrections,
    read_corrections,
    row_id,
)
from components.text_example_gen.errors import DataError
from components.text_example_gen.examples import COUNTS_FILE
from keras_elmo.errors import ElmoError
from pipeline.errors import RunError, UserError
from pipeline.files import locked_folder, remove
from pipeline.metadata.metadata import Metadata
from pipeline.metadata.runs import DONE, UNCHANGED, MadeArtifact
from pipeline.output_folder import OutputFolder
from pipeline.review.rows import LabelledRow, read_rows, tokenise
from pipeline.review.similar import similar_texts
from pipeline.review.table import ReviewLine, shown, unfilled, write_table
from pipeline.runs.damaged import reading
from pipeline.runs.data_facts import read_json
from pipeline.terminal import visible_line
from pipeline.training.label_doubts import Suspicion, cut_folds, rank_labels
from pipeline.training.out_of_fold import out_of_fold
from pipeline.training.state import remove_abandoned

_CUSTOM_CONFIG = "custom_config"
_SIMILAR_CHARACTERS = 200


@dataclasses.dataclass(frozen=True)
class ReviewedRun:
    """What a review reads of a run.

    Attributes:
        run_id: Its name.
        examples: Folders of its examples, with those of the other spans of its window.
        transform: Folder of its transform graph.
        options: Sections `elmo`, `model` and `train` of its configuration.
    """

    run_id: str
    examples: list[str]
    transform: str
    options: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Review:
    """What came of a review.

    Attributes:
        path: Of the table.
        lines: Those in it, the most suspicious first.
        texts: Texts that were reviewed; equal ones with one label count once.
        suspected: Those for which another label is likelier.
        alone: Classes that were not reviewed, as only one text has them.
    """

    path: Path
    lines: Sequence[ReviewLine]
    texts: int
    suspected: int
    alone: Sequence[str]


def last_reviewable(metadata: Metadata) -> ReviewedRun:
    """Returns the last run that has examples and a transform graph.

    Raises:
        UserError: There is none, or its rows have several labels.
    """
    for run_id in reversed(metadata.runs.names()):
        record = metadata.runs.of(run_id)
        graph = record.output("Transform", "transform_graph")
        options = metadata.runs.parameter(run_id, "Trainer", _CUSTOM_CONFIG)
        examples = record.window()
        states = {node.node: node.state for node in record.nodes}
        is_whole = states.get("Transform") in (DONE, UNCHANGED)
        if not is_whole or graph is None or options is None or not examples:
            continue
        transform = metadata.runs.parameter(run_id, "Transform", _CUSTOM_CONFIG)
        if json.loads(transform or "{}").get("multi_label"):
            raise UserError(
                "review reads rows with one label each; those of the last run may "
                "have several"
            )
        uris = list(dict.fromkeys(each.uri for each in examples))
        return ReviewedRun(run_id, uris, graph.uri, json.loads(options))
    raise UserError(
        "no run of this output has examples and a transform graph "
        "(hint: elmo-tfx run comes first)"
    )


def review(
    run: ReviewedRun, output: OutputFolder, path: Path, *, folds: int, first: int
) -> Review:
    """Reviews the labels of a run, and writes the table.

    Args:
        run: What to review.
        output: Its store of embeddings is read, and gets those of texts it lacks.
        path: Of the table.
        folds: How many parts the texts are cut into.
        first: How many lines the table has at most, corrections of before aside.

    Raises:
        UserError: There is nothing to review.
        RunError: Results of the run are gone, ELMo cannot be loaded, another review of
            the same is under way, or the table cannot be written.
    """
    rows = read_rows(run.examples)
    counts = collections.Counter(
        label for _, label in {(row.digest, row.label) for row in rows}
    )
    alone = sorted(label for label, texts in counts.items() if texts < 2)
    corrections = _corrections_of(run.examples, output.path)
    reviewed = [row for row in rows if row.label not in alone]
    classes = sorted({row.label for row in reviewed})
    if len(classes) < 2:
        raise UserError(
            "a review needs two labels with at least two texts each. Received: "
            f"{', '.join(f'{label!r} {n}' for label, n in counts.most_common(5))}"
        )
    data = tokenise(reviewed, run.transform, classes)
    digests = [row.digest for row in reviewed]
    remove_abandoned(output.resume)
    folder = output.resume / f"review-{data.fingerprint()[:16]}"  # only to be locked
    try:
        with locked_folder(folder):
            probabilities = out_of_fold(
                data,
                cut_folds(digests, data.labels, folds),
                num_classes=len(classes),
                elmo=run.options["elmo"],
                model=run.options["model"],
                train=run.options["train"],
                elmo_version=run.options["elmo_version"],
                embeddings_dir=output.embeddings,
            )
            suspicions = rank_labels(probabilities, data.labels)
            wanted = suspicions[:first]
            similar = similar_texts(
                [row.text for row in reviewed],
                data.labels,
                [each.text for each in wanted],
            )
            lines = [
                _line(rank, each, reviewed, classes, probabilities, similar)
                for rank, each in enumerate(wanted, 1)
            ]
            lines = _with_corrections(lines, rows, corrections)
            path = unfilled(path)
            write_table(path, lines)
            remove(folder)
    except filelock.Timeout as error:
        raise RunError("another review of this output is under way") from error
    except ElmoError as error:
        raise RunError(f"the ELMo of the run cannot be loaded: {error}") from error
    return Review(path, lines, len(reviewed), len(suspicions), alone)


def _line(
    rank: int,
    suspicion: Suspicion,
    rows: Sequence[LabelledRow],
    classes: Sequence[str],
    probabilities: np.ndarray,
    similar: Mapping[int, Sequence[int]],
) -> ReviewLine:
    row = rows[suspicion.text]
    of_text = probabilities[suspicion.text]
    return ReviewLine(
        rank=rank,
        text=shown(row.text),
        label=row.label,
        suggested_label=classes[suspicion.suggested],
        corrected_label="",
        label_probability=float(of_text[classes.index(row.label)]),
        suggested_probability=float(of_text[suspicion.suggested]),
        similar="; ".join(
            _described(rows[place]) for place in similar.get(suspicion.text, ())
        ),
        source=visible_line(row.source),
        row=row.position,
        rows=row.rows,
        split=row.split,
        row_id=row_id(row.text),
    )


def _described(row: LabelledRow) -> str:
    where = "" if row.position is None else f"row {row.position} "
    return f'{where}({row.label}): "{shown(row.text, _SIMILAR_CHARACTERS)}"'


def _corrections_of(examples: Sequence[str], output: Path) -> list[Corrections]:
    """Returns the corrections that the examples were made with.

    A table in the output has moved with it.
    """
    paths = []
    for uri in examples:
        # An earlier version wrote no such file.
        counts = read_json(MadeArtifact(uri, {}), COUNTS_FILE) or {}
        with reading(uri):
            corrections = counts.get("corrections") or {}
            path, there = corrections.get("path"), corrections.get("from_examples")
            if path and there and not os.path.exists(path):
                here = os.path.normpath(os.path.join(uri, there))
                path = here if output in Path(here).parents else path
            paths.append(path)
    try:
        return [read_corrections(path) for path in dict.fromkeys(paths) if path]
    except DataError as error:
        raise UserError(
            f"the run took corrections that cannot be read again: {error} "
            "(hint: bring that file back)"
        ) from error


def _with_corrections(
    lines: Sequence[ReviewLine],
    rows: Sequence[LabelledRow],
    tables: Sequence[Corrections],
) -> list[ReviewLine]:
    """Returns the lines with what was corrected before, so that nothing of it is lost.

    The run has the corrected label; the data still has the one of before, and that is
    what a line must name. Corrections of rows that are not suspected stand at the end.
    """
    present = {row.digest: row for row in rows}
    # Name of the row and its label now -> the row and its labels in the data.
    before: dict[tuple[str, str], list[tuple[LabelledRow, str]]] = {}
    for table in tables:
        for (digest, label), corrected in table.labels.items():
            if row := present.get(digest):
                before.setdefault((row_id(row.text), corrected), []).append(
                    (row, label)
                )
    kept: list[ReviewLine] = []
    for line in lines:
        own = before.pop((line.row_id, line.label), [])
        kept += [_corrected(line, label) for _, label in own] or [line]
    for (_, corrected), own in before.items():
        kept += [_corrected(_carried(row, corrected), label) for row, label in own]
    return kept


def _corrected(line: ReviewLine, label: str) -> ReviewLine:
    """Returns the line of a row that has `label` in the data."""
    return dataclasses.replace(line, label=label, corrected_label=line.label)


def _carried(row: LabelledRow, label: str) -> ReviewLine:
    return ReviewLine(
        rank=None,
        text=shown(row.text),
        label=label,
        suggested_label="",
        corrected_label="",
        label_probability=None,
        suggested_probability=None,
        similar="",
        source=visible_line(row.source),
        row=row.position,
        rows=row.rows,
        split=row.split,
        row_id=row_id(row.text),
    )
