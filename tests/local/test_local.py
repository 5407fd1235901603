"""The commands a newcomer runs: `make run` and `make serve`, with real clients over real HTTP."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import waitress
from cfnlint.decode import cfn_yaml

from hark.errors import HarkError
from local import gateway, run
from local.event import http_event
from local.serve import MAX_BODY_BYTES, LocalServer
from local.serve import main as serve_main
from tests.conftest import EVENTS, ROOT, SPOKEN, encode
from tests.patience import PATIENCE_S
from tests.server import serve

SAMPLE = EVENTS / "sample.wav"


@pytest.fixture(scope="module")
def address() -> tuple[str, int]:
    return listening(LocalServer())


def listening(app: LocalServer) -> tuple[str, int]:
    """Serves an application on a free port, to the end of the tests."""
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=8)
    threading.Thread(target=server.run, daemon=True).start()
    return "127.0.0.1", server.effective_port


def request(address: tuple[str, int], method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, json.loads(content)


def test_make_run_prints_text_word_times_and_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([]) == 0
    printed = capsys.readouterr().out
    from handler.app import recognizer

    assert recognizer.spec.name in printed
    for stage in ("decode", "segment", "features", "recognize", "ctc", "write", "in all", "load the model"):
        assert stage in printed


@pytest.mark.parametrize(("format_", "rate"), [("MP3", 44100), ("FLAC", 96000), ("OGG", 48000), ("WAV", 8000)])
def test_run_reads_stereo_files_of_any_rate(
    format_: str, rate: int, tmp_path: Any, capsys: pytest.CaptureFixture[str], speech: np.ndarray
) -> None:
    import soxr

    samples = soxr.resample(speech, 16000, rate)
    path = tmp_path / "recording"
    path.write_bytes(encode(np.stack([samples, samples], axis=1), rate, format_))
    assert run.main([str(path)]) == 0
    assert "6.4" in capsys.readouterr().out


def test_run_shows_the_first_twenty_words_and_how_many_more_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([str(SAMPLE)]) == 0
    lines = capsys.readouterr().out.splitlines()
    words = SPOKEN.split()
    table = lines[lines.index("    start      end  confidence  word") + 1 :]
    assert [line.split()[3] for line in table[:20]] == words[:20]
    assert table[20:22] == [f"  ... and {len(words) - 20} more", ""]
    assert table[22] == "    ms  stage"


def test_run_passes_its_options_on_to_the_endpoint(capsys: pytest.CaptureFixture[str], readable: str) -> None:
    assert run.main([str(SAMPLE)]) == 0
    assert capsys.readouterr().out.splitlines()[2].strip() == readable
    assert run.main([str(SAMPLE), "--text-style", "spoken"]) == 0
    assert capsys.readouterr().out.splitlines()[2].strip() == SPOKEN
    assert run.main([str(SAMPLE), "--hotwords", "coast,Ahab", "--alternatives", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].split(maxsplit=1)[1] == lines[2].strip()
    assert len([line for line in lines[4:7] if line.split()]) == 3
    assert run.main([str(SAMPLE), "--format", "srt", "--decoder", "greedy"]) == 0
    subtitles, stages = capsys.readouterr().out.split("\n    ms  stage\n")
    assert subtitles.startswith("1\n00:00:00,")
    assert "once, to import the handler" in stages
    assert run.main([str(SAMPLE), "--hotwords", "coast", "--decoder", "greedy"]) == 1
    assert "error 422: hotwords need a search" in capsys.readouterr().err
    assert run.main([str(SAMPLE), "--format", "vtt", "--alternatives", "3"]) == 1
    assert "error 422: alternatives need response_format" in capsys.readouterr().err


def test_make_run_takes_options() -> None:
    command = ["make", "--dry-run", "run", "AUDIO=a b.wav", "ARGS=--hotwords Ahab"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert '-m local.run "a b.wav" --hotwords Ahab' in done.stdout


def test_make_run_does_not_take_the_sample_for_a_file_that_was_named_otherwise() -> None:
    done = subprocess.run(["make", "run", "meeting.m4a"], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "a recording is named with AUDIO=: make run AUDIO=meeting.m4a" in done.stderr


def test_make_says_which_python_it_needs(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    old.write_text('#!/bin/sh\ncase "$1" in --version) echo Python 3.10.13;; *) exit 1;; esac\n')
    old.chmod(0o755)
    command = ["make", "run", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert f"error: Hark needs Python 3.11 or newer, and {old} is Python 3.10.13; name another" in done.stdout


@pytest.mark.parametrize("port", ["99999", "-1", "eighty", "8000.5", "٨"])
def test_a_port_that_cannot_be_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        serve_main([f"--port={port}"])
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err


def test_a_reader_that_has_enough_ends_run_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "local.run"]
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT) as process:
        os.close(writing)
        assert process.communicate(timeout=PATIENCE_S)[1] == b""
    assert process.returncode == 141


def test_run_says_what_is_wrong_with_a_file(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main([str(tmp_path / "gone.wav")]) == 1
    assert "gone.wav cannot be read" in capsys.readouterr().err
    (tmp_path / "text.wav").write_text("hello")
    assert run.main([str(tmp_path / "text.wav")]) == 1
    assert "error 400: The audio cannot be decoded" in capsys.readouterr().err


def test_binary_bodies_arrive_whole_over_http(address: tuple[str, int]) -> None:
    status, body = request(address, "POST", "/transcribe", SAMPLE.read_bytes(), Content_Type="audio/wav")
    assert status == 200
    assert body["duration"] == pytest.approx(6.4, abs=0.01)


def test_several_clients_at_once_each_get_their_own_answer(address: tuple[str, int], speech: np.ndarray) -> None:
    def transcribe(seconds: int) -> float:
        body = encode(speech[: seconds * 16000], 16000)
        return request(address, "POST", "/transcribe", body, Content_Type="audio/wav")[1]["duration"]

    lengths = [1, 2, 3, 4, 5, 6] * 3
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(transcribe, lengths)) == pytest.approx(lengths)


def test_errors_keep_their_status_over_http(address: tuple[str, int]) -> None:
    assert request(address, "GET", "/transcribe")[0] == 405
    assert request(address, "GET", "/nothing?x=1&x=2")[0] == 404
    assert request(address, "POST", "/transcribe")[0] == 400
    status, body = request(address, "GET", "/health")
    assert (status, body["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("as_on_aws", "code"),
    [pytest.param(True, "body_too_large", id="aws"), pytest.param(False, "invalid_audio", id="here")],
)
def test_a_body_that_would_not_reach_lambda_is_refused_on_demand(as_on_aws: bool, code: str) -> None:
    address = listening(LocalServer(as_on_aws=as_on_aws))
    status, body = request(address, "POST", "/transcribe", b"\0" * (MAX_BODY_BYTES + 1), Content_Type="audio/wav")
    assert (status, body["error"]["code"]) == ({"body_too_large": 413, "invalid_audio": 400}[code], code)


@pytest.mark.parametrize(("arguments", "limit"), [((), 1 << 30), (("--as-on-aws",), 4_500_000)])
def test_the_page_is_told_how_much_may_be_sent(arguments: tuple[str, ...], limit: int) -> None:
    with serve(*arguments) as running:
        assert request(("127.0.0.1", running.port), "GET", "/health")[1]["limits"]["body_bytes"] == limit


def ask(address: tuple[str, int], method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Returns status and headers, their names in lower case."""
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.request(method, path, None, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}


