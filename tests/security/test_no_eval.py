"""Nothing in the package runs, or builds objects from, what came from outside; and ids stay in their path segment."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import airflow_provider_ecsjobs
from airflow_provider_ecsjobs.core.errors import EcsInvalidJobIdError, EcsInvalidRequestError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

ROOT = Path(airflow_provider_ecsjobs.__file__).parent
CALLS = {"eval", "exec", "compile", "__import__", "literal_eval", "system", "popen", "Template", "from_string"}
MODULES = {"pickle", "marshal", "shelve", "dill", "jsonpickle", "yaml", "xml", "subprocess", "code", "runpy"}
SEGMENTS = ["..", ".", "../x", "a/b", "a\\b", "a?b", "a#b", "%2e%2e", "a b", "a\n", "\u0661", "", "x" * 129, None, 5]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_evaluated(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert {name.split(".")[0] for name in names}.isdisjoint(MODULES)
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            is_regex = isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "re.compile"
            assert is_regex or called not in CALLS


@pytest.mark.parametrize("job_id", SEGMENTS, ids=repr)
def test_a_job_id_that_is_no_segment_is_not_asked_for(connected: Emulator, job_id: Any) -> None:
    hook = EcsJobsHook()
    for ask in (hook.poll_once, hook.get_job, hook.wait_for_job):
        with pytest.raises(EcsInvalidJobIdError):
            ask(job_id)
    assert connected.counters["requests"] == 0


@pytest.mark.parametrize("value", SEGMENTS, ids=repr)
@pytest.mark.parametrize(
    ("operation", "name", "more"),
    [
        ("resize_server", "server_id", {"body": {"resize": {"flavorRef": "f"}}}),
        ("detach_server_volume", "server_id", {"volume_id": "v"}),
        ("detach_server_volume", "volume_id", {"server_id": "s"}),
    ],
)
def test_a_parameter_that_is_no_segment_is_not_sent(
    connected: Emulator, operation: str, name: str, more: dict[str, Any], value: Any
) -> None:
    with pytest.raises(EcsInvalidRequestError, match=name):
        EcsJobsHook().submit(operation, **{name: value, **more})
    assert connected.counters["requests"] == 0
