"""Beam runners on this machine, as the services they are elsewhere.

Example:
    python -m tools.runners start flink
"""
