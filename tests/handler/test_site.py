"""The files of the web page, as the handler sends them."""

import gzip
import re
import subprocess
import sys

import pytest

from handler import site
from local.event import http_event
from tests.conftest import ROOT, invoke

STATIC = ROOT / "handler" / "static"


def get(path: str, method: str = "GET", stage: str = "$default", **headers: str) -> tuple[int, dict[str, str], bytes]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    event = http_event(method, path, names, b"")
    event["requestContext"]["stage"] = stage
    return invoke(event)


def versioned(name: str) -> str:
    """Returns the address that the page has for a file."""
    page = get("/")[2].decode()
    found = re.search(rf'"(static/[0-9a-f]+/{re.escape(name)})"', page)
    assert found
    return f"/{found[1]}"


def test_the_page_and_its_files_are_sent_with_their_types() -> None:
    assert get("/")[1]["Content-Type"] == "text/html; charset=utf-8"
    assert get("/static/page.css")[1]["Content-Type"] == "text/css; charset=utf-8"
    status, headers, body = get("/static/page.js")
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert body == (STATIC / "page.js").read_bytes()


def test_every_address_in_the_page_and_its_scripts_leads_to_a_file() -> None:
    page = get("/")[2].decode()
    addresses = re.findall(r'(?:src|href)="(static/[^"]+)"', page)
    assert len(addresses) >= 3
    for address in addresses:
        assert get(f"/{address}")[0] == 200, address
    for script in STATIC.glob("*.js"):
        for name in re.findall(r'(?:from|import\() ?"\./([^"]+)"', script.read_text()):
            assert (STATIC / name).is_file(), f"{script.name}: {name}"


def test_all_addresses_are_relative_so_that_any_prefix_will_do() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.findall(r'(?:src|href|action)="(?:/|https?:)[^"]*"', page)
    for script in STATIC.glob("*.js"):
        assert not re.findall(r'(?:fetch|open|import)\((?:"POST", )?"(?:/|https?:)', script.read_text())


def test_the_policy_lets_the_page_load_only_from_its_own_origin() -> None:
    for path in ("/", "/static/page.js"):
        headers = get(path)[1]
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert not re.search(r"unsafe|https?:|\*", headers["Content-Security-Policy"])
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_no_script_or_style_stands_in_the_markup() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style| style=| on[a-z]+=", page)


def test_files_at_their_versioned_address_are_kept_by_browsers_and_others_are_checked() -> None:
    assert "immutable" in get(versioned("page.js"))[1]["Cache-Control"]
    for path in ("/", "/static/page.js", "/static/0123456789abcdef/page.js"):
        assert get(path)[1]["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/static/page.css"])
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_what_the_browser_has_already_is_not_sent_again(path: str, encoding: str) -> None:
    tag = get(path, accept_encoding=encoding)[1]["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        status, headers, body = get(path, accept_encoding=encoding, if_none_match=known)
        assert (status, body, headers["ETag"]) == (304, b"", tag)
        assert "Content-Encoding" not in headers
    assert get(path, accept_encoding=encoding, if_none_match='"other"')[0] == 200


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip", "deflate;q=0.5, GZIP;q=0.8", "*"])
def test_files_are_compressed_for_those_who_accept_it(accepted: str) -> None:
    status, headers, body = get("/static/page.js", accept_encoding=accepted)
    assert (status, headers["Content-Encoding"], headers["Vary"]) == (200, "gzip", "Accept-Encoding")
    plain = get("/static/page.js")
    assert gzip.decompress(body) == plain[2]
    assert len(body) < len(plain[2]) / 2
    assert headers["ETag"] != plain[1]["ETag"]


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "identity, gzip; q=0.0"])
def test_files_are_sent_plain_to_others(accepted: str) -> None:
    headers = get("/static/page.js", accept_encoding=accepted)[1]
    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", ["/", "/static/page.js"])
def test_head_has_the_headers_of_get(path: str) -> None:
    assert get(path, "HEAD")[:2] == get(path)[:2]


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/nothing.js",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/..\\app.py",
        "/static/x/../../app.py",
        "/static/__pycache__",
        "/static/page.js%00",
    ],
)
def test_only_files_of_the_page_are_served(path: str) -> None:
    assert get(path)[0] == 404


def test_the_page_takes_no_posts() -> None:
    status, headers, _ = get("/", "POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_the_bare_name_of_a_stage_leads_to_its_page() -> None:
    status, headers, _ = get("/prod", stage="prod")
    assert (status, headers["Location"]) == (308, "prod/")
    assert get("/prod/", stage="prod")[2] == get("/")[2]


def test_a_cold_start_reads_no_file_of_the_page() -> None:
    program = (
        "import handler.app, handler.site as s; print(s._read.cache_info().currsize, s._names.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["0", "0"]


def test_no_name_leads_out_of_the_folder() -> None:
    from hark.errors import UnknownRoute

    with pytest.raises(UnknownRoute):
        site.reply("../app.py", {})
