"""Runs of agents: who ran what, where, how long, with how many tokens and at what cost; prices, budgets, rollups."""

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from access.models import Member, Project, RoleToken
from access.roles import Role

if TYPE_CHECKING:
    from access.callers import Caller

NAME_LENGTH = 200
STEP_LENGTH = 500
STATUS_LENGTH = 40
# Hashes and addresses; longer ones are none.
CHANGE_LENGTH = 500

# The five kinds of tokens, disjoint: what was read from the cache is no input, what was thought is output.
TOKEN_KINDS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write_5m", "tokens_cache_write_1h")

RUNNING = "running"


class CostSource(models.TextChoices):
    """Where a cost comes from; without one, why there is none."""

    REPORTED = "reported", "Reported"
    COMPUTED = "computed", "Computed"
    NO_PRICE = "no_price", "No price"
    NO_TOKENS = "no_tokens", "No tokens told"


def stale_after() -> timedelta:
    """Silence after which a run that has not ended counts as stale; a setting."""
    return timedelta(seconds=settings.RUN_STALE_SECONDS)


class RunQuerySet(models.QuerySet["Run"]):
    """Questions about runs."""

    def visible_to(self, caller: "Caller") -> Self:
        """Runs in the caller's scope."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)

    def active(self) -> Self:
        """Runs that have not ended, stale ones too."""
        return self.filter(finished_at=None)

    def finished(self) -> Self:
        """Runs that have ended."""
        return self.exclude(finished_at=None)

    def on_requirement(self, requirement_id: uuid.UUID, also: Iterable[uuid.UUID] = ()) -> Self:
        """Runs that told that they work on a requirement. also: ids of runs that its history names."""
        return self.filter(models.Q(requirement_id=requirement_id) | models.Q(pk__in=list(also)))

    def between(self, first: date, last: date) -> Self:
        """Runs of these days, both included; a run belongs to the day it started on."""
        return self.filter(day__gte=first, day__lte=last)


class Run(models.Model):
    """One session of an agent. The same session reported twice is one run.

    `finished_at` is empty while it runs; a run that is silent for long is stale and comes back with its next word.
    Tokens are the sums of its usage rows, one for each model; `cost_usd` is the cost that counts, in US dollars:
    the reported one where there is one, else the computed one, None where neither is known.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    session_id = models.CharField(max_length=NAME_LENGTH, blank=True)
    runner = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="As the agent names itself.")
    agent = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="The tool, such as claude-code or codex.")
    model = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="The model that most tokens went to.")
    machine = models.CharField(max_length=NAME_LENGTH, blank=True)
    cwd = models.CharField(max_length=1000, blank=True)
    branch = models.CharField(max_length=NAME_LENGTH, blank=True)

    token = models.ForeignKey(RoleToken, null=True, on_delete=models.SET_NULL, related_name="runs")
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="runs")
    reported_by = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="The token's label.")
    person = models.CharField(
        max_length=NAME_LENGTH, blank=True, help_text="The member's user name, or the label of a token of nobody's."
    )

    # Prompts and requirements lie above this room: only their ids and titles are known here.
    prompt_id = models.UUIDField(null=True)
    prompt_name = models.CharField(max_length=500, blank=True)
    requirement_id = models.UUIDField(null=True)
    requirement_title = models.CharField(max_length=500, blank=True)

    status = models.CharField(max_length=STATUS_LENGTH, default=RUNNING)
    step = models.CharField(max_length=STEP_LENGTH, blank=True, help_text="What it says it is doing.")
    output_summary = models.TextField(blank=True)
    files_modified = ArrayField(models.CharField(max_length=1000), default=list)
    commits = ArrayField(
        models.CharField(max_length=CHANGE_LENGTH),
        default=list,
        db_default=[],
        help_text="Hashes or addresses of the commits that it made.",
    )
    pull_requests = ArrayField(
        models.CharField(max_length=CHANGE_LENGTH),
        default=list,
        db_default=[],
        help_text="Numbers or addresses of the pull requests that it opened or added to.",
    )

    tokens_input = models.PositiveBigIntegerField(null=True)
    tokens_output = models.PositiveBigIntegerField(null=True)
    tokens_cache_read = models.PositiveBigIntegerField(null=True)
    tokens_cache_write_5m = models.PositiveBigIntegerField(null=True)
    tokens_cache_write_1h = models.PositiveBigIntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=6, null=True, help_text="The cost that counts.")
    cost_source = models.CharField(max_length=10, choices=CostSource.choices, default=CostSource.NO_TOKENS)
    reported_cost_usd = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    computed_cost_usd = models.DecimalField(max_digits=14, decimal_places=6, null=True)

    day = models.DateField(help_text="The day it started on, in the costs' time zone (setting COST_TIME_ZONE).")
    started_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    duration_s = models.FloatField(null=True, help_text="Seconds, as reported.")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "session_id"],
                condition=~models.Q(session_id=""),
                name="one_run_per_session_and_project",
            ),
            models.CheckConstraint(
                condition=models.Q(cost_usd=None) | models.Q(cost_usd__gte=0), name="cost_is_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(cost_source__in=["reported", "computed"], cost_usd__isnull=False)
                | models.Q(cost_source__in=["no_price", "no_tokens"], cost_usd=None),
                name="a_cost_has_a_source",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-started_at"], name="run_newest"),
            models.Index(fields=["-started_at"], name="run_newest_of_all"),
            models.Index(fields=["day", "project"], name="run_of_day"),
            models.Index(
                fields=["project", "-last_seen_at"], condition=models.Q(finished_at=None), name="run_unfinished"
            ),
            models.Index(fields=["-cost_usd", "day"], condition=models.Q(cost_usd__isnull=False), name="run_dearest"),
            models.Index(fields=["prompt_id"], condition=models.Q(prompt_id__isnull=False), name="run_of_prompt"),
            models.Index(
                fields=["requirement_id"], condition=models.Q(requirement_id__isnull=False), name="run_of_requirement"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent or self.runner or self.reported_by} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.finished_at is None

    def is_stale(self, now: datetime | None = None) -> bool:
        """Whether it has not ended and has been silent for too long."""
        return self.finished_at is None and (now or timezone.now()) - self.last_seen_at > stale_after()

    def elapsed(self, now: datetime | None = None) -> timedelta:
        """How long it took, as reported or by its times; of a running one, how long so far."""
        if self.finished_at is not None and self.duration_s is not None:
            return timedelta(seconds=min(self.duration_s, 1e9))
        return max((self.finished_at or now or timezone.now()) - self.started_at, timedelta())


class RunUsage(models.Model):
    """Tokens of one run with one model, and what they cost at the price of the run's day.

    Unknown counts are None. `cost_usd` is this row's part of the run's `cost_usd`: the parts always add up to it.
    `cache_savings_usd` is what the same tokens would have cost more without a cache (negative where writing it cost
    more than reading it saved).
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="usage")
    model = models.CharField(max_length=NAME_LENGTH, blank=True)
    tokens_input = models.PositiveBigIntegerField(null=True)
    tokens_output = models.PositiveBigIntegerField(null=True)
    tokens_cache_read = models.PositiveBigIntegerField(null=True)
    tokens_cache_write_5m = models.PositiveBigIntegerField(null=True)
    tokens_cache_write_1h = models.PositiveBigIntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    computed_cost_usd = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    cache_savings_usd = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    price = models.ForeignKey("ModelPrice", null=True, on_delete=models.SET_NULL, related_name="usage")
    price_version = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name_plural = "usage"
        constraints = [models.UniqueConstraint(fields=["run", "model"], name="one_usage_per_run_and_model")]

    def __str__(self) -> str:
        return f"{self.model} in {self.run_id}"


class EventKind(models.TextChoices):
    """What happened in a run."""

    STARTED = "started", "Started"
    STEP = "step", "Step"
    RESUMED = "resumed", "Came back"
    REPORTED = "reported", "Reported"
    FINISHED = "finished", "Finished"
    PROMPT = "prompt", "Asked"
    TOOL = "tool", "Used"
    ERROR = "error", "Failed"
    COMPACTED = "compacted", "Compacted"


class RunEvent(models.Model):
    """One line of a run's timeline."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=10, choices=EventKind.choices)
    text = models.CharField(max_length=STEP_LENGTH, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["run", "at"], name="event_of_run")]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class ModelPrice(models.Model):
    """What a model costs from a day on, in US dollars for a million tokens of each kind.

    `patterns` are globs over a model's name, folded to lower case (`claude-sonnet-4-5*`); the most specific one wins,
    and of its rows the newest that is valid. A kind without a rate of its own is priced as input. Each change of a
    rate raises `version`, which priced usage remembers.
    """

    id = models.BigAutoField(primary_key=True)
    label = models.CharField(max_length=NAME_LENGTH, help_text="Such as “Claude Sonnet 4.5”.")
    provider = models.CharField(max_length=NAME_LENGTH, blank=True)
    patterns = ArrayField(models.CharField(max_length=NAME_LENGTH), help_text="Model names; * stands for anything.")
    valid_from = models.DateField(default=date(2020, 1, 1), help_text="The first day that it holds on.")
    input_usd = models.DecimalField("input", max_digits=12, decimal_places=6)
    output_usd = models.DecimalField("output", max_digits=12, decimal_places=6)
    cache_read_usd = models.DecimalField("cache read", max_digits=12, decimal_places=6, null=True, blank=True)
    cache_write_5m_usd = models.DecimalField(
        "cache write, 5 min", max_digits=12, decimal_places=6, null=True, blank=True
    )
    cache_write_1h_usd = models.DecimalField("cache write, 1 h", max_digits=12, decimal_places=6, null=True, blank=True)
    source = models.CharField(max_length=NAME_LENGTH, blank=True, editable=False, help_text="Where the rates are from.")
    version = models.PositiveIntegerField(default=1, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["provider", "label", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "label", "valid_from"], name="one_price_per_model_and_day"),
            models.CheckConstraint(
                condition=models.Q(input_usd__gte=0, output_usd__gte=0), name="prices_are_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} from {self.valid_from}"


class Budget(models.Model):
    """What a project may cost in a calendar month. At each threshold its leads are told once a month."""

    id = models.BigAutoField(primary_key=True)
    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="budget")
    monthly_usd = models.DecimalField("US dollars a month", max_digits=12, decimal_places=2)
    thresholds = ArrayField(
        models.PositiveSmallIntegerField(), default=list, help_text="Per cent, such as 50, 80, 100."
    )
    hard_stop = models.BooleanField(default=False, help_text="No new run starts in a month that has used it up.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(monthly_usd__gt=0), name="a_budget_is_more_than_nothing")
        ]

    def __str__(self) -> str:
        return f"{self.project}: {self.monthly_usd} USD a month"


