"""A folder in place of the bucket of jobs, with the conditions on writes that S3 keeps.

Several processes may use one: the server and its worker do. A file is written aside and renamed, so that nobody reads
half of it, under a lock, so that of many who would make or replace it at once one does.
"""

import base64
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from handler.storage import Gone, Json, Listed, Superseded
from hark.errors import HarkError

# Where the server takes uploads; the path is none of the API's.
UPLOADS_PATH = "/local/uploads"
_SECRET_BYTES = 32


class UploadRefused(HarkError):
    """An upload is not what was signed.

    Args:
        code: S3's error code.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"The upload is not the one that was signed: {code}.")
        self.code = code


class FolderStorage:
    """Stands in for `handler.storage.Storage`, which says what its functions do.

    Args:
        folder: made if it is not there.

    Attributes:
        bucket: what results call it.
        address: of the server, where uploads go.
    """

    bucket = "local"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.incoming.mkdir(mode=0o700, exist_ok=True)
        self._secret = kept_secret(folder / "secret")

    @property
    def incoming(self) -> Path:
        """Where files are written before they have their name."""
        return self.folder / "incoming"

    def read_json(self, key: str) -> Json | None:
        """Returns an object that `write_json` wrote; None where there is none."""
        try:
            with self._path(key).open("rb") as file:
                return Json(json.load(file), _etag(os.fstat(file.fileno())))
        except FileNotFoundError:
            return None

    def write_json(self, key: str, content: dict[str, Any], replacing: Json | None) -> bool:
        """Writes an object if nobody else has written it since it was read; returns whether it was written."""
        with tempfile.NamedTemporaryFile("w", dir=self.incoming, delete=False, encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
        with self._locked():
            if self.etag(key) != (replacing.etag if replacing else None):
                Path(file.name).unlink()
                return False
            self._put(key, Path(file.name))
        return True

    def etag(self, key: str) -> str | None:
        """Returns what tells these bytes from others under the same key; None where there are none."""
        try:
            return _etag(self._path(key).stat())
        except FileNotFoundError:
            return None

    def listed(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yields the objects whose keys begin so, in order."""
        # A name that is long may have lost its end; what is before the last slash is a folder.
        top = self.folder.joinpath(*prefix.split("/")[:-1])
        found = []
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self.folder).as_posix()
                if key.startswith(prefix) and key > after:
                    with suppress(FileNotFoundError):  # deleted since
                        found.append(Listed(key, path.stat().st_mtime))
        yield from sorted(found, key=lambda each: each.key)

    def delete(self, key: str) -> None:
        """Deletes an object, if it is there."""
        with self._locked():
            self._path(key).unlink(missing_ok=True)

    def download(self, key: str, etag: str, file: IO[bytes]) -> None:
        """Writes the bytes of an object to a file.

        Raises:
            Gone: there is no such object.
            Superseded: it is not the one with this entity tag any more.
        """
        try:
            with self._path(key).open("rb") as source:
                if _etag(os.fstat(source.fileno())) != etag:
                    raise Superseded(f"{key} has been written again since.")
                shutil.copyfileobj(source, file)
        except FileNotFoundError as error:
            raise Gone(f"There is no object {key} any more.") from error
        file.flush()

    def sign_upload(
        self, key: str, content_type: str, least_bytes: int, most_bytes: int, expires_in_s: int
    ) -> dict[str, Any]:
        """Signs an upload by HTML form: of one key, one type, a length within bounds, begun within a time."""
        conditions = {
            "key": key,
            "Content-Type": content_type,
            "bytes": [least_bytes, most_bytes],
            "expires_at": time.time() + expires_in_s,
        }
        policy = base64.b64encode(json.dumps(conditions).encode()).decode()
        fields = {"Content-Type": content_type, "key": key, "policy": policy, "signature": self._signature(policy)}
        return {"url": self.address + UPLOADS_PATH, "fields": fields}

    def take_upload(self, fields: dict[str, str], file: Path) -> str:
        """Puts an uploaded file in its place.

        Args:
            fields: of the form.
            file: what was uploaded, in `incoming`.

        Returns:
            its key.

        Raises:
            UploadRefused: it is not the one that was signed.
        """
        policy = fields.get("policy", "")
        if not hmac.compare_digest(self._signature(policy).encode(), fields.get("signature", "").encode()):
            raise UploadRefused("SignatureDoesNotMatch")
        signed = json.loads(base64.b64decode(policy))
        if set(fields) != {"Content-Type", "key", "policy", "signature"} or time.time() > signed["expires_at"]:
            raise UploadRefused("AccessDenied")
        if any(fields[name] != signed[name] for name in ("key", "Content-Type")):
            raise UploadRefused("AccessDenied")
        least, most = signed["bytes"]
        if not least <= file.stat().st_size <= most:
            raise UploadRefused("EntityTooSmall" if file.stat().st_size < least else "EntityTooLarge")
        with self._locked():
            self._put(signed["key"], file)
        return str(signed["key"])

    def _signature(self, policy: str) -> str:
        return hmac.new(self._secret, policy.encode(), hashlib.sha256).hexdigest()

    def _put(self, key: str, file: Path) -> None:
        path = self._path(key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.replace(path)

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"{key!r} leads elsewhere")  # no key of ours does
        return self.folder.joinpath(*parts)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # closing lets go of it
            yield


def kept_secret(path: Path) -> bytes:
    """Returns the secret in a file that its owner alone may read; makes one where there is none."""
    with suppress(FileExistsError), open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(_SECRET_BYTES))
    return path.read_bytes()


def _etag(status: os.stat_result) -> str:
    """A renamed file has an inode of its own."""
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
