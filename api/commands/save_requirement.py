"""The command `save_requirement`."""

from access.audit import AuditSubject
from access.roles import Role
from api.arguments import Day, Lines, Names, ProjectArguments, Text, WholeNumber, Word, Words, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from memories.models import TAG_LENGTH
from requirements_pipeline.models import NAME_LENGTH, TITLE_LENGTH, Requirement
from requirements_pipeline.writing import CRITERION_LENGTH, LEAST_URGENT, MOST_URGENT, save_requirement

# PostgreSQL's integer.
LARGEST_VERSION = 2**31 - 1
KEPT_WHEN_LEFT_OUT = (
    "content_md",
    "acceptance",
    "priority",
    "module",
    "tags",
    "due_on",
    "assignee",
    "depends_on",
    "memories",
    "created_by",
    "state",
    "expected_version",
)


class SaveRequirementArguments(ProjectArguments):
    """What somebody wants done."""

    synonyms = {"content_md": ("content",), "acceptance": ("acceptance_criteria",)}

    title = Text(max_length=TITLE_LENGTH, help_text="Its address within the project; saving it again rewrites it.")
    content_md = optional_text(trim=False, help_text="The wish, in Markdown; `content` is understood too.")
    acceptance = Lines(
        entry_length=CRITERION_LENGTH, allow_null=True, help_text="Acceptance criteria: a list, or a text of lines."
    )
    priority = WholeNumber(
        required=False, min_value=MOST_URGENT, max_value=LEAST_URGENT, help_text="1, the most urgent, to 5."
    )
    module = optional_text(NAME_LENGTH, help_text="Part of the code base that it is about.")
    tags = Words(entry_length=TAG_LENGTH, allow_null=True, help_text="Short words to filter by.")
    due_on = Day(
        required=False, allow_null=True, help_text="When it should be done, such as 2026-03-31; empty for none."
    )
    assignee = optional_text(NAME_LENGTH, help_text="Username of who is to do it; empty for anybody.")
    depends_on = Names(
        entry_length=TITLE_LENGTH,
        allow_null=True,
        help_text="Ids or titles of requirements of the project to wait for.",
    )
    memories = Words(allow_null=True, help_text="Ids of memories that belong to it.")
    created_by = optional_text(NAME_LENGTH, help_text="Who wants it; left out, the token's label.")
    expected_version = WholeNumber(
        required=False,
        min_value=0,
        max_value=LARGEST_VERSION,
        help_text="The `version` that you have read, 0 for none yet: a 409 tells that somebody has saved another since.",
    )
    state = Word(required=False, allow_blank=False, max_length=20, help_text="draft or submitted.")


def requirement_subject(requirement: Requirement) -> AuditSubject:
    """A requirement in the audit trail."""
    return AuditSubject("requirement", str(requirement.pk), requirement.title, requirement.project_id)


@command(
    "save_requirement",
    aliases=["add_requirement", "write_requirement"],
    arguments=SaveRequirementArguments,
    role=Role.COLLABORATOR,
    writes=True,
    project=ProjectUse.WRITE,
    example={
        "title": "Export invoices as CSV",
        "content_md": "Accounting imports them every month.",
        "acceptance": ["One row an invoice", "Amounts with two decimals"],
        "priority": 2,
        "project": "app",
    },
    idempotent=True,
)
def save(call: Call) -> CommandResult:
    """Save a requirement under its project and title.

    Answers `id`, `title`, `status`, `state`, `version` and `project`.
    """
    given = call.given(*KEPT_WHEN_LEFT_OUT)
    if given.get("due_on") == "":
        given["due_on"] = None
    requirement = save_requirement(call.caller, call.project, call.arguments["title"], **given)
    answer = {
        "id": str(requirement.pk),
        "title": requirement.title,
        "status": "saved",
        "state": requirement.state,
        "version": requirement.version,
        "project": requirement.project.name,
    }
    return CommandResult(answer, requirement_subject(requirement))
