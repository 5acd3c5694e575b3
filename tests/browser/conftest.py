"""A real Chromium for tests of pages, and what the walks have in common."""

import json
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.db.models import Count
from django.test import Client, override_settings
from django.utils import timezone
from oauth2_provider.models import Application
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from access.callers import caller_for_member
from access.clients import Consent, let_in_client
from access.models import ConnectedClient, Member
from access.roles import Role
from access.tokens import make_own_token
from memories.models import Memory, MemoryLink
from requirements_pipeline.commenting import add_comment
from requirements_pipeline.models import Requirement
from runs.machines import sharing_token
from runs.models import Machine, Run, holder_of
from tests.browser.addresses import Known
from zikra_portal.demo.filling import fill_demo

# The shell is Chromium without a desktop's parts, which takes a third less of a processor.
INSTALLED = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(os.path.exists, INSTALLED), INSTALLED[-1])
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page of a test runs its scripts once: the compilers that make hot code quick cost more than they give back.
    "--js-flags=--no-opt --no-maglev --always-sparkplug",
]
PASSWORD = "correct horse battery"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

# What the browser says of answers that a walk means to get.
EXPECTED_FAILURES = ("net::ERR_FAILED", "status of 409", "status of 401", "Error Code 401")

_IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason=f"no Chromium at CHROMIUM, {' or '.join(INSTALLED)}"),
]
# The marks of every file of walks: `pytestmark = WALK`.
WALK = [*_IN_BROWSER, pytest.mark.django_db(transaction=True)]
# Those of files that look around in one demo and change nothing: what a test itself does to the database is undone.
LOOK = [*_IN_BROWSER, pytest.mark.django_db]
# The browser names each page that answers with an error's status.
NOT_FOUND = "the server responded with a status of 404"
READERS = ("demo-owner", "demo-guest", "demo-nobody")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright's synchronous API runs an event loop in this thread; Django's database calls here are meant.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser, live_server):
    """Opens pages; at the end none may have broken its policy or thrown.

    expects_failures: for walks in which the portal is made unreachable or refuses a form (a conflict, a session that is
    over), which the browser itself complains about. expects_not_found: for walks of somebody who may not see a page.
    """
    complaints: list[str] = []
    contexts = []

    def open_page(
        viewport=WIDE, color_scheme="light", expects_failures=False, expects_not_found=False, **options
    ) -> Page:
        context = browser.new_context(viewport=viewport, color_scheme=color_scheme, base_url=live_server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: (
                message.type == "error"
                and not (
                    expects_failures
                    and (message.text.startswith("htmx:") or any(word in message.text for word in EXPECTED_FAILURES))
                )
                and not (expects_not_found and NOT_FOUND in message.text)
                and complaints.append(f"{page.url}: {message.text}")
            ),
        )
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@dataclass
class DemoPortal:
    """A live portal with the demo in it, and pages of its READERS. sessions: their cookies."""

    address: str
    known: Known
    browser: Browser
    sessions: dict[str, str]
    pages: dict[str, Page] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def page_of(self, username: str) -> Page:
        """A page of a member, the same one each time; of a visitor with ""."""
        if username not in self.pages:
            context = self.browser.new_context(base_url=self.address)
            if username:
                cookie = {"name": settings.SESSION_COOKIE_NAME, "value": self.sessions[username], "url": self.address}
                context.add_cookies([cookie])
            page = context.new_page()
            page.on("console", lambda message: self._heard(page, message))
            page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
            self.pages[username] = page
        return self.pages[username]

    def _heard(self, page: Page, message: ConsoleMessage) -> None:
        # Such pages are opened on purpose.
        if message.type == "error" and NOT_FOUND not in message.text:
            self.complaints.append(f"{page.url}: {message.text}")


