"""A lead watches runs in a real browser: the board changes by itself, and all of it works without that, too."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from access.models import Project
from memories.models import UseKind
from memories.saving import save_memory
from memories.uses import note_uses
from runs.models import Run
from runs.recording import log_run, start_run
from tests.browser.conftest import PHONE, WALK, WIDE, command, log_in

pytestmark = WALK
# The board promises to be no older than this; a poll takes 4 s and a moment.
LIVE_MS = 5_500


@pytest.fixture
def full(owner, collaborator, app):
    """Runs with long and short words, of every state, and one with all that a session can have."""
    now = timezone.now()
    other = Project.objects.create(name="a-project-with-a-rather-long-name-for-a-phone")
    for number in range(60):
        log_run(
            owner.caller, [app, other][number % 2], agent=["codex", "an-agent-with-a-name-that-never-seems-to-end"][number % 2],
            model="a-model-of-the-house-7b", status=["success", "failed", "cancelled"][number % 3], duration_s=number * 700.0,
            tokens_input=number * 100_000, cost_usd=Decimal(number) if number % 4 else None, session_id=f"over-{number}",
            prompt_name="A prompt whose name goes on " * 3 if number % 5 == 0 else "", at=now - timedelta(hours=number),
        )  # fmt: skip
    for number in range(5):
        start_run(
            owner.caller, app, agent="claude-code", session_id=f"live-{number}", machine="a-machine-with-a-long-name.example",
            branch="feature/" + "long-branch-name-" * 4, step="working on " + "x" * 90, at=now - timedelta(minutes=number * 5),
        )  # fmt: skip
    memory = save_memory(owner.caller, app, "note", "M" * 120).memory
    run = Run.objects.get(session_id="over-1")
    note_uses(run.pk, [memory.pk], UseKind.SEARCH)
    log_run(
        owner.caller, other, run_id=run.pk, cwd="/srv/" + "directory/" * 20, files_modified=["src/" + "deep/" * 30 + "a.py"],
        output_summary="# Done\n\n" + "`" + "y" * 200 + "`\n\n| a | b |\n|---|---|\n| " + "z" * 90 + " | c |",
    )  # fmt: skip
    return run


def test_the_board_follows_a_run_from_start_to_end_without_a_reload(open_page, live_server, owner, collaborator, app):
    def tell(name, **told):
        return command(live_server.url, collaborator.secret, command=name, project="app", session_id="s1", **told)

    page = open_page()
    log_in(page, "olga")
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing runs right now")).to_be_visible()
    page.evaluate("window.neverReloaded = true")

    run_id = tell("start_run", agent="codex", model="test-model", step="reading the issue")["id"]
    row = page.locator("#active-runs tbody tr")
    expect(row).to_contain_text("reading the issue", timeout=LIVE_MS)
    tell("heartbeat_run", step="running the tests", tokens_input=1_500_000, cost_usd=1.25)
    expect(row).to_contain_text("running the tests", timeout=LIVE_MS)
    expect(row).to_contain_text("1.5M")
    expect(row).to_contain_text("$1.25")
    page.locator(f"#active-{run_id}").focus()
    tell("heartbeat_run", step="writing the summary")
    expect(row).to_contain_text("writing the summary", timeout=LIVE_MS)
    assert page.evaluate("document.activeElement.id") == f"active-{run_id}"
    tell("log_run", status="success")
    expect(page.get_by_role("heading", name="Nothing runs right now")).to_be_visible(timeout=LIVE_MS)
    assert page.evaluate("window.neverReloaded") is True


def test_a_run_s_own_page_follows_it_and_stops_when_it_has_ended(open_page, live_server, owner, app):
    run = start_run(owner.caller, app, agent="codex", session_id="s1", step="reading")
    page = open_page()
    log_in(page, "olga")
    page.goto(f"/runs/{run.pk}/")
    command(live_server.url, owner.secret, command="heartbeat_run", session_id="s1", step="running the tests")
    expect(page.locator(".timeline")).to_contain_text("running the tests", timeout=LIVE_MS)
    command(live_server.url, owner.secret, command="log_run", session_id="s1", output_summary="All **green**.")
    expect(page.get_by_text("All green.")).to_be_visible(timeout=LIVE_MS)
    expect(page.locator("[data-live-moment]")).to_have_count(0)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(LIVE_MS)
    assert asked == []


def test_scroll_stays_where_it_is_when_the_board_changes(open_page, owner, full, app):
    page = open_page(PHONE)
    log_in(page, "olga")
    page.goto("/runs/")
    page.evaluate("window.scrollTo(0, 900)")
    before = page.evaluate("window.scrollY")
    moment = page.locator("#active-runs [data-live-moment]")
    seen = moment.inner_text()
    expect(moment).not_to_have_text(seen, timeout=LIVE_MS)
    assert page.evaluate("window.scrollY") == before > 0


def test_an_unreachable_portal_is_told_and_what_was_shown_stays(open_page, owner, app):
    start_run(owner.caller, app, agent="codex", session_id="s1")
    page = open_page(expects_failures=True)
    log_in(page, "olga")
    page.goto("/runs/")
    page.route("**/runs/", lambda route: route.abort())
    expect(page.get_by_text("The portal does not answer; this is from")).to_be_visible(timeout=LIVE_MS)
    expect(page.locator("#active-runs tbody tr")).to_have_count(1)
    page.unroute("**/runs/")
    expect(page.get_by_text("The portal does not answer")).to_be_hidden(timeout=LIVE_MS)


def test_a_hidden_tab_asks_nothing_and_catches_up_when_it_is_shown(open_page, owner, app):
    page = open_page()
    log_in(page, "olga")
    page.goto("/runs/")
    hide = "value => { Object.defineProperty(document, 'hidden', {value: value, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    # A poll that was under way ends first.
    page.wait_for_timeout(500)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(LIVE_MS)
    assert asked == []
    began = time.monotonic()
    start_run(owner.caller, app, agent="codex", session_id="s1")
    page.evaluate(hide, False)
    expect(page.locator("#active-runs tbody tr")).to_have_count(1, timeout=2_000)
    assert time.monotonic() - began < 3


def test_the_end_of_a_session_leads_to_the_login(open_page, owner, app):
    page = open_page()
    log_in(page, "olga")
    page.goto("/runs/")
    page.context.clear_cookies()
    expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=LIVE_MS + 2_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_page_of_runs_scrolls_sideways_or_breaks_its_policy(open_page, owner, full, viewport, scheme):
    page = open_page(viewport, scheme)
    log_in(page, "olga")
    live = Run.objects.get(session_id="live-0")
    wide = []
    for address in (
        "/runs/",
        "/runs/?page=2&sort=-cost",
        "/runs/?agent=nobody",
        f"/runs/{full.pk}/",
        f"/runs/{live.pk}/",
    ):
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(address)
    assert wide == []


def test_everything_works_without_javascript(open_page, owner, full, app):
    page = open_page(WIDE, java_script_enabled=False)
    log_in(page, "olga")
    page.get_by_label("Project", exact=True).select_option("app")
    page.get_by_role("button", name="Switch").click()
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_role("heading", name="Runs in app")).to_be_visible()
    expect(page.locator("#active-runs tbody tr")).to_have_count(5)
    expect(page.get_by_text("Reload the page to see what is new.")).to_be_visible()
    page.get_by_label("Outcome").select_option("failed")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("section[aria-labelledby=ended] tbody tr")).to_have_count(10)
    page.locator("#sort-cost").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Cost↓")
    costs = page.locator("section[aria-labelledby=ended] tbody td[data-label=Cost]").all_inner_texts()
    assert costs == ["$58.00", "$46.00", "$34.00", "$22.00", "$10.00", *["no price"] * 5]
    page.locator("section[aria-labelledby=ended] .row-link").first.click()
    expect(page.get_by_role("heading", name="About it")).to_be_visible()


def test_the_history_is_filtered_sorted_and_opened_by_keyboard(open_page, owner, full):
    page = open_page()
    log_in(page, "olga")
    page.goto("/runs/")
    page.get_by_label("Words").focus()
    page.keyboard.type("over-58")
    page.keyboard.press("Enter")
    expect(page.locator("section[aria-labelledby=ended] tbody tr")).to_have_count(1)
    assert page.url.endswith("/runs/?q=over-58")
    page.locator("#sort-cost").focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Cost↓")
    page.locator("section[aria-labelledby=ended] .row-link").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="codex")).to_be_visible()


def test_a_click_anywhere_on_a_row_opens_it_and_the_switch_sends_itself(open_page, owner, full):
    page = open_page()
    log_in(page, "olga")
    page.goto("/runs/?sort=-cost&page=2")
    page.get_by_label("Project", exact=True).select_option("app")
    expect(page.get_by_role("heading", name="Runs in app")).to_be_visible()
    assert page.url.endswith("/runs/?sort=-cost&project=app")
    page.locator("section[aria-labelledby=ended] tbody tr").first.locator("td[data-label=Outcome]").click()
    expect(page.get_by_role("heading", name="About it")).to_be_visible()
    expect(page.get_by_text("$58.00").first).to_be_visible()
