"""Figures of Sotto as ratios measured in one run: `python -m benchmarks [name ...]`."""
