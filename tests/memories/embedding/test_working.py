"""The embedding queue: leases, versions, failures."""

from datetime import timedelta

from django.utils import timezone

from memories.embedding import working
from memories.embedding.queue import queue_all
from memories.models import EmbeddingSpace, Memory, PassageVector, PendingEmbedding


def test_what_waits_is_embedded_once(collaborator, app, save, embed_all):
    memory = save(collaborator, app, "A", "First sentence about boats. Second one about trains that are late.")
    assert (embed_all(), embed_all()) == (1, 0)
    assert PendingEmbedding.objects.count() == 0
    assert memory.vectors.count() == len(set(memory.vectors.values_list("position", flat=True))) >= 1


def test_a_claimed_memory_is_not_claimed_again_until_its_lease_ends(collaborator, app, save):
    save(collaborator, app, "A")
    space = EmbeddingSpace.objects.answering()
    assert len(working._claim(space)) == 1
    assert working._claim(space) == []
    PendingEmbedding.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert len(working._claim(space)) == 1


def test_vectors_of_a_text_that_changed_meanwhile_are_thrown_away(collaborator, app, save, embed_all):
    memory = save(collaborator, app, "A", "old text")
    space = EmbeddingSpace.objects.answering()
    claims = working._claim(space)
    save(collaborator, app, "A", "new text")
    vectors = working._vectors(space, claims)
    assert working._store(space, claims, vectors) == 0
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
    claims = working._claim(space)
    by_id = {claim.memory_id: claim for claim in claims}
    working._put_back(space, [by_id[bad.pk]], "refused")
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
        claims = working._claim(space)
        working._put_back(space, claims, "refused")
        pauses.append(round((PendingEmbedding.objects.get().not_before - timezone.now()).total_seconds()))
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]
    assert working.failed_again_later(space) == 1
    assert PendingEmbedding.objects.get().attempts == 0


def test_many_vectors_are_stored_in_parts(collaborator, app, save, embed_all, monkeypatch):
    """A statement takes a bounded number of values; a memory of a mebibyte has thousands of passages."""
    monkeypatch.setattr(working, "VECTORS_A_STATEMENT", 2)
    memory = save(
        collaborator, app, "Long", " ".join(f"Sentence {number} about boats and trains." for number in range(200))
    )
    [claim] = working._claim(EmbeddingSpace.objects.answering())
    assert len(claim.passages) > 4
    working._put_back(EmbeddingSpace.objects.answering(), [claim], "later")
    PendingEmbedding.objects.update(not_before=timezone.now())
    assert embed_all() == 1
    assert list(memory.vectors.order_by("position").values_list("position", flat=True)) == list(
        range(len(claim.passages))
    )
