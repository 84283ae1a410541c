"""Wrong files of all kinds, read for training, and read and written by a job."""
