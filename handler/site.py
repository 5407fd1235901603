"""The web page over HTTP: the files of handler/static as one document, which loads nothing.

The document is put together with the first request for it, so that it costs a cold start of the API nothing.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from handler.bundle import bundle
from handler.router import Response

_PAGE = Path(__file__).resolve().parent / "static" / "index.html"
_MEDIA_TYPE = "text/html; charset=utf-8"
# Nothing is loaded from elsewhere, nothing runs but our own script and what it makes, nobody frames the page, no text
# becomes markup or an element's script.
_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        # A blob is text of the page's own script, which hears the microphone in a thread for sound (static/tap.js).
        "script-src {scripts} blob:",
        "style-src {styles}",
        "img-src data:",  # the icon, which stands in the page
        "connect-src 'self'{uploads}",
        "media-src blob:",  # the visitor's own recording, which is played from memory
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
    # Kept, and asked about at each visit: the answer to that is short, and a new deployment is seen at once.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class _Document:
    """The page as it is sent, plain and compressed; each form has its own entity tag (RFC 9110, section 8.8.3).

    The policy has a place for where recordings are uploaded to.
    """

    plain: bytes
    compressed: bytes
    digest: str
    policy: str


def reply(request_headers: Mapping[str, str | None], upload_origin: str = "") -> Response:
    """Answers a GET or HEAD for the page; of a HEAD, the HTTP server drops the body.

    Args:
        request_headers: `accept-encoding` and `if-none-match` are read; names in any case the mapping understands.
        upload_origin: where the page may upload recordings of jobs to; "" for nowhere else than to where it is from.
    """
    document = _read()
    compressed = _accepts_gzip(request_headers.get("accept-encoding") or "")
    tag = f'"{document.digest}{"-gzip" if compressed else ""}"'
    policy = document.policy.format(uploads=f" {upload_origin}" if upload_origin else "")
    headers = {**_HEADERS, "Content-Security-Policy": policy, "ETag": tag}
    if _matches(request_headers.get("if-none-match") or "", tag):
        return Response(304, _MEDIA_TYPE, b"", headers)
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(200, _MEDIA_TYPE, document.compressed if compressed else document.plain, headers)


@cache
def _read() -> _Document:
    bundled = bundle(_PAGE)
    content = bundled.html.encode()
    scripts, styles = " ".join(bundled.scripts), " ".join(bundled.styles)
    policy = _CONTENT_SECURITY_POLICY.format(scripts=scripts, styles=styles, uploads="{uploads}")
    # Without a time stamp, so that every instance of the function sends the same bytes.
    return _Document(content, gzip.compress(content, mtime=0), hashlib.sha256(content).hexdigest()[:16], policy)


def _accepts_gzip(accept_encoding: str) -> bool:
    for offer in accept_encoding.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "").rstrip("0.") != "q="  # q=0, q=0.0: not that one
    return False


def _matches(if_none_match: str, tag: str) -> bool:
    candidates = {candidate.strip().removeprefix("W/") for candidate in if_none_match.split(",")}
    return tag in candidates or "*" in candidates
