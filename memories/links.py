"""[[Wikilinks]] between memories of one project: found in the text, resolved now or when their title appears."""

import re
import uuid
from collections.abc import Callable, Iterator

from memories.models import TITLE_LENGTH, Memory, MemoryLink

# [[Title]] or [[Title|words]]; both parts on one line. Bounded repetition keeps hostile text linear.
WIKILINK = re.compile(r"\[\[([^\[\]|\n]{1,500})(?:\|([^\[\]\n]{0,500}))?\]\]")
# Text in code is not a link: `[[ -f file ]]` is a shell's test.
CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINKS_AT_MOST = 500


def title_key(title: str) -> str:
    """A title folded for comparison: case and runs of blanks do not tell titles apart."""
    return " ".join(title.split()).casefold()[:TITLE_LENGTH]


def linked_titles(text: str) -> Iterator[str]:
    """Titles that a text links to, in order, each once; at most LINKS_AT_MOST."""
    seen: set[str] = set()
    for match in WIKILINK.finditer(CODE.sub(" ", text)) if "[[" in text else ():
        title = " ".join(match[1].split())
        key = title_key(title)
        if key and key not in seen and len(seen) < LINKS_AT_MOST:
            seen.add(key)
            yield title


def can_be_linked(title: str) -> bool:
    """Whether a [[wikilink]] can name a title: one with brackets or a bar ends the link too early."""
    return bool(title.strip()) and not set(title) & set("[]|\n")


def replace_links(text: str, key: str, replacement: Callable[[str], str]) -> str:
    """A text with its links to one folded title replaced; what stands in code is left alone.

    replacement: answers what stands in the text instead, given the words that the link showed.
    """

    def replaced(match: re.Match[str]) -> str:
        return replacement((match[2] or "").strip() or match[1].strip()) if title_key(match[1]) == key else match[0]

    parts, end = [], 0
    for code in CODE.finditer(text):
        parts += [WIKILINK.sub(replaced, text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, WIKILINK.sub(replaced, text[end:])])


def relink(memory: Memory, *, had_links: bool = True) -> None:
    """Make the memory's outgoing links equal to its text. had_links: False spares a new memory the removal."""
    wanted = {title_key(title): title for title in linked_titles(memory.content_md)}
    wanted.pop(memory.title_key, None)
    if had_links:
        memory.outgoing_links.exclude(target_key__in=wanted).delete()
        for key in memory.outgoing_links.values_list("target_key", flat=True):
            wanted.pop(key, None)
    if not wanted:
        return
    targets = _targets(memory.project_id, list(wanted))
    MemoryLink.objects.bulk_create(
        [
            MemoryLink(source=memory, target_id=targets.get(key), target_title=title, target_key=key)
            for key, title in wanted.items()
        ],
        ignore_conflicts=True,
    )


def resolve_links_to(memory: Memory) -> int:
    """Point the project's waiting links at a memory that has just appeared; answers how many."""
    # Asked first, because mostly nothing waits; and within one statement PostgreSQL, where it takes the table for empty,
    # looks for the title once for each link of the portal: 499 saves of a demo waited 22 s for it, some a second each.
    found = MemoryLink.objects.ids_waiting_for(memory)
    return MemoryLink.objects.filter(pk__in=found, target=None).update(target=memory) if found else 0


def release_links_to(memory: Memory) -> None:
    """Turn the links to a memory that goes away to another one of that title, or let them wait again."""
    heirs = _targets(memory.project_id, [memory.title_key], besides=memory)
    memory.incoming_links.update(target=heirs.get(memory.title_key))


def _targets(project_id: int, keys: list[str], besides: Memory | None = None) -> dict[str, uuid.UUID]:
    """The newest live memory for each folded title."""
    found = Memory.objects.filter(project_id=project_id, title_key__in=keys, deleted_at=None).order_by("created_at")
    if besides is not None:
        found = found.exclude(pk=besides.pk)
    return dict(found.values_list("title_key", "id"))
