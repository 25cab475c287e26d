"""The 25 asynchronous requests of ECS, as data.

Paths, keys, types and choices are those of the official SDK, ``huaweicloudsdkecs``, and of Huawei's API reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.emulator import planning, preconditions, rules, schemas
from airflow_provider_ecsjobs.emulator.planning import become, each, one
from airflow_provider_ecsjobs.emulator.schema_check import check
from airflow_provider_ecsjobs.emulator.servers import DELETING, RESTORING
from airflow_provider_ecsjobs.emulator.work import Payment, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_ecsjobs.emulator.planning import CheckedRequest, PartsOf, PaymentOf, TaskOf
    from airflow_provider_ecsjobs.emulator.preconditions import Precondition
    from airflow_provider_ecsjobs.emulator.servers import Servers

_P = "/v1/{project_id}/cloudservers"
_P11 = "/v1.1/{project_id}/cloudservers"
_P2 = "/v2/{project_id}/cloudservers"
_BATCH = "/v1/{project_id}/batchaction"
_RESIZE = planning.busy("resize_prep", "RESIZE")
_RESIZABLE = (preconditions.other_flavor, preconditions.stopped_or_mode("resize"))
_BIN = "/v1/{project_id}/recycle-bin/cloudservers/{server_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An asynchronous request.

    :param name: the method of the official SDK.
    :param parts: returns the parts of its job.
    :param body: the schema of its body; None if it has none.
    :param query: the schema of its query.
    :param rule: checks what a schema can't express.
    :param needs: the requirements on its servers.
    :param task: returns the task of its servers while the job runs.
    :param payment: returns how its order is paid, or that there is no order.
    :param batch: its job always has sub-jobs; otherwise only if it has several parts.
    :param order_only: if there is an order, its response has no job id.
    :param names_servers: its response has the ids of its servers.
    :param takes_token: it supports ``X-Client-Token``.
    :param takes_dry_run: it supports ``dry_run``.
    """

    name: str
    method: str = "POST"
    path: str
    job_type: str
    parts: PartsOf
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Any] | None = None
    rule: Callable[[Mapping[str, Any]], None] | None = None
    needs: tuple[Precondition, ...] = ()
    task: TaskOf | None = None
    payment: PaymentOf = planning.nobody
    batch: bool = False
    order_only: bool = False
    names_servers: bool = False
    takes_token: bool = False
    takes_dry_run: bool = False

    def check(self, body: Mapping[str, Any], query: Mapping[str, Any]) -> None:
        """Check the body and the query of a request.

        :raises ApiError: if a key is missing or a value is wrong.
        """
        if self.body is not None:
            check(body, self.body)
        if self.query is not None:
            check(dict(query), self.query)
        if self.rule is not None:
            self.rule(body)

    def plan(self, request: CheckedRequest, servers: Servers) -> Work:
        """Return the work of a request.

        :raises UnknownServerError: if it names a server that does not exist.
        :raises ApiError: if the cloud rejects it because of the state of its servers.
        """
        parts = self.parts(request, servers)
        if self.needs:
            for server in servers.deletable(dict.fromkeys(part.server_id for part in parts)):
                for need in self.needs:
                    need(server, request)
        payment = self.payment(request, servers)
        return Work(
            job_type=self.job_type,
            parts=parts,
            direct=not self.batch and len(parts) == 1,
            payment=payment,
            order_only=self.order_only and payment is not Payment.NONE,
            task=self.task(request) if self.task is not None else None,
        )


def _ids(*keys: str) -> Callable[[Mapping[str, Any]], list[str]]:
    def server_ids(body: Mapping[str, Any]) -> list[str]:
        holder = body
        for key in keys:
            holder = holder[key]
        return [server["id"] for server in holder["servers"]]

    return server_ids


