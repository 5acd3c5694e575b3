"""What both readers share."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.tokens import TokenCounts
from runs.transcripts import Lines, Session, count_of, inside, moment_of, opening, text_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_only_objects_are_lines_and_the_rest_is_counted():
    lines = Lines(['{"a": 1}\n', "\n", "  \n", "no json\n", "[1]\n", b'{"b": 2}\n', b"\xff\xfe\n", '{"half": "wri'])
    assert list(lines) == [{"a": 1}, {"b": 2}]
    assert (lines.read, lines.broken) == (6, 4)


def test_nesting_without_end_and_numbers_without_end_are_broken_lines():
    lines = Lines(["[" * 200_000, '{"a": ' * 200_000, '{"n": ' + "9" * 5000 + "}"])
    assert list(lines) == []
    assert (lines.read, lines.broken) == (3, 3)


@given(JSON)
def test_values_of_any_kind_become_a_text_a_count_and_a_moment_or_nothing(value):
    text, count, moment = text_of(value), count_of(value), moment_of(value)
    assert "\x00" not in text
    assert text.encode() is not None
    assert count is None or count >= 0
    assert moment is None or moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02T09:00:00.5Z", datetime(2026, 3, 2, 9, 0, 0, 500_000, UTC)),
        ("2026-03-02T09:00:00+02:00", datetime(2026, 3, 2, 7, 0, tzinfo=UTC)),
        ("2026-03-02T09:00:00", datetime(2026, 3, 2, 9, 0, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("yesterday", None),
        (1_772_442_000, None),
    ],
)
def test_times(text, moment):
    assert moment_of(text) == moment


def test_texts_lose_what_a_database_refuses():
    assert text_of(json.loads('" a\\u0000b\\ud800 "')) == "ab?"


@pytest.mark.parametrize(
    ("path", "directory", "seen"),
    [
        ("/w/app/src/a.py", "/w/app", "src/a.py"),
        ("/w/app/src/a.py", "/w/app/", "src/a.py"),
        ("/w/apple/a.py", "/w/app", "/w/apple/a.py"),
        ("C:\\w\\app\\a.py", "C:\\w\\app", "a.py"),
        ("/w/app", "/w/app", "/w/app"),
        ("/etc/hosts", "", "/etc/hosts"),
        ("/etc/hosts", "/", "/etc/hosts"),
    ],
)
def test_paths_inside_the_directory_are_told_from_there(path, directory, seen):
    assert inside(path, directory) == seen


def test_a_long_prompt_is_cut_and_made_one_line():
    assert opening(" fix\n the\tbug ") == "fix the bug"
    cut = opening("word " * 1000)
    assert len(cut) <= 300
    assert cut.endswith("word…")


def test_two_threads_make_one_session():
    first = Session(
        "codex", "s", usage={"m": TokenCounts(1, 2), "n": TokenCounts(5)}, cwd="/a", lines=3, keys=frozenset({1})
    )
    second = Session(
        "codex", "s", usage={"m": TokenCounts(10, None, 4)}, cwd="/b", branch="main", lines=4, broken_lines=1
    )
    both = first.joined(second)
    assert both.usage == {"m": TokenCounts(11, 2, 4), "n": TokenCounts(5)}
    assert (both.cwd, both.branch, both.lines, both.broken_lines, both.keys) == ("/a", "main", 7, 1, {1})
    assert both.tokens == TokenCounts(16, 2, 4)


def test_a_secret_at_the_cut_is_masked_whole():
    secret = "ghp_" + "a1B2" * 9
    for before in range(250, 300):
        assert "ghp_" not in opening("x" * before + " " + secret + " " + "y" * 300)
