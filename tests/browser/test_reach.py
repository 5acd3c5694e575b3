"""Every page, with a month of data, without any, and refused: reachable for everybody, on every screen, in both looks."""

from pathlib import Path

import pytest
from django.template.loader import render_to_string

from tests.browser.addresses import ENTRANCE, ERRORS, NO_PAGES, PAGES, portal_addresses
from tests.browser.conftest import LOOK, PHONE

pytestmark = LOOK

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
DESK = {"width": 1440, "height": 900}
# The rule whose answer depends on the look; all others are asked once a width.
LOOK_RULES = ["color-contrast", "link-in-text-block"]
METHOD_NOT_ALLOWED = 405
# Pages that need an owner, or an object: who sees nothing sees the refusal there, which has tests of its own below.
OWNERS_OR_OBJECTS = frozenset(
    {
        *("reprice", "costs", "reference", "run", "requirement", "requirement-edit", "requirement-history"),
        *("memory", "memory-edit", "memory-history", "comment-edit", "client-revoke", "hygiene-link", "hygiene-mend"),
        *("connect-waiting", "machine-revoke", "machine-rename"),
    }
)
SERIOUS = ("serious", "critical")
# A part of Swagger UI's that holds a link inside a button; it is theirs to mend.
NOT_OURS = [".opblock-summary-control"]
ASK_AXE = """async ([rules, notOurs]) => {
    const options = {resultTypes: ["violations"], preload: false};
    if (rules.length) options.runOnly = {type: "rule", values: rules};
    const answer = await axe.run({exclude: notOurs}, options);
    return answer.violations.map(found => [found.id, found.impact, found.nodes.map(node => node.target.join(" ")).slice(0, 4)]);
}"""
# What stands out of the page to the right, when the page can be scrolled there.
SIDEWAYS = """() => {
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide <= 0) return [];
    const out = [...document.querySelectorAll("body *")].filter(node => node.getBoundingClientRect().right > innerWidth + 1);
    return [`${wide} px`, ...out.slice(0, 4).map(node => node.tagName + "." + node.className)];
}"""


def problems_of(page, address: str) -> list[str]:
    """What is wrong with a page on a desk and on a phone, in light and in dark."""
    found = []
    if page.evaluate("window.axe === undefined"):
        page.add_init_script(AXE)
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")
        page.goto(address)
        if address == "/api/docs/":
            page.locator(".opblock").first.wait_for()
        for look, rules in (("light", []), ("dark", LOOK_RULES)):
            page.emulate_media(color_scheme=look)
            where = f"{address} at {size['width']}, {look}"
            for rule, impact, nodes in page.evaluate(ASK_AXE, [rules, NOT_OURS]):
                if impact in SERIOUS:
                    found.append(f"{where}: {rule} ({impact}) at {nodes}")
            sideways = page.evaluate(SIDEWAYS)
            if sideways:
                found.append(f"{where}: scrolls sideways: {sideways}")
    return found


def test_every_address_that_answers_a_look_is_a_page_of_the_table_or_no_page(client, owner):
    client.force_login(owner.member)
    asked = {name: address for name, address in portal_addresses().items() if name not in NO_PAGES}
    pages = {name for name, address in asked.items() if client.get(address).status_code != METHOD_NOT_ALLOWED}
    assert pages == {name for name in PAGES if not name.startswith(("account_", "mfa_"))}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_full_of_data_reaches_everybody(name, demo_portal):
    page = demo_portal.page_of("demo-owner")
    assert [problem for address in PAGES[name](demo_portal.known) for problem in problems_of(page, address)] == []


@pytest.mark.parametrize("name", [name for name in PAGES if name not in OWNERS_OR_OBJECTS])
def test_a_page_with_nothing_to_show_reaches_everybody(name, demo_portal):
    page = demo_portal.page_of("demo-nobody")
    bare = PAGES[name](demo_portal.known)[0]
    assert problems_of(page, bare) == []


@pytest.mark.parametrize("address", [*ENTRANCE, *ERRORS])
def test_entrance_and_errors_reach_everybody(address, demo_portal):
    assert problems_of(demo_portal.page_of(""), address) == []
    assert problems_of(demo_portal.page_of("demo-guest"), address) == []


@pytest.mark.parametrize("template", ["400.html", "403.html", "500.html", "account/locked_out.html"])
def test_pages_of_refusals_reach_everybody(template, demo_portal):
    page = demo_portal.page_of("")
    page.route("**/refused/", lambda route: route.fulfill(body=render_to_string(template), content_type="text/html"))
    assert problems_of(page, "/refused/") == []
