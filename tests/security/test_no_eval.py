"""Nothing in the package runs, or builds objects from, what came from outside; and ids stay in their path segment."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import airflow_provider_ecsjobs
from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

ROOT = Path(airflow_provider_ecsjobs.__file__).parent
CALLS = {"eval", "exec", "compile", "__import__", "literal_eval", "system", "popen", "Template", "from_string"}
MODULES = {"pickle", "marshal", "shelve", "dill", "jsonpickle", "yaml", "xml", "subprocess", "code", "runpy"}
SEGMENTS = ["..", ".", "../x", "a/b", "a\\b", "a?b", "a#b", "%2e%2e", "a b", "a\n", "\u0661", "", "x" * 129, None, 5]


def evaluations(source: str) -> list[str]:
    """Return the imports and calls of a module that could run what came from outside."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            if not {name.split(".")[0] for name in names}.isdisjoint(MODULES):
                found.append(ast.unparse(node))
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            is_regex = isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "re.compile"
            if called in CALLS and not is_regex:
                found.append(ast.unparse(node))
    return found


def test_nothing_is_evaluated() -> None:
    paths = sorted(ROOT.rglob("*.py"))
    assert len(paths) > 50
    assert {str(path): found for path in paths if (found := evaluations(path.read_text()))} == {}


def test_an_evaluation_would_be_found() -> None:
    source = "import re, pickle\nfrom yaml import load\nre.compile('x')\ncompile('x')\nx.eval('1')\nprint()"
    assert evaluations(source) == ["import re, pickle", "from yaml import load", "compile('x')", "x.eval('1')"]


@pytest.mark.parametrize(
    ("operation", "name", "more"),
    [
        ("resize_server", "server_id", {"body": {"resize": {"flavorRef": "f"}}}),
        ("detach_server_volume", "server_id", {"volume_id": "v"}),
        ("detach_server_volume", "volume_id", {"server_id": "s"}),
    ],
)
def test_a_parameter_that_is_no_segment_is_not_sent(
    connected: Emulator, operation: str, name: str, more: dict[str, Any]
) -> None:
    for value in SEGMENTS:
        with pytest.raises(EcsInvalidRequestError, match=name):
            EcsJobsHook().submit(operation, **{name: value, **more})
    assert connected.counters["requests"] == 0
