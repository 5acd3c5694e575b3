"""The embedding queue: leases, versions, failures."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from memories.chunking import estimated_tokens
from memories.embedding import claims, working
from memories.embedding.claims import Claim
from memories.embedding.providers import Pace
from memories.embedding.queue import queue_all
from memories.embedding.spaces import embedder_of
from memories.models import EmbeddingSpace, Memory, PassageVector, PendingEmbedding, SpaceState


def test_what_waits_is_embedded_once(collaborator, app, save, embed_all):
    memory = save(collaborator, app, "A", "First sentence about boats. Second one about trains that are late.")
    assert (embed_all(), embed_all()) == (1, 0)
    assert PendingEmbedding.objects.count() == 0
    assert memory.vectors.count() == len(set(memory.vectors.values_list("position", flat=True))) >= 1


def test_a_claimed_memory_is_not_claimed_again_until_its_lease_ends(collaborator, app, save):
    save(collaborator, app, "A")
    space = EmbeddingSpace.objects.answering()
    assert len(claims.claim_oldest(space, 32)) == 1
    assert claims.claim_oldest(space, 32) == []
    PendingEmbedding.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert len(claims.claim_oldest(space, 32)) == 1


def test_vectors_of_a_text_that_changed_meanwhile_are_thrown_away(collaborator, app, save, embed_all):
    memory = save(collaborator, app, "A", "old text")
    space = EmbeddingSpace.objects.answering()
    taken = claims.claim_oldest(space, 32)
    save(collaborator, app, "A", "new text")
    vectors = embedder_of(space).embed_passages([p for claim in taken for p in claim.passages])
    assert claims.store(space, taken, vectors) == 0
    assert (PassageVector.objects.count(), memory.pending_embeddings.count()) == (0, 1)
    assert embed_all() == 1


def test_a_deleted_memory_leaves_the_queue_and_gets_no_vectors(owner, app, save, embed_all):
    from memories.deleting import delete_memory

    memory = save(owner, app, "A", "text")
    delete_memory(owner.caller, memory)
    assert (PendingEmbedding.objects.count(), embed_all(), PassageVector.objects.count()) == (0, 0, 0)


def test_embedding_again_replaces_the_vectors(collaborator, app, save, embed_all):
    memory = save(collaborator, app, "A", "text about boats")
    embed_all()
    before = memory.vectors.count()
    assert queue_all(EmbeddingSpace.objects.answering()) == 1
    assert memory.vectors.count() == before
    assert embed_all() == 1
    assert memory.vectors.count() == before


def test_a_text_that_the_embedder_refuses_does_not_hold_up_the_rest(collaborator, app, save, embed_all):
    """A dimension that the space does not have makes PostgreSQL refuse this memory's vectors, and only these."""
    good, bad = save(collaborator, app, "Good", "fine"), save(collaborator, app, "Bad", "broken")
    space = EmbeddingSpace.objects.answering()
    by_id = {claim.memory_id: claim for claim in claims.claim_oldest(space, 32)}
    claims.put_back(space, [by_id[bad.pk]], "refused")
    row = bad.pending_embeddings.get()
    assert (row.attempts, row.last_error, row.not_before > timezone.now()) == (1, "refused", True)
    good.pending_embeddings.update(not_before=timezone.now())
    assert embed_all() == 1
    assert Memory.objects.filter(vectors__isnull=False).distinct().get() == good


def test_pauses_double_up_to_a_bound(collaborator, app, save):
    save(collaborator, app, "A")
    space = EmbeddingSpace.objects.answering()
    pauses = []
    for _ in range(12):
        PendingEmbedding.objects.update(not_before=timezone.now())
        claims.put_back(space, claims.claim_oldest(space, 32), "refused")
        pauses.append(round((PendingEmbedding.objects.get().not_before - timezone.now()).total_seconds()))
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]