class BudgetAlert(models.Model):
    """A threshold that a project's month has crossed; written once, then told once."""

    id = models.BigAutoField(primary_key=True)
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="alerts")
    month = models.DateField(help_text="Its first day.")
    threshold = models.PositiveSmallIntegerField(help_text="Per cent.")
    spent_usd = models.DecimalField(max_digits=14, decimal_places=6)
    crossed_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True, help_text="When the project's leads were told.")

    class Meta:
        ordering = ["-crossed_at"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "month", "threshold"], name="one_alert_per_threshold_and_month")
        ]

    def __str__(self) -> str:
        return f"{self.threshold} % of {self.budget} in {self.month:%Y-%m}"


class RolledDay(models.Model):
    """A day of a project whose sums stand in the rollups. A change to one of its runs makes it dirty.

    The sums of a day that is dirty, or not here, are taken from the runs themselves, so an answer is always their sum.
    """

    pk = models.CompositePrimaryKey("project_id", "day")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    is_dirty = models.BooleanField(default=False)
    rolled_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["day", "project"], condition=models.Q(is_dirty=True), name="day_is_dirty")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.day}"


class DailySums(models.Model):
    """What each rollup holds for a group of runs of one day: counts, tokens, US dollars, seconds."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    runs = models.PositiveIntegerField(default=0)
    tokens_input = models.PositiveBigIntegerField(default=0)
    tokens_output = models.PositiveBigIntegerField(default=0)
    tokens_cache_read = models.PositiveBigIntegerField(default=0)
    tokens_cache_write_5m = models.PositiveBigIntegerField(default=0)
    tokens_cache_write_1h = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=6, default=Decimal(0))
    cache_savings_usd = models.DecimalField(max_digits=18, decimal_places=6, default=Decimal(0))
    unpriced_tokens = models.PositiveBigIntegerField(default=0, help_text="Tokens of usage without a price.")

    class Meta:
        abstract = True


class DailyUsage(DailySums):
    """Sums by day, project, person, agent, model and machine. A run of two models counts once, with its main one."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    person = models.CharField(max_length=NAME_LENGTH, blank=True)
    agent = models.CharField(max_length=NAME_LENGTH, blank=True)
    model = models.CharField(max_length=NAME_LENGTH, blank=True)
    machine = models.CharField(max_length=NAME_LENGTH, blank=True)

    class Meta:
        verbose_name_plural = "daily usage"
        indexes = [models.Index(fields=["project", "day"], name="usage_of_day")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.day} {self.model}"


