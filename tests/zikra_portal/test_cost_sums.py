"""A month of 10,000 runs: every figure of page, CSV and command equals an arithmetic of the test's own, to the cent.

The rates stand here, in US dollars for a million tokens, and go into the table of prices; what runs cost is worked out
here from these numbers alone, model by model and kind by kind, without the portal's own pricing or sums.
"""

import csv
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from io import StringIO

import pytest
from django.db import connection, transaction
from django.db.models import AutoField, Model
from django.test import override_settings

from access.callers import system_caller
from access.models import Member, Project
from access.roles import Role
from access.tokens import make_token
from runs.models import ModelPrice, RolledDay, Run, RunUsage
from runs.prices import prices_for
from runs.recording import ModelTokens, log_run
from runs.rollups import mark_changed, roll_up_finished_days
from runs.settling import set_price, sum_up
from runs.tokens import TokenCounts
from tests.conftest import make_person

RUNS = 10_000
# So many go the whole way of a report, which takes a dozen statements each; the others are settled alike, in bulk.
THROUGH_THE_VERB = 400
FIRST, LAST = date(2025, 10, 1), date(2025, 10, 31)
MILLIONTH = Decimal("0.000001")
CENT = Decimal("0.01")

# Input, output, cache read, cache write for 5 minutes and for an hour; None costs what input costs, and an hour without
# a rate costs what 5 minutes cost. The eighth model has no price.
RATES: dict[str, tuple[str | None, ...] | None] = {
    "alpha-large": ("15", "75", "1.5", "18.75", "30"),
    "alpha-medium": ("3", "15", "0.3", "3.75", "6"),
    "alpha-small": ("0.8", "4", "0.08", "1", "1.6"),
    "beta-pro": ("1.25", "10", "0.125", None, None),
    "beta-mini": ("0.25", "2", "0.025", None, None),
    "gamma-flash": ("0.3", "2.5", "0.075", "0.383333", None),
    "delta-coder": ("0.333333", "1.111111", None, None, None),
    "epsilon-preview": None,
}
KINDS = ("tokens_input", "tokens_output", "tokens_cache_read", "tokens_cache_write_5m", "tokens_cache_write_1h")
AGENTS, MACHINES = ("claude-code", "codex", "gemini-cli"), ("anvil", "bellows", "crucible", "")
REPORTED_SHARE, TWO_MODELS_SHARE = 0.15, 0.2


@dataclass(frozen=True)
class Told:
    """One generated run: what the portal is told of it."""

    day: date
    project: str
    person: str
    agent: str
    machine: str
    usage: tuple[tuple[str, tuple[int, ...]], ...]
    reported: Decimal | None


def generated() -> list[Told]:
    """The month, the same in each run of the test."""
    draw = random.Random(7723)
    models = list(RATES)
    month = []
    for _ in range(RUNS):
        several = draw.sample(models, 2 if draw.random() < TWO_MODELS_SHARE else 1)
        usage = tuple(
            (
                model,
                (
                    draw.randrange(1, 30_000),
                    draw.randrange(1, 20_000),
                    draw.randrange(2_000_000) * (draw.random() < 0.8),
                    draw.randrange(60_000) * (draw.random() < 0.5),
                    draw.randrange(90_000) * (draw.random() < 0.5),
                ),
            )
            for model in several
        )
        reported = Decimal(draw.randrange(1, 9_000_000)) / 10**6 if draw.random() < REPORTED_SHARE else None
        month.append(
            Told(
                FIRST + timedelta(days=draw.randrange(31)),
                draw.choice(("app", "site")),
                draw.choice(("ana", "ben", "chloe")),
                draw.choice(AGENTS),
                draw.choice(MACHINES),
                usage,
                reported,
            )
        )
    return month


# --- the arithmetic of the test ----------------------------------------------------------------------------------------


def rates_of(model: str) -> list[Decimal] | None:
    """Five rates, what is missing filled in."""
    given = RATES[model]
    if given is None:
        return None
    read_in, out, read, five, hour = given
    base = Decimal(read_in or 0)
    five_rate = base if five is None else Decimal(five)
    return [
        base,
        Decimal(out or 0),
        base if read is None else Decimal(read),
        five_rate,
        five_rate if hour is None else Decimal(hour),
    ]


