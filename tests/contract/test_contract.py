"""openapi.yaml is what the endpoint does: schemathesis makes requests of it, good and bad, and judges every reply."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml

import hark
from handler import contract, routes
from handler.app import app
from handler.bundle import source
from local.event import http_event
from tests.conftest import ROOT, invoke
from tests.patience import PATIENCE_S
from tests.server import Server, serve

CONTRACT: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())
# About 300 requests, in 10 to 20 seconds.
MAX_EXAMPLES = 60


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


def test_schemathesis_finds_no_failure(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "tests/contract/schemathesis.toml"),
        *("run", "openapi.yaml", "--url", server.url, "--phases", "examples,coverage,fuzzing", "--seed", "1"),
        *("--max-examples", str(MAX_EXAMPLES), "--continue-on-failure", "--no-color", "--warnings", "off"),
        # How much of what it makes up is left out, and how fast, is no matter of the contract.
        *("--suppress-health-check", "all"),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.contract.hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    counts = re.search(r"(\d+) generated", done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert counts
    with capsys.disabled():
        print(f"\nschemathesis: {counts[0]}", end=" ")
    assert int(counts[1]) > 200


def test_the_json_that_is_served_is_the_yaml() -> None:
    status, headers, body = invoke(http_event("GET", "/openapi.json", {}, b""))
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert body == CONTRACT, "run `make contract`"


def test_its_version_is_the_projects() -> None:
    assert CONTRACT["info"]["version"] == hark.__version__


def test_every_error_code_is_described() -> None:
    from hark import errors

    described = json.dumps(CONTRACT["components"]["responses"])
    for error in errors.RequestError.__subclasses__():
        assert f"`{error.code}`" in described, error.__name__


class Page(HTMLParser):
    """What the tests look at of a page: its ids, the addresses it names, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.add(value or "")
            if name in ("src", "href"):
                self.addresses.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page() -> Page:
    status, headers, body = invoke(http_event("GET", "/docs", {}, b""))
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return Page(body.decode())


def test_the_page_describes_every_operation_and_every_object(page: Page) -> None:
    for path, methods in CONTRACT["paths"].items():
        assert path in page.text
        for operation in methods.values():
            assert operation["operationId"] in page.ids
    for name, schema in CONTRACT["components"]["schemas"].items():
        assert (f"schema-{name}" in page.ids) is ("properties" in schema)
        for field in schema.get("properties", {}):
            assert field in page.text


def test_the_table_of_routes_is_what_the_contract_describes_and_the_handler_answers() -> None:
    described = {
        path: ({method.upper() for method in operations}, all("security" in each for each in operations.values()))
        for path, operations in CONTRACT["paths"].items()
    }
    # HEAD goes without saying, and what leads to the page is the page's own affair.
    table = {route.path: ({*route.methods} - {"HEAD"}, route.needs_key) for route in routes.ALL if route.path}
    assert table == described
    assert set(app.routes) == set(routes.ALL)
    assert len(app.routes) == len(routes.ALL)


def test_every_link_of_the_page_leads_somewhere(page: Page) -> None:
    for address in page.addresses:
        assert address == "openapi.json" or address.removeprefix("#") in page.ids


def test_the_page_loads_nothing_and_runs_only_its_own_script(page: Page) -> None:
    assert not page.tags & {"link", "img", "iframe", "object"}
    body, policy = contract.page()
    assert body.text.count("<script") == 1
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    for directive, element in {"script-src": "script", "style-src": "style"}.items():
        found = re.search(rf'<{element}(?: type="module")?>(.*?)</{element}>', body.text, re.DOTALL)
        assert found
        assert allowed[directive] == source(found[1])
    assert allowed["default-src"] == "'none'"
    assert allowed["connect-src"] == "'self'"
    assert invoke(http_event("GET", "/docs", {}, b""))[1]["Content-Security-Policy"] == policy
    assert "url(" not in body.text


def test_every_operation_has_a_form_with_its_fields(page: Page) -> None:
    forms = re.findall(r'<form data-method="(\w+)" data-path="([^"]+)"(.*?)</form>', contract.page()[0].text, re.DOTALL)
    found = {(method.lower(), path): set(re.findall(r' name="([^"]+)"', html)) for method, path, html in forms}
    for path, methods in CONTRACT["paths"].items():
        for method, operation in methods.items():
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            content = operation.get("requestBody", {}).get("content", {})
            if "multipart/form-data" in content:
                names |= set(_meant(content["multipart/form-data"]["schema"])["properties"])
            # Lists have brackets in forms, and may have none in queries.
            assert {name.rstrip("[]") for name in found.pop((method, path))} == {name.rstrip("[]") for name in names}
    assert not found


def _meant(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = CONTRACT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def test_the_page_escapes_what_stands_in_the_contract() -> None:
    from handler.docs_page import render

    hostile = json.loads(json.dumps(CONTRACT).replace("Speech to text", "<script>alert(1)</script>"))
    assert "<script>" not in render(hostile).html


def test_serving_the_contract_needs_no_yaml() -> None:
    program = "import sys; from handler import contract; contract.page(); print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "False"
