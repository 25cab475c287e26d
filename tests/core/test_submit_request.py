"""A request that starts a job: what is sent, whether it may be sent again, and its secrets."""

from __future__ import annotations

import uuid
from collections import UserDict
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.submit.submission import (
    SubmitRequest,
    check_client_token,
    digest,
    secrets_in,
)
from airflow_provider_ecsjobs.core.submit.validation import check_request
from tests.core.submit_requests import request

TOKEN = "0b0f5c2e-8f2a-5d0c-9f64-0a1b2c3d4e5f"

NEW_SERVER = {
    **dict.fromkeys(("name", "imageRef", "flavorRef", "vpcid"), "x"),
    "nics": [{"subnet_id": "x"}],
    "root_volume": {"volumetype": "SSD"},
}


class TestApiRequest:
    def test_a_create_has_its_body_and_its_token(self) -> None:
        call = request("create_servers", body={"server": {"name": "ñ"}, "dry_run": False}, client_token=TOKEN).call()
        assert (call.method, call.path) == ("POST", "/v1.1/{project_id}/cloudservers")
        assert call.body == b'{"server":{"name":"\\u00f1"},"dry_run":false}'
        assert (list(call.query), list(call.headers)) == ([], [("X-Client-Token", TOKEN)])

    def test_without_a_token_and_a_body_nothing_stands_for_them(self) -> None:
        call = request("execute_server_redeploy", parameters={"server_id": "s"}).call()
        assert (call.path, call.body, list(call.headers)) == (
            "/v1/{project_id}/cloudservers/s/actions/redeploy",
            b"",
            [],
        )

    @pytest.mark.parametrize(
        ("odd", "quoted"),
        [("../x", "..%2Fx"), ("a?b#c", "a%3Fb%23c"), ("ñ", "%C3%B1"), ("{volume_id}", "%7Bvolume_id%7D"), ("~", "~")],
    )
    def test_a_path_parameter_stays_within_its_segment(self, odd: str, quoted: str) -> None:
        call = request("detach_server_volume", parameters={"server_id": odd, "volume_id": "v"}).call()
        assert call.path == f"/v1/{{project_id}}/cloudservers/{quoted}/detachvolume/v"

    @pytest.mark.parametrize(
        ("flag", "query"),
        [(True, "1"), (False, "0"), (1, "1"), ("0", "0"), (None, None)],
    )
    def test_a_query_parameter_is_sent_as_the_api_writes_it(self, flag: Any, query: str | None) -> None:
        parameters = {"server_id": "s", "volume_id": "v", "delete_flag": flag}
        call = request("detach_server_volume", parameters=parameters).call()
        assert list(call.query) == ([] if query is None else [("delete_flag", query)])

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (datetime(2026, 3, 1, tzinfo=UTC), "type datetime"),
            ({"canary"}, "type set"),
            (b"canary", "type bytes"),
            (float("nan"), "Out of range float"),
            (float("inf"), "Out of range float"),
            ({("canary",): 1}, "tuple"),
        ],
    )
    def test_a_body_that_json_can_not_hold_is_refused_without_a_value(self, value: Any, said: str) -> None:
        with pytest.raises(EcsInvalidRequestError) as caught:
            request(body={"volumeAttachment": value}, parameters={"server_id": "s"}).call()
        assert str(caught.value).startswith(
            "attach_server_volume can't be submitted: the body can't be written as JSON"
        )
        assert said in str(caught.value)
        assert "canary" not in str(caught.value)

    def test_a_body_without_end_is_refused(self) -> None:
        body: dict[str, Any] = {}
        body["volumeAttachment"] = body
        with pytest.raises(EcsInvalidRequestError, match="Circular"):
            request(body=body, parameters={"server_id": "s"}).call()

    def test_the_repr_shows_no_body(self) -> None:
        shown = repr(request("create_servers", body={"server": {"adminPass": "canary"}}))
        assert "create_servers" in shown
        assert "canary" not in shown


