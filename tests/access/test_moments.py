"""Times in words."""

from datetime import UTC, datetime, timedelta

import pytest

from access.moments import distance_in_words, length_in_words, relative_time

NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=0), "just now"),
        (timedelta(seconds=44), "just now"),
        (timedelta(seconds=45), "1 minute ago"),
        (timedelta(minutes=2), "2 minutes ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=45), "1 month ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(hours=-3), "in 3 hours"),
    ],
)
def test_distance(passed, words):
    assert distance_in_words(NOW - passed, NOW) == words


def test_length():
    assert length_in_words(timedelta(hours=1)) == "1 hour"


def test_the_exact_moment_stands_beside_the_words():
    html = relative_time(NOW)
    assert 'datetime="2026-11-21T14:05:00+00:00"' in html
    assert 'title="21 Nov 2026, 14:05 UTC"' in html


def test_no_moment_is_a_word():
    assert relative_time(None, empty="not yet") == '<span class="quiet">not yet</span>'
