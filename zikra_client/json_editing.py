"""Edits of other programs' JSON files that touch only what is meant: comments, order, blanks and line ends stay.

Comments and commas after the last value are understood, as editors and agents allow them in their settings.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

BLANK = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
WORD = re.compile(r'"(?:[^"\\\n]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')
DEEPEST = 100


class NotReadable(ValueError):
    """The text is no JSON; says where."""


class Node(NamedTuple):
    """A value and where it stands. members: of an object, each with where its key begins; elements: of a list."""

    start: int
    end: int
    value: Any
    members: tuple[tuple[str, int, Node], ...] = ()
    elements: tuple[Node, ...] = ()


def read(text: str) -> Node:
    """The value of a whole text. Raises NotReadable; an empty text is an empty object."""
    if not text.strip("\ufeff \t\r\n"):
        return Node(len(text), len(text), {})
    start = _blank(text, 0)
    node = _value(text, start, 0)
    rest = _blank(text, node.end)
    if rest != len(text):
        raise _problem(text, rest)
    return node


def with_member(text: str, path: tuple[str, ...], value: Any) -> str:
    """The text with `value` at a path of keys, in place of what stands there; objects on the way are made."""
    node, depth = _deepest(text, path)
    if depth == len(path):
        indent = _indent_of(text, node.start)
        return text[: node.start] + _as_text(value, text, indent) + text[node.end :]
    missing = path[depth:]
    for key in reversed(missing[1:]):
        value = {key: value}
    return _inserted(text, node, missing[0], value)


def with_element(text: str, path: tuple[str, ...], value: Any) -> str:
    """The text with `value` as the last element of the list at a path; the list is made when it is missing."""
    node, depth = _deepest(text, path)
    if depth < len(path):
        return with_member(text, path, [value])
    if not isinstance(node.value, list):
        raise NotReadable(f"{'.'.join(path)} is no list")
    return _inserted(text, node, None, value)


def without_member(text: str, path: tuple[str, ...]) -> str:
    """The text without the member at a path, and without objects and lists on the way that are empty then."""
    _node, depth = _deepest(text, path)
    if depth < len(path):
        return text
    parent, _ = _deepest(text, path[:-1])
    spans = [(start, member.end) for _, start, member in parent.members]
    place = next(place for place, (key, _, _) in enumerate(parent.members) if key == path[-1])
    return _pruned(_cut(text, parent, spans, place), path[:-1])


def without_elements(text: str, path: tuple[str, ...], is_ours: Any) -> str:
    """The text without the elements of the list at a path that `is_ours` (value -> bool) says so of."""
    while True:
        node, depth = _deepest(text, path)
        if depth < len(path) or not isinstance(node.value, list):
            return text
        place = next((place for place, element in enumerate(node.elements) if is_ours(element.value)), None)
        if place is None:
            return text
        spans = [(element.start, element.end) for element in node.elements]
        text = _pruned(_cut(text, node, spans, place), path)


def value_at(text: str, path: tuple[str, ...]) -> Any:
    """What stands at a path of keys; None when nothing does."""
    node, depth = _deepest(text, path)
    return node.value if depth == len(path) else None


# --- reading ---------------------------------------------------------------------------------------------------------


def _blank(text: str, at: int) -> int:
    found = BLANK.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Node:
    if depth > DEEPEST:
        raise _problem(text, at)
    if text[at : at + 1] == "{":
        return _object(text, at, depth)
    if text[at : at + 1] == "[":
        return _list(text, at, depth)
    word = WORD.match(text, at)
    if not word:
        raise _problem(text, at)
    try:
        return Node(at, word.end(), json.loads(word.group()))
    except ValueError:
        raise _problem(text, at) from None


def _object(text: str, start: int, depth: int) -> Node:
    members: list[tuple[str, int, Node]] = []
    at = _blank(text, start + 1)
    while text[at : at + 1] != "}":
        key = WORD.match(text, at)
        colon = _blank(text, key.end()) if key else at
        if not key or not key.group().startswith('"') or text[colon : colon + 1] != ":":
            raise _problem(text, at)
        value = _value(text, _blank(text, colon + 1), depth + 1)
        members.append((json.loads(key.group()), at, value))
        at = _next(text, value.end, "}")
    return Node(start, at + 1, {key: member.value for key, _, member in members}, members=tuple(members))


def _list(text: str, start: int, depth: int) -> Node:
    elements: list[Node] = []
    at = _blank(text, start + 1)
    while text[at : at + 1] != "]":
        element = _value(text, at, depth + 1)
        elements.append(element)
        at = _next(text, element.end, "]")
    return Node(start, at + 1, [element.value for element in elements], elements=tuple(elements))


def _next(text: str, end: int, close: str) -> int:
    """Where the next member or the closing sign stands."""
    at = _blank(text, end)
    if text[at : at + 1] == ",":
        return _blank(text, at + 1)
    if text[at : at + 1] != close:
        raise _problem(text, at)
    return at


def _problem(text: str, at: int) -> NotReadable:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return NotReadable(f"line {line}, column {column} is no JSON")


# --- writing ---------------------------------------------------------------------------------------------------------


def _deepest(text: str, path: tuple[str, ...]) -> tuple[Node, int]:
    """The value at a path, or the last one on the way that is there, and how many keys led to it."""
    node = read(text)
    for depth, key in enumerate(path):
        if not isinstance(node.value, dict):
            raise NotReadable(f"{'.'.join(path[:depth]) or 'the whole'} is no object")
        # Of a key that stands twice the last one counts, as it does for who reads the file.
        found = next((member for name, _, member in reversed(node.members) if name == key), None)
        if found is None:
            return node, depth
        node = found
    return node, len(path)


def _inserted(text: str, node: Node, key: str | None, value: Any) -> str:
    """The text with one more member (or element, without a key) at the end of an object (or list)."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if node.start == node.end:
        whole = {key: value} if key is not None else [value]
        return text + json.dumps(whole, indent=2, ensure_ascii=False).replace("\n", newline) + newline
    starts = [start for _, start, _ in node.members] or [element.start for element in node.elements]
    ends = [member.end for _, _, member in node.members] or [element.end for element in node.elements]
    outer = _indent_of(text, node.start)
    is_flat = bool(starts) and "\n" not in text[node.start : starts[0]]
    inner = outer + _step(text) if not starts or is_flat else _indent_of(text, starts[0])
    label = "" if key is None else json.dumps(key, ensure_ascii=False) + ": "
    if is_flat:
        return text[: ends[-1]] + ", " + label + json.dumps(value, ensure_ascii=False) + text[ends[-1] :]
    written = newline + inner + label + _as_text(value, text, inner)
    if starts:
        return text[: ends[-1]] + "," + written + text[ends[-1] :]
    return text[: node.start + 1] + written + newline + outer + text[node.end - 1 :]


