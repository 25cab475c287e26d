"""The addresses in docs/inventories.py: their names exist, and Sphinx can read what is written of them."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def _inventories() -> Any:
    spec = importlib.util.spec_from_file_location("inventories", ROOT / "docs" / "inventories.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INVENTORIES = _inventories()
ENTRIES = [(name, at) for names in INVENTORIES.NAMES.values() for name, at in names.items()]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Airflow has moved them, and its pages have not
@pytest.mark.parametrize(("name", "at"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_the_name_exists_and_is_what_its_role_says(name: str, at: str) -> None:
    module, _, member = name.rpartition(".")
    found = getattr(importlib.import_module(module) if module else builtins, member)
    role, _, page = at.partition(" ")
    assert role == "data" or isinstance(found, type)
    assert (role == "exception") == (isinstance(found, type) and issubclass(found, BaseException))
    assert page.endswith(".html")


def test_the_inventories_list_each_name(tmp_path: Path) -> None:
    mapping = INVENTORIES.write(tmp_path)

    assert [site for site, _ in mapping.values()] == list(INVENTORIES.NAMES)
    for site, path in mapping.values():
        *head, body = (tmp_path / path).read_bytes().split(b"\n", 4)
        assert head[0] == b"# Sphinx inventory version 2"
        listed = zlib.decompress(body).decode().splitlines()
        assert [line.split()[0] for line in listed] == list(INVENTORIES.NAMES[site])
