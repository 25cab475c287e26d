"""Each parameter of our tasks against the table of what it steers: the request (templated, converted) or Airflow."""

from __future__ import annotations

import inspect
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_ecsjobs.decorators.ecs_job import _EcsJobDecoratedOperator
from airflow_provider_ecsjobs.exceptions import EcsConfigError, EcsInvalidJobIdNoRetry, EcsInvalidRequestNoRetry
from airflow_provider_ecsjobs.operators import servers
from airflow_provider_ecsjobs.operators.ecs_jobs import EcsJobOperator, EcsSubmitJobOperator
from airflow_provider_ecsjobs.operators.parameters import ATTRIBUTES, STEERS_AIRFLOW, STEERS_REQUEST
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor

if TYPE_CHECKING:
    from collections.abc import Callable

ID = "6b1a3f44-0000-4000-8000-000000000001"
TEMPLATE = "{{ params.x }}"
SERVER = {"name": "web", "flavor": "f", "image": "i", "vpc": "v", "subnets": ["s"], "root_volume": "SSD"}
NEEDED: dict[type, dict[str, Any]] = {
    EcsJobSensor: {"job_id": ID},
    EcsJobOperator: {"job_id": ID},
    EcsSubmitJobOperator: {"operation": "resize_server", "server_id": ID, "body": {"resize": {"flavorRef": "f"}}},
    _EcsJobDecoratedOperator: {"python_callable": lambda: ID, "op_args": [], "op_kwargs": {}},
    servers.EcsCreateServersOperator: SERVER,
    servers.EcsDeleteServersOperator: {"server_ids": ID},
    servers.EcsStartServersOperator: {"server_ids": ID},
    servers.EcsStopServersOperator: {"server_ids": ID},
    servers.EcsRebootServersOperator: {"server_ids": ID},
    servers.EcsResizeServerOperator: {"server_id": ID, "flavor": "f"},
    servers.EcsAttachVolumeOperator: {"server_id": ID, "volume_id": ID},
    servers.EcsDetachVolumeOperator: {"server_id": ID, "volume_id": ID},
    servers.EcsChangeOsOperator: {"server_id": ID, "image": "i"},
    servers.EcsReinstallOsOperator: {"server_id": ID},
    servers.EcsAddNicsOperator: {"server_id": ID, "subnets": ["s"]},
    servers.EcsDeleteNicsOperator: {"server_id": ID, "nic_ids": ["n"]},
}
"""All tasks, and what each can't do without."""
LENGTHS = {
    "max_poll_interval",
    "max_wait",
    "not_found_grace",
    "payment_timeout",
    "poke_interval",
    "poll_interval",
    "timeout",
    "unreachable_timeout",
}
FLAGS = {
    "auto_pay",
    "cloud_init",
    "delete_public_ip",
    "delete_volumes",
    "dry_run",
    "force",
    "missing_ok",
    "wait_for_completion",
}
OF_AIRFLOW = {EcsJobSensor: {"timeout", "soft_fail", "never_fail", "mode", "exponential_backoff"}}
"""Parameters of Airflow's own that the table has, too."""


def parameters(task: type) -> set[str]:
    """Return the parameters that our classes give a task, and those of Airflow that we check."""
    ours = [base for base in task.__mro__ if base.__module__.startswith("airflow_provider_ecsjobs")]
    found = {
        name
        for base in ours
        if "__init__" in vars(base)
        for name, one in inspect.signature(base.__init__).parameters.items()  # type: ignore[misc]
        if one.kind == one.KEYWORD_ONLY
    }
    return found | OF_AIRFLOW.get(task, set())


def make(task: type, **options: Any) -> Any:
    # What depends on another parameter to mean anything.
    also = {"period_type": "month"} if options.get("auto_pay") and task is servers.EcsCreateServersOperator else {}
    return task(**{"task_id": "task", **NEEDED[task], **also, **options})


EACH = [(task, name) for task in NEEDED for name in sorted(parameters(task))]
EACH_FLAG = [(task, name) for task, name in EACH if name in FLAGS]
EACH_OF_AIRFLOW = [(task, name) for task, name in EACH if ATTRIBUTES.get(name, name) not in task.template_fields]  # type: ignore[attr-defined]


