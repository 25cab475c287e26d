"""What is known of a log-in, as states and one table of transitions.

    NONE --logged in--> UNTRIED --accepted--> PROVEN --logged in again--> UNTRIED
                           |                    |
                           +-- unauthorized ----+--> DOUBTED --a new token, or the connection changed--> NONE
                                                        |
                                                        +--nothing new, after a pause--> SUSPECT
                                                                                            |-- accepted ------> PROVEN
                                                                                            +-- unauthorized --> REFUSED
    REFUSED --the connection changed--> NONE, --a minute is over--> SUSPECT

Requests are sent while the state is ``UNTRIED`` or ``SUSPECT`` (one at a time) and ``PROVEN`` (side by side).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class AuthState(Enum):
    """What is known of the credentials."""

    NONE = "none"
    """There are none yet, or they were given up for others."""
    UNTRIED = "untried"
    """The cloud has not seen them yet."""
    PROVEN = "proven"
    """The cloud took them."""
    DOUBTED = "doubted"
    """The cloud answered with a coded 401, and what may help is being tried. Nobody sends a request."""
    SUSPECT = "suspect"
    """Nothing helped. The next request confirms the 401, or shows that it was a passing one."""
    REFUSED = "refused"
    """The 401 is confirmed. Nobody sends a request for a minute."""


class AuthEvent(Enum):
    """What happened."""

    LOGGED_IN = "logged in"
    """There are new credentials."""
    ACCEPTED = "accepted"
    """A response shows that the cloud takes them."""
    UNAUTHORIZED = "unauthorized"
    """A coded 401, to a request or to a log-in."""
    REPLACED = "replaced"
    """They were given up: a new token is to be fetched, or the Airflow connection has changed."""
    NOTHING_NEW = "nothing new"
    """There was no other token and no other connection, and some seconds have passed."""
    RETRY_DUE = "retry due"
    """The refusal is so old that one request may try again."""


_NONE, _UNTRIED, _PROVEN = AuthState.NONE, AuthState.UNTRIED, AuthState.PROVEN
_DOUBTED, _SUSPECT, _REFUSED = AuthState.DOUBTED, AuthState.SUSPECT, AuthState.REFUSED

TRANSITIONS: Mapping[AuthEvent, Mapping[AuthState, AuthState]] = {
    AuthEvent.LOGGED_IN: {
        _NONE: _UNTRIED,
        _UNTRIED: _UNTRIED,
        _PROVEN: _UNTRIED,
        _DOUBTED: _UNTRIED,
        _SUSPECT: _SUSPECT,
        _REFUSED: _UNTRIED,
    },
    AuthEvent.ACCEPTED: {_UNTRIED: _PROVEN, _PROVEN: _PROVEN, _SUSPECT: _PROVEN},
    AuthEvent.UNAUTHORIZED: {
        _NONE: _DOUBTED,
        _UNTRIED: _DOUBTED,
        _PROVEN: _DOUBTED,
        _DOUBTED: _DOUBTED,
        _SUSPECT: _REFUSED,
        _REFUSED: _REFUSED,
    },
    AuthEvent.REPLACED: {_DOUBTED: _NONE, _REFUSED: _NONE},
    AuthEvent.NOTHING_NEW: {_DOUBTED: _SUSPECT},
    AuthEvent.RETRY_DUE: {_REFUSED: _SUSPECT},
}
"""The state that follows. An event that is not listed for a state changes nothing: it is about older credentials."""


def next_state(state: AuthState, event: AuthEvent) -> AuthState:
    """Return the state that follows."""
    return TRANSITIONS[event].get(state, state)
