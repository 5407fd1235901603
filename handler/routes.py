"""The paths that are answered, with their methods: the one table that the function and the local server read.

`openapi.yaml` describes the same paths to callers and `template.yaml` opens the same ones; tests hold them to this.
Paths are written as OpenAPI writes them: `{name}` is whatever stands there, up to the next slash.
"""

from handler.router import Route

_READ = ("GET", "HEAD")
_POST = ("POST",)

PAGE = Route("/", _READ, needs_key=False)
# A stage's bare name, which leads to the page.
PAGE_WITHOUT_SLASH = Route("", _READ, needs_key=False)
TRANSCRIBE = Route("/transcribe", _POST)
TRANSCRIPTIONS = Route("/v1/audio/transcriptions", _POST)
TRANSLATIONS = Route("/v1/audio/translations", _POST)
KEYWORDS = Route("/v1/audio/keywords", _POST)
MODELS = Route("/v1/models", _READ)
MODEL = Route("/v1/models/{model}", _READ)
JOBS = Route("/v1/jobs", (*_READ, *_POST))
JOB = Route("/v1/jobs/{job_id}", (*_READ, "DELETE"))
HEALTH = Route("/health", _READ, needs_key=False)
OPENAPI = Route("/openapi.json", _READ, needs_key=False)
DOCS = Route("/docs", _READ, needs_key=False)

ALL = (
    *(TRANSCRIBE, TRANSCRIPTIONS, TRANSLATIONS, KEYWORDS, MODELS, MODEL, JOBS, JOB),
    *(PAGE, PAGE_WITHOUT_SLASH, HEALTH, OPENAPI, DOCS),
)
# What has no guard: what the page needs before anybody can type a key, and what is public.
OPEN_PATHS = tuple(
    route.path for route in ALL if not route.needs_key and route.path.startswith("/") and "{" not in route.path
)
