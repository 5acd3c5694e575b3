"""Addresses of the agents' doors."""

from typing import Any

from django.urls import path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView

from api import client_file
from api.capture import views as capture
from api.mcp.view import mcp
from api.oauth import endpoints, metadata, registration
from api.plugin import views as plugin
from api.plugin.files import REPOSITORY
from api.views import WebhookView

# Public. Each command's name is the only value of its `command`, which the default hooks would make a component of its own.
SCHEMA: dict[str, Any] = {"authentication_classes": [], "custom_settings": {"POSTPROCESSING_HOOKS": []}}

urlpatterns = [
    path("webhook/zikra", WebhookView.as_view(), name="webhook"),
    path("webhook/zikra/", WebhookView.as_view(schema=None)),
    path("hook", capture.hook, name="hook"),
    path("hook/batch", capture.batch, name="hook-batch"),
    path("handoff", capture.handoff, name="handoff"),
    path("identity", capture.identity, name="identity"),
    path("connect.py", client_file.connect, name="connect-file"),
    path(f"{REPOSITORY}/info/refs", plugin.refs, name="plugin-refs"),
    path(f"{REPOSITORY}/git-upload-pack", plugin.pack, name="plugin-pack"),
    path("mcp", mcp, name="mcp"),
    path("mcp/", mcp),
    path("api/schema/", SpectacularAPIView.as_view(**SCHEMA), name="schema"),
    # OAuth: what clients read and call by themselves. The consent is a page.
    path(".well-known/oauth-protected-resource", metadata.protected_resource),
    path(".well-known/oauth-protected-resource/mcp", metadata.protected_resource, name="oauth-protected-resource-mcp"),
    path(".well-known/oauth-authorization-server", metadata.authorization_server),
    path(".well-known/oauth-authorization-server/mcp", metadata.authorization_server),
    path("oauth/token", endpoints.token, name="oauth-token"),
    path("oauth/register", registration.register, name="oauth-register"),
    path("oauth/revoke", endpoints.revoke, name="oauth-revoke"),
    path("api/docs/", TemplateView.as_view(template_name="api/reference.html"), name="reference"),
]
