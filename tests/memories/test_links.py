"""Wikilinks: found in text, resolved early and late, never across projects or out of sight."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from memories.links import linked_titles, title_key
from memories.models import MemoryLink
from memories.reading import links_in, links_out, links_waiting
from memories.saving import save_memory


def save(person, project, title, text="", kind="note"):
    return save_memory(person.caller, project, kind, title, content_md=text).memory


def test_titles_in_a_text():
    text = "See [[Retry policy]], [[retry  POLICY|the policy]] and [[Other]]; `[[code]]`\n```sh\n[[ -f x ]]\n```\n[[]] [[a\nb]]"
    assert list(linked_titles(text)) == ["Retry policy", "Other"]


@given(st.text(alphabet="[]|ab \n`~", max_size=400))
def test_any_text_gives_titles_without_brackets_and_each_once(text):
    titles = list(linked_titles(text))
    assert [title for title in titles if "[" in title or "]" in title or "|" in title] == []
    assert len({title_key(title) for title in titles}) == len(titles)


def test_a_link_resolves_at_once_and_a_late_title_picks_its_links_up(collaborator, app):
    old = save(collaborator, app, "Old")
    source = save(collaborator, app, "Source", "[[old]] and [[Future|soon]]")
    assert links_out(collaborator.caller, source) == [old]
    assert links_waiting(source) == ["Future"]
    future = save(collaborator, app, "FUTURE")
    assert links_out(collaborator.caller, source) == [future, old]
    assert links_in(collaborator.caller, future) == [source]
    assert links_waiting(source) == []


def test_where_nothing_waits_for_a_title_no_link_is_written(collaborator, app):
    save_memory(collaborator.caller, app, "note", "Plan", content_md="See [[Nobody wrote this]].")
    with CaptureQueriesContext(connection) as seen:
        save_memory(collaborator.caller, app, "note", "Another", content_md="Plain.")
    asked = [query["sql"].partition(" ")[0] for query in seen.captured_queries if "memories_memorylink" in query["sql"]]
    assert asked == ["SELECT"]


def test_links_follow_the_text(collaborator, app):
    a, b = save(collaborator, app, "A"), save(collaborator, app, "B")
    source = save(collaborator, app, "Source", "[[A]]")
    save(collaborator, app, "Source", "[[B]] [[B]]")
    assert links_out(collaborator.caller, source) == [b]
    assert links_in(collaborator.caller, a) == []
    assert MemoryLink.objects.count() == 1


def test_links_stay_within_a_project(owner, app, secret_project):
    save(owner, secret_project, "Hidden")
    source = save(owner, app, "Source", "[[Hidden]]")
    assert links_out(owner.caller, source) == []
    assert links_waiting(source) == ["Hidden"]


def test_a_memory_does_not_link_to_itself(collaborator, app):
    source = save(collaborator, app, "Source", "[[source]]")
    assert (links_out(collaborator.caller, source), links_waiting(source)) == ([], [])
