"""The exceptions of a task. A DAG, a callback or a test can catch each of them.

Errors about the *job* are Airflow exceptions. Errors about reaching the API, the credentials or the settings are not.
So ``soft_fail`` skips a task whose job failed, but never hides a broken connection.
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
    :param job: the job, with everything the API returned about it.
    """

    def __init__(self, message: str, job: Job | None = None) -> None:
        super().__init__(message)
        self.job = job


class EcsJobFailedNoRetry(EcsJobFailed, AirflowFailException):
    """The job ended with ``FAIL``, in a task that only waits for it. A retry could not change that."""


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
    """The API does not know the job, or no longer knows it.

    :param message: the job and the API's error.
    :param job: the job as last seen, ``None`` if it was never seen.
    """

    def __init__(self, message: str, job: Job | None = None) -> None:
        super().__init__(message)
        self.job = job


class EcsJobNotFoundNoRetry(EcsJobNotFound, AirflowFailException):
    """The API does not know the job, or no longer knows it, and a retry of the task could not change that."""


class EcsUnauthorizedNoRetry(EcsUnauthorizedError, AirflowFailException):
    """The API did not accept the credentials. The task is not retried, because repeated failures lock the key."""


class EcsInvalidJobIdNoRetry(EcsInvalidJobIdError, AirflowFailException):
    """The given value can't be a job id. No request was sent, and a retry would get the same value."""


class EcsInvalidRequestNoRetry(EcsInvalidRequestError, AirflowFailException):
    """The request to submit is incomplete or wrong. Nothing was sent, and a retry would fail in the same way."""


class EcsRejectedNoRetry(EcsRejectedError, AirflowFailException):
    """The API rejected the request of a task. It would reject a retry too."""


class EcsOutcomeUnknownNoRetry(EcsOutcomeUnknownError, AirflowFailException):
    """The outcome of a request is unknown. The task is not retried, as the request must not be carried out twice."""
