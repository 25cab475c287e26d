"""The operators for any job: one waits for a job, the other submits it first."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_ecsjobs.operators.base import EcsBaseOperator
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator
from airflow_provider_ecsjobs.outcomes import read_event
from airflow_provider_ecsjobs.publishing import publishing_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_ecsjobs.core.submit.rules import Rule


class EcsJobOperator(EcsBaseOperator):
    """Wait for a job of Huawei Cloud ECS to end. If the job fails, the task fails with its reason.

    It does the same as :class:`~airflow_provider_ecsjobs.sensors.ecs_jobs.EcsJobSensor`, with the parameters of an
    operator. The result is a dict with ``job_id``, ``job_type``, ``status``, ``begin_time``, ``end_time``,
    ``server_ids``, ``nic_ids`` and ``entities``. API page: *Querying the Execution Status of a Job*.

    :param job_id: the job's id (templated).
    :param service: the service that the job belongs to (templated): ``ecs``, ``bms``, ``evs``, ``ims``, ``eip`` or
        ``sdrs``.
    :param kwargs: the parameters of the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.base.EcsBaseOperator`.
    """

    template_fields: Sequence[str] = ("job_id", "service", *EcsBaseOperator.template_fields)

    def __init__(self, *, job_id: str, service: str = "ecs", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.service = service

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait for the job, in the triggerer or in the worker.

        :raises EcsJobFailed: the job failed.
        :raises EcsJobTimeout: the job did not end in time.
        """
        self._read_parameters()
        self._begin(context, self.job_id)
        wait_for = self._poll_once_then_defer if self.deferrable else self._wait_in_worker
        policy = self._policy()
        return self._done(context, wait_for(self.job_id, policy), policy)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Resume with the trigger's event: return the result, or fail with the reason."""
        with publishing_errors(self.job_id):
            end = read_event(event, self.job_id)
        return self._done(context, end)

    def on_kill(self) -> None:
        """Log that the job continues: the API can't cancel it."""
        self._log_on_kill(self.job_id)


class EcsSubmitJobOperator(EcsBaseRequestOperator):
    """Submit any of the asynchronous requests of Huawei Cloud ECS, exactly once, and wait for its job.

    If the job fails, the task fails with its reason. A retry submits a new job if the job failed, and reconnects to the
    job if the worker died. The result is that of :class:`EcsJobOperator`. With ``wait_for_completion=False`` or
    ``dry_run``, it is a dict with ``job_id``, ``order_id`` and ``server_ids``.

    :param operation: the name of the official SDK's method, such as ``resize_server`` (templated). All of them are in
        :data:`~airflow_provider_ecsjobs.core.operations.OPERATIONS`, with the titles of their API pages.
    :param body: the JSON body, a dict (templated). A text is accepted if it renders to a JSON object.
    :param server_id: the server, for requests with one in their path (templated).
    :param volume_id: the volume, for requests with one in their path (templated).
    :param delete_flag: whether to detach a volume by force, for ``detach_server_volume`` (templated).
    :param dry_run: whether the API only checks the request, if the operation supports that. No job is started
        (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.base_submit.EcsBaseSubmitOperator` and
        :class:`~airflow_provider_ecsjobs.operators.base.EcsBaseOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = (
        "operation",
        "server_id",
        "volume_id",
        "delete_flag",
        *EcsBaseRequestOperator.template_fields,
    )
    # No rules: this operator can also send values that only other clouds or later versions of the API accept.
    _rules: ClassVar[Mapping[str, Sequence[Rule]]] = MappingProxyType({})

    def __init__(
        self,
        *,
        operation: str,
        server_id: str | None = None,
        volume_id: str | None = None,
        delete_flag: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operation = operation
        self.server_id = server_id
        self.volume_id = volume_id
        self.delete_flag = delete_flag

    def _parameters(self) -> dict[str, Any]:
        return {"server_id": self.server_id, "volume_id": self.volume_id, "delete_flag": self.delete_flag}
