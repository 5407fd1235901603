"""A job's life in every order there is: hypothesis draws what happens, and what must hold is looked at after each step.

The code is that of the functions; the bucket is the local server's folder, whose conditions on writes are those of S3
(tests/s3 and tests/local hold both to them). A function may be killed before or after anything it does to the bucket,
and the bucket may refuse anything; events come late, twice, and in any order; the clock jumps by days.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from handler import closer, job, options, progress, webhook, webhook_secret, worker
from handler.closer import Closer, LeftForTheOperator
from handler.jobs import Jobs
from handler.settings import Settings
from handler.worker import Deadline, Worker
from hark.decoding import Decoders
from hark.errors import JobBusy, UnknownJob
from hark.written import Writers
from local.folder import FolderStorage
from tests.conftest import make_spec

HOUR_S, DAY_S = 3600, 86_400
BEGAN_AT = 1_800_000_000
MAX_RECEIVE_COUNT = 3
WORKER_S = 300
FINAL = {"completed", "failed", "expired", "deleted"}
# How many lives, and how much happens in each at most.
LIVES, STEPS = 60, 30


class Killed(BaseException):
    """The end of a process, which none of its code sees."""


class Refused(OSError):
    """S3 cannot be reached, for once."""


class Fragile(FolderStorage):
    """The bucket, as those see it who may be killed at it or refused."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.steps = 0
        self.at: dict[int, type[BaseException]] = {}
        self.written: list[str] = []

    def arm(self, at: dict[int, type[BaseException]]) -> None:
        """Says before which steps from now on what happens."""
        self.steps, self.at = 0, at

    def _perhaps(self) -> None:
        self.steps += 1
        if fault := self.at.get(self.steps):
            raise fault

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("read_json", "write_json", "delete", "download", "listed"):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self._perhaps()
            answer = found(*arguments, **options)
            if name == "write_json" and answer and arguments[0].startswith("results/"):
                self.written.append(arguments[0])
            self._perhaps()  # done, and nobody was told
            return answer

        return call


@cache
def parts() -> tuple[Settings, Decoders, Writers]:
    """What the functions have, without a model: what is transcribed is no matter here."""
    made = Settings.from_environment({"HARK_DECODER": "greedy"})
    made = replace(made, bucket=FolderStorage.bucket, webhook_secret_arn="arn", language_model_path=Path("none"))
    return made, Decoders(made.model_path, made.language_model_path, "greedy"), Writers(Path("none"))


