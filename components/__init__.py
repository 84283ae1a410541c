"""TFX components that TFX lacks, a folder each: component.py and executor.py."""
