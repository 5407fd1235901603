"""What command lines have in common: errors in one line, the exit status, and what to install."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hark.command import EXTRAS, command
from hark.errors import HarkError
from tests.conftest import ROOT
from tests.patience import PATIENCE_S


def raising(error: BaseException) -> int:
    @command
    def main(arguments: list[str] | None = None) -> int:
        raise error

    return main()


def test_the_status_of_a_command_is_what_it_returns() -> None:
    @command
    def main(status: int) -> int:
        return status

    assert [main(0), main(status=3)] == [0, 3]


def test_an_error_is_one_line_without_a_traceback(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert raising(HarkError("There is no model.")) == 1
    assert capsys.readouterr().err == "error: There is no model.\n"

    @command
    def main() -> int:
        (tmp_path / "none").read_text()
        return 0

    assert main() == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'none'}: No such file or directory\n"
    assert raising(ConnectionError("nobody answers")) == 1
    assert capsys.readouterr().err == "error: nobody answers\n"


def test_ctrl_c_is_the_status_that_shells_have_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "\n"


def test_a_missing_package_says_what_brings_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the package 'torch' is not installed.")
    assert "`make setup`" in said
    assert "pip install 'path/to/hark[train]'" in said


@pytest.mark.parametrize("error", [ValueError("a fault"), ModuleNotFoundError("No module", name="hark.nothing")])
def test_our_own_faults_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        raising(error)


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("training.check", "torch", "train"),
        ("training.corpora", "soundfile", ""),
        ("export", "jiwer", "train"),
        ("benchmarks.augmentation", "torch", "train"),
        ("local.serve", "werkzeug", "local"),
        ("operate.stack", "boto3", "serve"),
    ],
)
def test_a_command_whose_packages_are_missing_says_so_before_it_runs(
    module: str, package: str, extra: str, tmp_path: Path
) -> None:
    # As in an environment without it: the name leads to what cannot be imported.
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{package!r}] = None\n")
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: the package {package!r} is not installed.")
    assert (f"'path/to/hark[{extra}]'" if extra else "'path/to/hark'") in line


def test_an_importer_gets_the_exception() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "try:\n    import training.model\nexcept ModuleNotFoundError as error:\n    print(error.name)\n"
        "print(sys.excepthook is sys.__excepthook__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout.split() == ["torch", "True"]


def test_each_extra_brings_the_package_it_is_named_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    distributions = packages_distributions()

    def canonical(name: str) -> str:
        return name.lower().replace("_", "-")

    def brought(lines: list[str]) -> set[str]:
        names = set()
        for requirement in map(Requirement, lines):
            names.add(canonical(requirement.name))
            if canonical(requirement.name) == canonical(project["name"]):
                names |= brought([line for extra in requirement.extras for line in extras[extra]])
        return names

    extras = project["optional-dependencies"]
    for module, extra in EXTRAS.items():
        # What tests do without is found by its own name.
        named = {"botocore": ["boto3"], "yaml": ["omegaconf"], "piper": ["piper-tts"]}.get(module) or distributions.get(
            module, [module]
        )
        wanted = set(map(canonical, named))
        assert wanted & brought([*project["dependencies"], *(extras[extra] if extra else [])]), f"{module}: {extra}"
