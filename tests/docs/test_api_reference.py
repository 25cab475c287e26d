"""docs/api.md documents each parameter of what it lists, and says the unit of each length of time."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import pytest

from tests.docs.pages import TEXTS

UNITS = re.compile(r"\bseconds?\b|\bGB\b|\b(?:how )?many\b|whether|since the epoch|status|per second")


def _listed() -> dict[str, Any]:
    """Return the public classes and functions of the reference, by their path."""
    found = {}
    for kind, path in re.findall(r"auto(\w+):: (\S+)", TEXTS["docs/api.md"]):
        if kind == "module":
            module = importlib.import_module(path)
            found |= {f"{path}.{name}": getattr(module, name) for name in module.__all__}
        elif kind in ("class", "function"):
            module_path, _, name = path.rpartition(".")
            found[path] = getattr(importlib.import_module(module_path), name)
    return found


def _documented(thing: Any) -> dict[str, str]:
    doc = inspect.getdoc(thing) or ""
    return {
        name: " ".join(text.split())
        for name, text in re.findall(r"^:param (\w+): (.*?)(?=^:|^\S|\Z)", doc, re.M | re.S)
    }


def _callables(thing: Any) -> list[Any]:
    """Return what can be called: a function, or the class and its public methods."""
    if not isinstance(thing, type):
        return [thing]
    own = [member for name, member in vars(thing).items() if not name.startswith("_") and inspect.isfunction(member)]
    return [thing, *own]


CALLABLES = {getattr(one, "__qualname__", name): one for name, thing in _listed().items() for one in _callables(thing)}


@pytest.mark.parametrize("name", CALLABLES)
def test_each_parameter_is_documented_with_its_unit(name: str) -> None:
    thing = CALLABLES[name]
    documented = _documented(thing)
    own = thing.__init__ if isinstance(thing, type) and "__init__" in vars(thing) else thing
    if not documented and not (isinstance(thing, type) and own is not thing):
        return  # a method of a single obvious parameter, or a class that takes what its base takes
    for parameter in inspect.signature(own).parameters.values():
        if parameter.name in ("self", "context", "event") or parameter.kind is parameter.VAR_KEYWORD:
            continue
        assert parameter.name in documented, parameter.name
        if isinstance(parameter.default, float) or "timedelta" in str(parameter.annotation):
            assert UNITS.search(documented[parameter.name]), f"the unit of {parameter.name}"
