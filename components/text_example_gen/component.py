"""TextExampleGen: the contract, and the driver that resolves the span."""

import posixpath
from collections.abc import Iterable, Sequence
from typing import Any

from tfx.components.example_gen import component, driver, input_processor
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2

from components.text_example_gen import executor
from components.text_example_gen.errors import DataError
from components.text_example_gen.examples import EVAL, SPLITS, TEST
from components.text_example_gen.executor import Settings
from components.text_example_gen.input_files import (
    content_fingerprint,
    data_fingerprint,
    locate,
)
from components.text_example_gen.options import ReadOptions, RowColumns
from components.text_example_gen.spans import has_spans, pattern_of_span, span_name

_BUCKETS = 10_000  # the unit of fractions


class Driver(driver.FileBasedDriver):
    """TFX's driver for files, with a clear error where a span has no data."""

    _format = "auto"
    _held_out: tuple[str, ...] = ()
    _corrections: str | None = None

    def resolve_exec_properties(
        self, exec_properties: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Resolves span, version and fingerprint.

        Files of held-out rows count, too, and the table of corrections.
        """
        settings = Settings.from_exec_properties(exec_properties)
        self._format = settings.options.format
        self._held_out = tuple(settings.held_out.values())
        self._corrections = settings.corrections
        return super().resolve_exec_properties(exec_properties, *args, **kwargs)

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> input_processor.InputProcessor:
        """Returns the processor that finds the span and fingerprints its files."""
        processor = _InputProcessor(input_base_uri or "", splits, range_config)
        processor.format = self._format
        processor.held_out = self._held_out
        processor.corrections = self._corrections
        return processor


class _InputProcessor(input_processor.FileBasedInputProcessor):
    # TFX wants the placeholders of all patterns to be the same; a test set that never
    # changes has none, beside data of every day.
    format = "auto"
    held_out: tuple[str, ...] = ()
    corrections: str | None = None

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        # TFX's own sees numbers, sizes and times, but not that a file has moved to the
        # folder of another class.
        patterns = [
            posixpath.join(
                self._input_base_uri,
                self.get_pattern_for_span_version(split.pattern, span, version),
            )
            for split in self._splits
        ]
        patterns += [pattern_of_span(pattern, span) for pattern in self.held_out]
        found = [data_fingerprint(each, self.format) for each in patterns]
        if self.corrections is not None:
            found.append(content_fingerprint(self.corrections))
        return ",".join(found)

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        try:
            return super().resolve_span_and_version()
        except ValueError as error:
            looked_for = ", ".join(
                posixpath.join(self._input_base_uri, split.pattern)
                for split in self._splits
            )
            span = ""
            if self._range_config and self._range_config.HasField("static_range"):
                number = self._range_config.static_range.start_span_number
                span = f" for span {span_name(number, looked_for)}"
            raise DataError(f"No file matches {looked_for}{span} ({error})") from error


class TextExampleGen(component.FileBasedExampleGen):
    """Reads labelled texts into tf.Examples: `text` and `label`, both bytes, one value.

    Where a row may have several labels, `label` has a value for each, sorted.

    Reads CSV, TSV, JSON, Parquet, fastText's and TREC's lines, and a folder per class
    with text files, plain or compressed. The splits train, eval and test go by a hash
    of the text without case and white space, so that equal texts share a split; of a
    class with up to 1,000 texts each split gets its exact share. Rows of a split that
    the data itself names keep it. Spans, versions, fingerprints and caching are those
    of TFX's file based ExampleGens.

    Its output `examples` also holds `rejected/rejected-*.jsonl`, the rows that could
    not be used (`records.Reject`), and `counts.json`, what became of all rows
    (`counts.Counts`). If the run is refused, both lie in the folder
    `refused/<execution>` beside `examples`.

    Args:
        input_base: A file, a glob or a folder; with `pattern`, the folder of it. May
            have `{SPAN}`, `{VERSION}`, `{YYYY}`, `{MM}`, `{DD}` as TFX reads them.
        pattern: Files relative to `input_base`; None: in `input_base`.
        format: one of `options.FORMATS`.
        text_column: Column with the text, or several, whose texts are joined.
        label_column: Column with the label: strings or integers, two or more classes.
        label_separator: What stands between the labels of a row; with it a row may
            have several.
        multi_label: Whether a row may have several labels, as a list in JSON Lines or
            Parquet.
        columns: Names of the columns of CSV and TSV files that have no header.
        header: Whether CSV and TSV files have a header; None: unless `columns` is set.
        encoding: Of the files, such as `cp1252`; `auto`: it is found for each.
        delimiter: One character between fields; None: it is found for each file.
        quoting: `double`, `none` or `auto`: see `ReadOptions`.
        escape_character: Before quotes that are text; None: a backslash if it must be.
        eval_fraction: Share of the texts in split eval; no unit.
        test_fraction: Share of the texts in split test; no unit.
        max_rejected_fraction: Share of unusable rows above which the run stops; no
            unit.
        max_replaced_fraction: The same of rows with U+FFFD for what is not decoded.
        range_config: Which span to take; None: the newest.
        eval_pattern: Files of the rows for eval, named as `input_base`; they are no
            longer part of the data. None: eval gets its share of the other rows.
        test_pattern: The same for test.
        split_column: Column that says `train`, `eval` or `test`, or the usual synonyms;
            a held-out split that no row names gets its share of the training rows.
        group_column: Column of which equal values share a split; a row without a
            value goes by its text.
        keep_columns: Columns that the examples get as features of their names, bytes,
            one value; missing values are empty.
        keep_position: Whether the examples get ROW_SOURCE and ROW_POSITION. Leave
            them, like those of `keep_columns`, out of your schema.
        corrections: A table of labels that a person corrected (`corrections`); not
            where a row may have several labels.
        stratify: Whether a class with up to 1,000 texts gets its exact shares. A text
            may then change its split when the data grows. None: unless there are
            spans, in several of which a text may be, or a row may have several labels,
            as most sets of labels are too rare to be divided.

    Raises:
        ValueError: A value is out of its range. Bad data stops the run with
            `errors.DataError` when the component runs.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        input_base: str,
        *,
        pattern: str | None = None,
        format: str = "auto",
        text_column: str | Sequence[str] = "text",
        label_column: str = "label",
        label_separator: str | None = None,
        multi_label: bool = False,
        columns: Sequence[str] | None = None,
        header: bool | None = None,
        encoding: str = "auto",
        delimiter: str | None = None,
        quoting: str = "auto",
        escape_character: str | None = None,
        eval_fraction: float = 0.1,
        test_fraction: float = 0.1,
        max_rejected_fraction: float = 0.01,
        max_replaced_fraction: float = 0.01,
        range_config: range_config_pb2.RangeConfig | None = None,
        eval_pattern: str | None = None,
        test_pattern: str | None = None,
        split_column: str | None = None,
        group_column: str | None = None,
        keep_columns: Sequence[str] = (),
        keep_position: bool = False,
        corrections: str | None = None,
        stratify: bool | None = None,
    ) -> None:
        options = ReadOptions(
            format=format,
            text_column=text_column,  # type: ignore[arg-type]
            label_column=label_column,
            label_separator=label_separator,
            multi_label=multi_label,
            columns=columns,  # type: ignore[arg-type]
            header=header,
            encoding=encoding,
            delimiter=delimiter,
            quoting=quoting,
            escape_character=escape_character,
        )
        if stratify is None:
            spans = has_spans(posixpath.join(input_base, pattern or ""))
            stratify = not options.has_several_labels and not spans
        given = {EVAL: eval_pattern, TEST: test_pattern}
        settings = Settings(
            options=options,
            max_rejected_fraction=max_rejected_fraction,
            max_replaced_fraction=max_replaced_fraction,
            columns=RowColumns(split_column, group_column, tuple(keep_columns)),
            held_out={
                name: locate(files, format).pattern
                for name, files in given.items()
                if files is not None
            },
            stratify=stratify,
            keep_position=keep_position,
            corrections=corrections,
        )
        if pattern is None:
            input_base, pattern = locate(input_base, format)
        split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
        super().__init__(
            input_base=input_base,
            input_config=example_gen_pb2.Input(splits=[split]),
            output_config=_output_config(eval_fraction, test_fraction),
            custom_config=settings.to_proto(),
            range_config=range_config,
        )


def _output_config(
    eval_fraction: float, test_fraction: float
) -> example_gen_pb2.Output:
    """Returns the splits with their shares of the hashes, in parts of `_BUCKETS`."""
    for name, fraction in (
        ("eval_fraction", eval_fraction),
        ("test_fraction", test_fraction),
    ):
        if not 1 / _BUCKETS <= fraction < 1:
            raise ValueError(
                f"`{name}` must lie between {1 / _BUCKETS} and 1. "
                f"Received: {fraction!r}"
            )
    evaluated = round(eval_fraction * _BUCKETS)
    tested = round(test_fraction * _BUCKETS)
    if evaluated + tested >= _BUCKETS:
        raise ValueError(
            "`eval_fraction` and `test_fraction` must leave rows to train on. "
            f"Received: {eval_fraction!r} and {test_fraction!r}"
        )
    buckets = (_BUCKETS - evaluated - tested, evaluated, tested)
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[
                example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=number)
                for name, number in zip(SPLITS, buckets, strict=True)
            ]
        )
    )
