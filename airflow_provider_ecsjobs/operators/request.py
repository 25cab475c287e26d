"""What the operators have in common that send one of the API's asynchronous requests."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import mask_secret

from airflow_provider_ecsjobs.core.checking import check_request, find_operation
from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.submitting import DEFAULT_SUBMIT_TIMEOUT, SubmitRequest, secrets_in
from airflow_provider_ecsjobs.core.text import clean
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequest
from airflow_provider_ecsjobs.operators.submitting import EcsSubmittingOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_ecsjobs.core.submitting import Submission
    from airflow_provider_ecsjobs.submits import SubmitOnce


class EcsRequestOperator(EcsSubmittingOperator):
    """An operator that sends an asynchronous request of the ECS API.

    :param body: the JSON body, a dict (templated). A text is taken if it renders to a JSON object.
    :param dry_run: whether to only have the request checked, where the API can do that: no job is made.
    """

    template_fields: Sequence[str] = ("body", *EcsSubmittingOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"body": "json"}
    _missing_ok = False
    _names: ClassVar[Mapping[str, str]] = {}
    """The parameters that stand for keys of the body, for messages."""

    def __init__(self, *, body: dict[str, Any] | str | None = None, dry_run: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.body = body
        # Airflow's operators have a method `dry_run`.
        self.is_dry_run = dry_run

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render, and have the passwords in the body masked before Airflow shows what was rendered."""
        super().render_template_fields(context, jinja_env)
        self._mask_secrets()

    def _operation(self) -> str:
        """Give the name of the operation, or its template."""
        raise NotImplementedError

    def _parameters(self) -> dict[str, Any]:
        """Give the parameters in the path and the query."""
        return {}

    def _request_body(self) -> Any:
        """Give the body, as far as it is known."""
        return self.body

    def _check(self, *, is_open: Callable[[Any], bool] = lambda value: False) -> None:
        """Check the request, as far as it is known.

        :raises EcsInvalidRequestError: it is wrong.
        """
        self._mask_secrets()
        name = self._operation()
        if is_open(name):
            return
        operation, body = find_operation(name), self._request_body()
        if self.is_dry_run and not operation.has_dry_run:
            raise EcsInvalidRequestError(f"dry_run is given, but the API has none for {operation.name}.")
        check_request(operation, self._parameters(), body, is_open=is_open, names=self._names)

    def _secrets(self) -> set[str]:
        """Give the passwords and user data that are to be sent."""
        return secrets_in(self.body)

    def _mask_secrets(self) -> None:
        for secret in self._secrets():
            if not is_template(secret):
                mask_secret(secret)

    def _request(self) -> SubmitRequest:
        """Build the request, all of which is known by now.

        :raises EcsInvalidRequest: it is wrong.
        """
        try:
            if isinstance(self.body, str):
                self.body = _parsed(self.body)
            self._check()
            body = self._request_body()
            request = SubmitRequest(
                find_operation(self._operation()),
                self._parameters(),
                {**body, "dry_run": True} if self.is_dry_run else body,
            )
            request.call()
        except EcsInvalidRequestError as error:
            raise EcsInvalidRequest(str(error)) from None
        return request

    def _once(self, context: Mapping[str, Any]) -> SubmitOnce:
        request = self._request()
        operation = request.operation
        return self._submit_once(
            context,
            what=operation.name,
            takes_token=operation.takes_client_token and not request.is_dry_run,
            may_repeat=operation.is_repeatable or request.is_dry_run,
            to_check=operation.to_check,
            send=partial(self._send, request),
        )

    def _send(self, request: SubmitRequest, token: str | None, is_doubtful: bool) -> Submission:
        return self.hook.send(
            request.with_token(token),
            timeout=min(DEFAULT_SUBMIT_TIMEOUT, self.unreachable_timeout),
            may_repeat=self.resubmit_unknown,
            missing_ok=self._missing_ok,
            is_doubtful=is_doubtful,
        )


def is_template(value: Any) -> bool:
    """Whether a value is known only when the task runs: it holds Jinja, or is the output of another task."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    return not isinstance(value, dict | list | tuple | int | float | None)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise EcsInvalidRequestError(
            f"body rendered to a text that is no JSON object: {clean(text[:40])}... Pass the task's output itself"
            " (body=task.output), use '| tojson', or set render_template_as_native_obj on the DAG."
        ) from None
