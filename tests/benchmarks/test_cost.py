"""The table of costs is the formula, which is the one that is written down; docs/operations.md holds its outcome."""

import re
from pathlib import Path

import pytest

from benchmarks import cost
from hark.errors import HarkError
from tests.conftest import ROOT


def test_the_guide_holds_what_is_computed_from_the_figures_as_they_are_now() -> None:
    computed = cost.table(cost.Speed.read(), cost.Passes.read(), cost.memory_mb())
    assert computed in (ROOT / "docs" / "operations.md").read_text()


def test_work_by_hand() -> None:
    # A whole core: 3600 s at 0.01 are 36 s, times 2 GB.
    assert cost.work(0.01, 2048) == pytest.approx(36 * 2 * 0.0000166667)
    # Half a core takes twice as long with half the memory: the same price.
    assert cost.work(0.01, 1769) == pytest.approx(cost.work(0.01, 1769 // 2), rel=0.01)


def test_requests_and_jobs_by_hand() -> None:
    speed = cost.Speed(long_rtf=0.001, short_rtf=0.002, peak_mb=250)
    assert cost.as_requests(speed, 1769) == pytest.approx(7.2 * 1769 / 1024 * 0.0000166667 + 240 * 1.2e-6)
    job = 3.6 * 1769 / 1024 * 0.0000166667 + 12 * 1.2e-6 + 0.2e-6 + 4 * 5e-6 + 16 * 4e-7 + 3 * 4e-7
    assert cost.as_job(speed, 1769) == pytest.approx(job)


def test_text_while_somebody_speaks_by_hand() -> None:
    speed = cost.Speed(long_rtf=0.001, short_rtf=0.002, peak_mb=250)
    # 360 s of audio in a minute, at 0.002 s of work each.
    dollars = cost.as_live(speed, cost.Passes(requests=80, audio_s=4.5), 2048)
    assert dollars == pytest.approx(0.72 * 2 * 0.0000166667 + 80 * 1.2e-6)


def test_the_page_says_what_text_while_somebody_speaks_counts_to_a_key() -> None:
    page = (ROOT / "handler" / "static" / "index.html").read_text()
    said = re.search(r"a minute of text while you speak counts as up to (\d+) minutes of audio", page)
    assert said
    assert int(said[1]) == round(cost.Passes.read().audio_minutes)


def test_the_measured_memory_fits_what_the_functions_have() -> None:
    assert cost.Speed.read().peak_mb < cost.memory_mb() / 2


def test_that_nothing_was_measured_is_told(tmp_path: Path) -> None:
    for name in ("benchmarks/long_recording.json", "models/results.json", "template.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("nothing")
    with pytest.raises(HarkError, match=r"python -m benchmarks\.error_rates"):
        cost.Speed.read(tmp_path)
    (tmp_path / "models/results.json").write_text((ROOT / "models/results.json").read_text())
    with pytest.raises(HarkError, match=r"python -m benchmarks\.long_recording"):
        cost.Speed.read(tmp_path)
    with pytest.raises(HarkError, match="MemorySize"):
        cost.memory_mb(tmp_path)
