"""Programs that people point at the endpoint: the requests in events/clients/ are answered as docs/clients.md says."""

import base64
import json
import re
from typing import Any

import pytest

from handler import form, json_form, options
from tests.conftest import EVENTS, ROOT, SPOKEN, invoke

# What each sends beside the recording, in its order.
FIELDS = {
    "open-webui": ["model", "language"],
    "open-webui-json": ["model", "language"],
    "home-assistant": ["model", "language", "prompt", "response_format"],
    "librechat": ["model", "language"],
    "n8n": ["model", "language", "temperature"],
    "llamaindex": ["model", "language", "response_format"],
    "litellm": ["model", "language", "response_format"],
    "ai-sdk": ["model", "language", "response_format", "temperature", "timestamp_granularities[]"],
    "langchain": ["model", "language", "prompt", "response_format", "temperature"],
    "obsidian": ["model", "language", "prompt"],
    "openai-everything": [
        "model",
        *("chunking_strategy[type]", "chunking_strategy[silence_duration_ms]", "chunking_strategy[threshold]"),
        *("keywords[]", "keywords[]", "languages[]", "languages[]", "response_format"),
        *("timestamp_granularities[]", "timestamp_granularities[]"),
    ],
}
DOCUMENT = (ROOT / "docs" / "clients.md").read_text()


def load(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / "clients" / f"{name}.json").read_text())
    return event


def test_every_program_is_here() -> None:
    assert {path.stem for path in (EVENTS / "clients").glob("*.json")} == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_a_program_sends_these_fields_and_the_recording(name: str) -> None:
    event = load(name)
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    is_json = event["headers"]["content-type"] == "application/json"
    recording, fields = json_form.read(body) if is_json else form.read(body, event["headers"]["content-type"])
    assert recording == (EVENTS / "sample.ogg").read_bytes()
    assert sorted(field for field, _ in fields) == sorted(FIELDS[name])
    assert "authorization" not in event["headers"]


@pytest.mark.parametrize("name", FIELDS)
def test_a_program_gets_the_text(name: str) -> None:
    status, headers, body = invoke(load(name))
    is_text = name == "llamaindex"
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/plain" if is_text else "application/json")
    text = body.decode() if is_text else body["text"]
    words = re.sub(r"[^a-z ]", "", text.lower()).split()
    assert len(set(words) & set(SPOKEN.split())) >= len(set(SPOKEN.split())) - 1
    assert (not is_text and "words" in body) is (name in ("openai-everything", "ai-sdk"))


def test_a_program_that_asks_again_without_a_language_gets_the_text() -> None:
    """As Open WebUI does where its user's language is not English."""
    event = load("open-webui")
    sent = base64.b64decode(event["body"])
    german = sent.replace(b'name="language"\r\n\r\nen', b'name="language"\r\n\r\nde')
    status, _, body = invoke({**event, "body": base64.b64encode(german).decode()})
    assert (status, body["error"]["param"]) == (400, "language")
    without = re.sub(
        rb'--[0-9a-f]+\r\nContent-Type: [^\r]+\r\nContent-Disposition: form-data; name="language"\r\n\r\nen\r\n',
        b"",
        sent,
    )
    assert without != sent
    assert invoke({**event, "body": base64.b64encode(without).decode()})[0] == 200


def test_every_field_without_effect_is_documented() -> None:
    assert [name for name in options.WITHOUT_EFFECT if f"`{name}`" not in DOCUMENT] == []


@pytest.mark.parametrize(
    "name",
    [
        "Open WebUI",
        "Home Assistant",
        "LibreChat",
        "n8n",
        "LangChain and LlamaIndex",
        "LiteLLM",
        "Obsidian",
        "Vercel's AI SDK",
        "OpenAI's own clients",
    ],
)
def test_every_program_has_a_few_lines(name: str) -> None:
    _, _, section = DOCUMENT.partition(f"\n## {name}\n")
    lines = section.partition("\n## ")[0].strip().splitlines()
    assert 5 <= len(lines) <= 16
