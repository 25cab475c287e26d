"""The hook for the jobs of Huawei Cloud ECS and of the services that share its jobs API."""

from __future__ import annotations

import time
import uuid
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_ecsjobs.core import flows
from airflow_provider_ecsjobs.core.auth.diagnosis import describe_reach, diagnose
from airflow_provider_ecsjobs.core.errors import (
    ApiError,
    EcsApiError,
    EcsConfigError,
    EcsOutcomeUnknownError,
    EcsRejectedError,
    EcsUnauthorizedError,
    EcsUnreachableError,
    ErrorKind,
)
from airflow_provider_ecsjobs.core.job import check_job_id
from airflow_provider_ecsjobs.core.submit.submission import (
    DEFAULT_SUBMIT_TIMEOUT,
    Submission,
    SubmitRequest,
    check_client_token,
)
from airflow_provider_ecsjobs.core.submit.validation import check_request, find_operation
from airflow_provider_ecsjobs.core.text import duration
from airflow_provider_ecsjobs.core.waiting.policy import DEFAULT_UNREACHABLE_TIMEOUT, WaitPolicy
from airflow_provider_ecsjobs.core.waiting.schedule import DEFAULT_MAX_POLL_INTERVAL, DEFAULT_POLL_INTERVAL
from airflow_provider_ecsjobs.core.waiting.wait import Wait
from airflow_provider_ecsjobs.exceptions import EcsJobNotFound
from airflow_provider_ecsjobs.hooks.connection import mask_secrets, read_settings
from airflow_provider_ecsjobs.metrics import WAIT_METRICS, count_submit, count_submit_throttled
from airflow_provider_ecsjobs.outcomes import seconds_of, succeeded_or_raise
from airflow_provider_ecsjobs.provider_info import CONNECTION_TYPE, NAME, UI_FIELD_BEHAVIOUR, form_widgets
from airflow_provider_ecsjobs.transport.clock import monotonic_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_ecsjobs.core.job import Job
    from airflow_provider_ecsjobs.core.waiting.end import WaitEnd
    from airflow_provider_ecsjobs.transport.config import Settings
    from airflow_provider_ecsjobs.transport.sync_client import SyncClient


