"""How states and audit rows look, on every page alike."""

from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access.models import AuditEntry

OUTCOME_LOOKS = {"done": "good", "refused": "attention", "invalid": "attention", "failed": "bad"}
# Pages of the things that audit rows tell about, by the kind that stands in the row.
PAGES_OF_KINDS = {
    "memory": "memory",
    "memorytype": "admin:memories_memorytype_change",
    "token": "admin:access_roletoken_change",
    "connected client": "admin:access_connectedclient_change",
    "project": "admin:access_project_change",
    "member": "admin:access_member_change",
    "requirement": "requirement",
    "run": "run",
}

ALL_PROJECTS = "All projects"
# More names than this make a row unreadable; the page of the object has them all.
PROJECTS_NAMED = 4

# States of a client that a member let in, and of a machine.
CONNECTION_LOOKS = {"connected": "good", "waiting": "", "expired": "attention", "refused": "bad", "revoked": "bad"}


def state_label(word: str, look: str = "") -> SafeString:
    """A state as a word and a shape. look: "good", "attention", "bad" or plain."""
    return format_html('<span class="state{}">{}</span>', f" state-{look}" if look else "", word)


def link_to_subject(entry: AuditEntry) -> str | SafeString:
    """The object of an audit row, as a link where it has a page."""
    words = entry.object_title or entry.object_id or "–"
    try:
        address = reverse(PAGES_OF_KINDS[entry.object_type], args=[entry.object_id]) if entry.object_id else ""
    except (KeyError, NoReverseMatch):
        address = ""
    return format_html('<a href="{}">{}</a>', address, words) if address else words


def scope_in_words(all_projects: bool, projects: Any) -> str:
    """The projects of a token or a member, for a list."""
    if all_projects:
        return ALL_PROJECTS
    names = sorted(project.name for project in projects)
    if not names:
        return "None"
    more = len(names) - PROJECTS_NAMED
    return ", ".join(names[:PROJECTS_NAMED]) + (f" and {more} more" if more > 0 else "")
