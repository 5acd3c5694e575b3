"""Every address of the portal."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from zikra_portal import (
    client_pages,
    connect_page,
    consent_page,
    cost_pages,
    handoff_pages,
    health,
    home,
    notification_pages,
    prompt_pages,
    run_pages,
    search_page,
)

urlpatterns = [
    # The agents' doors first: of them hundreds of requests may come in a second.
    path("", include("api.urls")),
    path("", home.home, name="home"),
    path("runs/", run_pages.runs, name="runs"),
    path("runs/<uuid:run_id>/", run_pages.run, name="run"),
    path("costs/", cost_pages.costs, name="costs"),
    path("costs.csv", cost_pages.costs_csv, name="costs-csv"),
    path("costs/prices/reprice/", cost_pages.reprice, name="reprice"),
    # Notices.
    path("notifications/", notification_pages.notifications, name="notifications"),
    path("notifications/read/", notification_pages.read_all, name="notifications-read"),
    path("notifications/unread/<int:microseconds>/", notification_pages.unread, name="notifications-unread"),
    path("notifications/mails/", notification_pages.switch_mails, name="notifications-mails"),
    path("notifications/<int:notification_id>/", notification_pages.open_notification, name="notification"),
    # Requirements: the board and its list.
    path("requirements/", include("zikra_portal.board_urls")),
    # Requirements: one of them, and writing them.
    path("requirements/", include("zikra_portal.requirement_urls")),
    # Memories.
    path("memories/", include("zikra_portal.memory_urls")),
    # Search, prompts, hygiene.
    path("search/", search_page.search_page, name="search"),
    path("prompts/", prompt_pages.prompts, name="prompts"),
    path("hygiene/", include("zikra_portal.hygiene_urls")),
    # OAuth: the consent, and the clients that were let in.
    path("oauth/authorize", consent_page.authorize, name="oauth-authorize"),
    path("clients/", client_pages.clients, name="clients"),
    path("clients/<uuid:connection_id>/revoke/", client_pages.revoke, name="client-revoke"),
    # Where sessions left off.
    path("handoffs/", handoff_pages.handoffs, name="handoffs"),
    path("handoffs/<uuid:handoff_id>/accept/", handoff_pages.take, name="handoff-accept"),
    path("handoffs/<uuid:handoff_id>/cancel/", handoff_pages.take_back, name="handoff-cancel"),
    path("handoffs/<uuid:handoff_id>/reopen/<str:kept>/", handoff_pages.give_free, name="handoff-reopen"),
    path("handoffs/<uuid:handoff_id>/assign/", handoff_pages.give, name="handoff-assign"),
    path("proposals/", handoff_pages.proposals, name="proposals"),
    path("proposals/<uuid:proposal_id>/accept/", handoff_pages.decide, {"word": "accept"}, name="proposal-accept"),
    path("proposals/<uuid:proposal_id>/reject/", handoff_pages.decide, {"word": "reject"}, name="proposal-reject"),
    # Connecting agents, and the machines that they run on.
    path("connect/", connect_page.connect, name="connect"),
    path("connect/<uuid:token_id>/", connect_page.waiting, name="connect-waiting"),
    path("connect/machines/<int:machine_id>/revoke/", connect_page.revoke, name="machine-revoke"),
    path("connect/machines/<int:machine_id>/allow/", connect_page.allow, name="machine-allow"),
    path("connect/machines/<int:machine_id>/rename/", connect_page.rename, name="machine-rename"),
    path("connect/machines/<int:machine_id>/forget/", connect_page.forget, name="machine-forget"),
    # The admin, login, and whether all is well.
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
]