PREFLIGHT = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}


@pytest.mark.parametrize(("allowed", "said"), [("https://notes.example", "https://notes.example"), ("*", "*")])
def test_pages_of_an_origin_may_call_on_demand(allowed: str, said: str) -> None:
    address = listening(LocalServer("secret", origins=[allowed]))
    status, headers = ask(address, "OPTIONS", "/v1/audio/transcriptions", Origin="https://notes.example", **PREFLIGHT)
    assert (status, headers["access-control-allow-origin"]) == (204, said)
    assert "authorization" in headers["access-control-allow-headers"]
    status, headers = ask(address, "POST", "/v1/audio/transcriptions", Origin="https://notes.example")
    assert (status, headers["access-control-allow-origin"]) == (401, said)  # a page has to see what is wrong
    assert "access-control-allow-origin" not in ask(address, "GET", "/health")[1]


@pytest.mark.parametrize("origins", [(), ("https://other.example",), ("https://notes.example.org",)])
def test_pages_of_other_origins_may_not(origins: tuple[str, ...]) -> None:
    address = listening(LocalServer(origins=origins))
    for method, path in (("OPTIONS", "/transcribe"), ("GET", "/health")):
        headers = ask(address, method, path, Origin="https://notes.example", **PREFLIGHT)[1]
        assert not any(name.startswith("access-control") for name in headers)


