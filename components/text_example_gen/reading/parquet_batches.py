"""The batches of a row group, from a Parquet file that may be damaged.

pyarrow trusts that all columns of a row group have as many rows. Where one ends before
the others it ends the whole process when it is asked for more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from components.text_example_gen.errors import UnreadableFileError
from components.text_example_gen.reading import reasons
from components.text_example_gen.reading.arrow_types import has_fixed_lists

_OTHER_LENGTH = "Expected all lists to be of size"  # as pyarrow says it


def check_row_counts(metadata: pq.FileMetaData) -> None:
    """Refuses a file of which some rows would not be read, in silence.

    Raises:
        EOFError: A row group or a column does not have the rows that it should have.
    """
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    rows = sum(group.num_rows for group in groups)
    if rows != metadata.num_rows:
        raise EOFError(f"its row groups have {rows:,} of {metadata.num_rows:,} rows")
    for number, group in enumerate(groups, 1):
        if group.num_columns != metadata.num_columns:
            raise EOFError(
                f"row group {number} has {group.num_columns:,} of "
                f"{metadata.num_columns:,} columns"
            )
        for place in range(metadata.num_columns):
            chunk = group.column(place)
            if metadata.schema.column(place).max_repetition_level:
                continue  # of lists there are as many values as the lists have
            if chunk.num_values != group.num_rows:
                raise EOFError(
                    f"column `{chunk.path_in_schema}` has {chunk.num_values:,} rows of "
                    f"{group.num_rows:,} in row group {number}"
                )


def group_batches(
    file: pq.ParquetFile,
    group: int,
    columns: Sequence[str],
    *,
    path: str,
    most_rows: int,
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a row group, so many at a time or fewer, validated.

    Args:
        file: The file.
        group: Number of the row group.
        columns: Names of columns to read.
        path: For messages.
        most_rows: Of a batch.

    Raises:
        EOFError: The columns have different numbers of rows.
        UnreadableFileError: A list is missing where all are of one length.
        pa.ArrowException: The file is damaged in another way.
    """
    left = file.metadata.row_group(group).num_rows
    is_checked = False
    batches = file.iter_batches(
        batch_size=most_rows, row_groups=[group], columns=columns, use_threads=False
    )
    try:
        for batch in batches:
            # Of columns of texts in lists, batches may be shorter for other reasons.
            if len(batch) < min(most_rows, left) and not is_checked:
                _check_lengths(file, group, columns, most_rows)
                is_checked = True
            left -= len(batch)
            batch.validate()  # lists of a damaged file may point beyond its values
            yield batch
    except pa.ArrowInvalid as error:
        fields = [field for field in file.schema_arrow if field.name in columns]
        fixed = [field.name for field in fields if has_fixed_lists(field.type)]
        if not fixed or not str(error).startswith(_OTHER_LENGTH):
            raise
        names = ", ".join(f"`{name}`" for name in fixed)
        raise UnreadableFileError(
            reasons.DAMAGED_FILE,
            f"{path} cannot be read with column {names}, where a list is missing or "
            f"not as long as its type says: {error}\nhint: carry other columns only "
            "(`keep`)",
        ) from error
    if left and columns:
        raise EOFError(f"{left:,} rows of row group {group + 1} are missing")


def _check_lengths(
    file: pq.ParquetFile, group: int, columns: Sequence[str], most_rows: int
) -> None:
    """Reads each column alone and counts its rows."""
    expected = file.metadata.row_group(group).num_rows
    for name in columns:
        batches = file.iter_batches(
            batch_size=most_rows, row_groups=[group], columns=[name], use_threads=False
        )
        rows = sum(map(len, batches))
        if rows != expected:
            raise EOFError(
                f"column `{name}` has {rows:,} rows of {expected:,} in row group "
                f"{group + 1}"
            )
