"""What a task can fail with; all of it can be caught in a DAG, a callback or a test.

Errors about the *job* are Airflow exceptions. Errors about reaching the API, the credentials or the settings are not,
so ``soft_fail`` skips a task whose job failed, but never hides a broken connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSensorTimeout

from airflow_provider_ecsjobs.core.errors import (
    ApiError,
    EcsApiError,
    EcsConfigError,
    EcsInvalidJobIdError,
    EcsInvalidRequestError,
    EcsJobsError,
    EcsOutcomeUnknownError,
    EcsRejectedError,
    EcsUnauthorizedError,
    EcsUnreachableError,
    ErrorKind,
)

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.job import Job

__all__ = [
    "ApiError",
    "EcsApiError",
    "EcsConfigError",
    "EcsInvalidJobIdError",
    "EcsInvalidJobIdNoRetry",
    "EcsInvalidRequestError",
    "EcsInvalidRequestNoRetry",
    "EcsJobFailed",
    "EcsJobFailedNoRetry",
    "EcsJobNotFound",
    "EcsJobNotFoundNoRetry",
    "EcsJobPaymentTimeout",
    "EcsJobTimeout",
    "EcsJobsError",
    "EcsOutcomeUnknownError",
    "EcsOutcomeUnknownNoRetry",
    "EcsRejectedError",
    "EcsRejectedNoRetry",
    "EcsUnauthorizedError",
    "EcsUnauthorizedNoRetry",
    "EcsUnreachableError",
    "ErrorKind",
]


class EcsJobFailed(EcsJobsError, AirflowException):
    """The job ended with ``FAIL``.

    :param message: the failure text, with the reasons of the sub-jobs.
    :param job: the job, with all that the API said of it.
    """

    def __init__(self, message: str, job: Job | None = None) -> None:
        super().__init__(message)
        self.job = job


class EcsJobFailedNoRetry(EcsJobFailed, AirflowFailException):
    """The job ended with ``FAIL``, in a task that only waits for it: a retry could not change that."""


class EcsJobTimeout(EcsJobsError, AirflowSensorTimeout):
    """The job had not ended by the deadline. Airflow does not retry the task.

    :param message: names the job, its last status and the time waited.
    :param job: the job as last seen, ``None`` if it was never seen.
    """

    def __init__(self, message: str, job: Job | None = None) -> None:
        super().__init__(message)
        self.job = job


class EcsJobPaymentTimeout(EcsJobTimeout):
    """The job's order was not paid within ``payment_timeout``, or was cancelled."""


class EcsJobNotFound(EcsJobsError):
    """The API does not know the job, or knows it no more.

    :param message: what was asked and what the API said.
    :param job: the job as last seen, ``None`` if it was never seen.
    """

    def __init__(self, message: str, job: Job | None = None) -> None:
        super().__init__(message)
        self.job = job


class EcsJobNotFoundNoRetry(EcsJobNotFound, AirflowFailException):
    """The API does not know the job, in a task that only waits for it: a retry could not change that."""


class EcsUnauthorizedNoRetry(EcsUnauthorizedError, AirflowFailException):
    """The API did not accept the credentials; the task is not retried, since failures in a row lock a key."""


class EcsInvalidJobIdNoRetry(EcsInvalidJobIdError, AirflowFailException):
    """What was given as a job id can't be one; no request was made, and a retry would be given the same."""


class EcsInvalidRequestNoRetry(EcsInvalidRequestError, AirflowFailException):
    """A request to be submitted lacks something; nothing was sent, and a retry would lack the same."""


class EcsRejectedNoRetry(EcsRejectedError, AirflowFailException):
    """The API did not take the request that a task submits; it would not take it in a retry either."""


class EcsOutcomeUnknownNoRetry(EcsOutcomeUnknownError, AirflowFailException):
    """It is not known whether a request was carried out that must not be carried out twice, so it is not retried."""
