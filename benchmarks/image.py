"""The image that the checkout makes, on an engine that runs it under AWS's runtime interface emulator.

Engine, base image and emulator are those of the container tests: Docker if it runs, otherwise an engine that is started
here, which needs root.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hark.errors import HarkError
from tests.container import base_image, emulator, engine, sam
from tests.container.commands import CommandError

ROOT = Path(__file__).resolve().parent.parent
_CACHE = ROOT / ".cache"
_NAME = "hark-bench:latest"
_BUILD_S = 600


@dataclass(frozen=True)
class Image:
    """An image that can be run.

    Attributes:
        docker: the engine.
        name: the image.
        rie: the runtime interface emulator, a program.
    """

    docker: engine.Engine
    name: str
    rie: Path

    def start(self, variables: dict[str, str], memory_mb: int, cpus: float | None = None) -> emulator.Function:
        """Runs a container with so much memory and, if said, so many processors."""
        return emulator.start(self.docker, self.name, self.rie, variables, memory_mb, cpus)

    @contextmanager
    def running(
        self, variables: dict[str, str], memory_mb: int, cpus: float | None = None
    ) -> Iterator[emulator.Function]:
        """Runs a container until the block ends."""
        function = self.start(variables, memory_mb, cpus)
        try:
            yield function
        finally:
            function.end()


@contextmanager
def provided(name: str = "") -> Iterator[Image]:
    """Yields the image of this checkout, or one that the engine has already.

    Raises:
        HarkError: something could not be built or run.
    """
    state = _CACHE / "container"
    try:
        sam.install(_CACHE / "sam")
        state.mkdir(parents=True, exist_ok=True)
        rie = sam.Sam(_CACHE / "sam", state, ROOT).emulator()
        with engine.running(state) as docker:
            yield Image(docker, name or _built(docker), rie)
    except CommandError as error:
        raise HarkError(str(error)) from error


def _built(docker: engine.Engine) -> str:
    base = base_image.provide(docker)
    docker.docker("build", "--tag", _NAME, "--build-arg", f"BASE_IMAGE={base}", ROOT, timeout_s=_BUILD_S)
    return _NAME
