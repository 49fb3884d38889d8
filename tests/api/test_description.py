"""The OpenAPI document: equal to the committed one, valid, whole, and true about what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.versions import get_spec_version

from tests.api.described import FILE, as_text
from tests.api.surface import HOST, ORIGIN, Client, Surface, surface
from utils.api.described import operations
from utils.api.described_examples import NoExampleError, example_of

FREE = {
    "GET /api/v1/voices",
    "GET /api/v1/transcriptions/options",
    "GET /api/v1/bulk/template.{form}",
    "GET /healthz",
    "GET /readyz",
}
FREE |= {"POST /api/v1/sessions", "POST /api/v1/session/redeem"}
OPERATORS = {"POST /api/v1/cleanup", "GET /metrics"}
BODIES = {"application/json", "multipart/form-data", "application/octet-stream"}


@pytest.fixture(scope="module")
def document(shared: Surface) -> dict[str, Any]:
    answer = shared.stranger().get("/api/openapi.json")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def every(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, method, operation in operations(document):
        yield f"{method.upper()} {path}", operation


def test_committed_description_is_the_one_of_the_app(document: dict[str, Any]) -> None:
    assert FILE.read_text("utf-8") == as_text(document), "run `python -m tests.api.described` and look at the difference"


def test_description_is_valid_to_a_stranger(document: dict[str, Any]) -> None:
    assert (get_spec_version(document).major, get_spec_version(document).minor) == ("3", "1")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_description_names_nothing_of_the_machine_and_refers_to_what_is_there(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    for part in text.split('"$ref": "#/components/')[1:]:
        group, _, name = part.partition('"')[0].partition("/")
        assert name in document["components"][group]
    for group, found in document["components"].items():
        if group != "securitySchemes":
            unused = [name for name in found if group in ("schemas", "headers") and f'"#/components/{group}/{name}"' not in text]
            assert unused == []


def test_description_every_operation_is_whole(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    ids = [operation["operationId"] for _, operation in every(document)]
    assert len(set(ids)) == len(ids) >= 40
    for name, operation in every(document):
        assert operation["summary"] and operation["description"], name
        assert set(operation["tags"]) <= tags, name
        assert ("security" in operation) != (name in FREE), name
        assert name not in OPERATORS or operation["security"] == [{"operator": []}]
        for one in operation.get("security", ()):
            assert set(one) <= set(document["components"]["securitySchemes"]), name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (name, parameter["name"])
        for status, answer in operation["responses"].items():
            assert answer["description"], (name, status)
            if int(status) >= 400 and name != "GET /readyz":
                kind = "application/json" if " /v1/" in name else "application/problem+json"
                assert list(answer["content"]) == [kind], (name, status)
                assert answer["content"][kind]["examples"], (name, status)


def test_description_every_field_says_what_it_is(document: dict[str, Any]) -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, told in schema.get("properties", {}).items()
        if not told.get("description")
    ]
    assert silent == []
    bare = [name for name, schema in document["components"]["schemas"].items() if not schema.get("description")]
    assert bare == []


def test_description_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    def check(schema: dict[str, Any], value: Any, where: str) -> None:
        validator = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
        assert [f"{where}: {error.json_path} {error.message}" for error in validator.iter_errors(value)] == []

    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if schema.get("type") == "object":
            assert schema["examples"], name
            for value in schema["examples"]:
                check(schema, value, name)
    for name, operation in every(document):
        for parameter in operation.get("parameters", ()):
            if "example" in parameter:
                check(parameter["schema"], parameter["example"], f"{name} {parameter['name']}")
        contents = [("body", operation.get("requestBody", {}).get("content", {}))]
        contents += [(status, answer.get("content", {})) for status, answer in operation["responses"].items()]
        for where, content in contents:
            for kind, told in content.items():
                examples = [told["example"]] if "example" in told else []
                for one in told.get("examples", {}).values():
                    found = document["components"]["examples"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
                    examples.append(found["value"])
                assert examples or "json" not in kind, f"{name} {where} has no example"
                for value in examples:
                    check(told.get("schema", {}), value, f"{name} {where}")


def test_example_of_a_field_without_one_is_an_error_that_names_it() -> None:
    models = {"Thing": {"type": "object", "properties": {"size": {"type": "integer"}}}}
    with pytest.raises(NoExampleError, match=r"Thing\.size"):
        example_of({"$ref": "#/components/schemas/Thing"}, models)


def test_links_lead_from_what_an_answer_holds_to_what_an_operation_takes(document: dict[str, Any]) -> None:
    by_id = {operation["operationId"]: operation for _, operation in every(document)}
    count = 0
    for name, operation in every(document):
        for answer in operation["responses"].values():
            example = answer.get("content", {}).get("application/json", {}).get("example")
            for link in answer.get("links", {}).values():
                target = by_id[link["operationId"]]
                count += 1
                taken = {parameter["name"] for parameter in target.get("parameters", ())}
                assert set(link.get("parameters", {})) <= taken, (name, link)
                for said in [*link.get("parameters", {}).values(), *link.get("requestBody", {}).values()]:
                    if not said.startswith("$response.body#/"):
                        continue
                    value = example
                    for step in said.removeprefix("$response.body#/").split("/"):
                        value = value[int(step)] if isinstance(value, list) else value[step]
                    assert isinstance(value, str), (name, said)
    assert count >= 60


# ---- what goes wrong, asked for ----------------------------------------------------------------------------------


def address(path: str) -> str:
    values = {"item_id": "20200101-000000-nothing-0000", "job_id": "20200101-000000-nothing-0000", "name": "a.mp3", "number": "1"}
    values |= {"session_id": "00000000-0000-4000-8000-000000000000", "form": "txt", "model": "tts-1"}
    return path.format(**values).replace("template.txt", "template.csv")


def ask(client: Client, name: str, operation: dict[str, Any], **options: Any) -> httpx.Response:
    """The operation's request as far as it is needed: an empty body of its first kind."""
    method, _, path = name.partition(" ")
    query = {one["name"]: "a" for one in operation.get("parameters", ()) if one["in"] == "query" and one.get("required")}
    if "requestBody" in operation and "content" not in options:
        kind = next(iter(operation["requestBody"]["content"]))
        options |= {"json": {}} if kind == "application/json" else {"files": {"file": ("a.csv", b"")}}
    return client.request(method, address(path), params=query, **options)


