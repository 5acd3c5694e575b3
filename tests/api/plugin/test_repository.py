"""The plugin's repository as git itself sees it: cloned, fetched again, and refused in words."""

import gzip
import os
import subprocess

import pytest

from api.plugin.files import plugin_files, plugin_repository
from api.plugin.repository import File, Repository
from zikra_client import VERSION

pytestmark = pytest.mark.django_db


def packet(text):
    """A line of git's protocol: its length with these four digits, in hexadecimal, and itself."""
    return f"{len(text.encode()) + 4:04x}{text}".encode()


def git(*words, home):
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(["git", *words], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def below(folder):
    """Every file's text and whether it may be started."""
    return {
        str(path.relative_to(folder)): File(path.read_text(), os.access(path, os.X_OK))
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


@pytest.mark.parametrize("words", [("--depth", "1"), ()])
def test_git_clones_the_plugin(live_server, tmp_path, words):
    git("clone", "-q", *words, f"{live_server.url}/zikra.git", str(tmp_path / "cloned"), home=tmp_path)
    git("-C", str(tmp_path / "cloned"), "fsck", "--strict", home=tmp_path)
    assert below(tmp_path / "cloned" / "plugin") == plugin_files(live_server.url)
    assert (tmp_path / "cloned" / ".claude-plugin" / "marketplace.json").is_file()
    assert git("-C", str(tmp_path / "cloned"), "branch", "--show-current", home=tmp_path) == "main\n"


@pytest.mark.parametrize("words", [("--depth", "1"), ()])
def test_a_clone_fetches_the_next_version(live_server, tmp_path, settings, words):
    cloned = str(tmp_path / "cloned")
    git("clone", "-q", *words, f"{live_server.url}/zikra.git", cloned, home=tmp_path)
    assert git("-C", cloned, "fetch", "-q", home=tmp_path) == ""
    settings.VERSION = "99.0.0"
    plugin_repository.cache_clear()
    try:
        git("-C", cloned, "fetch", "-q", *words, "origin", "main", home=tmp_path)
        held = git("-C", cloned, "show", "FETCH_HEAD:plugin/.claude-plugin/plugin.json", home=tmp_path)
    finally:
        plugin_repository.cache_clear()
    assert '"version": "99.0.0"' in held


def test_the_same_files_are_the_same_commit_and_others_another():
    files = {"a/b.txt": File("one\n"), "a.txt": File("two\n"), "run": File("three\n", is_program=True)}
    first = Repository(files, "A <a@localhost>", "First")
    assert Repository(dict(reversed(files.items())), "A <a@localhost>", "First").head == first.head
    assert Repository(files | {"a.txt": File("other\n")}, "A <a@localhost>", "First").head != first.head


def test_only_reading_by_the_smart_protocol_is_served(client):
    assert client.get("/zikra.git/info/refs").status_code == 400
    assert client.get("/zikra.git/info/refs?service=git-receive-pack").status_code == 400
    assert client.get("/zikra.git/git-upload-pack").status_code == 405
    assert client.post("/zikra.git/info/refs").status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"zzzz",
        b"0003",
        b"00ffwant",
        b"\xff\xfe\x00\x00",
        packet("want " + "0" * 40 + "\n") + b"0000",
        b"0" * 100_000,
    ],
)
def test_what_is_no_request_is_refused_in_words(client, body):
    answer = client.post("/zikra.git/git-upload-pack", body, content_type="application/x-git-upload-pack-request")
    assert answer.status_code == 400
    assert answer.content.startswith(b"This is no request for the plugin's repository: ")


def asked(head):
    return packet(f"want {head} side-band-64k thin-pack ofs-delta\n") + b"0000" + packet("done\n")


def test_a_packed_request_is_unpacked_but_no_flood_is(client):
    head = plugin_repository("http://testserver").head

    def post(body):
        return client.post(
            "/zikra.git/git-upload-pack", body, content_type="application/x-git-upload-pack-request",
            headers={"content-encoding": "gzip"},
        )  # fmt: skip

    answer = post(gzip.compress(asked(head)))
    assert (answer.status_code, answer.content[:8]) == (200, b"0008NAK\n")
    assert b"\x01PACK" in answer.content
    assert post(gzip.compress(asked(head) + b"0000" * 1_000_000)).status_code == 400
    assert post(b"not packed").status_code == 400


def test_the_plugin_has_the_clients_files_and_one_version_with_it():
    files = plugin_files("https://portal.example.com")
    assert f'"version": "{VERSION}"' in files[".claude-plugin/plugin.json"].text
    assert {path for path in files if not path.startswith("zikra_client/")} == {
        *(".claude-plugin/plugin.json", ".mcp.json", "hooks/hooks.json", "zikra-hook", "zikra"),
    }
    assert '"url": "https://portal.example.com/mcp"' in files[".mcp.json"].text
