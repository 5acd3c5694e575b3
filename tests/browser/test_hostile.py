"""Texts that want to run, to lead astray or to break the page: on every page they stand as what they are, text."""

from decimal import Decimal

import pytest

from access.models import Notification
from access.roles import Role
from access.tokens import make_token
from memories.models import MemoryLink, SessionProposal
from memories.saving import save_memory
from requirements_pipeline.commenting import add_comment
from requirements_pipeline.models import Requirement, RequirementState
from requirements_pipeline.moves import move_requirement
from requirements_pipeline.writing import save_requirement
from runs.handoffs import begin
from runs.models import Machine
from runs.recording import ModelTokens, heartbeat_run, log_run, start_run
from runs.tokens import TokenCounts
from tests.browser.addresses import PAGES, Known
from tests.browser.conftest import PHONE, WALK, WIDE, connect_a_client, connect_a_machine, log_in

pytestmark = WALK

RUNS = "window.hasRun=1"
SCRIPT = f"<script>{RUNS}</script><img src=x onerror={RUNS}><svg onload={RUNS}>"
WORD = "W" * 10_000
RIGHT_TO_LEFT = "\u202eהזמנה مرحبا\u202c"
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈" * 20
MARKDOWN = f"""# {SCRIPT}

[scripted](javascript:{RUNS}) [data](data:text/html,<script>{RUNS}</script>) [blanks](java\tscript:{RUNS}) [vb](vbscript:{RUNS})
<javascript:{RUNS}> ![picture](javascript:{RUNS}) [[{SCRIPT}|{SCRIPT}]] [[javascript:{RUNS}]]

<a href="javascript:{RUNS}" onclick="{RUNS}">html</a> <iframe src="javascript:{RUNS}"></iframe> <style>body {{ display: none }}</style>
<details open ontoggle={RUNS}><form action="javascript:{RUNS}"><button>x</button></form></details>

{WORD} {RIGHT_TO_LEFT} {EMOJI}

```html
{SCRIPT}{WORD}
```

| {WORD} | {SCRIPT} |
|---|---|
| {WORD} | [x](javascript:{RUNS}) |
"""
# What a page must not hold below its frame, and addresses that no link may have.
FOREIGN = """() => {
    const inside = document.querySelector("main") ?? document.body;
    const found = [...inside.querySelectorAll("script, iframe, object, embed, style, base, meta")].map(node => node.outerHTML.slice(0, 80));
    for (const node of inside.querySelectorAll("*"))
        for (const attribute of node.attributes)
            if (attribute.name.startsWith("on") || /^\\s*(javascript|vbscript|data):/i.test(attribute.value)
                && ["href", "src", "action", "formaction", "xlink:href", "data"].includes(attribute.name))
                found.push(`${node.tagName} ${attribute.name}=${attribute.value.slice(0, 60)}`);
    if (window.hasRun) found.push("a script has run");
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide > 0) {
        const out = [...document.querySelectorAll("body *")].filter(node => node.getBoundingClientRect().right > innerWidth + 1);
        found.push(`scrolls ${wide} px sideways: ${out.slice(0, 4).map(node => node.tagName + "." + node.className)}`);
    }
    return found;
}"""


def _line(name: str, length: int) -> str:
    """A hostile single line of exactly so many characters at most."""
    return f"{name} {SCRIPT} {RIGHT_TO_LEFT} {EMOJI[:20]} {WORD}"[:length]