def test_cors_is_what_the_template_has() -> None:
    template = cfn_yaml.load(str(ROOT / "template.yaml"))
    (_, configuration, _) = template["Resources"]["Api"]["Properties"]["CorsConfiguration"]["Fn::If"]
    allowed = gateway.PREFLIGHT_HEADERS
    exposed = gateway.cors_headers("https://notes.example", ["*"])["Access-Control-Expose-Headers"]
    assert allowed["Access-Control-Allow-Methods"].split(",") == configuration["AllowMethods"]
    assert sorted(allowed["Access-Control-Allow-Headers"].split(",")) == sorted(configuration["AllowHeaders"])
    assert exposed.split(",") == configuration["ExposeHeaders"]


@pytest.mark.parametrize(
    "path", ["/a%0AGET /health 200 1 ms", "/a%0d%0ab", "/%1b[2J%1b[31m", "/%e2%80%a8", "/" + "x" * 5000, "/%ff", "/%85"]
)
def test_no_address_writes_lines_of_its_own_into_the_log(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    address = listening(LocalServer())
    assert ask(address, "GET", path.replace(" ", "%20"))[0] == 404
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert len(printed.splitlines()) == 1
    assert printed[:-1].isprintable()
    assert len(printed) < 300


def test_connections_on_which_nothing_comes_keep_nobody_waiting() -> None:
    with serve() as running, ExitStack() as waiting:
        for number in range(150):
            half = waiting.enter_context(socket.create_connection(("127.0.0.1", running.port), PATIENCE_S))
            half.sendall(b"POST /transcribe HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"[: 10 + number])
        assert request(("127.0.0.1", running.port), "GET", "/health")[0] == 200


def test_events_have_the_form_of_payload_format_2_0() -> None:
    event = http_event("POST", "/a%20b", {"Content-Type": "audio/wav", "X-Y": "z"}, b"\xff\x00", "q=1&q=2&r=")
    assert event["version"] == "2.0"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/a b"
    assert event["headers"]["x-y"] == "z"
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)
    assert event["queryStringParameters"] == {"q": "1,2", "r": ""}
    text = http_event("POST", "/", {"content-type": "text/plain"}, "é".encode())
    assert (text["body"], text["isBase64Encoded"]) == ("é", False)
    assert "body" not in http_event("GET", "/", {}, b"")