def ids(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


@pytest.mark.parametrize(("task", "name"), EACH, ids=ids)
def test_each_parameter_steers_the_request_and_is_templated_or_steers_airflow_and_is_not(task: Any, name: str) -> None:
    steers_request = name in STEERS_REQUEST or name in task._readers

    assert steers_request != (name in STEERS_AIRFLOW and name not in task._readers)
    assert (ATTRIBUTES.get(name, name) in task.template_fields) == steers_request


@pytest.mark.parametrize(("task", "name"), EACH_FLAG, ids=ids)
def test_a_flag_may_be_a_template_and_is_read_when_it_is_rendered(task: Any, name: str) -> None:
    made, attribute = make(task, **{name: TEMPLATE}), ATTRIBUTES.get(name, name)
    assert getattr(made, attribute) == TEMPLATE

    for rendered, meant in {
        "False": False,
        "0": False,
        "no": False,
        "off": False,
        0: False,
        "True": True,
        1: True,
    }.items():
        setattr(made, attribute, rendered)
        made._read_parameters()
        assert getattr(made, attribute) is meant

    for rendered in ("maybe", "None", "", None, [], TEMPLATE):
        setattr(made, attribute, rendered)
        with pytest.raises(EcsInvalidRequestNoRetry, match=f"^{name} is ") as caught:
            made._read_parameters()
        assert repr(rendered) in str(caught.value)
        assert isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(("task", "name"), EACH_FLAG, ids=ids)
def test_a_flag_that_is_neither_true_nor_false_is_an_error_when_the_dag_is_parsed(task: Any, name: str) -> None:
    with pytest.raises(EcsInvalidRequestNoRetry, match=f"^{name} is 'maybe'; expected true or false"):
        make(task, **{name: "maybe"})


@pytest.mark.parametrize(("task", "name"), EACH_OF_AIRFLOW, ids=ids)
def test_what_steers_airflow_takes_no_template_and_says_so_when_the_dag_is_parsed(task: Any, name: str) -> None:
    with pytest.raises(
        ValueError, match=f"^{name} is '{TEMPLATE}'; expected .* It steers Airflow, so it takes no temp"
    ):
        make(task, **{name: TEMPLATE})


@pytest.mark.parametrize(("task", "name"), [(t, n) for t, n in EACH_OF_AIRFLOW if n in LENGTHS], ids=ids)
def test_a_length_of_time_may_be_a_number_or_a_timedelta(task: Any, name: str) -> None:
    bound = "max_wait" if task is EcsJobSensor else "max_poll_interval"
    for value in (100, timedelta(seconds=100)):
        assert getattr(make(task, **{bound: 100, name: value}), name) in (100, timedelta(seconds=100))


@pytest.mark.parametrize("value", ["yes", 1, 0, None], ids=repr)
def test_what_steers_airflow_is_not_converted(value: Any) -> None:
    with pytest.raises(ValueError, match=r"resubmit_unknown is .*; expected True or False"):
        EcsSubmitJobOperator(task_id="t", resubmit_unknown=value, **NEEDED[EcsSubmitJobOperator])


@pytest.mark.parametrize(
    ("task", "option", "said"),
    [
        (servers.EcsCreateServersOperator, {"count": "ten"}, "count is 'ten'; expected 1 to 500"),
        (servers.EcsCreateServersOperator, {"count": True}, "count is True; expected 1 to 500"),
        (servers.EcsCreateServersOperator, {"count": 501}, "count is 501; expected 1 to 500"),
        (servers.EcsCreateServersOperator, {"period_count": "0", "period_type": "month"}, "period_count is '0'"),
        (
            servers.EcsCreateServersOperator,
            {"period_type": "week"},
            "period_type is 'week'; expected 'month' or 'year'",
        ),
        (
            servers.EcsCreateServersOperator,
            {"root_volume": {"volumetype": "SSD", "size": "big"}},
            "root_volume.size is",
        ),
        (
            servers.EcsCreateServersOperator,
            {"data_volumes": [{"volumetype": "SSD", "size": "0"}]},
            r"data_volumes\[0\]",
        ),
        (servers.EcsCreateServersOperator, {"data_volumes": "[]"}, "data_volumes is of type str; expected a list"),
        (servers.EcsStopServersOperator, {"mode": "soft"}, "mode is 'soft'; expected 'SOFT' or 'HARD'"),
        (servers.EcsResizeServerOperator, {"mode": "stop"}, "mode is 'stop'; expected 'withStopServer'"),
        (servers.EcsChangeOsOperator, {"mode": "stop"}, "mode is 'stop'; expected 'withStopServer'"),
    ],
    ids=str,
)
def test_a_value_that_is_none_of_those_accepted_is_named(task: type, option: dict[str, Any], said: str) -> None:
    with pytest.raises(EcsInvalidRequestNoRetry, match=said):
        make(task, **option)


def test_numbers_and_choices_may_be_templates() -> None:
    made = make(
        servers.EcsCreateServersOperator,
        count=TEMPLATE,
        period_type=TEMPLATE,
        period_count=TEMPLATE,
        root_volume={"volumetype": "SSD", "size": TEMPLATE},
        data_volumes=[{"volumetype": "SSD", "size": TEMPLATE, "multiattach": TEMPLATE}],
    )
    made.count, made.period_type, made.period_count = "3", "year", "2"
    made.root_volume["size"] = "40"
    made.data_volumes[0] |= {"size": "100", "multiattach": "False"}
    made._read_parameters()

    server = made._request().body["server"]

    assert (server["count"], server["extendparam"]["periodNum"]) == (3, 2)
    assert server["root_volume"] == {"volumetype": "SSD", "size": 40}
    assert server["data_volumes"] == [{"volumetype": "SSD", "size": 100, "multiattach": False}]


@pytest.mark.parametrize("flag", ["delete_publicip", "delete_volume"])
def test_a_flag_in_the_body_is_converted_too(flag: str) -> None:
    body = {"servers": [{"id": ID}], flag: TEMPLATE}
    made = EcsSubmitJobOperator(task_id="t", operation="delete_servers", body=body)

    made.body = {**body, flag: "False"}
    assert json.loads(made._request().payload)[flag] is False

    made.body = {**body, flag: "maybe"}
    with pytest.raises(EcsInvalidRequestNoRetry, match=f"{flag} in the body is 'maybe'; expected true or false"):
        made._request()


@pytest.mark.parametrize(
    ("given", "sent"), [("True", "1"), ("0", "0"), (True, "1"), ("", None), (None, None)], ids=repr
)
def test_the_flag_in_the_query_is_converted_too(given: Any, sent: str | None) -> None:
    made = EcsSubmitJobOperator(
        task_id="t", operation="detach_server_volume", server_id=ID, volume_id=ID, delete_flag=given
    )
    assert made.delete_flag == sent


@pytest.mark.parametrize("cloud_init", [True, False])
def test_the_request_follows_a_templated_cloud_init(cloud_init: bool) -> None:
    made = make(servers.EcsChangeOsOperator, cloud_init=TEMPLATE)
    made.cloud_init = str(cloud_init)
    assert made.operation.endswith("_with_cloud_init" if cloud_init else "_without_cloud_init")


WAITS = pytest.mark.parametrize("task", [EcsJobSensor, EcsJobOperator], ids=ids)


@WAITS
@pytest.mark.parametrize("job_id", [None, "", [], ["j"], {"job_id": "j"}, "a/b", "None", 5], ids=repr)
def test_a_literal_that_is_no_job_id_is_an_error_when_the_dag_is_parsed(task: type, job_id: Any) -> None:
    with pytest.raises(EcsInvalidJobIdNoRetry, match=r"^job_id "):
        make(task, job_id=job_id)


@WAITS
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"service": "rds"}, "service is 'rds'; expected one of 'ecs', 'bms', 'eip', 'evs', 'ims', 'sdrs'"),
        ({"service": 5}, "service is 5; expected a text"),
        ({"huawei_ecs_conn_id": None}, "huawei_ecs_conn_id is None; expected the id of a connection"),
        ({"region": ["cn-north-4"]}, "region is .*; expected a text"),
        ({"project_id": "None"}, "project_id is 'None'"),
    ],
    ids=str,
)
def test_a_literal_that_names_nothing_is_an_error_when_the_dag_is_parsed(
    task: type, option: dict[str, Any], said: str
) -> None:
    with pytest.raises(EcsConfigError, match=said):
        make(task, **option)