@pytest.fixture
def hostile(owner, app, secret_project) -> Known:
    """A project in which every field that people and agents fill is hostile."""
    caller = owner.caller
    title = _line("memory", 500)
    for memory_type in ("decision", "error", "prompt", "note"):
        tags = [_line("tag", 100), "javascript:x", RIGHT_TO_LEFT]
        texts = {"content_md": MARKDOWN, "resolution": MARKDOWN, "module": _line("module", 200)}
        texts |= {"source_file": _line("file", 1000), "created_by": _line("who", 200)}
        memory = save_memory(caller, app, memory_type, title, tags=tags, **texts).memory
    prompt = save_memory(caller, app, "prompt", title, content_md=f"{MARKDOWN}\nAnother version.").memory
    draft = save_requirement(caller, app, _line("draft", 500), state="draft")
    requirement = save_requirement(
        caller,
        app,
        _line("requirement", 500),
        content_md=MARKDOWN,
        acceptance=[_line("criterion", 1000), WORD[:1000]],
        module=_line("module", 200),
        tags=[_line("tag", 100)],
        depends_on=[str(draft.pk)],
        memories=[memory.pk],
    )
    move_requirement(caller, requirement, RequirementState.ON_HOLD, reason=MARKDOWN[:4000])
    move_requirement(caller, requirement, RequirementState.PROMOTED)
    comment = add_comment(caller, requirement, f"{MARKDOWN[:6000]} @olga @{WORD[:100]}")
    told = {name: _line(name, 200) for name in ("runner", "agent", "machine", "branch")}
    told |= {"cwd": _line("cwd", 1000), "step": _line("step", 500), "prompt_id": prompt.pk, "prompt_name": title}
    told |= {"requirement_id": requirement.pk, "requirement_title": requirement.title}
    active = start_run(caller, app, session_id=_line("session", 200), **told)
    heartbeat_run(caller, app, run_id=active.pk, step=_line("another step", 500))
    usage = [ModelTokens(_line("model", 200), TokenCounts(2**50, 5)), ModelTokens("m" * 200, TokenCounts(1, 1))]
    ended = log_run(
        caller,
        app,
        session_id="ended",
        **told,
        status=_line("status", 40),
        output_summary=MARKDOWN,
        files_modified=[_line("path", 1000), f"javascript:{RUNS}"],
        commits=[f"javascript:{RUNS}", f"data:text/html,{SCRIPT}"],
        pull_requests=[f"javascript:{RUNS}", f"JaVaScRiPt:{RUNS}"],
        usage=usage,
        cost_usd=Decimal("12345678.9"),
    )
    save_memory(caller, app, "note", _line("born", 500), content_md=MARKDOWN, run_id=ended.pk)
    words = _line("words", 500)
    Notification.objects.create(member=owner.member, project=app, kind="moved", words=words, link=f"javascript:{RUNS}")
    told_over = {"open_questions": [MARKDOWN[:3000]], "next_steps": [MARKDOWN[:3000]]}
    told_over |= {"files_touched": [_line("path", 1000)], "agent": _line("agent", 200), "cwd": _line("cwd", 1000)}
    begin(caller, app, MARKDOWN[:3000], **told_over)
    proposed = {"title": title, "content_md": MARKDOWN, "written_by": _line("model", 200)}
    SessionProposal.objects.create(project=app, run_id=ended.pk, kind="decision", **proposed)
    make_token(caller, _line("token", 200), Role.GUEST, project_names=["app"])
    machine = connect_a_machine(
        owner.member,
        _line("machine", 200),
        agents=[_line("agent", 200), WORD[:200]],
        untrusted=[WORD[:60], "codex"],
        client_version=WORD[:60],
    )
    shared = {"holder": machine.holder, "member": machine.member, "token": machine.token}
    return Known(
        project="app",
        requirement=Requirement.objects.get(pk=requirement.pk),
        draft=draft,
        comment=comment,
        memory=memory,
        dead_link=MemoryLink.objects.filter(target=None).first(),
        ended_run=ended,
        active_run=active,
        connection=connect_a_client(owner.member),
        machine=machine,
        sharing_machine=Machine.objects.create(name=WORD[:200], display_name=_line("called", 60), **shared),
    )


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_hostile_texts_stand_on_every_page_as_text(open_page, hostile, size):
    page = open_page(size)
    page.on("dialog", lambda dialog: pytest.fail(f"{page.url} asks: {dialog.message}"))
    log_in(page, "olga")
    found = []
    for name, addresses in PAGES.items():
        for address in addresses(hostile):
            answer = page.goto(address)
            assert answer is not None
            if not answer.ok:
                found.append(f"{address} answered {answer.status}")
            found += [f"{name} {address}: {problem}" for problem in page.evaluate(FOREIGN)]
    assert found == []


def test_hostile_titles_can_be_read(open_page, hostile):
    page = open_page()
    log_in(page, "olga")
    for name in ("memory", "requirement", "run"):
        page.goto(PAGES[name](hostile)[0])
        assert f"<script>{RUNS}</script><img src=x onerror={RUNS}>" in page.locator("main").inner_text(), name
    page.goto(PAGES["memories"](hostile)[0])
    assert page.locator("main").get_by_text(f"memory <script>{RUNS}</script>").count() > 0
