"""The states of a login, and the table of their transitions.

    NONE --logged in--> UNTRIED --accepted--> PROVEN --logged in again--> UNTRIED
                           |                    |
                           +-- unauthorized ----+--> DOUBTED --a new token, or the connection changed--> NONE
                                                        |
                                                        +--nothing new, after a pause--> SUSPECT
                                                                                            |-- accepted --> PROVEN
                                                                                            +-- 401 -> UNAUTHORIZED
    UNAUTHORIZED --the connection changed--> NONE, --a minute is over--> SUSPECT

Requests are sent while the state is ``UNTRIED`` or ``SUSPECT`` (one at a time) and ``PROVEN`` (in parallel).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class AuthState(Enum):
    """The state of the credentials."""

    NONE = "none"
    """There are none yet, or they were discarded."""
    UNTRIED = "untried"
    """The cloud has not seen them yet."""
    PROVEN = "proven"
    """The cloud accepted them."""
    DOUBTED = "doubted"
    """The cloud sent a coded 401, and other credentials are being looked for. No request is sent."""
    SUSPECT = "suspect"
    """There are no other credentials. The next request confirms the 401, or shows that it was temporary."""
    UNAUTHORIZED = "unauthorized"
    """The 401 is confirmed. No request is sent for a minute."""


class AuthEvent(Enum):
    """An event that can change the state."""

    LOGGED_IN = "logged in"
    """There are new credentials."""
    ACCEPTED = "accepted"
    """A response shows that the cloud accepts them."""
    UNAUTHORIZED = "unauthorized"
    """A request or a login got a coded 401."""
    REPLACED = "replaced"
    """They were discarded: a new token is to be fetched, or the Airflow connection has changed."""
    NOTHING_NEW = "nothing new"
    """There is no new token and no changed connection, and the delay has passed."""
    RETRY_DUE = "retry due"
    """The 401 was confirmed a minute ago, so that one request may try again."""


_NONE, _UNTRIED, _PROVEN = AuthState.NONE, AuthState.UNTRIED, AuthState.PROVEN
_DOUBTED, _SUSPECT, _UNAUTHORIZED = AuthState.DOUBTED, AuthState.SUSPECT, AuthState.UNAUTHORIZED

TRANSITIONS: Mapping[AuthEvent, Mapping[AuthState, AuthState]] = {
    AuthEvent.LOGGED_IN: {
        _NONE: _UNTRIED,
        _UNTRIED: _UNTRIED,
        _PROVEN: _UNTRIED,
        _DOUBTED: _UNTRIED,
        _SUSPECT: _SUSPECT,
        _UNAUTHORIZED: _UNTRIED,
    },
    AuthEvent.ACCEPTED: {_UNTRIED: _PROVEN, _PROVEN: _PROVEN, _SUSPECT: _PROVEN},
    AuthEvent.UNAUTHORIZED: {
        _NONE: _DOUBTED,
        _UNTRIED: _DOUBTED,
        _PROVEN: _DOUBTED,
        _DOUBTED: _DOUBTED,
        _SUSPECT: _UNAUTHORIZED,
        _UNAUTHORIZED: _UNAUTHORIZED,
    },
    AuthEvent.REPLACED: {_DOUBTED: _NONE, _UNAUTHORIZED: _NONE},
    AuthEvent.NOTHING_NEW: {_DOUBTED: _SUSPECT},
    AuthEvent.RETRY_DUE: {_UNAUTHORIZED: _SUSPECT},
}
"""The next state. An event that is not listed for a state changes nothing: it is about older credentials."""


def next_state(state: AuthState, event: AuthEvent) -> AuthState:
    """Return the next state."""
    return TRANSITIONS[event].get(state, state)
