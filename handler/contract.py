"""The HTTP contract as it is served: for programs at `/openapi.json`, for people at `/docs`.

`openapi.json` is made from `openapi.yaml` by `make contract`, so that serving needs no YAML.
"""

from functools import cache
from pathlib import Path

from handler.render import Body

_DOCUMENT = Path(__file__).with_name("openapi.json")
# The page needs its own style and script, and calls this endpoint and nothing else.
_PAGE_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@cache
def document() -> Body:
    """The OpenAPI document."""
    return Body("application/json", _DOCUMENT.read_text(encoding="utf-8"))


@cache
def page() -> tuple[Body, str]:
    """The page that describes the API, laid out when it is first asked for, and its Content Security Policy."""
    import json  # these two only then

    from handler import docs_page

    made = docs_page.render(json.loads(document().text))
    policy = _PAGE_POLICY.format(script=" ".join(made.scripts), style=" ".join(made.styles))
    return Body("text/html; charset=utf-8", made.html), policy
