"""Benchmarks: measure the cost of a wait, compared with other ways to wait. Run ``make bench``; see README.md."""
