"""What is in the image, and what is not."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S

from .conftest import ROOT, Built
from .engine import Engine

# FFmpeg's libraries are 105 of it, the models 61: two recognisers, an attention decoder, one for keywords, one of
# language, one that punctuates; `docs/benchmarks.md` has the others.
MAX_ADDED_MB = 325
# Amazon Linux 2023's. The local base is newer and would not notice a package that needs more.
AWS_GLIBC = (2, 34)

# Runs inside the image and prints what the tests below look at.
_LOOK = """
import importlib.metadata, importlib.util, json, marshal, pathlib, sys
task = pathlib.Path("/var/task")
sources = [path for path in task.rglob("*.py")]
compiled = [path for path in sources if pathlib.Path(importlib.util.cache_from_source(path)).is_file()]
flags = {
    int.from_bytes(pathlib.Path(importlib.util.cache_from_source(path)).read_bytes()[4:8], "little")
    for path in compiled
}
code = marshal.loads(pathlib.Path(importlib.util.cache_from_source(task / "handler/app.py")).read_bytes()[16:])
print(json.dumps({
    "python": sys.version_info[:2],
    "modules": [name for name in NAMES if importlib.util.find_spec(name)],
    "packages": sorted(d.metadata["Name"].lower() for d in importlib.metadata.distributions(path=[str(task)])),
    "uncompiled": [str(path) for path in sources if path not in compiled],
    "flags": sorted(flags),
    "code_file": code.co_filename,
    "caches": [str(p) for p in (pathlib.Path.home() / ".cache", pathlib.Path("/root/.cache")) if p.exists()],
    "wheels": {
        path.parent.name: [line.split()[1] for line in path.read_text().splitlines() if line.startswith("Tag:")]
        for path in task.glob("*.dist-info/WHEEL")
    },
}))
"""
_ABSENT = ("torch", "torchaudio", "onnx", "lightning", "training", "export", "local", "tests")


@pytest.fixture(scope="module")
def content(docker: Engine, built: Built) -> dict[str, Any]:
    options = ["--rm", "--interactive", "--pull=never", "--network=none", "--entrypoint", "python3"]
    result = docker.docker("run", *options, built.image, "-", stdin=f"NAMES = {_ABSENT!r}\n{_LOOK}")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_it_runs_the_python_version_of_aws_base(content: dict[str, Any]) -> None:
    assert content["python"] == [3, 13]


def test_nothing_of_training_and_export_is_in_it(content: dict[str, Any]) -> None:
    assert content["modules"] == []


def test_neither_pip_nor_its_cache_was_left_by_the_build(content: dict[str, Any]) -> None:
    assert not {"pip", "setuptools", "wheel"} & set(content["packages"])
    assert content["caches"] == []


def test_all_its_python_is_bytecode_that_is_never_checked_against_the_source(content: dict[str, Any]) -> None:
    assert content["uncompiled"] == []
    assert content["flags"] == [0b01]  # PEP 552: by hash, unchecked
    assert content["code_file"] == "/var/task/handler/app.py"


def test_its_packages_run_with_the_c_library_of_aws_base(content: dict[str, Any]) -> None:
    for wheel, tags in content["wheels"].items():
        needs = [
            (int(major), int(minor)) for major, minor in re.findall(r"manylinux_(\d+)_(\d+)_x86_64", " ".join(tags))
        ]
        portable = any(tag.endswith("-any") or "manylinux1_" in tag or "manylinux20" in tag for tag in tags)
        assert portable or (needs and min(needs) <= AWS_GLIBC), f"{wheel}: {tags}"


def test_it_adds_no_more_to_its_base_than_expected(
    docker: Engine, built: Built, base: str, show: dict[str, str]
) -> None:
    sizes = {
        name: int(docker.docker("image", "inspect", "--format", "{{.Size}}", name).stdout) / 1e6
        for name in (built.image, base)
    }
    added = sizes[built.image] - sizes[base]
    show["image"] = f"{sizes[built.image]:.0f} MB, of which the base is {sizes[base]:.0f} and Hark {added:.0f}"
    assert added < MAX_ADDED_MB


def test_its_labels_say_what_it_is(docker: Engine, built: Built) -> None:
    labels = json.loads(docker.docker("image", "inspect", "--format", "{{json .Config.Labels}}", built.image).stdout)
    assert labels["org.opencontainers.image.title"] == "hark"
    assert labels["org.opencontainers.image.licenses"] == "MIT"


def test_what_is_slow_in_numpy_is_in_c(docker: Engine, built: Built) -> None:
    found = docker.docker(
        *("run", "--rm", "--pull=never", "--entrypoint", "python3", built.image, "-c"),
        "from hark import compiled; print(compiled.library()._name)",
    )
    assert found.stdout.strip() == "/var/task/hark/native/libhark.so"


def test_its_recognisers_are_fused_already(docker: Engine, built: Built) -> None:
    found = docker.docker(
        *("run", "--rm", "--pull=never", "--entrypoint", "python3", built.image, "-c"),
        "import pathlib; print(*(b'DynamicQuantizeMatMul' in pathlib.Path(f'models/{name}.onnx').read_bytes()"
        " for name in ('asr', 'small')))",
    )
    assert found.stdout.split() == ["True", "True"]
    assert b"DynamicQuantizeMatMul" not in (ROOT / "models/asr.onnx").read_bytes()


def test_a_change_of_the_handler_leaves_the_packages_layer_as_it_is(
    docker: Engine, built: Built, base: str, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    for name in ("Dockerfile", ".dockerignore", "requirements-image.txt", "requirements-build.txt"):
        shutil.copy2(ROOT / name, context)
    for name in ("hark", "handler"):
        shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "fuse.py"):
        (context / "export").mkdir(exist_ok=True)
        shutil.copy2(ROOT / "export" / name, context / "export")
    (context / "models").mkdir()
    names = ["asr.onnx", "keywords.onnx", "asr.json", "small.onnx", "small.json", "lm.bin", "punctuation.onnx"]
    for name in [*names, *(path.name for path in (ROOT / "models").glob("*.attention.onnx"))]:
        shutil.copy2(ROOT / "models" / name, context / "models")
    with (context / "handler/app.py").open("a") as file:
        file.write("\n# changed\n")
    changed = "hark-test:changed"
    docker.docker(
        "build", "--quiet", "--build-arg", f"BASE_IMAGE={base}", "--tag", changed, context, timeout_s=PATIENCE_S
    )
    try:
        before, after = (_layers(docker, name) for name in (built.image, changed))
    finally:
        docker.docker("rmi", "--force", changed, check=False)
    assert len(before) == len(after)
    assert [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [
        len(before) - 1
    ]


def _layers(docker: Engine, image: str) -> list[str]:
    layers: list[str] = json.loads(
        docker.docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image).stdout
    )
    return layers