class DailyPurpose(DailySums):
    """Sums by day, project, person, prompt and requirement."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    person = models.CharField(max_length=NAME_LENGTH, blank=True)
    prompt_id = models.UUIDField(null=True)
    prompt_name = models.CharField(max_length=500, blank=True)
    requirement_id = models.UUIDField(null=True)
    requirement_title = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [models.Index(fields=["project", "day"], name="purpose_of_day")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.day} {self.prompt_name or self.requirement_title}"


class Dimension(models.TextChoices):
    """What costs can be grouped and filtered by."""

    PROJECT = "project", "Project"
    PERSON = "person", "Person"
    AGENT = "agent", "Agent"
    MODEL = "model", "Model"
    MACHINE = "machine", "Machine"
    PROMPT = "prompt", "Prompt"
    REQUIREMENT = "requirement", "Requirement"


class DailyTotal(DailySums):
    """Sums by day, project and one dimension alone: few rows however many runs there are, so a year opens fast.

    `key` is what tells groups apart (an id, or a name where there is none; empty for runs without), `label` what people
    read. For the dimension `project` both are empty: the project itself is the group.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    dimension = models.CharField(max_length=12, choices=Dimension.choices)
    key = models.CharField(max_length=500, blank=True)
    label = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["dimension", "day", "project"], name="total_of_day"),
            models.Index(fields=["project", "dimension", "key"], name="total_keys"),
        ]

    def __str__(self) -> str:
        return f"{self.project_id} {self.day} {self.dimension} {self.label}"


