"""The HTTP contract as it is served: for programs at `/openapi.json`, for people at `/docs`.

`openapi.json` is made from `openapi.yaml` by `make contract`, so that serving needs no YAML.
"""

import json
from functools import cache
from pathlib import Path

from handler.render import Body
from hark.languages import ENGLISH, pattern

_DOCUMENT = Path(__file__).with_name("openapi.json")
# The page needs its own style and script, and calls this endpoint and nothing else.
_PAGE_POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@cache
def document(languages: tuple[str, ...] = (ENGLISH,)) -> Body:
    """The OpenAPI document.

    Args:
        languages: tags of the deployed models' languages, the first being that of the one that answers by default. The
            file is for one English model.
    """
    text = _DOCUMENT.read_text(encoding="utf-8")
    if languages != (ENGLISH,):
        content = json.loads(text)
        content["components"]["schemas"]["Language"] |= {"pattern": pattern(languages), "examples": list(languages)}
        text = json.dumps(content, ensure_ascii=False)
    return Body("application/json", text)


@cache
def page(languages: tuple[str, ...] = (ENGLISH,)) -> tuple[Body, str]:
    """The page that describes the API, laid out when it is first asked for, and its Content Security Policy."""
    from handler import docs_page  # only then

    made = docs_page.render(json.loads(document(languages).text))
    policy = _PAGE_POLICY.format(script=" ".join(made.scripts), style=" ".join(made.styles))
    return Body("text/html; charset=utf-8", made.html), policy
