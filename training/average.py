"""Averages the weights of checkpoints: `python -m training.average OUTPUT CHECKPOINT CHECKPOINT ...`.

The mean of the last checkpoints of a run, or of runs from the same start, is usually better than any of them.

Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization" (UAI 2018).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from hark.command import command
from training.checkpoint import checkpoint_of, load_checkpoint
from training.errors import CheckpointError


def average(paths: Sequence[str | Path], output: str | Path) -> None:
    """Writes the mean of the weights of checkpoints of one model; the config is the first one's.

    `load_checkpoint` reads the file. It has no optimiser state, so no run can be resumed from it.

    Raises:
        CheckpointError: a checkpoint cannot be read, or is of another model than the first, or there is none.
    """
    if not paths:
        raise CheckpointError("There is no checkpoint to average.")
    first, config = load_checkpoint(paths[0])
    sums = {name: value.double() for name, value in first.state_dict().items()}
    for path in paths[1:]:
        weights = load_checkpoint(path)[0].state_dict()
        if {name: value.shape for name, value in weights.items()} != {n: value.shape for n, value in sums.items()}:
            raise CheckpointError(
                f"{path} is of another model than {paths[0]}; only weights of one model can be averaged."
            )
        for name, value in weights.items():
            sums[name] += value
    first.load_state_dict({name: value / len(paths) for name, value in sums.items()})
    torch.save(checkpoint_of(first, config), output)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    average(options.checkpoints, options.output)
    print(f"mean of {len(options.checkpoints)} checkpoints: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
