"""A process that has loaded all that a command needs, and forks for each command.

It saves the five seconds in which a command imports TensorFlow and TFX, and Beam
remembers here what it does in other tests. Each line on its stdin is a command in JSON;
it answers with a line that holds the exit code.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from typing import Any

from tests.quick_beam import make_quick


def _wait_for_commands() -> dict[str, Any]:
    """Returns in a child, with its command; in the parent never."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return json.loads(line)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


def _become(command: dict[str, Any]) -> None:
    """Goes on as a process that was started with this command."""
    os.chdir(command["cwd"])
    files = (os.devnull, command["stdout"], command["stderr"])
    for number, (path, how) in enumerate(zip(files, "rww", strict=True)):
        with open(path, how) as file:
            os.dup2(file.fileno(), number)
    sys.argv = ["elmo-tfx", *command["args"]]
    runpy.run_module("pipeline.cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    import pipeline.batch.graph
    import pipeline.local_runner
    import pipeline.pipeline
    import pipeline.runs.summarize  # noqa: F401

    make_quick()
    gc.freeze()  # else each child would go through all that is loaded, and copy it
    _become(_wait_for_commands())
