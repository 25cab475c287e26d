"""The operators for servers: create, delete, start, stop, reboot, resize; and for their disks, systems and NICs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.submit.validation import read_ids
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator, given, objects
from airflow_provider_ecsjobs.operators.create_servers import EcsCreateServersOperator
from airflow_provider_ecsjobs.operators.parameters import POWER_MODE
from airflow_provider_ecsjobs.operators.server_parts import (
    EcsAddNicsOperator,
    EcsAttachVolumeOperator,
    EcsChangeOsOperator,
    EcsDeleteNicsOperator,
    EcsDetachVolumeOperator,
    EcsReinstallOsOperator,
    EcsResizeServerOperator,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_ecsjobs.core.submit.values import IsTemplated, Reader

__all__ = [
    "EcsAddNicsOperator",
    "EcsAttachVolumeOperator",
    "EcsChangeOsOperator",
    "EcsCreateServersOperator",
    "EcsDeleteNicsOperator",
    "EcsDeleteServersOperator",
    "EcsDetachVolumeOperator",
    "EcsRebootServersOperator",
    "EcsReinstallOsOperator",
    "EcsResizeServerOperator",
    "EcsStartServersOperator",
    "EcsStopServersOperator",
]


class _ServersOperator(EcsBaseRequestOperator):
    """An operator for several servers."""

    template_fields: Sequence[str] = ("server_ids", *EcsBaseRequestOperator.template_fields)

    def __init__(self, *, server_ids: Sequence[str] | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.server_ids = server_ids

    def _servers(self, is_templated: IsTemplated) -> dict[str, Any]:
        return given(servers=objects("server_ids", self.server_ids, "id", is_templated))


class _PowerOperator(_ServersOperator):
    """An operator that turns servers off, gently or not."""

    template_fields: Sequence[str] = ("mode", *_ServersOperator.template_fields)
    _readers: ClassVar[Mapping[str, Reader]] = MappingProxyType({"mode": POWER_MODE})
    _key: ClassVar[str]
    """The key of the request in its body."""

    def __init__(self, *, server_ids: Sequence[str] | str | None = None, mode: str = "SOFT", **kwargs: Any) -> None:
        super().__init__(server_ids=server_ids, **kwargs)
        self.mode = mode

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        return {self._key: {**self._servers(is_templated), "type": self.mode}}


class EcsDeleteServersOperator(_ServersOperator):
    """Delete servers, and wait until they are gone. If the list of ids is empty, the task is skipped.

    API page: `Deleting ECSs <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0103.html>`__.

    :param server_ids: the servers' ids, 1,000 at most (templated).
    :param delete_public_ip: whether to delete their elastic IPs, too (templated).
    :param delete_volumes: whether to delete their data disks, too. If not, the disks are detached, and still cost money
        (templated).
    :param missing_ok: whether servers may be gone already (templated).
    :param body: fields of the request body that have no parameter of their own (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = (
        "delete_public_ip",
        "delete_volumes",
        "missing_ok",
        *_ServersOperator.template_fields,
    )
    operation = "delete_servers"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType({"servers": "server_ids"})

    def __init__(
        self,
        *,
        server_ids: Sequence[str] | str | None = None,
        delete_public_ip: bool | str = False,
        delete_volumes: bool | str = False,
        missing_ok: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(server_ids=server_ids, **kwargs)
        self.delete_public_ip = delete_public_ip
        self.delete_volumes = delete_volumes
        self.missing_ok = missing_ok

    def _check(self, is_templated: IsTemplated) -> Any:
        # An empty list is no error: the task is skipped.
        is_skipped = not is_templated(self.server_ids) and self._names_no_server()
        return self.body if is_skipped else super()._check(is_templated)

    def _prepare(self) -> None:
        """Read the rendered parameters.

        :raises AirflowSkipException: there are no servers.
        """
        super()._prepare()
        if self._names_no_server():
            raise AirflowSkipException("There are no servers to delete: server_ids is empty.")

    def _names_no_server(self) -> bool:
        body_has_none = self.body is None or (isinstance(self.body, dict) and "servers" not in self.body)
        return body_has_none and _is_empty(self.server_ids)

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        return {
            **self._servers(is_templated),
            "delete_publicip": self.delete_public_ip,
            "delete_volume": self.delete_volumes,
        }


class EcsStartServersOperator(_ServersOperator):
    """Start servers, and wait until they run.

    API page: `Starting ECSs in a Batch <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0301.html>`__.

    :param server_ids: the servers' ids, 1,000 at most (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    operation = "batch_start_servers"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType({"os-start.servers": "server_ids"})

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        return {"os-start": self._servers(is_templated)}


class EcsStopServersOperator(_PowerOperator):
    """Stop servers, and wait until they are off.

    API page: `Stopping ECSs in a Batch <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0303.html>`__.

    :param server_ids: the servers' ids, 1,000 at most (templated).
    :param mode: ``SOFT`` lets the systems shut down, ``HARD`` cuts the power (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    operation = "batch_stop_servers"
    _key = "os-stop"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType({"os-stop.servers": "server_ids"})


class EcsRebootServersOperator(_PowerOperator):
    """Reboot servers, and wait until they are up again.

    API page: `Restarting ECSs in a Batch <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0302.html>`__.

    :param server_ids: the servers' ids, 1,000 at most (templated).
    :param mode: ``SOFT`` lets the systems shut down, ``HARD`` cuts the power (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    operation = "batch_reboot_servers"
    _key = "reboot"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType({"reboot.servers": "server_ids"})


def _is_empty(server_ids: Any) -> bool:
    """Return whether there are no ids. A template without a value does not count as empty: it is an error."""
    try:
        return server_ids is not None and not read_ids("server_ids", server_ids)
    except EcsInvalidRequestError:
        return False  # reported when the request is checked