class PromptPickupQuerySet(models.QuerySet["PromptPickup"]):
    """Questions about pickups."""

    def open_for(self, project_id: int, runner: str, *, since: datetime) -> Self:
        """Pickups of a runner in a project that no run is linked to yet, newest first."""
        return self.filter(project_id=project_id, runner=runner, run=None, picked_up_at__gte=since).order_by(
            "-picked_up_at", "-pk"
        )


class PromptPickup(models.Model):
    """A prompt that a runner fetched: the runner's next report in that project is linked to it, once."""

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="prompt_pickups")
    runner = models.CharField(max_length=NAME_LENGTH)
    prompt_id = models.UUIDField()
    prompt_name = models.CharField(max_length=500)
    picked_up_at = models.DateTimeField(default=timezone.now, db_default=Now())
    run = models.OneToOneField(Run, null=True, on_delete=models.SET_NULL, related_name="prompt_pickup")

    objects = PromptPickupQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["project", "runner", "picked_up_at"], condition=models.Q(run=None), name="pickup_open")
        ]

    def __str__(self) -> str:
        return f"{self.runner}: {self.prompt_name}"


class CapturedKind(models.TextChoices):
    """What an agent's hook tells of, whatever the agent calls it."""

    SESSION_START = "session-start", "Session start"
    USER_PROMPT = "user-prompt", "Prompt"
    PRE_TOOL_USE = "pre-tool-use", "Before a tool"
    POST_TOOL_USE = "post-tool-use", "After a tool"
    PRE_COMPACT = "pre-compact", "Before compaction"
    POST_COMPACTION = "post-compaction", "After compaction"
    NOTIFICATION = "notification", "Notification"
    STOP = "stop", "Stop"
    SESSION_END = "session-end", "Session end"
    OTHER = "other", "Other"


class CapturedEventQuerySet(models.QuerySet["CapturedEvent"]):
    """Questions about captured events."""

    def visible_to(self, caller: "Caller") -> Self:
        """Events in the caller's scope."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)

    def of_session(self, project_id: int, session_id: str) -> Self:
        """A session's events in the order of their own time."""
        return self.filter(project_id=project_id, session_id=session_id).order_by("at", "sequence", "pk")

    def waiting(self) -> Self:
        """Not worked into a run yet."""
        return self.filter(worked_at=None)

    def received_before(self, moment: datetime) -> Self:
        """Received before a moment."""
        return self.filter(received_at__lt=moment)


