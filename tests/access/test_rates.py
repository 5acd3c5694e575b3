"""Rates and use counts on a real Valkey: held per token, and every use counted exactly once."""

import threading
import uuid

import pytest
from django.db import connections

from access import rates
from access.callers import Caller, caller_for_token
from access.errors import TooManyCalls
from access.models import RoleToken, TokenUseFlush
from access.rates import BATCH_FIELD, STAGED_KEY, USES_KEY, RateState, count_call, flush_token_uses
from access.roles import Role
from access.tasks import flush_token_uses as flush_task
from access.tokens import make_token

OPERATOR = Caller(name="tests", role=Role.OWNER, project_ids=None)


@pytest.fixture(autouse=True)
def server():
    """The Redis server without what other tests counted."""
    server = rates._server()
    server.delete(USES_KEY, STAGED_KEY)
    yield server
    server.delete(USES_KEY, STAGED_KEY)


def caller_with(rate: int | None) -> Caller:
    return caller_for_token(make_token(OPERATOR, f"bot {uuid.uuid4()}", Role.GUEST, rate_per_minute=rate).row)


@pytest.mark.django_db
def test_a_token_gets_its_calls_of_a_minute_and_then_waits(time_machine):
    time_machine.move_to("2026-05-05T10:00:15Z", tick=False)
    caller, other = caller_with(3), caller_with(3)
    assert [count_call(caller) for _ in range(3)] == [RateState(1, 3), RateState(2, 3), RateState(3, 3)]
    with pytest.raises(TooManyCalls) as refused:
        count_call(caller)
    assert refused.value.retry_after == 45
    assert refused.value.fields()["error"] == "Rate limit of 3 commands a minute is reached."
    assert count_call(other) == RateState(1, 3)
    time_machine.move_to("2026-05-05T10:01:00Z", tick=False)
    assert count_call(caller) == RateState(1, 3)


@pytest.mark.usefixtures("within_one_minute")
@pytest.mark.django_db
def test_the_portals_rate_holds_where_the_token_has_none_and_0_is_no_limit(settings):
    settings.TOKEN_RATE_PER_MINUTE = 1
    usual, free = caller_with(None), caller_with(0)
    count_call(usual)
    with pytest.raises(TooManyCalls):
        count_call(usual)
    assert [count_call(free).calls for _ in range(5)] == [1, 2, 3, 4, 5]
    assert count_call(OPERATOR) == RateState(0, 0)


@pytest.mark.django_db
def test_a_rate_leaves_nothing_behind(server):
    caller = caller_with(5)
    count_call(caller)
    (key,) = server.keys(f"zikra:rate:{caller.token_id}:*")
    assert 60 < server.ttl(key) <= 120


@pytest.mark.django_db
def test_calls_go_through_while_the_server_is_away(settings):
    settings.REDIS_URL = "unix:///nonexistent/socket"
    rates._made_server.cache_clear()
    try:
        assert count_call(caller_with(1)) == RateState(0, 1)
    finally:
        rates._made_server.cache_clear()


@pytest.mark.django_db
def test_uses_are_added_once_with_the_time_of_the_last():
    first, second = caller_with(0), caller_with(0)
    for caller in (first, second, first):
        count_call(caller)
    assert flush_token_uses() == 2
    assert flush_task() == 0
    assert hits(first) == 2
    assert hits(second) == 1
    assert RoleToken.objects.get(pk=first.token_id).last_used_at is not None
    count_call(first)
    assert flush_token_uses() == 1
    assert (hits(first), hits(second)) == (3, 1)


def hits(caller: Caller) -> int:
    return RoleToken.objects.get(pk=caller.token_id).hits


@pytest.mark.django_db
def test_nothing_counted_touches_no_row(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert flush_token_uses() == 0


@pytest.mark.django_db
def test_dying_after_setting_aside_loses_nothing(server):
    caller = caller_with(0)
    count_call(caller)
    server.rename(USES_KEY, STAGED_KEY)
    count_call(caller)
    assert flush_token_uses() == 1
    assert hits(caller) == 1
    assert flush_token_uses() == 1
    assert hits(caller) == 2


@pytest.mark.django_db(transaction=True)
def test_dying_before_the_commit_loses_nothing_and_after_it_doubles_nothing(server, monkeypatch):
    caller = caller_with(0)
    TokenUseFlush.objects.create()
    for _ in range(5):
        count_call(caller)

    class Died(Exception):
        pass

    def die(*args, **kwargs):
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(TokenUseFlush, "save", die)
        with pytest.raises(Died):
            flush_token_uses()
    assert hits(caller) == 0
    assert server.hget(STAGED_KEY, str(caller.token_id)) == b"5"
    assert flush_token_uses() == 1
    assert hits(caller) == 5
    # What a process that died right after its commit leaves: the batch, and its id in the row.
    assert server.hget(STAGED_KEY, BATCH_FIELD).decode() == TokenUseFlush.objects.get().batch
    assert flush_token_uses() == 0
    assert hits(caller) == 5


@pytest.mark.django_db(transaction=True)
def test_many_flushes_among_many_calls_count_each_use_once():
    caller = caller_with(0)
    errors = []

    def work(flushes: bool) -> None:
        try:
            for _ in range(25):
                flush_token_uses() if flushes else count_call(caller)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=work, args=(flushes,)) for flushes in (False, False, False, False, True, True, True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    flush_token_uses()
    assert errors == []
    assert hits(caller) == 100
