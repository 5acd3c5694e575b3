"""The portal's own address, for links and metadata in answers."""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest


def portal_address(request: HttpRequest) -> str:
    """Scheme and host under which the asker reaches the portal, without a slash at the end.

    The setting PORTAL_URL where it names a host that others reach. While it still names this machine's loopback, as
    after a first start, it is the address that the request itself came to: a client must find metadata where it asked.
    """
    if not is_loopback(urlsplit(settings.PORTAL_URL).hostname or ""):
        return str(settings.PORTAL_URL)
    return f"{request.scheme}://{request.get_host()}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address means the machine itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() in ("localhost", "") or host.casefold().endswith(".localhost")
