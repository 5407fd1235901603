"""What all container tests share, made once: the engine, the base image, sam, and the image that sam builds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S

from . import api as apis
from . import base_image, emulator, engine, sam

ROOT = Path(__file__).resolve().parents[2]
EVENTS = {path.stem: path for path in sorted((ROOT / "events").glob("*.json"))}
# Images and programs outlive a run, so that the next one takes a fraction of the time; ignored by git.
CACHE = ROOT / ".cache"
_BUILD_S = 2 * PATIENCE_S
_FIGURES = pytest.StashKey[dict[str, str]]()


@dataclass(frozen=True)
class Built:
    """What `sam build` made.

    Attributes:
        image: the name of the function's image.
        template: the template that names it.
    """

    image: str
    template: Path


def event(name: str) -> dict[str, Any]:
    """Returns events/NAME.json."""
    content: dict[str, Any] = json.loads(EVENTS[name].read_text())
    return content


@pytest.fixture(scope="session")
def state() -> Path:
    """The folder for what the container tests make."""
    folder = CACHE / "container"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def docker(state: Path) -> Iterator[engine.Engine]:
    """A running container engine; that none can run is an error, never a reason to skip."""
    with engine.running(state) as running:
        yield running


@pytest.fixture(scope="session")
def sam_alone(state: Path) -> sam.Sam:
    """The sam command, for what needs no engine."""
    sam.install(CACHE / "sam")
    return sam.Sam(CACHE / "sam", state, ROOT)


@pytest.fixture(scope="session")
def sam_cli(sam_alone: sam.Sam, docker: engine.Engine) -> sam.Sam:
    """The sam command with an engine."""
    return sam.Sam(sam_alone.venv, sam_alone.state, sam_alone.project, docker)


@pytest.fixture(scope="session")
def base(docker: engine.Engine) -> str:
    """The name of the base image."""
    return base_image.provide(docker)


@pytest.fixture(scope="session")
def built(sam_cli: sam.Sam, base: str, state: Path) -> Built:
    """The outcome of `sam build` of template.yaml, on our base image."""
    folder = state / "build"
    sam_cli.run(
        *("build", "--template", "template.yaml", "--build-dir", folder, "--cache-dir", state / "build-cache"),
        *("--skip-pull-image", "--parameter-overrides", f"BaseImage={base}"),
        timeout_s=_BUILD_S,
    )
    return Built("apifunction:latest", folder / "template.yaml")


@pytest.fixture(scope="session")
def function(docker: engine.Engine, built: Built, sam_alone: sam.Sam) -> Iterator[emulator.Function]:
    """The image under the runtime interface emulator, restricted as Lambda restricts it."""
    # As template.yaml sets them; the host's settings, which silence logs, are not the container's.
    variables = {"POWERTOOLS_SERVICE_NAME": "hark", "POWERTOOLS_METRICS_NAMESPACE": "Hark"}
    with emulator.running(docker, built.image, sam_alone.emulator(), variables) as running:
        yield running


@pytest.fixture(scope="session")
def api(sam_cli: sam.Sam, docker: engine.Engine, built: Built, state: Path) -> Iterator[apis.Api]:
    """The API under `sam local start-api`, locked as it is deployed, with keys in a Secrets Manager of moto's."""
    with apis.running(sam_cli, docker, built.template, state / "start-api.yaml") as running:
        yield running


@pytest.fixture(scope="session")
def show(request: pytest.FixtureRequest) -> dict[str, str]:
    """Figures, by name, that are shown when the tests are done."""
    return request.config.stash.setdefault(_FIGURES, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Shows them."""
    for name, figure in config.stash.get(_FIGURES, {}).items():
        terminalreporter.write_line(f"{name}: {figure}")
