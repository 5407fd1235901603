"""Training itself: it learns, it resumes exactly, and it says what is wrong."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from hark.ctc import greedy
from tests.conftest import DATA
from tests.patience import PATIENCE_S
from tests.training.toy import NO_AUGMENTATION, SMALL, TINY, TINY_CONFORMER, TINY_WHISPER, toy_config
from training import audio_cache, average, fit
from training.checkpoint import TorchRecognizer, checkpoint_of, load_checkpoint
from training.config import CorpusConfig, TrainerConfig, model_spec
from training.dataset import SpeechDataset
from training.errors import CheckpointError, ConfigError, TrainingError
from training.evaluate import evaluate
from training.manifest import read_manifest, write_manifest
from training.metrics import error_rates
from training.network import build
from training.text import decode
from training.throughput import Throughput

ADAMW = {"optim__name": "adamw", "optim__anneal": "cos", "optim__warmup_share": "0.06", "optim__weight_decay": "0.02"}
RNN = {"model__encoder": "rnn", "model__rnn_size": "128", "model__rnn_layers": "1", **ADAMW}
SLOWER = {"optim__encoder_lr_share": "0.5", "optim__layer_decay": "0.8", "optim__frozen": "1"}
FROZEN = {"optim__frozen": "4", "data__encoded_copies": "2"}
CONFORMER = {"model__conformer__size": "96", "model__conformer__heads": "3", "model__conformer__layers": "3"}


@pytest.mark.parametrize(
    ("shape", "max_lr", "epochs"),
    [pytest.param(RNN, "6e-3", "400", id="rnn"), pytest.param(CONFORMER, "5e-3", "150", id="conformer")],
)
def test_a_dozen_utterances_are_learnt_to_wer_0_from_scratch(
    shape: dict[str, str], max_lr: str, epochs: str, tmp_path: Path
) -> None:
    config = toy_config(
        tmp_path,
        model__conv_channels="8",
        model__dropout="0",
        **shape,
        **NO_AUGMENTATION,
        data__batch_seconds="30",
        optim__max_lr=max_lr,
        trainer__max_epochs=epochs,
        trainer__validate_every_steps=epochs,
    )
    model, saved = load_checkpoint(fit.fit(config, progress=False))
    spec = model_spec(saved)
    # As they were learnt: served, they would lose the silence at their edges, which a dozen utterances teach as well.
    dataset = SpeechDataset(read_manifest(DATA / "manifest.jsonl"), spec, config.data.cache_dir)
    heard, said = [], []
    for i in range(len(dataset)):
        log_mel, _, text = dataset[0, i]
        log_probs, _ = model(log_mel.unsqueeze(0), torch.tensor([len(log_mel)]))
        heard.append(decode(greedy(log_probs[0].detach().numpy(), spec.blank).labels.tolist(), spec.labels))
        said.append(text)
    assert heard == said
    assert error_rates(said, heard).wer == 0


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]


def remembered(path: Path) -> list[list[int]]:
    """Which parameters a saved optimiser has a state of, by its parts."""
    [optimiser] = torch.load(path, weights_only=True)["optimizer_states"]
    return [sorted(part["state"]) for part in optimiser.get("parts", [optimiser])]


@pytest.mark.parametrize(
    ("validate_every_steps", "interrupted_at", "shape"),
    [
        pytest.param("0", 9, TINY, id="between epochs"),
        pytest.param("2", 9, TINY, id="within an epoch"),
        pytest.param("2", 9, TINY_CONFORMER, id="a conformer under Muon"),
        pytest.param("2", 9, TINY_WHISPER, id="a Whisper encoder"),
        pytest.param("2", 9, {**TINY_WHISPER, **SLOWER, "optim__name": "muon"}, id="a slower one under Muon"),
        pytest.param("2", 9, {**TINY_WHISPER, **FROZEN}, id="a frozen one"),
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, validate_every_steps: str, interrupted_at: int, shape: dict[str, str]
) -> None:
    settings = {"trainer__max_epochs": "4", "trainer__validate_every_steps": validate_every_steps, **shape}
    fit.fit(toy_config(tmp_path / "whole", **settings), progress=False)
    # The second run ends in the middle of what its schedule was made for, as a crash would end it.
    config = toy_config(tmp_path / "parts", **settings)
    with pytest.raises(Interrupted):
        fit.fit(config, progress=False, callbacks=[_Interrupt(interrupted_at)])
    halfway = weights(tmp_path / "parts" / "toy" / "last.ckpt")
    fit.fit(config, resume=tmp_path / "parts" / "toy" / "last.ckpt", progress=False)
    whole, parts = (weights(tmp_path / run / "toy" / "last.ckpt") for run in ("whole", "parts"))
    assert any(not torch.equal(halfway[name], parts[name]) for name in parts)
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


class Interrupted(Exception):
    """Stands for a crash."""


class _Interrupt(fit.L.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: fit.L.Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            raise Interrupted


def test_a_run_can_start_from_the_weights_of_another(tmp_path: Path) -> None:
    first = fit.fit(toy_config(tmp_path / "first", trainer__max_epochs="1", **TINY), progress=False)
    # With a learning rate of next to nothing, what comes out is what went in; dropout may differ, the shape may not.
    settings = {"trainer__max_epochs": "1", "optim__max_lr": "1e-12", "init_from": str(first), **TINY}
    second = fit.fit(toy_config(tmp_path / "second", model__dropout="0.5", **settings), progress=False)
    for name, value in weights(first).items():
        torch.testing.assert_close(value, weights(second)[name], atol=1e-6, rtol=0)
    with pytest.raises(CheckpointError, match="another network"):
        fit.fit(toy_config(tmp_path / "third", **{**settings, "model__rnn_size": "16"}), progress=False)


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(TINY, id="rnn"),
        pytest.param(TINY_CONFORMER, id="conformer"),
        pytest.param(TINY_WHISPER, id="whisper"),
    ],
)
def test_weights_carry_over_to_another_alphabet_label_by_label(shape: dict[str, str], tmp_path: Path) -> None:
    first = fit.fit(toy_config(tmp_path / "first", trainer__max_epochs="1", **shape), progress=False)
    config = toy_config(tmp_path / "second", init_from=str(first), **shape)
    config.labels = ["", *reversed(config.labels[1:]), "é"]
    torch.manual_seed(3)
    model = build(config.model, config.features.n_mels, len(config.labels))
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    fit.take_weights(model, config)
    (source, saved), new = load_checkpoint(first), model.state_dict()
    old = source.state_dict()
    for name, (axis, copies) in model.LABELLED.items():
        for copy in range(copies):
            by_label = {
                which: values[name].unflatten(axis, (copies, -1)).select(axis, copy).unbind(axis)
                for which, values in {"old": old, "new": new, "fresh": fresh}.items()
            }
            for row, label in enumerate(config.labels[:-1]):
                torch.testing.assert_close(by_label["new"][row], by_label["old"][saved.labels.index(label)])
            torch.testing.assert_close(by_label["new"][-1], by_label["fresh"][-1])
    for name in old.keys() - model.LABELLED.keys():
        torch.testing.assert_close(new[name], old[name])


def test_the_mean_of_the_last_validations_is_made_and_taken_if_it_is_better(tmp_path: Path) -> None:
    settings = {"trainer__max_epochs": "4", "trainer__average_last": "3", **TINY}
    best = fit.fit(toy_config(tmp_path, **settings), progress=False)
    folder = tmp_path / "toy"
    recent = sorted(folder.glob("recent-*.ckpt"))
    assert len(recent) == 3
    means = {name: torch.stack([weights(path)[name] for path in recent]).mean(0) for name in weights(recent[0])}
    averaged = weights(folder / "average.ckpt")
    for name, value in averaged.items():
        torch.testing.assert_close(value, means[name])
    dev = read_manifest(DATA / "manifest.jsonl")

    def wer(path: Path) -> float:
        model, config = load_checkpoint(path)
        return evaluate(TorchRecognizer(model, model_spec(config)), dev, progress=False).rates.wer

    assert wer(best) == min(wer(folder / "best.ckpt"), wer(folder / "average.ckpt"))


class _Figures(fit.L.Callback):
    """Keeps what is measured at each validation, and what names were logged."""

    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    def on_validation_end(self, trainer: fit.L.Trainer, *_: object) -> None:
        self.seen.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def test_of_several_dev_sets_the_mean_error_rate_chooses(tmp_path: Path) -> None:
    utterances = read_manifest(DATA / "manifest.jsonl")
    halves = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    for path, part in zip(halves, (utterances[:4], utterances[4:]), strict=True):
        write_manifest(path, part)
    config = toy_config(
        tmp_path,
        data__dev=str(halves[0]),
        data__more_dev=f"[{halves[1]}]",
        trainer__max_epochs="4",
        trainer__average_last="2",
        **{**TINY_WHISPER, **FROZEN},
    )
    figures = _Figures()
    best = fit.fit(config, progress=False, callbacks=[figures])
    for seen in figures.seen:
        assert seen["dev/wer"] == pytest.approx((seen["dev1/wer"] + seen["dev2/wer"]) / 2)
        assert not any("dataloader" in name for name in seen)
        assert seen["dev/loss"] > 0

    # Every validation but the last is of a network in training; the last, of the averaged one.
    assert len(figures.seen) == 5
    at_best = min(seen["dev/wer"] for seen in figures.seen[:-1])
    saved = torch.load(tmp_path / "toy" / "best.ckpt", weights_only=True)["callbacks"]
    scores = [float(each["best_model_score"]) for each in saved.values() if each.get("monitor") == "dev/wer"]
    assert scores == [pytest.approx(at_best)]
    assert best.name == ("average.ckpt" if figures.seen[-1]["dev/wer"] <= at_best else "best.ckpt")


def test_checkpoints_of_different_models_are_not_averaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = fit.fit(toy_config(tmp_path / "first", trainer__max_epochs="1", **TINY), progress=False)
    other = fit.fit(
        toy_config(tmp_path / "other", trainer__max_epochs="1", **{**TINY, "model__rnn_size": "16"}), progress=False
    )
    assert average.main([str(tmp_path / "mean.ckpt"), str(first), str(other)]) == 1
    assert "another model" in capsys.readouterr().err
    assert not (tmp_path / "mean.ckpt").exists()
    assert average.main([str(tmp_path / "mean.ckpt"), str(first), str(first)]) == 0
    torch.testing.assert_close(dict(weights(tmp_path / "mean.ckpt")), dict(weights(first)))


def test_a_head_in_the_middle_takes_part_in_the_loss_and_not_in_the_model(tmp_path: Path) -> None:
    settings = {"trainer__max_epochs": "1", **TINY}
    plain = fit.fit(toy_config(tmp_path / "plain", **settings), progress=False)
    config = toy_config(tmp_path / "middle", optim__middle_ctc="0.3", **settings)
    best = fit.fit(config, progress=False)
    assert {"middle_head.weight", "middle_head.bias"} == weights(best).keys() - weights(plain).keys()
    model, _ = load_checkpoint(best)
    assert not any("middle" in name for name in model.state_dict())
    resumed = fit.fit(config, resume=best, progress=False)
    assert weights(resumed).keys() == weights(best).keys()


def test_a_conformer_is_taught_in_its_middle_by_its_own_head(tmp_path: Path) -> None:
    settings = {"trainer__max_epochs": "1", **TINY_CONFORMER}
    plain = fit.fit(toy_config(tmp_path / "plain", **settings), progress=False)
    taught = fit.fit(toy_config(tmp_path / "middle", optim__middle_ctc="0.3", **settings), progress=False)
    assert weights(plain).keys() == weights(taught).keys()
    assert not torch.equal(weights(plain)["model.head.weight"], weights(taught)["model.head.weight"])


@pytest.mark.parametrize(("every", "last"), [("3", 6), ("100", 7), ("7", 7), ("1", 7)])
def test_the_end_of_a_run_is_validated_and_kept(tmp_path: Path, every: str, last: int) -> None:
    fit.fit(toy_config(tmp_path, trainer__max_steps="7", trainer__validate_every_steps=every, **TINY), progress=False)
    assert torch.load(tmp_path / "toy" / "last.ckpt", weights_only=True)["global_step"] == last


def test_speed_and_waiting_for_data_are_logged(tmp_path: Path) -> None:
    seen: dict[str, float] = {}

    class Watch(fit.L.Callback):
        def on_train_batch_end(self, trainer: fit.L.Trainer, *_: object) -> None:
            seen.update({name: float(value) for name, value in trainer.callback_metrics.items()})

    fit.fit(
        toy_config(tmp_path, trainer__max_epochs="4", **TINY), progress=False, callbacks=[Throughput(100, 2), Watch()]
    )
    assert 0 <= seen["train/data_wait"] <= 1
    assert seen["train/audio_s_per_s"] > 1


def test_half_precision_is_taken_where_the_hardware_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(precision: str = "auto", accelerator: str = "cpu") -> str:
        return fit._precision(TrainerConfig(precision=precision, accelerator=accelerator))

    for supported, expected in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda supported=supported: supported)
        assert chosen() == expected
    assert chosen("16-mixed") == "16-mixed"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for supported, expected in ((True, "bf16-mixed"), (False, "16-mixed")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, supported=supported: supported)
        assert chosen(accelerator="auto") == expected
        assert chosen() == "32-true"


@pytest.mark.parametrize(("name", "supported"), [("muon", False), ("muon", True), ("adamw", False)])
def test_muon_is_said_to_be_slow_where_bfloat16_is_emulated(
    name: str, supported: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: supported)
    config = toy_config(tmp_path, **TINY_CONFORMER, trainer__max_epochs="1", trainer__precision="32-true")
    config.optim.name = name
    fit.fit(config, progress=True)
    assert ("optim.name=adamw" in capsys.readouterr().err) is (name == "muon" and not supported)


@pytest.mark.xdist_group("overfit")
@pytest.mark.parametrize(
    ("shape", "close"),
    [
        pytest.param(TINY, 2e-5, id="a recurrent network under AdamW"),
        # Muon makes updates orthogonal in bfloat16, and of a small difference between gradients a larger one.
        pytest.param(TINY_CONFORMER, 2e-3, id="a conformer under Muon"),
        pytest.param({**TINY_WHISPER, **FROZEN}, 2e-5, id="a head on a frozen encoder"),
    ],
)
def test_two_processes_learn_what_one_learns_from_both_their_batches(
    tmp_path: Path, shape: dict[str, str], close: float
) -> None:
    # Each step of the pair learns from two batches; accumulating two batches in one process is the same arithmetic.
    settings = {"trainer__max_epochs": "3", "data__batch_seconds": "8", "model__dropout": "0", **shape}
    alone = toy_config(tmp_path / "alone", trainer__accumulate="2", **settings)
    losses: list[float] = []

    class Losses(fit.L.Callback):
        def on_train_batch_end(self, trainer: fit.L.Trainer, *_: object) -> None:
            losses.append(float(trainer.callback_metrics["train/loss"]))

    fit.fit(alone, progress=False, callbacks=[Losses()])
    pair = toy_config(tmp_path / "pair", **settings)
    OmegaConf.save(OmegaConf.structured(pair), tmp_path / "pair.yaml")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    command = [*launch, "-m", "training.fit", str(tmp_path / "pair.yaml")]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    for noise in ("Initializing distributed", "recommended", "Warning", "deprecated", "v_num", "FLOPs"):
        assert noise not in printed
    assert printed.count("best checkpoint") == printed.count("parameters") == 1
    one, two = (weights(tmp_path / run / "toy" / "last.ckpt") for run in ("alone", "pair"))
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], atol=close, rtol=1e-4)
    assert remembered(tmp_path / "alone" / "toy" / "last.ckpt") == remembered(tmp_path / "pair" / "toy" / "last.ckpt")
    dev_losses = [
        torch.load(tmp_path / run / "toy" / "last.ckpt", weights_only=True)["callbacks"] for run in ("alone", "pair")
    ]
    scores = [
        next(float(c["best_model_score"]) for c in saved.values() if "best_model_score" in c) for saved in dev_losses
    ]
    assert scores[0] == scores[1]


def test_a_run_leaves_its_config_logs_and_checkpoints(tmp_path: Path) -> None:
    best = fit.fit(toy_config(tmp_path, trainer__max_epochs="2", **TINY), progress=False)
    folder = tmp_path / "toy"
    assert best == folder / "best.ckpt"
    assert {"best.ckpt", "last.ckpt", "config.yaml"} <= {path.name for path in folder.iterdir()}
    assert list((folder / "tensorboard").glob("events.*"))
    _, config = load_checkpoint(best)
    assert config == toy_config(tmp_path, trainer__max_epochs="2", **TINY)


def test_a_new_run_of_the_same_name_moves_the_earlier_one_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = toy_config(tmp_path, trainer__max_epochs="1", **TINY)
    fit.fit(config, progress=False)
    folder = tmp_path / "toy"
    before = (folder / "last.ckpt").read_bytes()
    assert capsys.readouterr().err == ""
    # It may even start from what is moved.
    config.init_from = str(folder / "last.ckpt")
    for number in (1, 2):
        fit.fit(config, progress=False)
        assert (
            f"note: the checkpoints of an earlier run are in {folder / f'earlier-{number}'}" in capsys.readouterr().err
        )
    assert (folder / "earlier-1" / "last.ckpt").read_bytes() == before
    assert (folder / "earlier-1" / "config.yaml").is_file()
    assert (folder / "last.ckpt").is_file()


def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = f"data.train=[{{manifest: {DATA / 'manifest.jsonl'}}}]"
    assert fit.main([str(SMALL), train, "data.dev=nowhere.jsonl"]) == 1
    # Notes of data that is not here may stand before it.
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: There is no manifest nowhere.jsonl;")
    assert fit.main([str(SMALL), "nonsense=1"]) == 1
    assert fit.main([str(SMALL), "--resume", str(tmp_path / "gone.ckpt")]) == 1
    assert "gone.ckpt" in capsys.readouterr().err
    assert fit.main(["gone.yaml"]) == 1
    assert capsys.readouterr().err.startswith("error: There is no config gone.yaml;")
    # What a shell makes of data.train=[{manifest: nope.jsonl}] without quotation marks.
    for split in (["data.train=[{manifest:", "nope.jsonl}]"], ["nope.jsonl}]"]):
        assert fit.main([str(SMALL), *split]) == 1
        (told,) = capsys.readouterr().err.splitlines()
        assert told.startswith(f"error: The override {split[0]} is not field=value")
        assert "quote it" in told
    (tmp_path / "bad.yaml").write_text("name: [a\nseed: 1\n")
    assert fit.main([str(tmp_path / "bad.yaml")]) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert "bad.yaml is not YAML" in told


@pytest.mark.filterwarnings("ignore:.*could not find the monitored key")
@pytest.mark.parametrize("length", [{"trainer__max_epochs": "1"}, {"trainer__max_steps": "1"}])
def test_there_is_an_average_even_of_one_validation_or_none(length: dict[str, str], tmp_path: Path) -> None:
    best = fit.fit(toy_config(tmp_path, trainer__average_last="3", **length, **TINY), progress=False)
    assert best.is_file()
    averaged = weights(tmp_path / "toy" / "average.ckpt")
    for name, value in weights(best).items():
        torch.testing.assert_close(value, averaged[name])


def test_checkpoints_are_named_as_the_next_command_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    OmegaConf.save(OmegaConf.structured(toy_config(tmp_path, trainer__max_epochs="1", **TINY)), tmp_path / "toy.yaml")
    monkeypatch.chdir(tmp_path)
    assert fit.main(["toy.yaml", "output_dir=runs", "trainer.average_last=2"]) == 0
    printed = capsys.readouterr().out
    assert "dev/wer is that of greedy decoding" in printed
    assert re.search(r"^best checkpoint: runs/toy/\w+\.ckpt$", printed, re.MULTILINE)


class _Poison(fit.L.Callback):
    """Puts something that is no number where a fault of the arithmetic would."""

    def __init__(self, step: int, where: str) -> None:
        self.step, self.where = step, where

    def on_train_batch_start(
        self, trainer: fit.L.Trainer, module: fit.L.LightningModule, batch: Any, *_: object
    ) -> None:
        if trainer.global_step + 1 == self.step and self.where == "loss":
            batch.log_mel[:] = float("nan")

    def on_train_batch_end(self, trainer: fit.L.Trainer, module: fit.L.LightningModule, *_: object) -> None:
        if trainer.global_step == self.step and self.where == "weights":
            with torch.no_grad():
                next(module.parameters())[:] = float("inf")


@pytest.mark.parametrize(
    ("where", "step", "message"),
    [
        ("loss", 7, "The loss is not a finite number at step 7"),
        # An epoch has three steps: validation comes next.
        ("weights", 6, "Weights are not finite numbers after step 6"),
    ],
)
def test_a_run_whose_numbers_are_none_any_more_stops_and_keeps_its_best(
    where: str, step: int, message: str, tmp_path: Path
) -> None:
    config = toy_config(tmp_path, trainer__max_epochs="6", **TINY)
    steps: list[int] = []
    with pytest.raises(TrainingError, match=message) as caught:
        fit.fit(config, progress=False, callbacks=[_Poison(step, where), _Steps(steps)])
    assert "\n" not in str(caught.value)
    assert max(steps) < 18
    for name in ("best", "last"):
        checkpoint = torch.load(tmp_path / "toy" / f"{name}.ckpt", weights_only=True)
        assert checkpoint["global_step"] < step
        assert all(values.isfinite().all() for values in checkpoint["state_dict"].values())


class _Steps(fit.L.Callback):
    def __init__(self, steps: list[int]) -> None:
        self.steps = steps

    def on_train_batch_start(self, trainer: fit.L.Trainer, *_: object) -> None:
        self.steps.append(trainer.global_step)


def test_what_a_run_cannot_resume_from_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = toy_config(tmp_path, trainer__max_epochs="1", **TINY)
    fit.fit(config, progress=False)
    OmegaConf.save(OmegaConf.structured(config), tmp_path / "toy.yaml")
    last = tmp_path / "toy" / "last.ckpt"
    whole = torch.load(last, weights_only=True)
    (tmp_path / "cut.ckpt").write_bytes(last.read_bytes()[:-2000])
    torch.save({name: whole[name] for name in ("state_dict", "hark_config")}, tmp_path / "weights.ckpt")
    for resume, change, said in (
        ("cut.ckpt", [], "cannot be read as a checkpoint: it is damaged"),
        ("weights.ckpt", [], "has weights, but not the state of the run"),
        ("toy/last.ckpt", ["model.rnn_size=16"], "has another network than this config"),
        ("toy/last.ckpt", ["optim.name=muon"], "has another optim.name than this config"),
    ):
        assert fit.main([str(tmp_path / "toy.yaml"), *change, "--resume", str(tmp_path / resume)]) == 1
        [line] = capsys.readouterr().err.strip().splitlines()
        assert line.startswith(f"error: {tmp_path / resume} ")
        assert said in line


def test_an_output_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written to .*file/runs/toy \(Not a directory\); .* output_dir="):
        fit.fit(toy_config(tmp_path, output_dir=str(tmp_path / "file" / "runs"), **TINY), progress=False)


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("file write failed")])
def test_a_full_disk_is_said_in_one_line_with_how_to_go_on(
    fault: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise fault

    config = toy_config(tmp_path, trainer__max_epochs="2", **TINY)
    with pytest.raises(TrainingError, match="disk is full") as caught:
        fit.fit(config, progress=False, callbacks=[_Full(full)])
    assert f"--resume {tmp_path / 'toy' / 'last.ckpt'}" in str(caught.value)
    monkeypatch.setattr(audio_cache.json, "dumps", full)
    with pytest.raises(TrainingError, match="disk is full") as caught:
        fit.fit(toy_config(tmp_path / "new", **TINY), progress=False)
    assert "--resume" not in str(caught.value)


class _Full(fit.L.Callback):
    """Lets the first checkpoints be written, and no more."""

    def __init__(self, full: Callable[..., None]) -> None:
        self.full = full

    def on_train_epoch_start(self, trainer: fit.L.Trainer, *_: object) -> None:
        if trainer.current_epoch == 1:
            trainer.strategy.checkpoint_io.save_checkpoint = self.full  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(TINY, id="decoded"),
        pytest.param({**TINY_WHISPER, **FROZEN}, id="features of a frozen encoder"),
        pytest.param({**TINY, "data__on_device": "true", "augment__codec__probability": "0"}, id="on the device"),
    ],
)
def test_a_clip_that_cannot_be_read_stops_no_run_and_is_named(
    shape: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF, or so it says")
    good = read_manifest(DATA / "manifest.jsonl")
    write_manifest(tmp_path / "m.jsonl", [*good[:3], replace(good[0], audio_path=tmp_path / "broken.wav"), *good[3:]])
    write_manifest(tmp_path / "gone.jsonl", [replace(good[0], audio_path=tmp_path / "gone.wav")])
    config = toy_config(tmp_path, trainer__max_epochs="1", trainer__validate_every_steps="2", **shape)
    config.data.train = [CorpusConfig(str(tmp_path / name)) for name in ("gone.jsonl", "m.jsonl")]
    assert fit.fit(config, progress=False).is_file()
    first, where = capsys.readouterr().err.strip().splitlines()
    assert first.startswith("note: 2 recordings with audio that is missing or cannot be read left out, ")
    assert f"{tmp_path / 'broken.wav'}: The audio" in first
    assert where == f"note: {tmp_path / 'toy' / 'left-out.txt'} names all that are left out."
    assert {"gone.wav", "broken.wav"} == set(re.findall(r"\w+\.wav", (tmp_path / "toy" / "left-out.txt").read_text()))


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"There is no checkpoint .*none\.ckpt"):
        load_checkpoint(tmp_path / "none.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(tmp_path / "text.ckpt")
    contents: list[object] = [{"state_dict": {}}, {"hark_config": {}}, [1, 2], torch.zeros(3)]
    for content in contents:
        torch.save(content, tmp_path / "other.ckpt")
        with pytest.raises(CheckpointError, match="not written by Hark"):
            load_checkpoint(tmp_path / "other.ckpt")


def test_a_checkpoint_whose_config_is_not_that_of_its_weights_is_refused(tmp_path: Path) -> None:
    config = toy_config(tmp_path, **TINY)
    model = build(config.model, config.features.n_mels, len(config.labels))
    whole = checkpoint_of(model, config)
    torch.save(whole, tmp_path / "whole.ckpt")
    assert load_checkpoint(tmp_path / "whole.ckpt")[1] == config
    changes: dict[str, dict[str, object]] = {
        "no weights": {"state_dict": {}},
        "a weight more": {"state_dict": {**whole["state_dict"], "model.more": torch.zeros(2)}},
        "weights without names": {"state_dict": []},
        "a name that is resolved": {"hark_config": {**whole["hark_config"], "name": "${oc.env:HOME}"}},
        "labels that are alike": {"hark_config": {**whole["hark_config"], "labels": ["", "a", "a"]}},
        "labels without a blank": {"hark_config": {**whole["hark_config"], "labels": ["a", "b"]}},
        "text for a config": {"hark_config": "name: toy"},
    }
    for name, change in changes.items():
        torch.save({**whole, **change}, tmp_path / "changed.ckpt")
        with pytest.raises(CheckpointError, match=r"changed\.ckpt (cannot be used|has other weights)") as caught:
            load_checkpoint(tmp_path / "changed.ckpt")
        assert "\n" not in str(caught.value), name
