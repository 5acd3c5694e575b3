"""From a wish to what came of it, by three people and an agent: with JavaScript, and without."""

import pytest
from playwright.sync_api import Page, expect

from access.roles import Role
from requirements_pipeline.models import Requirement
from tests.browser.conftest import WALK, WIDE, command, log_in
from tests.conftest import Person, make_person

pytestmark = WALK

TITLE = "Hold the price while a customer pays"
CRITERIA = ("The total does not change", "The receipt names the total")


@pytest.fixture
def manager(app) -> Person:
    """Writes requirements in `app`, and is nobody's superior."""
    return make_person("pia", Role.COLLABORATOR, app)


def page_of(open_page, username: str, **options) -> Page:
    page = open_page(WIDE, **options)
    log_in(page, username)
    return page


def write(page: Page, *, scripted: bool) -> str:
    """Write the requirement with a preview, and submit it; answers its address."""
    page.goto("/requirements/new/?project=app")
    page.get_by_label("Title", exact=True).fill(TITLE)
    page.get_by_label("What is wanted, and why").fill("Buyers see **another total** after the bank's page.")
    if scripted:
        page.get_by_role("textbox", name="Criterion 1").fill(CRITERIA[0])
        page.get_by_role("textbox", name="Criterion 1").press("Enter")
        page.get_by_role("textbox", name="Criterion 2").press_sequentially(CRITERIA[1])
    else:
        page.get_by_label("Acceptance criteria").fill("\n".join(CRITERIA))
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("main strong", has_text="another total")).to_be_visible()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(TITLE)
    expect(page.get_by_text("Submitted: an owner can promote it now.")).to_be_visible()
    return page.url


def promote(page: Page) -> None:
    """Promote it from the board."""
    page.goto("/requirements/?project=app")
    card = page.locator("[data-card]").filter(has=page.get_by_role("link", name=TITLE, exact=True))
    card.locator("summary").click()
    card.get_by_role("button", name="Promote", exact=True).click()
    expect(page.get_by_text(f"“{TITLE}” is promoted now.")).to_be_visible()
    expect(page.locator('[data-column="promoted"] h3')).to_have_text([TITLE])


def work(base: str, secret: str) -> None:
    """What an agent does over the wire: take the most urgent one, record two runs, learn something, hand it in."""
    pulled = command(base, secret, command="pull_requirement", project="app", runner="robot")["requirement"]
    assert pulled["title"] == TITLE
    for number, cost in ((1, 0.75), (2, 1.5)):
        command(
            *(base, secret),
            command="start_run",
            project="app",
            session_id=f"session-{number}",
            agent="codex",
            model="gpt-5-codex",
            requirement_id=pulled["id"],
        )
        command(
            *(base, secret),
            command="log_run",
            project="app",
            session_id=f"session-{number}",
            status="success",
            output_summary=f"Part {number} is there.",
            cost_usd=cost,
            duration_s=60 * number,
            files_modified=[f"shop/part_{number}.py"],
            commits=[f"4fe21c{number}"],
        )
    command(
        *(base, secret),
        command="save_memory",
        project="app",
        memory_type="decision",
        title="The total is frozen when payment starts",
        content_md="A later voucher opens a new payment.",
        session_id="session-2",
    )
    command(
        *(base, secret),
        command="finish_requirement",
        requirement_id=pulled["id"],
        output_summary="The total is frozen; tests hold it.",
        criteria_met=[1, 2],
        session_id="session-2",
    )


def see_what_came_of_it(page: Page, address: str) -> None:
    """The whole chain in its order, and the sum of its runs."""
    page.goto(address)
    chain = page.locator("main").inner_text()
    for number in (1, 2):
        assert f"Part {number} is there." in chain
    happened = ("Written by", "to\nPromoted", "Part 1 is there.", "Part 2 is there.", "to\nIn review")
    places = [" ".join(chain.split()).find(" ".join(words.split())) for words in happened]
    assert -1 not in places, list(zip(happened, places, strict=True))
    assert places == sorted(places)
    expect(page.get_by_role("heading", name="Acceptance criteria")).to_contain_text("2 of 2 met")
    expect(page.get_by_role("link", name="The total is frozen when payment starts").first).to_be_visible()
    expect(page.get_by_text("$2.25").first).to_be_visible()
    expect(page.get_by_text("3 min").first).to_be_visible()
    # And upward: from what was learnt to the run, and from there back.
    page.get_by_role("link", name="The total is frozen when payment starts").first.click()
    expect(page.get_by_role("link", name=TITLE).first).to_be_visible()


@pytest.mark.parametrize("scripted", [True, False], ids=["with-scripts", "without-scripts"])
def test_a_wish_becomes_finished_work(open_page, live_server, owner, collaborator, manager, stranger, scripted):
    options = {} if scripted else {"java_script_enabled": False}
    address = write(page_of(open_page, "pia", **options), scripted=scripted)

    outsider = page_of(open_page, "sven", expects_not_found=True, **options)
    assert outsider.goto(address).status == 404
    outsider.goto("/requirements/")
    expect(outsider.get_by_text(TITLE)).to_have_count(0)

    lead = page_of(open_page, "olga", **options)
    promote(lead)
    work(live_server.url, collaborator.secret)

    see_what_came_of_it(lead, address)
    found = Requirement.objects.get(title=TITLE)
    assert (found.state, found.author, found.promoted_by) == ("in_review", manager.member, "olga")
    # The project's people see the sum too; what single runs of others cost they do not.
    writer = page_of(open_page, "pia", **options)
    writer.goto(address)
    expect(writer.get_by_text("$2.25").first).to_be_visible()
    expect(writer.get_by_text("$1.50")).to_have_count(0)
