"""To whom credentials are sent, and to whom not: redirects, proxies, metadata, servers without TLS trust."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_ecsjobs.emulator import Emulator
from airflow_provider_ecsjobs.exceptions import EcsApiError, EcsConfigError
from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook
from tests.security.raw_server import SECRET, TOKEN, WAYS, RawServer, answer, has_credentials
from tests.support.patience import A_MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., None]
    Way = Callable[[str], str]

pytestmark = pytest.mark.usefixtures("quick_backoff", "_no_proxies")
HEX = "0123456789abcdef0123456789abcdef"
KEY = {"credential": {"access": "AK", "secret": SECRET, "securitytoken": TOKEN}}
REDIRECTS = [301, 302, 303, 307, 308]


@pytest.fixture
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def connect(set_connection: Connect) -> Connect:
    def to(host: str, auth: str = "token", **extra: Any) -> None:
        names = {"password": {"login": "user", "password": SECRET}, "aksk": {"login": "AK", "password": SECRET}}
        more = {"domain_name": "domain"} if auth == "password" else {"token": TOKEN} if auth == "token" else {}
        given = {"auth": auth, "region": "r", "project_id": HEX, **more, **extra}
        given = {name: value for name, value in given.items() if value is not None}
        set_connection(conn_type="huawei_ecs", host=host, extra=given, **names.get(auth, {}))

    return to


class TestRedirects:
    """Nobody is asked anything at the address that a redirect names, whoever sends it."""

    @pytest.mark.parametrize("auth", ["token", "aksk"])
    def test_of_the_service(self, connect: Connect, way: Way, auth: str) -> None:
        for status in REDIRECTS:
            with (
                RawServer(answer(200, {"status": "SUCCESS"})) as other,
                RawServer(answer(status, Location=f"{other.url}/v1/stolen")) as service,
            ):
                connect(service.url, auth)
                said = way("job-1")
            assert f"a redirect to {other.url}/v1/stolen, which is not followed" in said
            assert all(has_credentials(head) for head in service.heads)
            assert service.heads
            assert other.heads == []

    @pytest.mark.parametrize(("auth", "project"), [("password", HEX), ("token", None)], ids=["token", "project"])
    def test_of_iam(self, connect: Connect, way: Way, auth: str, project: str | None) -> None:
        for status in REDIRECTS:
            with (
                RawServer(answer(200, {"status": "SUCCESS"})) as other,
                RawServer(answer(status, Location=other.url)) as iam,
            ):
                connect(other.url, auth, iam_endpoint=iam.url, project_id=project)
                said = way("job-1")
            assert "a redirect" in said
            assert iam.heads
            assert other.heads == []

    def test_of_the_metadata_service(self, connect: Connect, way: Way) -> None:
        with RawServer(answer(200, KEY)) as other, RawServer(answer(302, Location=other.url)) as metadata:
            connect(other.url, "agency", metadata_endpoint=metadata.url)
            said = way("job-1")
        assert "a redirect" in said
        assert metadata.heads
        assert other.heads == []

    @pytest.mark.parametrize("status", [307, 308])
    def test_of_a_submit(self, connect: Connect, status: int) -> None:
        body = {"resize": {"flavorRef": "f"}}
        with (
            RawServer(answer(200, {"job_id": "job-1"})) as other,
            RawServer(answer(status, Location=other.url)) as service,
        ):
            connect(service.url)
            with pytest.raises(EcsApiError, match="a redirect"):
                EcsJobsHook().submit("resize_server", body=body, server_id="s", timeout=0)
        assert len(service.heads) == 1
        assert other.heads == []


class TestMetadata:
    def test_gets_no_credentials_and_no_proxy_sees_it(
        self, connect: Connect, way: Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with (
            RawServer(answer(200, KEY)) as metadata,
            RawServer(answer(200, {"status": "SUCCESS"})) as proxy,
        ):
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            connect("http://ecs.invalid", "agency", metadata_endpoint=metadata.url, proxy=proxy.url)
            assert "SUCCESS" in way("job-1")
        assert [head.split()[0] for head in metadata.heads] == ["PUT", "GET"]  # the service's own token, then the key
        assert not any(map(has_credentials, metadata.heads))
        assert [head.split()[1].split("/")[2] for head in proxy.heads] == ["ecs.invalid"]


class TestProxies:
    """Of what goes over https, a proxy learns the host's name."""

    @pytest.mark.parametrize("auth", ["token", "aksk", "password"])
    @pytest.mark.parametrize("given", ["connection", "environment"])
    def test_are_shown_no_credentials(
        self, connect: Connect, way: Way, monkeypatch: pytest.MonkeyPatch, auth: str, given: str
    ) -> None:
        with RawServer(answer(502)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url if given == "environment" else "")
            own = proxy.url if given == "connection" else None
            connect("https://ecs.invalid", auth, proxy=own, iam_endpoint="https://iam.invalid")
            way("job-1")
        host = "iam" if auth == "password" else "ecs"
        assert {tuple(head.split()[:2]) for head in proxy.heads} == {("CONNECT", f"{host}.invalid:443")}
        assert not any(has_credentials(head) for head in proxy.heads)

    def test_get_their_own_credentials_which_no_message_shows(self, connect: Connect, way: Way) -> None:
        with RawServer(answer(502)) as proxy:
            connect("https://ecs.invalid", proxy=proxy.url.replace("://", "://user:pass-of-proxy@"))
            said = way("job-1")
        assert all("Proxy-Authorization: Basic" in head for head in proxy.heads)
        assert proxy.heads
        assert "pass-of-proxy" not in said


