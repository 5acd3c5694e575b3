"""From the Connect page to a connected agent: the line is made, run for real, and the page turns green."""

import json
import os
import subprocess
import time

import pytest
from playwright.sync_api import expect

from access.models import RoleToken
from runs.handoffs import begin
from runs.machines import MachineRefused, require_allowed
from runs.models import CapturedEvent, Handoff, Machine
from tests.browser.conftest import PHONE, WALK, WIDE, connect_a_machine, log_in

pytestmark = WALK
# The client sends from a process of its own, and the page asks every 4 seconds.
COMES_WITHIN = 40_000
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def in_shell(command, home, told=b""):
    """Run what a person's shell or an agent runs, in a home of its own."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, shell=True, input=told, env=environment, cwd=home, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout.decode()


def make_the_line(page):
    page.goto("/")
    if page.get_by_role("button", name="Menu").is_visible():
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("navigation", name="Portal").get_by_role("link", name="Connect").click()
    page.get_by_role("checkbox", name="Codex").check()
    page.get_by_label("Project", exact=True).select_option("app")
    page.get_by_label("Machine", exact=True).fill("anvil")
    page.get_by_role("button", name="Make the line").click()
    expect(page.get_by_role("heading", name="Run this line")).to_be_visible()
    expect(page.locator("#first-event")).to_contain_text("Nothing has come by this token yet.")
    return page.locator("#connect-line").inner_text()


def tell_a_prompt(home):
    """Fire the hook that the line has wired, as Codex does."""
    hooks = json.loads((home / ".codex" / "hooks.json").read_text())["hooks"]
    told = {"session_id": "s1", "cwd": str(home), "hook_event_name": "UserPromptSubmit", "prompt": "add logins"}
    in_shell(hooks["UserPromptSubmit"][0]["hooks"][0]["command"], home, json.dumps(told).encode())


@pytest.mark.parametrize(
    ("size", "javascript"), [(WIDE, True), (PHONE, True), (PHONE, False)], ids=["wide", "phone", "no-scripts"]
)
def test_a_line_connects_a_machine_and_the_page_turns_green(open_page, tmp_path, collaborator, app, size, javascript):
    page = open_page(size, java_script_enabled=javascript)
    log_in(page, "carl")
    line = make_the_line(page)
    token = RoleToken.objects.get(label="carl, anvil")
    page.wait_for_load_state("load")
    assert page.evaluate(SIDEWAYS) == 0
    said = in_shell(line, tmp_path)
    assert "Connected to" in said
    assert "Codex" in said
    tell_a_prompt(tmp_path)
    address = page.url
    if not javascript:
        wait_for_event()
        page.get_by_role("link", name="Look whether it came").click()
    came = page.get_by_text("Codex on")
    expect(came).to_be_visible(timeout=COMES_WITHIN)
    expect(came).to_contain_text("told its first event")
    if javascript:
        assert page.url == address
    event = CapturedEvent.objects.get()
    assert (event.token, event.project, event.session_id, event.agent) == (token, app, "s1", "codex")
    assert page.locator("body").inner_text().count(line.split("--token ")[1].split()[0]) == int(javascript)
    in_shell("python3 .zikra/client/zikra uninstall", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def wait_for_event():
    deadline = time.monotonic() + COMES_WITHIN / 1000
    while not CapturedEvent.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def test_the_line_that_checks_the_file_checks_it(open_page, tmp_path, collaborator, app):
    page = open_page()
    log_in(page, "carl")
    make_the_line(page)
    page.get_by_text("Check the file first").click()
    assert in_shell(page.locator("#check-line").inner_text(), tmp_path).strip() == "connect.py: OK"


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_member_revokes_a_machine_and_takes_it_off_the_list(open_page, collaborator, app, size):
    machine = connect_a_machine(
        collaborator.member, "anvil", project_names=["app"], agents=["codex"], untrusted=["codex"], backlog=0
    )
    page = open_page(size)
    log_in(page, "carl")
    page.goto("/connect/")
    row = page.get_by_role("row").filter(has_text="anvil")
    expect(row).to_contain_text("Codex does not run its hooks")
    assert page.evaluate(SIDEWAYS) == 0
    row.get_by_role("link", name="Revoke anvil").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Revoked the token of anvil; it is shut out.")).to_be_visible()
    machine.token.refresh_from_db()
    assert machine.token.state == "revoked"
    page.get_by_role("button", name="Take anvil off the list").click()
    expect(page.get_by_text("anvil is off the list.")).to_be_visible()
    expect(page.get_by_role("heading", name="No machine has been heard of yet")).to_be_visible()


@pytest.mark.parametrize(
    ("size", "javascript"), [(WIDE, True), (PHONE, True), (PHONE, False)], ids=["wide", "phone", "no-scripts"]
)
def test_a_machine_that_shares_its_token_is_renamed_refused_and_allowed_again(
    open_page, collaborator, app, size, javascript
):
    machine = connect_a_machine(collaborator.member, "anvil", project_names=["app"], agents=["codex"])
    Machine.objects.create(holder=machine.holder, name="second", member=machine.member, token=machine.token)
    page = open_page(size, java_script_enabled=javascript)
    log_in(page, "carl")
    page.goto("/connect/")
    page.get_by_role("link", name="Rename anvil").click()
    page.get_by_label("What it is called here").fill("The forge")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_text("anvil is called The forge now.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="reports as anvil")
    row.get_by_role("link", name="Revoke The forge").click()
    expect(page.get_by_role("button", name="Revoke the token for both")).to_be_visible()
    assert page.evaluate(SIDEWAYS) == 0
    page.get_by_role("button", name="Refuse this machine").click()
    expect(page.get_by_text("The forge is refused; its token stays good for the others.")).to_be_visible()
    expect(row.get_by_text("refused", exact=True)).to_be_visible()
    assert page.evaluate(SIDEWAYS) == 0
    with pytest.raises(MachineRefused):
        require_allowed(collaborator.caller, "anvil")
    row.get_by_role("button", name="Allow again The forge").click()
    expect(page.get_by_text("The forge is allowed again; what waits there comes with its next event.")).to_be_visible()
    expect(row.get_by_text("connected")).to_be_visible()
    require_allowed(collaborator.caller, "anvil")


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_a_handoff_is_assigned_given_back_and_cancelled(open_page, owner, collaborator, app, javascript):
    begin(collaborator.caller, app, "The export works.", agent="codex", next_steps=["Write the test"])
    page = open_page(PHONE, java_script_enabled=javascript)
    log_in(page, "carl")
    page.goto("/runs/")
    page.get_by_role("link", name="Handoffs").click()
    expect(page.get_by_text("Write the test")).to_be_visible()
    page.get_by_label("For", exact=True).select_option("olga")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("Kept for olga.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Left to everybody's next session.")).to_be_visible()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", name="No handoff waits")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The handoff waits for a session again.")).to_be_visible()
    page.get_by_text("Cancel…").click()
    page.get_by_label("Why (may stay empty)").fill("Done by hand.")
    page.get_by_role("button", name="Cancel the handoff").click()
    expect(page.get_by_role("heading", name="No handoff waits")).to_be_visible()
    over = Handoff.objects.get()
    assert (over.state, over.ended_reason) == ("expired", "Cancelled by carl: Done by hand.")
