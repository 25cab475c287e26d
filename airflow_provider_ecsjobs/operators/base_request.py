"""The base class of the operators that send a request: the parameters become a checked body, which is sent once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_ecsjobs.compat import mask_secret
from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.submit.rules import RULES, Severity, broken_rules
from airflow_provider_ecsjobs.core.submit.submission import DEFAULT_SUBMIT_TIMEOUT, SubmitRequest, digest, secrets_in
from airflow_provider_ecsjobs.core.submit.validation import (
    check_nesting,
    check_request,
    find_operation,
    in_order,
    read_ids,
    with_flags,
)
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestNoRetry
from airflow_provider_ecsjobs.operators.base_submit import EcsBaseSubmitOperator
from airflow_provider_ecsjobs.operators.parameters import is_template, nothing_is_templated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_ecsjobs.core.operations import Operation
    from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
    from airflow_provider_ecsjobs.core.submit.idempotency import SentBefore
    from airflow_provider_ecsjobs.core.submit.rules import Rule
    from airflow_provider_ecsjobs.core.submit.submission import Submission
    from airflow_provider_ecsjobs.core.submit.values import IsTemplated
    from airflow_provider_ecsjobs.operators.submit_once import SubmitOnce

_JSON_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


class EcsBaseRequestOperator(EcsBaseSubmitOperator):
    """An operator that sends an asynchronous request of the ECS API.

    :param body: the JSON body, a dict (templated). A text is accepted if it renders to a JSON object.
    :param dry_run: whether the API only checks the request, if the operation supports that. No job is started
        (templated).
    """

    template_fields: Sequence[str] = ("body", "is_dry_run", *EcsBaseSubmitOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"body": "json"}
    operation: str
    """The name of the operation in :data:`~airflow_provider_ecsjobs.core.operations.OPERATIONS`, or its template."""
    missing_ok: Any = False
    _names: ClassVar[Mapping[str, str]] = {}
    """The parameter names of the body's keys, for messages."""
    _rules: ClassVar[Mapping[str, Sequence[Rule]]] = RULES
    """The cloud's rules for the values in the body, by operation."""

    def __init__(self, *, body: dict[str, Any] | str | None = None, dry_run: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.body = body
        # Airflow's operators have a method `dry_run`.
        self.is_dry_run = dry_run

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render the templates, and mask the passwords in the body before Airflow shows the rendered values."""
        super().render_template_fields(context, jinja_env)
        self._mask_secrets()

    def _do_render_template_fields(self, parent: Any, *args: Any, **kwargs: Any) -> None:
        # This is how Airflow renders a mapped task.
        super()._do_render_template_fields(parent, *args, **kwargs)
        if parent is self:
            self._mask_secrets()

    def _check_literals(self) -> None:
        super()._check_literals()
        try:
            check_nesting(self.body)
            body = self._check(is_template)
        except EcsInvalidRequestError as error:
            raise EcsInvalidRequestNoRetry(str(error)) from None
        for doubt in self._doubts(Severity.DOUBTFUL, body, is_template):
            self._warn(doubt)

    def _parameters(self) -> dict[str, Any]:
        """Return the parameters in the path and the query."""
        return {}

    def _own_body(self, is_templated: IsTemplated) -> dict[str, Any]:
        """Return the part of the body that comes from the operator's own parameters.

        :param is_templated: returns whether a value is not known yet. Such values stay as they are.
        """
        return {}

    def _request_body(self, is_templated: IsTemplated) -> Any:
        """Return the body as far as it is known: ``body`` overrides the operator's own parameters."""
        own = self._own_body(is_templated)
        if not own or is_templated(self.body) or not isinstance(self.body, Mapping | None):
            return self.body
        return merged(own, self.body or {})

    def _check(self, is_templated: IsTemplated) -> Any:
        """Check the request as far as it is known.

        :return: its body.
        :raises EcsInvalidRequestError: the request is wrong.
        """
        self._mask_secrets(is_templated)
        body = self._request_body(is_templated)
        if is_templated(self.operation):
            return body
        operation = find_operation(self.operation)
        if self.is_dry_run is True and not operation.has_dry_run:
            raise EcsInvalidRequestError(f"dry_run is given, but the API has none for {operation.name}.")
        body = with_flags(operation, body, is_templated)
        rules = self._rules.get(operation.name, ())
        check_request(operation, self._parameters(), body, is_templated=is_templated, names=self._names, rules=rules)
        return body

    def _doubts(self, severity: Severity, body: Any, is_templated: IsTemplated) -> Iterator[str]:
        """Yield a message for each value of a checked body that the cloud may reject."""
        if not is_templated(self.operation):
            rules = self._rules.get(self.operation, ())
            for doubt in broken_rules(rules, severity, body, is_templated=is_templated, names=self._names):
                yield f"{self.operation}: {doubt}"

    def _secrets(self) -> set[str]:
        """Return the passwords and user data in the request."""
        if not isinstance(self.body, str):
            return secrets_in(self.body)
        try:
            found = secrets_in(json.loads(self.body))
        except (ValueError, RecursionError):
            return {self.body}  # the secret part of it is not known
        # As Airflow shows the text, a secret may hold escapes: `tojson` writes & as \u0026.
        return found | {raw for raw in _JSON_TEXT.findall(self.body) if found and json.loads(f'"{raw}"') in found}

    def _mask_secrets(self, is_templated: IsTemplated = nothing_is_templated) -> None:
        for secret in self._secrets():
            if not is_templated(secret):
                # Airflow 2.11 can't mask a lone surrogate, and no log can hold one.
                mask_secret(secret.encode(errors="replace").decode())

    def _request(self) -> SubmitRequest:
        """Return the request. All of its values are known by now.

        :raises EcsInvalidRequestNoRetry: the request is wrong.
        """
        try:
            check_nesting(self.body)
            self.body = _parsed(self.body) if isinstance(self.body, str) else _plain(self.body)
            body = self._check(nothing_is_templated)
            for severity in (Severity.DOUBTFUL, Severity.DEPENDS):
                for doubt in self._doubts(severity, body, nothing_is_templated):
                    self.log.warning("%s", doubt)
            return SubmitRequest.build(
                find_operation(self.operation),
                self._parameters(),
                {**body, "dry_run": True} if self.is_dry_run else body,
            )
        except EcsInvalidRequestError as error:
            raise EcsInvalidRequestNoRetry(str(error)) from None

    def _once(self, context: Mapping[str, Any], deadline: float | None) -> SubmitOnce:
        # Not with the module, as in base_submit.
        from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
        from airflow_provider_ecsjobs.core.submit.idempotency import SubmitPolicy
        from airflow_provider_ecsjobs.operators.submit_once import SubmitRecordStore

        request = self._request()
        operation = request.operation
        # This fails if the connection is wrong, before it is recorded that the request may have been sent.
        _ = self.hook.settings
        seconds = min(DEFAULT_SUBMIT_TIMEOUT, self.unreachable_timeout)
        repeat = Repeat.HARMLESS if request.is_dry_run else _repeat_of(operation)
        policy = SubmitPolicy(operation.name, repeat, operation.to_check, digest(request))
        # A dry run submits nothing, so it neither reads nor writes a record.
        record_store = SubmitRecordStore(None if request.is_dry_run else context.get("task_state_store"))
        give_up_at = time.time() + seconds
        send = partial(self._send, request, give_up_at if deadline is None else min(give_up_at, deadline))
        return self._submit_once(context, policy, send, record_store)

    @property
    def _makes_servers(self) -> bool:  # type: ignore[override] # the operation may be a template
        return find_operation(self.operation).takes_client_token

    def _is_safe_to_retry(self) -> bool:
        from airflow_provider_ecsjobs.core.submit.decision_table import Repeat

        return self.resubmit_unknown or _repeat_of(find_operation(self.operation)) is not Repeat.HARMFUL

    def _send(
        self, request: SubmitRequest, give_up_at: float, token: str | None, sent_before: SentBefore
    ) -> Submission:
        from airflow_provider_ecsjobs.core.submit.idempotency import SentBefore

        return self.hook.send(
            request.with_token(token),
            timeout=max(give_up_at - time.time(), 0.0),
            allow_resend=self.resubmit_unknown,
            # An earlier try may have deleted some of the servers, or detached the volume.
            missing_ok=self.missing_ok or sent_before is not SentBefore.NO,
            outcome_unknown=sent_before is SentBefore.UNKNOWN,
        )


def _repeat_of(operation: Operation) -> Repeat:
    from airflow_provider_ecsjobs.core.submit.decision_table import Repeat

    if operation.is_idempotent:
        return Repeat.HARMLESS
    return Repeat.BY_TOKEN if operation.takes_client_token else Repeat.HARMFUL


def _plain(value: Any) -> Any:
    """Return a rendered value as plain JSON: Airflow renders the outputs of mapped tasks to lazy sequences.

    A set is sorted, since its order differs between processes. So each try of a task sends the same request.
    """
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Set):
        return [_plain(item) for item in in_order(value)]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # The message does not show the text: it may hold a password.
        raise EcsInvalidRequestError(
            "body rendered to a text that is no JSON object. Pass the task's output itself (body=task.output), use"
            " '| tojson', or set render_template_as_native_obj on the DAG."
        ) from None


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return two JSON objects merged at any depth. The second overrides the first."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type] # mypy does not follow `both`
    return result


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}


def objects(
    name: str, value: Any, key: str, is_templated: IsTemplated, read: Callable[[str, Any], list[str]] = read_ids
) -> Any:
    """Return the list of objects that the API expects for a list of ids.

    :param name: the parameter, for messages.
    :param value: the ids. An item that is an object stays as it is.
    :param key: the key of the id in the object.
    :param is_templated: returns whether a value is not known yet. Such values stay as they are.
    :param read: reads the ids.
    :raises EcsInvalidRequestError: an id is wrong, or a template had no value.
    """
    if value is None or is_templated(value):
        return value
    if not isinstance(value, list | tuple) or not any(
        isinstance(item, Mapping) or is_templated(item) for item in value
    ):
        return [{key: one} for one in read(name, value)]
    made: list[Any] = []
    for item in value:
        if is_templated(item):
            made.append({key: item})
        elif isinstance(item, Mapping):
            if key in item and not is_templated(item[key]):
                read(name, [item[key]])
            made.append(item)
        else:
            made += [{key: one} for one in read(name, [item])]
    return made