class TestAllowResend:
    @pytest.mark.parametrize(
        ("of", "expected"),
        [
            (request(), False),
            (request("delete_servers"), True),
            (request("create_servers"), False),
            (request("create_servers", client_token=TOKEN), True),
            (request(body={"dry_run": True}), True),
            (request(body={"dry_run": False}), False),
            (request("create_servers", client_token=TOKEN).with_token(None), False),
        ],
    )
    def test_what_may_be_sent_again(self, of: SubmitRequest, expected: bool) -> None:
        assert of.is_safe_to_resend is expected

    @pytest.mark.parametrize("text", ["false", "False"])
    def test_a_text_is_either_refused_or_makes_no_dry_run(self, text: str) -> None:
        # The API may read it as the boolean: then it is no dry run, and without a token it must not be repeated.
        create = request("create_servers", body={"server": NEW_SERVER, "dry_run": text})
        with suppress(EcsInvalidRequestError):
            check_request(create.operation, {}, create.body)
            assert not create.is_safe_to_resend


class TestClientToken:
    def test_none_is_always_fine_and_one_only_for_a_create(self) -> None:
        for name, operation in OPERATIONS.items():
            check_client_token(operation, None)
            if name.startswith("create_"):
                check_client_token(operation, str(uuid.uuid4()))
            else:
                with pytest.raises(EcsInvalidRequestError, match=f"{name} takes none"):
                    check_client_token(operation, str(uuid.uuid4()))

    @pytest.mark.parametrize(
        "token", [TOKEN.upper(), TOKEN.replace("-", ""), f"{{{TOKEN}}}", f"{TOKEN}\n", "", "x", 7, uuid.UUID(TOKEN)]
    )
    def test_any_other_form_is_refused_and_shown(self, token: Any) -> None:
        with pytest.raises(EcsInvalidRequestError, match="expected a UUID in lower case") as caught:
            check_client_token(OPERATIONS["create_servers"], token)
        assert repr(token) in str(caught.value)


class TestSecrets:
    @pytest.mark.parametrize(
        ("body", "found"),
        [
            (None, set()),
            ("adminPass", set()),
            ({"server": {"adminPass": "one", "name": "web"}}, {"one"}),
            ({"os-change": {"adminpass": "one", "userid": "u"}}, {"one"}),
            ({"server": {"user_data": "two", "extendparam": {"deep": [{"adminPass": "one"}, ({"Password": "3"},)]}}},
             {"one", "two", "3"}),
            ({"adminPass": "", "password": None, "user_data": 7}, set()),
            ({"server": {"personality": [{"path": "/etc/key", "contents": "ZmlsZQ=="}]}}, {"ZmlsZQ=="}),
            ({"adminPass": {"adminPass": "one"}}, {"one"}),
            ({7: "x", "adminpass": "one"}, {"one"}),
            ({"server": UserDict({"adminPass": "one"})}, {"one"}),
        ],
    )  # fmt: skip
    def test_are_found_at_any_depth(self, body: Any, found: set[str]) -> None:
        assert secrets_in(body) == found

    @pytest.mark.parametrize("name", ["adminPass", "user_data"])
    @pytest.mark.parametrize("other", ["0ther-passw0rd", 'qu"ote', "back\\slash", "pässword", "x"])
    def test_leave_no_trace_in_the_digest(self, name: str, other: str) -> None:
        def digest_with(secret: str) -> str:
            body = {"server": {**NEW_SERVER, name: secret, "extendparam": {"deep": [{"Password": secret}]}}}
            return digest(SubmitRequest.build(OPERATIONS["create_servers"], {}, body))

        assert digest_with(other) == digest_with("passw0rd")

    def test_the_digest_tells_requests_apart_whose_bodies_are_the_same(self) -> None:
        detach = OPERATIONS["detach_server_volume"]
        digests = {
            digest(SubmitRequest.build(detach, {"server_id": server, "volume_id": volume}, None))
            for server in ("s-1", "s-2")
            for volume in ("v-1", "v-2")
        }
        assert len(digests) == 4

    def test_are_left_out_as_in_the_records_of_0_1_0(self) -> None:
        body = {
            "server": {
                "name": "web",
                "adminPass": "Passw0rd!x",
                "user_data": "IyEvYmluL3No",
                "nics": [{"subnet_id": "s"}],
                "metadata": {"admin_pass": "Passw0rd!y"},
            },
            "dry_run": False,
        }
        expected = "5dbadf9d7c6b6bd6151edf2b3a1def35a3c600e86cd02692073ac59be8362f7e"
        assert digest(SubmitRequest.build(OPERATIONS["create_servers"], {}, body)) == expected
