"""The command `get_prompt`."""

from access.models import GLOBAL_PROJECT, Project
from access.roles import Role
from api.answers import in_utc
from api.arguments import Identifier, OfRun, ProjectArguments, Text, optional_text
from api.registry import Call, CommandResult, ProjectUse, command
from api.uses import note_given, run_that_asks
from memories.models import NAME_LENGTH, TITLE_LENGTH, Memory, UseKind
from memories.prompts import find_prompt
from memories.reading import note_access
from runs.recording import pick_up_prompt


class GetPromptArguments(ProjectArguments, OfRun):
    """Which prompt, and who will run it."""

    synonyms = {"prompt_name": ("name", "title")}

    prompt_name = Text(max_length=TITLE_LENGTH, help_text="Its name; `name` and `title` are understood too.")
    id = Identifier(required=False, help_text="Its id, where several prompts share a name.")
    runner = optional_text(NAME_LENGTH, help_text="Which agent runs it: its next `log_run` is linked to the prompt.")


@command(
    "get_prompt",
    aliases=["run_prompt", "fetch_prompt", "load_prompt", "execute_prompt"],
    arguments=GetPromptArguments,
    role=Role.GUEST,
    writes=False,
    project=ProjectUse.READ,
    example={"prompt_name": "Review a migration", "project": "app", "runner": "claude-code"},
)
def get_prompt(call: Call) -> CommandResult:
    """Read a prompt by name, from the project or else from the global one.

    With `runner`, that runner's next `log_run` in the project is linked to the prompt, once. Answers `id`, `title`,
    `content_md`, `project`, `access_count`, `version`, `updated_at`.
    """
    asking = run_that_asks(call)
    prompt = find_prompt(
        call.caller, call.arguments["prompt_name"], call.project_name, prompt_id=call.arguments.get("id")
    )
    note_access(prompt)
    note_given(asking, [prompt.pk], UseKind.PROMPT)
    runner = call.arguments.get("runner", "")
    if runner:
        pick_up_prompt(call.caller, _project_of_run(call, prompt), runner, prompt.pk, prompt.title)
    return CommandResult(
        {
            "id": str(prompt.pk),
            "title": prompt.title,
            "content_md": prompt.content_md,
            "project": prompt.project.name,
            "access_count": prompt.access_count,
            "version": prompt.version,
            "updated_at": in_utc(prompt.updated_at),
        }
    )


def _project_of_run(call: Call, prompt: Memory) -> Project:
    """Where the run will be reported: in the project that was asked for, else in the prompt's own."""
    if call.project_name == GLOBAL_PROJECT:
        return prompt.project
    asked = Project.objects.visible_to(call.caller).filter(name=call.project_name).first()
    return asked or prompt.project