class EcsJobsHook(BaseHook):
    """Submit and query jobs of Huawei Cloud ECS. The jobs API is ``GET /v1/{project_id}/jobs/{job_id}``.

    :param huawei_ecs_conn_id: the Airflow connection, of type ``huawei_ecs`` or ``huaweicloud``.
    :param region: the region, such as ``cn-north-4``; replaces the connection's region.
    :param project_id: the project's id; replaces the connection's project id.
    :param service: the service whose jobs API is used: ``ecs``, ``bms``, ``evs``, ``ims``, ``eip`` or ``sdrs``. A host
        set in the connection takes precedence.
    """

    conn_name_attr = "huawei_ecs_conn_id"
    default_conn_name = "huawei_ecs_default"
    conn_type = CONNECTION_TYPE
    hook_name = NAME

    def __init__(
        self,
        huawei_ecs_conn_id: str = default_conn_name,
        *,
        region: str | None = None,
        project_id: str | None = None,
        service: str = "ecs",
    ) -> None:
        super().__init__()
        self.huawei_ecs_conn_id = huawei_ecs_conn_id
        self.region = region
        self.project_id = project_id
        self.service = service
        self._found_project = ""

    @cached_property
    def settings(self) -> Settings:
        """The checked settings of the connection.

        :raises EcsConfigError: a field of the connection is missing or wrong.
        """
        return self._read_settings()

    def get_conn(self) -> SyncClient:
        """Return the client of this connection. Its ``session`` is a ``requests`` session that signs.

        :raises EcsConfigError: a field of the connection is missing or wrong.
        """
        return self._client

    @cached_property
    def _client(self) -> SyncClient:
        # Imported here, so that a DAG file that imports an operator does not load `requests`.
        from airflow_provider_ecsjobs.transport.sync_client import SyncClient

        return SyncClient(self.settings, logger=self.log, reload=self._reload, mask=mask_secrets)

    def _reload(self) -> Settings | None:
        try:
            return self._read_settings()
        except Exception:
            # The settings we have stay in use. The 401 that led here matters more than this error.
            self.log.warning("The connection '%s' could not be read again", self.huawei_ecs_conn_id, exc_info=True)
            return None

    def _read_settings(self) -> Settings:
        return read_settings(self.huawei_ecs_conn_id, self.region, self.project_id, self.service)

    def close(self) -> None:
        """Close the open HTTP connections. The hook can still be used afterwards."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            self._found_project = client.auth.project_id
            client.close()

    def describe(self) -> str:
        """Return the connection, region and project of this hook, for a log line."""
        config, client = self.settings.auth_config, self.__dict__.get("_client")
        project = client.auth.project_id if client is not None else self._found_project
        region = f"region {config.region}" if config.region else f"at {config.endpoint}"
        found = config.project_id or project or "that is looked up by region"
        return f"connection '{self.huawei_ecs_conn_id}', {region}, project {found}"

    def poll_once(self, job_id: str) -> Job | ApiError:
        """Poll a job once and return the job or the error. This is the building block of a wait.

        :param job_id: the job's id.
        :raises EcsInvalidJobIdError: this can't be a job id; no request was sent.
        :raises EcsConfigError: a field of the connection is missing or wrong.
        """
        client = self.get_conn()
        return client.run(flows.poll_once(client.auth, check_job_id(job_id), client.clock))

    def get_job(self, job_id: str) -> Job:
        """Return a job. The request is sent up to three times if the error may be temporary.

        API page: *Querying the Execution Status of a Job*.

        :param job_id: the job's id.
        :return: the job as it is now, in any status.
        :raises EcsJobNotFound: the API does not know the job.
        :raises EcsUnreachableError: the API could not be reached, or only temporary errors came back.
        :raises EcsUnauthorizedError: the API did not accept the credentials.
        :raises EcsApiError: the API rejected the request, or the response was not a job.
        :raises EcsInvalidJobIdError: this can't be a job id; no request was sent.
        :raises EcsConfigError: a field of the connection is missing or wrong.
        """
        client = self.get_conn()
        result = client.run(flows.get_job(client.auth, check_job_id(job_id), client.clock))
        if not isinstance(result, ApiError):
            return result
        message = f"ECS job {job_id} can't be queried: {result}"
        if result.kind is ErrorKind.NOT_FOUND:
            raise EcsJobNotFound(message)
        if result.is_passing:
            raise EcsUnreachableError(message, result)
        raise (EcsUnauthorizedError if result.is_unauthorized else EcsApiError)(message, result)

    def submit(
        self,
        operation: str,
        *,
        body: Mapping[str, Any] | None = None,
        client_token: str | None = None,
        timeout: float = DEFAULT_SUBMIT_TIMEOUT,
        **parameters: Any,
    ) -> Submission:
        """Send a request that starts a job. In a task, prefer an operator: it submits exactly once.

        :param operation: one of :data:`~airflow_provider_ecsjobs.core.operations.OPERATIONS`, named as the official
            SDK's methods, such as ``create_servers``. Its API page is ``OPERATIONS[operation].page``.
        :param body: the JSON body.
        :param client_token: makes a create safe to repeat: for 8 h the API returns the first result for the same
            token. It is a UUID in lower case; a new one by default.
        :param timeout: for how many seconds to retry after temporary errors, such as throttling.
        :param parameters: the path parameters, such as ``server_id``, and the query parameters.
        :return: the job, the order and the servers.
        :raises EcsInvalidRequestError: something is missing or wrong; nothing was sent.
        :raises EcsRejectedError: the API rejected the request.
        :raises EcsUnauthorizedError: the API did not accept the credentials.
        :raises EcsOutcomeUnknownError: it is not known whether the request was carried out.
        :raises EcsUnreachableError: for all of ``timeout``, the API could not be reached, or only temporary errors
            came back.
        :raises EcsConfigError: a field of the connection is missing or wrong.
        :raises ValueError: ``timeout`` is not a valid number of seconds; nothing was sent.
        """
        timeout = seconds_of("timeout", timeout, zero_allowed=True)
        found, client_token = find_operation(operation), client_token or None
        check_request(found, parameters, body)
        check_client_token(found, client_token)
        request = SubmitRequest.build(found, parameters, body, client_token)
        if found.takes_client_token and client_token is None and not request.is_dry_run:
            request = request.with_token(str(uuid.uuid4()))
        return self.send(request, timeout=timeout)

    def send(
        self,
        request: SubmitRequest,
        *,
        timeout: float = DEFAULT_SUBMIT_TIMEOUT,
        allow_resend: bool = False,
        missing_ok: bool = False,
        outcome_unknown: bool = False,
    ) -> Submission:
        """Send a checked request that starts a job. :meth:`submit` and the operators use it.

        :param request: the request.
        :param timeout: for how many seconds to retry after temporary errors.
        :param allow_resend: whether to send the request again even if carrying it out twice may do harm.
        :param missing_ok: whether the target of a delete or detach may be gone already.
        :param outcome_unknown: whether the request was sent before with an unknown outcome.
        :raises EcsApiError: as for :meth:`submit`.
        """
        client, began = self.get_conn(), monotonic_time()
        flow = flows.submit(
            client.auth,
            request,
            client.clock,
            timeout=timeout,
            allow_resend=allow_resend,
            missing_ok=missing_ok,
            outcome_unknown=outcome_unknown,
            on_throttled=partial(count_submit_throttled, request.operation.name),
        )
        result = client.run(flow)
        count_submit(request.operation.name, result)
        name, reason = request.operation.name, str(result)
        if isinstance(result, Submission):
            if request.is_dry_run:
                self.log.info("%s checked: the API would take it; nothing was made", name)
            return result
        if result.kind is ErrorKind.OUTCOME_UNKNOWN:
            message = f"{name}: it is not known whether the request was carried out. Check {request.operation.to_check}"
            raise EcsOutcomeUnknownError(f"{message}. What happened: {reason}", result)
        if result.is_passing:
            tried = duration(monotonic_time() - began)
            limit = f"{duration(timeout)}" if tried == duration(timeout) else f"{tried} of {duration(timeout)}"
            raise EcsUnreachableError(f"{name} could not be submitted within {limit}: {reason}", result)
        raise (EcsUnauthorizedError if result.is_unauthorized else EcsRejectedError)(
            f"{name} was rejected: {reason}", result
        )

    def wait_for_job(
        self,
        job_id: str,
        *,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        max_poll_interval: float = DEFAULT_MAX_POLL_INTERVAL,
        timeout: float | None = None,
        payment_timeout: float | None = None,
        not_found_grace: float = 0.0,
        unreachable_timeout: float = DEFAULT_UNREACHABLE_TIMEOUT,
    ) -> Job:
        """Wait for a job in this process. In a task, prefer the deferrable sensor or operator.

        :param job_id: the job's id.
        :param poll_interval: the shortest delay between two polls, in seconds.
        :param max_poll_interval: the longest delay between two polls, in seconds.
        :param timeout: how long to wait, in seconds; ``None`` for no limit.
        :param payment_timeout: how long an order may stay unpaid, in seconds; ``None`` until ``timeout``, 0 not at all.
        :param not_found_grace: for how many seconds a new job may be unknown to the API.
        :param unreachable_timeout: for how many seconds polls may fail in a row.
        :return: the job, which ended with ``SUCCESS``.
        :raises EcsJobFailed: the job ended with ``FAIL``; the message has the reasons of its sub-jobs.
        :raises EcsJobTimeout: the job had not ended by ``timeout``, or its order was not paid in time.
        :raises EcsJobNotFound: the API does not know the job, or no longer knows it.
        :raises EcsUnauthorizedError: the API did not accept the credentials.
        :raises EcsUnreachableError: there was no usable response for ``unreachable_timeout``.
        :raises EcsApiError: the API rejected the poll.
        :raises EcsInvalidJobIdError: this can't be a job id; no request was sent.
        :raises EcsConfigError: a field of the connection is missing or wrong.
        :raises ValueError: a timeout or interval is not a valid number of seconds; no request was sent.
        """
        started = time.time()
        limit = None if timeout is None else seconds_of("timeout", timeout, zero_allowed=True)
        policy = WaitPolicy(
            started=started,
            deadline=None if limit is None else started + limit,
            limit="" if limit is None else f"timeout={duration(limit)}",
            poll_interval=seconds_of("poll_interval", poll_interval),
            max_poll_interval=seconds_of("max_poll_interval", max_poll_interval),
            payment_timeout=(
                None if payment_timeout is None else seconds_of("payment_timeout", payment_timeout, zero_allowed=True)
            ),
            not_found_grace=seconds_of("not_found_grace", not_found_grace, zero_allowed=True),
            unreachable_timeout=seconds_of("unreachable_timeout", unreachable_timeout),
        )
        return succeeded_or_raise(self.run(Wait(check_job_id(job_id), policy, observer=WAIT_METRICS)))

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection: log in, look up the project, and query a job that does not exist.

        :return: whether it works, and either what it reaches or what to fix.
        """
        try:
            with self.get_conn() as client:
                failure = client.run(flows.check_auth(client.auth, client.clock))
                auth = client.auth
        except (EcsConfigError, AirflowNotFoundException) as error:
            return False, str(error)
        said = describe_reach(auth.config, auth.project_id) if failure is None else diagnose(auth.config, failure)
        return failure is None, " ".join((said, *self.settings.warnings))

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the standard fields of the connection form. Airflow 3.2 reads the provider's metadata instead."""
        return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the extra fields of the connection form for Airflow 2.11, 3.0 and 3.1."""
        return form_widgets()

    def run(self, wait: Wait) -> WaitEnd:
        """Run a wait in this process and return its end: success, failure or timeout."""
        client = self.get_conn()
        return client.run(flows.wait_for_job(client.auth, wait, client.clock))
