"""Muon for the matrices within the network, AdamW for the rest, one schedule for both."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.toy import TINY_WHISPER, toy_config
from training.config import OptimConfig
from training.errors import ConfigError
from training.optimiser import MuonWithAdamW, configure, make_optimiser
from training.task import SpeechTask


def network() -> nn.Module:
    torch.manual_seed(0)
    parts = {"projection": nn.Linear(6, 8), "hidden": nn.Linear(8, 4), "norm": nn.LayerNorm(4), "head": nn.Linear(4, 3)}
    return nn.ModuleDict(parts)


def names(model: nn.Module, group: dict[str, list[nn.Parameter]]) -> set[str]:
    return {name for name, value in model.named_parameters() if any(value is one for one in group["params"])}


def test_muon_takes_hidden_matrices_alone() -> None:
    model = network()
    hidden, others = make_optimiser(model, OptimConfig(name="muon")).param_groups
    assert names(model, hidden) == {"hidden.weight"}
    assert names(model, others) == {name for name, _ in model.named_parameters()} - {"hidden.weight"}


def test_a_schedule_reaches_both_parts() -> None:
    model = network()
    optimiser = make_optimiser(model, OptimConfig(name="muon", max_lr=0.1))
    assert isinstance(optimiser, MuonWithAdamW)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=10, cycle_momentum=False)
    before = {name: value.clone() for name, value in model.named_parameters()}
    start = [group["lr"] for part in optimiser.parts for group in part.param_groups]
    for value in model.parameters():
        value.grad = torch.ones_like(value)
    optimiser.step()
    schedule.step()
    optimiser.step()
    now = [group["lr"] for part in optimiser.parts for group in part.param_groups]
    assert start == [pytest.approx(0.1 / 25)] * 2
    assert now[0] == now[1] > start[0]
    assert all(not torch.equal(value, before[name]) for name, value in model.named_parameters())


def test_both_parts_go_on_from_a_saved_state() -> None:
    first, second = network(), network()
    one, other = (make_optimiser(model, OptimConfig(name="muon", max_lr=0.01)) for model in (first, second))

    def step(model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        for i, value in enumerate(model.parameters()):
            value.grad = torch.full_like(value, 0.1 + i) + value.detach()
        optimiser.step()

    step(first, one)
    second.load_state_dict(first.state_dict())
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    step(first, one)
    step(second, other)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_an_unknown_optimiser_is_refused() -> None:
    with pytest.raises(ConfigError, match="adamw or muon"):
        make_optimiser(network(), OptimConfig(name="sgd"))


def two_steps(matrices: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.ModuleDict({f"hidden {i}": nn.Linear(8 + i, 4 + i) for i in range(matrices)})
    optimiser = make_optimiser(model, OptimConfig(name="muon", max_lr=0.01))
    for step in range(2):
        for i, value in enumerate(model.parameters()):
            value.grad = (0.1 + i + step) * value.detach()
        optimiser.step()
    return model, optimiser


# With fewer matrices than processes some have none to see to.
MATRICES = (5, 2)


def one_of_several(rank: int, processes: int, store: str, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=processes)
    for matrices in MATRICES:
        model, optimiser = two_steps(matrices)
        with pytest.raises(RuntimeError, match="consolidate_state_dict"):
            optimiser.state_dict()
        assert isinstance(optimiser, MuonWithAdamW)
        optimiser.consolidate_state_dict()
        torch.save((model.state_dict(), optimiser.state_dict()), f"{folder}/{rank} {matrices}.pt")
    torch.distributed.destroy_process_group()


def test_processes_share_the_work_and_come_to_what_one_alone_comes_to(tmp_path: Path) -> None:
    processes = 3
    torch.multiprocessing.spawn(one_of_several, (processes, str(tmp_path / "store"), str(tmp_path)), nprocs=processes)
    for matrices in MATRICES:
        model, optimiser = two_steps(matrices)
        for rank in range(processes):
            weights, state = torch.load(tmp_path / f"{rank} {matrices}.pt", weights_only=True)
            torch.testing.assert_close(weights, dict(model.state_dict()))
            for part, ours in zip(state["parts"], optimiser.state_dict()["parts"], strict=True):
                torch.testing.assert_close(part["state"], ours["state"])
                assert part["param_groups"] == ours["param_groups"]


def whisper_task(folder: Path, **overrides: str) -> SpeechTask:
    return SpeechTask(toy_config(folder, **{**TINY_WHISPER, "optim__max_lr": "0.1", **overrides}))


def rates(task: SpeechTask, optimiser: torch.optim.Optimizer) -> dict[str, float]:
    """Learning rate by the weight's name."""
    by_weight = {weight: group["lr"] for group in optimiser.param_groups for weight in group["params"]}
    return {name: by_weight[weight] for name, weight in task.model.named_parameters() if weight in by_weight}


@pytest.mark.parametrize("name", ["adamw", "muon"])
@pytest.mark.parametrize("frozen", [0, 2, 4])
def test_an_encoder_learns_more_slowly_the_lower_the_stage_and_not_where_it_is_frozen(
    name: str, frozen: int, tmp_path: Path
) -> None:
    slower = {"optim__encoder_lr_share": "0.5", "optim__layer_decay": "0.1"}
    task = whisper_task(tmp_path, optim__name=name, optim__frozen=str(frozen), **slower)
    found = rates(task, make_optimiser(task, task.config.optim))
    expected = {"conv1": 5e-5, "conv2": 5e-5, "blocks.0": 5e-4, "blocks.1": 5e-3, "norm": 5e-2}
    stages = (("conv1", "conv2"), ("blocks.0",), ("blocks.1",), ("norm",))
    learning = {part for stage in stages[frozen:] for part in stage}
    for weight, _ in task.model.named_parameters():
        part = next((part for part in expected if weight.startswith(f"encoder.{part}.")), "")
        if part and part not in learning:
            assert weight not in found
        else:
            assert found[weight] == pytest.approx(expected.get(part, 0.1)), weight


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_schedule_keeps_the_ratios_of_rates(name: str, tmp_path: Path) -> None:
    task = whisper_task(tmp_path, optim__name=name, optim__encoder_lr_share="0.5", optim__layer_decay="0.1")
    configured: Any = configure(task, task.config.optim, 10)
    optimiser, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    peaks = [0.0] * len(optimiser.param_groups)
    for _ in range(9):
        optimiser.step()
        schedule.step()
        now = [group["lr"] for group in optimiser.param_groups]
        peaks = list(map(max, peaks, now))
        found = rates(task, optimiser)
        assert found["encoder.norm.bias"] == pytest.approx(found["head.output.bias"] / 2)
        assert found["encoder.blocks.0.norm.bias"] == pytest.approx(found["head.output.bias"] / 200)
    assert max(peaks) > 0.05  # of 0.1, at its peak between two steps


def test_muon_without_matrices_of_its_own_is_adamw(tmp_path: Path) -> None:
    task = whisper_task(tmp_path, optim__name="muon", optim__frozen="4", model__whisper__head="linear")
    assert set(rates(task, make_optimiser(task, task.config.optim))) == {"head.output.weight", "head.output.bias"}
