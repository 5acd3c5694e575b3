"""The two addresses that git asks for the plugin's repository. Public: its files hold no secret."""

import gzip
import io
import zlib

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from api.addresses import portal_address
from api.plugin.files import plugin_repository
from api.plugin.repository import SERVICE

# A client names the commits that it has, at most some dozens at a time.
REQUEST_BYTES = 64 * 1024


@require_safe
@never_cache
def refs(request: HttpRequest) -> HttpResponse:
    """Which commit there is."""
    if request.GET.get("service") != SERVICE:
        return HttpResponseBadRequest(
            "This repository is read only, by git's smart protocol.\n", content_type="text/plain"
        )
    body = plugin_repository(portal_address(request)).advertisement()
    return HttpResponse(body, content_type=f"application/x-{SERVICE}-advertisement")


@csrf_exempt
@require_POST
@never_cache
def pack(request: HttpRequest) -> HttpResponse:
    """The objects of the commit."""
    try:
        body = plugin_repository(portal_address(request)).answer(_body(request))
    except (ValueError, OSError, EOFError, zlib.error) as error:
        return HttpResponseBadRequest(
            f"This is no request for the plugin's repository: {error}\n", content_type="text/plain"
        )
    return HttpResponse(body, content_type=f"application/x-{SERVICE}-result")


def _body(request: HttpRequest) -> bytes:
    """What was asked. Raises ValueError for a flood, and zlib's and gzip's errors for what cannot be unpacked."""
    sent = request.read(REQUEST_BYTES + 1)
    if request.headers.get("Content-Encoding") == "gzip":
        with gzip.GzipFile(fileobj=io.BytesIO(sent)) as file:
            sent = file.read(REQUEST_BYTES + 1)
    if len(sent) > REQUEST_BYTES:
        raise ValueError(f"it has more than {REQUEST_BYTES} bytes")
    return sent