def test_each_passage_keeps_its_vector_at_its_place(collaborator, app, save):
    memory = save(
        collaborator, app, "Long", " ".join(f"Sentence {number} about boats and trains." for number in range(80))
    )
    space = EmbeddingSpace.objects.answering()
    [claim] = claims.claim_oldest(space, 32)
    assert len(claim.passages) > 4
    vectors = np.random.default_rng(7723).normal(size=(len(claim.passages), 384)).astype(np.float32)

    assert claims.store(space, [claim], vectors) == 1
    kept = memory.vectors.order_by("position").values_list("position", "embedding", "project")
    assert [position for position, _, _ in kept] == list(range(len(claim.passages)))
    stored = np.array([embedding for _, embedding, _ in kept], dtype=np.float16)
    np.testing.assert_array_equal(stored, vectors.astype(np.float16))
    assert {project for _, _, project in kept} == {app.pk}


# --- what comes next -------------------------------------------------------------------------------------------------


def long_waiting(*memories: Memory) -> None:
    """Let memories wait since an hour ago."""
    rows = PendingEmbedding.objects.filter(memory__in=memories)
    rows.update(queued_at=timezone.now() - timedelta(hours=1))


def in_the_order_stored() -> list[str]:
    """Titles of memories, the first embedded first."""
    titles = PassageVector.objects.order_by("pk").values_list("memory__title", flat=True)
    return list(dict.fromkeys(titles))


def test_what_was_just_saved_passes_what_has_long_waited(collaborator, app, save, embed_all):
    backlog = [save(collaborator, app, f"Old {number}", f"Old text number {number}.") for number in range(12)]
    long_waiting(*backlog)
    save(collaborator, app, "New", "The ferry leaves at nine.")
    assert embed_all() == 13
    assert in_the_order_stored() == ["New", *[memory.title for memory in backlog]]


def test_what_is_saved_while_others_are_embedded_passes_them(collaborator, app, save, embed_all, monkeypatch):
    """The backlog has been taken when the save comes, and most of its turns are still to begin."""
    backlog = [save(collaborator, app, f"Old {number}", f"Old text number {number}.") for number in range(24)]
    long_waiting(*backlog)
    claim = working.claim_oldest

    def claim_and_save(*asked, **bounds):
        taken = claim(*asked, **bounds)
        save(collaborator, app, "New", "The ferry leaves at nine.")
        return taken

    monkeypatch.setattr(working, "claim_oldest", claim_and_save)
    assert embed_all() == 25
    assert in_the_order_stored()[0] == "New"


def test_a_long_memory_does_not_hold_up_what_is_saved_with_it(collaborator, app, save, embed_all, monkeypatch):
    monkeypatch.setattr(working, "FRESH_PASSAGES", 2)
    save(collaborator, app, "Short", "The ferry leaves at nine.")
    long = save(
        collaborator, app, "Long", " ".join(f"Sentence {number} about boats and trains." for number in range(40))
    )
    assert embed_all() == 2
    assert long.vectors.count() > working.FRESH_PASSAGES
    assert in_the_order_stored() == ["Short", "Long"]


def test_of_what_is_fresh_no_more_is_taken_before_others_than_a_batch_holds(
    collaborator, app, save, embed_all, monkeypatch
):
    """The others come next, in their order, and before what was taken of the backlog already."""
    monkeypatch.setattr(working, "FRESH_BATCH_PASSAGES", 2)
    monkeypatch.setattr(working, "BATCH_MEMORIES", 1)
    monkeypatch.setattr(working, "pace_of", lambda provider: Pace(passages=1, tokens=100, turns=1))
    long_waiting(save(collaborator, app, "Old", "Old text."))
    for number in range(5):
        save(collaborator, app, f"New {number}", f"New text number {number}.")
    claimed = []
    claim = working.claim_fresh
    monkeypatch.setattr(working, "claim_fresh", lambda *asked: claimed.append(taken := claim(*asked)) or taken)
    assert embed_all() == 6
    assert [len(taken) for taken in claimed if taken] == [5]
    assert in_the_order_stored() == ["New 4", "New 3", "New 2", "New 1", "New 0", "Old"]


