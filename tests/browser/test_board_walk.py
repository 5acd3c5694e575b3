"""The board of requirements in a real browser: dragging, buttons and keys, two readers at once, refusals, a phone."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from access.models import Project
from requirements_pipeline.models import Requirement, RequirementMove
from requirements_pipeline.moves import promote_requirement
from requirements_pipeline.writing import save_requirement
from tests.browser.conftest import PHONE, WALK, WIDE, log_in, log_in_by_form, log_in_here

pytestmark = WALK
# What others do appears within this time; a poll takes 4 s and a moment.
LIVE_MS = 5_500


@pytest.fixture
def three(owner, collaborator, app) -> dict[str, Requirement]:
    """Submitted ones, in the order C, B, A."""
    return {title: save_requirement(collaborator.caller, app, title) for title in ("A", "B", "C")}


@pytest.fixture
def full(owner, collaborator, app):
    """Every column with long and short words, right to left ones too."""
    other = Project.objects.create(name="a-project-with-a-rather-long-name-for-a-phone")
    titles = ["Export invoices as CSV", "x" * 400, "ייצוא חשבוניות כקובץ", "🦨 " * 60, "<script>alert(1)</script>"]
    rows = []
    for number in range(80):
        rows.append(
            Requirement(
                project=[app, other][number % 2], title=f"{titles[number % 5][:480]} {number}", priority=number % 5 + 1,
                module=["billing", "", "y" * 190][number % 3], assignee=[collaborator.member, None][number % 2],
                acceptance=["One", "Two"] if number % 3 else [], created_by="carl",
                due_on=timezone.localdate() + timedelta(days=number - 20) if number % 4 else None,
                state=Requirement._meta.get_field("state").choices[number % 8][0],
                claimed_by="an-agent-with-a-name-that-never-seems-to-end@box" if number % 8 == 3 else "",
                claimed_at=timezone.now() - timedelta(hours=number) if number % 8 == 3 else None,
            )
        )  # fmt: skip
    made = Requirement.objects.bulk_create(rows)
    made[4].depends_on.set(made[5:8])
    return made


def open_board(open_page, username="olga", log_in=log_in, **options):
    page = open_page(**options)
    log_in(page, username)
    page.goto("/requirements/")
    page.evaluate("window.neverReloaded = true")
    return page


def column(page, state):
    return page.locator(f'[data-column="{state}"]')


def titles(page, state) -> list[str]:
    return [words.strip() for words in column(page, state).locator("h3").all_inner_texts()]


def card(page, title):
    return page.locator("[data-card]").filter(has=page.get_by_role("link", name=title, exact=True))


def open_menu(page, title):
    card(page, title).locator("summary").click()
    return card(page, title)


def never_reloaded(page) -> bool:
    return page.evaluate("window.neverReloaded") is True


def test_an_owner_drags_a_card_to_promote_it_and_undoes_it(open_page, three):
    page = open_board(open_page)
    card(page, "B").drag_to(column(page, "promoted"))
    expect(page.get_by_text("“B” is promoted now.")).to_be_visible()
    expect(column(page, "promoted").locator("h3")).to_have_text(["B"])
    assert titles(page, "submitted") == ["C", "A"]
    assert never_reloaded(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("“B” is submitted again.")).to_be_visible()
    assert titles(page, "submitted") == ["C", "B", "A"]


def test_a_drop_that_needs_a_reason_asks_for_it(open_page, three):
    page = open_board(open_page)
    card(page, "B").drag_to(column(page, "on_hold").locator("summary").first)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("“B” goes from submitted to on hold.")
    expect(dialog.get_by_label("Why?")).to_be_focused()
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    assert titles(page, "submitted") == ["C", "B", "A"]
    card(page, "B").drag_to(column(page, "on_hold").locator("summary").first)
    dialog.get_by_label("Why?").fill("Next quarter.")
    dialog.get_by_role("button", name="Put on hold").click()
    expect(page.get_by_text("“B” is on hold now.")).to_be_visible()
    expect(dialog).to_be_hidden()
    column(page, "on_hold").locator("summary").first.click()
    assert titles(page, "on_hold") == ["B"]
    assert RequirementMove.objects.get().reason == "Next quarter."
    # What was unfolded stays so when the board changes.
    expect(page.locator("#aside-on_hold")).to_have_attribute("open", "")
    page.evaluate("htmx.trigger('#board', 'refresh')")
    page.wait_for_timeout(500)
    expect(page.locator("#aside-on_hold")).to_have_attribute("open", "")
    assert never_reloaded(page)


def test_columns_that_refuse_show_it_and_say_why(open_page, three):
    page = open_board(open_page, "carl")
    box, there = card(page, "B").bounding_box(), column(page, "done").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(there["x"] + 20, there["y"] + 20, steps=5)
    expect(page.locator(".drop-yes")).to_have_count(1)
    assert page.locator(".drop-yes").get_attribute("data-column") == "draft"
    assert page.locator(".drop-no").count() == 6
    page.mouse.up()
    expect(page.get_by_text("does not let it go from there to done")).to_be_visible()
    expect(page.locator(".drop-yes, .drop-no")).to_have_count(0)
    assert titles(page, "submitted") == ["C", "B", "A"]
    assert RequirementMove.objects.count() == 0


def test_an_owner_orders_a_column_by_dragging_and_by_buttons(open_page, three):
    page = open_board(open_page)
    card(page, "A").drag_to(card(page, "C"), target_position={"x": 30, "y": 4})
    expect(page.get_by_text("“A” comes before “C” now.")).to_be_visible()
    assert titles(page, "submitted") == ["A", "C", "B"]
    open_menu(page, "C").get_by_role("button", name="Down in its priority").click()
    expect(page.get_by_text("“C” comes after “B” now.")).to_be_visible()
    assert titles(page, "submitted") == ["A", "B", "C"]
    assert never_reloaded(page)


def test_everything_goes_by_keyboard(open_page, three):
    page = open_board(open_page)
    page.get_by_role("link", name="B", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(card(page, "B").get_by_role("button", name="Promote", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(card(page, "B").locator("summary")).to_be_focused()
    expect(card(page, "B").get_by_role("button", name="Promote", exact=True)).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(column(page, "promoted").locator("h3")).to_have_text(["B"])
    # The focus went with the card.
    expect(card(page, "B").locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    card(page, "B").get_by_role("button", name="Reject…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Why?")).to_be_focused()
    page.keyboard.type("Not wanted.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("“B” is rejected now.")).to_be_visible()
    assert never_reloaded(page)


def test_the_dialog_takes_the_focus_once(open_page, three):
    page = open_board(open_page)
    # As on a busy machine, where what htmx does with new content comes late.
    page.evaluate("htmx.config.defaultSettleDelay = 500")
    open_menu(page, "B").get_by_role("button", name="Reject…").click()
    expect(page.get_by_label("Why?")).to_be_focused()
    page.keyboard.press("Tab")
    page.wait_for_timeout(800)
    expect(page.locator("#move-dialog").get_by_role("button", name="Reject", exact=True)).to_be_focused()


def test_a_move_appears_for_another_reader_and_disturbs_nothing(open_page, three):
    hers, his = open_board(open_page), open_board(open_page, "carl")
    his.get_by_role("link", name="A", exact=True).focus()
    began = time.monotonic()
    open_menu(hers, "B").get_by_role("button", name="Promote", exact=True).click()
    expect(column(his, "promoted").locator("h3")).to_have_text(["B"], timeout=5_000)
    assert time.monotonic() - began < 5
    expect(his.get_by_role("link", name="A", exact=True)).to_be_focused()
    # While a menu is open the board waits for it.
    open_menu(his, "A")
    open_menu(hers, "C").get_by_role("button", name="Promote", exact=True).click()
    expect(column(hers, "promoted").locator("h3")).to_have_text(["C", "B"])
    his.wait_for_timeout(LIVE_MS)
    expect(card(his, "A").get_by_role("button", name="Back to draft")).to_be_visible()
    his.keyboard.press("Escape")
    expect(column(his, "promoted").locator("h3")).to_have_text(["C", "B"], timeout=2_000)
    assert never_reloaded(his)


def test_a_refused_move_says_so_and_the_card_is_where_it_stands(open_page, owner, three):
    page = open_board(open_page)
    page.route(
        "**/requirements/", lambda route: route.abort() if "htmx" in str(route.request.headers) else route.continue_()
    )
    menu = open_menu(page, "B")
    promote_requirement(owner.caller, three["B"])
    page.unroute("**/requirements/")
    menu.get_by_role("button", name="Promote", exact=True).click()
    expect(page.get_by_text("The requirement 'B' is already promoted.")).to_be_visible()
    expect(column(page, "promoted").locator("h3")).to_have_text(["B"])
    assert never_reloaded(page)


def test_a_portal_that_does_not_answer_puts_the_card_back(open_page, three):
    page = open_board(open_page, expects_failures=True)
    page.route("**/move/", lambda route: route.abort())
    card(page, "B").drag_to(column(page, "promoted"))
    expect(page.get_by_text("The portal does not answer; nothing was moved.")).to_be_visible()
    assert titles(page, "submitted") == ["C", "B", "A"]
    page.unroute("**/move/")
    card(page, "B").drag_to(column(page, "promoted"))
    expect(column(page, "promoted").locator("h3")).to_have_text(["B"])


def test_the_end_of_a_session_leads_a_move_to_the_login(open_page, three):
    page = open_board(open_page, log_in=log_in_by_form, expects_failures=True)
    board = page.url
    menu = open_menu(page, "B")
    page.context.clear_cookies(name="sessionid")
    menu.get_by_role("button", name="Promote", exact=True).click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    log_in_here(page, "olga")
    expect(page).to_have_url(board)
    expect(page.get_by_text("Your session had ended, so what you sent was not done.")).to_be_visible()
    assert RequirementMove.objects.count() == 0


def test_the_same_works_without_javascript(open_page, three):
    page = open_page(WIDE, java_script_enabled=False)
    log_in(page, "olga")
    page.goto("/requirements/?project=app")
    open_menu(page, "B").get_by_role("button", name="Promote, also as a decision").click()
    expect(page.get_by_text("“B” is promoted now, and also a decision.")).to_be_visible()
    open_menu(page, "A").get_by_role("button", name="Up in its priority").click()
    expect(page.get_by_text("“A” comes before “C” now.")).to_be_visible()
    open_menu(page, "A").get_by_role("button", name="Reject…").click()
    expect(page.get_by_role("heading", name="Reject")).to_be_visible()
    page.get_by_label("Why?").fill("Nobody needs it.")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("“A” is rejected now.")).to_be_visible()
    assert page.url.endswith("/requirements/?project=app")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("“A” is submitted again.")).to_be_visible()
    page.get_by_role("link", name="List", exact=True).click()
    page.get_by_label("Choose “A”").check()
    page.get_by_label("Choose “C”").check()
    page.get_by_label("Move the chosen to").select_option("on_hold")
    page.get_by_label("Why (needed").fill("Later.")
    page.get_by_role("button", name="Move the chosen").click()
    expect(page.get_by_text("2 requirements are on hold now.")).to_be_visible()


def test_the_list_chooses_all_rows_at_once(open_page, three):
    page = open_board(open_page)
    page.get_by_role("link", name="List", exact=True).click()
    page.get_by_label("Choose all on this page").check()
    page.get_by_label("Move the chosen to").select_option("promoted")
    page.get_by_role("button", name="Move the chosen").click()
    expect(page.get_by_text("3 requirements are promoted now.")).to_be_visible()


def test_filters_stay_while_the_board_changes(open_page, owner, collaborator, app, three):
    save_requirement(collaborator.caller, app, "Other", module="billing")
    page = open_board(open_page)
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("Module").select_option("billing")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("[data-card]")).to_have_count(1)
    assert page.url.endswith("/requirements/?module=billing")
    open_menu(page, "Other").get_by_role("button", name="Promote", exact=True).click()
    expect(column(page, "promoted").locator("h3")).to_have_text(["Other"])
    expect(page.locator("[data-card]")).to_have_count(1)
    moment = page.locator("#board [data-live-moment]")
    seen = moment.inner_text()
    expect(moment).not_to_have_text(seen, timeout=LIVE_MS)
    expect(page.locator("[data-card]")).to_have_count(1)
    # Words of what was done stay until the next.
    expect(page.get_by_text("“Other” is promoted now.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_page_of_the_board_scrolls_sideways_or_breaks_its_policy(open_page, owner, full, viewport, scheme):
    page = open_page(viewport, scheme)
    log_in(page, "olga")
    wide = []
    for address in (
        "/requirements/",
        "/requirements/?q=nothing+like+that",
        "/requirements/?view=list",
        "/requirements/?view=list&sort=-due&page=2&due=overdue",
        "/requirements/?project=app&mine=on",
    ):
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(address)
    assert wide == []


def test_a_phone_shows_the_states_one_below_the_other(open_page, owner, full):
    page = open_page(PHONE)
    log_in(page, "olga")
    page.goto("/requirements/")
    boxes = [column(page, state).bounding_box() for state in ("draft", "submitted", "promoted", "done")]
    assert len({box["x"] for box in boxes}) == 1
    assert [box["y"] for box in boxes] == sorted(box["y"] for box in boxes)
    page.get_by_role("navigation", name="States").get_by_role("link", name="In review").click()
    expect(column(page, "in_review").locator("h2")).to_be_in_viewport()
    summary = column(page, "in_review").locator("[data-menu] summary").first
    assert summary.bounding_box()["height"] >= 40
    summary.click()
    button = column(page, "in_review").get_by_role("button", name="Accept as done").first
    assert button.bounding_box()["height"] >= 40
    before = Requirement.objects.filter(state="done").count()
    button.click()
    expect(page.get_by_text("is done now.")).to_be_visible()
    assert Requirement.objects.filter(state="done").count() == before + 1
