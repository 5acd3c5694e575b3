"""Requirements and the states they pass through."""

import uuid
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchRank
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import MD5, Now
from django.utils import timezone
from simple_history.models import HistoricalRecords

from access.models import Member, Project
from memories.identifiers import ids_in
from memories.models import Memory
from requirements_pipeline.words import RequirementWords, asked_words

if TYPE_CHECKING:
    from access.callers import Caller

TITLE_LENGTH = 500
NAME_LENGTH = 200
# The largest of PostgreSQL's integers: what nobody has placed comes last.
UNRANKED = 2**31 - 1


class RequirementState(models.TextChoices):
    """Where a requirement stands."""

    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    PROMOTED = "promoted", "Promoted"
    IN_PROGRESS = "in_progress", "In progress"
    IN_REVIEW = "in_review", "In review"
    DONE = "done", "Done"
    REJECTED = "rejected", "Rejected"
    ON_HOLD = "on_hold", "On hold"


# Words that stand for several states in `list_requirements`.
STATE_GROUPS: dict[str, tuple[str, ...]] = {
    "pending": (RequirementState.DRAFT, RequirementState.SUBMITTED),
    "resolved": (RequirementState.DONE, RequirementState.REJECTED),
}


class RequirementQuerySet(models.QuerySet["Requirement"]):
    """Questions about requirements."""

    def visible_to(self, caller: "Caller") -> Self:
        """Requirements in the caller's scope."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)

    def within(self, project_ids: list[int] | None) -> Self:
        """Requirements of these projects; None for no bound."""
        return self if project_ids is None else self.filter(project_id__in=project_ids)

    def with_status(self, status: str) -> Self:
        """Requirements in a state, or in the states that a group word such as "pending" stands for."""
        return self.filter(state__in=STATE_GROUPS.get(status, (status,)))

    def titled(self, title: str) -> Self:
        """Requirements with exactly this title."""
        return self.filter(title=title)

    def saying(self, words: str) -> Self:
        """Requirements that hold all these words in title, text or criteria; those first whose title holds them."""
        asked = asked_words(words)
        holding = self.alias(said=RequirementWords()).filter(said=asked)
        return holding.alias(fits=SearchRank(RequirementWords(), asked)).order_by("-fits", "-updated_at", "pk")

    def called(self, name: str) -> Self:
        """Requirements of this id, or exactly of this title whatever its case."""
        return self.filter(models.Q(title__iexact=name) | models.Q(pk__in=ids_in(name)))

    def open(self) -> Self:
        """Neither done nor rejected."""
        return self.exclude(state__in=STATE_GROUPS["resolved"])

    def ready(self) -> Self:
        """Promoted, and everything that they depend on is done."""
        waiting = Requirement.objects.filter(blocks=models.OuterRef("pk")).exclude(state=RequirementState.DONE)
        return self.filter(~models.Exists(waiting), state=RequirementState.PROMOTED)

    def open_to(self, caller: "Caller") -> Self:
        """Assigned to nobody, or to the member whom the caller acts for."""
        return self.filter(models.Q(assignee=None) | models.Q(assignee_id=caller.member_id or 0))


class Requirement(models.Model):
    """What somebody wants done, in words and acceptance criteria. Its address for saving is (project, title)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="requirements")
    title = models.CharField(max_length=TITLE_LENGTH)
    content_md = models.TextField("content", blank=True)
    acceptance = ArrayField(
        models.CharField(max_length=1000), default=list, blank=True, help_text="Acceptance criteria, one a row."
    )
    priority = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text="1 is the most urgent, 5 the least.",
    )
    rank = models.PositiveIntegerField(
        default=UNRANKED,
        db_default=UNRANKED,
        editable=False,
        help_text="Place among those of the same priority, from 1; those that nobody placed come after.",
    )
    module = models.CharField(max_length=NAME_LENGTH, blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    state = models.CharField(max_length=20, choices=RequirementState.choices, default=RequirementState.SUBMITTED)
    created_by = models.CharField(max_length=NAME_LENGTH, blank=True)
    author = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="requirements")
    due_on = models.DateField(null=True, blank=True)
    assignee = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="assigned")
    depends_on = models.ManyToManyField("self", symmetrical=False, related_name="blocks", blank=True)
    memories = models.ManyToManyField(Memory, related_name="requirements", blank=True)
    became = models.ForeignKey(
        Memory,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="What promoting wrote.",
    )
    claimed_by = models.CharField(max_length=NAME_LENGTH, blank=True, editable=False, help_text="Who works on it.")
    claimant = models.ForeignKey(Member, null=True, editable=False, on_delete=models.SET_NULL, related_name="claims")
    claimed_at = models.DateTimeField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False, help_text="How often its text was written.")
    promoted_by = models.CharField(max_length=NAME_LENGTH, blank=True, editable=False)
    promoted_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RequirementQuerySet.as_manager()

    class Meta:
        ordering = ["priority", "rank", "-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["project", "title"], name="one_requirement_per_title"),
            models.CheckConstraint(
                condition=models.Q(state__in=RequirementState.values), name="requirement_state_is_known"
            ),
            models.CheckConstraint(condition=models.Q(priority__gte=1, priority__lte=5), name="priority_is_1_to_5"),
        ]
        indexes = [
            models.Index(fields=["project", "state", "priority"], name="requirement_board"),
        ]

    def __str__(self) -> str:
        return self.title


