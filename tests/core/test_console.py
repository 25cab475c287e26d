"""Where a server is found in the console."""

from __future__ import annotations

import pytest

from airflow_provider_ecsjobs.links.ecs_console import console_url

INTERNATIONAL, CHINA, EUROPE = (f"https://console{part}.huaweicloud.com/ecm/?region=" for part in ("-intl", "", ".eu"))
LIST = "#/ecs/manager/vmList"


@pytest.mark.parametrize(
    ("endpoint", "console"),
    [
        ("https://ecs.ap-southeast-3.myhuaweicloud.com", f"{INTERNATIONAL}ap-southeast-3"),
        ("https://ecs.la-south-2.myhuaweicloud.com", f"{INTERNATIONAL}la-south-2"),
        ("https://ecs.cn-north-4.myhuaweicloud.com", f"{CHINA}cn-north-4"),
        ("https://ecs.cn-east-3.myhuaweicloud.com:443/", f"{CHINA}cn-east-3"),
        ("https://ecs.eu-west-101.myhuaweicloud.eu", f"{EUROPE}eu-west-101"),
        ("https://ECS.AP-Southeast-3.MyHuaweiCloud.com", f"{INTERNATIONAL}ap-southeast-3"),
    ],
)
def test_each_part_of_the_cloud_has_its_console(endpoint: str, console: str) -> None:
    assert console_url(endpoint, []) == console + LIST


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "nonsense",
        "http://127.0.0.1:8899",
        "https://[::1]:8443",
        "https://ecs.eu-de.otc.t-systems.com",
        "https://ecs.eu-west-0.prod-cloud-ocb.orange-business.com",
        "https://bms.cn-north-4.myhuaweicloud.com",
        "https://ecs.cn-north-4.myhuaweicloud.com.example.com",
        "https://example.com/ecs.cn-north-4.myhuaweicloud.com",
        "https://ecs.cn-north-4xmyhuaweicloud.com",
        "https://proxy.ecs.cn-north-4.myhuaweicloud.com",
        "https://ecs.cn-north-4.myhuaweicloud.com@example.com",
    ],
)
def test_of_another_cloud_none_is_known(endpoint: str) -> None:
    assert console_url(endpoint, ["a"]) is None


@pytest.mark.parametrize(
    ("servers", "page"),
    [
        ([], LIST),
        (["a1-b2"], f"{LIST}/vmDetail/basicinfo?instanceId=a1-b2"),
        (("a1-b2",), f"{LIST}/vmDetail/basicinfo?instanceId=a1-b2"),
        (["a&b/c#d"], f"{LIST}/vmDetail/basicinfo?instanceId=a%26b%2Fc%23d"),
        (["a", "b"], LIST),
    ],
)
def test_one_server_has_a_page_and_several_a_list(servers: list[str], page: str) -> None:
    assert console_url("https://ecs.cn-north-4.myhuaweicloud.com", servers) == f"{CHINA}cn-north-4{page}"
