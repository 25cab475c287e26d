"""A parsed answer holds nothing that a database refuses, whichever way it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example as at
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.responses import MAX_NESTING, parse_object

REFUSED = ["\0", "a\0b", "\ud800", "x\udfff", "é\ud800"]
LOOKALIKES = ["\\u0000", "\\", "u0000", "é", "\N{GRINNING FACE}", "9" * 30, "1e999", "NaN", "[[[[", "{{"]
TEXTS = st.sampled_from(REFUSED + LOOKALIKES) | st.text(
    st.characters(codec="utf-8", exclude_characters="?\ufffd"), max_size=3
)
NUMBERS = st.sampled_from([0, -1, 2**63 - 1, 2**63, -(2**63) + 1, -(2**63), 10**40, 1.5, 1e308, True, False, None])
VALUES = st.recursive(
    TEXTS | NUMBERS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


def storable(value: Any) -> Any:
    """What is to become of a value."""
    if isinstance(value, dict):
        return {storable(key): storable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    if isinstance(value, str):
        return "".join("\ufffd" if char == "\0" else "?" if "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return str(value)
    return value


@given(
    value=st.dictionaries(TEXTS, VALUES, max_size=4),
    is_escaped=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]),
)
@at(value={"a": "\0"}, is_escaped=True, encoding="utf-16-le")
@at(value={"a": "\ud800"}, is_escaped=False, encoding="utf-8")
def test_whatever_an_object_holds_comes_out_storable(value: dict[str, Any], is_escaped: bool, encoding: str) -> None:
    body = json.dumps(value, ensure_ascii=is_escaped).encode(encoding, "surrogatepass")
    parsed = parse_object(body)
    assert parsed == storable(value)
    json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize("number", ["1e999", "-1e0999", "9" * 400 + ".0", "NaN", "-Infinity"])
def test_a_number_that_is_none_is_null_wherever_it_stands(number: str) -> None:
    assert parse_object(f'{{"a": {number}, "b": [{{"c": {number}}}]}}'.encode()) == {"a": None, "b": [{"c": None}]}


@pytest.mark.parametrize("brackets", [MAX_NESTING, 10 * MAX_NESTING])
def test_brackets_in_a_row_are_no_nesting(brackets: int) -> None:
    value = {"flat": [[] for _ in range(brackets)], "text": "[{" * brackets}
    assert parse_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize("body", [b'{"a": "\0"}', b'{"a": 1' + b"0" * 5000 + b"}", b'{"a": "\xff"}'])
def test_what_python_does_not_read_is_no_object(body: bytes) -> None:
    assert parse_object(body) is None
