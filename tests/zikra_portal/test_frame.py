"""The frame around pages: who may switch to what, where one is, figures and tables."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import RequestFactory

from access.callers import system_caller
from access.models import Project
from memories.hygiene import repeated_titles
from memories.models import Memory
from memories.saving import save_memory
from runs.models import CostSource, Run
from zikra_portal.tables import BoundedPaginator, Column, Sorting
from zikra_portal.templatetags.figures import duration_shown, money, run_cost, short_count, tokens, whole

pytestmark = pytest.mark.django_db


def switch_of(client, address="/"):
    """The projects that the switch offers, and its page as text."""
    page = client.get(address).content.decode()
    return [
        part.partition('"')[0]
        for part in page.partition('id="project-switch"')[2].partition("</select>")[0].split('value="')[1:]
    ], page


def test_the_switch_offers_the_projects_in_scope(client, owner, collaborator, stranger, app, secret_project):
    Project.objects.create(name="other")
    collaborator.member.projects.add(Project.objects.create(name="second"))
    offered = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        offered[person.member.username] = switch_of(client)[0]
    assert offered == {
        "olga": ["", "app", "other", "second", "skunkworks"],
        "carl": ["", "app", "second"],
        # One project needs no switch.
        "sven": [],
    }


def test_the_switch_keeps_the_page_and_its_words_but_the_page_number(client, owner, app, secret_project):
    client.force_login(owner.member)
    offered, page = switch_of(client, "/search/?q=one+store&page=3&project=app")
    form = page.partition('<form class="switch"')[2].partition("</form>")[0]
    assert 'action="/search/"' in form
    assert '<input type="hidden" name="q" value="one store">' in form
    assert form.count('type="hidden"') == 1
    assert '<option value="app" selected>' in form


def test_a_project_out_of_sight_is_none(client, collaborator, app, secret_project):
    collaborator.member.projects.add(Project.objects.create(name="second"))
    client.force_login(collaborator.member)
    answer = client.get("/", {"project": "skunkworks"})
    assert answer.context["frame"].project is None
    assert "skunkworks" not in answer.content.decode()


def test_the_navigation_marks_where_one_is_and_keeps_the_project(client, owner, app, secret_project):
    client.force_login(owner.member)
    page = client.get("/?project=app").content.decode()
    navigation = page.partition('aria-label="Portal"')[2].partition("</nav>")[0]
    assert navigation.count("aria-current") == 1
    assert '<a href="/?project=app" aria-current="page">Home</a>' in navigation
    assert '<a href="/memories/?project=app">Memories</a>' in navigation


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0"), (99, "99"), (999, "999"), (1000, "1k"), (12_345, "12.3k"), (99_949, "99.9k"), (99_950, "100k"),
        (999_499, "999k"), (999_950, "1M"), (1_234_567, "1.2M"), (10**9, "1B"), (2_500_000_000, "2.5B"),
    ],
)  # fmt: skip
def test_long_counts_are_short(count, words):
    assert short_count(count) == words


def test_tokens_keep_the_exact_number(db):
    assert tokens(12_345) == '<span class="figures">12,345</span>'
    assert 'title="1,234,567"' in tokens(1_234_567)
    assert ">1.2M<" in tokens(1_234_567)
    assert "–" in tokens(None)
    assert (whole(1234), whole(None)) == ("1,234", "–")


def test_money_is_shown_in_the_currency_of_the_settings(settings):
    assert money(Decimal("1234.565")) == '<span class="figures nowrap">$1,234.57</span>'
    settings.COST_CURRENCY, settings.COST_CURRENCY_RATE = "EUR", Decimal("0.5")
    assert money(Decimal("0.01")) == '<span class="figures nowrap">&lt; €0.01</span>'
    assert money(None) == '<span class="figures nowrap">–</span>'


def test_an_unknown_cost_is_told_in_words_and_never_as_nothing():
    assert "no price" in run_cost(Run(cost_source=CostSource.NO_PRICE))
    assert ">–<" in run_cost(Run(cost_source=CostSource.NO_TOKENS))
    assert "$0.00" in run_cost(Run(cost_source=CostSource.REPORTED, cost_usd=Decimal(0)))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (0.4, "< 1 s"), (42.9, "42 s"), (185, "3 min 05 s"), (3600, "1 h 00 min"), (86_399, "23 h 59 min"),
        (86_400, "1 d 00 h"), (10**9, "11,574 d 01 h"),
    ],
)  # fmt: skip
def test_lengths_of_time_have_two_units(seconds, words):
    assert duration_shown(timedelta(seconds=seconds)) == words


COLUMNS = (
    Column("started", "Started", ("started_at",), largest_first=True),
    Column("cost", "Cost", ("cost_usd",), is_number=True, largest_first=True, may_be_unknown=True),
    Column("agent", "Agent", ("agent", "runner")),
)


def test_only_columns_of_unknown_values_put_them_last_because_no_index_does():
    started, cost, agent = COLUMNS
    assert [expression.nulls_last for expression in Sorting(COLUMNS, started, True).order()] == [None, None]
    assert [expression.nulls_last for expression in Sorting(COLUMNS, cost, True).order()] == [True, None]
    assert [expression.nulls_last for expression in Sorting(COLUMNS, cost, True).order(unknown_last=False)] == [
        None,
        None,
    ]
    assert [expression.expression.name for expression in Sorting(COLUMNS, agent, False).order()] == [
        "agent",
        "runner",
        "pk",
    ]


@pytest.mark.parametrize(
    ("word", "direction", "order", "next_words"),
    [
        ("", "descending", "started_at", ("started", "-cost", "agent")),
        ("-started", "descending", "started_at", ("started", "-cost", "agent")),
        ("cost", "ascending", "cost_usd", ("-started", "-cost", "agent")),
        ("password", "descending", "started_at", ("started", "-cost", "agent")),
        ("--cost", "descending", "started_at", ("started", "-cost", "agent")),
    ],
)
def test_the_address_sorts_a_table_by_its_columns_only(word, direction, order, next_words):
    sorting = Sorting.asked(RequestFactory().get("/", {"sort": word}), COLUMNS, "-started")
    assert sorting.direction(sorting.column) == direction
    assert [expression.expression.name for expression in sorting.order()] == [order, "pk"]
    assert [sorting.direction(column) for column in COLUMNS if column != sorting.column] == ["none", "none"]
    assert tuple(sorting.next_word(column) for column in COLUMNS) == next_words


def test_a_paginator_counts_groups_as_groups(app):
    for title, memory_type in (
        ("One", "note"),
        ("one", "decision"),
        ("Two", "note"),
        ("Three", "note"),
        ("three", "user"),
    ):
        save_memory(system_caller("tests"), app, memory_type, title)
    assert BoundedPaginator(repeated_titles(system_caller("tests"), None)).count == 2
    assert BoundedPaginator(Memory.objects.all()).count == 5
