"""The page of how a wait ends is the tables of the code."""

from __future__ import annotations

from airflow_provider_ecsjobs.core.auth.state import TRANSITIONS, AuthEvent, AuthState, next_state
from tests.docs.waiting_page import PAGE, render


def test_the_page_is_that_of_the_tables() -> None:
    assert PAGE.read_text() == render(), "run python -m tests.docs.waiting_page"


def test_every_event_has_transitions_and_every_state_can_be_left_and_reached() -> None:
    assert set(TRANSITIONS) == set(AuthEvent)
    moves = {(state, follows) for listed in TRANSITIONS.values() for state, follows in listed.items()}
    for state in AuthState:
        assert [pair for pair in moves if pair[0] is state and pair[1] is not state], state
        assert [pair for pair in moves if pair[1] is state and pair[0] is not state], state


def test_an_event_that_is_not_listed_changes_nothing() -> None:
    for event, moves in TRANSITIONS.items():
        for state in AuthState:
            assert next_state(state, event) is moves.get(state, state)
