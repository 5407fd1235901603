"""The worker of local jobs: `python -m local.worker FOLDER`, which `make serve` starts with the first upload.

A process of its own: a recording that ends it, by its memory or a crash, ends nothing else, and no request waits.
It does what the worker and the closer do on AWS, with a folder in place of bucket and queue, and ends with the server,
whose end it sees by that of its input.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from local import environment
from local.event import LocalContext
from local.folder import FolderStorage
from local.jobs import QUEUE, keep_webhook_secret
from local.queue import FolderQueue, Message

_TRIES = 5
_POLL_S = 0.2
_SWEEP_EVERY_S = 60.0
# What one recording may take; nothing here ends a function after some minutes.
_MOST_S = 4 * 3600
# How long the end waits for a recording to be put down.
_PATIENCE_S = 10.0


class LocalWorker:
    """Deals with the messages of a folder, one after the other.

    Args:
        folder: of the jobs.
    """

    def __init__(self, folder: Path) -> None:
        from handler.closer import Closer
        from handler.settings import Settings
        from handler.worker import Worker
        from hark.recognizer import Recognizer

        storage = FolderStorage(folder)
        keep_webhook_secret(folder)
        settings = replace(Settings.from_environment(os.environ), bucket=storage.bucket)
        self._queue = FolderQueue(folder / QUEUE)
        self._worker = Worker(settings, Recognizer(settings.model_path), storage)
        self._closer = Closer(settings, storage)
        self._sweep_at_s = 0.0
        self._is_at_work = False
        self.is_ending = False

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """Lets go of the recording that is worked on, which the next worker takes up as if nobody had; hears a signal.

        Raises:
            LeftInQueue: there is one.
        """
        from handler.worker import LeftInQueue

        self.is_ending = True
        if self._is_at_work:
            self._is_at_work = False
            raise LeftInQueue("The server ends.")

    def step(self) -> bool:
        """Deals with one message, and now and then with what never came; returns whether there was a message."""
        if time.monotonic() >= self._sweep_at_s:
            self._sweep_at_s = time.monotonic() + _SWEEP_EVERY_S
            self._closer.sweep(lambda: _MOST_S)
        message = self._queue.take()
        if message is None:
            return False
        try:
            self._is_at_work = True
            self._work(message)
            self._is_at_work = False
        except Exception as error:
            self._is_at_work = False
            if self.is_ending:
                self._queue.give_back(message)
                return True
            print(f"a job was not finished at try {message.tries}: {type(error).__name__}: {error}", file=sys.stderr)
            self._queue.later(message, 2.0**message.tries)
        else:
            self._queue.done(message)
        return True

    def _work(self, message: Message) -> None:
        from handler.closer import LeftForTheOperator
        from handler.worker import Deadline

        if message.tries > _TRIES:
            try:
                self._closer.give_up(message.body)
            except LeftForTheOperator:  # nobody here is one: who made the job is told, and makes another
                print("a job was given up", file=sys.stderr)
            return
        begun_s = time.monotonic()
        context = LocalContext("local", remaining_s=lambda: _MOST_S - (time.monotonic() - begun_s))
        deadline = Deadline(context)  # type: ignore[arg-type]
        deadline.whole_s = 0.0  # there is one worker: whoever began before has ended
        self._worker.take(message.body, deadline)


def main() -> int:
    """The command line; runs until its input ends."""
    environment.prepare()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a terminal sends to the server too, and the server ends this
    worker = LocalWorker(Path(sys.argv[1]))
    signal.signal(signal.SIGTERM, worker.end)
    threading.Thread(target=_end_with_input, daemon=True).start()
    while not worker.is_ending:
        if not worker.step():
            time.sleep(_POLL_S)
    return 0


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):  # not through a buffer, whose lock would be held at the end
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
