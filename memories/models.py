"""Memories, their types, versions and links, and the two indexes that find them: postings and vectors."""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connections, models
from django.db.models.functions import Now
from django.utils import timezone
from pgvector.django import HalfVectorField
from simple_history.models import HistoricalRecords

from access.first_row import first_row
from access.models import Project
from memories import decay
from memories.identifiers import ids_in, time_ordered_uuid

if TYPE_CHECKING:
    from access.callers import Caller

TITLE_LENGTH = 500
CONTENT_BYTES = 1024 * 1024
NAME_LENGTH = 200
TAG_LENGTH = 100
TAGS_AT_MOST = 50
# Whoever pastes a page of text looks for its first words.
WORDS_AT_MOST = 12


class MemoryTypeQuerySet(models.QuerySet["MemoryType"]):
    """Questions about types."""

    def named(self, name: str) -> "MemoryType | None":
        """The type of exactly this name. Every save asks it."""
        return first_row(self.model, "FROM memories_memorytype WHERE name = %s", [name], self.db)


class MemoryType(models.Model):
    """A kind of memory and how it fades. Owners edit these rows and add to them."""

    name = models.SlugField(primary_key=True, max_length=40)
    label = models.CharField(max_length=80)
    half_life_days = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.1)],
        help_text="Days until confidence halves; empty: it never fades.",
    )
    floor = models.FloatField(
        default=decay.DEFAULT_FLOOR,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Confidence never falls below this.",
    )
    colour = models.CharField(
        max_length=7,
        default="#6b7280",
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour is written like #3b82f6.")],
    )

    objects = MemoryTypeQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(half_life_days=None) | models.Q(half_life_days__gt=0), name="half_life_is_positive"
            ),
            models.CheckConstraint(condition=models.Q(floor__gte=0, floor__lte=1), name="floor_is_a_share"),
        ]

    def __str__(self) -> str:
        return self.label


# What every save asks is written in SQL: composing it from the models took longer than answering it.
AT_ADDRESS = """
FROM memories_memory WHERE project_id = %s AND memory_type_id = %s AND title = %s AND deleted_at IS NULL FOR UPDATE
"""
WAITING_LINKS = """SELECT link.id FROM memories_memorylink AS link JOIN memories_memory AS source ON source.id = link.source_id
WHERE link.target_id IS NULL AND link.target_key = %s AND source.project_id = %s AND source.id <> %s
"""


