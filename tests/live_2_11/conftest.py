"""These tests are of Airflow 2.11 alone: on another one there is nothing to collect."""

from __future__ import annotations

from airflow import __version__

collect_ignore_glob = [] if __version__.startswith("2.11.") else ["test_*.py"]
