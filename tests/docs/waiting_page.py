"""The page docs/waiting.md, made from the tables of the code: ``python -m tests.docs.waiting_page``."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs.core.auth.session import CONFIRM_AFTER, MAX_RENEWALS, UNAUTHORIZED_KEPT
from airflow_provider_ecsjobs.core.auth.state import TRANSITIONS, AuthState
from airflow_provider_ecsjobs.core.errors import ErrorKind
from airflow_provider_ecsjobs.core.response_table import LOGIN_TABLE, POLL_TABLE, REQUEST_TABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_provider_ecsjobs.core.response_table import Row

PAGE = Path(__file__).parents[2] / "docs" / "waiting.md"
LONGEST_LIST = 12

MEANINGS = {
    ErrorKind.TRANSIENT: "passes: poll again",
    ErrorKind.THROTTLED: "passes: poll again, more slowly",
    ErrorKind.UNAUTHORIZED: "once confirmed: the credentials are refused (`unauthorized`)",
    ErrorKind.FORBIDDEN: "ends: a permission is missing (`error`)",
    ErrorKind.NOT_FOUND: "ends: unknown job (`not_found`)",
    ErrorKind.REJECTED: "ends: the request was rejected (`error`)",
}
REQUEST_MEANINGS = {
    ErrorKind.TRANSIENT: "passes, or outcome unknown",
    ErrorKind.THROTTLED: "passes: send again, later",
    ErrorKind.UNAUTHORIZED: "once confirmed: refused",
    ErrorKind.FORBIDDEN: "rejected: a permission is missing",
    ErrorKind.NOT_FOUND: "rejected: it does not exist",
    ErrorKind.REJECTED: "rejected",
}

_HEAD = """# How a wait ends

This page is made from the tables of the code, by `python -m tests.docs.waiting_page`.

Only a response with an error code of the cloud can end a wait. A response without a known code does not, at any HTTP
status: it may come from a proxy, and says nothing about the job. The wait then polls again ("passes"). If there was no
good response for `unreachable_timeout` (15 min), the wait fails. Its message has the last response.

## What a response to a poll means

A 2xx with a `status` is the job. `SUCCESS` and `FAIL` end the wait. A response about another job passes. No response at
all (a reset, a timeout) passes, too. For everything else, the first row that fits decides.

"""


def render() -> str:
    """Return the page."""
    return _HEAD + "\n".join(
        [
            *_table(POLL_TABLE, MEANINGS),
            "\nFor `not_found_grace` after the submit, an unknown job passes, too.",
            "",
            "## A 401",
            "",
            "A 401 with a known code is confirmed before a wait fails. All waits of a connection share these steps:",
            "",
            f"1. A new token, or a new key of the agency, is fetched: at most {MAX_RENEWALS} times in a row.",
            "2. The Airflow connection is read again. If it has changed, it is used.",
            f"3. If nothing is new, one more request is sent after {CONFIRM_AFTER:g} s. The waits go on if that works.",
            "4. If that is a 401 with a known code too, all waits of the connection fail. No further request is sent",
            f"   for {UNAUTHORIZED_KEPT:g} s, because more than five failures in a row lock a key.",
            "",
            "The message of a wait has the request id of its own request. If another wait's request got the response,",
            "the message says so.",
            "",
            "The credentials have one state. An event that is not listed does not change it.",
            "",
            "| event | state | next state |\n| --- | --- | --- |",
            *(
                f"| {event.value} | {', '.join(f'`{state.name}`' for state in states)} | `{follows.name}` |"
                for event, moves in TRANSITIONS.items()
                for follows, states in _grouped(moves.items())
            ),
            "",
            "## What a response to a submit means",
            "",
            *_table(REQUEST_TABLE, REQUEST_MEANINGS),
            "",
            "## What a response of IAM means",
            "",
            *_table(LOGIN_TABLE, REQUEST_MEANINGS),
            "",
        ]
    )


def _grouped(moves: Collection[tuple[AuthState, AuthState]]) -> list[tuple[AuthState, list[AuthState]]]:
    grouped: dict[AuthState, list[AuthState]] = {}
    for state, follows in moves:
        grouped.setdefault(follows, []).append(state)
    return list(grouped.items())


def _table(table: Sequence[Row], meanings: dict[ErrorKind, str]) -> list[str]:
    head = "| response | code | sent by | HTTP status | meaning |\n| --- | --- | --- | --- | --- |"
    rows = [
        f"| {row.what} | {_codes(row)} | {', '.join(row.senders) or 'any'} | {_statuses(row)} | {meanings[row.kind]} |"
        for row in table
    ]
    return [head, *rows]


def _statuses(row: Row) -> str:
    shown = {(500, 999): "5xx", (0, 399): "below 400"}
    return ", ".join(shown.get(pair, str(pair[0])) for pair in row.statuses) or "any"


def _codes(row: Row) -> str:
    """Return the codes of a row: each service with its numbers, long runs as a range."""
    codes = sorted(code for code in row.codes if not code.startswith("APIG."))
    shown = []
    for service, listed in groupby(codes, lambda code: code.rpartition(".")[0]):
        numbers = [code.rpartition(".")[2] for code in listed]
        text = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > LONGEST_LIST else ", ".join(numbers)
        shown.append(f"`{service}.`{text}" if service else text)
    return "; ".join(shown) or "any"


if __name__ == "__main__":
    PAGE.write_text(render())
