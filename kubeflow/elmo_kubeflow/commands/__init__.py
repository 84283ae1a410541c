"""The commands of `elmo-tfx kubeflow`."""