def test_an_empty_backlog_is_asked_for_once_in_four_turns_of_a_storm(collaborator, app, save, monkeypatch):
    monkeypatch.setattr(working, "pace_of", lambda provider: Pace(passages=1, tokens=100, turns=1))
    for number in range(12):
        save(collaborator, app, f"New {number}", f"New text number {number}.")
    asked = []
    claim = working.claim_oldest
    monkeypatch.setattr(
        working, "claim_oldest", lambda *space, **bounds: asked.append(space) or claim(*space, **bounds)
    )
    with ThreadPoolExecutor(1) as beside:
        work = working._Work([EmbeddingSpace.objects.answering()], beside, 1)
        for _turn in range(12):
            work._most_urgent().begun += 1
    assert len(asked) == 3


def test_the_next_turn_is_ready_before_the_embedder_has_done_the_last(collaborator, app, save, embed_all, monkeypatch):
    """One thread embeds; while it is at the first memory the second one is taken."""
    monkeypatch.setattr(working, "pace_of", lambda provider: Pace(passages=1, tokens=100, turns=1))
    monkeypatch.setattr(working, "FRESH_MEMORIES", 1)
    for number in range(2):
        save(collaborator, app, f"Memory {number}", f"Text number {number}.")
    both_taken = Barrier(2, timeout=20)
    claim, embed = working.claim_fresh, working._vectors
    met = []

    def claim_and_tell(*asked):
        taken = claim(*asked)
        if taken and taken[0].passages[0].startswith("Memory 0"):
            met.append(both_taken.wait())
        return taken

    def embed_when_both_are_taken(space, texts):
        if texts[0].startswith("Memory 1"):
            met.append(both_taken.wait())
        return embed(space, texts)

    monkeypatch.setattr(working, "claim_fresh", claim_and_tell)
    monkeypatch.setattr(working, "_vectors", embed_when_both_are_taken)
    assert embed_all() == 2
    assert sorted(met) == [0, 1]


def test_while_more_is_saved_than_embedded_every_fourth_turn_is_for_the_oldest(
    collaborator, app, save, embed_all, monkeypatch
):
    old = [save(collaborator, app, f"Old {number}", f"Old text number {number}.") for number in range(2)]
    long_waiting(*old)
    for number in range(7):
        save(collaborator, app, f"New {number}", f"New text number {number}.")
    monkeypatch.setattr(working, "pace_of", lambda provider: Pace(passages=1, tokens=100, turns=1))
    begun = []
    embed = working._vectors
    monkeypatch.setattr(working, "_vectors", lambda space, texts: begun.append(texts[0][:3]) or embed(space, texts))
    assert embed_all() == 9
    assert begun == ["New", "New", "New", "Old", "New", "New", "New", "Old", "New"]


def test_what_is_fresh_is_taken_newest_first_and_nothing_old_with_it(collaborator, app, save):
    memories = [save(collaborator, app, f"Memory {number}") for number in range(4)]
    long_waiting(memories[0])
    space = EmbeddingSpace.objects.answering()
    assert [claim.memory_id for claim in claims.claim_fresh(space, 2)] == [memories[3].pk, memories[2].pk]
    assert [claim.memory_id for claim in claims.claim_fresh(space, 2)] == [memories[1].pk]
    assert claims.claim_fresh(space, 2) == []
    assert [claim.memory_id for claim in claims.claim_oldest(space, 4, fresh_too=False)] == [memories[0].pk]


def test_a_save_passes_the_building_of_a_new_space(collaborator, app, save, embed_all):
    for number in range(12):
        save(collaborator, app, f"Old {number}", f"Old text number {number}.")
    embed_all()
    old = EmbeddingSpace.objects.answering()
    new = EmbeddingSpace.objects.create(
        provider="embedded", model=old.model, dimensions=old.dimensions, url="again", state=SpaceState.BUILDING
    )
    queue_all(new)
    claim = working.claim_oldest

    def claim_and_save(*asked, **bounds):
        taken = claim(*asked, **bounds)
        save(collaborator, app, "New", "The ferry leaves at nine.")
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(working, "claim_oldest", claim_and_save)
        assert working.embed_pending_of(old, new) == 14
    stored = PassageVector.objects.order_by("pk").values_list("space_id", "memory__title")
    assert list(dict.fromkeys(stored))[12] == (old.pk, "New")


