"""``@task.ecs_job``: makes a task of a function that submits a request with its own client, and waits for the job."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    DecoratedOperator,
    context_merge,
    task_decorator_factory,
)

from airflow_provider_ecsjobs.compat import determine_kwargs
from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.submit.submission import submission_in
from airflow_provider_ecsjobs.exceptions import EcsInvalidRequestNoRetry
from airflow_provider_ecsjobs.operators.base_submit import EcsBaseSubmitOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.providers.common.compat.sdk import TaskDecorator

    from airflow_provider_ecsjobs.core.submit.idempotency import SentBefore
    from airflow_provider_ecsjobs.core.submit.submission import Submission
    from airflow_provider_ecsjobs.operators.submit_once import SubmitOnce

_TOKEN = "client_token"  # noqa: S105 - the name of a parameter


class _EcsJobDecoratedOperator(DecoratedOperator, EcsBaseSubmitOperator):
    """An operator that calls a function which submits a request, then waits for the job that it returned."""

    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *EcsBaseSubmitOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {**DecoratedOperator.template_fields_renderers}
    custom_operator_name = "@task.ecs_job"

    if not hasattr(EcsBaseSubmitOperator, "xcom_push"):
        # Airflow 3.0 reads this when the task has ended, and does not use it. The operators of its SDK lack it.
        xcom_push = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if inspect.iscoroutinefunction(self.python_callable):
            raise TypeError(f"@task.ecs_job: {self.python_callable.__name__} is async; a plain function is expected.")

    @property
    def _takes_token(self) -> bool:
        signature = inspect.signature(self.python_callable)
        given = {*signature.bind_partial(*self.op_args).arguments, *self.op_kwargs}
        return _TOKEN in signature.parameters and _TOKEN not in given

    def _once(self, context: Any, deadline: float | None) -> SubmitOnce:
        # Not with the module, as in base_submit.
        from airflow_provider_ecsjobs.core.submit.decision_table import Repeat
        from airflow_provider_ecsjobs.core.submit.idempotency import SubmitPolicy
        from airflow_provider_ecsjobs.operators.submit_once import SubmitRecordStore

        def call(token: str | None, sent_before: SentBefore) -> Submission:
            # Merged into the context itself: a copy would compute all values that Airflow offers in it.
            context_merge(context, {**self.op_kwargs, **({_TOKEN: token} if self._takes_token else {})})
            kwargs = determine_kwargs(self.python_callable, self.op_args, context)
            returned = self.python_callable(*self.op_args, **kwargs)
            try:
                return submission_in(returned, self.python_callable.__name__)
            except EcsInvalidRequestError as error:
                # Not raised as an error of the request: the function may have submitted one.
                raise EcsInvalidRequestNoRetry(str(error)) from None

        repeat = Repeat.BY_TOKEN if self._takes_token else Repeat.BY_FUNCTION
        policy = SubmitPolicy("@task.ecs_job", repeat, "what the function has submitted", shows_rejection=False)
        return self._submit_once(context, policy, call, SubmitRecordStore(context.get("task_state_store")))

    def _is_safe_to_retry(self) -> bool:
        return self._takes_token or self.resubmit_unknown


def ecs_job_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Return a decorator that makes a task of a function. The function submits a request with any client.

    The function returns the job's id, a dict with ``job_id``, or a response of the official SDK. The task then waits
    for the job, deferred by default. If the job fails, the task fails with its reason. Its result is that of
    :class:`~airflow_provider_ecsjobs.operators.ecs_jobs.EcsJobOperator`. In a DAG it is ``@task.ecs_job``.

    If the function has a parameter ``client_token`` with a default, a create is submitted exactly once. The function
    then gets the token that makes a retry safe, and must send it as ``X-Client-Token``. All tries that may send the
    same request get the same token. Without the parameter, the function is called *at least once*: a retry calls it
    again if the worker died before the job was recorded.

    :param python_callable: the function.
    :param kwargs: ``huawei_ecs_conn_id``, the parameters of the wait, and Airflow's own: see
        :class:`~airflow_provider_ecsjobs.operators.base_submit.EcsBaseSubmitOperator`.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_EcsJobDecoratedOperator, **kwargs
    )