class MemoryQuerySet(models.QuerySet["Memory"]):
    """Questions about memories, in the words of the domain."""

    def locked_at(self, address: "Memory") -> "Memory | None":
        """The memory that has another one's project, type and title, locked until the transaction ends."""
        found = first_row(self.model, AT_ADDRESS, [address.project_id, address.memory_type_id, address.title], self.db)
        if found is not None:
            found.project, found.memory_type = address.project, address.memory_type
        return found

    def has(self, key: uuid.UUID) -> bool:
        """Whether there is a memory of this id, deleted ones too."""
        with connections[self.db].cursor() as cursor:
            cursor.execute("SELECT FROM memories_memory WHERE id = %s", [key])
            return cursor.fetchone() is not None

    def visible_to(self, caller: "Caller") -> Self:
        """Memories in the caller's scope that are not deleted."""
        kept = self.filter(deleted_at=None)
        return kept if caller.project_ids is None else kept.filter(project_id__in=caller.project_ids)

    def deleted_visible_to(self, caller: "Caller") -> Self:
        """Deleted memories in the caller's scope: what restoring can bring back."""
        deleted = self.filter(deleted_at__isnull=False)
        return deleted if caller.project_ids is None else deleted.filter(project_id__in=caller.project_ids)

    def restorable_by(self, caller: "Caller") -> Self:
        """Memories in the caller's scope, deleted ones too: the sight of those who may restore."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)

    def within(self, project_ids: list[int] | None) -> Self:
        """Memories of these projects; None for no bound."""
        return self if project_ids is None else self.filter(project_id__in=project_ids)

    def live(self) -> Self:
        """Neither deleted nor archived: what search finds."""
        return self.filter(deleted_at=None, archived_at=None)

    def of_type(self, *names: str) -> Self:
        """Memories of these types."""
        return self.filter(memory_type_id__in=names)

    def titled(self, title: str) -> Self:
        """Memories with exactly this title."""
        return self.filter(title=title)

    def called(self, name: str, folded: str) -> Self:
        """Memories of this id, or exactly of this title. folded: the same title folded, see memories/links.py."""
        return self.filter(models.Q(title_key=folded) | models.Q(pk__in=ids_in(name)))

    def saying(self, words: str) -> Self:
        """Memories that hold every word in title, text or resolution, read one by one: for a few hundred of them."""
        found = self
        for word in words.replace("\x00", " ").split()[:WORDS_AT_MOST]:
            found = found.filter(
                models.Q(title__icontains=word)
                | models.Q(content_md__icontains=word)
                | models.Q(resolution__icontains=word)
            )
        return found

    def pinned(self) -> Self:
        """Memories that a person pinned."""
        return self.filter(pinned_at__isnull=False)

    def with_confidence(self) -> Self:
        """Each memory with `confidence_now`, computed by PostgreSQL at this moment."""
        return self.annotate(confidence_now=decay.confidence_expression())

    def listed(self) -> Self:
        """As tables show them: with project, type and `confidence_now`, without the long texts."""
        return self.select_related("project", "memory_type").defer("content_md", "resolution").with_confidence()

    def less_confident_than(self, threshold: float) -> Self:
        """Memories whose confidence lies below a threshold at this moment."""
        return self.alias(confidence_then=decay.confidence_expression()).filter(confidence_then__lt=threshold)

    def idle_since(self, moment: datetime) -> Self:
        """Memories that nobody saved, confirmed or read since a moment."""
        return self.filter(confirmed_at__lt=moment, updated_at__lt=moment).filter(
            models.Q(last_accessed_at=None) | models.Q(last_accessed_at__lt=moment)
        )


class Memory(models.Model):
    """One thing that was learnt. Its address for saving is (project, type, title)."""

    id = models.UUIDField(primary_key=True, default=time_ordered_uuid, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="memories")
    memory_type = models.ForeignKey(MemoryType, on_delete=models.PROTECT, related_name="memories", verbose_name="type")
    title = models.CharField(max_length=TITLE_LENGTH)
    title_key = models.CharField(
        max_length=TITLE_LENGTH, editable=False, help_text="The title folded for comparison, see memories/links.py."
    )
    content_md = models.TextField("content", blank=True)
    module = models.CharField(max_length=NAME_LENGTH, blank=True)
    resolution = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=TAG_LENGTH), default=list, blank=True)
    source_file = models.CharField(
        "source", max_length=NAME_LENGTH * 5, blank=True, help_text="File, session or transcript it comes from."
    )
    source_position = models.PositiveIntegerField(
        null=True, editable=False, help_text="Its place among the memories of its source."
    )
    created_by = models.CharField(max_length=NAME_LENGTH, blank=True)
    run_id = models.UUIDField(null=True, editable=False, help_text="The run that it was learnt in.")
    version = models.PositiveIntegerField(default=1, editable=False)

    stated_confidence = models.FloatField(default=1.0)
    confirmed_at = models.DateTimeField(default=timezone.now, editable=False, help_text="The decay clock starts here.")
    confirmed_by = models.CharField(max_length=NAME_LENGTH, blank=True, editable=False)
    pinned_at = models.DateTimeField(null=True, editable=False)
    pinned_by = models.CharField(max_length=NAME_LENGTH, blank=True, editable=False)
    pin_reason = models.CharField(max_length=NAME_LENGTH * 2, blank=True, editable=False)
    access_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    last_accessed_at = models.DateTimeField(null=True, editable=False)

    archived_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)
    deleted_by = models.CharField(max_length=NAME_LENGTH, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False, help_text="When it was learnt.")
    occurred_at = models.DateTimeField(
        null=True, editable=False, help_text="Given by who imported it: then it is also `created_at`."
    )
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    term_count = models.PositiveIntegerField(
        default=0, editable=False, help_text="Length in terms, for the keyword score."
    )
    masked_count = models.PositiveIntegerField(
        default=0, editable=False, help_text="Secrets that were masked on the way in."
    )

    objects = MemoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "memories"
        ordering = ["-updated_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "memory_type", "title"],
                condition=models.Q(deleted_at=None),
                name="one_live_memory_per_title",
            ),
            models.CheckConstraint(
                condition=models.Q(stated_confidence__gte=0, stated_confidence__lte=1),
                name="stated_confidence_is_a_share",
            ),
            models.CheckConstraint(condition=models.Q(version__gte=1), name="versions_count_from_one"),
        ]
        indexes = [
            # Counts what a list shows from the index alone.
            models.Index(
                fields=["project"],
                condition=models.Q(deleted_at=None, archived_at=None),
                name="memory_searchable",
            ),
            models.Index(fields=["project", "-updated_at"], condition=models.Q(deleted_at=None), name="memory_newest"),
            # The first pages of the table over all projects: 5 ms instead of 16 over 10,000 memories.
            models.Index(
                fields=["-updated_at", "-id"],
                condition=models.Q(deleted_at=None, archived_at=None),
                name="memory_live_newest",
            ),
            models.Index(
                fields=["project", "source_file", "source_position"],
                condition=~models.Q(source_file=""),
                name="memory_source",
            ),
            models.Index(fields=["title_key", "project"], condition=models.Q(deleted_at=None), name="memory_title_key"),
            GinIndex(fields=["tags"], name="memory_tags"),
            models.Index(fields=["run_id"], condition=models.Q(run_id__isnull=False), name="memory_of_run"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def confidence(self) -> float:
        """Confidence at this moment, 0…1. Reads the memory's type."""
        return decay.confidence(
            stated=self.stated_confidence,
            age=timezone.now() - self.confirmed_at,
            half_life_days=self.memory_type.half_life_days,
            floor=self.memory_type.floor,
            access_count=self.access_count,
            pinned=self.pinned_at is not None,
        )

    @property
    def state(self) -> str:
        """One word for lists: live, archived or deleted."""
        return "deleted" if self.deleted_at else "archived" if self.archived_at else "live"