class CapturedEvent(models.Model):
    """What an agent's hook told, as it arrived: its secrets masked, then its long texts cut. Kept for 30 days.

    `at` is the event's own time, `sequence` its place among events of one time. A background task works events into
    runs; `outcome` says what became of one. `transcript` holds what a transcript's tail tells of usage, no texts.
    """

    id = models.BigAutoField(primary_key=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="captured_events", db_index=False)
    ingest_key = models.CharField(max_length=NAME_LENGTH, help_text="The same key in a project is stored once.")
    session_id = models.CharField(max_length=NAME_LENGTH)
    kind = models.CharField(max_length=20, choices=CapturedKind.choices)
    name = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="As the agent calls it.")
    agent = models.CharField(max_length=NAME_LENGTH, blank=True)
    machine = models.CharField(max_length=NAME_LENGTH, blank=True)
    cwd = models.CharField(max_length=1000, blank=True)
    branch = models.CharField(max_length=NAME_LENGTH, blank=True)
    token = models.ForeignKey(RoleToken, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    person = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="The token's label.")
    body = models.JSONField(default=dict)
    transcript = models.JSONField(null=True)
    client = models.JSONField(default=dict, help_text="What the client tells of itself.")
    masked_count = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()
    sequence = models.BigIntegerField(default=0)
    received_at = models.DateTimeField(default=timezone.now, db_default=Now())
    worked_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True)

    objects = CapturedEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "ingest_key"], name="one_captured_event_per_key"),
            models.CheckConstraint(condition=~models.Q(session_id=""), name="a_captured_event_has_a_session"),
        ]
        indexes = [
            models.Index(fields=["project", "session_id", "at", "sequence", "id"], name="captured_of_session"),
            models.Index(fields=["project", "session_id"], condition=models.Q(worked_at=None), name="captured_waiting"),
            models.Index(fields=["received_at"], name="captured_received"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.session_id}"


class CapturedSessionQuerySet(models.QuerySet["CapturedSession"]):
    """Questions about captured sessions."""

    def with_page_due(self) -> Self:
        """Sessions whose page is behind what is known of them."""
        return self.filter(page_due_at__isnull=False).order_by("page_due_at", "pk")

    def with_rewrite_due(self) -> Self:
        """Sessions that ended and that a language model has not been asked about."""
        return self.filter(rewrite_due_at__isnull=False).order_by("rewrite_due_at", "pk")


class CapturedSession(models.Model):
    """What the captured events of a run add up to: its digest (see runs/capture/digest.py) and its page's whereabouts."""

    run = models.OneToOneField(Run, primary_key=True, on_delete=models.CASCADE, related_name="captured")
    digest = models.JSONField(default=dict)
    has_work = models.BooleanField(default=False, help_text="A prompt was given or a tool used.")
    page_due_at = models.DateTimeField(null=True, help_text="Since when its page is to be written.")
    page_id = models.UUIDField(null=True, help_text="The memory that is its page.")
    page_is_kept = models.BooleanField(default=False, help_text="A person accepted another text for it.")
    rewrite_due_at = models.DateTimeField(null=True, help_text="Since when a language model is to be asked about it.")

    objects = CapturedSessionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["page_due_at"], condition=models.Q(page_due_at__isnull=False), name="session_page_due"
            ),
            models.Index(
                fields=["rewrite_due_at"],
                condition=models.Q(rewrite_due_at__isnull=False),
                name="session_rewrite_due",
            ),
        ]

    def __str__(self) -> str:
        return f"captured: {self.run_id}"


# What a person types, so that it fits a row.
MACHINE_NAME_LENGTH = 60


