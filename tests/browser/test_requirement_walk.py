"""Requirements are written, discussed and checked in a real browser, by two people at once, and without JavaScript."""

import re
import time
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from memories.errors_log import log_error
from memories.saving import save_memory
from requirements_pipeline.commenting import add_comment
from requirements_pipeline.criteria import check_criterion
from requirements_pipeline.models import EditorDraft, Requirement, RequirementTemplate
from requirements_pipeline.moves import promote_requirement
from requirements_pipeline.writing import edit_requirement, save_requirement
from runs.models import Run
from runs.recording import log_run
from tests.browser.conftest import PHONE, WALK, WIDE, log_in, log_in_by_form, log_in_here

pytestmark = WALK
# What others do appears within this time; a poll takes 4 s and a moment.
LIVE_MS = 5_500
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def requirement(collaborator, app) -> Requirement:
    return save_requirement(
        collaborator.caller, app, "Export invoices", content_md="As CSV.", acceptance=["One row an invoice", "UTF-8"]
    )


@pytest.fixture
def hostile(owner, collaborator, app) -> Requirement:
    """One with all that can stand on a page, in words that are long, odd or right to left."""
    long, rtl = "x" * 400, "ייצוא חשבוניות כקובץ "
    made = save_requirement(
        collaborator.caller, app, f"{HOSTILE} {rtl} {'😀' * 40} {long}"[:500], content_md=f"{HOSTILE}\n\n`{long}` {rtl * 9}",
        acceptance=[long, rtl, HOSTILE], module=long[:200], tags=[long[:100], rtl], priority=1,
    )  # fmt: skip
    waits = save_requirement(collaborator.caller, app, f"Waiting {long}")
    memory = save_memory(collaborator.caller, app, "note", f"Memory {long}").memory
    edit_requirement(collaborator.caller, made, depends_on=[str(waits.pk)], memories=[memory.pk], assignee="carl")
    promote_requirement(owner.caller, made, "prompt")
    run = log_run(
        collaborator.caller, app, requirement_id=made.pk, agent="codex", machine=long[:200], branch=long[:200],
        model="a-model", cost_usd=Decimal(1), files_modified=[long, "a.py"], commits=[long, "4fe21c0"],
        pull_requests=[f"https://git.example/{long[:300]}"], output_summary=f"{long} {HOSTILE}",
    )  # fmt: skip
    failed = log_error(owner.caller, app, message=f"Broke {long}")
    failed.run_id = run.pk
    failed.save(update_fields=["run_id"])
    add_comment(owner.caller, made, f"{HOSTILE} {long} @olga {rtl * 20}")
    return made


def text_of(page) -> str:
    return page.get_by_label("What is wanted, and why").input_value()


def test_a_requirement_is_written_with_preview_rows_and_links(open_page, owner, collaborator, app):
    save_memory(collaborator.caller, app, "note", "CSV guide")
    save_requirement(collaborator.caller, app, "Round amounts")
    RequirementTemplate.objects.create(name="Feature", content_md="## Why\n", acceptance=["A test tells"])
    page = open_page()
    log_in(page, "carl")
    page.goto("/requirements/new/")
    page.get_by_label("Begin with").select_option(label="Feature")
    expect(page.get_by_role("textbox", name="Criterion 1")).to_have_value("A test tells")
    page.get_by_label("Title", exact=True).fill("Export invoices")
    page.get_by_label("What is wanted, and why").fill("As **CSV**, see [[CSV guide]]. <b>")
    page.get_by_role("button", name="Preview").click()
    preview = page.locator("#preview")
    expect(preview.locator("strong")).to_have_text("CSV")
    expect(preview.get_by_role("link", name="CSV guide")).to_be_visible()
    page.get_by_role("textbox", name="Criterion 1").press("Enter")
    page.get_by_role("textbox", name="Criterion 2").press_sequentially("UTF-8")
    page.get_by_role("textbox", name="Criterion 2").press("Enter")
    page.get_by_role("textbox", name="Criterion 3").press_sequentially("Never mind")
    page.get_by_role("button", name="Remove criterion 3").click()
    page.get_by_role("button", name="Move up criterion 2").click()
    page.get_by_role("searchbox", name="Search memories to link").press_sequentially("csv")
    page.get_by_role("button", name="CSV guide").click()
    page.get_by_role("searchbox", name="Search requirements to wait for").press_sequentially("round")
    page.get_by_role("button", name="Round amounts").first.click()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Export invoices")
    expect(page.get_by_text("Submitted: an owner can promote it now.")).to_be_visible()
    made = Requirement.objects.get(title="Export invoices")
    assert (made.state, made.acceptance) == ("submitted", ["UTF-8", "A test tells"])
    assert [row.title for row in made.depends_on.all()] == ["Round amounts"]
    assert [row.title for row in made.memories.all()] == ["CSV guide"]
    assert EditorDraft.objects.count() == 0


