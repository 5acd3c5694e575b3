"""The keyword index: terms of common words are counted ahead, by project."""

import pytest
from django.db import connection

from memories import postings
from memories import search as searching
from memories.analysis import analyse, term_key
from memories.models import CommonTerm, Posting
from memories.postings import count_common_terms
from memories.search import search


@pytest.fixture
def few_are_common(monkeypatch):
    """Three memories make a term common."""
    monkeypatch.setattr(postings, "COMMON_FROM", 3)


def key(word: str) -> int:
    (term,) = analyse(word)
    return term_key(term)


def test_a_posting_knows_its_memorys_length(collaborator, app, save):
    memory = save(collaborator, app, "Badger", "badgers dig and badgers sleep")
    memory.refresh_from_db()
    lengths = set(Posting.objects.filter(memory=memory).values_list("length", flat=True))
    assert lengths == {memory.term_count}
    assert (
        Posting.objects.get(memory=memory, term_key=key("badger")).frequency == 4
    )  # two of the title's weight, two of the text


def test_common_terms_are_counted_by_project(owner, app, secret_project, save, few_are_common):
    for number in range(3):
        save(owner, app, f"A{number}", "walrus")
    for number in range(4):
        save(owner, secret_project, f"B{number}", "walrus")
    count_common_terms()
    counted = (
        CommonTerm.objects.filter(term_key=key("walrus")).order_by("project").values_list("project__name", "documents")
    )
    assert list(counted) == [("app", 3), ("skunkworks", 4)]
    assert count_common_terms() == count_common_terms()


def test_counting_changes_no_order_and_nothing_out_of_scope(
    collaborator, owner, app, secret_project, save, few_are_common
):
    for number in range(5):
        save(owner, app, f"Walrus {number}", "walrus " * (number + 1) + "zebra" * (number == 3))
    save(owner, secret_project, "Theirs", "walrus zebra")
    before = [(result.memory.title, result.score) for result in search(collaborator.caller, "walrus zebra").results]
    count_common_terms()
    after = [(result.memory.title, result.score) for result in search(collaborator.caller, "walrus zebra").results]
    assert [title for title, _ in after] == [title for title, _ in before]
    assert [score for _, score in after] == pytest.approx([score for _, score in before], abs=1e-6)


@pytest.mark.parametrize("exact_up_to", [0, 10**9])
def test_a_narrow_filter_loses_no_neighbour_with_or_without_the_vector_index(
    owner, app, save, embed_all, monkeypatch, exact_up_to
):
    for number in range(60):
        save(owner, app, f"Cake {number}", f"bake the cake for {number} minutes")
    for number in range(3):
        save(owner, app, f"Law {number}", f"paragraph {number} of the tax law", memory_type="schema")
    embed_all()
    monkeypatch.setattr(searching, "EXACT_MEMORIES", exact_up_to)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    found = search(owner.caller, "how long does baking take?", memory_types=["schema"]).results
    assert sorted(result.memory.title for result in found) == ["Law 0", "Law 1", "Law 2"]
