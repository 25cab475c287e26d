"""Answers that are too large, or would unpack to what is: over real sockets, in the worker and in the triggerer."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from functools import cache
from typing import TYPE_CHECKING

import pytest

from airflow_provider_ecsjobs.core.steps import MAX_BODY_BYTES
from airflow_provider_ecsjobs.transport.decoding import decompress
from tests.security.raw_server import TOKEN, WAYS, RawServer, answer

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("quick_backoff")
JOB = json.dumps({"status": "SUCCESS", "entities": {"server_id": "s-1"}}).encode()
RAW = zlib.compressobj(wbits=-15)
RAW_JOB = RAW.compress(JOB) + RAW.flush()


@cache
def bomb(wbits: int = 31) -> bytes:
    """Pack 64 MB. Not when this module is imported, as each process does that runs a part of the tests."""
    packing = zlib.compressobj(9, wbits=wbits)
    zeros = b"0" * (1024 * 1024)
    return b"".join([packing.compress(zeros) for _ in range(64)]) + packing.flush()


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def wait(request: pytest.FixtureRequest, set_connection: Callable[..., None]) -> Callable[[bytes], str]:
    """Give a function that waits for a job whose every query is answered with these bytes."""

    def waited(reply: bytes) -> str:
        with RawServer(reply) as server:
            extra = {"auth": "token", "token": TOKEN, "project_id": "p", "region": "r"}
            set_connection(conn_type="huawei_ecs", host=server.url, extra=extra)
            said: str = request.param("job-1")
        return said

    return waited


@pytest.mark.parametrize(
    "reply",
    [
        lambda: answer(200, b" " * (MAX_BODY_BYTES + 1)),
        lambda: answer(200, bomb(), Content_Encoding="gzip"),
        lambda: answer(200, bomb(wbits=15), Content_Encoding="deflate"),
        lambda: answer(404, bomb(), Content_Encoding="GZIP"),
    ],
    ids=["plain", "gzip", "deflate", "an error"],
)
def test_a_response_beyond_the_limit_is_not_read(wait: Callable[[bytes], str], reply: Callable[[], bytes]) -> None:
    assert "the response was too large" in wait(reply())


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        ("gzip, gzip", lambda: gzip.compress(bomb(), mtime=0), "an encoding that was not requested: gzip, gzip"),
        ("br", bomb, "an encoding that was not requested: br"),
        ("gzip", lambda: JOB, "can't be decompressed"),
        ("gzip", lambda: gzip.compress(JOB, mtime=0)[:-9], "the compressed response is cut off"),
    ],
    ids=["packed twice", "brotli", "not packed", "cut off"],
)
def test_what_can_not_be_unpacked_is_a_transient_failure(
    wait: Callable[[bytes], str], encoding: str, body: Callable[[], bytes], said: str
) -> None:
    assert said in wait(answer(200, body(), Content_Encoding=encoding))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(JOB, mtime=0)),
        ("x-gzip", gzip.compress(JOB, mtime=0)),
        ("deflate", zlib.compress(JOB)),
        ("deflate", RAW_JOB),
        ("identity", JOB),
    ],
)
def test_a_packed_job_is_read(wait: Callable[[bytes], str], encoding: str, body: bytes) -> None:
    said = wait(answer(200, body, Content_Encoding=encoding))
    assert "SUCCESS" in said


def test_a_bomb_takes_no_more_memory_than_the_limit() -> None:
    packed = bomb()
    tracemalloc.start()
    try:
        assert decompress(packed, "gzip") is None
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_BODY_BYTES
    finally:
        tracemalloc.stop()


def test_a_million_small_packets_take_no_time() -> None:
    assert decompress(gzip.compress(JOB, mtime=0) + gzip.compress(b" ") * 500_000, "gzip") == JOB


def test_only_what_is_understood_is_asked_for(set_connection: Callable[..., None]) -> None:
    with RawServer(answer(200, JOB)) as server:
        extra = {"auth": "token", "token": TOKEN, "project_id": "p", "region": "r"}
        set_connection(conn_type="huawei_ecs", host=server.url, extra=extra)
        for way in WAYS.values():
            assert "SUCCESS" in way("job-1")
    asked = [line for head in server.heads for line in head.split("\r\n") if line.lower().startswith("accept-encoding")]
    assert asked == ["Accept-Encoding: gzip, deflate"] * 2
