"""The page docs/emulator.md, made from the tables of the emulator: ``python -m tests.emulator.emulator_page``."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_ecsjobs.emulator.control_table import CONTROLS
from airflow_provider_ecsjobs.emulator.list_routes import LISTS
from airflow_provider_ecsjobs.emulator.operations import OPERATIONS
from airflow_provider_ecsjobs.emulator.read_routes import READS
from airflow_provider_ecsjobs.emulator.rules import RULES
from tests.emulator.rule_breakers import BREAKERS

PAGE = Path(__file__).parents[2] / "docs" / "emulator.md"

_HEAD = """# The ECS emulator: what it serves and rejects

This page is generated from the emulator's own tables by `python -m tests.emulator.emulator_page`.
If a route is unknown, the response is a `404` that names the emulator. The counter `not_emulated` counts it.

"""


def render() -> str:
    """Return the page."""
    operations = [f"| `{one.name}` | `{one.method} {one.path}` | `{one.job_type}` |" for one in OPERATIONS]
    reads = [f"| `GET {path}` | {listed.describe()} |" for path, listed in LISTS.items()]
    reads += [f"| `GET {path}` | {read.what} |" for path, read in READS.items()]
    rules = [
        f"| {rule.what} | {rule.source or 'inferred'} | {'documented' if rule.coded else 'inferred'} |"
        f" {BREAKERS[name].shown()} | {rule.status} `{rule.code}` |"
        for name, rule in RULES.items()
    ]
    controls = [
        f"| `{one.method} /_emulator/{one.path}` | `{one.name}` | {one.what} |"
        f" {', '.join(_shown(key, one.required) for key in one.keys) or '-'} |"
        for one in CONTROLS
    ]
    return _HEAD + "\n".join(
        [
            "## Asynchronous requests\n",
            "| operation | request | job type |\n| --- | --- | --- |",
            *operations,
            "\nA server is `BUILD` from the submit on, then `ACTIVE`, or `ERROR` if its part of the job failed.",
            "While a job runs, `OS-EXT-STS:task_state` shows its task. A reboot, resize, migration or change of the",
            "system also shows in `status` (`REBOOT`, `HARD_REBOOT`, `RESIZE`, `MIGRATING`, `REBUILD`).",
            "A stopped server is `SHUTOFF`.",
            "The recycle bin is off by default. Switch it on with `Emulator(recycle_bin=True)` or `--recycle-bin`.",
            "\n## Reads\n",
            "| request | response |\n| --- | --- |",
            *reads,
            "\nIf a list does not name a parameter here, the emulator rejects it with `Emulator.0400`. The counter",
            "`not_emulated` counts it. A filter that is ignored would return servers that the cloud does not.",
            "With `server_id=ID,ID`, the other filters have no effect.",
            "`expect-fields` adds keys to those that the v1.1 list shows.",
            "\n## What is rejected\n",
            "*Source* is where Huawei documents the rule. *Code* is whether the source also names the code.",
            "*Inferred* means our guess. If the cloud responds differently, please open an issue.\n",
            "| rule | source | code | broken by | response |\n| --- | --- | --- | --- | --- |",
            *rules,
            "\n## Control\n",
            "These routes are for tests in other processes. They need no credentials. In Python, the fixture",
            "has the same by the names in the second column. Keys in bold are required. The response to an unknown",
            "route is a `404` that names these; no counter counts it.\n",
            "| request | fixture | what it does | keys |\n| --- | --- | --- | --- |",
            *controls,
            "",
        ]
    )


def _shown(key: str, required: tuple[str, ...]) -> str:
    return f"**`{key}`**" if key in required else f"`{key}`"


if __name__ == "__main__":
    PAGE.write_text(render())
