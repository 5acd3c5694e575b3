"""Memories with real vectors: what the worker would do, done here."""

import pytest

from memories.embedding.working import embed_pending_of
from memories.models import EmbeddingSpace
from memories.saving import save_memory


@pytest.fixture
def embed_all(db):
    """Embed what waits in the answering space, as the worker does."""

    def run() -> int:
        return embed_pending_of(EmbeddingSpace.objects.answering())

    return run


@pytest.fixture
def save(db):
    """Save a memory as a person: `save(person, project, title, text, **fields)`."""

    def run(person, project, title, content_md="", memory_type="note", **fields):
        return save_memory(person.caller, project, memory_type, title, content_md=content_md, **fields).memory

    return run
