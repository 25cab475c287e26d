"""The parts of docs/operators/ that repeat the code, made from it: ``python -m tests.docs.operator_pages``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestError
from airflow_provider_ecsjobs.operators import servers
from airflow_provider_ecsjobs.operators.base_request import EcsBaseRequestOperator
from tests.docs.pages import table

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.core.operations import Operation

FOLDER = Path(__file__).parents[2] / "docs" / "operators"
MADE = re.compile(r"(?<=<!-- made from the code: )(\w+)( -->\n).*?(?=<!-- end -->)", re.S)

# A value of each parameter that some operator needs.
VALUES: dict[str, Any] = {
    "server_ids": ["s"],
    "server_id": "s",
    "volume_id": "v",
    "nic_ids": ["n"],
    "subnets": ["s"],
    "flavor": "f",
    "image": "i",
    "name": "web",
    "vpc": "v",
    "root_volume": "SSD",
    "key_name": "k",
    "user_id": "u",
}

_XCOM_KEYS = ("job_id", "server_ids", "nic_ids", "order_id")
_XCOM_WHEN = {"always": "", "if any": " if the job names any", "if ordered": " if the response names an order"}

_REPEAT_BY_TOKEN = "The request carries a client token, so a retry creates no second set."
_REPEAT_HARMLESS = "It is safe to send this request twice. If the response is missing, it is sent again."
_REPEAT_HARMFUL = """\
It is not safe to send this request twice. If the response is missing, the task fails with `EcsOutcomeUnknownNoRetry`,
and the message says what to check. `resubmit_unknown=True` sends it again."""


def render(text: str) -> str:
    """Return a page with the parts that are made from the code."""
    return MADE.sub(lambda found: f"{found[1]}{found[2]}{_made(getattr(servers, found[1]))}", text)


def parameters(operator: type) -> dict[str, Any]:
    """Return the own parameters of an operator, each with its default, in the order of its docstring."""
    bases = [base for base in operator.__mro__ if issubclass(base, EcsBaseRequestOperator)]
    defaults = {
        name: one.default
        for base in bases[: bases.index(EcsBaseRequestOperator)]
        for name, one in inspect.signature(base.__init__).parameters.items()
        if one.kind == one.KEYWORD_ONLY
    }
    documented = re.findall(r"^:param (\w+):", inspect.getdoc(operator) or "", re.M)
    return {name: defaults[name] for name in sorted(defaults, key=documented.index)}


def operations(operator: type) -> list[Operation]:
    """Return the requests that an operator sends: one, or one for each kind of image."""
    names = (getattr(operator, name, None) for name in ("operation", "_with_cloud_init", "_without_cloud_init"))
    return [OPERATIONS[name] for name in names if isinstance(name, str)]


def _made(operator: type) -> str:
    sent = operations(operator)
    lines = [
        "## Parameters",
        "",
        "All of them may be [templates](../operators.md#templates-and-checks). They come beside the",
        "[parameters that all operators share](../operators.md#parameters-of-operators-that-submit).",
        "",
        "| Parameter | Default | Meaning |",
        "| --- | --- | --- |",
        *(_row(operator, name, default) for name, default in parameters(operator).items()),
        "",
        f"Request: {', '.join(f'`{one.name}`' for one in sent)}; {_api_pages(operator)}.{_dry_run(sent)}",
        "",
        "## What it leaves",
        "",
        f"XComs: {_xcoms(operator.__name__)}. [More about them](../xcoms.md).",
        "",
        "## If the response is missing",
        "",
        f"{_repeat(sent)} [Exactly once](../exactly-once.md).",
    ]
    return "\n".join([*lines, "", ""])


def _row(operator: type, name: str, default: Any) -> str:
    needed = name in VALUES and _needs(operator, name)
    shown = "required" if needed else "" if default is None else f"`{default!r}`".replace("'", '"')
    return f"| `{name}` | {shown} | {_meaning(operator, name)} |"


def _needs(operator: type, name: str) -> bool:
    """Return whether the operator can't do without a parameter."""
    given = {one: VALUES[one] for one in parameters(operator) if one in VALUES and one != name}
    try:
        operator(task_id="task", **given)
    except EcsInvalidRequestError:
        return True
    return False


def _meaning(operator: type, name: str) -> str:
    doc = inspect.getdoc(operator) or ""
    (text,) = re.findall(rf"^:param {name}: (.*?)(?=^:)", doc, re.M | re.S)
    plain = " ".join(text.split()).replace(" (templated)", "").replace("``", "`").replace("{{", "&#123;&#123;")
    return f"{plain[0].upper()}{plain[1:]}" if plain[0].isalpha() else plain


def _api_pages(operator: type) -> str:
    doc = " ".join((inspect.getdoc(operator) or "").split())
    (kind, title, text) = re.findall(r"(API pages?): ([^`]*)(`.*?__)\.", doc)[0]
    links = re.sub(r"`([^`<]+) <([^>]+)>`__", r"[\1](\2)", text)
    return f"{kind}: {title}{links}"


def _dry_run(sent: list[Operation]) -> str:
    return "\n`dry_run=True` has the API check the request only." if all(one.has_dry_run for one in sent) else ""


def _xcoms(name: str) -> str:
    (cells,) = (cells for cells in table("xcoms") if cells[0] == f"`{name}`")
    return ", ".join(
        f"`{key}`{_XCOM_WHEN[when]}" for key, when in zip(_XCOM_KEYS, cells[1:], strict=True) if when in _XCOM_WHEN
    )


def _repeat(sent: list[Operation]) -> str:
    if all(one.takes_client_token for one in sent):
        return _REPEAT_BY_TOKEN
    return _REPEAT_HARMLESS if all(one.is_idempotent for one in sent) else _REPEAT_HARMFUL


if __name__ == "__main__":
    for page in FOLDER.glob("*.md"):
        page.write_text(render(page.read_text()))
