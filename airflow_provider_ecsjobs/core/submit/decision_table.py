"""The decision table of a submit: what a try does, given what earlier tries have sent.

``docs/exactly-once.md`` shows the table to users. :func:`~airflow_provider_ecsjobs.core.submit.idempotency.decide`
reads it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Recorded(Enum):
    """The content of the record."""

    NOTHING = "nothing"
    NOT_KEPT = "no record is kept, and there was an earlier try"
    """Before Airflow 3.3."""
    UNANSWERED = "a request, but no response"
    """The request was sent, or was about to be sent."""
    ORDER = "an order without a job"
    JOB = "a job"


class Cleared(Enum):
    """Whether a user has cleared the task since."""

    NO = "no"
    YES = "yes"
    AFTER_TOLD = "yes, after being told that the outcome is unknown"


class Repeat(Enum):
    """The reason why a retry is safe if the outcome is unknown."""

    BY_TOKEN = "its client token"  # noqa: S105 - no secret
    HARMLESS = "doing it twice harms nothing"
    HARMFUL = "nothing"
    BY_FUNCTION = "nothing: a function of the user sends it"
    """``@task.ecs_job`` without a ``client_token``: only the function knows whether it sent the request."""


class Seen(Enum):
    """The present state of the recorded job."""

    NOT_YET = "not polled yet"
    RUNNING = "not finished"
    UNPAID = "unpaid, after the task gave up waiting for the payment"
    SUCCEEDED = "succeeded, or good enough"
    FAILED = "failed"
    PURGED = "unknown to the API, beyond the grace"
    UNSEEN = "can't be seen"
    """The poll failed, or the API does not know the job yet."""


class Request(Enum):
    """Whether the request is the recorded one."""

    SAME = "the same"
    CHANGED = "another one"


class Situation(NamedTuple):
    """The facts that the decision depends on."""

    recorded: Recorded
    cleared: Cleared
    repeat: Repeat
    seen: Seen
    request: Request


class Action(Enum):
    """The action of a try."""

    SEND = "send it with this try's token"
    SEND_THEN_POLL = "send it with this try's token, then poll the job"
    SEND_RECORDED = "send it with the recorded token, then poll the job"
    SEND_AGAIN = "send it again"
    SEND_NEXT = "send it with the next token"
    SEND_ANEW = "send it with a token never used before"
    POLL = "poll the job"
    DONE = "done: this is the result; wait for the job if it runs"
    FAIL_UNKNOWN = "fail: tell the user that the outcome is unknown, and record that"
    FAIL_PURGED = "fail: it is unknown how the job ended"
    FAIL_BUSY = "fail: the job may still run, so nothing is sent beside it; a retry polls it again"


class Row(NamedTuple):
    """One row of the table. An empty tuple stands for any value."""

    recorded: tuple[Recorded, ...]
    cleared: tuple[Cleared, ...]
    repeat: tuple[Repeat, ...]
    seen: tuple[Seen, ...]
    request: tuple[Request, ...]
    action: Action

    def covers(self, situation: Situation) -> bool:
        """Return whether the row covers this situation."""
        return all(not allowed or value in allowed for allowed, value in zip(self[:5], situation, strict=True))


_R, _C, _P, _S, _A = Recorded, Cleared, Repeat, Seen, Action
TABLE: tuple[Row, ...] = (
    # recorded         cleared            repeat                         the job now
    Row((_R.NOTHING,), (), (), (), (), _A.SEND),
    Row((_R.NOT_KEPT,), (), (_P.BY_TOKEN,), (), (), _A.SEND_THEN_POLL),
    Row((_R.NOT_KEPT,), (), (), (), (), _A.SEND),
    Row((_R.UNANSWERED,), (_C.AFTER_TOLD,), (_P.BY_TOKEN, _P.HARMFUL), (), (), _A.SEND_ANEW),
    Row((_R.UNANSWERED,), (), (_P.BY_TOKEN,), (), (), _A.SEND_RECORDED),
    Row((_R.UNANSWERED,), (), (_P.HARMFUL,), (), (), _A.FAIL_UNKNOWN),
    Row((_R.UNANSWERED,), (), (_P.HARMLESS, _P.BY_FUNCTION), (), (), _A.SEND_AGAIN),
    Row((_R.ORDER,), (_C.NO,), (), (), (), _A.DONE),
    Row((_R.ORDER,), (), (), (), (), _A.SEND_ANEW),
    Row((_R.JOB,), (), (), (_S.NOT_YET,), (), _A.POLL),
    Row((_R.JOB,), (_C.NO,), (), (_S.SUCCEEDED, _S.RUNNING, _S.UNPAID, _S.UNSEEN), (), _A.DONE),
    Row((_R.JOB,), (_C.NO,), (), (_S.FAILED,), (), _A.SEND_NEXT),
    Row((_R.JOB,), (_C.NO,), (), (_S.PURGED,), (), _A.FAIL_PURGED),
    Row((_R.JOB,), (), (), (_S.SUCCEEDED, _S.FAILED, _S.PURGED, _S.UNPAID), (), _A.SEND_ANEW),
    Row((_R.JOB,), (), (), (_S.RUNNING, _S.UNSEEN), (Request.SAME,), _A.DONE),
    Row((_R.JOB,), (), (), (_S.RUNNING, _S.UNSEEN), (Request.CHANGED,), _A.FAIL_BUSY),
)
"""The first row that covers the situation applies."""


def look_up(situation: Situation) -> Action:
    """Return the action in a situation."""
    return next(row.action for row in TABLE if row.covers(situation))
