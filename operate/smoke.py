"""Tries a deployed endpoint: `python -m operate.smoke URL [--open]`; the key is read from HARK_KEY.

Posts the sample recording and compares the text with what this checkout's handler and model make of it, as a request
and, where the endpoint has jobs, as a job. Tries to come in without a key, with a wrong one, and with the right one
where it does not belong; `--open` says that the endpoint wants none.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from handler import keys
from local import environment
from local.event import context_for, http_event, reply_body
from local.run import SAMPLE
from operate.stack import OperationError, run

# An instance that has to be started first reads an image of 300 MB.
_TIMEOUT_S = 60
_JOB_S, _POLL_S = 300, 2
_BOUNDARY = "hark-smoke"


@dataclass(frozen=True)
class Answer:
    """An HTTP response.

    Attributes:
        status: its status.
        body: its body, parsed where it is JSON.
    """

    status: int
    body: Any


class Endpoint:
    """An endpoint of Hark.

    Args:
        url: its address, without a path of the API.

    Raises:
        OperationError: a key sent there could be read on the way.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
            raise OperationError("The address must begin with https://; a key sent without encryption is everybody's.")
        self._url = url.rstrip("/")

    def send(self, method: str, path: str, body: bytes = b"", key: str = "", content_type: str = "audio/wav") -> Answer:
        """Sends a request to the endpoint.

        Raises:
            OperationError: nobody answers.
        """
        headers = {"Content-Type": content_type} if body else {}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        return send(method, self._url + path, body, headers)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a key is for the address it was given for."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        """Returns nothing, which leaves the redirect as the answer."""


_opener = urllib.request.build_opener(_NoRedirects)


def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Sends a request.

    Raises:
        OperationError: nobody answers.
    """
    request = urllib.request.Request(url, body or None, dict(headers), method=method)  # noqa: S310 (see Endpoint)
    try:
        with _opener.open(request, timeout=_TIMEOUT_S) as response:
            return Answer(response.status, _parsed(response.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, _parsed(error.read()))
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise OperationError(f"{urlsplit(url).netloc} does not answer: {reason}") from error


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def expected_text() -> str:
    """Returns what the handler of this checkout makes of the sample."""
    environment.prepare()
    from handler.app import lambda_handler  # after the environment is set

    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SAMPLE.read_bytes())
    return str(json.loads(reply_body(lambda_handler(event, context_for(event))))["text"])


def checks(endpoint: Endpoint, key: str) -> Iterator[tuple[str, str]]:
    """Yields what was tried, and what is wrong with the outcome: "" where nothing is."""
    health = endpoint.send("GET", "/health")
    yield "GET /health answers without a key", "" if health.status == 200 else _unexpected(health)
    page = endpoint.send("GET", "/")
    yield "the page loads without a key", "" if page.status == 200 and "<html" in str(page.body) else _unexpected(page)
    if key:
        yield from _refusals(endpoint, key)
    recording, text = SAMPLE.read_bytes(), expected_text()
    transcript = endpoint.send("POST", "/transcribe", recording, key)
    yield "a recording is transcribed as it is here", _difference(transcript, "text", text)
    asked = json.dumps({"content_type": "audio/wav", "content_length": len(recording)}).encode()
    made = endpoint.send("POST", "/v1/jobs", asked, key, "application/json")
    if made.status != 404:  # it has a bucket
        yield "a job transcribes it just so", _job(endpoint, key, made, recording, text)


def _refusals(endpoint: Endpoint, key: str) -> Iterator[tuple[str, str]]:
    tries = {
        "no key": ("/v1/models", ""),
        "a wrong key": ("/v1/models", keys.generate()),
        "the key in the query": (f"/v1/models?key={quote(key)}&authorization=Bearer%20{quote(key)}", ""),
        "no key for a path nobody knows": ("/transcribe%0A", ""),
    }
    for name, (path, sent) in tries.items():
        answer = endpoint.send("GET", path, key=sent)
        yield f"{name} is refused", "" if answer.status in (401, 403) else _unexpected(answer)
    answer = endpoint.send("GET", "/v1/models", key=key)
    yield "the key is let in", "" if answer.status == 200 else _unexpected(answer)


def _job(endpoint: Endpoint, key: str, made: Answer, recording: bytes, text: str) -> str:
    """Uploads the recording of a job that was made, and waits for its transcript."""
    if made.status != 201:
        return _unexpected(made)
    uploaded = _upload(made.body["upload"], recording)
    if uploaded.status not in (200, 201, 204):
        return f"the upload: {_unexpected(uploaded)}"
    deadline = time.monotonic() + _JOB_S
    while time.monotonic() < deadline:
        job = endpoint.send("GET", f"/v1/jobs/{made.body['id']}", key=key)
        if job.status != 200 or job.body["status"] not in ("queued", "processing"):
            found = Answer(job.status, job.body.get("transcript", job.body))
            return _difference(found, "text", text)
        time.sleep(_POLL_S)
    return f"not done after {_JOB_S} s"


def _upload(upload: Mapping[str, Any], recording: bytes) -> Answer:
    """Posts the form that S3 takes uploads with; the file comes last."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in upload["fields"].items()
    ]
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="sample.wav"\r\n\r\n'
    body = "".join([*parts, head]).encode() + recording + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return send("POST", upload["url"], body, {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"})


def _unexpected(answer: Answer) -> str:
    return f"status {answer.status}, {str(answer.body)[:200]}"


def _difference(answer: Answer, field: str, expected: str) -> str:
    if answer.status != 200 or not isinstance(answer.body, dict) or field not in answer.body:
        return _unexpected(answer)
    found = answer.body[field]
    return "" if found == expected else f"it is {found!r}, here {expected!r}; is another version deployed?"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns 1 where something is not as it should be."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("url", help="where the endpoint answers; `python -m operate.stack` tells")
    line.add_argument("--open", action="store_true", help="the endpoint wants no key (AuthMode none)")
    options = line.parse_args(arguments)

    def command() -> int:
        key = "" if options.open else os.environ.get("HARK_KEY", "")
        if not key and not options.open:
            raise OperationError("Say which key to send, in HARK_KEY: make smoke URL=https://... KEY=hark_...")
        failed = 0
        for name, wrong in checks(Endpoint(options.url), key):
            failed += bool(wrong)
            print(f"{'FAILED' if wrong else 'ok':6}  {name}{': ' + wrong if wrong else ''}", flush=True)
        return 1 if failed else 0

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
