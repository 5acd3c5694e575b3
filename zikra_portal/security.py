"""What browsers are told about each page: where scripts, styles and pictures may come from."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse

# Everything from this portal, nothing inline, nothing from elsewhere; forms go home, nobody frames a page.
PAGES = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# The admin's theme writes its colours into the page, and its Alpine evaluates the expressions in attributes.
ADMIN = {**PAGES, "script-src": "'self' 'unsafe-eval'", "style-src": "'self' 'unsafe-inline'"}
# The API reference draws itself with styles in attributes.
API_REFERENCE = {**PAGES, "style-src": "'self' 'unsafe-inline'", "worker-src": "'self' blob:"}
# First match wins; other paths take PAGES.
BY_PATH = (("/admin/", ADMIN), ("/api/", API_REFERENCE))
HEADER = "Content-Security-Policy"


def policy_for(path: str, *, forms_lead_to: str = "") -> str:
    """The header's value for a path. forms_lead_to: one more origin to which a form's answer may redirect."""
    directives = next((directives for start, directives in BY_PATH if path.startswith(start)), PAGES)
    if forms_lead_to:
        directives = {**directives, "form-action": f"{directives['form-action']} {forms_lead_to}"}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def origin_for_policy(address: str) -> str:
    """The origin of a checked address as a policy names it. A policy cannot name an IPv6 address, only the scheme."""
    parts = urlsplit(address)
    return f"{parts.scheme}:" if ":" in (parts.hostname or "") else f"{parts.scheme}://{parts.netloc}"


class ContentSecurityPolicyMiddleware:
    """Adds the policy to every answer that does not bring its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, with the header."""
        response = self.get_response(request)
        response.headers.setdefault(HEADER, policy_for(request.path))
        return response
