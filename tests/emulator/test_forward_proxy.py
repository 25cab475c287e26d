"""The proxy of the tests itself, in front of the emulator."""

from __future__ import annotations

import pytest
import requests

from airflow_provider_ecsjobs.emulator import Emulator
from tests.emulator.emulator_client import SignedClient
from tests.support.forward_proxy import ForwardProxy


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_requests_go_through_it(tls: bool) -> None:
    with Emulator(tls=tls) as emulator, ForwardProxy("me", "p@ss:word") as proxy:
        client = SignedClient(emulator)
        client.session.proxies = {"http": proxy.url_with_credentials, "https": proxy.url_with_credentials}
        with client.session:
            statuses = [client.show_job(emulator.start_job()).status_code for _ in range(3)]

        assert statuses == [200] * 3
        address = emulator.url.partition("://")[2]
        if tls:
            assert proxy.requests == [f"CONNECT {address}"]
        else:
            assert len(proxy.requests) == 3
            assert proxy.requests[0].startswith(f"GET http://{address}/v1/")
        assert proxy.refused == 0
        assert not [record for record in emulator.requests if "Proxy-Authorization" in record["headers"]]


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("credentials", ["", "me:wrong@"])
def test_wrong_credentials_are_refused(tls: bool, credentials: str) -> None:
    with Emulator(tls=tls) as emulator, ForwardProxy("me", "secret") as proxy:
        client = SignedClient(emulator)
        url = proxy.url.replace("://", f"://{credentials}")
        client.session.proxies = {"http": url, "https": url}
        with client.session:
            if tls:
                with pytest.raises(requests.exceptions.ProxyError, match="407"):
                    client.show_job("x")
            else:
                assert client.show_job("x").status_code == 407

        assert proxy.requests == []
        assert proxy.refused == 1
        assert emulator.counters["requests"] == 0
