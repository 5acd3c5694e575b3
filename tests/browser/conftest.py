"""A real Chromium for tests of pages, and what the walks have in common."""

import json
import os
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "correct horse battery"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

# What the browser says of answers that a walk means to get.
EXPECTED_FAILURES = ("net::ERR_FAILED", "status of 409")

# The marks of every file of walks: `pytestmark = WALK`.
WALK = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not os.path.exists(CHROMIUM), reason="no Chromium at CHROMIUM or /usr/bin/chromium"),
]


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

    expects_failures: for walks in which the portal is made unreachable or refuses a form for a conflict, which the
    browser itself complains about.
    """
    complaints: list[str] = []
    contexts = []

    def open_page(viewport=WIDE, color_scheme="light", expects_failures=False, **options) -> Page:
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
                and complaints.append(f"{page.url}: {message.text}")
            ),
        )
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def log_in(page: Page, username: str) -> None:
    page.goto("/")
    page.get_by_label("Username or email").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_title("Home · Zikra portal")


def command(base: str, secret: str, **body) -> dict:
    request = urllib.request.Request(
        f"{base}/webhook/zikra",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
