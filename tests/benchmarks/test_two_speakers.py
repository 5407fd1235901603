"""What keeping channels apart is worth is measured on pairs of utterances by different speakers."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import two_speakers
from tests.conftest import DATA


def manifest(folder: Path, speakers: tuple[str, str]) -> Path:
    lines = (DATA / "manifest.jsonl").read_text().splitlines()[5:7]
    path = folder / "pairs.jsonl"
    made = [json.loads(line) | {"speaker": speaker} for line, speaker in zip(lines, speakers, strict=True)]
    path.write_text(
        "".join(json.dumps(each | {"audio_filepath": str(DATA / each["audio_filepath"])}) + "\n" for each in made)
    )
    return path


@pytest.mark.parametrize(("overlap", "seconds"), [(0.0, 5.5), (0.5, 4.0), (1.0, 3.0)])
def test_utterances_overlap_as_is_said(overlap: float, seconds: float) -> None:
    one, other = np.full(48_000, 0.5, np.float32), np.full(32_000, 0.5, np.float32)
    pair = two_speakers.Pair((one, other), ("a", "b"), np.zeros((16_000, 2), np.float32))
    call = pair.call(overlap, -np.inf)
    assert len(call) == seconds * 16_000
    assert (call != 0).sum(axis=0).tolist() == [48_000, 32_000]
    assert (call[:, 1] != 0)[-16_000:].all()
    leaked = pair.call(overlap, -20.0)
    np.testing.assert_allclose(leaked, call + 0.1 * call[:, ::-1], atol=1e-6)


def test_the_table_goes_between_the_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(two_speakers, "OVERLAPS", {"one after the other": 0.0})
    document = tmp_path / "api.md"
    document.write_text("<!-- begin: python -m benchmarks.two_speakers -->\n<!-- end -->\n")
    arguments = [str(manifest(tmp_path, ("ann", "bob"))), "--pairs", "1", "--output", str(document)]
    assert two_speakers.main(arguments) == 0
    printed = capsys.readouterr().out.strip()
    rows = printed.splitlines()[-2:]
    assert [row.split(" | ")[0] for row in rows] == [
        "| one after the other",
        "| one after the other, each 20 dB softer in the other channel, too",
    ]
    assert all(0 <= float(cell) <= 1 for row in rows for cell in row.strip(" |").split(" | ")[1:])
    assert printed in document.read_text()


def test_one_speaker_is_no_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        two_speakers.main([str(manifest(tmp_path, ("ann", "ann")))])
    assert ended.value.code == 2
    assert "only one speaker" in capsys.readouterr().err