def test_what_is_typed_survives_a_reload_until_it_is_discarded(open_page, collaborator, requirement):
    page = open_page()
    log_in(page, "carl")
    page.goto(f"/requirements/{requirement.pk}/edit/")
    page.get_by_label("What is wanted, and why").press("Control+End")
    page.keyboard.type(" And then")
    expect(page.locator("#kept")).to_contain_text("Kept ", timeout=8_000)
    page.reload()
    assert text_of(page).startswith("As CSV.")
    assert text_of(page).endswith(" And then")
    expect(page.get_by_text("and did not save is here again")).to_be_visible()
    page.get_by_role("button", name="Discard it").click()
    expect(page.get_by_text("and did not save is here again")).to_have_count(0)
    assert text_of(page) == "As CSV."


def test_two_who_write_at_once_are_told_and_nobody_is_overwritten(open_page, owner, collaborator, requirement):
    first, second = open_page(), open_page(expects_failures=True)
    for page, name in ((first, "olga"), (second, "carl")):
        log_in(page, name)
        page.goto(f"/requirements/{requirement.pk}/edit/")
    second.get_by_label("What is wanted, and why").fill("Mine")
    first.get_by_label("What is wanted, and why").fill("Theirs")
    first.get_by_role("button", name="Save", exact=True).click()
    expect(first.get_by_text("Saved as version 2.")).to_be_visible()
    expect(second.locator("#newer")).to_contain_text("olga saved version 2", timeout=LIVE_MS)
    assert text_of(second) == "Mine"
    second.get_by_role("button", name="Save", exact=True).click()
    expect(second.get_by_role("heading", name="olga saved version 2")).to_be_visible()
    expect(second.locator(".diff .added .text")).to_have_text("Theirs")
    assert text_of(second) == "Mine"
    second.get_by_role("button", name="Save mine over it").first.click()
    expect(second.get_by_text("Saved as version 3.")).to_be_visible()
    requirement.refresh_from_db()
    assert requirement.content_md == "Mine"
    second.get_by_role("link", name="History").click()
    second.get_by_role("button", name="Restore version 2").click()
    expect(second.get_by_text("It says again what version 2 said; this is version 4.")).to_be_visible()
    second.get_by_role("button", name="Undo").click()
    requirement.refresh_from_db()
    assert (requirement.content_md, requirement.version) == ("Mine", 5)


