"""What is asked of a Kubeflow Pipelines server, or of Vertex AI."""