@WAITS
def test_templates_are_no_errors_when_the_dag_is_parsed(task: type) -> None:
    with DAG("templates", schedule=None):
        other = EcsJobOperator(task_id="other", job_id=ID)
        make(task, task_id="a", job_id=TEMPLATE, service=TEMPLATE, region=TEMPLATE, huawei_ecs_conn_id=TEMPLATE)
        make(task, task_id="b", job_id=other.output["job_id"], service=other.output)


SAYS_DICT = "pass the 'job_id' in it: \"{{ ti.xcom_pull(...)['job_id'] }}\""
SAYS_EACH = "Make a task for each: .partial(...).expand(job_id=...)"


@WAITS
@pytest.mark.parametrize(
    ("rendered", "said"),
    [
        ("{'job_id': 'j', 'server_ids': []}", SAYS_DICT),
        ('{"job_id": "j"}', SAYS_DICT),
        ({"job_id": "j"}, SAYS_DICT),
        ("['a', 'b']", SAYS_EACH),
        (("a", "b"), SAYS_EACH),
        ("LazyXComSequence(<unevaluated length>)", SAYS_EACH),
        ("LazySelectSequence([2 items])", SAYS_EACH),
        (2954, "native rendering"),
    ],
    ids=repr,
)
def test_a_job_id_that_rendered_to_something_else_says_what_to_do(task: type, rendered: Any, said: str) -> None:
    made = make(task, job_id=TEMPLATE)
    made.job_id = rendered
    with pytest.raises(EcsInvalidJobIdNoRetry) as caught:
        made._read_parameters()
    assert said in str(caught.value)


