"""Planned failures: which of the next jobs fail, and why."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.emulator.jobs import Failure
from airflow_provider_ecsjobs.emulator.operations import JOB_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    Reasons = Sequence[tuple[str, str]]

NO_HOST = ("Ecs.0219", "No valid host was found")
"""The default reason of a failure."""


@dataclass(slots=True)
class _Planned:
    job_type: str
    failing: int | None
    reasons: tuple[Failure, ...]
    left: int


class FailurePlan:
    """The failures that are still to happen, in the order they were added. Not thread-safe; ``State`` locks."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []

    def add(
        self,
        job_type: str,
        *,
        failing: int | None = None,
        reasons: Reasons = (NO_HOST,),
        times: int = 1,
    ) -> None:
        """Make the next jobs of a type fail.

        :param failing: how many parts of each job fail, from the first on; None for all.
        :param reasons: pairs of code and text, used in turn.
        :param times: the number of jobs.
        :raises ValueError: if no request starts such a job, a number is not positive, or a reason is not a pair of
            code and text.
        """
        if job_type not in JOB_TYPES:
            raise ValueError(f"job_type must be one of {', '.join(JOB_TYPES)}, not {job_type!r}")
        for name, number in (("failing", failing), ("times", times)):
            if number is not None and number < 1:
                raise ValueError(f"{name} must be a positive integer, not {number}")
        if not reasons or not all(map(_is_reason, reasons)):
            raise ValueError(f"reasons must be pairs of a code and a text, at least one, not {reasons!r}")
        failures = tuple(Failure(code, text) for code, text in reasons)
        self._planned.append(_Planned(job_type, failing, failures, times))

    def take(self, job_type: str, parts: int) -> list[Failure]:
        """Return the failures of the first parts of a new job, and count them as used."""
        for planned in self._planned:
            if planned.job_type == job_type:
                planned.left -= 1
                if not planned.left:
                    self._planned.remove(planned)
                failing = parts if planned.failing is None else min(planned.failing, parts)
                return list(itertools.islice(itertools.cycle(planned.reasons), failing))
        return []


def _is_reason(reason: object) -> bool:
    return isinstance(reason, tuple | list) and list(map(type, reason)) == [str, str]
