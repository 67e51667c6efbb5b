"""Benchmarks of gpbop: `python -m benchmarks list` names the questions they answer."""
