"""The operator that creates servers."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.submit.validation import ids_in
from airflow_provider_ecsjobs.core.submit.values import whole_number
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator, given, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_ecsjobs.core.submit.values import IsTemplated, Reader

_SYSTEM_DISK_SIZE = whole_number(0)
"""0 is the smallest size that the image allows."""
_DATA_DISK_SIZE = whole_number(1)


class EcsCreateServersOperator(EcsBaseRequestOperator):
    """Create servers, pay-per-use or yearly/monthly, and wait until they exist. Retries create no second set.

    The result's ``server_ids`` are in the order of the API's response. If some of the servers failed, the task fails,
    and names those that exist and cost money. With ``on_partial_failure="keep"``, it succeeds with those.

    API page: `Creating ECSs <https://support.huaweicloud.com/intl/en-us/api-ecs/ecs_02_0101.html>`__.

    :param name: the name; with a count above 1 the API adds ``-0001`` and so on (templated).
    :param flavor: the flavor, such as ``s6.small.1`` (templated).
    :param image: the image's id (templated).
    :param vpc: the VPC's id (templated).
    :param subnets: the ids of the subnets, a NIC in each; or NICs as the API describes them (templated).
    :param root_volume: the type of the system disk, such as ``"GPSSD"``, or a dict with ``volumetype``, ``size`` (GB)
        and more (templated).
    :param data_volumes: further disks, each a dict with ``volumetype`` and ``size`` (GB) (templated).
    :param count: how many servers, 1 to 500 (templated). The newest API reference allows 100.
    :param availability_zone: the zone; the API chooses one if it is left out (templated).
    :param security_groups: the ids of the security groups (templated).
    :param key_name: the name of the SSH key pair (templated).
    :param admin_password: the administrator's password, in place of a key pair (templated). Use a template such as
        ``{{ conn.servers.password }}``: Airflow keeps literal values readable, with the DAG.
    :param user_data: the user data for cloud-init, as plain text. It is encoded here (templated).
    :param public_ip: a dict as the API describes ``publicip`` (templated).
    :param tags: a dict of tags (templated).
    :param period_type: ``month`` or ``year`` orders the servers yearly/monthly; left out, they are pay-per-use
        (templated).
    :param period_count: for how many months or years (templated).
    :param auto_pay: whether the order is paid at once. If not, the job waits until a user pays it (templated).
    :param body: fields of the request body that have no parameter of their own, such as
        ``{"server": {"metadata": {...}}}`` (templated).
    :param dry_run: whether the API only checks the request (templated).
    :param kwargs: the parameters of the submit and the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsSubmitJobOperator`.
    :raises EcsInvalidRequestError: a value that is not a template is missing or wrong.
    """

    template_fields: Sequence[str] = (
        "name",
        "flavor",
        "image",
        "vpc",
        "subnets",
        "root_volume",
        "data_volumes",
        "count",
        "availability_zone",
        "security_groups",
        "key_name",
        "admin_password",
        "user_data",
        "public_ip",
        "tags",
        "period_type",
        "period_count",
        "auto_pay",
        *EcsBaseRequestOperator.template_fields,
    )
    operation = "create_servers"
    _names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "server": "name",
            "server.name": "name",
            "server.imageRef": "image",
            "server.flavorRef": "flavor",
            "server.vpcid": "vpc",
            "server.nics": "subnets",
            "server.root_volume": "root_volume",
            "server.root_volume.volumetype": "root_volume",
            "server.root_volume.size": "root_volume.size",
            "server.data_volumes": "data_volumes",
            "server.adminPass": "admin_password",
            "server.server_tags": "tags",
            "server.count": "count",
        }
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        flavor: str | None = None,
        image: str | None = None,
        vpc: str | None = None,
        subnets: Sequence[str | dict[str, Any]] | str | None = None,
        root_volume: str | dict[str, Any] | None = None,
        data_volumes: Sequence[dict[str, Any]] | None = None,
        count: int | str = 1,
        availability_zone: str | None = None,
        security_groups: Sequence[str] | str | None = None,
        key_name: str | None = None,
        admin_password: str | None = None,
        user_data: str | None = None,
        public_ip: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
        period_type: str | None = None,
        period_count: int | str = 1,
        auto_pay: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.flavor = flavor
        self.image = image
        self.vpc = vpc
        self.subnets = subnets
        self.root_volume = root_volume
        self.data_volumes = data_volumes
        self.count = count
        self.availability_zone = availability_zone
        self.security_groups = security_groups
        self.key_name = key_name
        self.admin_password = admin_password
        self.user_data = user_data
        self.public_ip = public_ip
        self.tags = tags
        self.period_type = period_type
        self.period_count = period_count
        self.auto_pay = auto_pay

    def _secrets(self) -> set[str]:
        own = {value for value in (self.admin_password, self.user_data) if isinstance(value, str) and value}
        if isinstance(self.user_data, str) and self.user_data:
            # The cloud knows user data in this form only.
            own.add(base64.b64encode(self.user_data.encode(errors="replace")).decode())
        return super()._secrets() | own

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        server = given(
            name=self.name,
            flavorRef=self.flavor,
            imageRef=self.image,
            vpcid=self.vpc,
            nics=objects("subnets", self.subnets, "subnet_id", is_templated, ids_in),
            root_volume=_root_volume(self.root_volume, is_templated),
            data_volumes=_data_volumes(self.data_volumes, is_templated),
            count=self.count,
            availability_zone=self.availability_zone,
            security_groups=objects("security_groups", self.security_groups, "id", is_templated),
            key_name=self.key_name,
            adminPass=self.admin_password,
            user_data=_encoded(self.user_data, is_templated),
            publicip=self.public_ip,
            server_tags=_tags(self.tags, is_templated),
            extendparam=self._charging(),
        )
        return {"server": server}

    def _charging(self) -> dict[str, Any] | None:
        if self.period_type is None:
            if self.auto_pay is True:
                raise EcsInvalidRequestError(
                    "auto_pay is given without period_type: only yearly/monthly orders are paid."
                )
            return None
        return {
            "chargingMode": "prePaid",
            "periodType": self.period_type,
            "periodNum": self.period_count,
            "isAutoPay": "true" if self.auto_pay is True else "false",
        }


def _root_volume(volume: Any, is_templated: IsTemplated) -> Any:
    if isinstance(volume, str):  # the disk's type
        return {"volumetype": volume}
    return _sized("root_volume", volume, is_templated, _SYSTEM_DISK_SIZE)


def _data_volumes(volumes: Any, is_templated: IsTemplated) -> Any:
    if volumes is None or is_templated(volumes):
        return volumes
    if not isinstance(volumes, list | tuple):
        raise EcsInvalidRequestError(f"data_volumes is of type {type(volumes).__name__}; expected a list of dicts.")
    return [
        _sized(f"data_volumes[{number}]", volume, is_templated, _DATA_DISK_SIZE)
        for number, volume in enumerate(volumes)
    ]


def _sized(name: str, volume: Any, is_templated: IsTemplated, read_size: Reader) -> Any:
    """Return a disk with its size as a number. A template renders it to text."""
    if volume is None or is_templated(volume):
        return volume
    if not isinstance(volume, Mapping):
        raise EcsInvalidRequestError(f"{name} is of type {type(volume).__name__}; expected a dict.")
    size = volume.get("size")
    if size is None or is_templated(size):
        return volume
    return {**volume, "size": read_size(f"{name}.size", size)}


def _encoded(user_data: Any, is_templated: IsTemplated) -> Any:
    if user_data is None or is_templated(user_data):
        return user_data
    if not isinstance(user_data, str):
        raise EcsInvalidRequestError(f"user_data is of type {type(user_data).__name__}; expected a text.")
    try:
        return base64.b64encode(user_data.encode()).decode()
    except UnicodeEncodeError:  # it holds the text
        raise EcsInvalidRequestError(
            "user_data has a character that no encoding can hold (a lone surrogate)."
        ) from None


def _tags(tags: Any, is_templated: IsTemplated) -> Any:
    if tags is None or is_templated(tags):
        return tags
    if not isinstance(tags, Mapping):
        raise EcsInvalidRequestError(f"tags is of type {type(tags).__name__}; expected a dict.")
    return [{"key": key, "value": value} for key, value in tags.items()]
