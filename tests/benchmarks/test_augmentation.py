"""What each augmentation is worth is measured as the table says, in runs that end."""

from pathlib import Path

import pytest

from benchmarks import augmentation
from benchmarks.augmentation import CONDITIONS, VARIANTS, errors, variant_config
from tests.conftest import DATA, ROOT
from tests.training.toy import toy_config
from training.config import AugmentConfig
from training.manifest import read_manifest
from training.metrics import corpus_rates

START = ROOT / "models" / "small.fp16.ckpt"
OVERRIDES = ("data.batch_seconds=20", "data.workers=0", "augment.noise.folder=''", "augment.room.folder=''")


def test_each_variant_switches_off_what_it_is_named_for(tmp_path: Path) -> None:
    changed = {}
    for name in VARIANTS:
        config = variant_config(toy_config(tmp_path), name, START, 5)
        assert config.trainer.max_steps == 5
        changed[name] = config.augment
    everything = changed["all of it"]
    assert [name for name, augment in changed.items() if augment == everything] == ["all of it"]
    assert changed["no tempo"].tempo_change == 0 < changed["no speed"].tempo_change
    assert changed["no rooms"].room.probability == 0 < changed["no noise"].room.probability
    silent = AugmentConfig(frequency_masks=0, time_masks=0)
    for name in ("speed_change", "tempo_change", "tract_change", "gain_db", "edges", "noise", "room", "band", "codec"):
        assert getattr(changed["none"], name) == getattr(silent, name)


def test_harder_conditions_are_harder() -> None:
    utterances = read_manifest(DATA / "manifest.jsonl")
    counts = errors(START, utterances)
    assert set(counts) == set(CONDITIONS)
    rates = {name: corpus_rates(found).wer for name, found in counts.items()}
    assert rates["as it is"] < max(rates["noise, 5 to 15 dB"], rates["room"])
    assert errors(START, utterances) == counts  # drawn alike each time


def test_the_command_writes_a_row_for_each_variant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "card.md"
    document.write_text("before\n<!-- begin: python -m benchmarks.augmentation -->\n<!-- end -->\nafter\n")
    manifest = DATA / "manifest.jsonl"
    overrides = [
        *OVERRIDES,
        f"data.train=[{{manifest: {manifest}}}]",
        f"data.dev={manifest}",
        f"data.cache_dir={tmp_path / 'cache'}",
        f"output_dir={tmp_path}",
        "trainer.accelerator=cpu",
    ]
    variants = ["all of it", "none"]
    command = ["training/configs/small.yaml", *overrides, "--start", str(START), "--steps", "2"]
    assert augmentation.main([*command, "--variants", *variants, "--output", str(document)]) == 0
    rows = [line for line in document.read_text().splitlines() if line.startswith(("| all of it", "| none"))]
    assert [len(row.split("|")) for row in rows] == [len(CONDITIONS) + 4] * 2
    assert rows[0].endswith("|  |")
    assert rows[0] in capsys.readouterr().out
    # What was trained is measured again, and not trained again.
    monkeypatch.setattr(augmentation, "fit", None)
    assert augmentation.main([*command, "--variants", *variants, "--output", str(document), "--trained"]) == 0
    assert [line for line in document.read_text().splitlines() if line in rows] == rows
