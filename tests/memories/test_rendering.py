"""Markdown becomes HTML that no text can turn against the reader."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.rendering import rendered

PIECES = [
    "<",
    ">",
    "script",
    "[[",
    "]]",
    "|",
    "](",
    "javascript:",
    "data:",
    "`",
    "\n",
    "![",
    '"',
    "'",
    "onerror=",
    "a",
    "&lt;",
    "<img src=x>",
]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** and `code`", "<p><strong>bold</strong> and <code>code</code></p>\n"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("[x](https://example.com)", '<p><a href="https://example.com" rel="noopener noreferrer nofollow">x</a></p>\n'),
        ("[[Known]]", '<p><a class="wikilink" href="/known" rel="noopener noreferrer nofollow">Known</a></p>\n'),
        (
            "[[  KNOWN |these words]]",
            '<p><a class="wikilink" href="/known" rel="noopener noreferrer nofollow">these words</a></p>\n',
        ),
        ("`[[Known]]`", "<p><code>[[Known]]</code></p>\n"),
        ("[[<b>]]", '<p><span class="link-waiting" title="No memory has this title yet">&lt;b&gt;</span></p>\n'),
        ("[[]] [[", "<p>[[]] [[</p>\n"),
        ("", ""),
    ],
)
def test_markdown(text, html):
    assert rendered(text, {"known": "/known"}.get) == html


def test_pictures_are_not_fetched_from_where_a_text_points():
    assert "<img" not in rendered("![x](https://tracker.example/x.png)")


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=30).map("".join))
def test_no_text_makes_a_script_an_event_handler_or_a_foreign_scheme(text):
    html = rendered(text, lambda key: "/somewhere")
    tags = re.findall(r"<[^>]*>", html)
    assert not [
        tag for tag in tags if re.match(r"</?(script|img|iframe|style|object|svg|form|input)\b", tag, re.IGNORECASE)
    ]
    assert not [tag for tag in tags if re.search(r"\son\w+\s*=", tag)]
    assert not [
        href
        for href in re.findall(r'href="([^"]*)"', html)
        if re.match(r"\s*(javascript|data|vbscript):", href, re.IGNORECASE)
    ]
