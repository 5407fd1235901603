"""Webhooks: signed, to public addresses by https alone, and never at the cost of a result."""

import base64
import dataclasses
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from handler import app, webhook, webhook_secret, worker
from handler.settings import Settings
from handler.worker import Worker
from hark.errors import InvalidParameter
from hark.recognizer import Recognizer
from tests.conftest import EVENTS

from .aws import Aws, upload
from .conftest import Context, ask, create, work_until_empty

SPEECH = (EVENTS / "sample.ogg").read_bytes()
SECRET = b"whsec-of-the-tests"
NAME = "receiver.example"


class Receiver(ThreadingHTTPServer):
    """Somebody's server. `answer` gets a request handler and answers; `seen` are the requests."""

    daemon_threads = True

    def __init__(self, ca: trustme.CA) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda request: _status(request, 204)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(NAME).configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.server_port}/hook?token=1"

    def handle_error(self, *_: Any) -> None:
        pass


class _Requests(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))  # type: ignore[attr-defined]
        self.server.answer(self)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass


def _status(request: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", "0")
    request.end_headers()


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = Receiver(ca)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """A name server: the answers of each name, one after the other, the last one for ever."""
    answers: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *arguments: Any, **options: Any) -> Any:
        if host not in answers:
            return real(host, port, *arguments, **options)
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            raise socket.gaierror
        found = answers[host].pop(0) if len(answers[host]) > 1 else answers[host][0]
        return [entry for address in found for entry in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return answers


@pytest.fixture
def as_if_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the tests' own server, and nothing else, pass for one of the internet."""
    monkeypatch.setattr(webhook, "is_public", lambda address: address == "127.0.0.1")


def send(url: str) -> list[float]:
    """Sends; returns the pauses between attempts."""
    pauses: list[float] = []
    webhook.send(url, SECRET, "job_x", "completed", pauses.append)
    return pauses


@pytest.mark.usefixtures("as_if_public")
def test_the_message_names_the_job_and_is_signed(receiver: Receiver, names: dict[str, list[list[str]]]) -> None:
    names[NAME] = [["127.0.0.1"]]
    assert send(receiver.url) == []
    ((path, headers, body),) = receiver.seen
    assert path == "/hook?token=1"
    assert headers["host"] == f"{NAME}:{receiver.server_port}"
    message = json.loads(body)
    timestamp = headers["webhook-timestamp"]
    assert abs(int(timestamp) - time.time()) < 60
    assert message == {
        "type": "job.completed",
        "timestamp": int(timestamp),
        "data": {"id": "job_x", "status": "completed"},
    }
    signed = f"job_x.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert (headers["webhook-id"], headers["webhook-signature"]) == ("job_x", f"v1,{expected}")


@pytest.mark.usefixtures("as_if_public")
def test_a_receiver_that_is_down_for_a_moment_gets_its_message(
    receiver: Receiver, names: dict[str, list[list[str]]]
) -> None:
    names[NAME] = [["127.0.0.1"]]
    answers = iter([500, 429, 200])
    receiver.answer = lambda request: _status(request, next(answers))
    assert send(receiver.url) == [1, 2]
    assert len({headers["webhook-id"] for _, headers, _ in receiver.seen}) == 1


@pytest.mark.usefixtures("as_if_public")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, names: dict[str, list[list[str]]], status: int) -> None:
    names[NAME] = [["127.0.0.1"]]
    receiver.answer = lambda request: _status(request, status, Location=f"https://{NAME}:{receiver.server_port}/other")
    with pytest.raises(webhook.Undelivered):
        send(receiver.url)
    assert {path for path, _, _ in receiver.seen} == {"/hook?token=1"}


@pytest.mark.usefixtures("as_if_public")
def test_the_connection_goes_to_the_address_that_was_looked_at(
    receiver: Receiver, names: dict[str, list[list[str]]]
) -> None:
    names[NAME] = [["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"]]
    send(receiver.url)
    assert len(receiver.seen) == 1
    assert names[NAME] == [["127.0.0.2"], ["10.0.0.1"]]  # it was asked once


@pytest.mark.usefixtures("as_if_public")
def test_a_certificate_of_another_name_is_not_taken(receiver: Receiver, names: dict[str, list[list[str]]]) -> None:
    names["other.example"] = [["127.0.0.1"]]
    with pytest.raises(webhook.Undelivered):
        send(receiver.url.replace(NAME, "other.example"))
    assert receiver.seen == []


