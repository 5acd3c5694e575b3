"""Codex's transcripts: running totals become what was used, and a child pays only for itself."""

import json
import random

from hypothesis import given
from hypothesis import strategies as st

from runs.tokens import TokenCounts
from runs.transcripts.codex import read, thread_of
from tests.runs.transcripts.lines import CWD, clock, count, event, line, meta, totals, turn
from tests.runs.transcripts.test_transcripts import JSON

TOKENS = st.tuples(st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 900))


def test_the_facts_of_a_thread():
    git = {"branch": "main", "repository_url": "git@example.com:team/shop.git"}
    lines = [
        meta(0, session_id="t1", git=git),
        turn(1),
        event("response_item", 1, type="message", role="user", content=[{"text": "<environment_context>…"}]),
        event("event_msg", 2, type="user_message", message="make the\nbasket faster"),
        event("event_msg", 3, type="token_count", info=None),
        count(4, totals(1000, 600, 50)),
        count(8, totals(3000, 2400, 80)),
    ]
    session = read(lines)
    assert (session.agent, session.session_id, session.cwd, session.branch) == ("codex", "t1", CWD, "main")
    assert (session.repository, session.first_prompt) == ("git@example.com:team/shop.git", "make the basket faster")
    assert (session.started_at.isoformat(), session.last_at.isoformat()) == (
        "2026-03-02T09:00:00+00:00",
        "2026-03-02T09:00:08+00:00",
    )
    assert session.usage == {"gpt-5.4": TokenCounts(600, 80, 2400, None, None)}


def test_each_model_pays_for_its_own_turns():
    lines = [turn(0, "a"), count(1, totals(100, 0, 10)), turn(2, "b"), count(3, totals(250, 100, 15)), turn(4, "a")]
    lines.append(count(5, totals(260, 100, 16)))
    assert read(lines).usage == {"a": TokenCounts(110, 11, 0), "b": TokenCounts(50, 5, 100)}


def test_what_was_written_to_the_cache_is_no_input():
    assert read([turn(0), count(1, totals(1000, 600, 50, written=300))]).tokens == TokenCounts(100, 50, 600, 300)


def test_counters_that_start_anew_count_from_there():
    lines = [turn(0), count(1, totals(1000, 0, 100)), count(2, totals(1500, 0, 150)), count(3, totals(400, 300, 20))]
    assert read(lines).tokens == TokenCounts(1600, 170, 300)
    last = totals(100, 0, 20)
    assert read([*lines[:3], count(3, totals(400, 0, 20), last)]).tokens == TokenCounts(1600, 170, 0)


def test_a_fork_that_starts_from_its_parents_totals_pays_for_its_own_turns_only():
    lines = [meta(50, "t2", forked_from_id="t1"), turn(51)]
    lines += [count(52, totals(7000, 0, 700), totals(900, 0, 80)), count(60, totals(8000, 0, 750), totals(1000, 0, 50))]
    assert read(lines).tokens == TokenCounts(1900, 130, 0)


def test_a_fork_that_repeats_its_parent_pays_for_its_own_turns_only():
    story = [turn(1), count(2, totals(1000, 0, 100)), count(9, totals(6000, 0, 600))]
    parent = read([meta(0), *story])
    own = [turn(55), count(60, totals(6500, 0, 650), totals(500, 0, 50))]
    for repeated in (story, [turn(51), count(51, totals(1000, 0, 100)), count(51.5, totals(6000, 0, 600))]):
        for keys in (parent.keys, None):
            child = read([meta(51, "t2", forked_from_id="t1"), meta(0), *repeated, *own], parent=keys)
            assert child.tokens == TokenCounts(500, 50, 0)
            assert child.started_at.isoformat() == "2026-03-02T09:00:51+00:00"


def test_subagents_that_take_the_same_as_each_other_or_their_parent_pay_all():
    parent = read([meta(0), turn(1), count(2, totals(70, 0, 7))])
    for thread in ("t2", "t3"):
        source = {"subagent": {"thread_spawn": {"parent_thread_id": "t1", "depth": 1}}}
        child = read(
            [meta(10, thread, session_id="t1", source=source), turn(11), count(25, totals(70, 0, 7))],
            parent=parent.keys,
        )
        assert (child.session_id, child.tokens) == ("t1", TokenCounts(70, 7, 0))


