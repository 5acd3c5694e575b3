"""The client as it is served: one readable file that is what the page says it is, and runs alone."""

import ast
import hashlib
import subprocess
import sys

from api.client_file import client_digest, client_file, client_sources
from zikra_client import VERSION


def test_it_is_served_to_everybody_with_its_digest(client, db, settings):
    settings.PORTAL_URL = "https://portal.example.com"
    answer = client.get("/connect.py")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/x-python; charset=utf-8")
    assert hashlib.sha256(answer.content).hexdigest() == client_digest("https://portal.example.com")
    assert b"SERVER = 'https://portal.example.com'" in answer.content
    assert client.post("/connect.py").status_code == 405


def test_every_file_of_the_client_is_python_3_9_and_imports_only_itself_and_the_standard_library():
    for name, source in client_sources().items():
        tree = ast.parse(source, name, feature_version=(3, 9))
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            foreign = [
                module for module in modules if module.split(".")[0] not in {*sys.stdlib_module_names, "zikra_client"}
            ]
            assert (name, foreign) == (name, [])


def test_it_runs_from_a_pipe_alone(tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-", "--version"],
        input=client_file("http://127.0.0.1:1"), capture_output=True, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert done.stdout.decode().strip() == VERSION


def test_client_and_portal_are_of_one_version(settings):
    assert settings.VERSION == VERSION


def test_without_a_token_it_says_what_to_give_and_writes_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-"],
        input=client_file("http://127.0.0.1:1"), capture_output=True, cwd=tmp_path, check=False, env={"HOME": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Give the portal's address and a token" in done.stderr
    assert list(tmp_path.iterdir()) == []
