"""The same as `elmo-tfx kubeflow submit`, as a script."""

import sys

from pipeline.cli import main

if __name__ == "__main__":
    main(["kubeflow", "submit", *sys.argv[1:]], prog_name="elmo-tfx")
