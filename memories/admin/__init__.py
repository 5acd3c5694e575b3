"""Memories, their types and their embeddings in the admin."""

from memories.admin.embeddings import EmbeddingSpaceAdmin, PendingEmbeddingAdmin
from memories.admin.memory import MemoryAdmin
from memories.admin.types import MemoryTypeAdmin

__all__ = ["EmbeddingSpaceAdmin", "MemoryAdmin", "MemoryTypeAdmin", "PendingEmbeddingAdmin"]