def test_a_lease_begins_anew_when_its_turn_comes(collaborator, app, save):
    save(collaborator, app, "A")
    space = EmbeddingSpace.objects.answering()
    taken = claims.claim_oldest(space, 32)
    PendingEmbedding.objects.update(not_before=timezone.now())
    claims.renew_lease(space, taken)
    assert claims.claim_oldest(space, 32) == []


@pytest.mark.parametrize(("renewed_after", "renewed"), [(0.0, 1), (3600.0, 0)])
def test_a_batch_that_has_waited_has_its_lease_renewed(
    collaborator, app, save, embed_all, monkeypatch, renewed_after, renewed
):
    long_waiting(save(collaborator, app, "A"))
    monkeypatch.setattr(working, "RENEWED_AFTER_SECONDS", renewed_after)
    renewals = []
    renew = working.renew_lease
    monkeypatch.setattr(working, "renew_lease", lambda space, taken: renewals.append(taken) or renew(space, taken))
    assert (embed_all(), len(renewals)) == (1, renewed)


def test_a_space_whose_embedder_is_away_does_not_stop_the_other(collaborator, app, save, embed_all):
    """An endpoint that nobody answers at; what was taken of its space waits for it, uncounted."""
    for number in range(3):
        save(collaborator, app, f"Memory {number}", f"Text number {number}.")
    away = EmbeddingSpace.objects.create(
        provider="openai", model="away", dimensions=64, url="http://127.0.0.1:9", state=SpaceState.BUILDING
    )
    queue_all(away)
    long_waiting(*Memory.objects.all())
    assert working.embed_pending_of(away, EmbeddingSpace.objects.answering()) == 3
    rows = away.pending.all()
    assert {(row.attempts, row.last_error[:29], row.not_before > timezone.now()) for row in rows} == {
        (0, "The embedding endpoint failed", True)
    }
    assert len(rows) == 3


@pytest.mark.django_db(transaction=True)
def test_one_process_of_a_machine_embeds_at_a_time(collaborator, app, save):
    save(collaborator, app, "A", "The ferry leaves at nine.")
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", working.machine_lock())
    assert (working.embed_pending_alone(), PendingEmbedding.objects.count()) == (0, 1)
    other.close()
    assert (working.embed_pending_alone(), PendingEmbedding.objects.count()) == (1, 0)


claims_of_passages = st.lists(
    st.lists(st.text("ab .", min_size=1, max_size=300), min_size=1, max_size=6).map(
        lambda passages: Claim(memory_id=None, version=1, passages=passages)
    ),
    max_size=12,
)


@given(taken=claims_of_passages, passages=st.integers(1, 5), tokens=st.integers(1, 200))
def test_turns_keep_every_passage_in_its_place_and_stay_within_the_pace(taken, passages, tokens):
    turns = working._turns(taken, Pace(passages, tokens, turns=1))
    assert [text for turn in turns for text in turn] == [text for claim in taken for text in claim.passages]
    for turn in turns:
        assert 1 <= len(turn) <= passages
        assert len(turn) == 1 or sum(map(estimated_tokens, turn)) <= tokens


@given(taken=claims_of_passages, most=st.integers(1, 12))
def test_batches_keep_every_memory_in_its_place_and_stay_small(taken, most):
    space = EmbeddingSpace(provider="embedded")
    batches = list(working._batches(space, taken, most))
    assert [claim for batch in batches for claim in batch.claims] == taken
    for batch in batches:
        assert len(batch.claims) == 1 or sum(len(claim.passages) for claim in batch.claims) <= most
