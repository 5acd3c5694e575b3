"""A real browser walks through the portal as people do: the owner's first day, a phone's width, a dark room."""

import pytest
from playwright.sync_api import expect

from access.models import Project
from memories.models import Memory
from memories.saving import save_memory
from tests.browser.conftest import PHONE, WALK, WIDE, command, log_in, log_in_by_form

pytestmark = WALK


def test_the_owner_makes_a_token_an_agent_saves_and_the_owner_edits_compares_and_restores(
    open_page, live_server, owner, app
):
    page = open_page()
    log_in_by_form(page, "olga")
    expect(page.get_by_role("heading", name="Nothing is remembered yet")).to_be_visible()
    page.get_by_role("link", name="Make a token").click()
    page.get_by_label("Label").fill("build server")
    page.locator("#id_all_projects").check(force=True)
    page.get_by_role("button", name="Save").click()
    secret = page.locator("#secret").inner_text()
    assert secret.startswith("zikra_")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("heading", name="build server")).to_be_visible()
    assert secret not in page.content()

    saved = command(live_server.url, secret, command="save_memory", project="app", memory_type="decision",
                    title="Sessions live in PostgreSQL", content_md="One store.\nBacked up nightly.")  # fmt: skip
    found = command(live_server.url, secret, command="search", query="sessions postgresql")
    assert [result["id"] for result in found["results"]] == [saved["id"]]

    page.goto(f"/admin/memories/memory/{saved['id']}/change/")
    page.get_by_role("textbox", name="Content").fill("One store.\nBacked up hourly.")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Sessions live in PostgreSQL").first.click()
    page.locator("a[href$='/history/']").last.click()
    expect(page.locator("tr.removed .text")).to_have_text("Backed up nightly.")
    expect(page.locator("tr.added .text")).to_have_text("Backed up hourly.")
    page.get_by_role("button", name="Restore this version").click()
    expect(page.get_by_text("is back, as version 3")).to_be_visible()
    memory = Memory.objects.get(pk=saved["id"])
    assert (memory.content_md, memory.version) == ("One store.\nBacked up nightly.", 3)


@pytest.fixture
def much(owner, app):
    """Many memories with long and short words, links, tables and code."""
    other = Project.objects.create(name="a-project-with-a-rather-long-name-for-a-phone")
    code = (
        "A" * 200
        + "\n\n| a | b | c |\n|---|---|---|\n| "
        + "x" * 80
        + " | y | z |\n\n```\n"
        + "long line " * 40
        + "\n```\n[[Memory 1]]"
    )
    for number in range(60):
        save_memory(
            owner.caller,
            [app, other][number % 2],
            ["decision", "error", "note"][number % 3],
            f"Memory {number}"
            if number % 5
            else f"Memory {number} with a title that goes on for a good while and then some more",
            content_md=code,
            tags=["a-long-tag-name", "b"],
        )
    memory = Memory.objects.get(title="Memory 1")
    save_memory(owner.caller, memory.project, memory.memory_type_id, memory.title, content_md="Shorter " + "B" * 300)
    return memory


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_page_scrolls_sideways_or_breaks_its_policy(open_page, owner, collaborator, much, viewport, scheme):
    page = open_page(viewport, scheme)
    log_in(page, "olga")
    memory = f"/admin/memories/memory/{much.pk}"
    addresses = [
        "/", "/?q=memory", "/accounts/password/change/", "/accounts/2fa/", "/admin/", "/admin/memories/memory/",
        "/admin/memories/memory/?q=memory", f"{memory}/change/", f"{memory}/history/", f"{memory}/do/delete/",
        "/admin/memories/memory/add/", "/admin/memories/memorytype/", "/admin/access/project/", "/admin/access/member/",
        f"/admin/access/member/{collaborator.member.pk}/change/", "/admin/access/roletoken/", "/admin/access/roletoken/add/",
        f"/admin/access/roletoken/{collaborator.token.pk}/do/rotate/", "/admin/access/auditentry/",
        "/admin/memories/embeddingspace/", "/admin/memories/pendingembedding/", "/admin/django_celery_beat/periodictask/",
        "/nowhere",
    ]  # fmt: skip
    wide = []
    for address in addresses:
        # The page that is not there is an error on the console by itself.
        if address == "/nowhere":
            continue
        page.goto(address)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(address)
    assert wide == []


def test_the_theme_is_switched_remembered_and_shared_with_the_admin(open_page, owner):
    page = open_page(color_scheme="light")
    log_in(page, "olga")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator(".me summary").click()
    switch = page.get_by_role("button", name="Theme:")
    switch.click()
    expect(switch).to_have_text("Theme: light")
    switch.click()
    expect(switch).to_have_text("Theme: dark")
    assert page.evaluate(background) != light
    page.reload()
    assert page.evaluate(background) != light
    page.goto("/admin/")
    expect(page.locator("html")).to_contain_class("dark")


def test_a_slash_reaches_the_search_and_the_phone_s_navigation_folds(open_page, owner, much):
    page = open_page(PHONE)
    log_in(page, "olga")
    navigation = page.get_by_role("navigation", name="Portal")
    expect(navigation).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(navigation).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("memory")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    expect(page.locator(".results li").first).to_be_visible()


def test_pages_work_without_javascript(open_page, owner, much):
    page = open_page(PHONE, java_script_enabled=False)
    log_in(page, "olga")
    page.get_by_label("Search memories, requirements, runs and prompts").fill("memory")
    page.get_by_role("button", name="Search").click()
    page.locator(".results .title").first.click()
    page.get_by_role("button", name="Archive").click()
    assert Memory.objects.filter(archived_at__isnull=False).count() == 1
