"""Somebody looks for memories, keeps them true and follows their links in a real browser, and without JavaScript, too."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from memories.embedding.working import embed_pending_of
from memories.models import EmbeddingSpace, Memory
from memories.saving import save_memory
from tests.browser.conftest import PHONE, WALK, WIDE, log_in

pytestmark = WALK

HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> [x](javascript:window.hacked=1) "
    "[[<b>Nowhere</b>]] "
    + "x" * 10_000
    + "\n\n```\n"
    + "y" * 10_000
    + "\n```\n\n| a |\n|---|\n| "
    + "z" * 3_000
    + " |\n"
)
TITLES = (
    "<script>window.hacked = 1</script>",
    "w" * 500,
    "‮" + "عنوان طويل جدا" * 12,
    "🦨" * 200,
    "数据库迁移" * 60,
)


@pytest.fixture
def full(owner, collaborator, app):
    """Memories that link to each other, of several types and ages, and what an agent might write at its worst."""
    save_memory(
        owner.caller, app, "decision", "Queue design", content_md="We picked Valkey for the queue.", tags=["infra"]
    )
    for number in range(12):
        save_memory(
            collaborator.caller, app, ["note", "error"][number % 2], f"Worker {number}",
            content_md=f"Worker number {number} reads the queue. See [[Queue design]].", tags=["worker"], module="jobs",
        )  # fmt: skip
    for title in TITLES:
        save_memory(
            owner.caller, app, "note", title, content_md=HOSTILE + "[[Queue design]]", tags=["t" * 100], module="m" * 200,
            resolution=HOSTILE, source_file="s" * 1000,
        )  # fmt: skip
    memory = Memory.objects.get(title="Queue design")
    Memory.objects.filter(pk=memory.pk).update(confirmed_at=timezone.now() - timedelta(days=40))
    return Memory.objects.get(pk=memory.pk)


def test_a_search_is_narrowed_by_facets_and_says_why(open_page, owner, full):
    embed_pending_of(EmbeddingSpace.objects.answering())
    page = open_page()
    log_in(page, "olga")
    page.get_by_role("link", name="Memories", exact=True).click()
    page.get_by_label("Search the memories").fill("which queue did we pick for the workers?")
    page.keyboard.press("Enter")
    rows = page.locator("ol.results > li")
    # The embedder reads its model for the first question.
    expect(rows.first).to_contain_text("queue", timeout=30_000)
    page.get_by_role("link", name=re.compile("^Decision")).click()
    expect(rows).to_have_count(1)
    expect(rows.locator(".snippet mark")).to_have_text(["picked", "queue"])
    rows.get_by_text("Why this?").click()
    why = rows.locator(".why dl")
    expect(why).to_contain_text("to the question.")
    expect(why).to_contain_text("It holds queue, pick; not workers.")
    expect(why).to_contain_text("off the score: it fades until somebody confirms it.")
    page.get_by_role("link", name="Let go: Type: Decision").click()
    expect(rows.nth(5)).to_be_visible()
    page.locator(".facets").get_by_role("link", name=re.compile("^jobs")).click()
    expect(rows).to_have_count(12)


def test_a_memory_is_confirmed_pinned_and_archived_by_keys_and_buttons_and_all_of_it_taken_back(open_page, owner, full):
    before = Memory.objects.get(pk=full.pk)
    page = open_page()
    log_in(page, "olga")
    page.goto(f"/memories/{full.pk}/")
    expect(page.get_by_text("Unless somebody confirms it, it is archived in")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_role("status")).to_contain_text("Confirmed “Queue design”")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("is as it was before")
    assert Memory.objects.get(pk=full.pk).confirmed_at == before.confirmed_at

    page.keyboard.press("p")
    expect(page.get_by_label("Why it must not fade")).to_be_focused()
    page.keyboard.type("copc? it is the law")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Pinned just now")).to_contain_text("copc? it is the law")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Pinned just now")).to_have_count(0)

    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.get_by_text("search leaves it out unless archived ones are asked for").first).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nobody finds it until it is restored.")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Delete")).to_be_visible()
    assert Memory.objects.get(pk=full.pk).state == "live"


def test_keys_are_listed_and_can_be_switched_off(open_page, owner, full):
    page = open_page()
    log_in(page, "olga")
    page.goto(f"/memories/{full.pk}/")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys on this page")
    expect(dialog).to_be_visible()
    page.keyboard.press("c")
    dialog.get_by_label("Use these keys").uncheck()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("c")
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile(f"/memories/{full.pk}/$"))
    expect(page.get_by_role("status")).to_have_count(0)
    page.get_by_role("button", name="Keys").click()
    dialog.get_by_label("Use these keys").check()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile("/edit/$"))


def test_an_edit_is_in_the_history_and_an_old_version_comes_back(open_page, owner, full):
    page = open_page()
    log_in(page, "olga")
    page.goto(f"/memories/{full.pk}/edit/")
    page.get_by_label("Text").fill("We picked *Valkey* for the queue, for good.")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".markdown em")).to_have_text("Valkey")
    page.get_by_label("Title").fill("Queue choice")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Queue choice")
    page.get_by_role("link", name="History").click()
    expect(page.locator(".diff .added")).to_contain_text("We picked *Valkey* for the queue, for good.")
    page.get_by_role("button", name="Restore version 1").click()
    # The title belongs to a version, too.
    expect(page.get_by_role("status")).to_contain_text("Version 1 of “Queue design” is back, as version 3.")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).not_to_contain_text("is back, as version 3.")
    page.goto(f"/memories/{full.pk}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Queue choice")
    assert Memory.objects.get(pk=full.pk).content_md == "We picked *Valkey* for the queue, for good."


def test_the_markdown_and_the_id_are_copied(open_page, owner, full, live_server):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    log_in(page, "olga")
    page.goto(f"/memories/{full.pk}/")
    page.get_by_role("button", name="Copy id").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == str(full.pk)
    page.get_by_role("button", name="Copy as markdown").click()
    expect(page.get_by_role("button", name="Copied").first).to_be_visible()
    page.wait_for_timeout(200)
    assert (
        page.evaluate("navigator.clipboard.readText()").split()
        == "# Queue design We picked Valkey for the queue.".split()
    )


def test_the_graph_is_zoomed_dragged_and_its_nodes_lead_on(open_page, owner, full):
    page = open_page()
    log_in(page, "olga")
    page.goto("/memories/graph/")
    picture, frame = page.locator(".graph-frame svg"), page.locator(".graph-frame")
    width = picture.bounding_box()["width"]
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    assert picture.bounding_box()["width"] == pytest.approx(width * 1.5625, abs=2)
    page.get_by_role("button", name="Fit").click()
    assert picture.bounding_box()["width"] <= frame.bounding_box()["width"]
    frame.focus()
    for _ in range(5):
        page.keyboard.press("+")
    place = frame.bounding_box()
    start = frame.evaluate("frame => frame.scrollLeft")
    page.mouse.move(place["x"] + 300, place["y"] + 30)
    page.mouse.down()
    page.mouse.move(place["x"] + 200, place["y"] + 30, steps=4)
    page.mouse.up()
    assert frame.evaluate("frame => frame.scrollLeft") == pytest.approx(start + 100, abs=2)
    expect(page).to_have_url(re.compile("/memories/graph/$"))
    page.get_by_role("link", name=re.compile("^Queue design, Decision, linked with")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Queue design")
    page.get_by_role("link", name="Graph").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Links around Queue design")


def test_everything_works_without_javascript(open_page, owner, full):
    page = open_page(java_script_enabled=False)
    log_in(page, "olga")
    page.goto("/memories/")
    page.locator(".facets").get_by_role("link", name=re.compile("^Decision")).click()
    page.get_by_label("Search the memories").fill("queue")
    page.get_by_role("button", name="Search").click()
    rows = page.locator("ol.results > li")
    expect(rows).to_have_count(1)
    rows.get_by_text("Why this?").click()
    expect(rows.locator(".why dl")).to_contain_text("It holds queue")
    rows.get_by_role("link", name="Queue design").click()
    page.locator(".pin-form summary").click()
    page.get_by_label("Why it must not fade").fill("the law")
    page.get_by_role("button", name="Pin it").click()
    expect(page.get_by_text("Pinned just now")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Pinned just now")).to_have_count(0)
    page.goto("/memories/new/")
    page.get_by_label("Title").fill("Written by hand")
    page.get_by_label("Text").fill("See [[Queue design]].")
    page.get_by_role("button", name="Save memory").click()
    page.locator(".markdown").get_by_role("link", name="Queue design").click()
    expect(page.locator("section[aria-label=Links]")).to_contain_text("Written by hand")
    page.get_by_role("link", name="Graph").click()
    expect(page.locator(".graph-node")).to_have_count(19)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_page_of_memories_scrolls_sideways_or_runs_what_agents_wrote(open_page, owner, full, viewport, scheme):
    page = open_page(viewport, scheme)
    log_in(page, "olga")
    wide = []
    hostile = [f"/memories/{memory.pk}/" for memory in Memory.objects.filter(title__in=TITLES)]
    assert len(hostile) == len(TITLES)
    addresses = [
        "/memories/",
        "/memories/?q=window",
        "/memories/?q=" + "x" * 200,
        "/memories/?module=" + "m" * 200,
        *hostile,
    ]
    for address in [*addresses, f"{hostile[0]}edit/", f"{hostile[1]}history/", "/memories/graph/", "/memories/new/"]:
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(address)
        assert page.evaluate("window.hacked === undefined")
    assert wide == []


def test_on_a_phone_facets_fold_and_rows_are_blocks(open_page, owner, full):
    page = open_page(PHONE)
    log_in(page, "olga")
    page.goto("/memories/")
    facets = page.locator(".facets details")
    expect(facets.get_by_role("link").first).to_be_hidden()
    facets.locator("summary").click()
    facets.get_by_role("link", name=re.compile("^Decision")).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody .row-link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Queue design")
