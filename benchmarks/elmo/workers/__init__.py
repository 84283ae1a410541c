"""What runs in fresh processes; each module reads a job and writes its result.

The peers' interpreters are older: these modules keep to Python 3.9 and NumPy, beside
the package that they measure.
"""