class MachineQuerySet(models.QuerySet["Machine"]):
    """Questions about machines."""

    def of(self, caller: "Caller") -> Self:
        """The caller's own machines."""
        return self.filter(holder=holder_of(caller))

    def visible_to(self, caller: "Caller") -> Self:
        """The caller's own machines; for admins also those whose last token lies inside their scope."""
        if not caller.may(Role.ADMIN):
            return self.of(caller)
        if caller.project_ids is None:
            return self
        own = models.Q(holder=holder_of(caller))
        return self.filter(own | models.Q(token__in=RoleToken.objects.visible_to(caller)))

    def refused(self) -> Self:
        """Those that the agents' doors refuse."""
        return self.exclude(refused_at=None)


def holder_of(caller: "Caller") -> str:
    """Whom a machine belongs to: the member, else the token of nobody's."""
    return f"member:{caller.member_id}" if caller.member_id is not None else f"token:{caller.token_id}"


class Machine(models.Model):
    """A machine that a person's agents run on, as its client told of itself last.

    Its name is what its client calls it: whoever holds the token can say another one. While refused_at is set, the
    agents' doors refuse what comes under this name from this holder.
    """

    id = models.BigAutoField(primary_key=True)
    holder = models.CharField(max_length=60, help_text="member:ID, or token:ID where the token is nobody's.")
    name = models.CharField(max_length=NAME_LENGTH)
    display_name = models.CharField(
        max_length=MACHINE_NAME_LENGTH, blank=True, help_text="What people call it, where they call it otherwise."
    )
    member = models.ForeignKey(Member, null=True, on_delete=models.CASCADE, related_name="machines")
    token = models.ForeignKey(RoleToken, null=True, on_delete=models.SET_NULL, related_name="machines")
    agents = ArrayField(models.CharField(max_length=NAME_LENGTH), default=list)
    client_version = models.CharField(max_length=60, blank=True)
    backlog = models.PositiveIntegerField(null=True, help_text="Events that still waited there.")
    backlog_seconds = models.PositiveIntegerField(null=True, help_text="How long the oldest of them had waited.")
    untrusted = ArrayField(
        models.CharField(max_length=60), default=list, help_text="Agents whose hooks nobody trusted yet."
    )
    first_event_at = models.DateTimeField(default=timezone.now)
    last_event_at = models.DateTimeField(default=timezone.now)
    refused_at = models.DateTimeField(null=True, help_text="Since when the agents' doors refuse it.")
    refused_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = MachineQuerySet.as_manager()

    class Meta:
        ordering = ["-last_event_at"]
        constraints = [
            models.UniqueConstraint(fields=["holder", "name"], name="one_machine_per_holder_and_name"),
            models.UniqueConstraint(
                fields=["holder", "display_name"],
                condition=~models.Q(display_name=""),
                name="one_machine_per_holder_and_display_name",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or self.name


SUMMARY_LENGTH = 3000


class HandoffState(models.TextChoices):
    """What became of a handoff."""

    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Accepted"
    EXPIRED = "expired", "Expired"


class HandoffQuerySet(models.QuerySet["Handoff"]):
    """Questions about handoffs."""

    def visible_to(self, caller: "Caller") -> Self:
        """Handoffs in the caller's scope."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)

    def within(self, project_ids: list[int] | None) -> Self:
        """Handoffs of these projects; None for no bound."""
        return self if project_ids is None else self.filter(project_id__in=project_ids)

    def open(self) -> Self:
        """Waiting for a session."""
        return self.filter(state=HandoffState.OPEN)

    def claimable_by(self, caller: "Caller") -> Self:
        """Assigned to nobody, or to the caller."""
        mine = models.Q(assigned_to=None)
        return self.filter(mine | models.Q(assigned_to_id=caller.member_id) if caller.member_id else mine)


class Handoff(models.Model):
    """Where a session left off, for the next one in its project, whatever the agent. One session gets it.

    An automatic one is made at a session's end; of those from one directory only the newest is open.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="handoffs")
    from_run = models.ForeignKey(Run, null=True, on_delete=models.SET_NULL, related_name="handoffs")
    from_session = models.CharField(max_length=NAME_LENGTH, blank=True)
    from_agent = models.CharField(max_length=NAME_LENGTH, blank=True)
    from_member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    from_person = models.CharField(max_length=NAME_LENGTH, blank=True)
    cwd = models.CharField(max_length=1000, blank=True)
    summary = models.CharField(max_length=SUMMARY_LENGTH)
    open_questions = ArrayField(models.CharField(max_length=SUMMARY_LENGTH), default=list)
    next_steps = ArrayField(models.CharField(max_length=SUMMARY_LENGTH), default=list)
    files_touched = ArrayField(models.CharField(max_length=1000), default=list)
    is_automatic = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=HandoffState.choices, default=HandoffState.OPEN)
    assigned_to = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="handoffs")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    accepted_at = models.DateTimeField(null=True)
    accepted_session = models.CharField(max_length=NAME_LENGTH, blank=True)
    accepted_agent = models.CharField(max_length=NAME_LENGTH, blank=True)
    accepted_member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    accepted_person = models.CharField(max_length=NAME_LENGTH, blank=True)
    ended_reason = models.CharField(max_length=NAME_LENGTH, blank=True, help_text="Why an expired one is over.")

    objects = HandoffQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state=HandoffState.ACCEPTED, accepted_at__isnull=False)
                | models.Q(state__in=[HandoffState.OPEN, HandoffState.EXPIRED], accepted_at=None),
                name="an_accepted_handoff_has_its_time",
            ),
            models.UniqueConstraint(
                fields=["project", "cwd"],
                condition=models.Q(state=HandoffState.OPEN, is_automatic=True),
                name="one_open_automatic_handoff_per_place",
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "-created_at"], condition=models.Q(state=HandoffState.OPEN), name="handoff_open"
            ),
            models.Index(
                fields=["project", "accepted_session"],
                condition=models.Q(state=HandoffState.ACCEPTED),
                name="handoff_accepted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_agent or self.from_person}: {self.summary[:60]}"


class CheckpointQuerySet(models.QuerySet["Checkpoint"]):
    """Questions about checkpoints."""

    def visible_to(self, caller: "Caller") -> Self:
        """Checkpoints in the caller's scope."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)


class Checkpoint(models.Model):
    """What a session knew before its context was compacted, to be given back afterwards."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="checkpoints")
    session_id = models.CharField(max_length=NAME_LENGTH)
    agent = models.CharField(max_length=NAME_LENGTH, blank=True)
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    person = models.CharField(max_length=NAME_LENGTH, blank=True)
    task = models.CharField(max_length=SUMMARY_LENGTH, blank=True)
    files = ArrayField(models.CharField(max_length=1000), default=list)
    decisions = ArrayField(models.CharField(max_length=SUMMARY_LENGTH), default=list)
    errors = ArrayField(models.CharField(max_length=SUMMARY_LENGTH), default=list)
    next_steps = ArrayField(models.CharField(max_length=SUMMARY_LENGTH), default=list)
    is_automatic = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    objects = CheckpointQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.CheckConstraint(condition=~models.Q(session_id=""), name="a_checkpoint_has_a_session")]
        indexes = [models.Index(fields=["project", "session_id", "-created_at"], name="checkpoint_of_session")]

    def __str__(self) -> str:
        return f"{self.session_id} {self.created_at:%Y-%m-%d %H:%M}"


