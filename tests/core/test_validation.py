"""A request is checked before it is sent: one message names all that is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_ecsjobs.core.errors import EcsInvalidRequestError
from airflow_provider_ecsjobs.core.operations import OPERATIONS
from airflow_provider_ecsjobs.core.submit.validation import check_request, find_operation, read_ids

NEW = {
    "name": "web",
    "imageRef": "image",
    "flavorRef": "s6.small.1",
    "vpcid": "vpc",
    "nics": [{"subnet_id": "subnet"}],
    "root_volume": {"volumetype": "SSD"},
}
SERVER = {"server_id": "bae51750-0089-41a1-9b18-5c777978ff6d"}
ATTACH = {"volumeAttachment": {"volumeId": "volume"}}


def problems(name: str, parameters: dict[str, Any] | None = None, body: Any = None, **options: Any) -> str:
    """Check a request that is wrong; give what the message says is."""
    with pytest.raises(EcsInvalidRequestError) as caught:
        check_request(OPERATIONS[name], parameters or {}, body, **options)
    start, end = f"{name} can't be submitted: ", f". See the API page '{OPERATIONS[name].page}'."
    message = str(caught.value)
    assert message.startswith(start)
    assert message.endswith(end)
    return message.removeprefix(start).removesuffix(end)


def without(body: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != key}


def is_templated(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


class TestFindOperation:
    def test_finds_each_by_its_name(self) -> None:
        assert [find_operation(name).name for name in OPERATIONS] == list(OPERATIONS)

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("create_server", "create_servers"),
            ("deleteServers", "delete_servers"),
            ("attach_volume", "attach_server_volume"),
            ("batch_detach_volume", "batch_detach_volumes"),
            (" delete_servers ", "delete_servers"),
        ],
    )
    def test_a_near_miss_is_told_what_is_like_it(self, name: str, meant: str) -> None:
        with pytest.raises(EcsInvalidRequestError) as caught:
            find_operation(name)
        said, suggested = str(caught.value).split("Did you mean one of these: ")
        assert f"operation is {name!r}, which is not one of the 25" in said
        assert meant in suggested.removesuffix("?").split(", ")
        assert len(suggested.split(", ")) <= 3

    @pytest.mark.parametrize(
        "name", ["", "zzz", "show_job", None, 7, ["create_servers"], {"name": 1}, b"create_servers"]
    )
    def test_anything_else_is_refused_with_names_to_choose_from(self, name: Any) -> None:
        with pytest.raises(
            EcsInvalidRequestError, match=r"Did you mean one of these: [a-z_]+(, [a-z_]+)*\?$"
        ) as caught:
            find_operation(name)
        assert repr(name) in str(caught.value)

    def test_a_long_name_is_cut(self) -> None:
        with pytest.raises(EcsInvalidRequestError) as caught:
            find_operation("x\n" * 5000)
        assert len(str(caught.value)) < 2000
        assert "\n" not in str(caught.value)


class TestGoodRequests:
    @pytest.mark.parametrize(
        ("name", "parameters", "body"),
        [
            ("create_servers", {}, {"server": NEW}),
            ("create_post_paid_servers", {}, {"server": NEW, "dry_run": True}),
            ("delete_servers", {}, {"servers": [{"id": "a"}, {"id": "b"}], "delete_volume": True}),
            ("batch_stop_servers", {}, {"os-stop": {"servers": ({"id": "a"},)}}),
            ("attach_server_volume", SERVER, ATTACH),
            ("detach_server_volume", {**SERVER, "volume_id": "v"}, None),
            ("detach_server_volume", {**SERVER, "volume_id": "v", "delete_flag": 1}, {}),
            ("batch_detach_volumes", {"volume_id": "v"}, {"serverinfo": ["a"]}),
            ("reinstall_server_with_cloud_init", SERVER, {"os-reinstall": {}}),
            ("execute_server_redeploy", {"server_id": "a.b_c-D9", "volume_id": None}, None),
            ("attach_server_volume", SERVER, {**ATTACH, "dry_run": True}),
            ("delete_servers", {}, {"servers": [{"id": "a"}], "dry_run": False}),
        ],
    )
    def test_pass(self, name: str, parameters: dict[str, Any], body: Any) -> None:
        check_request(OPERATIONS[name], parameters, body)


class TestParameters:
    @pytest.mark.parametrize("parameters", [{}, {"server_id": None}, {"server_id": ""}])
    def test_one_that_is_missing(self, parameters: dict[str, Any]) -> None:
        assert problems("execute_server_redeploy", parameters) == "server_id is missing"

    @pytest.mark.parametrize(
        "value",
        [
            "../x",
            "a/b",
            "..",
            ".",
            "...",
            "a\\b",
            "a?b",
            "a#b",
            "a b",
            " a",
            "a\n",
            "%2e%2e",
            "ñ",
            "x" * 129,
            "{{ x }}",
        ],
    )
    def test_one_that_would_not_stay_in_its_place(self, value: str) -> None:
        assert "expected an id of letters, digits" in problems("execute_server_redeploy", {"server_id": value})

    @pytest.mark.parametrize("value", [7, True, ["a"], {"id": "a"}, b"a", 1.5])
    def test_one_of_another_type(self, value: Any) -> None:
        assert problems("execute_server_redeploy", {"server_id": value}).startswith(f"server_id is {value!r}; expected")

    @pytest.mark.parametrize("value", ["None", "none", "null", "NaN", "undefined"])
    def test_one_that_is_what_a_template_without_a_value_renders_to(self, value: str) -> None:
        said = problems("execute_server_redeploy", {"server_id": value})
        assert said == f"server_id is {value!r}: the template or XCom it comes from had no value"

    @pytest.mark.parametrize(
        ("name", "parameters", "body", "said"),
        [
            ("delete_servers", {"server_id": "a"}, {"servers": [{"id": "a"}]}, "takes no parameters but its body"),
            ("execute_server_redeploy", {**SERVER, "volume_id": "v"}, None, "takes server_id"),
            (
                "detach_server_volume",
                {**SERVER, "volume_id": "v", "flag": "1"},
                None,
                "takes server_id and volume_id and delete_flag",
            ),
        ],
    )
    def test_one_too_many(self, name: str, parameters: dict[str, Any], body: Any, said: str) -> None:
        extra = list(parameters)[-1]
        assert problems(name, parameters, body) == f"{extra} is given, but {name} {said}"


class TestBodies:
    @pytest.mark.parametrize(
        ("body", "said"),
        [
            (None, "the body is missing; expected a dict with volumeAttachment"),
            ("{}", "the body is of type str; expected a dict with volumeAttachment"),
            ([ATTACH], "the body is of type list; expected a dict with volumeAttachment"),
            ({}, "the body lacks volumeAttachment"),
            ({"volumeattachment": {"volumeId": "v"}}, "the body lacks volumeAttachment"),
            ({"volumeAttachment": {}}, "the body lacks volumeAttachment.volumeId"),
            ({"volumeAttachment": {"volumeId": ""}}, "the body lacks volumeAttachment.volumeId"),
            ({"volumeAttachment": {"volumeId": None}}, "the body lacks volumeAttachment.volumeId"),
            ({"volumeAttachment": "volumeId"}, "the body lacks volumeAttachment.volumeId"),
            ({"volumeAttachment": ["volumeId"]}, "the body lacks volumeAttachment.volumeId"),
        ],
    )
    def test_lack_what_the_api_wants(self, body: Any, said: str) -> None:
        assert problems("attach_server_volume", SERVER, body) == said

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, "the body lacks servers"),
            ({"servers": []}, "the body lacks servers[] (a list, not empty)"),
            ({"servers": "a"}, "the body lacks servers[] (a list, not empty)"),
            ({"servers": {"id": "a"}}, "the body lacks servers[] (a list, not empty)"),
            ({"servers": [{"id": "a"}, {"id": ""}]}, "the body lacks servers[1].id"),
            ({"servers": ["a", {"id": "b"}, {}]}, "the body lacks servers[0].id; the body lacks servers[2].id"),
        ],
    )
    def test_say_which_item_of_a_list(self, body: Any, said: str) -> None:
        assert problems("delete_servers", {}, body) == said

    @pytest.mark.parametrize(
        ("items", "said"), [([], "serverinfo[] (a list, not empty)"), (["a", None, ""], "serverinfo[1]")]
    )
    def test_say_which_id_of_a_list(self, items: list[Any], said: str) -> None:
        assert f"the body lacks {said}" in problems("batch_detach_volumes", {"volume_id": "v"}, {"serverinfo": items})

    @pytest.mark.parametrize("key", list(NEW))
    def test_a_create_says_what_the_server_lacks(self, key: str) -> None:
        lacking = "root_volume" if key == "root_volume" else key
        assert problems("create_servers", {}, {"server": without(NEW, key)}) == f"the body lacks server.{lacking}"

    def test_a_part_that_is_not_there_is_named_once(self) -> None:
        assert problems("create_servers", {}, {"dry_run": True}) == "the body lacks server"

    def test_of_a_request_that_has_none(self) -> None:
        said = problems("execute_server_redeploy", SERVER, {"redeploy": {}})
        assert said == "a body is given, but this request has none"

    def test_ask_for_a_dry_run_that_there_is_not(self) -> None:
        said = problems("delete_servers", {}, {"servers": [{"id": "a"}], "dry_run": True})
        assert said == "the API has no dry run for it"

    def test_all_problems_stand_in_one_message(self) -> None:
        said = problems(
            "attach_server_volume",
            {"server_id": "None", "volume_id": "v"},
            {"volumeAttachment": {"device": "/dev/sdb"}},
        )
        assert [part.split(" ")[0] for part in said.split("; ")] == ["server_id", "volume_id", "the"]
        assert "volumeAttachment.volumeId" in said

    def test_a_password_in_the_body_is_not_shown(self) -> None:
        body = {"os-change": {"adminpass": "canary-password"}}
        assert "canary" not in problems("change_server_os_with_cloud_init", SERVER, body)


class TestNotKnownYet:
    """A template is passed over where it stands, and only there."""

    @pytest.mark.parametrize(
        ("name", "parameters", "body"),
        [
            ("execute_server_redeploy", {"server_id": "{{ x }}"}, None),
            ("attach_server_volume", SERVER, "{{ x }}"),
            ("attach_server_volume", SERVER, {"volumeAttachment": "{{ x }}"}),
            ("attach_server_volume", SERVER, {"volumeAttachment": {"volumeId": "{{ x }}"}}),
            ("delete_servers", {}, {"servers": "{{ x }}"}),
            ("delete_servers", {}, {"servers": [{"id": "a"}, "{{ x }}", {"id": "{{ x }}"}]}),
            ("execute_server_redeploy", SERVER, "{{ x }}"),
        ],
    )
    def test_is_passed_over(self, name: str, parameters: dict[str, Any], body: Any) -> None:
        check_request(OPERATIONS[name], parameters, body, is_templated=is_templated)

    def test_what_stands_beside_it_is_checked(self) -> None:
        body = {"servers": [{"id": "{{ x }}"}, {"id": ""}]}
        assert problems("delete_servers", {}, body, is_templated=is_templated) == "the body lacks servers[1].id"
        said = problems("attach_server_volume", {"server_id": "{{ x }}"}, {}, is_templated=is_templated)
        assert said == "the body lacks volumeAttachment"
        assert problems("attach_server_volume", {}, "{{ x }}", is_templated=is_templated) == "server_id is missing"


class TestNames:
    """A key is called what the one who asks calls it."""

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({}, "the body lacks os-stop"),
            ({"os-stop": {}}, "server_ids is missing (os-stop.servers in the body)"),
            ({"os-stop": {"servers": []}}, "server_ids is missing (os-stop.servers[] in the body)"),
            ({"os-stop": {"servers": [{"id": None}]}}, "server_ids is missing (os-stop.servers[0].id in the body)"),
        ],
    )
    def test_of_the_one_who_asks(self, body: Any, said: str) -> None:
        assert problems("batch_stop_servers", {}, body, names={"os-stop.servers": "server_ids"}) == said


ids = st.text("abcdefABCDEF0123456789-_", min_size=1, max_size=40).filter(
    lambda text: text.strip("-_ ") and text.lower() not in ("nan", "none", "null", "true", "false", "undefined")
)


class TestReadIds:
    @pytest.mark.parametrize(
        ("value", "read"),
        [
            ([], []),
            ((), []),
            ("", []),
            ("[]", []),
            ("a", ["a"]),
            (" a ", ["a"]),
            (["a", "b"], ["a", "b"]),
            (("b", "a"), ["b", "a"]),
            ({"a"}, ["a"]),
            (["b", "a", "b"], ["b", "a"]),
            ([["a", "b"], ["c"], "a"], ["a", "b", "c"]),
            (range(0), []),
            ("['a', 'b']", ["a", "b"]),
            ('["a", "b"]', ["a", "b"]),
            ("a,b", ["a", "b"]),
            ("a, b,", ["a", "b"]),
            ("\n  ['a']\n", ["a"]),
        ],
    )
    def test_takes(self, value: Any, read: list[str]) -> None:
        assert read_ids("server_ids", value) == read

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (7, "is of type int; expected a list of ids"),
            ({"id": "a"}, "is of type dict; expected a list of ids"),
            (b"a", "is of type bytes; expected a list of ids"),
            ([7], "holds 7, which is not an id"),
            (None, "is of type NoneType; expected a list of ids"),
            ([None], "holds None: the template or XCom it comes from had no value"),
            ("['a', None]", "holds 'None': the template or XCom it comes from had no value"),
            (" none ", "holds 'none': the template or XCom it comes from had no value"),
            ([["a"], [7]], "holds 7, which is not an id"),
            (["a", ""], "holds '', which is not an id"),
            (["a b"], "holds 'a b', which is not an id"),
            (["../x"], "holds '../x', which is not an id"),
            ([{"id": "a"}], "holds {'id': 'a'}, which is not an id"),
            ("a b", "holds 'a b', which is not an id"),
            ("{{ ti.xcom_pull() }}", "holds '{{ ti.xcom_pull() }}', which is not an id"),
            ("{'id': 'a'}", "which is not an id"),
            (["x" * 500], "more characters), which is not an id"),
        ],
    )
    def test_refuses(self, value: Any, said: str) -> None:
        with pytest.raises(EcsInvalidRequestError) as caught:
            read_ids("server_ids", value)
        assert str(caught.value).startswith("server_ids ")
        assert said in str(caught.value)
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize("nothing", ["None", "null", "undefined"])
    def test_what_a_template_without_a_value_renders_to_is_no_id_in_a_list_either(self, nothing: str) -> None:
        with pytest.raises(EcsInvalidRequestError, match="had no value"):
            read_ids("server_ids", ["a", nothing])

    @given(st.lists(ids, unique=True, max_size=5))
    def test_a_list_and_what_a_template_makes_of_it_are_the_same(self, value: list[str]) -> None:
        assert read_ids("server_ids", value) == read_ids("server_ids", str(value)) == value
