"""Jobs without AWS: uploads come to this server, and a process beside it transcribes them."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote_plus

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from local.folder import UPLOADS_PATH, FolderStorage, UploadRefused, kept_secret
from local.queue import FolderQueue

QUEUE = "queue"
# What the setting is called by that on AWS is the secret's ARN.
WEBHOOK_SECRET_NAME = "local"  # noqa: S105 - a name
_FORM_BYTES = 1 << 20
# A worker that ends is started again after this; what it was at is tried again, at most twice.
_RESTART_S = 1.0
_PATIENCE_S = 10.0


class LocalJobs:
    """The jobs of a folder.

    Args:
        folder: where everything about them is kept.
        max_bytes: the largest recording.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.storage = FolderStorage(folder.resolve())
        self._queue = FolderQueue(self.storage.folder / QUEUE)
        self._max_bytes = max_bytes
        self._turn = threading.Lock()
        self._watched: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        if not self._queue.is_empty():  # which the server before this one left
            self._start()

    def takes(self, request: Request) -> bool:
        """Says whether a request is an upload."""
        return request.path == UPLOADS_PATH

    def upload(self, environ: dict[str, Any]) -> Response:
        """Takes an upload, as S3 does: by form, with the signature as its only key."""
        request = _Upload(environ, self.storage.incoming)
        request.max_content_length = self._max_bytes + _FORM_BYTES
        if request.method != "POST":
            return _refusal(405, "MethodNotAllowed")
        try:
            files, fields = request.files.getlist("file"), request.form.to_dict()
        except RequestEntityTooLarge:
            return _refusal(400, "EntityTooLarge")
        try:
            if len(files) != 1:
                return _refusal(400, "InvalidArgument")
            files[0].stream.flush()
            key = self.storage.take_upload(fields, request.written[0])
        except UploadRefused as error:
            return _refusal(400 if error.code.startswith("EntityToo") else 403, error.code)
        finally:
            request.remove_files()
        self._queue.send(_notification(self.storage, key))
        self._start()
        return Response(status=204)

    def close(self) -> None:
        """Ends the worker; what it is at is tried again by the next one."""
        self._ending.set()
        with self._turn:
            process = self._process
        if process:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
            process.kill()
            process.wait()

    def _start(self) -> None:
        with self._turn:
            if self._watched is None and not self._ending.is_set():
                self._watched = threading.Thread(target=self._watch, daemon=True)
                self._watched.start()

    def _watch(self) -> None:
        """Runs the worker, and another one when it has ended."""
        command = [sys.executable, "-m", "local.worker", str(self.storage.folder)]
        root = Path(__file__).resolve().parent.parent
        while not self._ending.is_set():
            # Its input is a pipe that ends with this process, however that ends.
            with self._turn:
                process = self._process = subprocess.Popen(  # noqa: S603 - of this very program
                    command, stdin=subprocess.PIPE, stdout=sys.stderr, cwd=root
                )
            with process:  # waits, and closes the pipe
                pass
            self._ending.wait(_RESTART_S)


class _Upload(Request):
    """A form whose file is written where it stays."""

    def __init__(self, environ: dict[str, Any], incoming: Path) -> None:
        super().__init__(environ)
        self._incoming = incoming
        self.written: list[Path] = []
        self._open: list[IO[bytes]] = []

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        number, name = tempfile.mkstemp(dir=self._incoming)
        file = os.fdopen(number, "w+b")
        self._open.append(file)
        self.written.append(Path(name))
        return file

    def remove_files(self) -> None:
        """Deletes what was written and not put anywhere."""
        for file in self._open:
            file.close()
        for path in self.written:
            path.unlink(missing_ok=True)


def keep_webhook_secret(folder: Path) -> None:
    """Lets webhooks be signed with the secret of a folder, or of HARK_LOCAL_WEBHOOK_SECRET."""
    from handler import webhook_secret

    text = os.environ.get("HARK_LOCAL_WEBHOOK_SECRET") or kept_secret(folder / "webhook-secret").decode()
    webhook_secret.keep(WEBHOOK_SECRET_NAME, webhook_secret.key(text))


def _notification(storage: FolderStorage, key: str) -> str:
    """Returns the message that S3 would send."""
    path = storage.folder / key
    stored = {"key": quote_plus(key), "size": path.stat().st_size, "eTag": storage.etag(key)}
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Post",
        "eventTime": datetime.now(UTC).isoformat(),
        "s3": {"bucket": {"name": storage.bucket}, "object": stored},
    }
    return json.dumps({"Records": [record]})


def _refusal(status: int, code: str) -> Response:
    return Response(f"<Error><Code>{code}</Code></Error>", status, content_type="application/xml")
