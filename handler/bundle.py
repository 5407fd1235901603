"""ES modules, a style sheet and the page that names them -> one HTML document, which loads nothing.

A visitor's first sight of the page is then one request, which is all that the endpoint's throttle counts of it. The
files stay what a browser can run as they are. Bundling takes the part of the module syntax that they use, imports and
exports by name, and refuses the rest rather than guess.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_STYLE = re.compile(r'<link rel="stylesheet" href="([\w.-]+)">')
_SCRIPT = re.compile(r'<script type="module" src="([\w.-]+)"></script>')
_IMPORT = re.compile(r'^import \{([\w\s,$]*)\} from "\./([\w.-]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function\*?|function\*?|class|const) ([\w$]+))", re.MULTILINE)
# What would mean something else, or nothing, in the middle of a bundle.
_OTHER_SYNTAX = re.compile(r"^\s*(?:import|export)\b.*|\bimport[(.].*", re.MULTILINE)
# What the HTML parser would take for the end of the element, or for a comment in which that end does not count.
_ENDS_ELEMENT = re.compile(r"</(?:script|style)|<!--", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`\\])//[^\n]*", re.DOTALL)


class BundleError(ValueError):
    """A file of the page has something that cannot be bundled; the message names the file and the text."""


@dataclass(frozen=True)
class Bundle:
    """One document, and what a Content Security Policy needs to allow just its own script and style.

    Attributes:
        html: the document.
        scripts: sources for `script-src`, such as `'sha256-...'`.
        styles: sources for `style-src`.
    """

    html: str
    scripts: tuple[str, ...]
    styles: tuple[str, ...]


def bundle(page: Path) -> Bundle:
    """Puts what a page loads into the page.

    Args:
        page: an HTML file; its style sheets and modules stand beside it.

    Raises:
        BundleError: a module uses other syntax than imports and exports by name, imports itself by a detour, or has
            text that would end its element.
        OSError: a file is missing.
    """
    html = page.read_text(encoding="utf-8")
    scripts: list[str] = []
    styles: list[str] = []

    def style(found: re.Match[str]) -> str:
        text = f"\n{_checked(page.parent / found[1])}"
        styles.append(source(text))
        return f"<style>{text}</style>"

    def script(found: re.Match[str]) -> str:
        text = f"\n{modules(page.parent / found[1])}"
        scripts.append(source(text))
        return f'<script type="module">{text}</script>'

    html = _SCRIPT.sub(script, _STYLE.sub(style, html))
    return Bundle(html, tuple(scripts), tuple(styles))


def modules(entry: Path) -> str:
    """Returns a module and all that it imports as one module's text.

    Each becomes a block of its own, so that none sees another's names, after those that it imports.

    Raises:
        BundleError: see `bundle`.
        OSError: a file is missing.
    """
    blocks: dict[str, str] = {}
    _add(entry, blocks, ())
    return "const $modules = {};\n" + "".join(blocks.values())


def source(text: str) -> str:
    """Returns what allows a text as script or style (Content Security Policy Level 3, "hash-source")."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _add(path: Path, blocks: dict[str, str], importers: tuple[str, ...]) -> None:
    if path.name in importers:
        raise BundleError(f"{path.name} imports itself by way of {' and '.join(importers[::-1])}.")
    if path.name in blocks:
        return
    text = _checked(path)
    for _, name in _IMPORT.findall(text):
        _add(path.parent / name, blocks, (*importers, path.name))
    exported = _EXPORT.findall(text)
    body = _EXPORT.sub("", _IMPORT.sub(_taken, text))
    if other := _OTHER_SYNTAX.search(_COMMENT.sub("", body)):
        raise BundleError(f'{path.name} has "{other[0].strip()}", which cannot be bundled: import and export by name.')
    given = f'$modules["{path.name}"] = {{ {", ".join(exported)} }};\n' if exported else ""
    blocks[path.name] = f"{{ // {path.name}\n{body.rstrip()}\n{given}}}\n"


def _taken(found: re.Match[str]) -> str:
    names = re.sub(r"([\w$]+) as ([\w$]+)", r"\1: \2", " ".join(found[1].split()))
    return f'const {{ {names} }} = $modules["{found[2]}"];\n'


def _checked(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if end := _ENDS_ELEMENT.search(text):
        raise BundleError(f'{path.name} has "{end[0]}", which cannot stand in a page; write it in two parts.')
    return text
