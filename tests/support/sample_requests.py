"""A good request for each operation, the same that the official SDK makes in tests/support/official_submits.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.official_submits import Ids

FLAVOR, IMAGE, VPC, SUBNET, HOST = "s6.large.2", "image-2", "vpc-2", "subnet-2", "host-2"
MODE = "withStopServer"
_SERVER = {
    "imageRef": "image",
    "flavorRef": "s6.small.1",
    "vpcid": "vpc",
    "nics": [{"subnet_id": "subnet"}],
    "root_volume": {"volumetype": "SSD"},
}


def sample(operation: str, ids: Ids) -> dict[str, Any]:
    """Give what an operator takes for an operation: body and path parameters."""
    both = [{"id": ids.server_id}, {"id": ids.other_server_id}]
    one, stopped = {"server_id": ids.server_id}, {"server_id": ids.stopped_server_id}
    samples: dict[str, dict[str, Any]] = {
        "create_post_paid_servers": {
            "body": {
                "server": {
                    **_SERVER,
                    "name": "web",
                    "root_volume": {"volumetype": "SSD", "size": 40},
                    "data_volumes": [{"volumetype": "SAS", "size": 100}],
                    "count": 2,
                    "server_tags": [{"key": "team", "value": "data"}],
                }
            }
        },
        "create_servers": {"body": {"server": {**_SERVER, "name": "db", "count": 1}}},
        "delete_servers": {"body": {"servers": both, "delete_publicip": True, "delete_volume": False}},
        "batch_start_servers": {"body": {"os-start": {"servers": both}}},
        "batch_stop_servers": {"body": {"os-stop": {"servers": both, "type": "HARD"}}},
        "batch_reboot_servers": {"body": {"reboot": {"servers": both, "type": "SOFT"}}},
        "resize_post_paid_server": {**one, "body": {"resize": {"flavorRef": FLAVOR, "mode": MODE}}},
        "resize_server": {**one, "body": {"resize": {"flavorRef": FLAVOR, "mode": MODE}}},
        "batch_resize_servers": {"body": {"resize": {"flavorRef": FLAVOR, "servers": both, "mode": MODE}}},
        "change_server_charge_mode": {
            "body": {
                "server_ids": [ids.server_id, ids.other_server_id],
                "charge_mode": "prePaid",
                "prepaid_options": {"period_type": "month", "period_num": "1", "auto_pay": True},
            }
        },
        "change_server_os_with_cloud_init": {
            **one,
            "body": {"os-change": {"imageid": IMAGE, "keyname": "key", "userid": "user", "mode": MODE}},
        },
        "change_server_os_without_cloud_init": {
            **one,
            "body": {"os-change": {"imageid": IMAGE, "adminpass": "Secret-1", "mode": MODE, "isAutoPay": "true"}},
        },
        "reinstall_server_with_cloud_init": {
            **one,
            "body": {"os-reinstall": {"metadata": {"user_data": "IyE="}, "mode": MODE}},
        },
        "reinstall_server_without_cloud_init": {
            **one,
            "body": {"os-reinstall": {"keyname": "key", "userid": "user", "mode": MODE}},
        },
        "attach_server_volume": {
            **one,
            "body": {"volumeAttachment": {"volumeId": ids.volume_id, "device": "/dev/sdb"}},
        },
        "detach_server_volume": {**one, "volume_id": ids.attached_volume_id, "delete_flag": "1"},
        "batch_attach_sharable_volumes": {
            "volume_id": ids.volume_id,
            "body": {"serverinfo": [{"server_id": server["id"], "device": "/dev/sdc"} for server in both]},
        },
        "batch_detach_volumes": {
            "volume_id": ids.attached_volume_id,
            "body": {"serverinfo": [ids.server_id, ids.other_server_id]},
        },
        "batch_add_server_nics": {
            **one,
            "body": {"nics": [{"subnet_id": SUBNET, "security_groups": [{"id": "group"}]}, {"port_id": ids.port_id}]},
        },
        "batch_delete_server_nics": {**one, "body": {"nics": [{"id": ids.nic_id}]}},
        "change_vpc": {
            **stopped,
            "body": {"vpc_id": VPC, "nic": {"subnet_id": SUBNET, "security_groups": [{"id": "group"}]}},
        },
        "migrate_server": {**stopped, "body": {"migrate": {"dedicated_host_id": HOST}}},
        "execute_server_redeploy": one,
        "delete_recycle_bin_server": {"server_id": ids.recycled_server_id},
        "revert_recycle_bin_server": {"server_id": ids.recycled_server_id},
    }
    return samples[operation]
