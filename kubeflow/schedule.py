"""The same as `elmo-tfx kubeflow schedule`, as a script."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    main(["kubeflow", "schedule", *sys.argv[1:]], prog_name="elmo-tfx")
