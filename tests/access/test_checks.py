"""Settings that would hurt later: one readable complaint each, with what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from access.checks import check_settings, without_password

BASE = Path(__file__).resolve().parents[2]


def test_the_settings_of_the_tests_are_good():
    assert check_settings() == []


@pytest.mark.parametrize(
    ("name", "value", "check_id", "message"),
    [
        ("SECRET_KEY_IS_SET", False, "access.E001", "SECRET_KEY is not set."),
        ("SECRET_KEY", "short", "access.E002", "SECRET_KEY is weak: 5 characters, 5 different ones."),
        ("SECRET_KEY", "x" * 60, "access.E002", "SECRET_KEY is weak: 60 characters, 1 different ones."),
        ("EMBEDDING_PROVIDER", "cloud", "access.E003", "EMBEDDING_PROVIDER is 'cloud', which is unknown."),
        ("EMBEDDING_DIMENSIONS", 0, "access.E005", "EMBEDDING_DIMENSIONS is 0."),
        ("EMBEDDING_DIMENSIONS", 4001, "access.E005", "EMBEDDING_DIMENSIONS is 4001."),
        ("SEARCH_SEMANTIC_WEIGHT", 1.5, "access.E006", "SEARCH_SEMANTIC_WEIGHT is 1.5."),
        ("SEARCH_KEYWORD_WEIGHT", -0.1, "access.E006", "SEARCH_KEYWORD_WEIGHT is -0.1."),
        ("SEARCH_KEYWORD_WEIGHT", float("nan"), "access.E006", "SEARCH_KEYWORD_WEIGHT is nan."),
        ("ARCHIVE_THRESHOLD", 2.0, "access.E006", "ARCHIVE_THRESHOLD is 2.0."),
        (
            "REDIS_URL",
            "localhost:6379",
            "access.E008",
            "REDIS_URL is 'localhost:6379', which is no address of a Redis server.",
        ),
        ("REDIS_URL", "redis://", "access.E008", "REDIS_URL is 'redis://', which is no address of a Redis server."),
        (
            "REDIS_URL",
            "redis://h:port",
            "access.E008",
            "REDIS_URL is 'redis://h:port', which is no address of a Redis server.",
        ),
        (
            "REDIS_URL",
            "http://u:p@h",
            "access.E008",
            "REDIS_URL is 'http://u:…@h', which is no address of a Redis server.",
        ),
        ("ALLOWED_HOSTS", [], "access.E011", "ALLOWED_HOSTS is empty: every request would be refused."),
        (
            "ALLOWED_HOSTS",
            ["https://a.example"],
            "access.E012",
            "ALLOWED_HOSTS holds 'https://a.example', which is no host name.",
        ),
        ("ALLOWED_HOSTS", ["a:80"], "access.E012", "ALLOWED_HOSTS holds 'a:80', which is no host name."),
        ("TOKEN_RATE_PER_MINUTE", -1, "access.E013", "TOKEN_RATE_PER_MINUTE is -1."),
        ("MAX_BODY_BYTES", 10, "access.E013", "MAX_BODY_BYTES is 10."),
        (
            "PORTAL_URL",
            "portal.example.com",
            "access.E014",
            "PORTAL_URL is 'portal.example.com', which is no web address.",
        ),
    ],
)
def test_each_fault_has_one_complaint_with_a_hint(settings, name, value, check_id, message):
    setattr(settings, name, value)
    (complaint,) = check_settings()
    assert (complaint.id, complaint.msg) == (check_id, message)
    assert complaint.is_serious()
    assert complaint.hint
    assert "\n" not in complaint.msg + complaint.hint


def test_an_address_without_a_database_is_refused(settings, monkeypatch):
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", "")
    assert [(complaint.id, complaint.msg) for complaint in check_settings()] == [
        ("access.E010", "DATABASE_URL names no database.")
    ]


def test_a_weak_key_is_only_a_warning_while_developing(settings):
    settings.SECRET_KEY, settings.DEBUG = "short", True
    assert [(complaint.id, complaint.is_serious()) for complaint in check_settings()] == [("access.W001", False)]


def test_the_address_of_the_embedding_endpoint_must_be_one(settings):
    settings.EMBEDDING_PROVIDER, settings.EMBEDDING_URL = "openai", "api.openai.com"
    assert [complaint.id for complaint in check_settings()] == ["access.E004"]


def test_two_weights_of_nothing_are_refused(settings):
    settings.SEARCH_SEMANTIC_WEIGHT = settings.SEARCH_KEYWORD_WEIGHT = 0.0
    assert [complaint.id for complaint in check_settings()] == ["access.E007"]


@pytest.mark.parametrize("url", ["mysql://u:p@h/d", "sqlite:///x", "hello"])
def test_another_database_is_refused(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    (complaint,) = check_settings()
    assert complaint.id == "access.E009"
    assert "p@" not in complaint.msg


@pytest.mark.parametrize("url", ["redis://h", "rediss://u:p@h:6380/1", "unix:///run/redis.sock?db=2"])
def test_addresses_of_redis_servers_are_known(settings, url):
    settings.REDIS_URL = url
    assert check_settings() == []


@pytest.mark.parametrize("host", ["*", "a.example.com", ".example.com", "10.0.0.5", "[::1]", "localhost", "my_host"])
def test_host_names_are_known(settings, host):
    settings.ALLOWED_HOSTS = [host]
    assert check_settings() == []


def test_a_message_shows_no_password():
    assert without_password("redis://:secret@h:1/0 postgres://ana:pw@h") == "redis://:…@h:1/0 postgres://ana:…@h"


def test_the_check_command_tells_it_in_words_and_refuses():
    done = subprocess.run(
        [sys.executable, str(BASE / "manage.py"), "check"],
        env={**os.environ, "EMBEDDING_PROVIDER": "cloud"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "?: (access.E003) EMBEDDING_PROVIDER is 'cloud', which is unknown." in done.stderr
    assert "Traceback" not in done.stderr
