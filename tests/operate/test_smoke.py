"""make smoke, against the local server, which checks keys as the stack does, over real HTTP."""

import threading

import pytest
import waitress

from handler import keys
from local.serve import LocalServer
from operate import smoke
from operate.stack import OperationError

# Of the right form, and the same in every process of a test run: tests are named after them.
KEY = "hark_" + "k" * 43


@pytest.fixture(scope="module", params=[KEY, ""], ids=["guarded", "open"])
def address(request: pytest.FixtureRequest) -> tuple[str, str]:
    """An endpoint and the key it wants."""
    server = waitress.create_server(LocalServer(key=request.param), host="127.0.0.1", port=0, threads=2)
    threading.Thread(target=server.run, daemon=True).start()
    return f"http://127.0.0.1:{server.effective_port}", request.param


def test_an_endpoint_that_is_right_passes(
    address: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url, key = address
    monkeypatch.setenv("HARK_KEY", key)
    assert smoke.main([url, *([] if key else ["--open"])]) == 0
    printed = capsys.readouterr().out
    assert printed.count("ok") == (8 if key else 3)
    assert "a recording is transcribed as it is here" in printed
    assert not key or key not in printed


def test_an_endpoint_that_lets_everybody_in_fails_where_a_key_is_said_to_be_wanted(
    address: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url, key = address
    monkeypatch.setenv("HARK_KEY", KEY)
    assert smoke.main([url]) == (0 if key else 1)
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert len(failed) == (0 if key else 4)  # no key, a wrong one, one in the query, a path that nobody knows


def test_a_wrong_key_or_another_text_fails(
    address: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url, key = address
    monkeypatch.setenv("HARK_KEY", keys.generate())
    monkeypatch.setattr(smoke, "expected_text", lambda: "something else")
    assert smoke.main([url, *([] if key else ["--open"])]) == 1
    printed = capsys.readouterr().out
    assert "FAILED  a recording is transcribed as it is here" in printed


def test_no_key_is_sent_where_it_could_be_read_on_the_way() -> None:
    for url in ("http://example.com", "ftp://127.0.0.1", "example.com", "http://127.0.0.1.example.com", "file:///etc"):
        with pytest.raises(OperationError, match="https"):
            smoke.Endpoint(url)


def test_nobody_answering_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARK_KEY", KEY)
    assert smoke.main(["http://127.0.0.1:9"]) == 2
    assert "does not answer" in capsys.readouterr().err
    monkeypatch.delenv("HARK_KEY")
    assert smoke.main(["http://127.0.0.1:9"]) == 2
    assert "HARK_KEY" in capsys.readouterr().err
