"""The rules of the cloud for the values in a request, as a table. They cover what the request alone shows.

The codes are from Huawei's error code page. The bounds of disks are from the pages of the requests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_ecsjobs.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_ecsjobs.core.submit.values import IsTemplated

_KINDS_OF_CHARACTERS = ("[A-Z]", "[a-z]", "[0-9]", "[^A-Za-z0-9]")
DISK_TYPES = ("SATA", "SAS", "SSD", "GPSSD", "GPSSD2", "ESSD", "ESSD2", "co-p1", "uh-l1")
"""The types of disks that the API reference names."""
MOST_SERVERS_OF_NEWER_PAGES = 100
MOST_TAGS = 10


class Severity(Enum):
    """The consequence of a broken rule."""

    REJECTED = auto()
    """The cloud rejects the value, so it is an error here."""
    DOUBTFUL = auto()
    """The cloud may reject the value; newer API pages may allow it. A warning at parsing and at the run."""
    DEPENDS = auto()
    """The cloud's reaction depends on the server's state: a warning when the task runs."""


class Rule(NamedTuple):
    """A rule for one value in the body.

    :param path: where the value stands: keys joined by dots, ``[]`` for each item of a list.
    :param is_broken: returns whether a value breaks the rule. It gets ``None`` for a value that is left out.
    :param says: what is wrong; the message puts the value's name before it. It contains ``{value}`` unless the value
        is a secret.
    :param severity: the consequence.
    """

    path: str
    is_broken: Callable[[Any], bool]
    says: str
    severity: Severity = Severity.REJECTED


def _is_weak(password: Any) -> bool:
    if not isinstance(password, str):
        return False
    kinds = sum(bool(re.search(kind, password)) for kind in _KINDS_OF_CHARACTERS)
    return not 8 <= len(password) <= 26 or kinds < 3


def _listed(tags: Any) -> Sequence[Any]:
    """Return the tags; none if it is no list of them, which the cloud reports."""
    return tags if isinstance(tags, list | tuple) else ()


def _has_key_twice(tags: Any) -> bool:
    keys = [tag.get("key") for tag in _listed(tags) if isinstance(tag, Mapping)]
    known = [key for key in keys if isinstance(key, str) and "{{" not in key]
    return len(known) > len(set(known))


def _outside(least: int, most: int) -> Callable[[Any], bool]:
    return lambda size: isinstance(size, int) and not least <= size <= most


def _is_unknown_disk_type(name: Any) -> bool:
    return isinstance(name, str) and name not in DISK_TYPES


def _is_too_many(servers: Any) -> bool:
    return isinstance(servers, int) and servers > MOST_SERVERS_OF_NEWER_PAGES


_COMPLEXITY = "needs 8 to 26 characters, of at least three kinds: A-Z, a-z, 0-9, others (Ecs.0011)"
_TYPE = f"is {{value}}, which is none of {', '.join(DISK_TYPES)}"
_NEW_SERVERS = (
    Rule(
        "server.name",
        lambda name: isinstance(name, str) and bool(re.search(r"[^\w.-]", name)),
        "is {value}; the cloud takes letters, digits, '_', '-' and '.' (Ecs.0914)",
    ),
    Rule(
        "server.name",
        lambda name: isinstance(name, str) and len(name) > 64,
        "has more than 64 characters (Ecs.0915)",
    ),
    Rule("server.adminPass", _is_weak, _COMPLEXITY),
    Rule(
        "server.server_tags",
        lambda tags: len(_listed(tags)) > MOST_TAGS,
        f"are more than {MOST_TAGS} (Ecs.0905)",
    ),
    Rule("server.server_tags", _has_key_twice, "have the same key twice (Ecs.0908)"),
    Rule(
        "server.count",
        _is_too_many,
        f"is {{value}}; the newest API reference allows {MOST_SERVERS_OF_NEWER_PAGES} at once (older pages 500)",
        Severity.DOUBTFUL,
    ),
    Rule(
        "server.root_volume.size",
        _outside(0, 1024),
        "is {value}; a system disk has 1 to 1024 GB, or 0 for the image's minimum",
        Severity.DOUBTFUL,
    ),
    Rule(
        "server.data_volumes[].size",
        _outside(10, 32768),
        "is {value}; a data disk has 10 to 32768 GB",
        Severity.DOUBTFUL,
    ),
    Rule("server.root_volume.volumetype", _is_unknown_disk_type, _TYPE, Severity.DOUBTFUL),
    Rule("server.data_volumes[].volumetype", _is_unknown_disk_type, _TYPE, Severity.DOUBTFUL),
)


def _stopped(key: str) -> Rule:
    says = "is not 'withStopServer', so the server must be stopped: the cloud rejects a running one (Ecs.0100)"
    return Rule(f"{key}.mode", lambda mode: mode != "withStopServer", says, Severity.DEPENDS)


_CHANGE_OS = (_stopped("os-change"), Rule("os-change.adminpass", _is_weak, _COMPLEXITY))
_REINSTALL_OS = (_stopped("os-reinstall"), Rule("os-reinstall.adminpass", _is_weak, _COMPLEXITY))

RULES: Mapping[str, Sequence[Rule]] = MappingProxyType(
    {
        "create_post_paid_servers": _NEW_SERVERS,
        "create_servers": _NEW_SERVERS,
        "resize_post_paid_server": (_stopped("resize"),),
        "resize_server": (_stopped("resize"),),
        "change_server_os_with_cloud_init": _CHANGE_OS,
        "change_server_os_without_cloud_init": _CHANGE_OS,
        "reinstall_server_with_cloud_init": _REINSTALL_OS,
        "reinstall_server_without_cloud_init": _REINSTALL_OS,
    }
)
"""The rules of each operation that has any."""


def broken_rules(
    rules: Sequence[Rule], severity: Severity, body: Any, *, is_templated: IsTemplated, names: Mapping[str, str]
) -> Iterator[str]:
    """Yield a message for each rule of one severity that a body breaks.

    :param rules: the rules.
    :param severity: the severity.
    :param body: the JSON object.
    :param is_templated: returns whether a value is not known yet. Such values are skipped.
    :param names: the caller's parameter names of the body's keys, where they differ.
    """
    for rule in rules:
        if rule.severity is not severity:
            continue
        for path, value in values_at(body, rule.path, is_templated):
            if rule.is_broken(value):
                yield f"{_named(path, names)} {rule.says.format(value=shown(value))}"


def _named(path: str, names: Mapping[str, str]) -> str:
    above, bracket, below = path.partition("[")
    return f"{names.get(above, above)}{bracket}{below}"


def split_path(path: str) -> list[str]:
    """Split a path into its keys, and ``[]`` for each item of a list."""
    return re.findall(r"\[\]|[^.\[\]]+", path)


def values_at(body: Any, path: str, is_templated: IsTemplated) -> Iterator[tuple[str, Any]]:
    """Yield the values at a path, each with its own path; ``None`` for a value that is left out.

    :param body: the JSON object.
    :param path: keys joined by dots, ``[]`` for each item of a list.
    :param is_templated: returns whether a value is not known yet. Such values are skipped.
    """
    return _values_at(body, split_path(path), "", is_templated)


def _values_at(node: Any, steps: Sequence[str], path: str, is_templated: IsTemplated) -> Iterator[tuple[str, Any]]:
    if is_templated(node):
        return
    if not steps:
        yield path, node
        return
    step, *rest = steps
    if step == "[]":
        for index, item in enumerate(node if isinstance(node, list | tuple) else ()):
            yield from _values_at(item, rest, f"{path}[{index}]", is_templated)
    elif isinstance(node, Mapping):
        yield from _values_at(node.get(step), rest, f"{path}.{step}" if path else step, is_templated)