class MemoryVersion(models.Model):
    """A memory as it was saved once: text, title and type. The newest version equals the memory.

    title and memory_type are empty where the version was saved before they were kept: then nobody knows them.
    """

    id = models.BigAutoField(primary_key=True)
    memory = models.ForeignKey(Memory, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=TITLE_LENGTH, blank=True, default="", db_default="")
    memory_type = models.ForeignKey(
        MemoryType, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    content_md = models.TextField(blank=True)
    module = models.CharField(max_length=NAME_LENGTH, blank=True)
    resolution = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=TAG_LENGTH), default=list)
    source_file = models.CharField(max_length=NAME_LENGTH * 5, blank=True)
    stated_confidence = models.FloatField(default=1.0)
    saved_by = models.CharField(max_length=NAME_LENGTH, blank=True)
    saved_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["memory", "number"], name="one_row_per_version")]

    def __str__(self) -> str:
        return f"{self.memory} v{self.number}"


class MemoryLinkQuerySet(models.QuerySet["MemoryLink"]):
    """Questions about links."""

    def ids_waiting_for(self, memory: Memory) -> list[int]:
        """Links of other memories of the project to this one's title that lead nowhere yet."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(WAITING_LINKS, [memory.title_key, memory.project_id, memory.pk])
            return [key for (key,) in cursor.fetchall()]


class MemoryLink(models.Model):
    """A [[wikilink]] from one memory's text to another's title; `target` is empty until that title exists."""

    id = models.BigAutoField(primary_key=True)
    source = models.ForeignKey(Memory, on_delete=models.CASCADE, related_name="outgoing_links")
    target = models.ForeignKey(Memory, null=True, on_delete=models.SET_NULL, related_name="incoming_links")
    target_title = models.CharField(max_length=TITLE_LENGTH)
    target_key = models.CharField(max_length=TITLE_LENGTH, help_text="The title folded for comparison.")

    objects = MemoryLinkQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "target_key"], name="one_link_per_source_and_title")]
        indexes = [models.Index(fields=["target_key"], condition=models.Q(target=None), name="link_unresolved")]

    def __str__(self) -> str:
        return f"{self.source_id} → {self.target_title}"


class UseKind(models.TextChoices):
    """By which answer a memory was given to a run."""

    SEARCH = "search", "Found by search"
    GET = "get", "Read in full"
    CONTEXT = "context", "Told at the start"
    PROMPT = "prompt", "Run as a prompt"


class MemoryUseQuerySet(models.QuerySet["MemoryUse"]):
    """Questions about what was given to whom."""

    def in_run(self, run_id: uuid.UUID) -> Self:
        """What a run was given."""
        return self.filter(run_id=run_id)

    def visible_to(self, caller: "Caller") -> Self:
        """Uses of memories in the caller's sight."""
        kept = self.filter(memory__deleted_at=None)
        return kept if caller.project_ids is None else kept.filter(memory__project_id__in=caller.project_ids)