@pytest.fixture(params=[EcsJobSensor, EcsJobOperator, servers.EcsStopServersOperator], ids=ids)
def defers(request: pytest.FixtureRequest) -> Callable[..., bool]:
    return lambda **options: make(request.param, **options).deferrable


def test_a_task_defers_unless_a_user_has_set_that_tasks_do_not(
    defers: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert defers() is True
    for value, meant in {"False": False, "True": True}.items():
        monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", value)
        assert defers() is meant
        assert defers(deferrable=None) is meant
        assert defers(deferrable=True) is True
        assert defers(deferrable=False) is False


def test_the_default_that_airflow_writes_into_its_configuration_file_says_nothing(defers: Callable[..., bool]) -> None:
    from airflow_provider_ecsjobs.compat import conf

    conf.read_dict({"operators": {"default_deferrable": "False"}})
    try:
        assert defers() is True
    finally:
        conf.remove_section("operators")


GAPS = [
    (EcsJobSensor, {"poke_interval": 120}, r"poke_interval is 120 s, above max_wait \(60 s\)"),
    (EcsJobOperator, {"poll_interval": 120}, r"poll_interval is 120 s, above max_poll_interval \(60 s\)"),
    (
        servers.EcsStopServersOperator,
        {"max_poll_interval": 1},
        r"poll_interval is 10 s, above max_poll_interval \(1 s\)",
    ),
    (EcsJobSensor, {"mode": "reschedule"}, r'mode="reschedule" has no effect .* Set deferrable=False'),
    (EcsJobSensor, {"exponential_backoff": True}, r'exponential_backoff has no effect without mode="reschedule"'),
    (EcsJobSensor, {"exponential_backoff": True, "deferrable": False}, r"exponential_backoff has no effect"),
    (EcsJobSensor, {"mode": "reschedule", "deferrable": False, "poke_interval": 5}, r"Below 10 s .* retries"),
]


@pytest.mark.parametrize(("task", "options", "said"), GAPS, ids=ids)
def test_what_does_not_go_together_is_said_when_the_dag_is_parsed(
    task: type, options: dict[str, Any], said: str
) -> None:
    with pytest.warns(UserWarning, match=f"Task task: .*{said}") as caught:
        make(task, **options)
    assert len(caught) == 1


def test_what_goes_together_is_silent(recwarn: pytest.WarningsRecorder) -> None:
    make(EcsJobSensor, mode="reschedule", deferrable=False)
    make(EcsJobSensor, mode="reschedule", deferrable=False, exponential_backoff=True)
    make(EcsJobSensor, poke_interval=120, max_wait=120)
    make(EcsJobSensor, poke_interval=120, max_wait=None)
    make(EcsJobOperator, poll_interval=60)
    assert not [one for one in recwarn if issubclass(one.category, UserWarning) and "Task task" in str(one.message)]
