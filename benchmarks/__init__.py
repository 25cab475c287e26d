"""Measures what a wait costs, beside other ways to wait: ``make bench``. See README.md."""
