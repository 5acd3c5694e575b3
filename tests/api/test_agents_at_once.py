"""Two hundred agents at once: each starts, gives signs of life and ends, with reports that arrive twice."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client

from runs.models import Run, RunUsage

AGENTS = 200
# As many as gunicorn's threads of a few machines; the server takes a hundred connections.
AT_ONCE = 40
BEATS = 3


@pytest.mark.django_db(transaction=True)
def test_no_run_is_lost_or_doubled_and_the_board_is_right_at_the_end(collaborator, settings):
    settings.TOKEN_RATE_PER_MINUTE = 0
    start = threading.Barrier(AT_ONCE, timeout=30)

    def send(client, command, number, **told):
        body = {"command": command, "session_id": f"session-{number}", "model": "claude-haiku-4-5", **told}
        # A sender that did not hear the answer sends again.
        for _ in range(random.Random(f"{command} {number} {told}").choice([1, 1, 2])):
            answer = client.post("/webhook/zikra", body, content_type="application/json", **collaborator.authorization)
            assert answer.status_code == 200, answer.content
        return answer.json()["id"]

    def agent(number):
        if number < AT_ONCE:
            start.wait()
        client = Client()
        try:
            ids = {send(client, "start_run", number, agent="codex", step="Reading")}
            for beat in range(1, BEATS + 1):
                ids.add(send(client, "heartbeat_run", number, step=f"Step {beat}", tokens_input=beat * 1000))
            if number % 2:
                ids.add(send(client, "log_run", number, tokens_input=5000, tokens_output=number))
            return ids
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        seen = list(threads.map(agent, range(AGENTS)))

    assert [len(ids) for ids in seen] == [1] * AGENTS
    assert {str(pk) for pk in Run.objects.values_list("pk", flat=True)} == set().union(*seen)
    assert Run.objects.count() == RunUsage.objects.count() == AGENTS
    board = Client().post(
        "/webhook/zikra", {"command": "active_runs", "limit": 200}, content_type="application/json",
        **collaborator.authorization,
    ).json()  # fmt: skip
    assert board["count"] == AGENTS // 2
    assert {(row["session_id"], row["step"], row["tokens_input"]) for row in board["runs"]} == {
        (f"session-{number}", f"Step {BEATS}", BEATS * 1000) for number in range(0, AGENTS, 2)
    }
    ended = Run.objects.finished().order_by("session_id").values_list("session_id", "tokens_input", "tokens_output")
    assert set(ended) == {(f"session-{number}", 5000, number) for number in range(1, AGENTS, 2)}
