"""What a person is told about a log-in that does not work: in waits, in submits, and by the test button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from airflow_provider_ecsjobs.emulator import Emulator, Fault
from airflow_provider_ecsjobs.exceptions import EcsJobsError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from tests.security.raw_server import RawServer, answer, by_trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    Routes = dict[str, bytes]

pytestmark = pytest.mark.usefixtures("quick_backoff")
JOB_ID = "00000000000000000000000000000abc"
PROJECT = "11111111111111111111111111111111"
SUCCESS = answer(200, {"status": "SUCCESS", "job_id": JOB_ID, "job_type": "createServer", "entities": {}})
TOKEN = answer(201, {"token": {"project": {"id": PROJECT}}}, X_Subject_Token="canary-token")
NO_AGENCY = "<html><body><h1>401 Unauthorized</h1>Please configure Cloud Service Agency first</body></html>"


def gateway(status: int, code: str, message: str) -> bytes:
    return answer(status, {"error_code": code, "error_msg": message, "request_id": "req-1"})


def iam(status: int, message: str) -> bytes:
    return answer(status, {"error": {"code": status, "message": message, "title": "Title"}})


class Case(NamedTuple):
    """What a cloud answers to each path, and what is said about it."""

    auth: str
    routes: Routes
    said: tuple[str, ...]
    unsaid: tuple[str, ...] = ()
    project: str | None = PROJECT


CASES = {
    "IAM user locked": Case(
        "password",
        {"/v3/auth/tokens": iam(401, "The account is locked.")},
        ("IAM user user of domain: the IAM user is locked for 15 min, after too many wrong passwords",),
        ("signature", "lock a key"),
    ),
    "IAM user with a wrong password": Case(
        "password",
        {"/v3/auth/tokens": iam(401, "The username or password is wrong.")},
        ("check user, password and 'domain_name'",),
        ("locked for",),
    ),
    "key locked": Case(
        "aksk",
        {"/jobs/": gateway(401, "APIGW.0301", "Incorrect IAM authentication information: ak has been locked")},
        ("key AK: the key is locked for 5 min",),
        ("15 min",),
    ),
    "endpoint of another region": Case(
        "password",
        {"/v3/auth/tokens": TOKEN, "/jobs/": gateway(401, "APIGW.0307", "The token must be updated.")},
        ("IAM has just given this token", "{url} does not take it", "of region cn-north-4", "'host' and 'region'"),
        ("check user", "password and"),
    ),
    "given token of another region": Case(
        "token",
        {"/jobs/": gateway(401, "APIGW.0307", "The token must be updated.")},
        ("the token has expired, or is for another project or region than {url} serves",),
    ),
    "key may not list projects": Case(
        "aksk",
        {"/v3/projects": iam(403, "You are not authorized to perform the requested action: identity:list_projects")},
        ("key AK: it may not list projects in IAM. Set 'project_id'", "identity:list_projects"),
        ("ReadOnlyAccess",),
        project=None,
    ),
    "IAM forbids the login": Case(
        "password",
        {"/v3/auth/tokens": iam(403, "Access is denied by the ACL")},
        ("IAM forbids this login",),
        ("ReadOnlyAccess", "may not list projects"),
    ),
    "region forbidden": Case(
        "aksk",
        {"/jobs/": gateway(403, "APIGW.0802", "The IAM user is forbidden in the currently selected region")},
        ("the user may not use region cn-north-4",),
        ("ReadOnlyAccess",),
    ),
    "region forbidden to the account": Case(
        "aksk",
        {"/jobs/": gateway(403, "APIGW.0801", "The region is not available")},
        ("the user may not use region cn-north-4",),
        ("ReadOnlyAccess",),
    ),
    "project not available": Case(
        "aksk",
        {"/jobs/": gateway(403, "APIGW.0310", "The project is unavailable.")},
        (f"project {PROJECT} is not available",),
        ("ReadOnlyAccess",),
    ),
    "permission missing": Case(
        "aksk",
        {"/jobs/": answer(403, {"error": {"code": "Pdp.0001", "message": "Policy doesn't allow it"}})},
        ("a permission is missing in project", "ECS ReadOnlyAccess"),
    ),
    "permission of another service missing": Case(
        "aksk",
        {
            "/jobs/": answer(
                401, {"error": {"code": "EPS.0003", "message": "policy doesn't allow ecs:cloudServers:list"}}
            )
        },
        ("a permission is missing in project",),
        ("check that the key exists",),
    ),
    "clock off by two hours": Case(
        "aksk",
        {
            "/jobs/": gateway(
                401,
                "APIGW.0301",
                "Incorrect IAM authentication information: signature expired, client time:20260101T000000Z,"
                " server time:20260101T020000Z",
            )
        },
        ("this machine's clock is 2 h 0 min behind the server's", "Set the clock"),
        ("check that the key exists",),
    ),
    "clock off by an unknown time": Case(
        "aksk",
        {"/jobs/": gateway(401, "APIGW.0301", "Incorrect IAM authentication information: signature expired")},
        ("Check this machine's clock",),
        ("check that the key exists",),
    ),
    "no agency": Case(
        "agency",
        {"/latest/api/token": answer(404), "/securitykey": answer(401, NO_AGENCY.encode(), Content_Type="text/html")},
        ("Please configure Cloud Service Agency first", "an agency assigned to it?"),
        ("<h1>",),
    ),
}


class Cloud(RawServer):
    """Answers by path: IAM, the metadata service and ECS at one address."""

    def __init__(self, routes: Routes) -> None:
        super().__init__(lambda head: next((body for path, body in routes.items() if path in head), answer(404)))


def fields_of(url: str, auth: str, project: str | None) -> dict[str, Any]:
    extra = {"auth": auth, "region": "cn-north-4", "iam_endpoint": url, "metadata_endpoint": url, "token": "canary-t"}
    extra |= {"domain_name": "domain", **({} if project is None else {"project_id": project})}
    login = {"aksk": "AK", "password": "user"}.get(auth, "")
    return {"conn_type": "huawei_ecs", "login": login, "password": "canary-secret", "host": url, "extra": extra}


def by_button(_: str) -> str:
    works, text = EcsJobsHook().test_connection()
    assert not works
    return text


def by_wait(job_id: str) -> str:
    with pytest.raises(EcsJobsError) as caught:
        EcsJobsHook().wait_for_job(job_id)
    return str(caught.value)


def by_submit(_: str) -> str:
    with pytest.raises(EcsJobsError) as caught:
        EcsJobsHook().submit("delete_servers", body={"servers": [{"id": "s"}]})
    return str(caught.value)


WAYS = {"button": by_button, "wait": by_wait, "trigger": by_trigger, "submit": by_submit}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_the_advice_fits_the_answer_wherever_it_is_shown(
    name: str, way: str, set_connection: Callable[..., None]
) -> None:
    case = CASES[name]
    routes = {**case.routes, "/cloudservers/delete": case.routes.get("/jobs/", SUCCESS)}
    with Cloud(routes) as cloud:
        set_connection(**fields_of(cloud.url, case.auth, case.project))
        text = WAYS[way](JOB_ID)
    for said in case.said:
        assert said.format(url=cloud.url) in text
    for unsaid in (*case.unsaid, "canary"):
        assert unsaid not in text


def test_a_project_is_matched_by_its_exact_name(set_connection: Callable[..., None]) -> None:
    projects = [{"id": "2" * 32, "name": "cn-north-4_team"}, {"id": PROJECT, "name": "cn-north-4"}]
    with Cloud({"/v3/projects": answer(200, {"projects": projects}), f"/v1/{PROJECT}/jobs/": SUCCESS}) as cloud:
        set_connection(**fields_of(cloud.url, "aksk", None))
        assert EcsJobsHook().get_job(JOB_ID).project_id == PROJECT


def test_an_address_that_can_not_be_reached_is_named_alone(set_connection: Callable[..., None]) -> None:
    fields = fields_of("http://127.0.0.1:1", "password", PROJECT)
    set_connection(**{**fields, "host": "http://127.0.0.1:2"})
    text = by_button(JOB_ID)
    assert text.startswith("Not reachable: asking IAM at 127.0.0.1:1 for a token: ")
    assert text.endswith("Check 'iam_endpoint', 'region', 'proxy' and 'verify'.")
    assert "127.0.0.1:2" not in text


@pytest.mark.parametrize("required", [True, False], ids=["required", "optional"])
def test_an_agency_logs_in_with_a_token_of_imdsv2(required: bool, set_connection: Callable[..., None]) -> None:
    with Emulator() as emulator:
        emulator.require_metadata_tokens(required)
        set_connection(**emulator.connection("agency"))
        assert EcsJobsHook().get_job(emulator.plant_job({"status": "INIT"})).status == "INIT"
        assert emulator.counters["metadata_tokens"] == 1
        assert emulator.counters["metadata"] == 1


@pytest.mark.parametrize("status", [404, 405, 503, 400])
def test_an_agency_logs_in_where_imdsv2_is_not_known(status: int, set_connection: Callable[..., None]) -> None:
    with Emulator() as emulator:
        emulator.fault(Fault(path="/latest/api/token", status=status))
        set_connection(**emulator.connection("agency"))
        assert EcsJobsHook().get_job(emulator.plant_job({"status": "INIT"})).status == "INIT"


def test_a_metadata_token_that_is_refused_is_replaced_once(set_connection: Callable[..., None]) -> None:
    with Emulator() as emulator:
        emulator.fault(Fault(path="/securitykey", status=401, body="Unauthorized"))
        set_connection(**emulator.connection("agency"))
        assert EcsJobsHook().get_job(emulator.plant_job({"status": "INIT"})).status == "INIT"
        assert emulator.counters["metadata_tokens"] == 2


def test_a_metadata_token_is_not_asked_for_again_where_there_is_no_agency(set_connection: Callable[..., None]) -> None:
    with Emulator() as emulator:
        emulator.set_agency(assigned=False)
        set_connection(**emulator.connection("agency"))
        assert "Please configure Cloud Service Agency first" in by_button(JOB_ID)
        assert emulator.counters["metadata_tokens"] == 1


def test_what_the_metadata_service_sends_back_of_its_token_is_redacted(set_connection: Callable[..., None]) -> None:
    token = "metadata-token-canary-0123456789"
    routes = {"/latest/api/token": answer(200, token.encode()), "/securitykey": answer(500, f"saw {token}".encode())}
    with Cloud(routes) as cloud:
        set_connection(**fields_of(cloud.url, "agency", PROJECT))
        text = by_button(JOB_ID)
    assert "saw ***" in text
    assert "canary" not in text
