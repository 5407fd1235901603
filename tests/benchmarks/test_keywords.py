"""The benchmark of the keyword model counts as it says it does."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import keywords
from handler.settings import Settings
from hark.keywords import Detection, Heard
from hark.recognizer import Recognizer
from training.manifest import Utterance


def test_a_second_is_timed_and_costs_less_than_it_may(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keywords, "_TIMELINE_S", 5)
    keywords.main([])
    found = re.search(r"features ([\d.]+) ms, network ([\d.]+) ms", capsys.readouterr().out)
    assert found
    # 5 ms is the aim; tests run beside others.
    assert 0 < float(found[1]) + float(found[2]) < 15


def test_false_alarms_are_detections_that_nobody_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    heard = Heard(np.zeros(1, np.float32), 1800.0, [Detection(0, 1, label, 0.9) for label in ("yes", "yes", "no")])
    monkeypatch.setattr(keywords, "spot", lambda *_: heard)
    model = Recognizer(Settings.from_environment({}).keywords_path)
    utterance = Utterance(tmp_path / "a.wav", 1800, "Yes, two of them.")
    assert keywords.in_speech(SimpleNamespace(spec=model.spec), [utterance]) == (2, 2, 1, 0.5)
