"""The connection form and the test button, as a real Airflow's API serves them to its UI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_ecsjobs.provider_info import CONNECTION_FIELDS, CONNECTION_TYPE, NAME

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator
    from tests.live.standalone import LiveAirflow

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

CONN_ID = "made_through_rest"


@pytest.fixture(scope="module")
def form(airflow: LiveAirflow) -> dict[str, Any]:
    forms = _get(f"{airflow.url}/ui/connections/hook_meta")
    (ours,) = (form for form in forms if form["connection_type"] == CONNECTION_TYPE)
    return dict(ours)


def test_the_form_shows_the_standard_fields_under_our_names(form: dict[str, Any]) -> None:
    assert form["hook_name"] == NAME
    fields = form["standard_fields"]
    assert {name for name, field in fields.items() if field and field["hidden"]} == {"url_schema"}
    assert fields["login"]["title"] == "Access key (AK) or IAM user"
    assert fields["password"]["title"] == "Secret key (SK) or IAM password"
    assert fields["host"]["title"] == "Endpoint"
    assert all(fields[name]["placeholder"] for name in ("login", "password", "host", "port"))


def test_the_form_has_all_extra_fields_with_label_and_help(form: dict[str, Any]) -> None:
    fields = form["extra_fields"]
    assert list(fields) == list(CONNECTION_FIELDS)
    for name, field in fields.items():
        assert field["schema"]["title"] == CONNECTION_FIELDS[name]["label"]
        assert field["description"] == CONNECTION_FIELDS[name]["description"]
    assert fields["auth"]["schema"]["enum"] == ["aksk", "password", "token", "agency", "env"]
    assert fields["auth"]["value"] == "aksk"


def test_the_form_masks_what_is_secret(form: dict[str, Any]) -> None:
    masked = {name for name, field in form["extra_fields"].items() if field["schema"].get("format") == "password"}
    assert masked == {"security_token", "token", "proxy"}


def test_a_connection_made_through_the_api_is_kept_and_tested_with_its_own_secret(
    airflow: LiveAirflow, emulator: Emulator
) -> None:
    made = _as_sent_by_the_form(emulator.connection())
    airflow._call("POST", "/connections", json=made)
    kept = airflow._call("GET", f"/connections/{CONN_ID}")
    assert kept["conn_type"] == CONNECTION_TYPE
    assert kept["password"] == "***"

    # As the button does it: with the secret masked, which Airflow fills in again.
    said = airflow._call("POST", "/connections/test", json={**made, "password": kept["password"]})
    assert said["status"] is True
    project = emulator.projects[0]["id"]
    assert said["message"].startswith(f"Reached project {project} in region {emulator.region} at {emulator.url} as ")


def test_the_test_button_says_what_to_fix(airflow: LiveAirflow, emulator: Emulator) -> None:
    good = _as_sent_by_the_form(emulator.connection()) | {"connection_id": "not_kept"}
    assert "check that" in _tested(airflow, {**good, "password": "canary-of-a-wrong-secret"})
    assert "the connection was refused" in _tested(airflow, {**good, "host": "http://127.0.0.1:1"})
    extra = json.dumps({**json.loads(good["extra"]), "auth": "kerberos"})
    assert "extra 'auth' is 'kerberos'; expected one of" in _tested(airflow, {**good, "extra": extra})


def _tested(airflow: LiveAirflow, connection: dict[str, Any]) -> str:
    said = airflow._call("POST", "/connections/test", json=connection)
    assert "canary" not in said["message"]
    return str(said["message"])


def _as_sent_by_the_form(connection: dict[str, Any]) -> dict[str, Any]:
    """The form sends every extra field, those left empty as null."""
    extra = {**dict.fromkeys(CONNECTION_FIELDS), **connection["extra"]}
    return {**connection, "connection_id": CONN_ID, "extra": json.dumps(extra)}


def _get(url: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, timeout=60)
        answer.raise_for_status()
        return answer.json()