def outside_make() -> dict[str, str]:
    """The environment without what `make test` adds, which would have a make within it say where it is."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}


def test_make_alone_lists_every_command() -> None:
    done = subprocess.run(["make"], check=True, capture_output=True, text=True, cwd=ROOT, env=outside_make())
    lines = [line for line in done.stdout.splitlines() if line]
    commands = [line.split(maxsplit=2) for line in lines if line.startswith("  make ")]
    assert {"run", "serve", "setup", "test", "train", "export", "image", "bench"} <= {name for _, name, _ in commands}
    assert {line for line in lines if not line.startswith(" ")} == {"Run", "Develop", "Train", "Deploy", "Measure"}
    assert len(commands) == len([line for line in lines if line.startswith(" ")])


@pytest.mark.parametrize(
    ("goal", "named"), [("evaluate", "data/dev.jsonl"), ("export", "runs/hark-fine-tune/average.ckpt")]
)
def test_make_asks_what_to_work_on_before_it_installs_anything(goal: str, named: str, tmp_path: Path) -> None:
    # A path that stands for the environment, and an interpreter that would fail to make it.
    command = ["make", goal, f"VENV={tmp_path / 'venv'}", "PYTHON=false", "MANIFEST=", "CHECKPOINT="]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=outside_make())
    assert done.returncode == 2
    assert done.stdout.startswith("error: say which ")
    assert named in done.stdout
    assert not (tmp_path / "venv").exists()


def test_the_server_starts_from_the_command_line() -> None:
    with serve() as server:
        assert request(("127.0.0.1", server.port), "GET", "/health")[0] == 200


def test_a_port_that_is_taken_is_named(address: tuple[str, int]) -> None:
    command = [sys.executable, "-m", "local.serve", "--port", str(address[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, cwd=ROOT)
    assert done.returncode == 1
    told = done.stderr
    assert told.startswith(f"error: Something else listens on port {address[1]} ")
    assert "make serve PORT=" in told


@pytest.fixture(scope="module")
def guarded() -> tuple[str, int]:
    server = waitress.create_server(LocalServer(key="key-123"), host="127.0.0.1", port=0, threads=2)
    threading.Thread(target=server.run, daemon=True).start()
    return "127.0.0.1", server.effective_port


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer key-12", "Bearer key-1234", "Basic key-123", "kéy"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/transcribe"), ("GET", "/v1/models"), ("GET", "/v1/nothing"), ("GET", "/health/"), ("GET", "/static")],
)
def test_a_missing_or_wrong_key_is_refused(
    guarded: tuple[str, int], method: str, path: str, authorization: str
) -> None:
    headers: dict[str, Any] = {"Authorization": authorization} if authorization else {}
    status, body = request(guarded, method, path, **headers)
    assert status == 401
    assert body["error"]["code"] == "invalid_api_key"
    assert body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/transcribe%0A", "/v1/models%0A"])
def test_no_spelling_of_an_address_goes_round_the_key(guarded: tuple[str, int], path: str) -> None:
    assert request(guarded, "POST", path, SAMPLE.read_bytes())[0] == 401


@pytest.mark.parametrize("authorization", ["Bearer key-123", "bearer  key-123 "])
def test_the_right_key_is_let_in(guarded: tuple[str, int], authorization: str) -> None:
    assert request(guarded, "GET", "/v1/models", Authorization=authorization)[0] == 200


def test_what_the_page_needs_before_it_has_a_key_is_open(guarded: tuple[str, int]) -> None:
    assert request(guarded, "GET", "/health")[0] == 200
    assert request(guarded, "GET", "/openapi.json")[0] == 200


@pytest.mark.parametrize("path", ["/v1/models?key=key-123", "/v1/models?authorization=Bearer%20key-123"])
def test_a_key_in_the_query_is_refused(guarded: tuple[str, int], path: str) -> None:
    status, body = request(guarded, "GET", path)
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


def test_a_key_that_no_header_can_carry_is_refused_at_the_start() -> None:
    with pytest.raises(HarkError, match="HARK_LOCAL_KEY"):
        LocalServer(key="two words")


def test_a_throttle_lets_a_burst_pass_and_then_as_many_as_its_rate() -> None:
    now_s = 0.0
    throttle = gateway.Throttle(rate_hz=2, burst=3, clock=lambda: now_s)
    assert [throttle.lets_pass() for _ in range(4)] == [True, True, True, False]
    now_s = 0.5
    assert [throttle.lets_pass() for _ in range(2)] == [True, False]
    now_s = 100.0
    assert [throttle.lets_pass() for _ in range(4)] == [True, True, True, False]


def test_a_throttled_request_is_answered_as_api_gateway_does() -> None:
    server = waitress.create_server(LocalServer(throttle=gateway.Throttle(0.001, 1)), host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    address = ("127.0.0.1", server.effective_port)
    assert request(address, "GET", "/health")[0] == 200
    assert request(address, "GET", "/health") == (429, {"message": "Too Many Requests"})
