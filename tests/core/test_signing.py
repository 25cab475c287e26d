"""Our signature against the official SDK's signer, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import example as at
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.auth.signing import AccessKey, sign, signature_of

KEY = AccessKey("AK", "the secret key", "the session token")
WHEN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DATE = "20260301T120000Z"
HOST = "ecs.eu-west-101.myhuaweicloud.com"


def official(key: AccessKey, *, method: str, path: str, query: Any, headers: dict[str, str], body: bytes) -> Any:
    request = SdkRequest(
        method=method,
        schema="https",
        host=HOST,
        resource_path=path,
        query_params=list(query),
        header_params={"X-Sdk-Date": DATE, **headers},
        body=body,
    )
    return Signer(SimpleNamespace(ak=key.access_key, sk=key.secret_key)).sign(request)


def both(key: AccessKey = KEY, **parts: Any) -> tuple[dict[str, str], dict[str, str]]:
    request: dict[str, Any] = {"method": "GET", "path": "/v1/p/jobs/j", "query": [], "headers": {}, "body": b""} | parts
    return sign(key, host=HOST, when=WHEN, **request), official(key, **request).header_params


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
segments = st.one_of(st.sampled_from(["", ".", "..", "a b", "~", "%", "%2F", "%7E", "+", "ñ", "%ff", "v1"]), texts)
paths = st.lists(segments, min_size=1, max_size=6).map(lambda parts: "/" + "/".join(parts))
queries = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(["a", "A", "a b", "name", "~", ""]), texts),
        st.one_of(st.sampled_from(["", "1", "x y", "eu-west-101", "~*'()"]), texts),
    ),
    max_size=6,
)
# Header names that a request can have; the date, the host and the content type have tests of their own.
names = st.one_of(
    st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True), st.sampled_from(["X-Project-Id", "X-Security-Token", "x_y"])
).filter(lambda name: name.lower() not in ("x-sdk-date", "host", "content-type", "authorization"))
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
content_types = st.sampled_from(
    [
        *("application/json", "application/json;charset=UTF-8", "application/bson", "text/plain", " application/json"),
        *("application/octet-stream", "multipart/form-data; boundary=x", "Application/JSON", "", " "),
    ]
)
headers = st.builds(
    lambda named, content_type: named if content_type is None else {**named, "Content-Type": content_type},
    st.lists(st.tuples(names, header_values), max_size=5, unique_by=lambda pair: pair[0].lower()).map(dict),
    st.none() | content_types,
)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "get", "Post"])
bodies = st.one_of(st.just(b""), st.binary(max_size=60), texts.map(str.encode))


@given(method=methods, path=paths, query=queries, named=headers, body=bodies)
@at(method="GET", path="//", query=[], named={}, body=b"")
@at(method="POST", path="/a b/%20/ñ/~", query=[("b", ""), ("a", "2"), ("a", "1")], named={"x_y": " "}, body=b"{}")
def test_headers_and_signature_equal_the_official_ones(
    method: str, path: str, query: list[tuple[str, str]], named: dict[str, str], body: bytes
) -> None:
    ours, theirs = both(method=method, path=path, query=query, headers=named, body=body)
    assert ours == theirs


@given(named=st.dictionaries(st.sampled_from(["X-One", "x-two"]), texts), body=bodies)
def test_the_signature_of_headers_beyond_ascii_equals_the_official_one(named: dict[str, str], body: bytes) -> None:
    ours, theirs = both(headers=named, body=body)
    assert ours["Authorization"] == theirs["Authorization"]


@given(texts.filter(bool), texts.filter(bool))
def test_any_key_signs_as_the_official_signer_does(access_key: str, secret_key: str) -> None:
    ours, theirs = both(AccessKey("AK" + access_key + "x", secret_key), path="/v1/p")
    assert ours["Authorization"] == theirs["Authorization"]


@pytest.mark.parametrize(
    "path", ["/", "//", "/a//b", "/a/", "/a b", "/~", "/%7E", "/%", "/%zz", "/%2F", "/a%20b", "/ñ"]
)
def test_odd_paths(path: str) -> None:
    ours, theirs = both(path=path)
    assert ours == theirs


def test_a_path_signs_alike_quoted_or_not() -> None:
    assert both(path="/v1/a b/ñ")[0] == both(path=quote("/v1/a b/ñ"))[0]


@pytest.mark.parametrize("values", [["2", "1"], ["", "a"], ["ñ", "z"], ["1", "1"]])
def test_a_repeated_key_signs_as_the_official_list(values: list[str]) -> None:
    ours = sign(KEY, method="GET", host=HOST, path="/p", query=[("k", value) for value in values], when=WHEN)
    request = {"method": "GET", "path": "/p", "headers": {}, "body": b""}
    assert ours == official(KEY, query=[("k", list(values))], **request).header_params


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
def test_a_body_that_is_not_json_is_not_hashed(content_type: str) -> None:
    one, theirs = both(method="POST", headers={"Content-Type": content_type}, body=b"one")
    other, _ = both(method="POST", headers={"Content-Type": content_type}, body=b"other")
    assert one["X-Sdk-Content-Sha256"] == "UNSIGNED-PAYLOAD"
    assert one == other == theirs


def test_the_content_type_is_found_in_any_case() -> None:
    signed = sign(KEY, method="POST", host=HOST, path="/", headers={"content-type": "text/plain"}, body=b"x", when=WHEN)
    assert signed["X-Sdk-Content-Sha256"] == "UNSIGNED-PAYLOAD"


@pytest.mark.parametrize("name", ["X-Sdk-Content-Sha256", "x-sdk-content-sha256"])
@pytest.mark.parametrize("body", [b"", b"x"])
def test_a_hash_that_is_given_is_used_only_with_a_body(name: str, body: bytes) -> None:
    ours, theirs = both(method="POST", headers={name: "given"}, body=body)
    assert ours == theirs


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        *(("method", "PUT"), ("path", "/v1/p/jobs/J"), ("query", [("a", "1")]), ("body", b"x")),
        ("headers", {"X-Project-Id": "p"}),
        ("key", AccessKey("AK", "another")),
    ],
)
def test_every_part_is_signed(changed: str, value: Any) -> None:
    assert both()[0]["Authorization"] != both(**{changed: value})[0]["Authorization"]


def test_what_is_sent_is_what_was_given_and_four_headers_more() -> None:
    given_headers = {"X-Project-Id": " p ", "Content-Type": "application/json", "not_signed": "x"}
    signed = both(headers=given_headers)[0]
    authorization = signed.pop("Authorization")
    assert signed == {
        "X-Project-Id": "p",
        "Content-Type": "application/json",
        "not_signed": "x",
        "X-Sdk-Date": DATE,
        "Host": HOST,
    }
    assert authorization.startswith(
        "SDK-HMAC-SHA256 Access=AK, SignedHeaders=content-type;host;x-project-id;x-sdk-date, Signature="
    )
    assert given_headers == {"X-Project-Id": " p ", "Content-Type": "application/json", "not_signed": "x"}


@pytest.mark.parametrize("name", ["X-Sdk-Date", "x-sdk-date"])
def test_a_date_that_is_given_goes_before_the_time(name: str) -> None:
    signed = sign(KEY, method="GET", host=HOST, path="/", headers={name: "20200101T000000Z"}, when=WHEN)
    assert {key: value for key, value in signed.items() if key.lower() == "x-sdk-date"} == {name: "20200101T000000Z"}


@pytest.mark.parametrize("name", ["Host", "host"])
def test_a_host_that_is_given_is_kept(name: str) -> None:
    ours, theirs = both(headers={name: "other:8443"})
    assert ours == theirs
    assert ours[name] == "other:8443"


def test_a_verifier_finds_the_same_signature() -> None:
    signed = both(method="POST", path="/v1/a b", query=[("x", "y")], headers={"X-Project-Id": "p"}, body=b"{}")[0]
    authorization = signed.pop("Authorization")
    names, signature = signature_of(
        KEY.secret_key, method="POST", path="/v1/a%20b", query=[("x", "y")], headers=signed, body=b"{}"
    )
    assert authorization.endswith(f"SignedHeaders={names}, Signature={signature}")


def test_no_secret_is_shown() -> None:
    for shown in (repr(KEY), str(KEY), f"{KEY}", repr([KEY]), repr({"key": KEY})):
        assert "secret key" not in shown
        assert "session token" not in shown


def test_no_secret_is_sent() -> None:
    assert KEY.secret_key not in repr(both()[0])
