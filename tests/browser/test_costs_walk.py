"""A lead looks for where the money went: narrows the page, opens the dearest session, takes the CSV along."""

import csv
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from runs.days import today
from tests.browser.conftest import PHONE, WALK, WIDE, log_in
from tests.runs.plain_sums import make_run

pytestmark = WALK


@pytest.fixture
def spent(owner, app, secret_project):
    """Two weeks of runs in two projects; the dearest one of `app` cost $7.00."""
    for project, factor in ((app, 1), (secret_project, 10)):
        for days in range(14):
            cost = Decimal(7 if days == 3 else 1) * factor
            usage = [(f"model-{days % 3}", (1000, 200, 5000, 0, 100), cost, Decimal("0.1"))]
            make_run(
                project, today() - timedelta(days=days), usage, agent="codex", person="olga", requirement_title="Export"
            )


def test_a_lead_narrows_the_costs_opens_the_dearest_session_and_downloads_the_csv(open_page, spent, app, tmp_path):
    page = open_page()
    log_in(page, "olga")
    page.get_by_role("link", name="Costs", exact=True).click()
    expect(page.get_by_role("heading", name="Costs", exact=True)).to_be_visible()
    page.get_by_role("row", name="app").get_by_role("link", name="app").click()
    expect(page.get_by_role("heading", name="Costs in app")).to_be_visible()
    page.get_by_label("By", exact=True).select_option("week")
    page.get_by_label("Grouped by").select_option("model")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", name="By model")).to_be_visible()
    assert "range" not in page.url
    assert "project=app" in page.url
    page.get_by_text("The same numbers as a table").click()
    expect(page.get_by_role("table", name="Cost by week and model").get_by_role("row").last).to_contain_text("$20.00")

    with page.expect_download() as download:
        page.locator("#groups ~ p").get_by_role("link", name="Download as CSV").click()
    file = tmp_path / "costs.csv"
    download.value.save_as(file)
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.reader(text))
    assert [row[0] for row in rows] == ["Model", "model-0", "model-1", "model-2", "Total"]
    assert rows[-1][1] == "20.000000"

    page.get_by_role("table", name="The runs that cost most").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="codex")).to_be_visible()
    expect(page.get_by_text("$7.00").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_costs_fit_every_screen(open_page, spent, size, scheme):
    page = open_page(size, scheme)
    log_in(page, "olga")
    for address in ("/costs/?group=model", "/costs/?range=last_month", "/costs/prices/reprice/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
