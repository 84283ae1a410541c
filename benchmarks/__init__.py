"""Speed and quality beside peers: `python -m benchmarks NAME` measures and reports."""