@pytest.fixture(scope="module")
def demo_of_module(django_db_setup, django_db_blocker, browser) -> Iterator[DemoPortal]:
    """The demo, filled once for all tests of a file; they only read. Afterwards the database is as it was migrated."""
    quick = "django.contrib.auth.hashers.MD5PasswordHasher"
    with django_db_blocker.unblock(), override_settings(PASSWORD_HASHERS=[quick], ALLOWED_HOSTS=["localhost"]):
        try:
            fill_demo()
            Member.objects.create_user("demo-nobody", role=Role.COLLABORATOR)
            server = LiveServer("localhost")
            sessions = {username: session_of(username) for username in READERS}
            portal = DemoPortal(server.url, _known(), browser, sessions)
            yield portal
            for page in portal.pages.values():
                page.context.close()
            server.stop()
        finally:
            connections.close_all()
            django_db_setup.bring_back()


@pytest.fixture
def demo_portal(demo_of_module) -> Iterator[DemoPortal]:
    """The file's demo; at the end of each test no page of it may have broken its policy or thrown."""
    demo_of_module.complaints.clear()
    yield demo_of_module
    assert demo_of_module.complaints == []


def connect_a_client(member: Member) -> ConnectedClient:
    """A client that a member has let in, and that fetched its first token."""
    application = Application.objects.create(name="Chat", redirect_uris="https://chat.example/back")
    consent = Consent(Role.GUEST, None, "https://chat.example/back", "x" * 43)
    connection = let_in_client(caller_for_member(member), application, consent, "a code")
    now = timezone.now()
    ConnectedClient.objects.filter(pk=connection.pk).update(fetched_at=now, ends_at=now + timedelta(days=30))
    return connection


def connect_a_machine(member: Member, name: str, *, project_names: list[str] | None = None, **told: Any) -> Machine:
    """A machine of a member's, connected by a token of its own. told: what its client tells of it."""
    until = timezone.now() + timedelta(days=90)
    caller = caller_for_member(member)
    token = make_own_token(caller, name, Role.COLLABORATOR, project_names=project_names, expires_at=until).row
    return Machine.objects.create(holder=holder_of(caller), name=name, member=member, token=token, **told)


def _known() -> Known:
    owner = Member.objects.get(username="demo-owner")
    requirements = Requirement.objects.annotate(said=Count("comments"), moved=Count("moves", distinct=True))
    memories = Memory.objects.filter(memory_type="decision", version__gte=2)
    requirement = requirements.filter(state="done").order_by("-said", "-moved", "title").first()
    return Known(
        project="demo-shop",
        requirement=requirement,
        comment=add_comment(caller_for_member(owner), requirement, "Well done."),
        dead_link=MemoryLink.objects.filter(target=None).order_by("target_title").first(),
        connection=connect_a_client(owner),
        machine=connect_a_machine(owner, "anvil", agents=["codex"], untrusted=["codex"], backlog=3, backlog_seconds=90),
        sharing_machine=next(machine for machine in Machine.objects.filter(refused_at=None) if sharing_token(machine)),
        draft=requirements.filter(state="draft").order_by("title").first(),
        memory=memories.annotate(linked=Count("incoming_links")).order_by("-linked", "title").first(),
        ended_run=Run.objects.finished().exclude(commits=[]).order_by("-cost_usd").first(),
        active_run=Run.objects.active().order_by("-last_seen_at").first(),
    )


def session_of(username: str) -> str:
    """The session's key of a member who has just logged in."""
    client = Client()
    client.force_login(Member.objects.get(username=username), backend="access.permissions.RolePermissionBackend")
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def log_in(page: Page, username: str) -> None:
    """Open home as a member with a session of their own, for walks that have nothing to do with the login."""
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session_of(username), "domain": "localhost", "path": "/"}
    page.context.add_cookies([cookie])
    page.goto("/")
    expect(page).to_have_title("Home · Zikra portal")


def log_in_by_form(page: Page, username: str) -> None:
    """As a person does; the browser knows afterwards whose it is."""
    page.goto("/")
    log_in_here(page, username)
    expect(page).to_have_title("Home · Zikra portal")


def log_in_here(page: Page, username: str) -> None:
    """On the login page that is open."""
    page.get_by_label("Username or email").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def command(base: str, secret: str, **body) -> dict:
    request = urllib.request.Request(
        f"{base}/webhook/zikra",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
