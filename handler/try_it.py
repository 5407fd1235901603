"""An operation of the contract -> a form that calls it, for the page at `/docs`; `try_it.js` sends it.

Only what the contract says is in a form. What is optional is folded away, and what nobody fills in is not sent.
"""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

_Node = Mapping[str, Any]

SCRIPT = Path(__file__).with_name("try_it.js")
STYLE = """
.try { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: 0 1rem; }
.try summary { padding: .625rem 0; cursor: pointer; font-weight: 600; }
.try form { padding-bottom: 1rem; }
.try label { display: block; margin: .625rem 0; }
.try input:not([type=file]), .try select, .try textarea {
  display: block; box-sizing: border-box; width: 100%; max-width: 30rem; min-height: 2.5rem; padding: .375rem .625rem;
  border: 1px solid var(--dim); border-radius: .375rem; background: transparent; color: inherit; font: inherit;
}
.try input[type=file] { display: block; max-width: 100%; min-height: 2.5rem; font: inherit; }
.try select option { color: #14171c; background: #fff; }
.try form textarea { max-width: none; min-height: 8rem; font: .9em ui-monospace, monospace; }
.try button { min-height: 2.5rem; padding: .375rem 1.25rem; border: 0; border-radius: .375rem; background: var(--link);
  color: var(--on-link); font: 600 1em system-ui, sans-serif; cursor: pointer; }
.try details { margin: .5rem 0; }
.try details div {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(16rem, 100%), 1fr)); gap: 0 1rem;
}
.try details label { overflow-wrap: anywhere; }
.try output { display: block; }
.try output pre { max-height: 24rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
"""
# The form of a recording is that of a file; of several ways to send it, the one that has most fields.
_BODIES = ("multipart/form-data", "application/octet-stream", "application/json")
_LONGEST_LIST = 60


def form(document: _Node, method: str, path: str, operation: _Node) -> str:
    """Returns the form of an operation, as HTML."""
    parameters = operation.get("parameters", [])
    content = operation.get("requestBody", {}).get("content", {})
    kind = next((each for each in _BODIES if each in content), "")
    needed: list[str] = []
    optional: list[str] = []
    for parameter in parameters:
        # What a form has as well is asked for once.
        if kind == "multipart/form-data" and parameter["in"] == "query":
            continue
        place = needed if parameter.get("required") else optional
        place.append(
            _field(document, parameter["in"], parameter["name"], parameter["schema"], parameter.get("required", False))
        )
    if kind == "multipart/form-data":
        schema = _meant(document, content[kind]["schema"])
        for name, each in schema["properties"].items():
            required = name in schema.get("required", ())
            (needed if required else optional).append(_field(document, "form", name, each, required))
    elif kind == "application/octet-stream":
        needed.append('<label>Recording <input type="file" data-in="body" required></label>')
    elif kind == "application/json":
        example = escape(_example(_meant(document, content[kind]["schema"])))
        needed.append(f'<label>Body, JSON <textarea data-in="body" spellcheck="false">{example}</textarea></label>')
    more = f"<details><summary>More fields</summary><div>{''.join(optional)}</div></details>" if optional else ""
    title = f"{method.upper()} {path}"
    return (
        f'<details class="try"><summary>Try it</summary><form data-method="{escape(method.upper())}" '
        f'data-path="{escape(path)}" aria-label="{escape(title)}">{_key(operation)}{"".join(needed)}{more}'
        '<button type="submit">Send</button><output></output></form></details>\n'
    )


def _key(operation: _Node) -> str:
    if not operation.get("security"):
        return ""
    attributes = 'type="password" data-in="key" autocomplete="off" spellcheck="false"'
    return f"<label>Key, where this endpoint wants one <input {attributes}></label>"


def _field(document: _Node, where: str, name: str, schema: _Node, required: bool) -> str:
    attributes = f'data-in="{where}" name="{escape(name)}"' + " required" * required
    meant = _meant(document, schema)
    if meant.get("format") == "binary" or "contentMediaType" in meant:
        return f'<label>{escape(name)} <input type="file" {attributes}></label>'
    values = meant.get("enum", [])
    if meant.get("type") == "boolean":
        values = ["true", "false"]
    if values and len(values) <= _LONGEST_LIST:
        choices = "".join(f"<option>{escape(str(value))}</option>" for value in values)
        return f'<label>{escape(name)} <select {attributes}><option value=""></option>{choices}</select></label>'
    several = " data-several" * (meant.get("type") == "array")
    hint = ' placeholder="several with commas between them"' if several else ""
    return f'<label>{escape(name)} <input type="text" autocomplete="off" {attributes}{several}{hint}></label>'


def _example(schema: _Node) -> str:
    fields = schema.get("properties", {})
    lines = [f'  "{name}": {_value(fields[name])}' for name in schema.get("required", ())]
    return "{\n" + ",\n".join(lines) + "\n}" if lines else "{}"


def _value(schema: _Node) -> str:
    return {"integer": "0", "number": "0", "boolean": "false", "array": "[]", "object": "{}"}.get(
        str(schema.get("type")), '""'
    )


def _meant(document: _Node, schema: _Node) -> _Node:
    while "$ref" in schema or len(schema.get("allOf", ())) == 1:
        schema = schema["allOf"][0] if "allOf" in schema else _named(document, schema["$ref"])
    return schema


def _named(document: _Node, reference: str) -> _Node:
    found: _Node = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    return found