class TestTls:
    """A server whose certificate is not trusted, or is of another name, is asked nothing at all."""

    @pytest.mark.parametrize("auth", ["aksk", "token", "password", "agency"])
    def test_a_certificate_must_be_trusted(self, set_connection: Connect, way: Way, auth: str) -> None:
        with Emulator(tls=True) as emulator:
            set_connection(**emulator.connection(auth, verify=None))
            said = way("job-1")
            assert "its certificate is not trusted (self-signed certificate)" in said
            assert emulator.counters["requests"] == 0
            assert emulator.counters["tls_handshakes"] > 0

    def test_a_certificate_must_be_of_the_host(self, set_connection: Connect, way: Way) -> None:
        with Emulator("0.0.0.0", tls=True) as emulator:
            host = emulator.url.replace("0.0.0.0", "127.0.0.2")
            set_connection(**emulator.connection() | {"host": host})
            said = way("job-1")
            assert "its certificate is not trusted (IP address mismatch" in said
            assert emulator.counters["requests"] == 0

    def test_the_session_checks_too(self, set_connection: Connect) -> None:
        with Emulator(tls=True) as emulator:
            set_connection(**emulator.connection(verify=None))
            with pytest.raises(OSError, match="self-signed certificate"):
                EcsJobsHook().get_conn().session.get(f"{emulator.url}/v1/x", timeout=A_MINUTE)
            assert emulator.counters["requests"] == 0


class TestSession:
    """``EcsJobsHook.get_conn().session`` signs for the connection's endpoints, and for nobody else."""

    @pytest.mark.parametrize(
        "url", ["http://ecs.invalid/", "https://ecs.invalid:8443/", "https://ecs.invalid.evil/", "https://iam.invalid/"]
    )
    def test_credentials_are_for_the_endpoint(self, connect: Connect, url: str) -> None:
        connect("https://ecs.invalid")
        with pytest.raises(EcsConfigError, match=r"credentials are not sent to .* only to https://ecs\.invalid\."):
            EcsJobsHook().get_conn().session.get(url, timeout=A_MINUTE)

    def test_a_name_in_front_is_not_the_host(self, connect: Connect) -> None:
        with RawServer(answer(200)) as other:
            connect("https://ecs.invalid")
            with pytest.raises(EcsConfigError, match="credentials are not sent to"):
                EcsJobsHook().get_conn().session.get(f"http://ecs.invalid@{other.address}/", timeout=A_MINUTE)
        assert other.heads == []


class TestEmulator:
    def test_listens_on_loopback_alone(self, ecs_emulator: Emulator) -> None:
        port = int(ecs_emulator.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=A_MINUTE):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=A_MINUTE)

    def test_listens_elsewhere_when_told_to(self) -> None:
        with Emulator("0.0.0.0") as emulator:
            port = int(emulator.url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.2", port), timeout=A_MINUTE):
                pass

    def test_an_empty_host_is_not_every_address(self) -> None:
        with pytest.raises(ValueError, match="host is empty"):
            Emulator("")

    def test_so_does_the_command(self) -> None:
        from airflow_provider_ecsjobs.emulator.__main__ import _configured, _parser

        assert _parser().parse_args([]).host == "127.0.0.1"
        with pytest.raises(SystemExit):
            _configured(_parser().parse_args(["--host", ""]))
