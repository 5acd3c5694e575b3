"""The webhook's envelope: any JSON object by POST, and words for everything else."""

import json

import pytest
from django.test import RequestFactory

from access.models import AuditEntry
from api.views import WebhookView
from memories.models import Memory

NOT_JSON = "Request body is not valid JSON"
NOT_AN_OBJECT = "Request body must be a JSON object"


def post(client, person, body, content_type="application/json", **headers):
    return client.generic(
        "POST", "/webhook/zikra", body, content_type=content_type, headers=headers, **person.authorization
    )


@pytest.mark.parametrize("path", ["/webhook/zikra", "/webhook/zikra/"])
def test_both_spellings_of_the_address_work(client, collaborator, path):
    response = client.post(path, {"command": "version"}, content_type="application/json", **collaborator.authorization)
    assert response.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x"],
)
@pytest.mark.parametrize("accept", ["*/*", "text/html", "nonsense"])
def test_headers_about_the_format_do_not_matter(client, collaborator, content_type, accept):
    response = post(client, collaborator, '{"command": "version"}', content_type, accept=accept)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", NOT_JSON),
        (b"{", NOT_JSON),
        (b"command=version", NOT_JSON),
        (b"\xff\xfe\xfd", NOT_JSON),
        (b'{"a": NaN}', NOT_JSON),
        (b'{"a": Infinity}', NOT_JSON),
        (b'{"a": ' + b"9" * 5000 + b"}", NOT_JSON),
        (b"[" * 100_000, NOT_JSON),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, NOT_JSON),
        (b"{'command': 'version'}", NOT_JSON),
        (b'{"command": "version"} trailing', NOT_JSON),
        (b'{"command": "a\x00b"}', NOT_JSON),
        (b"[]", NOT_AN_OBJECT),
        (b"null", NOT_AN_OBJECT),
        (b"5", NOT_AN_OBJECT),
        (b'"version"', NOT_AN_OBJECT),
    ],
)
def test_what_is_no_json_object_is_400_in_words_and_audited(client, collaborator, body, error):
    response = post(client, collaborator, body)
    assert (response.status_code, response.json()) == (
        400,
        {"error": error, "hint": 'Send for example {"command": "zikra_help"}.'},
    )
    assert list(AuditEntry.objects.values_list("caller", "outcome", "status", "detail")) == [
        ("carl", "invalid", 400, error)
    ]


def test_a_byte_order_mark_and_repeated_keys_are_understood(client, collaborator):
    assert post(client, collaborator, b"\xef\xbb\xbf" + b'{"command": "version"}').status_code == 200
    assert post(client, collaborator, '{"command": "search", "command": "version"}').json()["server"] == "zikra"


def test_a_body_over_the_limit_is_413_without_being_read(collaborator, settings):
    class Unreadable:
        def read(self, *args):
            raise AssertionError("the body was read")

    request = RequestFactory().post(
        "/webhook/zikra", b"", content_type="application/json", **collaborator.authorization
    )
    request.META["CONTENT_LENGTH"] = str(settings.MAX_BODY_BYTES + 1)
    request._stream = Unreadable()
    response = WebhookView.as_view()(request)
    assert (response.status_code, response.data) == (
        413,
        {
            "error": "Request body is larger than 1048576 bytes.",
            "limit_bytes": 1048576,
            "hint": "Split the content into several memories.",
        },
    )


def test_ten_megabytes_change_nothing(client, collaborator):
    body = json.dumps({"command": "save_memory", "title": "Big", "content_md": "x" * 10_000_000})
    assert post(client, collaborator, body).status_code == 413
    assert (Memory.objects.count(), AuditEntry.objects.count()) == (0, 1)


def test_a_chunked_body_is_read_up_to_the_limit(collaborator, settings):
    def send(body):
        request = RequestFactory().post("/webhook/zikra", **collaborator.authorization)
        request.META.pop("CONTENT_LENGTH", None)
        request.META |= {"wsgi.input_terminated": True, "wsgi.input": __import__("io").BytesIO(body)}
        return WebhookView.as_view()(request).status_code

    assert send(b'{"command": "version"}') == 200
    assert send(b'{"command": "version", "x": "' + b"y" * settings.MAX_BODY_BYTES + b'"}') == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
@pytest.mark.parametrize("known", [True, False])
def test_other_methods_are_405_in_words(client, collaborator, method, known):
    response = client.generic(method, "/webhook/zikra", **(collaborator.authorization if known else {}))
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    if method != "HEAD":
        assert response.json() == {
            "error": f"This address takes POST, not {method}.",
            "hint": "POST a JSON object with `command`.",
        }


def test_the_largest_memory_that_fits_is_saved(client, collaborator):
    content = "word " * 200_000
    response = post(client, collaborator, json.dumps({"command": "save", "title": "Big", "content_md": content}))
    assert response.status_code == 200
    assert Memory.objects.get().content_md == content
