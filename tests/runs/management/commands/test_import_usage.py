"""`./zikra import-usage`: what the operator types, and what comes back."""

import os
import pty
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from access.models import AuditEntry
from runs.management.commands.import_usage import Progress
from runs.models import Run
from tests.runs.transcripts.lines import answer, count, line, meta, totals, turn, typed, write

BASE = Path(__file__).resolve().parents[4]


def import_usage(home: Path, *words: str) -> str:
    out = StringIO()
    call_command("import_usage", "--home", str(home), *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def home(tmp_path) -> Path:
    """Two sessions of Claude Code, one of Codex, one without tokens, and what is none."""
    claude = tmp_path / ".claude/projects/-home-ana-shop"
    write(claude / "s1.jsonl", typed("make it faster"), answer(1), answer(2, "m2", output=9), '{"half": ')
    write(claude / "s1/subagents/agent-1.jsonl", answer(3, "m3", model="mystery-9", isSidechain=True))
    write(claude / "s2.jsonl", typed("and quit", session="s2"))
    write(claude / "s3.jsonl", "no json\n")
    write(claude / "s4.jsonl")
    write(tmp_path / ".codex/sessions/2026/03/02/rollout-1.jsonl", meta(), turn(1), count(2, totals(1000, 600, 50)))
    return tmp_path


@pytest.mark.django_db
def test_everything_is_told_in_words(home):
    told = import_usage(home)
    assert told.splitlines() == [
        "Sessions: 4 found, 2 new, 0 updated, 0 unchanged, 2 skipped.",
        "  skipped 1: no tokens used",
        "  skipped 1: nothing in it that is known here",
        "  passed over 1 file, empty: s4.jsonl",
        "  2 of 10 lines could not be read and were left out",
        "Projects: shop 2.",
        "Tokens: 430 input, 69 output, 900 read from the cache, 0 written to it for 5 minutes, 60 for an hour.",
        "Cost: < $0.01 without the models below.",
        "No price (add one under Admin → Model prices, then re-price):",
        "  mystery-9: 135 tokens",
    ]
    assert AuditEntry.objects.values_list("caller", "command", "detail").get() == (
        "operator",
        "import_usage",
        "4 found, 2 new, 0 updated, 0 unchanged, 2 skipped",
    )
    assert sorted(Run.objects.values_list("session_id", "agent", "person", "machine")) == [
        ("s1", "claude-code", "operator", ""),
        ("t1", "codex", "operator", ""),
    ]


@pytest.mark.django_db
def test_a_second_time_changes_nothing_and_a_grown_file_is_updated(home):
    import_usage(home)
    before = list(Run.objects.order_by("pk").values())
    assert "4 found, 0 new, 0 updated, 2 unchanged, 2 skipped" in import_usage(home)
    assert list(Run.objects.order_by("pk").values()) == before
    with (home / ".claude/projects/-home-ana-shop/s1.jsonl").open("a") as file:
        file.write('"finished"}\n' + answer(60, "m9", output=1000))
    assert "4 found, 0 new, 1 updated, 1 unchanged, 2 skipped" in import_usage(home)
    assert Run.objects.get(session_id="s1").tokens_output == 1019
    assert AuditEntry.objects.count() == 2


@pytest.mark.django_db
def test_a_dry_run_says_so_and_keeps_nothing(home):
    assert import_usage(home, "--dry-run").startswith("Would record: 4 found, 2 new, ")
    assert (Run.objects.count(), AuditEntry.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_project_member_machine_and_day_are_taken(home, collaborator, app):
    told = import_usage(home, "--project", "app", "--member", "carl", "--machine", "laptop", "--since", "2026-03-02")
    assert "Projects: app 2." in told
    assert set(Run.objects.values_list("project__name", "person", "member_id", "machine")) == {
        ("app", "carl", collaborator.member.pk, "laptop")
    }
    assert "skipped 2: ended before 2026-03-03" in import_usage(home, "--since", "2026-03-03")


@pytest.mark.django_db
def test_wrong_words_are_answered_in_words(home):
    with pytest.raises(CommandError, match="Member not found"):
        import_usage(home, "--member", "nobody")
    with pytest.raises(CommandError, match="invalid day value: 'soon'"):
        import_usage(home, "--since", "soon")
    with pytest.raises(CommandError, match="A project name has"):
        import_usage(home, "--project", "*")
    assert Run.objects.count() == 0


@pytest.mark.django_db
def test_a_home_without_transcripts_is_told_where_was_looked(tmp_path):
    assert import_usage(tmp_path).splitlines() == [
        "No transcripts found. Looked in",
        f"  {tmp_path}/.claude/projects",
        f"  {tmp_path}/.config/claude/projects",
        f"  {tmp_path}/.codex/sessions",
        f"  {tmp_path}/.codex/archived_sessions",
    ]


@pytest.mark.django_db
def test_who_stops_it_is_told_that_what_is_recorded_stays(home, monkeypatch):
    def interrupted(self) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "next", interrupted)
    with pytest.raises(CommandError, match="^Stopped. What is recorded stays"):
        import_usage(home)
    assert Run.objects.count() == 1


def test_help_takes_a_hyphen_too():
    command = [sys.executable, str(BASE / "manage.py"), "help", "import-usage"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Record past sessions of Claude Code and Codex" in done.stdout


@pytest.mark.django_db(transaction=True)
def test_the_door_takes_a_hyphen_and_draws_a_bar_on_a_terminal(home):
    # The test's own database on the server that the environment names.
    name = connection.settings_dict["NAME"]
    address = re.sub(r"/[^/?]*(?=\?|$)", f"/{name}", os.environ["DATABASE_URL"], count=1)
    environment = {**os.environ, "DATABASE_URL": address, "HOME": str(home), "CLAUDE_CONFIG_DIR": "", "CODEX_HOME": ""}
    big = [answer(at, f"b{at}", content=[{"type": "text", "text": "x" * 20_000}]) for at in range(100)]
    write(home / ".claude/projects/-home-ana-shop/s5.jsonl", *big, line({}))
    mine, theirs = pty.openpty()
    command = [sys.executable, str(BASE / "manage.py"), "import-usage", "--project", "shop"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=120)
    os.close(theirs)
    drawn = os.read(mine, 1_000_000).decode()
    assert done.returncode == 0, drawn
    assert "5 found, 3 new, 0 updated, 0 unchanged, 2 skipped" in done.stdout
    assert re.search(r"░ +0%  0 of 5 sessions, 0 of 2 MB", drawn)
    assert drawn.endswith("\r\x1b[K")
    quiet = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert Run.objects.count() == 3
