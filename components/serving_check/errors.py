"""What ServingCheck raises; a faulty model is no error but a refused blessing."""


class ServingCheckError(RuntimeError):
    """The check itself could not be made; it says nothing about the model."""