def _cut(text: str, parent: Node, spans: list[tuple[int, int]], place: int) -> str:
    """The text without one of the spans inside a parent, and without the comma that it needed."""
    start, end = spans[place]
    if place:
        return text[: spans[place - 1][1]] + text[end:]
    if len(spans) > 1:
        return text[:start] + text[spans[1][0] :]
    return text[: parent.start + 1] + text[parent.end - 1 :]


def _pruned(text: str, path: tuple[str, ...]) -> str:
    """The text without what is empty now at a path; the outermost object stays."""
    while path:
        node, depth = _deepest(text, path)
        if depth < len(path) or node.value not in ({}, []):
            return text
        parent, _ = _deepest(text, path[:-1])
        place = next(place for place, (key, _, _) in enumerate(parent.members) if key == path[-1])
        text = _cut(text, parent, [(start, member.end) for _, start, member in parent.members], place)
        path = path[:-1]
    return text


def _as_text(value: Any, text: str, indent: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = json.dumps(value, indent=_step(text), ensure_ascii=False).split("\n")
    return (newline + indent).join(lines)


def _indent_of(text: str, at: int) -> str:
    """The blanks that the line of a place begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _step(text: str) -> str:
    """By what the file indents: its first indented line's blanks, else two."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found.group(1) if found else "  "
