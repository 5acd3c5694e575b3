"""Edits of foreign JSON: only what is meant changes, and taking it out again gives the same bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zikra_client.json_editing import (
    NotReadable,
    read,
    value_at,
    with_element,
    with_member,
    without_elements,
    without_member,
)

COMMENTED = """{
    // theirs
    "theme": "dark", /* keep */
    "hooks": {
        "Stop": [
            {"command": "theirs.sh"}, // a comma and a comment
        ],
    },
}
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4).filter(lambda held: "zikra" not in held)


@given(VALUES, st.sampled_from([None, 1, 2, 4, "\t"]))
def test_what_json_writes_is_read_as_it_was(value, indent):
    assert read(json.dumps(value, indent=indent)).value == value


def test_comments_and_last_commas_are_understood():
    assert read(COMMENTED).value == {"theme": "dark", "hooks": {"Stop": [{"command": "theirs.sh"}]}}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1', "line 1, column 8"),
        ('{"a" 1}', "line 1, column 2"),
        ("{\n  a: 1}", "line 2, column 3"),
        ("[1] x", "line 1, column 5"),
        ("[" * 200, "line 1, column 102"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text, where):
    with pytest.raises(NotReadable, match=where):
        read(text)


@given(OBJECTS, VALUES, st.sampled_from([None, 2, 4, "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_a_member_goes_in_and_out_again(held, value, indent, newline):
    text = json.dumps(held, indent=indent).replace("\n", newline) + newline
    changed = with_member(text, ("zikra",), value)
    assert json.loads(changed) == {**held, "zikra": value}
    assert without_member(changed, ("zikra",)) == (text if held else "{}" + newline)


@given(OBJECTS)
def test_objects_on_the_way_are_made_and_go_with_it(held):
    text = json.dumps(held, indent=2)
    changed = with_member(text, ("zikra", "deep", "er"), {"on": True})
    assert json.loads(changed) == {**held, "zikra": {"deep": {"er": {"on": True}}}}
    assert without_member(changed, ("zikra", "deep", "er")) == text


def test_an_element_joins_a_commented_list_and_leaves_no_trace():
    ours = {"command": "zikra-hook"}
    changed = with_element(COMMENTED, ("hooks", "Stop"), ours)
    changed = with_element(changed, ("hooks", "SessionStart"), ours)
    assert read(changed).value["hooks"] == {"Stop": [{"command": "theirs.sh"}, ours], "SessionStart": [ours]}
    for event in ("Stop", "SessionStart"):
        changed = without_elements(changed, ("hooks", event), lambda element: element == ours)
    assert changed == COMMENTED


def test_a_value_is_replaced_in_its_place():
    assert with_member('{"a": 1, "b": 2}', ("a",), [3]) == '{"a": [\n  3\n], "b": 2}'
    assert value_at('{"a": {"b": 2}}', ("a", "b")) == 2
    assert value_at('{"a": {"b": 2}}', ("a", "c")) is None


def test_an_empty_file_becomes_an_object():
    assert json.loads(with_member("", ("zikra",), 1)) == {"zikra": 1}
    assert without_member("{}", ("zikra",)) == "{}"


def test_what_is_no_object_is_left_alone():
    with pytest.raises(NotReadable, match="hooks is no object"):
        with_member('{"hooks": []}', ("hooks", "Stop"), 1)
    with pytest.raises(NotReadable, match="Stop is no list"):
        with_element('{"hooks": {"Stop": 1}}', ("hooks", "Stop"), 1)
