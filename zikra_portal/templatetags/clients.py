"""Template filters for clients that members let in."""

from urllib.parse import urlsplit

from django import template
from django.utils.safestring import SafeString

from access.appearance import CONNECTION_LOOKS, scope_in_words, state_label
from access.models import ConnectedClient

register = template.Library()


@register.filter
def reach(connection: ConnectedClient) -> str:
    """The projects that a client reaches, in words. Costs nothing when they were fetched before."""
    return scope_in_words(connection.token.all_projects, connection.token.projects.all())


@register.filter
def leads_to(connection: ConnectedClient) -> str:
    """The host that the client's answers go to: all that is known for certain of who it is."""
    hosts = sorted({urlsplit(uri).hostname or "" for uri in connection.client.redirect_uris.split()})
    return ", ".join(hosts[:2]) + (f" and {len(hosts) - 2} more" if len(hosts) > 2 else "")


@register.filter
def connection_state(connection: ConnectedClient) -> SafeString:
    """The state as a word and a shape."""
    return state_label(connection.state, CONNECTION_LOOKS[connection.state])