class Life(RuleBasedStateMachine):
    """One job, and all that may happen to it.

    Attributes:
        final: what it was seen to have become; None before that.
        may_change: whether an operator has had it tried again since.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.storage = Fragile(Path(self.folder.name))
        self.now = float(BEGAN_AT)
        self.patches: list[Any] = [
            patch("time.time", lambda: self.now),
            patch("time.time_ns", lambda: int(self.now * 1e9)),
            patch.object(webhook_secret, "read", lambda _arn: b"secret"),
            patch.object(webhook, "send", self.hear),
            patch.object(worker, "transcribe", self.transcribe),
            patch.object(worker, "completed_result", self.completed),
            patch.object(progress, "EVERY_S", -1.0),
        ]
        for each in self.patches:
            each.start()
        made, decoders, writers = parts()
        self.jobs = Jobs(made, decoders, writers, self.storage)
        recognizer: Any = type("Recognizer", (), {"spec": make_spec()})()
        with patch.object(Decoders, "load"), patch.object(Writers, "load"):
            self.worker = Worker(replace(made, punctuation_path=Path("none")), recognizer, self.storage)
        self.worker._first.decoders.decoder = lambda *_: None  # type: ignore[method-assign,assignment]
        self.worker._first.writers.writer = lambda *_: None  # type: ignore[method-assign]
        self.closer = Closer(made, self.storage)
        # Messages: the body, how often it was received, whether an operator sent it.
        self.queue: list[list[Any]] = []
        self.in_vain: list[list[Any]] = []
        self.laid_aside: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.final: str | None = None
        self.reached: set[str] = set()
        self.may_change = False
        self.is_deleted = False
        self.is_lossy = False
        self.uploads = 0
        self.poison: type[BaseException] | None = None
        self.meanwhile: Callable[[], Any] | None = None

    # --- What stands in for the rest of the world ---------------------------------------------------------------------

    def hear(self, _url: str, _secret: bytes, job_id: str, status: str, message_id: str = "") -> None:
        assert job_id == self.id
        self.told.append((message_id or job_id, status))

    def transcribe(self, *arguments: Any) -> Any:
        before_block = arguments[5]
        before_block()
        if self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        before_block()
        if self.poison:
            raise self.poison("what nobody reads")
        return type("Transcript", (), {"duration_s": 1.0})()

    def completed(self, arrival: Any, now: int, *_: Any) -> dict[str, Any]:
        source = {"bucket": arrival.bucket, "key": arrival.key, "etag": arrival.etag}
        return {"status": "completed", "source": source, "finished_at": now, "transcript": {"text": ""}}

    def event(self) -> str:
        """Returns what S3 sends of an upload that is complete now."""
        key = job.upload_key(self.id)
        path = Path(self.folder.name, key)
        at = datetime.fromtimestamp(self.now, UTC).isoformat()
        stored = {"key": key, "size": path.stat().st_size, "eTag": self.storage.etag(key)}
        record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "eventTime": at}
        return json.dumps({"Records": [{**record, "s3": {"bucket": {"name": "local"}, "object": stored}}]})

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        at, self.storage.at = self.storage.at, {}
        try:
            yield
        finally:
            self.storage.at = at

    # --- What may happen ----------------------------------------------------------------------------------------------

    @initialize(is_prompt=st.booleans())
    def create(self, is_prompt: bool) -> None:
        asked = json.dumps({"webhook_url": "https://example.com/hook"}).encode()
        self.id = json.loads(self.jobs.create(asked, "application/json").body)["id"]
        if is_prompt:
            self.upload()

    @precondition(lambda self: self.uploads < 3 and self.now < BEGAN_AT + 900 + 7 * HOUR_S)
    @rule()
    def upload(self) -> None:
        """As late as a slow line makes it; a form may be posted more than once."""
        path = Path(self.folder.name, job.upload_key(self.id))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a recording" * (self.uploads + 1))
        os.utime(path, (self.now, self.now))
        self.uploads += 1
        self.queue.append([self.event(), 0, False])

    @precondition(lambda self: self.queue)
    @rule(which=st.integers(0, 9))
    def deliver_twice(self, which: int) -> None:
        message = self.queue[which % len(self.queue)]
        self.queue.append([message[0], 0, message[2]])

    @precondition(lambda self: self.queue)
    @rule(
        which=st.integers(0, 9),
        kill_at=st.one_of(st.just(0), st.just(0), st.integers(1, 24)),
        refuse_at=st.one_of(st.just([]), st.lists(st.integers(1, 24), max_size=3)),
        poison=st.sampled_from([None, None, None, None, Killed, MemoryError]),
        meanwhile=st.sampled_from(["", "", "", "delete", "another worker", "sweep"]),
    )
    def work(self, which: int, kill_at: int, refuse_at: list[int], poison: Any, meanwhile: str) -> None:
        message = self.queue.pop(which % len(self.queue))
        message[1] += 1
        self.poison = poison
        happening: dict[str, Callable[[], Any]] = {
            "delete": self.delete,
            "another worker": lambda: self._take([message[0], 0, message[2]]),
            "sweep": self._sweep,
        }
        self.meanwhile = happening.get(meanwhile)
        self.storage.arm({**dict.fromkeys(refuse_at, Refused), kill_at: Killed})
        is_done = self._take(message)
        self.storage.arm({})
        self.poison = self.meanwhile = None
        self.now += 5 if is_done else 6 * WORKER_S  # hidden for so long
        if not is_done:
            (self.in_vain if message[1] >= MAX_RECEIVE_COUNT else self.queue).append(message)

    def _take(self, message: list[Any]) -> bool:
        context: Any = type("Context", (), {"get_remaining_time_in_millis": lambda _self: WORKER_S * 1000})()
        try:
            self.worker.take(message[0], Deadline(context), message[2])
        except (Killed, Exception):
            return False
        return True

    @precondition(lambda self: self.in_vain)
    @rule(
        which=st.integers(0, 9),
        kill_at=st.one_of(st.just(0), st.integers(1, 12)),
        refuse_at=st.lists(st.integers(1, 12), max_size=2),
    )
    def give_up(self, which: int, kill_at: int, refuse_at: list[int]) -> None:
        message = self.in_vain.pop(which % len(self.in_vain))
        self.storage.arm({**dict.fromkeys(refuse_at, Refused), kill_at: Killed})
        is_left = True
        try:
            self.closer.give_up(message[0])
            is_left = False
        except LeftForTheOperator:
            self.laid_aside.append(message[0])
            is_left = False
        except (Killed, Exception):
            pass
        self.storage.arm({})
        self.now += 720
        if is_left:
            self.in_vain.append(message)

    @rule(kill_at=st.one_of(st.just(0), st.integers(1, 12)))
    def sweep(self, kill_at: int) -> None:
        self.storage.arm({kill_at: Killed})
        self._sweep()
        self.storage.arm({})

    def _sweep(self) -> None:
        with suppress(Killed), patch.object(closer, "_RECENT_S", -(10.0**12)):  # files have the time of the machine
            self.closer.sweep(lambda: 100.0)

    @precondition(lambda self: self.laid_aside)
    @rule()
    def redrive(self) -> None:
        """What an operator does who has mended the fault."""
        self.queue.append([self.laid_aside.pop(), 0, True])
        self.may_change = True

    @rule(kill_at=st.one_of(st.just(0), st.integers(1, 16)), is_meant=st.integers(0, 7))
    def perhaps_delete(self, kill_at: int, is_meant: int) -> None:
        if not is_meant:  # now and then, so that there are other ends, too
            self.delete(kill_at)

    def delete(self, kill_at: int = 0) -> None:
        if kill_at:
            self.storage.arm({kill_at: Killed})
        with suppress(UnknownJob, JobBusy, Killed):
            self.jobs.delete(self.id, "")
            self.is_deleted = True
        if kill_at:
            self.storage.arm({})

    @rule(seconds=st.sampled_from([1, 60, 901, HOUR_S, 3 * HOUR_S]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @precondition(lambda self: not self.queue and not self.in_vain)
    @rule()
    def wait_for_days(self) -> None:
        """Longer than the queue keeps a message, so that none is there any more."""
        self.now += 7 * DAY_S

    @precondition(lambda self: self.queue and len(self.told) == 0)
    @rule()
    def lose_a_message(self) -> None:
        """Which SQS does not but by its age: the worker was off for days."""
        self.queue.clear()
        self.is_lossy = True
        self.now += 7 * DAY_S

    # --- What must hold -----------------------------------------------------------------------------------------------

    def seen(self) -> str:
        """Returns what a caller sees."""
        try:
            content = json.loads(self.jobs.get(self.id, options.parse([])).body)
        except UnknownJob:
            return "deleted"
        shown = content["status"]
        assert ("transcript" in content) == (shown == "completed")
        assert ("error" in content) == (shown in ("failed", "expired"))
        assert content["progress"] == 100 if shown == "completed" else 0 <= content["progress"] < 100
        return str(shown)

    @invariant()
    def a_final_state_stays(self) -> None:
        if not hasattr(self, "id"):
            return
        with self.unharmed():
            shown = self.seen()
            result = self.storage.read_json(job.result_key(job.upload_key(self.id)))
        if self.final and shown != self.final:
            redriven = self.may_change and self.final == "failed"
            assert shown == "deleted" or redriven, f"{self.final} became {shown}"
        if self.is_deleted:
            assert shown == "deleted"
        self.final = shown if shown in FINAL else None
        self.reached |= {shown} & FINAL
        if result:
            assert shown == result.content["status"]

    @invariant()
    def a_result_is_written_once_but_for_redrives_and_deletion(self) -> None:
        if hasattr(self, "id"):
            assert len(self.storage.written) <= 2 + self.may_change * 2

    @invariant()
    def webhooks_say_what_became_of_it(self) -> None:
        """At least once; what came twice has the same id, and no id has two meanings."""
        meanings = dict(self.told)
        assert set(self.told) == set(meanings.items())
        assert set(meanings.values()) <= {"completed", "failed", "expired"}
        if not self.may_change:
            assert len(meanings) <= 1

    def teardown(self) -> None:
        """When all faults are over and all messages are dealt with, the job has ended, and its webhook has said so."""
        self.storage.arm({})
        self.poison = self.meanwhile = None
        for _ in range(100):
            if self.queue:
                message = self.queue.pop(0)
                message[1] += 1
                if not self._take(message):
                    self.now += 6 * WORKER_S
                    (self.in_vain if message[1] >= MAX_RECEIVE_COUNT else self.queue).append(message)
            elif self.in_vain:
                with suppress(LeftForTheOperator):
                    self.closer.give_up(self.in_vain.pop(0)[0])
            else:
                break
        assert not self.queue
        assert not self.in_vain
        self.now += 7 * DAY_S
        self._sweep()
        self.a_final_state_stays()
        assert self.final in FINAL
        found = self.storage.read_json(job.record_key(self.id))
        assert found
        if self.final != "deleted":
            assert found.content["status"] == self.final
            assert self.final in dict(self.told).values()
        else:
            # What came after the deletion is deleted too, unless its message got lost; then S3's lifecycle does it.
            assert self.is_lossy or not self.is_deleted or self.storage.etag(job.upload_key(self.id)) is None
        assert list(self.storage.incoming.iterdir()) == []
        counted.update(self.reached)
        counted["lives"] += 1
        for each in self.patches:
            each.stop()
        self.folder.cleanup()


counted: Counter[str] = Counter()


def test_lives(capsys: pytest.CaptureFixture[str]) -> None:
    """One test, so that whoever shares tests out to processes keeps the lives and their count together."""
    counted.clear()
    chosen = settings(
        max_examples=LIVES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        database=None,
        derandomize=True,  # the same lives every time; `LIVES` may be raised for others
    )
    run_state_machine_as_test(Life, settings=chosen)
    with capsys.disabled():
        print(f"\n{counted['lives']} lives of jobs: {dict(counted)}", end=" ")
    assert all(counted[each] >= LIVES / 20 for each in FINAL), "the lives were not lively"
