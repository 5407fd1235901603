"""The web page and what it loads: the files of handler/static over HTTP.

A file's address may carry the version of the whole folder (`static/VERSION/page.js`), as the addresses in the page do:
what stands there never changes, so browsers keep it, and a page never mixes files of two deployments. Files are read
with the first request for one, so that they cost a cold start of the API nothing.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from handler.router import Response
from hark.errors import UnknownRoute

PAGE = "index.html"

_FOLDER = Path(__file__).resolve().parent / "static"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
# Nothing is loaded from elsewhere, nothing runs but our own files, nobody frames the page, no text becomes markup.
_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # the icon, which stands in the page
        "connect-src 'self'",
        "media-src blob:",  # the visitor's own recording, which is played from memory
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
_FOREVER = "public, max-age=31536000, immutable"
_ASK_EVERY_TIME = "no-cache"


@dataclass(frozen=True)
class _File:
    """A file as it is sent, plain and compressed; each form has its own entity tag (RFC 9110, section 8.8.3)."""

    media_type: str
    plain: bytes
    compressed: bytes
    digest: str


def reply(name: str, request_headers: Mapping[str, str | None], version: str = "") -> Response:
    """Answers a GET or HEAD for a file of the page; of a HEAD, the HTTP server drops the body.

    Args:
        name: the file's name, `PAGE` for the page itself.
        request_headers: `accept-encoding` and `if-none-match` are read; names in any case the mapping understands.
        version: the version in the address, where there is one.

    Raises:
        UnknownRoute: there is no such file.
    """
    if name not in _names():
        raise UnknownRoute("There is no such file; the page is at /.")
    file = _read(name)
    compressed = _accepts_gzip(request_headers.get("accept-encoding") or "")
    tag = f'"{file.digest}{"-gzip" if compressed else ""}"'
    headers = {
        **_HEADERS,
        "ETag": tag,
        "Cache-Control": _FOREVER if version and version == _version() else _ASK_EVERY_TIME,
    }
    if _matches(request_headers.get("if-none-match") or "", tag):
        return Response(304, file.media_type, b"", headers)
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(200, file.media_type, file.compressed if compressed else file.plain, headers)


@cache
def _names() -> frozenset[str]:
    # Only names found by listing the folder are served, so no name can lead out of it.
    return frozenset(path.name for path in _FOLDER.iterdir() if path.suffix in _MEDIA_TYPES)


@cache
def _version() -> str:
    contents = (name.encode() + b"\0" + (_FOLDER / name).read_bytes() for name in sorted(_names()))
    return _digest(b"\0".join(contents))


@cache
def _read(name: str) -> _File:
    content = (_FOLDER / name).read_bytes()
    if name == PAGE:
        content = content.replace(b'="static/', f'="static/{_version()}/'.encode())
    # Without a time stamp, so that every instance of the function sends the same bytes.
    compressed = gzip.compress(content, mtime=0)
    return _File(_MEDIA_TYPES[Path(name).suffix], content, compressed, _digest(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _accepts_gzip(accept_encoding: str) -> bool:
    for offer in accept_encoding.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "").rstrip("0.") != "q="  # q=0, q=0.0: not that one
    return False


def _matches(if_none_match: str, tag: str) -> bool:
    candidates = {candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")}
    return tag in candidates or "*" in candidates
