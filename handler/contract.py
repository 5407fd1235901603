"""The HTTP contract as it is served: for programs at `/openapi.json`, for people at `/docs`.

`openapi.json` is made from `openapi.yaml` by `make contract`, so that serving needs no YAML.
"""

from functools import cache
from pathlib import Path

from handler.render import Body

_DOCUMENT = Path(__file__).with_name("openapi.json")
# The page needs its own style and nothing else, from here or from anywhere.
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def document() -> Body:
    """The OpenAPI document."""
    return Body("application/json", _DOCUMENT.read_text(encoding="utf-8"))


@cache
def page() -> Body:
    """The page that describes the API, laid out when it is first asked for."""
    import json  # these two only then

    from handler import docs_page

    return Body("text/html; charset=utf-8", docs_page.render(json.loads(document().text)))
