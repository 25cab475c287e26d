"""Jobs as the API writes them, and the JSON values that hypothesis makes of the same keys."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

JOB_ID = "2c9eb2c5544cbf6101544f0602af2b4f"
SERVER_ID = "bae51750-0089-41a1-9b18-5c777978ff6d"

# The example answer of the API page, word for word.
API_PAGE_EXAMPLE = """
{
    "status": "SUCCESS",
    "entities": {
        "sub_jobs_total": 1,
        "sub_jobs": [
            {
                "status": "SUCCESS",
                "entities": {
                    "server_id": "bae51750-0089-41a1-9b18-5c777978ff6d"
                },
                "job_id": "2c9eb2c5544cbf6101544f0635672b60",
                "job_type": "createSingleServer",
                "begin_time": "2016-04-25T20:04:47.591Z",
                "end_time": "2016-04-25T20:08:21.328Z",
                "error_code": null,
                "fail_reason": null
            }
        ]
    },
    "job_id": "2c9eb2c5544cbf6101544f0602af2b4f",
    "job_type": "createServer",
    "begin_time": "2016-04-25T20:04:34.604Z",
    "end_time": "2016-04-25T20:08:41.593Z",
    "error_code": null,
    "fail_reason": null
}
"""


def example() -> dict[str, Any]:
    return json.loads(API_PAGE_EXAMPLE)


def part(status: str = "SUCCESS", **fields: Any) -> dict[str, Any]:
    """Make a sub-job; ``server_id`` and ``errorcode_message`` go into its entities."""
    entities = {key: fields.pop(key) for key in ("server_id", "nic_id", "errorcode_message") if key in fields}
    return {"status": status, "job_type": "createSingleServer", "entities": entities, **fields}


def job(status: str = "FAIL", parts: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """Make a job, with sub-jobs if there are any."""
    entities = {} if parts is None else {"sub_jobs_total": len(parts), "sub_jobs": parts}
    return {"job_id": JOB_ID, "job_type": "createServer", "status": status, "entities": entities, **fields}


# Text as JSON can hold it, lone surrogates and controls too, and text that looks like what the code looks for.
texts = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF), max_size=8),
    st.sampled_from(
        ["SUCCESS", "FAIL", "RUNNING", "PENDING_PAYMENT", "Ecs.0219", "Common.0021", "2016-04-25T20:04:34.604Z", "24"]
    ),
)
keys = st.one_of(
    st.sampled_from(
        [
            *("status", "entities", "job_id", "job_type", "begin_time", "end_time", "error_code", "fail_reason"),
            *("message", "code", "sub_jobs_total", "sub_jobs", "sub_jobs_result", "server_id", "nic_id"),
            *("errorcode_message", "order_id", "error", "details", "request_id"),
        ]
    ),
    texts,
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    # As deep as with larger ones, which take twice as long.
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=15,
)
json_objects = st.dictionaries(keys, json_values, max_size=8)
statuses = st.sampled_from(["INIT", "RUNNING", "SUCCESS", "FAIL", "PENDING_PAYMENT", "PAUSED", " ", None])


def _job_objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    entities = st.fixed_dictionaries(
        {"sub_jobs": st.lists(inner, max_size=4)}, optional={"sub_jobs_total": json_values}
    )
    return st.fixed_dictionaries({"status": statuses, "entities": entities}, optional={"fail_reason": json_values})


# Objects with the skeleton of a job, which plain JSON seldom has by chance.
job_objects = st.one_of(
    json_objects,
    st.recursive(
        st.fixed_dictionaries(
            {"status": statuses},
            optional={"entities": json_values, "fail_reason": json_values, "error_code": json_values},
        ),
        _job_objects,
        max_leaves=20,
    ),
)