class PinnedFactQuerySet(models.QuerySet["PinnedFact"]):
    """Questions about pinned facts."""

    def visible_to(self, caller: "Caller") -> Self:
        """Facts in the caller's scope."""
        return self if caller.project_ids is None else self.filter(project_id__in=caller.project_ids)

    def holding(self, project_id: int, session_id: str) -> Self:
        """Facts that hold in a session: its own, and those of its whole project; the oldest first."""
        return self.filter(project_id=project_id, session_id__in=["", session_id], released_at=None).order_by(
            "created_at", "pk"
        )


class PinnedFact(models.Model):
    """A fact that every compaction gives back whole, and why it matters. Without a session it holds in its project."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="pinned_facts")
    session_id = models.CharField(max_length=NAME_LENGTH, blank=True)
    fact = models.CharField(max_length=SUMMARY_LENGTH)
    reason = models.CharField(max_length=500, blank=True)
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    person = models.CharField(max_length=NAME_LENGTH, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    released_at = models.DateTimeField(null=True)

    objects = PinnedFactQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        constraints = [models.CheckConstraint(condition=~models.Q(fact=""), name="a_pinned_fact_says_something")]
        indexes = [
            models.Index(
                fields=["project", "session_id"], condition=models.Q(released_at=None), name="pinned_fact_holding"
            )
        ]

    def __str__(self) -> str:
        return self.fact[:80]
