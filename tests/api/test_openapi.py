"""The OpenAPI description: valid, complete, and drawn as a page."""

import os

import jsonschema_rs
import pytest
from drf_spectacular.validation import validate_schema

from api.reference import command_reference
from api.registry import registry
from tests.browser.conftest import CHROMIUM
from zikra_portal.security import policy_for


@pytest.fixture
def schema(client):
    return client.get("/api/schema/?format=json").json()


def operation(schema):
    return schema["paths"]["/webhook/zikra"]["post"]


def body(schema):
    return operation(schema)["requestBody"]["content"]["application/json"]


def resolved(schema, reference):
    return schema["components"]["schemas"][reference.rpartition("/")[2]]


def test_the_description_is_valid_openapi_and_public(schema):
    validate_schema(schema)
    assert list(schema["paths"]) == ["/webhook/zikra"]


def test_every_command_is_a_component_found_by_its_name(schema):
    union = resolved(schema, body(schema)["schema"]["$ref"])
    assert union["discriminator"]["propertyName"] == "command"
    assert sorted(union["discriminator"]["mapping"]) == registry.names()
    for command in registry.all():
        component = resolved(schema, union["discriminator"]["mapping"][command.name])
        own = {"command", "idempotency_key"} if command.writes else {"command"}
        assert set(component["properties"]) == own | set(command.serializer.fields)
        assert sorted(component["required"]) == sorted(["command", *command.required])
        assert component["properties"]["command"]["enum"] == [command.name]


def test_components_are_flat_as_mcp_clients_need_them(schema):
    kinds = {
        field.get("type")
        for name, component in schema["components"]["schemas"].items()
        if "command" in component.get("properties", {})
        for field in component["properties"].values()
    }
    assert kinds == {"string", "integer", "number", "boolean", "array"}


def test_every_example_fits_its_component(schema):
    examples = body(schema)["examples"]
    assert sorted(example["value"]["command"] for example in examples.values()) == registry.names()
    union = resolved(schema, body(schema)["schema"]["$ref"])
    for row in command_reference():
        component = resolved(schema, union["discriminator"]["mapping"][row["command"]])
        assert list(jsonschema_rs.Draft4Validator(component).iter_errors(row["example"])) == []


def test_answers_errors_and_the_token_are_described(schema):
    assert sorted(operation(schema)["responses"]) == [
        "200", "400", "401", "403", "404", "409", "413", "429", "500", "503"
    ]  # fmt: skip
    assert operation(schema)["security"] == [{"RoleToken": []}]
    scheme = schema["components"]["securitySchemes"]["RoleToken"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_the_page_has_no_inline_script_and_nothing_from_elsewhere(client):
    response = client.get("/api/docs/")
    page = response.content.decode()
    assert response.status_code == 200
    assert [tag for tag in page.split("<script")[1:] if not tag.startswith(' src="/static/')] == []
    assert "//" not in page.replace("<!doctype html>", "")


@pytest.mark.browser
def test_the_page_draws_every_command_under_its_content_security_policy(live_server):
    # The browser's own loop runs in this thread, and Django takes any running loop for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    from playwright.sync_api import sync_playwright

    said = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            answer = page.goto(f"{live_server.url}/api/docs/")
            page.wait_for_selector(".opblock-summary-path")
            page.click(".opblock-summary-path")
            page.wait_for_selector(".examples-select-element, .examples-select select")
            shown = page.locator(".examples-select-element option, .examples-select select option").all_text_contents()
            browser.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    assert answer.headers["content-security-policy"] == policy_for("/api/docs/")
    assert "script-src" not in policy_for("/api/docs/"), "scripts come from the portal alone: default-src"
    assert [option.partition(":")[0] for option in shown] == registry.names()
    assert said == []
