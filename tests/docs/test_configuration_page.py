from __future__ import annotations

import subprocess
import sys


def test_the_page_lists_the_options_as_they_are(repository):
    done = subprocess.run(
        [sys.executable, "tools/configuration_page.py"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(repository), "PYTHONUTF8": "1"},
    )
    written = (repository / "docs" / "configuration.md").read_text("utf-8")
    assert done.stdout == written, "run tools/configuration_page.py"