def documented(name: str, operation: dict[str, Any], answer: httpx.Response) -> None:
    status = str(answer.status_code)
    assert status in operation["responses"], f"{name} answered {status} {answer.text[:200]}, which is not described"
    told = operation["responses"][status]
    if answer.status_code >= 400:
        body = answer.json()
        code = body["error"]["code"] if " /v1/" in name else body["code"]
        assert f"`{code}`" in told["description"], f"{name} answered {status} with {code}, which is not described"
    for header in told.get("headers", {}) if answer.status_code >= 400 else ():
        assert header in answer.headers, (name, status, header)


def test_errors_of_credentials_are_as_described(document: dict[str, Any], shared: Surface) -> None:
    stranger, ended = shared.stranger(), shared.program()
    shared.services.sessions.delete_session(shared.session_of(ended))
    forged = shared.stranger(headers={"Authorization": "Bearer 00000000-0000-4000-8000-000000000000.forged"})
    for name, operation in every(document):
        if not name.partition(" ")[2].startswith("/api/v1/"):
            continue
        asked = {
            who: ask(client, name, operation) for who, client in (("stranger", stranger), ("forged", forged), ("ended", ended))
        }
        for answer in asked.values():
            documented(name, operation, answer)
        needs_session = {"session": []} in operation.get("security", ())
        assert needs_session == ("401" in operation["responses"]), name
        if needs_session:
            assert [asked[who].status_code for who in ("stranger", "forged", "ended")] == [401, 401, 404], name
        stranger.http.cookies.clear()


def test_changes_from_other_sites_are_refused_as_described(document: dict[str, Any], shared: Surface) -> None:
    browser = shared.browser()
    for name, operation in every(document):
        if name.startswith("GET "):
            assert "403" not in operation["responses"], name
            continue
        answer = ask(browser, name, operation, headers={"Origin": "https://elsewhere.test"})
        assert answer.status_code == 403, name
        documented(name, operation, answer)


def test_errors_of_bodies_are_as_described(document: dict[str, Any], shared: Surface) -> None:
    client = shared.program()
    for name, operation in every(document):
        content = operation.get("requestBody", {}).get("content", {})
        assert set(content) <= BODIES, name
        wrong: dict[int, list[httpx.Response]] = {413: [], 415: [], 400: [], 422: []}
        if "application/json" in content:
            json_kind = {"Content-Type": "application/json"}
            wrong[400].append(ask(client, name, operation, content=b'{"a": "\xff"}', headers=json_kind))
            wrong[422].append(ask(client, name, operation, content=b'{"no such field": 1, "segments": 1}', headers=json_kind))
            wrong[413].append(ask(client, name, operation, content=b" " * 17 * 2**20, headers=json_kind))
            if set(content) == {"application/json"}:
                wrong[415].append(ask(client, name, operation, content=b"<a/>", headers={"Content-Type": "text/xml"}))
        if "multipart/form-data" in content:
            kind = {"Content-Type": "multipart/form-data; boundary=b"}
            wrong[400].append(ask(client, name, operation, content=b"no boundary", headers=kind))
            wrong[400 if " /v1/" in name else 422].append(ask(client, name, operation, files={"other": (None, "a")}, content=None))
        for status, answers in wrong.items():
            for answer in answers:
                documented(name, operation, answer)
                expected = {status} | ({404} if name == "POST /api/v1/cleanup" else set())
                expected |= {422} if name == "POST /api/v1/transcriptions" and status == 400 else set()  # JSON that it reads itself
                assert answer.status_code in expected, (name, status, answer.text[:300])


def test_store_that_is_gone_is_told_as_described(document: dict[str, Any], tmp_path: Path) -> None:
    with surface(tmp_path / "outputs") as sotto:
        client = sotto.program()
        (tmp_path / "outputs").rename(tmp_path / "elsewhere")
        for name, operation in every(document):
            if " /api/v1/" in name:
                documented(name, operation, ask(client, name, operation))


def test_page_for_people_shows_all_of_it_and_needs_nothing(document: dict[str, Any], shared: Surface) -> None:
    page = shared.stranger().get("/api/docs").text
    assert "<script" not in page and "<link" not in page and "@import" not in page and "src=" not in page
    for _, operation in every(document):
        assert f'id="{operation["operationId"]}"' in page
        for parameter in operation.get("parameters", ()):
            assert f"<code>{parameter['name']}</code>" in page
    assert HOST not in page and ORIGIN not in page


def test_allow_names_all_methods_of_an_address_that_fits_two_patterns(document: dict[str, Any], shared: Surface) -> None:
    client = shared.program()
    for path, methods in document["paths"].items():
        if path.startswith(("/api/", "/v1/")):
            told = client.request("OPTIONS", address(path)).headers["allow"].split(", ")
            assert {method.upper() for method in methods} == set(told), path
    assert client.request("OPTIONS", "/api/docs").headers["allow"] == "GET"
