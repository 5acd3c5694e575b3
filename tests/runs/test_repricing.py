"""Pricing past runs again: what is shown first is what is done then."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from access.callers import system_caller
from access.errors import Forbidden, Invalid
from access.models import AuditEntry, Project
from runs.cost_filters import CostFilters
from runs.costs import cost_report
from runs.models import TOKEN_KINDS, ModelPrice, RolledDay, Run, RunUsage
from runs.recording import ModelTokens, log_run
from runs.repricing import ModelDifference, Repriced, preview, reprice
from runs.rollups import roll_up_day
from runs.tokens import TokenCounts

DAY = date(2026, 3, 2)
MILLION = 10**6


@pytest.fixture(autouse=True)
def _on_the_day(time_machine):
    time_machine.move_to("2026-03-02T12:00:00Z", tick=True)


@pytest.fixture
def price(db):
    ModelPrice.objects.all().delete()
    return ModelPrice.objects.create(label="M", patterns=["m"], input_usd=Decimal(2), output_usd=Decimal(10))


def change(price, **rates):
    for name, rate in rates.items():
        setattr(price, name, rate)
    price.version += 1
    price.save()


@pytest.fixture
def runs(collaborator, app, price):
    """A computed run, a reported one and one of a model without a price."""
    return [
        log_run(collaborator.caller, app, session_id="a", model="m", tokens_input=MILLION, tokens_output=MILLION),
        log_run(collaborator.caller, app, session_id="b", model="m", tokens_input=MILLION, cost_usd=Decimal(50)),
        log_run(collaborator.caller, app, session_id="c", model="x", tokens_input=MILLION),
    ]


def costs():
    names = ("session_id", "cost_usd", "computed_cost_usd", "cost_source")
    return list(Run.objects.order_by("session_id").values_list(*names))


def test_the_preview_shows_old_new_and_difference_and_changes_nothing(stranger, owner, runs, price):
    change(price, input_usd=Decimal(3))
    ModelPrice.objects.create(label="X", patterns=["x"], input_usd=Decimal(1), output_usd=Decimal(1))
    before = costs()
    shown = preview(owner.caller, DAY, DAY)
    assert shown.models == [
        ModelDifference("m", 2, 3 * MILLION, Decimal(14), Decimal(16), Decimal(1)),
        ModelDifference("x", 1, MILLION, None, Decimal(1), Decimal(1)),
    ]
    assert (shown.rows, shown.old_usd, shown.new_usd, shown.counted_usd) == (3, 14, 17, 2)
    assert [model.difference_usd for model in shown.models] == [2, 1]
    assert costs() == before
    assert preview(stranger.caller, DAY, DAY).models == []
    assert preview(owner.caller, DAY + timedelta(days=1), DAY + timedelta(days=1)).models == []


def test_it_is_done_as_shown_and_reported_costs_stay(owner, app, runs, price):
    roll_up_day(app.pk, DAY)
    change(price, input_usd=Decimal(3), cache_read_usd=Decimal(0))
    assert reprice(owner.caller, DAY, DAY) == Repriced(3, 2, Decimal(1))
    assert costs() == [
        ("a", Decimal(13), Decimal(13), "computed"),
        ("b", Decimal(50), Decimal(3), "reported"),
        ("c", None, None, "no_price"),
    ]
    assert list(RunUsage.objects.order_by("run__session_id").values_list("cost_usd", "price_version")) == [
        (Decimal(13), 2),
        (Decimal(50), 2),
        (None, None),
    ]
    assert RolledDay.objects.get().is_dirty
    assert cost_report(owner.caller, CostFilters(DAY, DAY)).total.cost_usd == 63
    row = AuditEntry.objects.get(command="reprice_runs")
    assert (row.caller, row.outcome, row.detail) == (
        "olga",
        "done",
        "2026-03-02 to 2026-03-02: 2 of 3 runs changed, by $1.00 in all",
    )
    assert preview(owner.caller, DAY, DAY).rows == 0
    assert reprice(owner.caller, DAY, DAY) == Repriced(3, 0, Decimal(0))


def test_a_model_that_loses_its_price_has_no_cost(owner, runs, price):
    price.patterns = ["another"]
    price.save()
    assert preview(owner.caller, DAY, DAY).counted_usd == -12
    assert reprice(owner.caller, DAY, DAY).counted_usd == -12
    assert costs()[0] == ("a", None, None, "no_price")


def test_it_needs_an_admin_and_keeps_to_the_scope(collaborator, stranger, owner, runs, price, secret_project, app):
    change(price, input_usd=Decimal(3))
    for verb in (preview, reprice):
        with pytest.raises(Forbidden):
            verb(collaborator.caller, DAY, DAY)
    assert reprice(stranger.caller, DAY, DAY) == Repriced(0, 0, Decimal(0))
    assert reprice(stranger.caller, DAY, DAY, [app.pk]) == Repriced(0, 0, Decimal(0))
    assert reprice(owner.caller, DAY, DAY, [secret_project.pk]) == Repriced(0, 0, Decimal(0))
    assert costs()[0][1] == 12
    assert reprice(owner.caller, DAY, DAY, [app.pk]).changed == 2


@pytest.mark.parametrize(("first", "last"), [(DAY, DAY - timedelta(days=1)), (DAY - timedelta(days=1096), DAY)])
def test_an_impossible_range_is_refused(owner, first, last):
    for verb in (preview, reprice):
        with pytest.raises(Invalid, match="is no range of 1 to 1096 days"):
            verb(owner.caller, first, last)


RATE = st.integers(0, 10**8).map(lambda micros: Decimal(micros) / MILLION)
COUNTS = st.tuples(*[st.none() | st.integers(0, 10**9)] * len(TOKEN_KINDS))


class PreviewEqualsDeed(TestCase):
    """Whatever rates and tokens: the preview's new sums are those that stand afterwards, to the last millionth."""

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.tuples(RATE, RATE, st.none() | RATE, st.none() | RATE, st.none() | RATE), min_size=2, max_size=2),
        st.lists(st.tuples(st.sampled_from(["m", "n"]), COUNTS, st.none() | RATE), min_size=1, max_size=5),
    )
    def test_it_does(self, rates, told):
        ModelPrice.objects.all().delete()
        names = ("input_usd", "output_usd", "cache_read_usd", "cache_write_5m_usd", "cache_write_1h_usd")
        price = ModelPrice.objects.create(label="M", patterns=["m"], **dict(zip(names, rates[0], strict=True)))
        caller, project = system_caller("t"), Project.objects.create(name="p")
        caller_project = (caller, project)
        for number, (model, counts, cost) in enumerate(told):
            log_run(
                *caller_project,
                session_id=str(number),
                model=model,
                usage=[ModelTokens(model, TokenCounts(*counts))],
                cost_usd=cost,
            )
        change(price, **dict(zip(names, rates[1], strict=True)))
        first, last = date(2000, 1, 1), date(2000, 1, 1)
        first = last = Run.objects.first().day
        before = cost_report(caller, CostFilters(first, last)).total.cost_usd
        shown = preview(caller, first, last)
        done = reprice(caller, first, last)
        rows = RunUsage.objects.values_list("model", "computed_cost_usd")
        for model in shown.models:
            known = [cost for name, cost in rows if name == model.model and cost is not None]
            assert model.new_usd == (sum(known, Decimal(0)) if known else None)
        after = cost_report(caller, CostFilters(first, last)).total.cost_usd
        assert shown.counted_usd == done.counted_usd == after - before
