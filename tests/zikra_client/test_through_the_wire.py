"""Installed hooks against a real portal that comes and goes: nothing is lost, nothing doubled, and no secret gets through."""

import base64
import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from access.callers import caller_for_member
from api.client_file import client_file
from memories.session_pages import write_due_pages
from runs.capture.working import work_waiting
from runs.handoffs import begin
from runs.machines import allow_machine, refuse_machine
from runs.models import CapturedEvent, Handoff, Run
from runs.models import Machine as Known

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]
WAIT_SECONDS = 60


class Portal:
    """A portal on one port that can be stopped and started again."""

    def __init__(self) -> None:
        self.server = LiveServer("localhost:0")
        self.port = self.server.thread.port
        self.url = self.server.url

    def stop(self) -> None:
        """Nobody answers any more."""
        self.server.stop()

    def start(self) -> None:
        """Answer again, at the same address."""
        self.server = LiveServer(f"localhost:{self.port}")


@pytest.fixture
def portal(transactional_db, settings):
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    made = Portal()
    yield made
    made.stop()


class Machine:
    """A developer's machine with the client installed for Claude Code."""

    def __init__(self, home: Path, portal: Portal, secret: str) -> None:
        self.home = home
        words = [sys.executable, "-I", "-", "--token", secret, "--agent", "claude-code", "--machine", "anvil"]
        self.run(words, client_file(portal.url))
        hooks = json.loads((home / ".claude" / "settings.json").read_text())["hooks"]
        self.commands = {event: entries[0]["hooks"][0]["command"] for event, entries in hooks.items()}

    def run(self, words, told=b"", client=None):
        """A program with nothing of this machine's environment but where programs are."""
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        if client is not None:
            environment["ZIKRA_HOME"] = str(client)
        return subprocess.run(
            words,
            input=told,
            capture_output=True,
            check=True,
            env=environment,
            timeout=120,
            shell=isinstance(words, str),
        )

    def hook(self, event, **body):
        """What the agent runs when something happens; it hears nothing of trouble."""
        payload = {"session_id": "s1", "cwd": str(self.home), "hook_event_name": event, **body}
        done = self.run(self.commands[event], json.dumps(payload).encode())
        assert done.stderr == b""
        return done.stdout

    def spool(self):
        """The files that wait, in order."""
        return sorted((self.home / ".zikra" / "spool").glob("*.json"))

    def waits_for(self, count):
        """The files, once so many wait: a session's last events are kept by a process that outlives the hook."""
        wait_for(lambda: len(self.spool()) == count)
        return self.spool()

    def sender(self, client=None):
        """A sender in a process of its own."""
        program = str(self.home / ".zikra" / "client" / "zikra")
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        if client is not None:
            environment["ZIKRA_HOME"] = str(client)
        return subprocess.Popen([sys.executable, program, "send"], env=environment, stdout=subprocess.DEVNULL)

    def nobody_sends(self):
        """No sender of an earlier hook tries any more: it would send what these tests let others send."""

        def is_free():
            with (self.home / ".zikra" / "sender.lock").open("a") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return False
                return True

        wait_for(is_free)


def wait_for(what):
    until = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture
def machine(tmp_path, portal, collaborator):
    return Machine(tmp_path, portal, collaborator.secret)


def a_session(machine, uses=4):
    """A whole session's hooks, one after another."""
    machine.hook("SessionStart", source="startup")
    machine.hook("UserPromptSubmit", prompt="Round the sums")
    for number in range(uses):
        machine.hook(
            "PostToolUse", tool_name="Bash", tool_input={"command": f"step {number}"}, tool_response={"stdout": "ok"}
        )
    machine.hook("Stop", last_assistant_message="Rounded.")
    machine.hook("SessionEnd", reason="other")


def told_times(files):
    """When each event in the spool happened, as its file says."""
    queries = [parse_qs(urlsplit(json.loads(file.read_text())["url"]).query) for file in files]
    return [datetime.fromtimestamp(int(query["at"][0]) / 1000, UTC) for query in queries]


SESSION = ["session-start", "user-prompt", *["post-tool-use"] * 4, "stop", "session-end"]


