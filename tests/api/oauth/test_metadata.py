"""What clients read before they ask."""

import re
from urllib.parse import urlsplit

import pytest

from api.oauth.metadata import is_our_resource

SERVER = {
    "issuer": "http://testserver",
    "authorization_endpoint": "http://testserver/oauth/authorize",
    "token_endpoint": "http://testserver/oauth/token",
    "registration_endpoint": "http://testserver/oauth/register",
    "revocation_endpoint": "http://testserver/oauth/revoke",
    "scopes_supported": ["zikra"],
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
    "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
    "authorization_response_iss_parameter_supported": True,
    "client_id_metadata_document_supported": True,
}
RESOURCE = {
    "resource": "http://testserver/mcp",
    "resource_name": "Zikra portal",
    "authorization_servers": ["http://testserver"],
    "scopes_supported": ["zikra"],
    "bearer_methods_supported": ["header"],
}


@pytest.mark.parametrize("end", ["", "/mcp"])
@pytest.mark.parametrize(("name", "document"), [("authorization-server", SERVER), ("protected-resource", RESOURCE)])
def test_anybody_reads_the_documents(client, end, name, document):
    answer = client.get(f"/.well-known/oauth-{name}{end}")
    assert (answer.status_code, answer["Content-Type"], answer.json()) == (200, "application/json", document)
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert client.post(f"/.well-known/oauth-{name}{end}").status_code == 405


def test_what_is_not_true_is_not_told(client):
    assert client.get("/.well-known/openid-configuration").status_code == 404


def test_a_portal_that_fetches_no_documents_says_so(client, settings):
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": False}
    told = client.get("/.well-known/oauth-authorization-server").json()
    assert told == {**SERVER, "client_id_metadata_document_supported": False}


def test_behind_a_proxy_and_under_the_operator_s_address_all_is_https(client, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"host": "testserver", "x-forwarded-proto": "https"}
    told = client.get("/.well-known/oauth-authorization-server", headers=headers).json()
    assert (told["issuer"], told["token_endpoint"]) == ("https://testserver", "https://testserver/oauth/token")
    settings.PORTAL_URL = "https://zikra.example.com"
    told = client.get("/.well-known/oauth-protected-resource/mcp").json()
    assert (told["resource"], told["authorization_servers"]) == (
        "https://zikra.example.com/mcp", ["https://zikra.example.com"],
    )  # fmt: skip


def test_the_401_of_mcp_leads_to_the_document(client, db):
    header = client.post("/mcp", "{}", content_type="application/json")["WWW-Authenticate"]
    document = client.get(urlsplit(re.search('resource_metadata="([^"]+)"', header)[1]).path)
    assert document.json() == RESOURCE


@pytest.mark.parametrize(
    ("named", "ours"),
    [
        ("http://testserver/mcp", True), ("http://testserver/mcp/", True), ("HTTP://TESTSERVER:80/mcp", True),
        ("http://testserver/", False), ("http://testserver/mcp/other", False), ("https://testserver/mcp", False),
        ("http://testserver:8080/mcp", False), ("http://testserver/mcp#x", False), ("http://testserver/mcp?x=1", False),
        ("http://me@testserver/mcp", False), ("http://testserver.example.com/mcp", False), ("", False), ("http://[", False),
    ],
)  # fmt: skip
def test_which_resource_is_meant(rf, named, ours):
    assert is_our_resource(rf.get("/"), named) is ours
