"""The admin: one site, in the portal's look, for everybody who may log in."""

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite


class PortalAdminSite(UnfoldAdminSite):
    """Open to every active member; what each may see and do follows from the role."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the person is an active member."""
        return bool(request.user.is_active)