def computed(model: str, counts: tuple[int, ...]) -> Decimal | None:
    """What tokens of a model cost, rounded to a millionth; None without a price."""
    rates = rates_of(model)
    if rates is None:
        return None
    exact = sum((rate * count for rate, count in zip(rates, counts, strict=True)), Decimal(0)) / 1_000_000
    return exact.quantize(MILLIONTH, ROUND_HALF_EVEN)


def saved(model: str, counts: tuple[int, ...]) -> Decimal:
    """What the cached tokens would have cost more as input; 0 without a price."""
    rates = rates_of(model)
    if rates is None:
        return Decimal(0)
    exact = sum((rates[0] - rates[kind]) * counts[kind] for kind in (2, 3, 4)) / Decimal(1_000_000)
    return exact.quantize(MILLIONTH, ROUND_HALF_EVEN)


def parts(told: Told) -> list[Decimal | None]:
    """The cost of each usage of a run: as computed, or its share of what was reported; the last takes the rest."""
    alone = [computed(model, counts) for model, counts in told.usage]
    if told.reported is None:
        return alone
    weights = [cost or Decimal(0) for cost in alone]
    if not sum(weights):
        weights = [Decimal(sum(counts)) for _, counts in told.usage]
    shares: list[Decimal | None] = []
    for weight in weights[:-1]:
        cut = int(told.reported * weight * 10**6 / sum(weights))
        shares.append(Decimal(cut) / 10**6)
    return [*shares, told.reported - sum((share or Decimal(0) for share in shares), Decimal(0))]


class Expected:
    """Sums of a group: runs, tokens of each kind, cost, savings and tokens without a price."""

    def __init__(self) -> None:
        self.runs, self.kinds, self.cost, self.savings, self.unpriced = 0, [0] * 5, Decimal(0), Decimal(0), 0

    def add(self, model: str, counts: tuple[int, ...], cost: Decimal | None) -> None:
        """One usage."""
        self.kinds = [old + new for old, new in zip(self.kinds, counts, strict=True)]
        self.cost += cost or 0
        self.savings += saved(model, counts)
        self.unpriced += sum(counts) if cost is None else 0


def main_model(told: Told) -> str:
    """The model that most tokens went to; the first of equals."""
    return max(told.usage, key=lambda used: sum(used[1]))[0]


GROUPS = {
    "project": lambda told, model: told.project,
    "person": lambda told, model: told.person,
    "agent": lambda told, model: told.agent,
    "machine": lambda told, model: told.machine,
    "model": lambda told, model: model,
}


def expected(month: list[Told], group: str, *, keep=lambda told, model: True) -> dict[str, Expected]:
    """The sums of each group of a month."""
    sums: dict[str, Expected] = defaultdict(Expected)
    key = GROUPS[group]
    for told in month:
        if keep(told, main_model(told)):
            sums[key(told, main_model(told))].runs += 1
        for (model, counts), cost in zip(told.usage, parts(told), strict=True):
            if keep(told, model):
                sums[key(told, model)].add(model, counts, cost)
    return dict(sums)


# --- the portal --------------------------------------------------------------------------------------------------------


pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def month(django_db_setup, django_db_blocker):
    """The month as agents report it, once for all tests of this file, and taken back at their end."""
    # Before each test's own quick hasher: the real one takes a second a person, by design.
    quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with django_db_blocker.unblock(), transaction.atomic():
        with quick:
            month = recorded()
        # Here once; else each test's end looks up all rows again for the foreign keys that the transaction deferred.
        connection.check_constraints()
        yield month
        transaction.set_rollback(True)


def recorded() -> list[Told]:
    """Record the generated month through the portal's own verb, each person by a token of their own, and roll it up."""
    ModelPrice.objects.all().delete()
    for model, rates in RATES.items():
        if rates is not None:
            names = ("input_usd", "output_usd", "cache_read_usd", "cache_write_5m_usd", "cache_write_1h_usd")
            ModelPrice.objects.create(label=model, patterns=[model], **dict(zip(names, rates, strict=True)))
    projects = {name: Project.objects.create(name=name) for name in ("app", "site")}
    people = {name: make_person(name, Role.COLLABORATOR, *projects.values()) for name in ("ana", "ben", "chloe")}
    month = generated()
    for number, told in enumerate(month[:THROUGH_THE_VERB]):
        log_run(
            people[told.person].caller,
            projects[told.project],
            session_id=f"s{number}",
            agent=told.agent,
            machine=told.machine,
            usage=[ModelTokens(model, TokenCounts(*counts)) for model, counts in told.usage],
            cost_usd=told.reported,
            at=datetime(told.day.year, told.day.month, told.day.day, 12, tzinfo=UTC),
        )
    settled_at_once(month[THROUGH_THE_VERB:], projects)
    # One day stays live, as one does that was reported to after it was rolled up.
    assert roll_up_finished_days() == 62
    mark_changed(projects["app"].pk, LAST)
    make_person("lead", Role.OWNER, all_projects=True)
    return month


