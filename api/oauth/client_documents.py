"""Clients whose id is the address of a document about them (client-id metadata documents).

The address comes from a stranger, so it is resolved once, refused when any of its addresses is not public, and asked
at exactly the address that was checked: https, no redirect, a few seconds, a few kilobytes.
"""

import ipaddress
import socket
import ssl
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

import urllib3
from django.conf import settings
from oauth2_provider.cimd import CIMDError, SafeMetadataFetcher, _ip_is_public
from oauth2_provider.settings import oauth2_settings

from api.oauth.redirects import UnfitRedirect, check_redirect_uris
from api.oauth.registration import shown_name

HTTPS_PORT = 443
CLIENT_ID_LENGTH = 255


class ClientDocuments(SafeMetadataFetcher):
    """Fetches a client's document and takes from it what the portal uses."""

    def fetch(self, client_id: str) -> tuple[dict[str, Any], int]:
        """The document and the seconds for which it may be kept. Raises CIMDError for one that cannot be taken."""
        parts = self._checked(client_id)
        document, seconds = self._read(parts)
        try:
            uris = check_redirect_uris(document.get("redirect_uris"))
        except UnfitRedirect as problem:
            raise CIMDError(str(problem)) from problem
        grants = document.get("grant_types", ["authorization_code"])
        if not isinstance(grants, list) or "authorization_code" not in grants:
            raise CIMDError("grant_types must hold authorization_code")
        # A client may be able to do more than the portal offers.
        taken = {"grant_types": ["authorization_code"], "client_name": shown_name(document.get("client_name"), uris[0])}
        return {**document, **taken}, seconds

    def _checked(self, client_id: str) -> SplitResult:
        try:
            parts = urlsplit(client_id)
            _ = parts.port
        except ValueError:
            raise CIMDError("client_id is no address") from None
        if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or "#" in client_id:
            raise CIMDError("client_id must be an https address without user and fragment")
        if parts.path in ("", "/") or any(part in (".", "..") for part in parts.path.split("/")):
            raise CIMDError("client_id must have a path, without . and ..")
        if len(client_id) > CLIENT_ID_LENGTH or not client_id.isascii() or not client_id.isprintable():
            raise CIMDError(f"client_id has at most {CLIENT_ID_LENGTH} printable ASCII characters")
        return parts

    def _read(self, parts: SplitResult) -> tuple[dict[str, Any], int]:
        """Ask the host's addresses one after the other; all of them share one deadline."""
        deadline = time.monotonic() + oauth2_settings.CIMD_FETCH_TIMEOUT_SECONDS
        problem: Exception | None = None
        for address in _public_addresses(parts):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                return self._read_from(address, parts, left)
            except urllib3.exceptions.HTTPError as error:
                problem = error
        raise CIMDError(f"the client's document cannot be fetched: {problem}")

    def _read_from(self, address: str, parts: SplitResult, seconds: float) -> tuple[dict[str, Any], int]:
        # Connecting to the checked address while the certificate is that of the name: nothing is looked up again.
        with urllib3.HTTPSConnectionPool(
            address,
            parts.port or HTTPS_PORT,
            timeout=urllib3.Timeout(total=seconds),
            retries=False,
            ssl_context=ssl.create_default_context(),
            server_hostname=parts.hostname,
            assert_hostname=parts.hostname,
        ) as pool:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            headers = {"Host": parts.netloc, "Accept": "application/json, application/*+json"}
            response = pool.urlopen("GET", path, headers=headers, redirect=False, preload_content=False)
            try:
                document: tuple[dict[str, Any], int] = self._read_document(response)
                return document
            finally:
                response.close()


def _public_addresses(parts: SplitResult) -> list[str]:
    """Every address of a host. Raises CIMDError when one of them is not public: a name with a public and a private
    address must not lead inside."""
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or HTTPS_PORT, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise CIMDError(f"the host of client_id cannot be found: {error}") from error
    addresses = [str(info[4][0]) for info in found]
    inside = [address for address in addresses if not _may_be_asked(address)]
    if inside or not addresses:
        raise CIMDError(f"the host of client_id is not public ({', '.join(inside)})")
    return addresses


def _may_be_asked(address: str) -> bool:
    known = ipaddress.ip_address(address)
    meant = (known.ipv4_mapped or known) if isinstance(known, ipaddress.IPv6Address) else known
    if _ip_is_public(address):
        # Multicast counts as global; no document lives there.
        return not meant.is_multicast
    # Link-local addresses stay out: clouds keep their machines' credentials there.
    return settings.OAUTH_PRIVATE_CLIENT_DOCUMENTS and meant.is_private and not meant.is_link_local
