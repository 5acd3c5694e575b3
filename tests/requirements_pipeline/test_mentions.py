"""Finding @mentions in Markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requirements_pipeline.mentions import MENTIONS_AT_MOST, mentioned_members, mentioned_names
from tests.conftest import make_person


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@Carl, please", ["carl"]),
        ("Ask @carl.", ["carl.", "carl"]),
        ("(@carl) @olga: @Carl", ["carl", "olga"]),
        ("write to carl@example.com or a/@scope", []),
        ("`@carl` and ``@olga`` but @sven", ["sven"]),
        ("```\n@carl\n```\n@olga\n~~~py\n@sven", ["olga"]),
        ("@ @@ @.", []),
        ("**@jo.ann-x_1**", ["jo.ann-x_1"]),
        ("@" + "x" * 151, []),
    ],
)
def test_names_are_found_in_prose_alone(text, names):
    assert [name for name in mentioned_names(text) if name.strip("@.")] == names


@given(st.lists(st.from_regex(r"[a-z0-9_][a-z0-9_.+-]{0,20}[a-z0-9_]", fullmatch=True), max_size=10), st.data())
def test_every_name_between_other_words_is_found(names, data):
    gap = st.sampled_from([" ", ", ", "\n", ") (", "; ", "! "])
    text = "".join(f"{data.draw(gap)}@{name}{data.draw(gap)}" for name in names)
    assert mentioned_names(text) == list(dict.fromkeys(names))


@given(st.text(alphabet="@ab.`~\n -+/é😀", max_size=300))
def test_any_text_is_read(text):
    names = mentioned_names(text)
    assert len(names) == len(set(names)) <= 2 * MENTIONS_AT_MOST
    assert all(name and name in text.lower() for name in names)


def test_members_who_see_the_project_are_meant(owner, collaborator, stranger, app):
    dotted = make_person("jo.", "guest", app).member
    text = "@olga @CARL @sven @nobody @jo."
    assert mentioned_members(app, text) == [collaborator.member, dotted, owner.member]
    assert mentioned_members(app, "nobody") == []
