"""Where a client may have its answers sent: https anywhere, or plain http to the member's own machine."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

# RFC 8252, section 7.3 and 8.3: a program on the member's machine listens on a loopback address.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MOST_REDIRECT_URIS = 10
REDIRECT_URI_LENGTH = 2000
_HOST = re.compile(r"[a-z0-9]([a-z0-9.\-]*[a-z0-9])?\Z")
_PRINTABLE = re.compile(r"[!-~]+\Z")


class UnfitRedirect(ValueError):
    """The address is none that a code may be sent to; the message says why."""


def check_redirect_uri(uri: str) -> SplitResult:
    """The parts of an absolute redirect address. Raises UnfitRedirect for what is neither https nor http to loopback,
    or has a fragment, a user, a wildcard, a host that is no plain name or address, or characters outside ASCII."""
    if len(uri) > REDIRECT_URI_LENGTH or not _PRINTABLE.match(uri):
        raise UnfitRedirect(f"A redirect URI has 1 to {REDIRECT_URI_LENGTH} printable ASCII characters without blanks.")
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UnfitRedirect(f"{uri} is no address.") from None
    if "#" in uri or "@" in parts.netloc or "\\" in uri:
        raise UnfitRedirect(f"{uri} has a fragment, a user or a backslash, which a redirect URI must not have.")
    if not (_HOST.match(host) or _is_address(host)):
        raise UnfitRedirect(f"{uri} names no host.")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise UnfitRedirect(f"{uri} is neither https nor http to this machine (127.0.0.1, [::1] or localhost).")
    return parts


def check_redirect_uris(uris: object) -> list[str]:
    """A client's addresses. Raises UnfitRedirect unless they are one to ten fit strings in a list."""
    if not isinstance(uris, list) or not 1 <= len(uris) <= MOST_REDIRECT_URIS:
        raise UnfitRedirect(f"redirect_uris is a list of 1 to {MOST_REDIRECT_URIS} addresses.")
    for uri in uris:
        if not isinstance(uri, str):
            raise UnfitRedirect("Each of redirect_uris is a string.")
        check_redirect_uri(uri)
    return uris


def is_this_machine(uri: str) -> bool:
    """Whether an address leads to a program on the member's own machine."""
    return (urlsplit(uri).hostname or "") in LOOPBACK


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