class MemoryUse(models.Model):
    """A memory that an answer gave to a run, each way once: the first time counts."""

    id = models.BigAutoField(primary_key=True)
    memory = models.ForeignKey(Memory, on_delete=models.CASCADE, related_name="uses")
    run_id = models.UUIDField(help_text="The run that it was given to.")
    how = models.CharField(max_length=10, choices=UseKind.choices)
    at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects = MemoryUseQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run_id", "memory", "how"], name="one_use_per_run_and_way")]

    def __str__(self) -> str:
        return f"{self.memory_id} in {self.run_id}: {self.how}"


class RepairKind(models.TextChoices):
    """How memories were put in order."""

    CONFIRMED = "confirmed", "Confirmed"
    ARCHIVED = "archived", "Archived"
    MERGED = "merged", "Merged"
    LINKED = "linked", "Linked"
    REPOINTED = "repointed", "Link repointed"
    UNBRACKETED = "unbracketed", "Link removed"
    MADE = "made", "Missing memory made"


class Repair(models.Model):
    """One repair from the page of hygiene, with what it takes to undo it (see memories/repairing.py)."""

    id = models.UUIDField(primary_key=True, default=time_ordered_uuid, editable=False)
    kind = models.CharField(max_length=12, choices=RepairKind.choices)
    words = models.CharField(max_length=NAME_LENGTH * 5, help_text="What was done, in a sentence.")
    steps = models.JSONField(help_text="For each memory what was before and after.")
    by = models.CharField(max_length=NAME_LENGTH)
    at = models.DateTimeField(default=timezone.now, db_default=Now())
    undone_at = models.DateTimeField(null=True)
    undone_by = models.CharField(max_length=NAME_LENGTH, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.words


class Posting(models.Model):
    """One term in one memory: the inverted index of the keyword leg. Written and read by SQL in bulk only.

    `term_key` is the term's 64-bit hash (see memories/analysis.py); the project stands in the key so that document
    frequencies never count what a caller may not see.
    """

    pk = models.CompositePrimaryKey("term_key", "project_id", "memory_id")
    term_key = models.BigIntegerField()
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    memory = models.ForeignKey(Memory, on_delete=models.CASCADE, related_name="postings")
    frequency = models.PositiveSmallIntegerField()
    length = models.PositiveIntegerField(
        help_text="The memory's `term_count`, so that a score is computed from the index alone."
    )

    def __str__(self) -> str:
        return f"{self.term_key} in {self.memory_id}"


class CommonTerm(models.Model):
    """How many memories of a project hold a term that many hold. Counted by a scheduled task; rarer ones are counted live."""

    pk = models.CompositePrimaryKey("term_key", "project_id")
    term_key = models.BigIntegerField()
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    documents = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.term_key} in {self.documents} memories"


class MemoryCount(models.Model):
    """A part of how many searchable memories a project has, and of their terms: the parts add up to the number.

    Kept by triggers of PostgreSQL in the transaction of each change, for every search needs the sums, and counting takes
    the longer the more there are. Each transaction writes to one of 64 parts that is its own until it ends (an advisory
    lock), so that those who save at once do not wait for each other.
    """

    pk = models.CompositePrimaryKey("project_id", "part")
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    part = models.PositiveSmallIntegerField()
    memories = models.IntegerField()
    terms = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.memories} in part {self.part}"


class SpaceState(models.TextChoices):
    """What an embedding space is doing."""

    BUILDING = "building", "Building"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class EmbeddingSpaceQuerySet(models.QuerySet["EmbeddingSpace"]):
    """Questions about embedding spaces."""

    def answering(self) -> "EmbeddingSpace | None":
        """The space that search uses now, if there is one; a search reads it with its counts."""
        return self.filter(state=SpaceState.ACTIVE).first()

    def in_use(self) -> Self:
        """Spaces that new memories are embedded in: the active one and one being built."""
        return self.filter(state__in=[SpaceState.ACTIVE, SpaceState.BUILDING])


class EmbeddingSpace(models.Model):
    """One model at one dimension. Vectors of different spaces are never compared."""

    provider = models.CharField(max_length=20)
    model = models.CharField(max_length=200)
    dimensions = models.PositiveIntegerField()
    url = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=10, choices=SpaceState.choices, default=SpaceState.BUILDING)
    background_similarity = models.FloatField(
        null=True, editable=False, help_text="Mean cosine of unrelated texts; the zero of the semantic score."
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    activated_at = models.DateTimeField(null=True, editable=False)

    objects = EmbeddingSpaceQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "model", "dimensions", "url"], name="one_row_per_embedding_space"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="one_active_embedding_space"
            ),
            models.CheckConstraint(condition=models.Q(state__in=SpaceState.values), name="space_state_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.model} ({self.dimensions})"


class PassageVector(models.Model):
    """The embedding of one passage of a memory in one space; the best passage speaks for the memory."""

    id = models.BigAutoField(primary_key=True)
    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="vectors", db_index=False)
    memory = models.ForeignKey(Memory, on_delete=models.CASCADE, related_name="vectors", db_index=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    position = models.PositiveIntegerField(help_text="Place of the passage in the memory, from 0.")
    # No dimension in the type: it is data. Each space has its own HNSW index, made by memories/embedding/spaces.py.
    embedding = HalfVectorField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["memory", "space", "position"], name="one_vector_per_passage")]
        indexes = [models.Index(fields=["space", "project"], name="vector_space_project")]

    def __str__(self) -> str:
        return f"{self.memory_id}#{self.position}"


