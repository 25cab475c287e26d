"""Runs every snippet of README.md and of docs/, and compares the messages that they show with the code."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from airflow.models import Connection
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_ecsjobs import exceptions
from airflow_provider_ecsjobs.core.auth import session
from airflow_provider_ecsjobs.core.auth.diagnosis import describe_reach
from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from airflow_provider_ecsjobs.provider_info import CONNECTION_TYPE
from airflow_provider_ecsjobs.sensors.ecs_jobs import EcsJobSensor
from tests.docs.pages import README, ROOT, TEXT, TEXTS, Snippet, snippet, snippets
from tests.docs.provoked import provoked_messages
from tests.live.demo import EXPECTED_STATES
from tests.support.dag_runs import run_dag
from tests.support.patience import A_MINUTE
from tests.support.task_runs import TaskRun

if TYPE_CHECKING:
    from types import ModuleType

CHECKS = {
    "make": "sh",
    "demo output": "text",
    "install": "sh",
    "environment": "sh",
    "dag": "python",
    "submit dag": "python",
    "submit snippet": "python",
    "fleet dag": "python",
    "fleet of waits": "python",
    "operator dag": "python",
    "operator log": "text",
    "operator failure": "text",
    "wait log": "text",
    "metrics settings": "ini",
    "python": "python",
    "failure text": "text",
    "connection": "json",
    "connections add": "sh",
    "test message": "text",
    "file": "python",
    "pytest": "python",
    "emulator": "sh",
    "emulator output": "text",
    "emulator request": "sh",
}
"""What is checked below, and the language of such snippets."""

AT_ONCE = {"init_seconds": 0, "run_seconds": 0}

CONN_ID = EcsJobsHook.default_conn_name

VARIABLE = f"AIRFLOW_CONN_{CONN_ID.upper()}"


@pytest.mark.parametrize("found", snippets(), ids=str)
def test_each_snippet_has_a_check(found: Snippet) -> None:
    is_drawing_or_directive = found.language == "" or found.language.startswith("{")
    assert is_drawing_or_directive or CHECKS.get(found.check) == found.language


def test_the_make_targets_exist() -> None:
    made = re.findall(r"(?:^|`)make ([a-z0-9.-]*[a-z0-9])", TEXT, re.M)
    assert {"demo", "demo-ui", "test"} <= set(made)
    for target in made:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_the_demo_shows_what_its_page_shows() -> None:
    text = snippet("demo output").text
    run, shown = "", {}
    for indent, name, state in re.findall(r"^( *)(\w+): (success|failed|skipped)\b", text, re.M):
        if indent:
            shown[name] = state == EXPECTED_STATES[run][name]
        else:
            run = name
    assert shown == dict.fromkeys(EXPECTED_STATES[run], True)
    reason = snippet("failure text", page=README).text
    assert textwrap.indent(f"EcsJobFailedNoRetry: {reason}", "  ") in text


def test_the_package_is_installed_as_airflow_knows_it() -> None:
    from airflow.providers_manager import ProvidersManager

    name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    install, _ = snippet("install", page=README).text.splitlines()
    assert shlex.split(install) == ["pip", "install", "."]
    assert name in ProvidersManager().providers


@pytest.mark.parametrize("is_broken", [False, True], ids=["as it is", "can't be imported"])
def test_the_check_of_the_installation_tells_whether_it_works(tmp_path: Path, is_broken: bool) -> None:
    _, check = snippet("install", page=README).text.splitlines()
    if is_broken:
        # As beside a common-compat that lacks a name.
        (tmp_path / "sitecustomize.py").write_text(
            "import sys; sys.modules['airflow.providers.common.compat.sdk'] = None"
        )
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    told = subprocess.run(
        check, shell=True, capture_output=True, text=True, timeout=120, env={**os.environ, **path}, check=False
    )
    assert (told.returncode == 0, told.stdout) == ((False, "") if is_broken else (True, "installed\n"))


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("failing", [0, 1], ids=["success", "failure"])
@pytest.mark.parametrize("found", snippets("dag"), ids=str)
def test_the_dags_run(
    found: Snippet, failing: int, connected: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**connected.connection(), "conn_type": "huaweicloud"}
    monkeypatch.setenv("AIRFLOW_CONN_HUAWEICLOUD_DEFAULT", json.dumps(other))
    module = _import(found.text, tmp_path / f"{_module_name(found)}_{failing}.py")
    job_id = connected.start_job(sub_jobs=3, failing=failing, **AT_ONCE)
    states = run_dag(module.dag, {"job_id": job_id}).states
    assert states.pop("wait") == ("failed" if failing else "success")
    assert set(states.values()) <= {"upstream_failed" if failing else "success"}


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize("found", snippets("submit dag"), ids=str)
def test_the_dags_that_submit_run(found: Snippet, connected: Emulator, tmp_path: Path) -> None:
    module = _import(found.text, tmp_path / f"{_module_name(found)}.py")
    assert set(run_dag(module.dag).states.values()) == {"success"}
    created = [made for made in connected.submissions if made["operation"] == "create_servers"]
    assert len(created) == 1
    assert len(connected.servers) == (0 if "Delete" in found.text else 1)


@pytest.mark.usefixtures("airflow_db")
def test_the_fleet_is_made_and_deleted_in_parts(connected: Emulator, tmp_path: Path) -> None:
    found = snippet("fleet dag")
    states = run_dag(_import(found.text, tmp_path / "fleet.py").dag).states
    assert states == dict.fromkeys(("part.create", "part.use", "part.delete"), "success")
    made = sorted(made["operation"] for made in connected.submissions)
    assert made == ["create_servers", "create_servers", "delete_servers", "delete_servers"]
    assert connected.servers == {}


@pytest.mark.usefixtures("airflow_db")
def test_a_task_waits_for_each_of_many_jobs(connected: Emulator, tmp_path: Path) -> None:
    module = _import(snippet("fleet of waits").text, tmp_path / "many_jobs.py")
    jobs = [connected.start_job(**AT_ONCE), connected.start_job(failing=1, **AT_ONCE)]
    assert sorted(run_dag(module.dag, {"job_ids": jobs}).states["wait"].split(", ")) == ["failed", "success"]


@pytest.mark.parametrize("found", snippets("submit snippet"), ids=str)
def test_the_snippets_that_submit_can_be_parsed(found: Snippet) -> None:
    exec(compile(found.text, found.page, "exec"), {"server_id": "a-server"})


def test_the_callback_tells_why(connected: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = (found for found in snippets("dag") if "on_failure_callback" in found.text)
    module = _import(found.text, tmp_path / "callback_of_docs.py")
    with pytest.raises(exceptions.EcsJobFailed) as caught:
        EcsJobsHook().wait_for_job(connected.start_job(failing=1, **AT_ONCE))
    module.tell({"exception": caught.value})
    assert "FAIL Ecs.0219 No valid host was found" in capsys.readouterr().out


@pytest.mark.parametrize("found", snippets("python"), ids=str)
def test_the_code_runs(found: Snippet, connected: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(found.text, found.page, "exec"), {"job_id": connected.start_job(sub_jobs=3, **AT_ONCE)})
    assert "SUCCESS" in capsys.readouterr().out


@pytest.mark.usefixtures("airflow_db")
def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    dag = snippet("dag", "wait_for_ecs.py", page=README)
    (tmp_path / "dags" / dag.name).write_text(dag.text)
    conftest = snippet("file", "conftest.py")
    (tmp_path / conftest.name).write_text(conftest.text)
    for number, test in enumerate(snippets("pytest")):
        (tmp_path / f"test_of_the_page_{number}.py").write_text(test.text)
    environment = os.environ | {
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "PYTHONPATH": str(tmp_path / "dags"),
        # Hypothesis and others, which the page does not ask for.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    # The garbage collector would look again and again at all that Airflow loads.
    run = "import gc, sys, pytest; gc.disable(); sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", run, "-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.mark.parametrize("found", snippets("connection"), ids=lambda found: f"{found.name}-{found}")
def test_the_connections_wait_for_a_job(found: Snippet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, found.text)
    _wait_through(BaseHook.get_connection(CONN_ID), monkeypatch, auth=found.name)


@pytest.mark.parametrize("found", snippets("environment"), ids=str)
def test_the_exported_connections_wait_for_a_job(found: Snippet, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f'{found.text}printf %s "${VARIABLE}"'
    value = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    monkeypatch.setenv(VARIABLE, value)
    _wait_through(BaseHook.get_connection(CONN_ID), monkeypatch)


def test_the_connection_in_five_lines_has_five() -> None:
    assert snippet("environment", page=README).text.count("\n") == 5


@pytest.mark.usefixtures("airflow_db")
def test_a_connection_added_on_the_command_line_waits_for_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.cli import cli_parser
    from airflow.utils.session import create_session

    words = shlex.split(snippet("connections add").text.replace("\\\n", ""))
    assert words[0] == "airflow"
    arguments = cli_parser.get_parser().parse_args(words[1:])
    arguments.func(arguments)
    with create_session() as session:
        added = session.query(Connection).filter_by(conn_id=CONN_ID).one()
        session.delete(added)
        session.flush()
        assert added.conn_type == CONNECTION_TYPE
        _wait_through(added, monkeypatch)


def test_the_test_button_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = next(one for one in snippets("connection") if one.name == "aksk")
    monkeypatch.setenv(VARIABLE, found.text)
    login = EcsJobsHook().settings.auth_config
    assert describe_reach(login, login.project_id) == snippet("test message").text.strip()


@pytest.mark.parametrize("found", snippets("failure text"), ids=str)
def test_the_failure_text_is_what_the_code_says(found: Snippet, connected: Emulator) -> None:
    text = found.text.strip()
    job_id = re.search(r"ECS job (\w{32})", text)[1]  # type: ignore[index]
    failed_id = re.search(r"sub-job (\w{32})", text)[1]  # type: ignore[index]
    servers = re.findall(r"server ([0-9a-f-]{36})", text)
    job_type = "createSingleServer"
    sub_jobs = [{"job_type": job_type, "status": "SUCCESS", "entities": {"server_id": server}} for server in servers]
    reason = {"error_code": "Ecs.0219", "fail_reason": "No valid host was found"}
    sub_jobs[0] |= {"job_id": failed_id, "status": "FAIL", **reason}
    connected.plant_job(
        {
            "job_id": job_id,
            "job_type": "createServer",
            "status": "FAIL",
            "begin_time": "2026-11-24T00:10:08.000Z",
            "end_time": "2026-11-24T00:10:23.000Z",
            "error_code": "Common.0021",
            "fail_reason": "CollectInfoTask-fail",
            "entities": {"sub_jobs_total": 3, "sub_jobs": sub_jobs},
        }
    )
    with pytest.raises(exceptions.EcsJobFailed) as caught:
        EcsJobsHook().wait_for_job(job_id)
    assert str(caught.value) == text


def test_the_emulator_starts_as_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    python, *words = shlex.split(snippet("emulator").text)
    assert python == "python"
    with subprocess.Popen([sys.executable, *words, "--port", "0"], stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            printed = [emulator.stdout.readline().strip() for _ in range(2)]
            for line, shown in zip(printed, snippet("emulator output").text.splitlines(), strict=True):
                assert re.fullmatch(_pattern(shown).replace("8899", r"\d+"), line)
            url = printed[0].split()[-1]
            monkeypatch.setenv(*shlex.split(printed[1])[1].split("=", 1))
            curl, option, data, address = shlex.split(snippet("emulator request").text)
            assert (curl, option) == ("curl", "-d")
            with urlopen(address.replace("http://127.0.0.1:8899", url), data.encode(), timeout=A_MINUTE) as answer:
                job_id = json.load(answer)["job_id"]
            assert not EcsJobsHook().get_job(job_id).status.is_finished
        finally:
            emulator.terminate()


def test_a_wait_logs_what_its_page_shows(
    connected: Emulator, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = snippet("wait log").text.splitlines()
    job_id = shown[0].split()[1].rstrip(":")
    waiting = [{"job_type": "createSingleServer", "status": "RUNNING"}] * 3
    done = [{**sub_job, "status": "SUCCESS"} for sub_job in waiting]
    job = {"job_id": job_id, "job_type": "createServer", "begin_time": "2026-11-28T01:33:00.000Z"}
    end = {"status": "SUCCESS", "end_time": "2026-11-28T01:34:30.000Z"}
    connected.plant_job(
        {**job, "status": "RUNNING", "entities": {"sub_jobs_total": 3, "sub_jobs": waiting}},
        {**job, **end, "entities": {"sub_jobs_total": 3, "sub_jobs": done}},
    )
    with caplog.at_level("INFO"):
        TaskRun(lambda: EcsJobSensor(task_id="wait", job_id=job_id, timeout=3600, poke_interval=10)).run()
    logged = caplog.text + capsys.readouterr().out  # Airflow 3 prints, 2.11 does not
    for line in shown:
        date = r"\d+\\-\d+\\-\d+\\ [\d:]+"
        pattern = re.sub(date, "[-0-9: ]+", _pattern(line)).replace(r"waited\ 0\ s", r"waited\ \d+\ s")
        assert re.search(pattern, logged), line


@pytest.fixture(scope="module")
def provoked() -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "CONFIRM_AFTER", 0.02)
        return "\n".join(provoked_messages())


@pytest.mark.parametrize("symptom", re.findall(r"\*\*`([^`]+)`\*\*", TEXTS["docs/troubleshooting.md"]))
def test_the_messages_under_troubleshooting_are_those_of_the_code(symptom: str, provoked: str) -> None:
    assert re.search(_pattern(symptom), provoked)


def _wait_through(connection: Any, monkeypatch: pytest.MonkeyPatch, auth: str = "aksk") -> None:
    """Check a connection as it stands; then lead it to an emulator made for it, and wait for a job there."""
    extra = connection.extra_dejson
    assert extra.get("auth", "aksk") == auth
    login, password = connection.login or "key", connection.password or "secret"
    who = {"user_name": login, "password": password, "domain_name": extra.get("domain_name", "")}
    if auth != "password":
        who = {"access_key": login, "secret_key": password}
    project = {"project_id": extra["project_id"]} if "project_id" in extra else {}
    with Emulator(region=extra["region"], **who, **project) as emulator:
        for name, value in emulator.sdk_environment().items():
            monkeypatch.setenv(name, value)
        fields = {"conn_type": connection.conn_type, "login": connection.login, "password": connection.password}
        monkeypatch.setenv(VARIABLE, json.dumps({**fields, "host": connection.host, "extra": extra}))
        assert EcsJobsHook().settings.auth_config.auth == auth
        there = {"iam_endpoint": emulator.url, "metadata_endpoint": emulator.url}
        if "token" in extra:
            there["token"] = emulator.connection("token")["extra"]["token"]
        monkeypatch.setenv(VARIABLE, json.dumps({**fields, "host": emulator.url, "extra": {**extra, **there}}))
        assert EcsJobsHook().wait_for_job(emulator.start_job(**AT_ONCE)).server_ids
        assert EcsJobsHook().test_connection()[0]


def _module_name(found: Snippet) -> str:
    return f"{found}".replace("-", "_").lower()


def _import(text: str, path: Path) -> ModuleType:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _pattern(shown: str) -> str:
    """Make a pattern of a text in which ``...`` stands for anything within a line."""
    return re.escape(shown).replace(re.escape("..."), ".*")
