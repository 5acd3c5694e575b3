"""`./zikra embedding_progress`: told once, or until nothing waits."""

import json
import time

import pytest
from django.core.management import CommandError, call_command


def told(capsys, *options):
    """What the command printed, line by line."""
    call_command("embedding_progress", *options)
    return capsys.readouterr().out.splitlines()


def test_it_tells_once_how_far_each_space_is(collaborator, app, save, embed_all, capsys):
    save(collaborator, app, "Embedded", "The ferry leaves at nine.")
    embed_all()
    save(collaborator, app, "Waiting", "The train leaves at ten.")
    [line] = told(capsys)
    assert ": 1 of 2 embedded (50%), 1 waiting, 0 failed, oldest waits 0 s" in line
    [figures] = map(json.loads, told(capsys, "--json"))
    assert {name: figures[name] for name in ("embedded", "waiting", "failed", "vectors")} == {
        "embedded": 1,
        "waiting": 1,
        "failed": 0,
        "vectors": 1,
    }


def test_it_goes_on_until_nothing_waits(collaborator, app, save, embed_all, capsys, monkeypatch):
    """What the worker does between two lines is done here while the command sleeps."""
    pauses = []
    save(collaborator, app, "Waiting", "The train leaves at ten.")
    monkeypatch.setattr(time, "sleep", lambda seconds: pauses.append(seconds) or (len(pauses) == 2 and embed_all()))
    lines = told(capsys, "--json", "--every", "5")
    assert [json.loads(line)["waiting"] for line in lines] == [1, 1, 0]
    assert pauses == [5.0, 5.0]


def test_a_pause_of_nothing_is_refused(db):
    with pytest.raises(CommandError, match=r"--every takes seconds above 0, not 0\."):
        call_command("embedding_progress", "--every", "0")
