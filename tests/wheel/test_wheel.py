"""The wheel, built from a clean copy and installed alone: `make test-wheel`.

It takes a minute or two and asks the package index for setuptools and for what Hark needs.
"""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import hark
from tests.conftest import EVENTS, ROOT
from tests.patience import PATIENCE_S

PIP = ["-m", "pip", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of what git has or would take, so that nothing that lies about here gets into it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    tree, built = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    command = [sys.executable, *PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(built), str(tree)]
    subprocess.run(command, check=True)
    (found,) = built.iterdir()
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a virtual environment that has Hark alone."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    install = [python, *PIP, "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run(install, check=True)
    return folder / "bin"


def test_it_has_the_library_its_models_and_what_is_compiled_and_nothing_else(wheel: Path) -> None:
    assert wheel.name.startswith(f"hark_asr-{hark.__version__}-py3-none-")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        sizes = {each.filename: each.file_size for each in archive.infolist()}
    assert {name.split("/")[0] for name in names} == {"hark", f"hark_asr-{hark.__version__}.dist-info"}
    beside = ["asr.attention.onnx"] if (ROOT / "models" / "asr.attention.onnx").is_file() else []
    for name in ("asr.onnx", "asr.json", "lm.bin", "keywords.onnx", "punctuation.onnx", *beside):
        assert sizes[f"hark/models/{name}"] == (ROOT / "models" / name).stat().st_size
    assert {"hark/py.typed", "hark/native/libhark.so", "hark/native/beam.c"} <= names
    assert not [name for name in names if name.endswith((".ckpt", ".pyc")) or "small" in name]


def test_alone_and_elsewhere_it_transcribes(environment: Path, tmp_path: Path, readable: str) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HARK"))}
    command = [str(environment / "hark"), str(EVENTS / "sample.wav")]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, readable + "\n", "")
    program = (
        "import hark, hark.compiled, sys\n"
        "assert hark.__file__.startswith(sys.prefix) and hark.compiled.library()\n"
        f"print(hark.load().transcribe({str(EVENTS / 'sample.ogg')!r}, hotwords=['coast']).text)\n"
        "assert hark.load_keywords().spec.task == 'keywords'"
    )
    command = [str(environment / "python"), "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, readable + "\n", "")
