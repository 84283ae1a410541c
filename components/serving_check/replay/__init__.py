"""The program that ServingCheck runs in a process of its own; not for import."""
