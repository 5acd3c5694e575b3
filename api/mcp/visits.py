"""Who is at the MCP door in one request, and what the answers to it need to know."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from access.callers import Caller
from api.registry import registry
from api.running import Answer, run_command


@dataclass(frozen=True)
class Visit:
    """One request's caller, the revision that it speaks, and the portal's address as the caller knows it.

    runner: who runs the client, from a header; fills that argument where a command has it and the call leaves it out.
    """

    caller: Caller
    version: str
    address: str
    runner: str = ""

    def run(self, command_name: str, arguments: dict[str, Any]) -> Answer:
        """Run a command for the caller, as the webhook would."""
        command = registry.find(command_name)
        takes_runner = command is not None and "runner" in command.serializer.fields
        if self.runner and takes_runner and not arguments.get("runner"):
            arguments = {**arguments, "runner": self.runner}
        return run_command(command_name, arguments, self.caller)

    def memory_page(self, memory_id: str) -> str:
        """The address of a memory's page."""
        return f"{self.address}{reverse('memory', args=[memory_id])}"
