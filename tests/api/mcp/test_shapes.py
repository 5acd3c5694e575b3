"""Every answer has the shape that its revision's schema gives it, as the official types hold it."""

import pytest
from mcp_types.methods import validate_server_result

from tests.api.mcp.conftest import STATELESS, VERSIONS

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(tell, collaborator):
    tell(collaborator, "save_prompt", title="Review", content_md="Read it twice.")
    return tell(collaborator, "save_memory", title="Kept", content_md="Text.", memory_type="note", tags=["a"])["id"]


@pytest.mark.parametrize("version", VERSIONS)
def test_results(request_of, collaborator, kept, version):
    hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}
    asked = [
        *([("server/discover", {})] if version == STATELESS else [("initialize", hello), ("ping", {})]),
        ("tools/list", {}),
        ("tools/call", {"name": "zikra_search", "arguments": {"query": "kept"}}),
        ("tools/call", {"name": "zikra_search", "arguments": {}}),
        ("tools/call", {"name": "search", "arguments": {"query": "kept"}}),
        ("tools/call", {"name": "fetch", "arguments": {"id": kept}}),
        ("tools/call", {"name": "zikra_version"}),
        ("resources/list", {}),
        ("resources/templates/list", {}),
        ("resources/read", {"uri": f"zikra://memory/{kept}"}),
        ("prompts/list", {}),
        ("prompts/get", {"name": "review"}),
    ]
    for method, params in asked:
        result = request_of(collaborator, method, version, **params)
        validate_server_result(method, version, result)
        assert ("resultType" in result, "_meta" in result) == (version == STATELESS,) * 2


@pytest.mark.parametrize(
    ("method", "params", "fresh_ms"),
    [
        ("server/discover", {}, 300_000), ("tools/list", {}, 300_000), ("resources/templates/list", {}, 300_000),
        ("resources/list", {}, 0), ("prompts/list", {}, 0), ("resources/read", {"uri": "zikra://memory/ID"}, 0),
        ("tools/call", {"name": "zikra_version"}, None), ("prompts/get", {"name": "review"}, None),
    ],
)  # fmt: skip
def test_what_may_be_kept_and_for_how_long(request_of, collaborator, kept, method, params, fresh_ms):
    params = {name: value.replace("ID", kept) for name, value in params.items()}

    result = request_of(collaborator, method, **params)

    assert (result.get("ttlMs"), result.get("cacheScope")) == (fresh_ms, None if fresh_ms is None else "private")
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "zikra"
