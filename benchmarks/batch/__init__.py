"""`elmo-tfx predict` beside a bare loop and TFX's own BulkInferrer, on one machine."""