def settled_at_once(month: list[Told], projects: dict[str, Project]) -> None:
    """The same for many: what log_run settles for each run, written for all of them in a few statements."""
    prices = prices_for({(model, told.day) for told in month for model, _ in told.usage})
    runs, usage = [], []
    for told in month:
        run = Run(
            project=projects[told.project],
            person=told.person,
            agent=told.agent,
            machine=told.machine,
            day=told.day,
            reported_cost_usd=told.reported,
            status="success",
        )
        rows = [RunUsage(run=run, model=model, **dict(zip(KINDS, counts, strict=True))) for model, counts in told.usage]
        for row in rows:
            set_price(row, prices[row.model, told.day])
        sum_up(run, rows)
        runs.append(run)
        usage.extend(rows)
    copied_in(runs)
    copied_in(usage)


def copied_in(rows: list[Model]) -> None:
    """Write new rows of one model in the database's quickest way: as inserts, thousands of wide rows take a while."""
    # A key that the database counts up is left to it.
    fields = [field for field in rows[0]._meta.concrete_fields if not isinstance(field, AutoField)]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    table = connection.ops.quote_name(rows[0]._meta.db_table)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields])


def figures(sums: Expected) -> tuple:
    """What every door must say of a group; money to the cent."""
    return (sums.runs, *sums.kinds, sums.unpriced, cents(sums.cost), cents(sums.savings))


def cents(amount: Decimal | float | str) -> Decimal:
    """To the cent."""
    return Decimal(str(amount)).quantize(CENT, ROUND_HALF_UP)


def in_all(groups: dict[str, Expected]) -> Expected:
    """The sum of the groups."""
    total = Expected()
    for sums in groups.values():
        total.runs += sums.runs
        total.kinds = [old + new for old, new in zip(total.kinds, sums.kinds, strict=True)]
        total.cost, total.savings = total.cost + sums.cost, total.savings + sums.savings
        total.unpriced += sums.unpriced
    return total


RANGE = f"first={FIRST}&last={LAST}"
WITHOUT_MACHINE = "No machine named"


@pytest.fixture
def lead(month, client):
    """The client, logged in as the owner."""
    member = Member.objects.get(username="lead")
    client.force_login(member)
    return client


def test_the_month_is_what_it_should_be(month):
    assert len(month) == RUNS == Run.objects.count()
    assert {model for told in month for model, _ in told.usage} == set(RATES)
    assert sum(len(told.usage) for told in month) == RunUsage.objects.count() > RUNS
    assert sum(told.reported is not None for told in month) > 1000
    assert RolledDay.objects.filter(is_dirty=False).count() == 61


@pytest.mark.parametrize("group", GROUPS)
def test_the_page(lead, month, group):
    wanted = expected(month, group)
    context = lead.get(f"/costs/?{RANGE}&group={group}").context
    shown = {
        "" if row.name == WITHOUT_MACHINE else row.name: (
            row.sums.runs,
            *(getattr(row.sums, kind) for kind in KINDS),
            row.sums.unpriced_tokens,
            cents(row.sums.cost_usd),
            cents(row.sums.cache_savings_usd),
        )
        for row in context["rows"]
    }
    assert shown == {key: figures(sums) for key, sums in wanted.items()}
    total = context["total"]
    assert (total.runs, total.tokens, total.unpriced_tokens, total.cost_usd, total.cache_savings_usd) == (
        RUNS,
        sum(in_all(wanted).kinds),
        in_all(wanted).unpriced,
        in_all(wanted).cost,
        in_all(wanted).savings,
    )


