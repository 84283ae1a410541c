"""The command `elmo-tfx embed`."""

from __future__ import annotations

from typing import Any, get_args

import click

from pipeline.batch.formats.table import HDF5, PARQUET, VECTOR_FORMATS
from pipeline.commands.batch import batch_options, run_batch
from pipeline.commands.numbers import WholeNumber
from pipeline.config.sections import TransformConfig
from pipeline.errors import UserError
from pipeline.precision import chosen

LAYERS = ("mix", "mean", "0", "1", "2", "all")
TOKENIZERS = get_args(TransformConfig.model_fields["tokenizer"].annotation)
_MOST_DIGITS = 3  # of a layer's number
_SPLIT, _CHARACTERS = "whitespace", "characters"

# Vectors are a thousand times larger than the text: of 256 Ki characters of English,
# those of the original model take 200 MiB in memory. A word has five of them.
_CHUNK_ROWS = 4096
_CHUNK_CHARS = 256 * 2**10
_CHARS_OF_A_WORD = 5
_ALL_LAYERS = 3


class _Layer(click.Choice):
    """One of the usual layers, or any by its number; the source may have more."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Returns the layer, a number without zeros before it."""
        is_number = value.isascii() and value.isdecimal()
        if is_number and len(value) <= _MOST_DIGITS:
            return str(int(value))
        return super().convert(value, param, ctx)


@click.command(
    "embed",
    epilog="""\b
Examples:
  elmo-tfx embed --input 'new/*.csv' --output vectors/
  elmo-tfx embed --input new.csv --pooled --dtype float16 --output vectors/
  elmo-tfx embed --input zh.csv --elmo zhs.zip --tokenizer characters \\
      --output vectors/
  elmo-tfx embed --input lines.csv --elmo my_elmo/ --layer all --format hdf5 \\
      --output vectors/

The same command again goes on where it was interrupted. Exit code 0: all is written;
1: it failed, or more rows were rejected or replaced than allowed; 2: an option,
the data or the ELMo source is wrong.
""",
)
@batch_options
@click.option(
    "--elmo",
    default="default",
    help="default, a folder, an archive, OPTIONS,WEIGHTS, or a handle.",
)
@click.option(
    "--layer",
    type=_Layer(LAYERS),
    default="mix",
    help="mix (default), mean of all layers, one of them, or all.",
)
@click.option("--pooled", is_flag=True, help="One vector a text: the tokens' mean.")
@click.option(
    "--dtype",
    type=click.Choice(("float32", "float16")),
    default="float32",
    help="Of the vectors.",
)
@click.option(
    "--max-tokens",
    type=WholeNumber(1),
    default=512,
    help="Longer texts are cut; default: 512.",
)
@click.option(
    "--tokenizer",
    type=click.Choice(TOKENIZERS),
    help="What a token is, as transform.tokenizer has it; default: elmo.",
)
@click.option("--split-only", is_flag=True, help="The same as --tokenizer whitespace.")
@click.option(
    "--format",
    type=click.Choice(VECTOR_FORMATS),
    default=PARQUET,
    help="parquet (default), or hdf5 as allennlp and bilm-tf write it.",
)
def command(
    elmo: str,
    layer: str,
    pooled: bool,
    dtype: str,
    max_tokens: int,
    tokenizer: str | None,
    split_only: bool,
    format: str,
    **arguments: Any,
) -> None:
    """Write the vectors of the texts of files, for each token or for each text.

    The rows keep their order; in Parquet they keep their columns. Rows that cannot be
    used lie in OUTPUT/rejected with their reasons. What follows -- goes to Beam.
    """
    if pooled and format == HDF5:
        raise click.UsageError(
            "--pooled and --format hdf5 exclude each other: the published layout has "
            "vectors of tokens",
            click.get_current_context(),
        )
    if split_only and tokenizer not in (None, _SPLIT):
        raise click.UsageError(
            f"--split-only and --tokenizer {tokenizer} exclude each other: the first "
            f"is the same as --tokenizer {_SPLIT}",
            click.get_current_context(),
        )
    _check_source(elmo)

    def make_scorer() -> tuple[Any, dict[str, str]]:
        from keras_elmo.source_files import absolute_source
        from pipeline.batch.embedding import Embedder

        embedder = Embedder(
            source=absolute_source(elmo),
            layer=layer,
            pooled=pooled,
            dtype=dtype,
            max_tokens=max_tokens,
            tokenizer=_SPLIT if split_only else tokenizer or TOKENIZERS[0],
            as_sentences=format == HDF5,
            precision=chosen(arguments["precision"]),
        )
        embedder.load()  # a source that cannot be used is refused now
        facts = {"layer": layer, "precision": embedder.precision}
        return embedder, {"command": "embed", "elmo": elmo, **facts}

    run_batch(
        arguments,
        format=format,
        chunk_rows=_CHUNK_ROWS,
        chunk_chars=_CHUNK_CHARS
        // (_CHARS_OF_A_WORD if tokenizer == _CHARACTERS else 1)
        // (_ALL_LAYERS if layer == LAYERS[-1] else 1),
        make_scorer=make_scorer,
        suggest=tokenizer is None and not split_only,
    )


def _check_source(elmo: str) -> None:
    """Refuses what is no source, without the seconds that Keras takes."""
    from keras_elmo.errors import ElmoError
    from keras_elmo.sources import check_source

    try:
        check_source(elmo)
    except (ElmoError, OSError) as error:
        raise UserError(f"option --elmo: {error}") from error
