"""Which address answers name: the operator's, else the one that the request came to."""

import pytest
from django.test import RequestFactory

from api.addresses import is_loopback, portal_address


@pytest.mark.parametrize(
    ("portal_url", "host", "address"),
    [
        ("https://zikra.example.com", "10.0.0.7:8000", "https://zikra.example.com"),
        ("https://zikra.example.com/zikra", "10.0.0.7:8000", "https://zikra.example.com/zikra"),
        ("http://127.0.0.1:7723", "portal.lan:7723", "http://portal.lan:7723"),
        ("http://localhost:7723", "127.0.0.1:41234", "http://127.0.0.1:41234"),
        ("http://[::1]:7723", "[::1]:7723", "http://[::1]:7723"),
    ],
)
def test_the_operator_s_address_else_the_request_s(settings, portal_url, host, address):
    settings.PORTAL_URL = portal_url

    assert portal_address(RequestFactory().get("/", headers={"host": host})) == address


def test_behind_a_proxy_that_ends_tls_the_address_is_https(settings):
    settings.PORTAL_URL = "http://127.0.0.1:7723"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    request = RequestFactory().get("/", headers={"host": "zikra.example.com", "x-forwarded-proto": "https"})

    assert portal_address(request) == "https://zikra.example.com"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("app.localhost", True),
        ("10.0.0.1", False), ("localhost.example.com", False), ("127.0.0.1.example.com", False), ("example.com", False),
    ],
)  # fmt: skip
def test_what_means_this_machine(host, loopback):
    assert is_loopback(host) is loopback
