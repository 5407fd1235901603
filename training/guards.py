"""What ends a run early, with a sentence that says why, before anything wrong is saved as its best."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from training.errors import TrainingError

# Steps after which the loss is looked at: to look waits for the device, and a GPU should have work ahead.
_EVERY_STEPS = 10
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FiniteOnly(L.Callback):
    """Ends a run whose loss or weights are not finite; `last.ckpt` and `best.ckpt` stay as they were before."""

    def __init__(self) -> None:
        self._first_bad: Tensor | None = None  # the first step whose loss is no number, or -1; on the device

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,  # noqa: ARG002
        batch_idx: int,
    ) -> None:
        """Notes whether the loss is a number."""
        loss = outputs["loss"].detach()
        if self._first_bad is None:
            self._first_bad = torch.full((), -1, device=loss.device)
        step = max(trainer.global_step, 1)
        self._first_bad = torch.where((self._first_bad < 0) & ~loss.isfinite(), step, self._first_bad)
        if batch_idx % _EVERY_STEPS == 0:
            self._check(trainer, pl_module)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Checks before a checkpoint is chosen."""
        self._check(trainer, pl_module)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Checks before a checkpoint is written."""
        self._check(trainer, pl_module)

    def _check(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        bad = -1 if self._first_bad is None else int(self._first_bad)
        if bad >= 0:
            raise TrainingError(_advice(f"The loss is not a finite number at step {bad:,}"))
        finite = [values.isfinite().all() for values in pl_module.parameters()]
        if finite and not bool(torch.stack(finite).all()):
            raise TrainingError(_advice(f"Weights are not finite numbers after step {trainer.global_step:,}"))


def _advice(what: str) -> str:
    return (
        f"{what}; training stops, and the checkpoints are from before. Lower optim.max_lr, set "
        "trainer.precision=32-true, or look for strange recordings with `python -m training.check`."
    )


@contextmanager
def room_for(folder: Path, cache_dir: Path) -> Iterator[None]:
    """Says in one sentence that a disk is full.

    Args:
        folder: of the run's checkpoints and logs.
        cache_dir: of decoded audio.

    Raises:
        TrainingError: within, a file found no room.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _full(folder, cache_dir) from error
    except RuntimeError as error:
        # PyTorch's writer hides the system's error: "PytorchStreamWriter failed writing file data/0: file write failed"
        if "file write failed" not in str(error) and "No space left" not in str(error):
            raise
        raise _full(folder, cache_dir) from error


def _full(folder: Path, cache_dir: Path) -> TrainingError:
    last = folder / "last.ckpt"
    going_on = f", then go on with --resume {last} (a run with stages: the same command)" if last.is_file() else ""
    return TrainingError(
        f"The disk is full, or a limit on file sizes is reached: make room for checkpoints in {folder} "
        f"and decoded audio in {cache_dir}{going_on}."
    )