@pytest.mark.usefixtures("as_if_public")
@pytest.mark.parametrize("where", ["silent", "answer trickles in"])
def test_a_receiver_that_takes_its_time_does_not_take_ours(
    receiver: Receiver, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    names[NAME] = [["127.0.0.1"]]
    monkeypatch.setattr(webhook, "_ATTEMPT_S", 0.5)

    def trickle(request: BaseHTTPRequestHandler) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 40:
            time.sleep(0.1 if where != "silent" else 3)
            try:
                request.wfile.write(bytes([byte]))
                request.wfile.flush()
            except OSError:
                return

    receiver.answer = trickle
    since = time.monotonic()
    with pytest.raises(webhook.Undelivered):
        send(receiver.url)
    assert time.monotonic() - since < 3 * 0.5 + 2


PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.0.0.1",
    "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254",
    "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "64:ff9b::169.254.169.254",
    "64:ff9b:1::10.0.0.1", "2002:7f00:1::", "2001::1", "2001:db8::1",
    # The first and the last address, or so, of what IANA's registries set aside, whatever Python's release knows of it.
    "0.255.255.255", "10.255.255.255", "100.127.255.255", "127.255.255.255", "172.31.255.255", "192.0.0.8",
    "192.0.0.9", "192.0.0.170", "192.0.0.255", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1",
    "192.175.48.1", "198.19.255.255", "198.51.100.1", "203.0.113.255", "239.255.255.255", "255.0.0.1",
    "64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9b::10.0.0.1", "64:ff9b::192.0.0.8",
    "::ffff:192.0.0.8", "::ffff:0:8.8.8.8", "::8.8.8.8", "100::1", "100:0:0:1::1", "2001:2::1", "2001:3::1",
    "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2001:1ff:ffff::1", "2002:c000:8::", "2620:4f:8000::1",
    "3fff::1", "3fff:fff:ffff::1", "5f00::1", "4000::1", "fdff::1", "febf::1", "feff::1", "ffff::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused_at_once(
    names: dict[str, list[list[str]]], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its other addresses are public."""
    connected: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *arguments, **_: connected.append(arguments))
    names[NAME] = [["93.184.216.34", address]]
    with pytest.raises(webhook.Refused):
        send(f"https://{NAME}/")
    assert connected == []


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2002:808:808::1", "1.0.0.1",
     "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1",
     "192.167.255.255", "198.17.0.1", "198.20.0.1", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888",
     "2a00:1450:4001:81b::200e", "3ffe::1", "3fff:1000::1"],
)  # fmt: skip
def test_public_addresses_are(address: str) -> None:
    assert webhook.is_public(address)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://example.com/", "file:///etc/passwd", "https://", "https:///x", "//example.com/",
     "https://user:password@example.com/", "https://user@example.com/", "https://example.com/#a", "https://example.com:0/",
     "https://example.com:99999/", "https://example.com:x/", "https://exa mple.com/", "https://example.com\\@127.0.0.1/",
     "https://example.com/\r\nx: y", "https://exämple.com/", "https://example.com/" + "a" * 2048, "HTTPS//a",
     "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
     "javascript:1", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest/meta-data/",
     "https://[fe80::1%25eth0]/", "https://0/", "https://10.0.0.1:8443/", "https://" + "a" * 70 + ".example/"],
)  # fmt: skip
def test_an_address_that_can_be_seen_to_be_wrong_is_refused_with_the_job(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with pytest.raises(InvalidParameter):
        webhook.check_url(url)
    monkeypatch.setattr(app, "settings", dataclasses.replace(settings, webhook_secret_arn="arn"))
    status, _, body = ask("POST", "/v1/jobs", {"webhook_url": url})
    assert (status, body["error"]["param"]) == (400, "webhook_url")


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com:8443/a/b?c=d", "https://93.184.216.34/"])
def test_a_usual_address_is_taken_without_asking_a_name_server(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, flags = socket.getaddrinfo, []

    def watched(*arguments: Any, **options: Any) -> Any:
        flags.append(options.get("flags", 0))
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    webhook.check_url(url)
    assert all(each & socket.AI_NUMERICHOST for each in flags)


@pytest.fixture
def with_webhooks(
    aws: Aws, settings: Settings, recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[str]]:
    """Turns webhooks on; returns what lists the statuses that were sent."""
    allowed = dataclasses.replace(settings, webhook_secret_arn="arn:of:secret")
    monkeypatch.setattr(app, "settings", allowed)
    monkeypatch.setattr(worker, "_worker", lambda: Worker(allowed, recognizer, aws.storage))
    monkeypatch.setattr(webhook_secret, "read", lambda _arn: SECRET)
    monkeypatch.setattr(webhook, "_PAUSE_S", 0.0)
    sent: list[str] = []
    real = webhook.send
    monkeypatch.setattr(webhook, "send", lambda *arguments: (sent.append(arguments[3]), real(*arguments)))
    return lambda: sent


@pytest.mark.usefixtures("as_if_public", "with_webhooks")
@pytest.mark.parametrize(("data", "status"), [(SPEECH, "completed"), (b"no recording", "failed")])
def test_a_job_that_is_done_says_so_once(
    aws: Aws, receiver: Receiver, names: dict[str, list[list[str]]], data: bytes, status: str
) -> None:
    names[NAME] = [["127.0.0.1"]]
    made = create(webhook_url=receiver.url)
    upload(made["upload"], data)
    event = aws.receive()
    for _ in range(3):
        assert worker.lambda_handler(event, Context()) == {"batchItemFailures": []}
    assert [json.loads(body)["type"] for _, _, body in receiver.seen] == [f"job.{status}"]
    assert ask("GET", f"/v1/jobs/{made['id']}")[2]["status"] == status


@pytest.mark.usefixtures("as_if_public", "with_webhooks")
def test_a_worker_that_ends_between_result_and_webhook_leaves_the_webhook_to_the_next(
    aws: Aws, receiver: Receiver, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    names[NAME] = [["127.0.0.1"]]
    made = create(webhook_url=receiver.url)
    upload(made["upload"], SPEECH)
    event = aws.receive()
    with monkeypatch.context() as patch:
        patch.setattr(webhook, "send", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            worker.lambda_handler(event, Context())
    aws.acknowledge(event, None)
    work_until_empty(aws)
    assert len(receiver.seen) == 1
    assert aws.front.writes[f"results/{made['id']}.json"] == 1


@pytest.mark.usefixtures("with_webhooks")
@pytest.mark.parametrize("fault", ["refused", "no such name", "no secret", "record cannot be written"])
def test_a_webhook_that_fails_loses_no_result_and_is_not_tried_for_ever(
    aws: Aws, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    names[NAME] = [["10.0.0.1"]] if fault == "refused" else [["nowhere.invalid"]]
    made = create(webhook_url=f"https://{NAME}/")
    upload(made["upload"], SPEECH)
    if fault == "no secret":
        monkeypatch.setattr(webhook_secret, "read", lambda _arn: 1 / 0)
    if fault == "record cannot be written":
        puts = iter([None, *["unavailable"] * 9])
        aws.front.fault = lambda method, key: next(puts) if (method, key[:5]) == ("PUT", "jobs/") else None
    work_until_empty(aws)
    assert ask("GET", f"/v1/jobs/{made['id']}")[2]["status"] == "completed"
    assert aws.dead() == []


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of Standard Webhooks, which its libraries are tested with."""
    key = webhook_secret.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = webhook.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["any text", "whsec_no base64", ""])
def test_a_secret_of_another_kind_is_used_as_it_is(text: str) -> None:
    assert webhook_secret.key(text) == text.encode()


def test_the_secret_comes_from_secrets_manager_and_a_rotated_one_is_seen(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Manager:
        reads = 0

        def get_secret_value(self, SecretId: str) -> dict[str, str]:
            self.reads += 1
            return {"SecretString": f"{SecretId}-{self.reads}"}

    manager, clock = Manager(), [1000.0]
    monkeypatch.setattr(webhook_secret, "_kept", {})
    monkeypatch.setattr(webhook_secret.time, "monotonic", lambda: clock[0])
    assert webhook_secret.read("arn", manager) == webhook_secret.read("arn", manager) == b"arn-1"
    clock[0] += 301
    assert webhook_secret.read("arn", manager) == b"arn-2"