def test_criteria_people_and_comments_change_in_place_and_others_see_them(open_page, owner, collaborator, requirement):
    mine, theirs = open_page(), open_page()
    for page, name in ((mine, "carl"), (theirs, "olga")):
        log_in(page, name)
        page.goto(f"/requirements/{requirement.pk}/")
        page.evaluate("window.neverReloaded = true")
    mine.get_by_label("UTF-8").check()
    expect(mine.get_by_role("heading", name="Acceptance criteria")).to_contain_text("1 of 2 met")
    assert mine.evaluate("document.activeElement.id") == "criterion-2"
    mine.get_by_label("Assignee").select_option("olga")
    expect(mine.get_by_role("status").filter(has_text="Given to olga.")).to_have_count(1)
    mine.get_by_role("button", name="Stop watching").click()
    expect(mine.get_by_role("button", name="Watch", exact=True)).to_be_visible()

    theirs.get_by_label("Say something").fill("Half a thought")
    mine.get_by_label("Say something").fill("Hello **@olga**, see `x`")
    mine.get_by_role("button", name="Comment", exact=True).click()
    expect(mine.locator("#comment-list .mention")).to_have_text("@olga")
    expect(mine.get_by_label("Say something")).to_have_value("")
    expect(theirs.locator("#comment-list")).to_contain_text("Hello @olga, see x", timeout=LIVE_MS)
    assert theirs.get_by_label("Say something").input_value() == "Half a thought"
    theirs.get_by_role("button", name="Promote", exact=True).click()
    expect(mine.locator("#requirement-state")).to_have_text("Promoted", timeout=LIVE_MS)
    expect(mine.get_by_text("Somebody moved or rewrote this while you were here.")).to_be_visible()
    mine.get_by_role("button", name="Delete the comment of carl").click()
    expect(mine.locator("#comment-list")).to_contain_text("Nobody has said anything yet.")
    mine.get_by_role("button", name="Undo").click()
    expect(mine.locator("#comment-list")).to_contain_text("Hello @olga")


def test_checklist_and_facts_follow_others_and_take_no_words_away(open_page, owner, collaborator, requirement):
    page = open_page()
    log_in(page, "carl")
    page.goto(f"/requirements/{requirement.pk}/")
    page.get_by_label("Say something").fill("Half a thou")
    page.get_by_label("Say something").focus()
    check_criterion(owner.caller, requirement, 2, True)
    edit_requirement(owner.caller, requirement, priority=1, module="billing", assignee="carl")
    expect(page.locator("#checklist")).to_contain_text("1 of 2 met", timeout=LIVE_MS)
    expect(page.get_by_label("UTF-8")).to_be_checked()
    expect(page.locator("#requirement-facts")).to_contain_text("billing")
    expect(page.get_by_label("Assignee")).to_have_value("carl")
    expect(page.get_by_label("Say something")).to_be_focused()
    page.keyboard.type("ght")
    expect(page.get_by_label("Say something")).to_have_value("Half a thought")
    # What the reader has under the hand stays until it is let go.
    page.get_by_label("Assignee").focus()
    edit_requirement(owner.caller, requirement, assignee="olga", module="ledger")
    expect(page.locator("#requirement-facts")).to_contain_text("ledger", timeout=LIVE_MS)
    expect(page.get_by_label("Assignee")).to_have_value("carl")
    page.get_by_label("One row an invoice").focus()
    expect(page.get_by_label("Assignee")).to_have_value("olga", timeout=LIVE_MS)
    check_criterion(owner.caller, requirement, 2, False)
    expect(page.locator("#checklist")).to_contain_text("0 of 2 met", timeout=LIVE_MS)
    expect(page.get_by_label("One row an invoice")).to_be_focused()


def test_all_of_it_works_without_javascript(open_page, owner, collaborator, app):
    page = open_page(java_script_enabled=False, expects_failures=True)
    log_in(page, "carl")
    page.goto("/requirements/new/")
    page.get_by_label("Title", exact=True).fill("Export invoices")
    page.get_by_label("What is wanted, and why").fill("As **CSV**.")
    page.get_by_label("Acceptance criteria").fill("One row an invoice\nUTF-8")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_label("Preview").locator("strong")).to_have_text("CSV")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Saved as a draft.")).to_be_visible()
    page.get_by_label("UTF-8").check()
    page.get_by_role("listitem").filter(has_text="UTF-8").get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Acceptance criteria")).to_contain_text("1 of 2 met")
    page.get_by_label("Assignee").select_option("olga")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Given to olga.")).to_be_visible()
    page.get_by_label("Say something").fill("For @olga")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".mention")).to_have_text("@olga")
    made = Requirement.objects.get()
    edit_requirement(owner.caller, made, module="billing")
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("What is wanted, and why").fill("As JSON.")
    edit_requirement(owner.caller, made, content_md="As XML.")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("heading", name="olga saved version 3")).to_be_visible()
    page.get_by_role("button", name="Take theirs").first.click()
    assert text_of(page) == "As XML."
    made.refresh_from_db()
    assert (made.content_md, made.state) == ("As XML.", "draft")


