"""The morning's pages in a real browser: home, search from anywhere, prompts, and putting memories in order."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from memories.models import Memory
from memories.saving import save_memory
from requirements_pipeline.models import RequirementState
from requirements_pipeline.moves import move_requirement
from requirements_pipeline.writing import save_requirement
from runs.models import Run
from runs.recording import heartbeat_run, log_run, start_run
from tests.browser.conftest import PHONE, WALK, WIDE, log_in

pytestmark = WALK
# A live part promises to be no older than this; a poll takes 4 s and a moment.
LIVE_MS = 6_000
LONG = "W" * 300
HOSTILE = "<script>alert(1)</script> مرحبا 🦨 " + LONG


@pytest.fixture
def full(owner, collaborator, app):
    """Something in every part of the pages, with words that are too long."""
    for number in range(3):
        wish = save_requirement(collaborator.caller, app, f"Wish {number} {HOSTILE[:400]}", assignee="olga")
        save_memory(owner.caller, app, "decision", f"Decision {number} {HOSTILE[:400]}", content_md=LONG)
        save_memory(owner.caller, app, "note", f"Stale {number}", content_md=f"[[Gone {number} {LONG[:100]}]]")
    move_requirement(owner.caller, wish, RequirementState.REJECTED, reason=HOSTILE)
    save_memory(owner.caller, app, "error", HOSTILE[:450])
    save_memory(owner.caller, app, "decision", "stale 0")
    prompt = save_memory(owner.caller, app, "prompt", f"Prompt {HOSTILE[:400]}").memory
    Memory.objects.filter(title__startswith="Stale").update(
        confirmed_at=timezone.now() - timedelta(days=60), updated_at=timezone.now() - timedelta(days=60)
    )
    run = log_run(owner.caller, app, agent="codex", session_id="over", prompt_name=prompt.title, output_summary=HOSTILE)
    Run.objects.filter(pk=run.pk).update(prompt_id=prompt.pk)
    return start_run(owner.caller, app, agent="codex", session_id="live", step="reading " + LONG)


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


PAGES = ("/", "/search/?q=wish+stale", "/search/?q=WWW", "/prompts/", "/hygiene/", "/hygiene/?show=orphaned",
         "/hygiene/?show=duplicate", "/hygiene/?show=dead")  # fmt: skip


@pytest.mark.parametrize(("viewport", "scheme"), [(WIDE, "light"), (PHONE, "light"), (PHONE, "dark")])
def test_every_page_fits_its_window_whatever_the_words(open_page, owner, full, viewport, scheme):
    page = open_page(viewport=viewport, color_scheme=scheme)
    log_in(page, "olga")
    for path in PAGES:
        page.goto(path)
        assert fits(page), path


def test_home_tells_what_needs_its_reader_and_follows_runs_without_a_reload(open_page, owner, collaborator, app, full):
    page = open_page()
    log_in(page, "olga")
    expect(page.get_by_role("heading", name=re.compile("^To promote 2"))).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^Assigned to you 2"))).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    heartbeat_run(owner.caller, app, session_id="live", step="writing the summary")
    expect(page.locator("#home-runs")).to_contain_text("writing the summary", timeout=LIVE_MS)
    log_run(owner.caller, app, session_id="live", status="success")
    expect(page.locator("#home-runs")).to_contain_text("No agent works right now", timeout=LIVE_MS)
    assert page.evaluate("window.neverReloaded") is True


def test_a_slash_on_any_page_searches_everything(open_page, owner, app, full):
    page = open_page()
    log_in(page, "olga")
    page.goto("/prompts/")
    page.keyboard.press("/")
    page.keyboard.type("wish 1")
    page.keyboard.press("Enter")
    expect(page).to_have_title("wish 1 · Search · Zikra portal")
    page.get_by_role("navigation", name="What was found").get_by_role("link", name="Requirements").click()
    page.get_by_role("link", name=re.compile("^Wish 1")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Wish 1")


def test_a_prompt_s_curl_line_is_copied_and_its_runs_are_a_click_away(open_page, owner, full):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    log_in(page, "olga")
    page.get_by_role("link", name="Prompts", exact=True).click()
    page.get_by_role("button", name="Copy curl").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert '"command": "get_prompt"' in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("link", name="1 runs of it").click()
    expect(page.get_by_text("Only runs of one prompt")).to_be_visible()


def repair_and_undo(page):
    """Each kind of repair, and its undo, by buttons alone."""
    page.goto("/hygiene/")
    page.get_by_role("button", name="Confirm Stale 1").click()
    expect(page.get_by_text("Confirmed “Stale 1”.")).to_be_visible()
    expect(page.locator("a.row-link", has_text="Stale 2")).to_be_visible()
    expect(page.locator("a.row-link", has_text="Stale 1")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: Confirmed “Stale 1”.")).to_be_visible()
    page.get_by_label("Choose Stale 1").check()
    page.get_by_label("Choose Stale 2").check()
    page.get_by_role("button", name="Archive the chosen").click()
    expect(page.get_by_text("Archived 2 memories.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Archive all 3 shown").click()
    expect(page.get_by_role("heading", name="Nothing is stale")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Archive Stale 2").click()
    expect(page.get_by_text("Archived “Stale 2”.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    page.get_by_role("link", name="Duplicates").click()
    page.get_by_role("button", name="Keep the newest").click()
    expect(page.get_by_text("Kept “stale 0” and archived 1 other.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Keep the newest")).to_be_visible()

    page.get_by_role("link", name="Dead links").click()
    page.get_by_role("link", name=re.compile("^Mend Gone 1")).click()
    page.get_by_label("Search the memories of app").fill("stale 2")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("button", name="Lead it here Stale 2").click()
    expect(page.get_by_text(re.compile("now leads to “Stale 2”"))).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name=re.compile("^Remove brackets of Gone 1")).click()
    expect(page.get_by_text(re.compile("is plain words now"))).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name=re.compile("^Mend Gone 1")).click()
    page.get_by_label("What it says, in Markdown").fill("It exists now.")
    page.get_by_role("button", name=re.compile("^Save “Gone 1")).click()
    expect(page.get_by_text(re.compile("which links waited for"))).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    page.get_by_role("link", name="Orphaned").click()
    page.get_by_role("link", name="Link stale 0").click()
    page.get_by_role("button", name=re.compile("^Link to this Stale 0")).click()
    expect(page.get_by_text("“stale 0” to “Stale 0”")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(re.compile("^Undone: Linked"))).to_be_visible()


def test_memories_are_put_in_order_and_back(open_page, owner, full):
    before = sorted(Memory.objects.values_list("title", "content_md", "archived_at"))
    page = open_page()
    log_in(page, "olga")
    repair_and_undo(page)
    assert sorted(Memory.objects.filter(deleted_at=None).values_list("title", "content_md", "archived_at")) == before


def test_all_of_it_works_without_javascript_on_a_phone(open_page, owner, full):
    page = open_page(viewport=PHONE, java_script_enabled=False)
    log_in(page, "olga")
    page.get_by_role("searchbox", name="Search memories, requirements, runs and prompts").fill("wish 1")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_title("wish 1 · Search · Zikra portal")
    repair_and_undo(page)
