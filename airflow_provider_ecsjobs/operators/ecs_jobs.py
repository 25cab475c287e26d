"""The operators for any job: one waits for it, one submits it first."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_ecsjobs.operators.base import EcsBaseOperator
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator
from airflow_provider_ecsjobs.outcomes import read_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_ecsjobs.core.submit.rules import Rule


class EcsJobOperator(EcsBaseOperator):
    """Wait for a job of Huawei Cloud ECS to end. Fails with the job's reason; its result is the XCom.

    As :class:`~airflow_provider_ecsjobs.sensors.ecs_jobs.EcsJobSensor`, in an operator's terms. The result is a dict
    with ``job_id``, ``job_type``, ``status``, ``begin_time``, ``end_time``, ``server_ids``, ``nic_ids`` and
    ``entities``. API page: *Querying the Execution Status of a Job*.

    :param job_id: the job's id (templated).
    :param service: the service whose jobs are meant (templated): ``ecs``, ``bms``, ``evs``, ``ims``, ``eip`` or
        ``sdrs``.
    :param kwargs: how to wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.base.EcsBaseOperator`.
    """

    template_fields: Sequence[str] = ("job_id", "service", *EcsBaseOperator.template_fields)

    def __init__(self, *, job_id: str, service: str = "ecs", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.service = service

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait for the job, in the triggerer or here.

        :raises EcsJobFailed: the job failed.
        :raises EcsJobTimeout: it had not ended in time.
        """
        self._read_parameters()
        self._begin(context, self.job_id)
        wait_for = self._poll_once_then_defer if self.deferrable else self._wait_in_worker
        return self._done(context, wait_for(self.job_id, self._policy()))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Resume with the trigger's event: give the result, or fail with the reason."""
        return self._done(context, read_event(event, self.job_id))

    def on_kill(self) -> None:
        """Say that the job goes on: the API can't cancel it."""
        self._log_on_kill(self.job_id)


class EcsSubmitJobOperator(EcsBaseRequestOperator):
    """Submit any of the asynchronous requests of Huawei Cloud ECS, exactly once, and wait for its job.

    Fails with the job's reason. Airflow's retries submit a job anew if it failed, and go on with it if the worker died.
    The result is that of :class:`EcsJobOperator`; or, with ``wait_for_completion=False`` or ``dry_run``, a dict with
    ``job_id``, ``order_id`` and ``server_ids``.

    :param operation: the request, named as the official SDK's method, such as ``resize_server`` (templated); all are
        in :data:`~airflow_provider_ecsjobs.core.operations.OPERATIONS`, with the title of their API page.
    :param body: the JSON body, a dict (templated). A text is taken if it renders to a JSON object.
    :param server_id: the server, for requests with one in their path (templated).
    :param volume_id: the volume, for requests with one in their path (templated).
    :param delete_flag: whether to detach a volume by force, for ``detach_server_volume`` (templated).
    :param dry_run: whether to only have the request checked, where the API can do that: no job is made (templated).
    :param kwargs: how to submit and wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.base_submit.EcsBaseSubmitOperator` and
        :class:`~airflow_provider_ecsjobs.operators.base.EcsBaseOperator`.
    :raises EcsInvalidRequestError: something that is no template is missing or wrong.
    """

    template_fields: Sequence[str] = (
        "operation",
        "server_id",
        "volume_id",
        "delete_flag",
        *EcsBaseRequestOperator.template_fields,
    )
    # What other clouds take, or the cloud takes by now, can be sent in this way.
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
