"""An OpenAPI document -> one HTML page, which loads nothing; a form beside each operation calls it.

It lays out what Hark's contract uses of OpenAPI 3.1, whose "Schema Object" and "Operation Object" give the names below.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from handler import try_it
from handler.bundle import Bundle, source

_Node = Mapping[str, Any]

_STYLE = """
:root { color-scheme: light dark; --line: #d5d9e0; --soft: #f4f5f7; --dim: #555e6d; --link: #1a56b4; --on-link: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a414d; --soft: #1e232b; --dim: #a3adbb; --link: #86b6ff; --on-link: #14171c; }
  body { background: #14171c; color: #e4e7ec; }
}
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 small, .dim { color: var(--dim); font-weight: normal; }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2.5rem 0 .5rem; overflow-wrap: anywhere; }
h4 { margin: 1.25rem 0 .25rem; }
a { color: var(--link); }
code, pre { font: .9em ui-monospace, monospace; background: var(--soft); border-radius: .25rem; }
code { padding: .1em .3em; }
pre { padding: .75rem 1rem; overflow-x: auto; }
pre:focus-visible, .wide:focus-visible { outline: 2px solid var(--link); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
.method { text-transform: uppercase; color: var(--dim); }
"""


def render(document: _Node) -> Bundle:
    """Returns the page, and what its policy has to allow."""
    style = _STYLE + try_it.STYLE
    script = f"\n{try_it.SCRIPT.read_text(encoding='utf-8')}"
    return Bundle(_page(document, style, script), (source(script),), (source(style),))


def _page(document: _Node, style: str, script: str) -> str:
    info, schemas = document["info"], document["components"]["schemas"]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: the API</title><style>{style}</style></head><body><main>\n"
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>\n"
        f"<p>{_text(info['summary'])}</p>{_prose(info)}"
        '<p><a href="openapi.json">The same as an OpenAPI document</a></p>\n'
        + "".join(_tag(document, tag["name"]) for tag in document["tags"])
        + "<h2>Errors</h2>\n"
        + _table(("answer", "meaning"), _responses(document["components"]["responses"]))
        + "<h2>Schemas</h2>\n"
        + "".join(_schema(schemas, *named) for named in schemas.items() if "properties" in named[1])
        + f'</main><script type="module">{script}</script></body></html>\n'
    )


def _tag(document: _Node, tag: str) -> str:
    operations = [
        _operation(document, method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if tag in operation["tags"]
    ]
    return f"<h2>{escape(tag)}</h2>\n" + "".join(operations)


def _operation(document: _Node, method: str, path: str, operation: _Node) -> str:
    schemas = document["components"]["schemas"]
    parts = [
        f'<h3 id="{escape(operation["operationId"])}"><span class="method">{escape(method)}</span> '
        f"<code>{escape(path)}</code></h3>\n<p>{_text(operation['summary'])}</p>{_prose(operation)}"
    ]
    parts += [
        f'<pre tabindex="0">{escape(sample["source"].strip())}</pre>\n' for sample in operation.get("x-codeSamples", [])
    ]
    parts.append(try_it.form(document, method, path, operation))
    if parameters := operation.get("parameters"):
        rows = [
            (f"<code>{escape(p['name'])}</code>", _type(schemas, p["schema"]), _about(schemas, p)) for p in parameters
        ]
        parts.append("<h4>Parameters</h4>\n" + _table(("name", "type", "meaning"), rows))
    for content_type, media in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h4>Body: <code>{escape(content_type)}</code></h4>\n{_body(schemas, media['schema'])}")
    parts.append("<h4>Answers</h4>\n" + _answers(schemas, operation["responses"]))
    return "".join(parts)


def _body(schemas: _Node, schema: _Node) -> str:
    """Lists the fields of a form; of anything else, says what it is."""
    meant = _meant(schemas, schema)
    return _fields(schemas, meant) if "properties" in meant else f"<p>{_about(schemas, schema)}</p>\n"


def _answers(schemas: _Node, responses: _Node) -> str:
    rows: list[tuple[str, str]] = []
    errors: list[str] = []
    for status, response in responses.items():
        if "$ref" in response:
            errors.append(f'{status} <a href="#answer-{_name(response)}">{_name(response)}</a>')
        else:
            rows += [
                (f"{status} {content_type}", content)
                for content_type, content in _content(schemas, response["content"])
            ]
    table = _table(("answer", "content"), rows) if rows else ""
    return f"{table}<p>Errors: {', '.join(errors)}</p>\n"


def _content(schemas: _Node, content: _Node) -> Iterator[tuple[str, str]]:
    for content_type, media in content.items():
        yield f"<code>{escape(content_type)}</code>", _type(schemas, media["schema"])


def _responses(responses: _Node) -> Iterator[tuple[str, str]]:
    for name, response in responses.items():
        yield f'<span id="answer-{name}">{name}</span>', _text(response["description"])


def _schema(schemas: _Node, name: str, schema: _Node) -> str:
    return f'<h3 id="schema-{name}">{name}</h3>\n{_prose(schema)}{_fields(schemas, schema)}'


def _fields(schemas: _Node, schema: _Node) -> str:
    rows = [
        (
            f"<code>{escape(field)}</code>",
            _type(schemas, content)
            + ("" if field in schema.get("required", ()) else " <span class=dim>optional</span>"),
            _about(schemas, content),
        )
        for field, content in schema["properties"].items()
    ]
    return _table(("field", "type", "meaning"), rows)


def _type(schemas: _Node, schema: _Node) -> str:
    """Says in a few words what a schema allows, with links to the objects, which have tables of their own."""
    if "$ref" in schema:
        meant = _meant(schemas, schema)
        named = f'<a href="#schema-{_name(schema)}">{_name(schema)}</a>'
        return named if "properties" in meant else _type(schemas, meant)
    for several in ("anyOf", "allOf"):
        if several in schema:
            return " or ".join(_type(schemas, one) for one in schema[several])
    values = [schema["const"]] if "const" in schema else schema.get("enum", [])
    if values:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"array of {_type(schemas, schema['items'])}"
    types = schema.get("type", "anything")
    words = " or ".join(types) if isinstance(types, list) else str(types)
    limits = (schema.get("minimum"), schema.get("maximum"))
    return words if None in limits else f"{words}, {limits[0]} to {limits[1]}"


def _about(schemas: _Node, node: _Node) -> str:
    """Returns what a field or parameter says of itself, or else what its schema says."""
    return _text(node.get("description") or _meant(schemas, node.get("schema", node)).get("description", ""))


def _meant(schemas: _Node, schema: _Node) -> _Node:
    resolved: _Node = schemas[_name(schema)] if "$ref" in schema else schema
    return resolved


def _name(reference: _Node) -> str:
    return escape(reference["$ref"].rsplit("/", 1)[-1])


def _prose(node: _Node) -> str:
    paragraphs = re.split(r"\n\s*\n", node.get("description", "").strip())
    return "".join(f"<p>{_text(paragraph)}</p>\n" for paragraph in paragraphs if paragraph)


def _text(text: str) -> str:
    """Escapes a description; `code` is the only mark-up there is in one."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text.strip(), quote=False))


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    # Wide tables scroll by themselves, by keyboard too.
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>\n'
    )
