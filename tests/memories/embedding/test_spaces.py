"""Embedding spaces: made from the settings, built while the old one answers, then changed."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from django.db import connection

from access.errors import Conflict
from memories.embedding import providers, spaces
from memories.embedding.working import embed_pending_of
from memories.models import EmbeddingSpace, PassageVector, PendingEmbedding, SpaceState
from memories.search import search


class EmbeddingsHandler(BaseHTTPRequestHandler):
    """OpenAI's embeddings protocol over the embedded model, cut to 128 dimensions."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.failing:
            self.send_error(500)
            return
        vectors = providers.EmbeddedE5().embed_passages(body["input"])[:, :128]
        data = [
            {"object": "embedding", "index": index, "embedding": vector.tolist()}
            for index, vector in enumerate(vectors)
        ]
        payload = json.dumps(
            {"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def endpoint():
    """A real HTTP server that speaks the protocol."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmbeddingsHandler)
    server.failing = False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    providers.embedder.cache_clear()
    yield server
    server.shutdown()
    server.server_close()
    providers.embedder.cache_clear()


@pytest.fixture
def other_model(settings, endpoint):
    settings.EMBEDDING_PROVIDER = "openai"
    settings.EMBEDDING_MODEL = "small-128"
    settings.EMBEDDING_DIMENSIONS = 128
    settings.EMBEDDING_URL = f"http://127.0.0.1:{endpoint.server_port}/v1"


def want_space():
    """As after a commit: in a test's one transaction foreign keys are still to be checked, which bars a new index."""
    connection.check_constraints()
    return spaces.ensure_wanted_space()


def index_exists(space):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname = %s", [spaces.index_name(space)])
        return cursor.fetchone()[0] == 1


def test_the_first_space_answers_at_once_and_has_an_index(db):
    space = EmbeddingSpace.objects.get()
    assert (space.state, space.model, space.dimensions) == (SpaceState.ACTIVE, "multilingual-e5-small-q4", 384)
    assert index_exists(space)
    assert spaces.ensure_wanted_space() == space
    assert EmbeddingSpace.objects.count() == 1


def test_a_change_of_model_builds_beside_the_old_space_and_then_takes_over(
    collaborator, app, save, embed_all, other_model
):
    save(collaborator, app, "Cars", "The automobile broke down on the motorway.")
    save(collaborator, app, "Cake", "Mix flour, sugar and eggs.")
    embed_all()
    old = EmbeddingSpace.objects.answering()
    new = want_space()
    assert (new.state, new.dimensions, new.pending.count()) == (SpaceState.BUILDING, 128, 2)
    assert EmbeddingSpace.objects.answering() == old
    assert search(collaborator.caller, "vehicle").results[0].memory.title == "Cars"
    assert spaces.activate_finished_spaces() is None

    meanwhile = save(collaborator, app, "Boats", "The yacht sails around the island.")
    assert {row.space_id for row in meanwhile.pending_embeddings.all()} == {old.pk, new.pk}
    assert embed_pending_of(new) == 3
    assert [(row.space, row.waiting, row.embedded) for row in spaces.progress()] == [(new, 0, 3), (old, 1, 2)]
    assert spaces.activate_finished_spaces() == new
    old.refresh_from_db()
    assert (old.state, index_exists(old), index_exists(new)) == (SpaceState.RETIRED, False, True)
    assert set(PassageVector.objects.values_list("space_id", flat=True)) == {new.pk}
    assert PendingEmbedding.objects.count() == 0
    answer = search(collaborator.caller, "sailing ship")
    assert (answer.results[0].memory.title, answer.degraded) == ("Boats", False)


def test_going_back_to_a_retired_model_builds_it_again(collaborator, app, save, embed_all, other_model, settings):
    save(collaborator, app, "Cars", "The automobile broke down.")
    embed_all()
    old = EmbeddingSpace.objects.answering()
    embed_pending_of(want_space())
    spaces.activate_finished_spaces()
    settings.EMBEDDING_PROVIDER = "embedded"
    again = want_space()
    assert (again, again.state, again.pending.count()) == (old, SpaceState.BUILDING, 1)


def test_a_wrong_dimension_is_said_in_words_and_keeps_the_memory_queued(collaborator, app, save, other_model, settings):
    settings.EMBEDDING_DIMENSIONS = 200
    save(collaborator, app, "Cars", "The automobile broke down.")
    new = spaces.ensure_wanted_space()
    assert embed_pending_of(new) == 0
    assert "answered vectors of shape" in new.pending.get().last_error
    assert "EMBEDDING_DIMENSIONS says 200" in new.pending.get().last_error


def test_an_endpoint_that_keeps_failing_is_given_a_pause(endpoint, other_model, settings):
    endpoint.failing = True
    embedder = providers.CompatibleEndpoint(settings.EMBEDDING_URL, "small-128", 128)
    for _ in range(providers.FAILURES_BEFORE_PAUSE):
        with pytest.raises(providers.EmbedderUnavailable, match="The embedding endpoint failed: InternalServerError"):
            embedder.embed_query("x")
    endpoint.failing = False
    with pytest.raises(providers.EmbedderUnavailable, match="is being given a pause"):
        embedder.embed_query("x")


def test_the_wanted_space_cannot_be_retired(db):
    with pytest.raises(Conflict, match="The settings name this embedding space"):
        spaces.retire_space(EmbeddingSpace.objects.get())


def test_without_a_provider_there_is_no_space(db, settings):
    settings.EMBEDDING_PROVIDER = "none"
    EmbeddingSpace.objects.all().delete()
    assert spaces.ensure_wanted_space() is None
    assert EmbeddingSpace.objects.count() == 0


def test_the_background_similarity_is_measured_once_and_kept(db):
    EmbeddingSpace.objects.update(background_similarity=None)
    space = EmbeddingSpace.objects.get()
    measured = spaces.background_of(space)
    space.refresh_from_db()
    assert space.background_similarity == measured
    vectors = providers.EmbeddedE5()
    unrelated = float(np.dot(vectors.embed_query("plum cake"), vectors.embed_passages(["a lost printer", "x"])[0]))
    assert abs(measured - unrelated) < 0.1
