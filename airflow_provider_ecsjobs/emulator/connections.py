"""The settings for clients of the emulator: connections for Airflow, environment variables for the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator.account import Account


def connection_fields(
    account: Account, auth: str, *, url: str, project_id: str, extra: dict[str, Any]
) -> dict[str, Any]:
    """Return the fields of an Airflow connection.

    :param auth: ``aksk``, ``password``, ``token``, ``agency`` or ``env``. Any other value gets the fields of ``aksk``,
        to test a client's message about it.
    :param extra: overrides the connection's extra; None omits a key.
    :raises ValueError: if ``auth`` is ``token``, and there is no project.
    """
    defaults: dict[str, Any] = {
        # Airflow masks each string in an extra as a possible secret, and warns about one this short in every task log.
        **({} if auth == "aksk" else {"auth": auth}),
        "region": account.region,
        "project_id": project_id,
        "iam_endpoint": url,
        "metadata_endpoint": url,
    }
    login: tuple[str, str] | None = (account.key.access_key, account.key.secret_key)
    if auth == "password":
        login = (account.user_name, account.password)
        defaults["domain_name"] = account.domain.name
    elif auth in ("token", "agency", "env"):
        login = None
    if auth == "token":
        project = account.find_project(project_id=project_id) or account.find_project(name=account.region)
        if project is None:
            raise ValueError("there is no project in this region to issue a token for")
        defaults["token"] = account.issue_token(project).text
    named = {"login": login[0], "password": login[1]} if login is not None else {}
    merged = {key: value for key, value in {**defaults, **extra}.items() if value is not None}
    return {"conn_type": "huawei_ecs", **named, "host": url, "extra": merged}


def environment_fields(account: Account, *, project_id: str, temporary: bool) -> dict[str, str]:
    """Return the environment variables with the credentials for the official SDK."""
    key = account.new_temporary_key() if temporary else account.key
    variables = {
        "HUAWEICLOUD_SDK_AK": key.access_key,
        "HUAWEICLOUD_SDK_SK": key.secret_key,
        "HUAWEICLOUD_SDK_PROJECT_ID": project_id,
    }
    return {**variables, "HUAWEICLOUD_SDK_SECURITY_TOKEN": key.security_token} if temporary else variables