def test_the_page_says_it_in_words(lead, month):
    wanted = expected(month, "model")
    page = lead.get(f"/costs/?{RANGE}&group=model").content.decode()
    for sums in (*wanted.values(), in_all(wanted)):
        if sums.cost:
            assert f"${cents(sums.cost):,}" in page
        assert f"{sums.runs:,}" in page
        assert f"{sum(sums.kinds):,}" in page
        assert f"{sums.unpriced:,}" in page


@pytest.mark.parametrize("group", GROUPS)
def test_the_csv(lead, month, group):
    wanted = expected(month, group)
    text = lead.get(f"/costs.csv?{RANGE}&group={group}").content.decode("utf-8-sig")
    rows = list(csv.reader(StringIO(text)))[1:]
    shown = {
        "" if row[0] == WITHOUT_MACHINE else row[0]: (
            *map(int, (row[4], *row[6:11], row[12])),
            cents(row[1] or 0),
            cents(row[11]),
        )
        for row in rows
    }
    assert shown == {key: figures(sums) for key, sums in wanted.items()} | {"Total": figures(in_all(wanted))}


@pytest.mark.parametrize("by", ["day", "week", "month"])
def test_the_parts(lead, month, by):
    def first_of(day: date) -> date:
        return {"day": day, "week": day - timedelta(days=day.weekday()), "month": FIRST}[by]

    wanted: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for told in month:
        for (model, _), cost in zip(told.usage, parts(told), strict=True):
            wanted[str(first_of(told.day)), model] += cost or 0
    text = lead.get(f"/costs.csv?{RANGE}&group=model&by={by}&table=parts").content.decode("utf-8-sig")
    head, *rows, _total = list(csv.reader(StringIO(text)))
    models = [name.removesuffix(" (USD)") for name in head[1:9]]
    shown = {(row[0], model): Decimal(cost) for row in rows for model, cost in zip(models, row[1:9], strict=True)}
    assert {key: cost for key, cost in shown.items() if cost} == {key: cost for key, cost in wanted.items() if cost}
    assert [Decimal(row[9]) for row in rows] == [
        sum((cost for (first, _), cost in wanted.items() if first == row[0]), Decimal(0)) for row in rows
    ]


@pytest.mark.parametrize("group", GROUPS)
def test_the_command(month, client, group):
    wanted = expected(month, group)
    token = make_token(system_caller("tests"), "lead", Role.OWNER).secret
    answer = client.post(
        "/webhook/zikra",
        {"command": "cost_report", "first": str(FIRST), "last": str(LAST), "group": group},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    ).json()

    def told(sums):
        kinds = (sums[kind] for kind in KINDS)
        money = (cents(sums["cost_usd"] or 0), cents(sums["cache_savings_usd"]))
        return (sums["runs"], *kinds, sums["unpriced_tokens"], *money)

    assert {row["key"]: told(row) for row in answer["groups"]} == {key: figures(sums) for key, sums in wanted.items()}
    assert told(answer["total"]) == figures(in_all(wanted))


@pytest.mark.parametrize(
    ("words", "keep"),
    [
        ("project=app", lambda told, model: told.project == "app"),
        ("agent=codex", lambda told, model: told.agent == "codex"),
        ("machine=-", lambda told, model: told.machine == ""),
        ("model=alpha-large&person=ana", lambda told, model: model == "alpha-large" and told.person == "ana"),
        (
            "project=site&agent=codex&machine=anvil&person=ben",
            lambda told, model: (
                (told.project, told.agent, told.machine, told.person) == ("site", "codex", "anvil", "ben")
            ),
        ),
    ],
)
def test_filters(lead, month, words, keep):
    wanted = expected(month, "model", keep=keep)
    rows = lead.get(f"/costs/?{RANGE}&group=model&{words}").context["rows"]
    assert {row.name: (row.sums.runs, cents(row.sums.cost_usd)) for row in rows} == {
        key: (sums.runs, cents(sums.cost)) for key, sums in wanted.items()
    }


def test_the_dearest_sessions(lead, month):
    costs = [sum((cost for cost in parts(told) if cost is not None), Decimal(0)) for told in month]
    dearest = lead.get(f"/costs/?{RANGE}").context["dearest"]
    assert [run.cost_usd for run in dearest] == sorted(costs, reverse=True)[:10]
