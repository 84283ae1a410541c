"""What came of a search for better options, in words."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.runs.training_facts import Tuning


def tuning_lines(tuning: Tuning | None) -> Iterator[str]:
    """Yields how long was searched, what that gained, and how to keep it."""
    if tuning is None:
        return
    tried = f"{tuning.trials} trial{'s' if tuning.trials != 1 else ''}"
    yield (
        f"better options of the head were searched in {tried} with "
        f"{tuning.texts:,} texts, {tuning.seconds:.0f} s"
    )
    if tuning.trials == 1:
        yield "there was no time for another trial: the given options are kept"
    elif not tuning.options:
        yield "none were better than the given options, which are kept"
    elif tuning.loss_change is None:
        yield "the best could not be compared with the given options, which are kept"
    else:
        yield from _compared(tuning)


def chosen_options(tuning: Tuning) -> str:
    """Returns what to type for the options that the best trial had."""
    return " ".join(
        f"--set {name}={_typed(value)}" for name, value in tuning.options.items()
    )


def _compared(tuning: Tuning) -> Iterator[str]:
    accuracy, accuracy_error = tuning.accuracy_change or 0, tuning.accuracy_error or 0
    gain = (
        f"on other folds of {tuning.compared_texts:,} texts: accuracy "
        f"{100 * accuracy:+.2f} ± {100 * accuracy_error:.2f} points, "
        f"log loss {tuning.loss_change:+.4f} ± {tuning.loss_error:.4f}"
    )
    if tuning.is_better:
        yield f"the best are trained with; {gain}"
        yield f"to keep them: {chosen_options(tuning)}"
    else:
        yield f"the given ones are kept, as the best are not better {gain}"


def _typed(value: str | bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