def test_a_session_without_a_portal_is_there_once_it_is_back(machine, portal, app):
    portal.stop()
    a_session(machine)
    files = machine.waits_for(len(SESSION))
    times = told_times(files)
    machine.nobody_sends()
    assert CapturedEvent.objects.count() == 0

    portal.start()
    machine.run([sys.executable, str(machine.home / ".zikra" / "client" / "zikra"), "send"])
    assert machine.spool() == []
    events = list(CapturedEvent.objects.of_session(app.pk, "s1"))
    assert [event.kind for event in events] == SESSION
    assert [event.at for event in events] == times
    assert [event.body["tool_input"]["command"] for event in events[2:6]] == [f"step {number}" for number in range(4)]
    sequences = [event.sequence for event in events]
    assert sequences == sorted(sequences)
    work_waiting()
    run = Run.objects.get()
    assert (run.session_id, run.started_at, run.finished_at) == ("s1", times[0], times[-1])


def test_a_spool_that_two_senders_drain_at_once_arrives_once(machine, portal, app, tmp_path):
    portal.stop()
    a_session(machine, uses=20)
    files = machine.waits_for(24)
    times = told_times(files)
    machine.nobody_sends()
    # Another sender of the same events that no lock holds back: a home that was copied.
    copied = tmp_path / "copied"
    shutil.copytree(tmp_path / ".zikra", copied)
    portal.start()
    senders = [machine.sender(), machine.sender(), machine.sender(copied)]
    assert [sender.wait(timeout=WAIT_SECONDS) for sender in senders] == [0, 0, 0]
    wait_for(lambda: not machine.spool() and not list((copied / "spool").glob("*.json")))
    events = list(CapturedEvent.objects.of_session(app.pk, "s1"))
    assert len(events) == len(files) == 24
    assert [event.at for event in events] == times
    assert len({event.ingest_key for event in events}) == 24


def test_a_refused_machine_keeps_its_events_and_brings_them_when_it_is_allowed_again(
    machine, portal, app, collaborator
):
    zikra = [sys.executable, str(machine.home / ".zikra" / "client" / "zikra")]
    machine.hook("SessionStart", source="startup")
    wait_for(lambda: CapturedEvent.objects.count() == 1)
    work_waiting()
    known = Known.objects.get(name="anvil")
    Known.objects.create(holder=known.holder, name="second", member=known.member, token=known.token)
    refuse_machine(caller_for_member(collaborator.member), known)
    begin(collaborator.caller, app, "Round the sums")
    assert machine.hook("SessionStart", source="startup", session_id="s2") == b""
    machine.hook("UserPromptSubmit", prompt="Go on")
    machine.waits_for(2)
    machine.nobody_sends()
    refusal = "The machine 'anvil' is refused here. Allow it again on the portal's Connect page."
    assert f"The portal refused what was sent (403): {refusal}" in machine.run([*zikra, "status"]).stdout.decode()
    doctor = machine.run(f"{sys.executable} {zikra[1]} doctor || true").stdout.decode()
    assert "The machine 'anvil' is refused here." in doctor.splitlines()[0]
    assert (CapturedEvent.objects.count(), Handoff.objects.get().state) == (1, "open")

    allow_machine(caller_for_member(collaborator.member), known)
    machine.run([*zikra, "send"])
    assert (machine.spool(), CapturedEvent.objects.count()) == ([], 3)


# --- secrets ---------------------------------------------------------------------------------------------------------


def random_word(length, alphabet="abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"):
    return "".join(secrets.choice(alphabet) for _ in range(length))


def planted():
    """One secret of each kind of the contract: the text that holds it, and the part that must be found nowhere."""
    word = random_word
    jwt = [word(24), word(40), word(43)]
    login = word(20)
    key_lines = [word(64) for _ in range(6)]
    capitals = "ABCDEFGHJKLMNPQRSTUVWXYZ234567"
    plain = {
        "Authorization: Bearer {}": word(32),
        "sk-{}": word(40),
        "sk_live_{}": word(24),
        "ghp_{}": word(36),
        "github_pat_{}": word(60),
        "AKIA{}": word(16, capitals),
        "ASIA{}": word(16, capitals),
        "AIza{}": word(35),
        "xoxb-123456789012-{}": word(24),
        "postgres://app:{}@db.example/app": login,
        "DEPLOY_KEY={}": word(30),
        "SESSION_TOKEN={}": word(30),
        "CLIENT_SECRET={}": word(30),
        "DB_PASSWORD={}": word(30),
        '{{"password": "{}"}}': word(30),
        # Of a private key's path the directories are told too.
        "ssh -i /home/{}/.ssh/id_ed25519 host": word(12),
        "ssh -i ~/.ssh/{} host": word(12),
        '{{"file_path": "/srv/{}/site.pem"}}': word(12),
        "openssl pkcs12 -in certs/{}.p12 -nodes": word(12),
        "C:/{}/client.pfx": word(12),
        "/etc/ssl/private/{}.key": word(12),
    }
    told = [(form.format(secret), [secret]) for form, secret in plain.items()]
    told.append((f"eyJ{jwt[0]}.eyJ{jwt[1]}.{jwt[2]}", jwt))
    begin, end = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"
    told.append(("\n".join([begin, *key_lines, end]), key_lines))
    basic = base64.b64encode(f"carl:{word(24)}".encode()).decode()
    told.append((f"Authorization: Basic {basic}", [basic.rstrip("=")]))
    return told


