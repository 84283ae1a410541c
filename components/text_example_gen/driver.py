"""The driver of TextExampleGen: resolves spans, and says where it looked for them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from tfx.components.example_gen import driver, input_processor
from tfx.proto import example_gen_pb2, range_config_pb2

from components.text_example_gen.errors import DataError
from components.text_example_gen.input_files import data_fingerprint
from components.text_example_gen.spans import span_name


class Driver(driver.FileBasedDriver):
    """TFX's driver for files, with a clear error where a span has no data."""

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> input_processor.InputProcessor:
        """The processor that finds the span and takes the fingerprint of its files."""
        return _InputProcessor(input_base_uri or "", splits, range_config)


class _InputProcessor(input_processor.FileBasedInputProcessor):
    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        # TFX's sees numbers, sizes and seconds: not that a file has moved to another
        # class's folder.
        return ",".join(
            data_fingerprint(posixpath.join(self._input_base_uri, pattern))
            for pattern in (
                self.get_pattern_for_span_version(split.pattern, span, version)
                for split in self._splits
            )
        )

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