@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_and_no_text_runs(open_page, hostile, viewport, scheme):
    page = open_page(viewport=viewport, color_scheme=scheme)
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    log_in(page, "olga")
    run = Run.objects.get()
    for address in (
        f"/requirements/{hostile.pk}/", f"/requirements/{hostile.pk}/edit/", f"/requirements/{hostile.pk}/history/",
        f"/requirements/{hostile.pk}/comments/{hostile.comments.get().pk}/", "/requirements/new/?project=app",
        f"/runs/{run.pk}/",
    ):  # fmt: skip
        page.goto(address)
        widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1], address
    assert alerts == []


def test_it_is_written_by_keyboard_alone(open_page, collaborator, app):
    page = open_page()
    log_in(page, "carl")
    page.goto("/requirements/new/")
    page.get_by_label("Title", exact=True).focus()
    page.keyboard.type("Export invoices")
    for words in ("What is wanted, and why",):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.labels[0].textContent") == words
    page.keyboard.type("As CSV.")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Preview"
    page.keyboard.press("Tab")
    page.keyboard.type("Opens")
    page.keyboard.press("Enter")
    page.keyboard.type("Closes")
    deadline = time.monotonic() + 10
    while page.evaluate("document.activeElement.textContent.trim()") != "Submit":
        page.keyboard.press("Tab")
        assert time.monotonic() < deadline
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Export invoices")
    assert Requirement.objects.get().acceptance == ["Opens", "Closes"]


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
def test_a_comment_that_is_sent_after_the_session_has_ended_is_not_lost(
    open_page, owner, collaborator, requirement, has_script
):
    page = open_page(java_script_enabled=has_script, expects_failures=True)
    log_in_by_form(page, "carl")
    page.goto(f"/requirements/{requirement.pk}/")
    page.get_by_label("Say something").fill("Amounts have two decimals")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.get_by_text("Your session has ended.")).to_be_visible()
    log_in_here(page, "carl")
    expect(page).to_have_url(re.compile(f"/requirements/{requirement.pk}/$"))
    expect(page.get_by_text("What you typed stands in the form again: save it now.")).to_be_visible()
    expect(page.get_by_label("Say something")).to_have_value("Amounts have two decimals")
    assert not requirement.comments.exists()
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator("#comment-list")).to_contain_text("Amounts have two decimals")


def test_what_is_typed_on_after_the_session_has_ended_is_told_and_saved_in_the_end(
    open_page, owner, collaborator, requirement
):
    page = open_page(expects_failures=True)
    log_in_by_form(page, "carl")
    page.goto(f"/requirements/{requirement.pk}/edit/")
    page.context.clear_cookies(name="sessionid")
    page.get_by_label("What is wanted, and why").fill("As CSV, and as a PDF.")
    words = "our session has ended. Send the form, and its words wait until you have logged in."
    expect(page.locator("#kept")).to_have_text(f"Not done: y{words}")
    # What changes by itself finds the login, too, and does not take the words away for it.
    expect(page.locator("#session-over")).to_have_text(f"Y{words}", timeout=LIVE_MS)
    page.get_by_role("button", name="Save", exact=True).click()
    log_in_here(page, "carl")
    expect(page.get_by_label("What is wanted, and why")).to_have_value("As CSV, and as a PDF.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as version 2.")).to_be_visible()
    requirement.refresh_from_db()
    assert requirement.content_md == "As CSV, and as a PDF."
