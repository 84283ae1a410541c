"""One module per way to classify, each run in a process and an environment of its own.

They import nothing of the project but each other, as a peer's environment has not what
the project needs; `pipeline` is the exception.
"""