class RequirementMove(models.Model):
    """One move of a requirement from state to state: who, when, why, and in which run."""

    id = models.BigAutoField(primary_key=True)
    requirement = models.ForeignKey(Requirement, on_delete=models.CASCADE, related_name="moves")
    from_state = models.CharField(max_length=20, choices=RequirementState.choices)
    to_state = models.CharField(max_length=20, choices=RequirementState.choices)
    reason = models.TextField(blank=True)
    by = models.CharField(max_length=NAME_LENGTH)
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    run_id = models.UUIDField(null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["requirement", "at"], name="move_of_requirement")]

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"


class MetCriterion(models.Model):
    """An acceptance criterion that is met: who says so, and since when. One that is not met has no row."""

    id = models.BigAutoField(primary_key=True)
    requirement = models.ForeignKey(Requirement, on_delete=models.CASCADE, related_name="met_criteria")
    text = models.TextField(help_text="The criterion, word for word as it stands in the requirement's list.")
    by = models.CharField(max_length=NAME_LENGTH)
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "met criteria"
        ordering = ["id"]
        # By its digest: a long criterion is larger than an entry of an index may be.
        constraints = [models.UniqueConstraint("requirement", MD5("text"), name="criterion_is_met_once")]

    def __str__(self) -> str:
        return self.text


class RequirementVersion(models.Model):
    """What a requirement said once, and who wrote it. The newest version equals the requirement."""

    id = models.BigAutoField(primary_key=True)
    requirement = models.ForeignKey(Requirement, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=TITLE_LENGTH)
    content_md = models.TextField(blank=True)
    acceptance = ArrayField(models.CharField(max_length=1000), default=list)
    priority = models.PositiveSmallIntegerField()
    module = models.CharField(max_length=NAME_LENGTH, blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list)
    due_on = models.DateField(null=True)
    saved_by = models.CharField(max_length=NAME_LENGTH, blank=True)
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["requirement", "number"], name="one_row_per_requirement_version")
        ]

    def __str__(self) -> str:
        return f"{self.title} v{self.number}"


class RequirementWatch(models.Model):
    """Whether a member wants to be told about a requirement. Author and assignee are told without one."""

    id = models.BigAutoField(primary_key=True)
    requirement = models.ForeignKey(Requirement, on_delete=models.CASCADE, related_name="watches")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="watches")
    is_on = models.BooleanField(default=True, help_text="Off: they asked not to be told any more.")

    class Meta:
        verbose_name_plural = "requirement watches"
        constraints = [models.UniqueConstraint(fields=["requirement", "member"], name="one_watch_per_member")]

    def __str__(self) -> str:
        return f"{self.member} {'watches' if self.is_on else 'does not watch'} {self.requirement}"


class RequirementCommentQuerySet(models.QuerySet["RequirementComment"]):
    """Questions about comments."""

    def visible_to(self, caller: "Caller") -> Self:
        """Comments on requirements in the caller's scope that are not deleted."""
        kept = self.filter(deleted_at=None)
        return kept if caller.project_ids is None else kept.filter(requirement__project_id__in=caller.project_ids)

    def deleted_visible_to(self, caller: "Caller") -> Self:
        """Deleted comments in the caller's scope: what restoring can bring back."""
        deleted = self.exclude(deleted_at=None)
        return deleted if caller.project_ids is None else deleted.filter(requirement__project_id__in=caller.project_ids)


class RequirementComment(models.Model):
    """What somebody said about a requirement, in Markdown."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requirement = models.ForeignKey(Requirement, on_delete=models.CASCADE, related_name="comments")
    body_md = models.TextField()
    by = models.CharField(max_length=NAME_LENGTH)
    author = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="comments")
    at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.CharField(max_length=NAME_LENGTH, blank=True)

    objects = RequirementCommentQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["requirement", "at"], name="comment_of_requirement")]

    def __str__(self) -> str:
        return f"{self.by} on {self.requirement}"


class EditorDraft(models.Model):
    """What a member typed into the editor and has not saved: of one requirement, or of a new one."""

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="editor_drafts")
    requirement = models.ForeignKey(
        Requirement,
        null=True,
        on_delete=models.CASCADE,
        related_name="drafts",
        help_text="Empty for one that is not saved yet.",
    )
    fields = models.JSONField(default=dict, help_text="The form's fields by their names, as they were typed.")
    kept_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "requirement"], name="one_draft_per_member_and_requirement", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.requirement or 'a new requirement'}"


class RequirementTemplate(models.Model):
    """What a new requirement of a kind starts with. Owners edit these rows and add to them."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    title_pattern = models.CharField(
        max_length=TITLE_LENGTH, blank=True, help_text="How its title begins, such as “Fix: ”."
    )
    content_md = models.TextField("content", blank=True, help_text="Markdown with the headings to fill in.")
    acceptance = ArrayField(
        models.CharField(max_length=1000), default=list, blank=True, help_text="Acceptance criteria, one a row."
    )
    priority = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
        help_text="1 is the most urgent, 5 the least.",
    )
    module = models.CharField(max_length=NAME_LENGTH, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(priority__gte=1, priority__lte=5), name="template_priority_is_1_to_5"
            ),
        ]

    def __str__(self) -> str:
        return self.name
