"""The web page, as the handler sends it, and how its files are put together."""

import base64
import gzip
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handler.bundle import BundleError, bundle, modules
from local.event import http_event
from tests.conftest import ROOT, invoke

STATIC = ROOT / "handler" / "static"


def get(path: str, method: str = "GET", stage: str = "$default", **headers: str) -> tuple[int, dict[str, str], bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    event = http_event(method, path, names, b"")
    event["requestContext"]["stage"] = stage
    return invoke(event)


def policy() -> dict[str, str]:
    return dict(part.split(" ", 1) for part in get("/")[1]["Content-Security-Policy"].split("; "))


def test_the_page_is_one_document_that_loads_nothing() -> None:
    status, headers, body = get("/")
    page = body.decode()
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    addresses = re.findall(r'<(?:link|script|img|iframe|audio|source)[^>]* (?:src|href)="([^"]*)"', page)
    assert [address for address in addresses if not address.startswith("data:")] == []
    assert not re.search(r"^(?:import|export)\b|import\(|@import|url\((?!data:|#)", page, re.MULTILINE)


def test_every_file_of_the_folder_is_in_the_page() -> None:
    page = get("/")[2].decode()
    for script in STATIC.glob("*.js"):
        assert f"{{ // {script.name}\n" in page, script.name
    for style in STATIC.glob("*.css"):
        assert style.read_text() in page, style.name


def test_all_addresses_are_relative_so_that_any_prefix_will_do() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.findall(r'(?:src|href|action)="(?:/|https?:)[^"]*"', page)
    for script in STATIC.glob("*.js"):
        assert not re.findall(r'(?:fetch|open)\((?:"POST", )?[`"](?:/|https?:)', script.read_text())


def test_the_policy_lets_only_the_pages_own_script_and_style_run() -> None:
    page = get("/")[2].decode()
    made = {"script-src": " blob:", "style-src": ""}  # what hears the microphone is made by the script
    for directive, element in {"script-src": "script", "style-src": "style"}.items():
        texts = re.findall(rf"<{element}(?: type=\"module\")?>(.*?)</{element}>", page, re.DOTALL)
        assert len(texts) == len(re.findall(rf"<{element}\b", page)) == 1
        hashed = base64.b64encode(hashlib.sha256(texts[0].encode()).digest()).decode()
        assert policy()[directive] == f"'sha256-{hashed}'{made[directive]}"


def test_the_policy_lets_nothing_else_in_or_out() -> None:
    headers = get("/")[1]
    allowed = policy()
    assert allowed["default-src"] == allowed["base-uri"] == allowed["form-action"] == "'none'"
    assert allowed["connect-src"] == "'self'"
    assert allowed["frame-ancestors"] == "'none'"
    assert not re.search(r"unsafe|https?:|\*", headers["Content-Security-Policy"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_no_script_or_style_stands_in_the_markup() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style| style=| on[a-z]+=", page)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_what_the_browser_has_already_is_not_sent_again(encoding: str) -> None:
    headers = get("/", accept_encoding=encoding)[1]
    tag = headers["ETag"]
    assert headers["Cache-Control"] == "no-cache"  # kept, and asked about
    for known in (tag, f'"other", W/{tag}', "*"):
        status, headers, body = get("/", accept_encoding=encoding, if_none_match=known)
        assert (status, body, headers["ETag"]) == (304, b"", tag)
        assert "Content-Encoding" not in headers
    assert get("/", accept_encoding=encoding, if_none_match='"other"')[0] == 200


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip", "deflate;q=0.5, GZIP;q=0.8", "*"])
def test_it_is_compressed_for_those_who_accept_it(accepted: str) -> None:
    status, headers, body = get("/", accept_encoding=accepted)
    assert (status, headers["Content-Encoding"], headers["Vary"]) == (200, "gzip", "Accept-Encoding")
    plain = get("/")
    assert gzip.decompress(body) == plain[2]
    assert len(body) < len(plain[2]) / 2
    assert headers["ETag"] != plain[1]["ETag"]


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "identity, gzip; q=0.0"])
def test_it_is_sent_plain_to_others(accepted: str) -> None:
    headers = get("/", accept_encoding=accepted)[1]
    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding"


def test_head_has_the_headers_of_get() -> None:
    assert get("/", "HEAD")[:2] == get("/")[:2]


@pytest.mark.parametrize(
    "path", ["/static/page.js", "/static/../app.py", "/static/..%2fapp.py", "/index.html", "/app.py"]
)
def test_no_file_is_served(path: str) -> None:
    assert get(path)[0] == 404


def test_the_page_takes_no_posts() -> None:
    status, headers, _ = get("/", "POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_the_bare_name_of_a_stage_leads_to_its_page() -> None:
    status, headers, _ = get("/prod", stage="prod")
    assert (status, headers["Location"]) == (308, "prod/")
    assert get("/prod/", stage="prod")[2] == get("/")[2]


def test_a_cold_start_reads_no_file_of_the_page() -> None:
    program = "import sys, handler.app; print('handler.site' in sys.modules, 'handler.bundle' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "False"]


# --- how modules become one ---------------------------------------------------------------------------------------


def written(folder: Path, **files: str) -> Path:
    """Writes modules, a name for each, and returns the path of the one called page."""
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "page.js"


@pytest.mark.parametrize(
    "text",
    [
        'import a from "./b.js";\n',
        'import * as b from "./b.js";\n',
        'import "./b.js";\n',
        'import { y } from "https://example.com/b.js";\n',
        'const b = await import("./b.js");\n',
        "const here = import.meta.url;\n",
        "export default 1;\n",
        "export let y = 1;\n",
        "const y = 1;\nexport { y };\n",
        'export { y } from "./b.js";\n',
        'export * from "./b.js";\n',
        'const end = "</script>";\n',
        'const comment = "<!--";\n',
        'import { y } from "./page.js";\nexport const x = y;\n',
    ],
)
def test_what_cannot_be_bundled_is_refused_by_name(tmp_path: Path, text: str) -> None:
    entry = written(tmp_path, page=text, b="export const y = 1;\n")
    with pytest.raises(BundleError, match=r"page\.js"):
        modules(entry)


def test_a_detour_of_imports_back_to_the_module_itself_is_refused(tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        page='import { a } from "./a.js";\nexport const x = 1;\n',
        a='import { x } from "./page.js";\nexport const a = x;\n',
    )
    with pytest.raises(BundleError, match=r"page\.js imports itself by way of a\.js"):
        modules(entry)


def test_a_style_that_would_end_its_element_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("/* </style> */")
    (tmp_path / "index.html").write_text('<link rel="stylesheet" href="a.css">')
    with pytest.raises(BundleError, match=r"a\.css"):
        bundle(tmp_path / "index.html")


def test_the_policy_names_the_bucket_where_the_page_uploads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    from handler import app

    assert policy()["connect-src"] == "'self'"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setattr(app, "settings", replace(app.settings, bucket="hark-1"))
    assert policy()["connect-src"] == "'self' https://hark-1.s3.eu-central-1.amazonaws.com"
    # A folder in the place of the bucket is at the page's own address.
    monkeypatch.setattr(app, "job_storage", object())
    assert policy()["connect-src"] == "'self'"


def test_the_health_says_what_a_job_may_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    from handler import app

    health: Any = get("/health")[2]
    assert health["jobs"] is None
    monkeypatch.setattr(app, "settings", replace(app.settings, bucket="hark-1"))
    health = get("/health")[2]
    assert health["jobs"] == {"body_bytes": app.settings.job_max_bytes, "audio_s": app.settings.job_max_audio_s}
