"""The pipeline on Kubeflow Pipelines and Vertex AI: compile, submit, schedule."""
