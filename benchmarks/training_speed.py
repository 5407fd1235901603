"""Measures the training step: `python -m benchmarks.training_speed [CONFIG] [--threads N] [--batch B] [--seconds S]`.

Prints, for each precision this machine has instructions for, seconds of audio a second that forward, loss, backward and
optimiser take in, on random features: the speed of the network alone, data not counted. Where a config freezes a whole
encoder, whose features are computed once, it is the speed of the head.
"""

import argparse
import sys
import time
from pathlib import Path

import torch

from hark.command import command
from training.config import Config
from training.config_files import load_config
from training.dataset import Batch
from training.task import SpeechTask

# The first steps choose and compile kernels.
_WARM_UP_STEPS = 2
# What the tightest of real utterances have.
_CHARACTERS_PER_S = 14


def random_batch(task: SpeechTask, utterances: int, seconds: float) -> Batch:
    """Makes a batch of equally long utterances of random features, of the kind the task learns from, and labels."""
    config, features = task.config, task.config.features
    frames, size = int(seconds * features.sample_rate_hz / features.hop_samples), features.n_mels
    if task.reads_features:
        frames = int(seconds * task.spec.output_frames_per_second)
        size = int(task.model.middle_size)  # type: ignore[arg-type]
    characters = int(seconds * _CHARACTERS_PER_S)
    generator = torch.Generator().manual_seed(config.seed)
    return Batch(
        log_mel=torch.randn(utterances, frames, size, generator=generator),
        lengths=torch.full((utterances,), frames),
        targets=torch.randint(1, len(config.labels), (utterances * characters,), generator=generator),
        target_lengths=torch.full((utterances,), characters),
        texts=[""] * utterances,
    )


def step_seconds(config: Config, batch: Batch, dtype: torch.dtype, steps: int) -> list[float]:
    """Returns the wall time of each of `steps` training steps on the CPU, after some to warm up."""
    task = SpeechTask(config)
    task.log = lambda *_, **__: None  # type: ignore[method-assign]  # there is no trainer to log to
    optimiser = torch.optim.AdamW(task.parameters(), lr=config.optim.max_lr)
    times = []
    for _ in range(_WARM_UP_STEPS + steps):
        since = time.perf_counter()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = task.training_step(batch, 0)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(task.parameters(), config.optim.clip_norm)
        optimiser.step()
        optimiser.zero_grad()
        times.append(time.perf_counter() - since)
    return times[_WARM_UP_STEPS:]


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, nargs="?", default=Path("training/configs/small.yaml"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch", type=int, default=8, help="utterances")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each utterance")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    config = load_config(options.config)
    batch = random_batch(SpeechTask(config), options.batch, options.seconds)
    half = [torch.bfloat16] if torch.cpu._is_avx512_bf16_supported() else []
    for dtype in (torch.float32, *half):
        times = sorted(step_seconds(config, batch, dtype, options.steps))
        median_s = times[len(times) // 2]
        speed = options.batch * options.seconds / median_s
        print(
            f"{config.name}, {options.batch} x {options.seconds:g} s, {options.threads} threads, {dtype}: "
            f"{speed:.0f} x real time ({median_s:.3f} s a step, median of {len(times)})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
