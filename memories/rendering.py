"""Memories' markdown as safe HTML: raw HTML is text, links are checked, [[wikilinks]] lead to what they name."""

import re
from collections.abc import Callable, Container
from functools import cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from memories.links import WIKILINK, title_key

# Finds the page of a folded title; None while no memory in sight has it.
LinkResolver = Callable[[str], str | None]

TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
# Pictures are left out: a page must not fetch from where somebody's text points.
ATTRIBUTES = {"a": {"href", "title"}, "span": {"title"}, "ol": {"start"}}
# Django's usernames; one that follows such a character, as in an address of mail, is none.
MENTION = re.compile(r"(?<![\w.@+/-])@([\w.@+-]{1,150})")
# What ends a sentence may also end a username; both readings are tried.
SENTENCE_ENDS = ".-+@"
URL_SCHEMES = {"http", "https", "mailto"}


def rendered(
    text: str, resolve: LinkResolver = lambda key: None, mentioned: Container[str] = frozenset()
) -> SafeString:
    """HTML of a markdown text, safe to put into a page whatever the text holds.

    resolve: the address of the memory with a folded title (see memories.links.title_key), or None. mentioned: folded
    usernames that are marked where the text has an @ before them.
    """
    html = _markdown().render(text, {"resolve": resolve, "mentioned": mentioned})
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=URL_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        allowed_classes={"a": {"wikilink"}, "span": {"link-waiting", "mention"}},
    )
    return mark_safe(clean)  # noqa: S308 - cleaned in the line above


@cache
def _markdown() -> MarkdownIt:
    """CommonMark with tables and ~~strikethrough~~; HTML in the text is escaped, and pictures stay words."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    markdown.inline.ruler.before("link", "wikilink", _wikilink)
    markdown.inline.ruler.before("link", "mention", _mention)
    return markdown


def _mention(state: StateInline, silent: bool) -> bool:
    """@name of a member as a marked word."""
    match = MENTION.match(state.src, state.pos) if state.src[state.pos] == "@" else None
    if match is None:
        return False
    name = next(
        (name for name in (match[1], match[1].rstrip(SENTENCE_ENDS)) if name.lower() in state.env["mentioned"]), ""
    )
    if not name:
        return False
    if not silent:
        state.push("mention_open", "span", 1).attrs = {"class": "mention"}
        state.push("text", "", 0).content = f"@{name}"
        state.push("mention_close", "span", -1)
    state.pos += 1 + len(name)
    return True


def _wikilink(state: StateInline, silent: bool) -> bool:
    """[[Title]] and [[title|words]] as a link, or as words marked as waiting."""
    if not state.src.startswith("[[", state.pos):
        return False
    match = WIKILINK.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        title = " ".join(match[1].split())
        address = state.env["resolve"](title_key(title))
        tag = "a" if address else "span"
        opening = state.push("wikilink_open", tag, 1)
        opening.attrs = (
            {"class": "wikilink", "href": address}
            if address
            else {"class": "link-waiting", "title": "No memory has this title yet"}
        )
        state.push("text", "", 0).content = (match[2] or "").strip() or title
        state.push("wikilink_close", tag, -1)
    state.pos = match.end()
    return True
