"""The operators for one server: its flavor, its disks, its system, its NICs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_ecsjobs.core.submit.validation import ids_in
from airflow_provider_ecsjobs.core.submit.values import read_flag
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator, given, objects
from airflow_provider_ecsjobs.operators.parameters import STOP_MODE, is_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_ecsjobs.core.submit.values import IsTemplated, Reader


class _ServerOperator(EcsBaseRequestOperator):
    """An operator for one server."""

    template_fields: Sequence[str] = ("server_id", *EcsBaseRequestOperator.template_fields)

    def __init__(self, *, server_id: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.server_id = server_id

    def _parameters(self) -> dict[str, Any]:
        return {"server_id": self.server_id}


class EcsResizeServerOperator(_ServerOperator):
    """Change the flavor of a server, and wait until it is changed.

    For a yearly/monthly server the API responds with an order and no job. The task then ends at once, with the order's
    id. The flavor changes when the order is paid.

    API page: `Modifying the Specifications of an ECS
    <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0209.html>`__.

    :param server_id: the server's id (templated).
    :param flavor: the new flavor (templated).
    :param mode: ``withStopServer`` stops a running server first and starts it again. Without it, the server must be
        stopped (templated).
    :param auto_pay: whether the order for a yearly/monthly server is paid at once (templated).
    :param dry_run: whether the API only checks the request (templated).
    :param body: fields of the request body that have no parameter of their own (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = ("flavor", "mode", "auto_pay", *_ServerOperator.template_fields)
    _readers: ClassVar[Mapping[str, Reader]] = MappingProxyType({"mode": STOP_MODE})
    operation = "resize_server"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType({"resize.flavorRef": "flavor", "resize.mode": "mode"})

    def __init__(
        self, *, flavor: str | None = None, mode: str | None = None, auto_pay: bool | str = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.flavor = flavor
        self.mode = mode
        self.auto_pay = auto_pay

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        pay = {"isAutoPay": "true"} if self.auto_pay else None
        return {"resize": given(flavorRef=self.flavor, mode=self.mode, extendparam=pay)}


class EcsAttachVolumeOperator(_ServerOperator):
    """Attach a volume to a server, and wait until it is attached.

    API page: `Attaching a Disk to an ECS <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0605.html>`__.

    :param server_id: the server's id (templated).
    :param volume_id: the volume's id (templated).
    :param device: the device name, such as ``/dev/sdb``; the API chooses one if it is left out (templated).
    :param dry_run: whether the API only checks the request (templated).
    :param body: fields of the request body that have no parameter of their own (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = ("volume_id", "device", *_ServerOperator.template_fields)
    operation = "attach_server_volume"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType({"volumeAttachment.volumeId": "volume_id"})

    def __init__(self, *, volume_id: str | None = None, device: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.volume_id = volume_id
        self.device = device

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        return {"volumeAttachment": given(volumeId=self.volume_id, device=self.device)}


class EcsDetachVolumeOperator(_ServerOperator):
    """Detach a volume from a server, and wait until it is detached.

    API page: `Detaching an EVS Disk from an ECS
    <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0606.html>`__.

    :param server_id: the server's id (templated).
    :param volume_id: the volume's id (templated).
    :param force: whether to detach the volume by force (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = ("volume_id", "force", *_ServerOperator.template_fields)
    operation = "detach_server_volume"

    def __init__(self, *, volume_id: str | None = None, force: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.volume_id = volume_id
        self.force = force

    def _parameters(self) -> dict[str, Any]:
        flag = {"delete_flag": "1"} if self.force is True else {}
        return {**super()._parameters(), "volume_id": self.volume_id, **flag}


class _SystemOperator(_ServerOperator):
    """An operator that rewrites a server's system disk."""

    template_fields: Sequence[str] = (
        "admin_password",
        "key_name",
        "user_id",
        "mode",
        "cloud_init",
        *_ServerOperator.template_fields,
    )
    _readers: ClassVar[Mapping[str, Reader]] = MappingProxyType({"mode": STOP_MODE})
    _with_cloud_init: ClassVar[str]
    _without_cloud_init: ClassVar[str]
    """The operation, which depends on whether the image has cloud-init installed."""

    def __init__(
        self,
        *,
        admin_password: str | None = None,
        key_name: str | None = None,
        user_id: str | None = None,
        mode: str | None = None,
        cloud_init: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.admin_password = admin_password
        self.key_name = key_name
        self.user_id = user_id
        self.mode = mode
        self.cloud_init = cloud_init

    @property
    def operation(self) -> Any:  # type: ignore[override] # nobody sets it
        """The operation. Before ``cloud_init`` is rendered, its template."""
        if is_template(self.cloud_init):
            return self.cloud_init
        return self._with_cloud_init if read_flag("cloud_init", self.cloud_init) else self._without_cloud_init

    def _secrets(self) -> set[str]:
        own = {self.admin_password} if isinstance(self.admin_password, str) and self.admin_password else set()
        return super()._secrets() | own

    def _system(self) -> dict[str, Any]:
        return given(adminpass=self.admin_password, keyname=self.key_name, userid=self.user_id, mode=self.mode)


class EcsChangeOsOperator(_SystemOperator):
    """Install another image on a server's system disk, and wait until it is done. The data on that disk is lost.

    API pages: Changing an ECS OS, `with cloud-init
    <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0202.html>`__ and `without
    <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0204.html>`__.

    :param server_id: the server's id (templated).
    :param image: the image's id (templated).
    :param admin_password: the administrator's new password (templated).
    :param key_name: the name of the SSH key pair, in place of a password (templated).
    :param user_id: the id of the IAM user that owns the key pair (templated).
    :param mode: ``withStopServer`` stops a running server first. Without it, the server must be stopped (templated).
    :param cloud_init: whether the image has cloud-init installed (templated).
    :param body: fields of the request body that have no parameter of their own (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = ("image", *_SystemOperator.template_fields)
    _with_cloud_init = "change_server_os_with_cloud_init"
    _without_cloud_init = "change_server_os_without_cloud_init"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"os-change.imageid": "image", "os-change.mode": "mode", "os-change.adminpass": "admin_password"}
    )

    def __init__(self, *, image: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image = image

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        return {"os-change": {**self._system(), **given(imageid=self.image)}}


class EcsReinstallOsOperator(_SystemOperator):
    """Install a server's own image on its system disk again, and wait until it is done. The data on that disk is lost.

    API pages: Reinstalling an ECS OS, `with cloud-init
    <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0201.html>`__ and `without
    <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0203.html>`__.

    :param server_id: the server's id (templated).
    :param admin_password: the administrator's new password (templated).
    :param key_name: the name of the SSH key pair, in place of a password (templated).
    :param user_id: the id of the IAM user that owns the key pair (templated).
    :param mode: ``withStopServer`` stops a running server first. Without it, the server must be stopped (templated).
    :param cloud_init: whether the image has cloud-init installed (templated).
    :param body: fields of the request body that have no parameter of their own (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    _names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"os-reinstall.mode": "mode", "os-reinstall.adminpass": "admin_password"}
    )
    _with_cloud_init = "reinstall_server_with_cloud_init"
    _without_cloud_init = "reinstall_server_without_cloud_init"

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        return {"os-reinstall": self._system()}


class EcsAddNicsOperator(_ServerOperator):
    """Add NICs to a server, and wait until it has them. Their ids are the result's ``nic_ids``.

    API page: `Adding NICs to an ECS in a Batch
    <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0501.html>`__.

    :param server_id: the server's id (templated).
    :param subnets: the ids of the subnets, a NIC in each; or NICs as the API describes them (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = ("subnets", *_ServerOperator.template_fields)
    operation = "batch_add_server_nics"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType({"nics": "subnets"})

    def __init__(self, *, subnets: Sequence[str | dict[str, Any]] | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.subnets = subnets

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        return given(nics=objects("subnets", self.subnets, "subnet_id", is_templated, ids_in))


class EcsDeleteNicsOperator(_ServerOperator):
    """Delete NICs of a server, and wait until they are gone.

    API page: `Deleting NICs from an ECS in a Batch
    <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0502.html>`__.

    :param server_id: the server's id (templated).
    :param nic_ids: the ids of the NICs (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = ("nic_ids", *_ServerOperator.template_fields)
    operation = "batch_delete_server_nics"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType({"nics": "nic_ids"})

    def __init__(self, *, nic_ids: Sequence[str] | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.nic_ids = nic_ids

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        return given(nics=objects("nic_ids", self.nic_ids, "id", is_templated))
