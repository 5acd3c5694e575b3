"""Decay: one formula in Python and in SQL, archiving, and what confirms."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.errors import Forbidden, NotFound
from memories import decay
from memories.archiving import archive_faded
from memories.curating import archive_memory, confirm_memory, pin_memory, unarchive_memory, unpin_memory
from memories.models import Memory, MemoryType

# As saving keeps them.
shares = st.floats(0, 1).map(lambda share: round(share, 6))
days = st.floats(0, 100_000)


@pytest.mark.parametrize(("age", "expected"), [(0, 0.8), (90, 0.4), (180, 0.2), (270, 0.1), (100_000, 0.05)])
def test_half_lives_by_hand(age, expected):
    value = decay.confidence(stated=0.8, age=timedelta(days=age), half_life_days=90, floor=0.05)
    assert value == pytest.approx(expected)


@given(stated=shares, age=days, half_life=st.floats(0.1, 10_000), floor=shares, reads=st.integers(0, 10**6))
def test_confidence_stays_between_the_floor_and_what_was_stated(stated, age, half_life, floor, reads):
    value = decay.confidence(
        stated=stated, age=timedelta(days=age), half_life_days=half_life, floor=floor, access_count=reads
    )
    assert min(floor, stated) <= value <= stated


@given(stated=shares, age=days, more=days, half_life=st.floats(0.1, 10_000), floor=shares)
def test_confidence_never_rises_with_age_and_never_falls_with_reads(stated, age, more, half_life, floor):
    def at(seconds, reads=0):
        return decay.confidence(
            stated=stated, age=timedelta(days=seconds), half_life_days=half_life, floor=floor, access_count=reads
        )

    assert at(age) >= at(age + more)
    assert at(age, 10) >= at(age)


@given(stated=shares, age=days, floor=shares)
def test_without_a_half_life_or_pinned_nothing_fades(stated, age, floor):
    moment = timedelta(days=age)
    assert decay.confidence(stated=stated, age=moment, half_life_days=None, floor=floor) == stated
    assert decay.confidence(stated=stated, age=moment, half_life_days=1, floor=floor, pinned=True) == stated


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stated=shares,
    age=days,
    half_life=st.one_of(st.none(), st.floats(0.1, 10_000)),
    floor=shares,
    reads=st.integers(0, 10**6),
)
def test_postgresql_computes_the_same(collaborator, app, save, stated, age, half_life, floor, reads):
    MemoryType.objects.filter(name="note").update(half_life_days=half_life, floor=floor)
    memory = save(collaborator, app, "A")
    Memory.objects.filter(pk=memory.pk).update(
        stated_confidence=stated, confirmed_at=timezone.now() - timedelta(days=age), access_count=reads
    )
    row = Memory.objects.with_confidence().select_related("memory_type").get(pk=memory.pk)
    assert row.confidence_now == pytest.approx(row.confidence, abs=1e-3)


def age(memory, days):
    Memory.objects.filter(pk=memory.pk).update(confirmed_at=timezone.now() - timedelta(days=days))


def test_the_nightly_job_archives_what_has_faded_and_only_once(owner, app, save):
    faded, fresh, pinned = (save(owner, app, title, memory_type="error") for title in ["Faded", "Fresh", "Pinned"])
    pin_memory(owner.caller, pinned, "keep")
    for memory in (faded, pinned):
        age(memory, 101)  # 0.5^(101/30) = 0.097
    age(fresh, 99)  # 0.102
    assert (archive_faded(), archive_faded()) == (1, 0)
    assert list(Memory.objects.filter(archived_at__isnull=False)) == [faded]


def test_nothing_is_deleted_by_age_and_confirming_brings_it_back(owner, collaborator, app, save):
    memory = save(owner, app, "Faded", memory_type="error")
    age(memory, 10_000)
    archive_faded()
    row = Memory.objects.select_related("memory_type").get()
    assert (row.state, row.confidence) == ("archived", 0.05)
    confirm_memory(collaborator.caller, memory)
    row = Memory.objects.select_related("memory_type").get()
    assert (row.state, row.confirmed_by) == ("live", "carl")
    assert row.confidence == pytest.approx(1.0, abs=1e-4)


def test_a_floor_above_the_threshold_is_never_archived(owner, app, save):
    MemoryType.objects.filter(name="error").update(floor=0.2)
    age(save(owner, app, "Old", memory_type="error"), 10_000)
    assert archive_faded() == 0


def test_pinning_and_archiving_need_an_admin_and_sight(owner, collaborator, stranger, app, save):
    memory = save(owner, app, "A")
    for deed in (lambda caller: pin_memory(caller, memory, "why"), lambda caller: archive_memory(caller, memory)):
        with pytest.raises(Forbidden):
            deed(collaborator.caller)
        with pytest.raises(NotFound):
            deed(stranger.caller)
    assert pin_memory(owner.caller, memory, " why ").pin_reason == "why"
    assert unpin_memory(owner.caller, memory).pinned_at is None
    assert archive_memory(owner.caller, memory).state == "archived"
    assert unarchive_memory(owner.caller, memory).state == "live"


# --- how it goes on --------------------------------------------------------------------------------------------------


@given(
    stated=shares, age=days, half_life=st.floats(0.1, 10_000), floor=shares, reads=st.integers(0, 10**6),
    threshold=st.floats(0.001, 1),
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_curve_is_the_formula_and_archiving_is_due_when_it_crosses_the_threshold(
    stated, age, half_life, floor, reads, threshold, monkeypatch
):
    monkeypatch.setattr(decay, "archive_threshold", lambda: threshold)
    kept = {"stated": stated, "half_life_days": half_life, "floor": floor, "access_count": reads}
    found = decay.fading(**kept, age=timedelta(days=age), pinned=False)
    assert len(found.points) == decay.CURVE_POINTS
    assert found.points[-1][0] >= found.days_passed * 0.99 or found.points[-1][0] == decay.LONGEST_CURVE_DAYS
    for passed, share in found.points:
        assert share == pytest.approx(decay.confidence(**kept, age=timedelta(days=passed)))
    now = decay.confidence(**kept, age=timedelta(days=age))
    if found.days_left is None:
        assert min(floor, stated) >= threshold
    elif found.days_left == 0:
        assert now <= threshold * 1.0001
    else:
        due = timedelta(days=found.days_passed + found.days_left)
        assert decay.confidence(**kept, age=due) == pytest.approx(threshold, rel=1e-3)


@pytest.mark.parametrize(("half_life", "pinned"), [(None, False), (30, True)])
def test_what_does_not_fade_has_no_curve(half_life, pinned):
    found = decay.fading(
        stated=0.5, age=timedelta(days=9), half_life_days=half_life, floor=0.0, access_count=0, pinned=pinned
    )
    assert (found.points, found.days_left, found.days_passed) == ([], None, 9.0)
