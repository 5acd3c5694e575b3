"""Is the portal alive, and can it work? Neither answer ever calls the outside."""

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, JsonResponse
from redis import RedisError


def health(request: HttpRequest) -> JsonResponse:
    """The process answers. Public; existing clients read these fields."""
    return JsonResponse({"status": "ok", "version": settings.VERSION, "backend": "postgres"})


def ready(request: HttpRequest) -> JsonResponse:
    """PostgreSQL and the Redis server answer too; 503 names the part that does not."""
    parts = {"postgres": _postgres_answers(), "redis": _redis_answers()}
    status = 200 if all(parts.values()) else 503
    words = {name: "ok" if answers else "away" for name, answers in parts.items()}
    return JsonResponse({"status": "ok" if status == 200 else "not ready", **words}, status=status)


def _postgres_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _redis_answers() -> bool:
    try:
        cache.get("ready")
    except (RedisError, OSError):
        return False
    return True
