"""Template filters for machines that agents run on."""

from datetime import timedelta

from django import template
from django.utils.safestring import SafeString

from access.appearance import CONNECTION_LOOKS, scope_in_words, state_label
from access.callers import Caller
from access.moments import length_in_words
from access.tokens import may_revoke
from runs.machines import may_allow, may_look_after
from runs.models import Machine, holder_of
from zikra_portal.connect_page import agent_label

register = template.Library()


@register.filter
def agents_named(names: list[str]) -> str:
    """Agents as people write them; "–" for none."""
    return ", ".join(agent_label(name) for name in names) or "–"


@register.filter
def agent_named(name: str) -> str:
    """One agent as people write it."""
    return agent_label(name)


@register.filter
def backlog(machine: Machine) -> str:
    """What still waited there when it was last heard of, in words; "–" where its client does not say."""
    if machine.backlog is None:
        return "–"
    if not machine.backlog:
        return "none"
    age = (
        f", the oldest for {length_in_words(timedelta(seconds=machine.backlog_seconds))}"
        if machine.backlog_seconds
        else ""
    )
    return f"{machine.backlog:,}{age}"


@register.filter
def token_reach(machine: Machine) -> str:
    """The projects of its token, in words. Costs nothing when they were fetched before."""
    return scope_in_words(machine.token.all_projects, machine.token.projects.all()) if machine.token else "–"


@register.filter
def machine_state(machine: Machine) -> SafeString:
    """Whether its token opens the door, and the door lets it in, as a word and a shape."""
    state = machine.token.state if machine.token else "revoked"
    is_refused = state == "active" and machine.refused_at is not None
    word = "refused" if is_refused else "connected" if state == "active" else state
    return state_label(word, CONNECTION_LOOKS.get(word, ""))


@register.filter
def revocable_by(machine: Machine, caller: Caller) -> bool:
    """Whether the reader may shut it out, and it is not out yet."""
    return machine.token is not None and machine.token.state == "active" and may_revoke(caller, machine.token)


@register.filter
def forgettable_by(machine: Machine, caller: Caller) -> bool:
    """Whether the reader may take it off the list: their own, when its token is over and nobody refused it."""
    is_out = machine.token is None or machine.token.state != "active"
    return is_out and machine.refused_at is None and machine.holder == holder_of(caller)


@register.filter
def allowable_by(machine: Machine, caller: Caller) -> bool:
    """Whether it is refused, and the reader may let it in again."""
    return machine.refused_at is not None and may_allow(caller, machine)


@register.filter
def renamable_by(machine: Machine, caller: Caller) -> bool:
    """Whether the reader may give it another name."""
    return may_look_after(caller, machine)
