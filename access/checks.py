"""Settings that would hurt later are refused at the start, one readable line each, with what to do."""

import ipaddress
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

TAG = "portal"
# Below these a key can be guessed: Django's own measure for a key that it would call weak.
SECRET_KEY_LENGTH = 50
SECRET_KEY_DISTINCT_CHARACTERS = 5
EMBEDDING_PROVIDERS = ("embedded", "openai", "none")
POSTGRESQL_SCHEMES = ("postgres", "postgresql", "psql", "pgsql")
REDIS_SCHEMES = ("redis", "rediss", "unix")
# pgvector's limit for an indexed half-precision vector.
MOST_DIMENSIONS = 4000
WEIGHT_TOLERANCE = 1e-6
_HOST_NAME = re.compile(r"\.?[a-z0-9_]([a-z0-9_.\-]*[a-z0-9_])?\Z", re.IGNORECASE)


@register(TAG)
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Every complaint about the settings as they are now."""
    return [
        *_secret_key(),
        *_embedding(),
        *_shares(),
        *_redis_url(),
        *_database(),
        *_allowed_hosts(),
        *_numbers(),
        *_portal_url(),
    ]


def _secret_key() -> Iterator[CheckMessage]:
    if not settings.SECRET_KEY_IS_SET:
        yield Error(
            "SECRET_KEY is not set.",
            hint="Set SECRET_KEY to 50 or more random characters; ./zikra up makes one by itself.",
            id="access.E001",
        )
    elif len(settings.SECRET_KEY) < SECRET_KEY_LENGTH or len(set(settings.SECRET_KEY)) < SECRET_KEY_DISTINCT_CHARACTERS:
        weak = f"SECRET_KEY is weak: {len(settings.SECRET_KEY)} characters, {len(set(settings.SECRET_KEY))} different ones."
        hint = f"Use {SECRET_KEY_LENGTH} or more random characters. Tokens and sessions made under the old key end with it."
        yield Warning(weak, hint=hint, id="access.W001") if settings.DEBUG else Error(weak, hint=hint, id="access.E002")


def _embedding() -> Iterator[CheckMessage]:
    if settings.EMBEDDING_PROVIDER not in EMBEDDING_PROVIDERS:
        yield Error(
            f"EMBEDDING_PROVIDER is '{settings.EMBEDDING_PROVIDER}', which is unknown.",
            hint=f"Choose one of {', '.join(EMBEDDING_PROVIDERS)}.",
            id="access.E003",
        )
    if settings.EMBEDDING_PROVIDER == "openai" and urlsplit(settings.EMBEDDING_URL).scheme not in ("http", "https"):
        yield Error(
            f"EMBEDDING_URL is '{settings.EMBEDDING_URL}', which is no web address.",
            hint="Give the endpoint's base, such as http://127.0.0.1:11434/v1.",
            id="access.E004",
        )
    if not 1 <= settings.EMBEDDING_DIMENSIONS <= MOST_DIMENSIONS:
        yield Error(
            f"EMBEDDING_DIMENSIONS is {settings.EMBEDDING_DIMENSIONS}.",
            hint=f"An embedding has 1 to {MOST_DIMENSIONS} dimensions here; take the model's own number.",
            id="access.E005",
        )


def _shares() -> Iterator[CheckMessage]:
    for name in ("SEARCH_SEMANTIC_WEIGHT", "SEARCH_KEYWORD_WEIGHT", "ARCHIVE_THRESHOLD"):
        value = getattr(settings, name)
        if not 0.0 <= value <= 1.0:
            yield Error(f"{name} is {value}.", hint="It is a share, from 0 to 1.", id="access.E006")
    weights = settings.SEARCH_SEMANTIC_WEIGHT + settings.SEARCH_KEYWORD_WEIGHT
    if weights <= WEIGHT_TOLERANCE:
        yield Error(
            "SEARCH_SEMANTIC_WEIGHT and SEARCH_KEYWORD_WEIGHT are both 0: no search could find anything.",
            hint="Give at least one of them a weight; 0.7 and 0.3 are the defaults.",
            id="access.E007",
        )


def _redis_url() -> Iterator[CheckMessage]:
    try:
        parts = urlsplit(settings.REDIS_URL)
        usable = parts.scheme in REDIS_SCHEMES and bool(parts.path if parts.scheme == "unix" else parts.hostname)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        yield Error(
            f"REDIS_URL is '{without_password(settings.REDIS_URL)}', which is no address of a Redis server.",
            hint="Write redis://HOST:6379/0, rediss://… for TLS, or unix:///PATH/TO/SOCKET?db=0.",
            id="access.E008",
        )


def _database() -> Iterator[CheckMessage]:
    database: dict[str, Any] = settings.DATABASES["default"]
    # The settings name PostgreSQL's engine whatever the address says, so the address itself is asked.
    given = (os.environ.get("DATABASE_URL") or "postgresql:").partition(":")[0]
    if given not in POSTGRESQL_SCHEMES:
        yield Error(
            f"DATABASE_URL begins with '{given}://'; the portal needs PostgreSQL.",
            hint="Write postgresql://USER:PASSWORD@HOST:5432/NAME; ./zikra up brings its own when it is not set.",
            id="access.E009",
        )
    elif not database.get("NAME"):
        yield Error(
            "DATABASE_URL names no database.",
            hint="Write postgresql://USER:PASSWORD@HOST:5432/NAME; ./zikra up brings its own when it is not set.",
            id="access.E010",
        )


def _allowed_hosts() -> Iterator[CheckMessage]:
    hosts: Sequence[str] = settings.ALLOWED_HOSTS
    if not hosts and not settings.DEBUG:
        yield Error(
            "ALLOWED_HOSTS is empty: every request would be refused.",
            hint="Name the hosts that people use, such as portal.example.com, or * for any.",
            id="access.E011",
        )
    for host in hosts:
        if not _is_host(host):
            yield Error(
                f"ALLOWED_HOSTS holds '{host}', which is no host name.",
                hint="Names alone, without scheme, port or path: portal.example.com, .example.com, 10.0.0.5, [::1] or *.",
                id="access.E012",
            )


def _is_host(host: str) -> bool:
    if host == "*" or _HOST_NAME.match(host):
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _numbers() -> Iterator[CheckMessage]:
    for name, least in (("TOKEN_RATE_PER_MINUTE", 0), ("MAX_BODY_BYTES", 1024), ("IDEMPOTENCY_DAYS", 1)):
        if getattr(settings, name) < least:
            yield Error(f"{name} is {getattr(settings, name)}.", hint=f"It is {least} or more.", id="access.E013")


def _portal_url() -> Iterator[CheckMessage]:
    parts = urlsplit(settings.PORTAL_URL)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        yield Error(
            f"PORTAL_URL is '{settings.PORTAL_URL}', which is no web address.",
            hint="Give the address under which people reach the portal, such as https://portal.example.com.",
            id="access.E014",
        )


def without_password(url: str) -> str:
    """An address fit for a message: a password in it is left out."""
    return re.sub(r"(://[^/:@]*:)[^@]*@", r"\1…@", url)