def test_files_are_those_of_patches_that_went_well():
    patch = "*** Begin Patch\n*** Update File: src/a.py\n@@\n*** Add File: b.py\n+x\n*** End Patch"
    lines = [
        meta(0),
        event("response_item", 1, type="custom_tool_call", name="apply_patch", call_id="c1", input=patch),
        event(
            "response_item", 2, type="custom_tool_call_output", call_id="c1", output="Success. Updated the following"
        ),
        event(
            "response_item", 3, type="custom_tool_call", name="apply_patch", call_id="c2", input="*** Add File: no.py"
        ),
        event("response_item", 4, type="custom_tool_call_output", call_id="c2", output="verification failed"),
        event("event_msg", 5, type="patch_apply_end", success=True, changes={f"{CWD}/c.py": {"add": {}}}),
        event("event_msg", 6, type="patch_apply_end", success=False, changes={f"{CWD}/never.py": {}}),
        event(
            "event_msg",
            7,
            type="item_completed",
            item={"type": "FileChange", "status": "completed", "changes": {"d.py": {}}},
        ),
    ]
    assert read(lines).files_modified == ("b.py", "c.py", "d.py", "src/a.py")


def test_the_first_line_tells_the_thread():
    assert thread_of(json.loads(meta(3, "t9", forked_from_id="t1")))[:3] == ("t9", "t9", "t1")
    assert thread_of(json.loads(turn(3))) is None
    assert thread_of({"type": "session_meta", "payload": {"id": 5}}) is None
    assert thread_of([]) is None


@given(st.lists(st.tuples(st.sampled_from(["a", "b", ""]), TOKENS), max_size=10), st.randoms(use_true_random=False))
def test_order_and_repetition_change_no_sum(turns, chance: random.Random):
    lines, expected, model = [meta(0)], {}, ""
    given_, cached, output, written = 0, 0, 0, 0
    for at, (name, (plain, read_, out, put)) in enumerate(turns, 1):
        model = name or model
        given_, cached, output, written = given_ + plain + read_ + put, cached + read_, output + out, written + put
        lines += [turn(at, name), count(at + 0.5, totals(given_, cached, output, written))]
        if plain + read_ + out + put:
            expected[model] = expected.get(model, TokenCounts()) + TokenCounts(plain, out, read_, put)
    shuffled = lines + chance.choices(lines, k=10)
    chance.shuffle(shuffled)
    assert read(lines).usage == expected
    assert read(shuffled).usage == expected


@given(st.lists(TOKENS, max_size=12), st.booleans())
def test_counters_that_jump_anywhere_never_make_a_negative_count(told, is_child):
    parent = {"forked_from_id": "t0"} if is_child else {}
    lines = [meta(0, **parent), turn(1)]
    lines += [count(at, totals(a, b, c, d), totals(d, c, b)) for at, (a, b, c, d) in enumerate(told, 2)]
    usage = read(lines).usage
    assert all(number is None or number >= 0 for tokens in usage.values() for number in tokens.known())


@given(st.lists(JSON.map(json.dumps) | st.text() | st.binary(), max_size=6))
def test_garbage_is_counted_and_never_an_error(lines):
    session = read(lines)
    assert session.lines >= session.broken_lines >= 0
    assert session.usage == {}


FIELDS = st.sampled_from(
    "type timestamp payload id info total_token_usage last_token_usage input_tokens output_tokens cached_input_tokens "
    "cache_write_input_tokens model source subagent thread_spawn git changes item content text ordinal call_id".split()
)
WEIRD = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(
        ["event_msg", "token_count", "session_meta", "turn_context", "response_item", clock(5), "item_completed"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(FIELDS, WEIRD, max_size=8), max_size=5))
def test_known_fields_of_unknown_kinds_are_never_an_error_and_no_count_is_negative(records):
    session = read([line(record) for record in records])
    assert session.broken_lines == 0
    assert all(number is None or number >= 0 for tokens in session.usage.values() for number in tokens.known())