class PendingEmbeddingQuerySet(models.QuerySet["PendingEmbedding"]):
    """Questions about what waits to be embedded."""

    def due(self) -> Self:
        """Rows that a worker may take now."""
        return self.filter(not_before__lte=timezone.now())

    def lag(self) -> timedelta:
        """Age of the oldest row; zero when nothing waits."""
        oldest = self.aggregate(oldest=models.Min("queued_at"))["oldest"]
        return timezone.now() - oldest if oldest else timedelta()


class PendingEmbedding(models.Model):
    """A memory whose text is not embedded yet in a space. Written with the save, removed with the vectors' arrival."""

    id = models.BigAutoField(primary_key=True)
    memory = models.ForeignKey(Memory, on_delete=models.CASCADE, related_name="pending_embeddings")
    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="pending", db_index=False)
    queued_at = models.DateTimeField(default=timezone.now, db_default=Now())
    not_before = models.DateTimeField(
        default=timezone.now, db_default=Now(), help_text="A worker's lease or a pause after a failure ends here."
    )
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    last_error = models.CharField(max_length=500, blank=True, default="", db_default="")

    objects = PendingEmbeddingQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["memory", "space"], name="one_pending_embedding_per_space")]
        # Read from both ends: the newest is looked for as often as the oldest.
        indexes = [models.Index(fields=["space", "queued_at"], name="pending_by_age")]

    def __str__(self) -> str:
        return f"{self.memory_id} in space {self.space_id}"


class ProposalKind(models.TextChoices):
    """What a language model proposes to keep of a session."""

    PAGE = "page", "Page"
    DECISION = "decision", "Decision"
    ERROR = "error", "Error"


class ProposalState(models.TextChoices):
    """What a person made of a proposal."""

    PENDING = "pending", "Pending"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"


class SessionProposalQuerySet(models.QuerySet["SessionProposal"]):
    """Questions about proposals."""

    def visible_to(self, caller: "Caller") -> Self:
        """Proposals in the caller's scope."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)

    def within(self, project_ids: list[int] | None) -> Self:
        """Proposals of these projects; None for no bound."""
        return self if project_ids is None else self.filter(project_id__in=project_ids)

    def pending(self) -> Self:
        """Waiting for a person."""
        return self.filter(state=ProposalState.PENDING)


class SessionProposal(models.Model):
    """What a language model wrote about a session: nothing of it counts until a person accepts it."""

    id = models.UUIDField(primary_key=True, default=time_ordered_uuid, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="session_proposals")
    run_id = models.UUIDField(help_text="The session's run.")
    kind = models.CharField(max_length=10, choices=ProposalKind.choices)
    title = models.CharField(max_length=TITLE_LENGTH)
    content_md = models.TextField("content")
    written_by = models.CharField(max_length=NAME_LENGTH, help_text="The language model.")
    state = models.CharField(max_length=10, choices=ProposalState.choices, default=ProposalState.PENDING)
    decided_by = models.CharField(max_length=NAME_LENGTH, blank=True)
    decided_at = models.DateTimeField(null=True)
    memory = models.ForeignKey(Memory, null=True, on_delete=models.SET_NULL, related_name="proposals")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects = SessionProposalQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run_id"],
                condition=models.Q(kind=ProposalKind.PAGE, state=ProposalState.PENDING),
                name="one_pending_page_per_session",
            ),
            models.CheckConstraint(
                condition=models.Q(state=ProposalState.PENDING, decided_at=None)
                | models.Q(state__in=[ProposalState.ACCEPTED, ProposalState.REJECTED], decided_at__isnull=False),
                name="a_decided_proposal_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "-created_at"],
                condition=models.Q(state=ProposalState.PENDING),
                name="proposal_pending",
            ),
            models.Index(fields=["run_id"], name="proposal_of_run"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.title}"
