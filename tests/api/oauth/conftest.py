"""Clients of OAuth as programs see them: registered, with a verifier, led through the consent by a logged-in member."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client

from tests.api.oauth.document_server import DocumentServer, make_certificate, serving
from tests.conftest import Person

CALLBACK = "https://chat.example.com/callback"
BASE = "http://testserver"
MCP = f"{BASE}/mcp"


def challenge_of(verifier: str) -> str:
    """The S256 challenge, as RFC 7636 computes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass
class App:
    """A program that speaks OAuth with the portal, and the browser of whoever uses it."""

    http: Client
    browser: Client
    client_id: str
    secret: str = ""
    redirect_uri: str = CALLBACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def asks(self, **changes: Any) -> str:
        """The address that it sends a browser to; None takes a parameter away."""
        words = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": "s t/ä",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            "resource": MCP,
            **changes,
        }
        return "/oauth/authorize?" + urlencode(
            {name: word for name, word in words.items() if word is not None}, doseq=True
        )

    def consents(self, person: Person, *, asks: dict[str, Any] | None = None, **chosen: Any) -> Any:
        """The answer to a member's consent: as a collaborator in `app` where nothing else is chosen."""
        self.browser.force_login(person.member)
        form = {"role": "collaborator", "projects": ["app"], "reach": "chosen", "allow": "1", **chosen}
        return self.browser.post(self.asks(**(asks or {})), {k: v for k, v in form.items() if v is not None})

    def code(self, person: Person, **chosen: Any) -> str:
        """The code that a member's consent brings."""
        answer = self.consents(person, **chosen)
        assert answer.status_code == 302, answer.content.decode()
        return answered(answer)["code"]

    def exchange(self, code: str, **changes: Any) -> Any:
        """The answer to a code at the token endpoint; None takes a parameter away."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
            "resource": MCP,
            **({"client_secret": self.secret} if self.secret else {}),
            **changes,
        }
        return self.post("/oauth/token", form)

    def refresh(self, refresh_token: str, **changes: Any) -> Any:
        """The answer to a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": self.client_id, **changes}
        return self.post("/oauth/token", form)

    def revoke(self, token: str, **changes: Any) -> Any:
        """The answer to giving a token back."""
        return self.post("/oauth/revoke", {"token": token, "client_id": self.client_id, **changes})

    def connected(self, person: Person, **chosen: Any) -> dict[str, Any]:
        """The tokens after a whole walk."""
        answer = self.exchange(self.code(person, **chosen))
        assert answer.status_code == 200, answer.content
        return answer.json()

    def calls(self, token: str, command: str = "zikra_help", **arguments: Any) -> Any:
        """The webhook's answer to a token."""
        return self.http.post(
            "/webhook/zikra",
            {"command": command, **arguments},
            content_type="application/json",
            headers={"authorization": f"Bearer {token}"},
        )

    def post(self, address: str, form: dict[str, Any]) -> Any:
        """Post a form as programs do."""
        return self.http.post(
            address,
            urlencode({name: word for name, word in form.items() if word is not None}, doseq=True),
            content_type="application/x-www-form-urlencoded",
        )


def answered(response: Any) -> dict[str, str]:
    """What a redirect tells the client."""
    return dict(parse_qsl(urlsplit(response["Location"]).query, strict_parsing=True))


def registered(client: Client, **changes: Any) -> Any:
    """The answer to a registration."""
    described = {"client_name": "Chat", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", **changes}
    # From an address of its own: registrations are counted by address, for an hour.
    address = f"fd00::{secrets.randbelow(1 << 16):x}:{secrets.randbelow(1 << 16):x}:{secrets.randbelow(1 << 16):x}"
    return client.post("/oauth/register", described, content_type="application/json", REMOTE_ADDR=address)


@pytest.fixture
def chat(client: Client, db: None) -> App:
    """A public client that registered itself."""
    answer = registered(client)
    assert answer.status_code == 201, answer.content
    return App(Client(enforce_csrf_checks=True), Client(), answer.json()["client_id"])


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[DocumentServer]:
    """An https server for clients' documents on this machine, which the setting lets the portal ask."""
    certificate, key = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings.OAUTH_PRIVATE_CLIENT_DOCUMENTS = True
    with serving(certificate, key) as server:
        server.serves(
            {
                "client_id": server.client_id,
                "client_name": "Desk",
                "redirect_uris": [CALLBACK],
                "grant_types": ["authorization_code", "refresh_token"],
                "token_endpoint_auth_method": "none",
            }
        )
        yield server
