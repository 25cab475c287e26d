"""The emulated account: access keys, the IAM user and its tokens, projects, permissions. No I/O."""

from __future__ import annotations

import math
import re
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_ecsjobs.emulator import errors
from airflow_provider_ecsjobs.emulator.errors import UnauthorizedError
from airflow_provider_ecsjobs.emulator.jobs import timestamp
from airflow_provider_ecsjobs.emulator.lockout import Lockout
from airflow_provider_ecsjobs.emulator.values import (
    SEGMENT,
    TEXT,
    WORD,
    check_choice,
    check_pattern,
    check_positive_seconds,
    check_secret,
    check_text,
    look_up,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_ecsjobs.emulator.login import Login

KEY_LOCK_SECONDS = 300
"""How long a key is locked after too many wrong signatures."""
USER_LOCK_SECONDS = 900
"""How long a user is locked after too many wrong passwords."""
TOKEN_LENGTH = 9120
"""The length of a user's token, as in the sample of IAM's documentation. Some clients read no header over 8 KiB."""
ROTATION_SECONDS = 600
"""How long before its expiry an agency's key is replaced. Both keys are valid meanwhile."""

_JOB_QUERIES = ("/jobs/",)


@dataclass(frozen=True, slots=True)
class Key:
    """An access key. A temporary key has a security token and expires.

    :raises ValueError: if no request could be signed with it.
    """

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    expires_at: float = math.inf

    def __post_init__(self) -> None:
        check_text(WORD, access_key=self.access_key)
        check_secret(secret_key=self.secret_key)


class Project(NamedTuple):
    """A project: the part of an account in one region. Its name is the region."""

    id: str
    name: str


class Domain(NamedTuple):
    """An account. IAM calls it a domain."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the IAM user: for one project, for the whole account, or without a scope."""

    text: str = field(repr=False)
    scope: Project | Domain | None
    methods: tuple[str, ...]
    issued_at: float
    expires_at: float


class Account:
    """The only account. It is thread-safe.

    :param clock: returns seconds since the epoch.
    :param key: the access key that exists from the beginning.
    :param user_name: the IAM user.
    :param password: the user's password.
    :param domain_name: the account's name.
    :param region: the region of this ECS. It serves the projects of this name, and their sub-projects.
    :param project_id: the project of the region.
    :param token_seconds: how long a token is valid.
    :param agency_seconds: how long a temporary key is valid.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        key: Key,
        user_name: str,
        password: str,
        domain_name: str,
        region: str,
        project_id: str,
        token_seconds: float,
        agency_seconds: float,
    ) -> None:
        check_positive_seconds(token_seconds=token_seconds, agency_seconds=agency_seconds)
        check_text(TEXT, region=region, user_name=user_name, domain_name=domain_name)
        check_secret(password=password)
        check_text(SEGMENT, project_id=project_id)
        self.clock = clock
        self.user_name, self.password, self.user_id = user_name, password, _id_of(user_name)
        self.domain = Domain(_id_of(domain_name), domain_name)
        self.region = region
        self._token_seconds, self._agency_seconds = token_seconds, agency_seconds
        self._first_key, self._first_project = key, Project(project_id, region)
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Restore the first key and project only. All tokens, locks and removed permissions are cleared."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self.has_agency = True
        self.metadata_tokens_required = False
        self._key = self._first_key
        self._keys = {self._key.access_key: self._key}
        self._agency_key: Key | None = None
        self._locked_keys = Lockout(self.clock, KEY_LOCK_SECONDS)
        self._locked_users = Lockout(self.clock, USER_LOCK_SECONDS)
        self._tokens: dict[str, Token] = {}
        self._revoked: set[str] = set()
        self._projects = {self._first_project.id: self._first_project}
        self._forbidden: tuple[tuple[str, ...], str] = ((), "")

    @property
    def key(self) -> Key:
        """The permanent key: the first one, or the one it was rotated to."""
        with self._lock:
            return self._key

    def add_key(self, access_key: str, secret_key: str) -> None:
        """Add a permanent key, or change the secret of an existing one. This also unlocks the key.

        :raises ValueError: if no request could be signed with the key.
        """
        with self._lock:
            self._keys[access_key] = Key(access_key, secret_key)
            self._locked_keys.lift(access_key)

    def remove_key(self, access_key: str) -> None:
        """Remove a key.

        :raises KeyError: if there is no such key.
        """
        with self._lock:
            look_up("key", access_key, self._keys)
            del self._keys[access_key]
            self._locked_keys.lift(access_key)

    def rotate_key(self) -> Key:
        """Replace the permanent key by a new one."""
        with self._lock:
            self._keys.pop(self._key.access_key, None)
            self._key = _new_key()
            self._keys[self._key.access_key] = self._key
            return self._key

    def new_temporary_key(self) -> Key:
        """Return a new temporary key."""
        key = _new_key(security_token=_opaque("gQ", 900), expires_at=self.clock() + self._agency_seconds)
        with self._lock:
            self._keys[key.access_key] = key
        return key

    def agency_key(self) -> Key:
        """Return the temporary key of the server's agency. It is replaced before its expiry, and valid until then."""
        with self._lock:
            rest = min(ROTATION_SECONDS, self._agency_seconds / 2)
            if self._agency_key is None or self.clock() >= self._agency_key.expires_at - rest:
                self._agency_key = self.new_temporary_key()
            return self._agency_key

    def usable_key(self, access_key: str, security_token: str) -> Key:
        """Return the key that a request is signed with.

        :raises UnauthorizedError: if it does not exist, is locked or expired, or its security token is wrong.
        """
        with self._lock:
            key = self._keys.get(access_key)
            # A temporary key is valid only together with its security token.
            if key is None or (key.security_token and not security_token):
                raise UnauthorizedError(f"Get secretKey failed,ak:{access_key},err:ak not exist")
            if self._locked_keys.locked(access_key):
                raise UnauthorizedError("AK access failed to reach the limit,forbidden.")
        if key.security_token:
            if not secrets.compare_digest(key.security_token.encode(), security_token.encode()):
                raise UnauthorizedError("decrypt token fail")
            if self.clock() >= key.expires_at:
                raise UnauthorizedError(f"token expires, expires_at:{timestamp(key.expires_at)}")
        return key

    def signature_checked(self, access_key: str, *, right: bool) -> None:
        """Record a signature check. Too many wrong signatures in a row lock the key."""
        with self._lock:
            self._locked_keys.checked(access_key, right=right)

    def log_in(self, login: Login) -> Token:
        """Log in the IAM user with its password or an existing token, and return the new token.

        :raises ApiError: if user name, password or account is wrong, the user is locked, the token is not valid, or
            there is no such project or account.
        """
        if login.token is not None:
            self._check_token(login.token)
        else:
            self._check_password(login)
        return self.issue_token(self._scope_of(login), login.methods)

    def _check_password(self, login: Login) -> None:
        known = (login.user or self.user_name, login.user_id or self.user_id)
        domain = (login.domain or self.domain.name, login.domain_id or self.domain.id)
        is_known = (*known, *domain) == (self.user_name, self.user_id, self.domain.name, self.domain.id)
        with self._lock:
            if self._locked_users.locked(self.user_name):
                raise errors.iam_error(401, "The account is locked.")
            right = is_known and secrets.compare_digest(login.password.encode(), self.password.encode())
            if is_known:
                self._locked_users.checked(self.user_name, right=right)
        if not right:
            raise errors.iam_error(401, "The username or password is wrong.")

    def _check_token(self, text: str) -> None:
        try:
            self.valid_token(text)
        except UnauthorizedError:
            raise errors.iam_error(401, "The token is invalid or has expired.") from None

    def _scope_of(self, login: Login) -> Project | Domain | None:
        if login.scope is None:
            return None
        found: Project | Domain | None
        if login.scope == "project":
            found = self.find_project(project_id=login.scope_id, name=login.scope_name)
        else:
            given = (login.scope_id or self.domain.id, login.scope_name or self.domain.name)
            found = self.domain if given == self.domain else None
        if found is None:
            raise errors.iam_error(401, "The request you have made requires authentication.")
        return found

    def issue_token(self, scope: Project | Domain | None, methods: tuple[str, ...] = ("password",)) -> Token:
        """Return a new token for a project, for the whole account, or without a scope."""
        now = self.clock()
        token = Token(
            _opaque("MIIatAYJ", TOKEN_LENGTH), scope, methods, issued_at=now, expires_at=now + self._token_seconds
        )
        with self._lock:
            self._tokens[token.text] = token
        return token

    def valid_token(self, text: str) -> Token:
        """Return a token by its text.

        :raises UnauthorizedError: if the token is unknown, revoked or expired.
        """
        with self._lock:
            token = self._tokens.get(text)
            revoked = text in self._revoked
        if token is None:
            raise UnauthorizedError("decrypt token fail")
        if revoked:
            raise UnauthorizedError("The token must be updated.", code="APIGW.0307")
        if self.clock() >= token.expires_at:
            raise UnauthorizedError(f"token expires, expires_at:{timestamp(token.expires_at)}")
        return token

    def project_of_token(self, text: str) -> str:
        """Return the id of a token's project; empty if the token has none.

        :raises UnauthorizedError: if the token is unknown, revoked or expired.
        """
        scope = self.valid_token(text).scope
        return scope.id if isinstance(scope, Project) else ""

    def revoke_tokens(self) -> None:
        """Revoke all tokens, as a password change does."""
        with self._lock:
            self._revoked.update(self._tokens)

    def add_project(self, name: str, project_id: str) -> None:
        """Add a project; several may have the same name.

        :raises ValueError: if no connection could use the name or the id.
        """
        check_text(TEXT, name=name)
        check_text(SEGMENT, project_id=project_id)
        with self._lock:
            self._projects[project_id] = Project(project_id, name)

    def remove_project(self, project_id: str) -> None:
        """Remove a project.

        :raises KeyError: if there is no such project.
        """
        with self._lock:
            look_up("project", project_id, self._projects)
            del self._projects[project_id]

    def projects(self, name: str | None = None) -> list[Project]:
        """Return the projects, or those of this name."""
        with self._lock:
            return [project for project in self._projects.values() if name in (None, project.name)]

    def find_project(self, *, project_id: str | None = None, name: str | None = None) -> Project | None:
        """Return a project by its id or name: the first one if several have this name, None if there is none."""
        with self._lock:
            found = (project for project in self._projects.values() if name == project.name)
            return self._projects.get(project_id) if project_id is not None else next(found, None)

    def serves(self, project_id: str) -> bool:
        """Return whether the project exists in this region."""
        project = self.find_project(project_id=project_id)
        return project is not None and (project.name == self.region or project.name.startswith(f"{self.region}_"))

    def forbid(self, what: bool | Iterable[str], code: str) -> None:
        """Remove the permission for paths or for job queries (True), or restore all permissions (False).

        :param what: regular expressions to search in the path, or True or False.
        :raises ValueError: if the code is not that of a missing permission, or a text is not a regular expression.
        """
        check_choice("code", code, errors.FORBIDDEN)
        if isinstance(what, str):
            raise TypeError("what must be True, False or several regular expressions, not one text")
        paths = (_JOB_QUERIES if what else ()) if isinstance(what, bool) else tuple(what)
        for path in paths:
            check_pattern("what", path)
        with self._lock:
            self._forbidden = (paths, code)

    def check_permission(self, path: str) -> None:
        """Check that a request is permitted.

        :raises ApiError: if it is not permitted.
        """
        with self._lock:
            paths, code = self._forbidden
        if any(re.search(forbidden, path) for forbidden in paths):
            raise errors.forbidden(code)


def _new_key(*, security_token: str = "", expires_at: float = math.inf) -> Key:
    return Key(secrets.token_hex(10).upper(), secrets.token_urlsafe(30), security_token, expires_at)


def _opaque(prefix: str, length: int) -> str:
    return prefix + secrets.token_urlsafe(length)[: length - len(prefix)]


def _id_of(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, name).hex