# Huawei documents the job types createServer, resizeServer, changeOS, reInitOs, attachVolume, detachVolume and
# deleteVMs. The others are named after these.
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="create_post_paid_servers",
        path=_P,
        job_type="createServer",
        parts=planning.create(planning.nobody),
        body=schemas.CREATE_POST_PAID,
        rule=schemas.create,
        task=planning.busy("spawning"),
        batch=True,
        names_servers=True,
        takes_token=True,
        takes_dry_run=True,
    ),
    Operation(
        name="create_servers",
        path=_P11,
        job_type="createServer",
        parts=planning.create(planning.create_payment),
        body=schemas.CREATE,
        rule=schemas.prepaid_create,
        task=planning.busy("spawning"),
        payment=planning.create_payment,
        batch=True,
        names_servers=True,
        takes_token=True,
        takes_dry_run=True,
    ),
    Operation(
        name="delete_servers",
        path=f"{_P}/delete",
        job_type="deleteVMs",
        parts=planning.delete,
        body=schemas.DELETE,
        rule=schemas.delete,
        needs=(preconditions.pay_per_use(rules.PREPAID_DELETE),),
        task=lambda _: DELETING,
        batch=True,
    ),
    Operation(
        name="batch_start_servers",
        path=f"{_P}/action",
        job_type="startVMs",
        parts=each(_ids("os-start"), become("ACTIVE")),
        body=schemas.START,
        task=planning.busy("powering-on"),
        batch=True,
    ),
    Operation(
        name="batch_stop_servers",
        path=f"{_P}/action",
        job_type="stopVMs",
        parts=each(_ids("os-stop"), become("SHUTOFF")),
        body=schemas.STOP,
        task=planning.busy("powering-off"),
        batch=True,
    ),
    Operation(
        name="batch_reboot_servers",
        path=f"{_P}/action",
        job_type="rebootVMs",
        parts=each(_ids("reboot"), become("ACTIVE")),
        body=schemas.REBOOT,
        task=planning.reboot_task,
        batch=True,
    ),
    Operation(
        name="resize_post_paid_server",
        path=f"{_P}/{{server_id}}/resize",
        job_type="resizeServer",
        parts=one(planning.resize),
        body=schemas.RESIZE_POST_PAID,
        needs=(preconditions.pay_per_use(rules.PREPAID_RESIZE), *_RESIZABLE),
        task=_RESIZE,
        takes_dry_run=True,
    ),
    Operation(
        name="resize_server",
        path=f"{_P11}/{{server_id}}/resize",
        job_type="resizeServer",
        parts=one(planning.resize),
        body=schemas.RESIZE,
        needs=_RESIZABLE,
        task=_RESIZE,
        payment=planning.resize_payment,
        order_only=True,
        takes_dry_run=True,
    ),
    Operation(
        name="batch_resize_servers",
        path=f"{_P}/batch-resize",
        job_type="resizeVMs",
        parts=each(_ids("resize"), planning.resize),
        body=schemas.BATCH_RESIZE,
        needs=_RESIZABLE,
        task=_RESIZE,
        payment=planning.batch_resize_payment,
        batch=True,
    ),
    Operation(
        name="change_server_charge_mode",
        path=f"{_P}/actions/change-charge-mode",
        job_type="changeChargeMode",
        parts=each(lambda body: body["server_ids"], planning.change_charging),
        body=schemas.CHARGE_MODE,
        rule=schemas.prepaid_options,
        payment=planning.charging_payment,
        batch=True,
        takes_dry_run=True,
    ),
    *(
        Operation(
            name=f"change_server_os_{word}_cloud_init",
            path=f"{path}/{{server_id}}/changeos",
            job_type="changeOS",
            parts=one(planning.change_os),
            body=schemas.CHANGE_OS,
            rule=schemas.login("os-change", cloud_init=word == "with"),
            needs=(preconditions.stopped_or_mode("os-change"),),
            task=planning.busy("rebuilding", "REBUILD"),
        )
        for word, path in (("with", _P2), ("without", _P))
    ),
    *(
        Operation(
            name=f"reinstall_server_{word}_cloud_init",
            path=f"{path}/{{server_id}}/reinstallos",
            job_type="reInitOs",
            parts=one(become("ACTIVE")),
            body=schemas.REINSTALL_OS,
            rule=schemas.login("os-reinstall", cloud_init=word == "with"),
            needs=(preconditions.stopped_or_mode("os-reinstall"),),
            task=planning.busy("rebuilding", "REBUILD"),
        )
        for word, path in (("with", _P2), ("without", _P))
    ),
    Operation(
        name="attach_server_volume",
        path=f"{_P}/{{server_id}}/attachvolume",
        job_type="attachVolume",
        parts=planning.attach_volume,
        body=schemas.ATTACH_VOLUME,
        task=planning.busy("attaching_volume"),
        takes_dry_run=True,
    ),
    Operation(
        name="detach_server_volume",
        method="DELETE",
        path=f"{_P}/{{server_id}}/detachvolume/{{volume_id}}",
        job_type="detachVolume",
        parts=planning.detach_volume(),
        query={"delete_flag": ("0", "1")},
        task=planning.busy("detaching_volume"),
    ),
    Operation(
        name="batch_attach_sharable_volumes",
        path=f"{_BATCH}/attachvolumes/{{volume_id}}",
        job_type="attachVolumeToVMs",
        parts=planning.attach_shared_volume,
        body=schemas.BATCH_ATTACH,
        batch=True,
    ),
    Operation(
        name="batch_detach_volumes",
        path=f"{_BATCH}/detachvolumes/{{volume_id}}",
        job_type="detachVolumeFromVMs",
        parts=planning.detach_volume(lambda body: body["serverinfo"]),
        body=schemas.BATCH_DETACH,
        batch=True,
    ),
    Operation(
        name="batch_add_server_nics",
        path=f"{_P}/{{server_id}}/nics",
        job_type="addNics",
        parts=planning.add_nics,
        body=schemas.ADD_NICS,
    ),
    Operation(
        name="batch_delete_server_nics",
        path=f"{_P}/{{server_id}}/nics/delete",
        job_type="deleteNics",
        parts=planning.delete_nics,
        body=schemas.DELETE_NICS,
    ),
    Operation(
        name="change_vpc",
        path=f"{_P}/{{server_id}}/changevpc",
        job_type="changeVpc",
        parts=planning.change_vpc,
        body=schemas.CHANGE_VPC,
        needs=(preconditions.one_nic,),
    ),
    Operation(
        name="migrate_server",
        path=f"{_P}/{{server_id}}/migrate",
        job_type="migrateServer",
        parts=one(planning.migrate),
        body=schemas.MIGRATE,
        rule=schemas.migrate,
        needs=(preconditions.pay_per_use(rules.PREPAID_MIGRATION), preconditions.stopped),
        task=planning.busy("migrating", "MIGRATING"),
    ),
    Operation(
        name="execute_server_redeploy",
        path=f"{_P}/{{server_id}}/actions/redeploy",
        job_type="redeployServer",
        parts=one(planning.stay),
    ),
    Operation(
        name="delete_recycle_bin_server",
        method="DELETE",
        path=_BIN,
        job_type="deleteRecycledServer",
        parts=planning.remove,
        task=lambda _: DELETING,
    ),
    Operation(
        name="revert_recycle_bin_server",
        path=f"{_BIN}/actions/revert",
        job_type="revertRecycledServer",
        parts=planning.revert,
        task=lambda _: RESTORING,
    ),
)

JOB_TYPES = tuple(dict.fromkeys(operation.job_type for operation in OPERATIONS))
"""The types of the jobs that the requests start."""
