"""The one table of the portal's pages: what the tests of reach and of hostile texts open. A page of a new name belongs here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Known:
    """Objects whose pages are opened; each has much to show."""

    project: str
    requirement: Any
    draft: Any
    comment: Any
    memory: Any
    dead_link: Any
    ended_run: Any
    active_run: Any
    connection: Any
    machine: Any
    sharing_machine: Any


def _with(path: str, **words: Any) -> str:
    return f"{path}?{urlencode(words)}"


# Url name -> addresses of that page: full, narrowed, and with nothing found.
PAGES: dict[str, Callable[[Known], list[str]]] = {
    "home": lambda known: ["/", _with("/", project=known.project)],
    "search": lambda known: ["/search/", _with("/search/", q="stock"), _with("/search/", q="zzqqxx")],
    "runs": lambda known: ["/runs/", _with("/runs/", project=known.project), _with("/runs/", q="zzqqxx")],
    "run": lambda known: [f"/runs/{known.ended_run.pk}/", f"/runs/{known.active_run.pk}/"],
    "costs": lambda known: [
        "/costs/",
        _with("/costs/", group="model", by="day"),
        _with("/costs/", group="person", project=known.project),
        _with("/costs/", since="2001-01-01", until="2001-01-31"),
    ],
    "reprice": lambda known: ["/costs/prices/reprice/"],
    "notifications": lambda known: ["/notifications/"],
    "requirements": lambda known: [
        "/requirements/",
        _with("/requirements/", project=known.project),
        _with("/requirements/", view="list"),
        _with("/requirements/", q="zzqqxx"),
        _with("/requirements/", view="list", q="zzqqxx"),
    ],
    "requirement": lambda known: [f"/requirements/{known.requirement.pk}/", f"/requirements/{known.draft.pk}/"],
    "requirement-new": lambda known: ["/requirements/new/", _with("/requirements/new/", project=known.project)],
    "requirement-edit": lambda known: [f"/requirements/{known.draft.pk}/edit/"],
    "requirement-history": lambda known: [f"/requirements/{known.requirement.pk}/history/"],
    "comment-edit": lambda known: [f"/requirements/{known.comment.requirement_id}/comments/{known.comment.pk}/"],
    "memories": lambda known: [
        "/memories/",
        _with("/memories/", q="stock"),
        _with("/memories/", q="zzqqxx"),
        _with("/memories/", project=known.project),
    ],
    "memory": lambda known: [f"/memories/{known.memory.pk}/"],
    "memory-new": lambda known: ["/memories/new/"],
    "memory-edit": lambda known: [f"/memories/{known.memory.pk}/edit/"],
    "memory-history": lambda known: [f"/memories/{known.memory.pk}/history/"],
    "memory-graph": lambda known: ["/memories/graph/", _with("/memories/graph/", project=known.project)],
    "clients": lambda known: ["/clients/"],
    "client-revoke": lambda known: [f"/clients/{known.connection.pk}/revoke/"],
    "connect": lambda known: ["/connect/", _with("/connect/", project=known.project)],
    "connect-waiting": lambda known: [f"/connect/{known.machine.token_id}/"],
    "machine-rename": lambda known: [f"/connect/machines/{known.machine.pk}/rename/"],
    "machine-revoke": lambda known: [
        f"/connect/machines/{machine.pk}/revoke/" for machine in (known.machine, known.sharing_machine)
    ],
    "handoffs": lambda known: [
        *("/handoffs/", "/handoffs/?state=accepted", "/handoffs/?state=expired"),
        _with("/handoffs/", project=known.project),
    ],
    "proposals": lambda known: ["/proposals/", _with("/proposals/", project=known.project)],
    "prompts": lambda known: ["/prompts/", _with("/prompts/", project=known.project)],
    "hygiene": lambda known: [
        *("/hygiene/", "/hygiene/?show=stale", "/hygiene/?show=orphaned", "/hygiene/?show=duplicate"),
        *("/hygiene/?show=dead", _with("/hygiene/", project=known.project)),
    ],
    "hygiene-link": lambda known: [f"/hygiene/link/{known.memory.pk}/"],
    "hygiene-mend": lambda known: [f"/hygiene/dead/{known.dead_link.pk}/"],
    "account_change_password": lambda known: ["/accounts/password/change/"],
    "account_logout": lambda known: ["/accounts/logout/"],
    "mfa_index": lambda known: ["/accounts/2fa/"],
    "reference": lambda known: ["/api/docs/"],
}
# What a visitor sees.
ENTRANCE = ("/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/", "/accounts/signup/")
ERRORS = ("/no-such-page/", "/runs/00000000-0000-4000-8000-000000000000/")
# Asked by machines, downloaded, or fetched by a page for a part of itself; and the consent, which needs a client that asks.
NO_PAGES = frozenset(
    {
        *(
            "costs-csv",
            "health",
            "ready",
            "webhook",
            "schema",
            "hook",
            "hook-batch",
            "handoff",
            "connect-file",
            "identity",
            "mcp",
            "plugin-refs",
            "plugin-pack",
        ),
        *("oauth-protected-resource-mcp", "oauth-token", "oauth-register", "oauth-revoke", "oauth-authorize"),
        *("notifications-unread", "notification", "pick-memories", "pick-requirements"),
        *("requirement-comments", "requirement-newer", "connect-file", "machine-forget"),
        *("handoff-accept", "handoff-cancel", "handoff-assign", "proposal-accept", "proposal-reject"),
    }
)
A_UUID = "00000000-0000-4000-8000-000000000000"


def portal_addresses() -> dict[str, str]:
    """An address, with made-up numbers in it, for each name that is the portal's own: not the admin's nor the login's."""
    from django.urls import URLPattern, URLResolver, get_resolver, reverse

    made_up = {"uuid": A_UUID, "int": 1, "string": "x"}

    def below(resolver: URLResolver) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry in resolver.url_patterns:
            if isinstance(entry, URLResolver):
                if entry.namespace is None and not str(entry.pattern).startswith("accounts/"):
                    found |= below(entry)
            elif isinstance(entry, URLPattern) and entry.name:
                kinds = entry.pattern.converters.items()
                words = {name: made_up[type(kind).__name__.removesuffix("Converter").lower()] for name, kind in kinds}
                found[entry.name] = reverse(entry.name, kwargs=words)
        return found

    return below(get_resolver())