def flooded(texts, size):
    """The secrets over and over with words of changing length between, so that wherever a cap falls, one stands there."""
    parts, length, number = [], 0, 0
    while length < size:
        parts.append(f"{'x' * (number % 7)} line {number}\n{texts[number % len(texts)]}\n")
        length += len(parts[-1])
        number += 1
    return "".join(parts)


def fragments(words):
    """Eight characters of a secret are enough to know it by, wherever it was cut."""
    return [word[start : start + 8] for word in words for start in range(0, len(word) - 7, 4)]


def whole_database():
    """Every row of every table as text."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
        parts = []
        for name in names:
            cursor.execute(f'SELECT "{name}"::text FROM "{name}"')
            parts += [row[0] for row in cursor.fetchall()]
    return "\n".join(parts)


def files_below(folder):
    return "\n".join(path.read_text(errors="replace") for path in sorted(folder.rglob("*")) if path.is_file())


def leaks(text, words):
    """Parts of secrets that stand in a text."""
    return [part for part in fragments(words) if part in text]


def test_no_secret_of_any_kind_gets_through(machine, portal, app, collaborator, tmp_path, caplog, capfd, client):
    told = planted()
    texts, words = [text for text, _ in told], [word for _, held in told for word in held]
    transcript = tmp_path / "transcripts" / "s1.jsonl"
    transcript.parent.mkdir()
    transcript.write_text(
        "".join(transcript_line(number, text) for number, text in enumerate([*texts, flooded(texts, 9_000)]))
    )
    portal.stop()
    machine.hook("SessionStart", source="startup")
    for text in [*texts, flooded(texts, 40_000)]:
        machine.hook("UserPromptSubmit", prompt=text)
        machine.hook(
            "PostToolUse", tool_name="Bash", tool_input={"command": f"echo '{text}'"}, tool_response={"stdout": text}
        )
    key_of = random_word(12)
    words.append(key_of)
    machine.hook("PostToolUse", tool_name="Read", tool_input={"file_path": f"/home/{key_of}/.ssh/id_ed25519"})
    machine.hook("PostToolUse", tool_name="Bash", tool_input={"command": "env"}, tool_response=flooded(texts, 6_000))
    machine.hook(
        "PostToolUse", tool_name="Bash", tool_input={"command": "env"}, error=flooded(texts, 6_000), is_error=True
    )
    machine.hook("Stop", last_assistant_message=flooded(texts, 6_000), transcript_path=str(transcript))
    machine.hook("SessionEnd", reason="other", transcript_path=str(transcript))
    count = 1 + 2 * (len(texts) + 1) + 5
    machine.waits_for(count)
    machine.nobody_sends()
    assert leaks(files_below(tmp_path / ".zikra"), words) == []

    portal.start()
    machine.run([sys.executable, str(machine.home / ".zikra" / "client" / "zikra"), "send"])
    work_waiting()
    write_due_pages()
    for number, text in enumerate([*texts, flooded(texts, 6_000)]):
        saved = client.post(
            "/webhook/zikra", {"command": "save_memory", "memory_type": "error", "title": f"Error {number}", "content_md": text},
            content_type="application/json", **collaborator.authorization,
        )  # fmt: skip
        assert saved.status_code == 200, saved.content
    assert CapturedEvent.objects.count() == count
    assert Handoff.objects.count() == 1
    stored = whole_database()
    assert len(re.findall(r"\[masked: [a-z ]+\]", stored)) > 10 * len(texts)
    assert leaks(stored, words) == []
    said = capfd.readouterr()
    assert leaks(caplog.text + said.out + said.err, words) == []
    client.force_login(collaborator.member)
    assert leaks(client.get(f"/runs/{Run.objects.get().pk}/").content.decode(), words) == []


def transcript_line(number, text):
    content = [
        {"type": "text", "text": text},
        {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": {"command": text}},
    ]
    message = {"id": f"m{number}", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 1, "output_tokens": 1}}
    told = {"type": "assistant", "uuid": f"u{number}", "requestId": f"r{number}", "timestamp": "2026-11-01T10:00:00Z"}
    return json.dumps({**told, "sessionId": "s1", "message": {**message, "content": content}}) + "\n"
