"""Prints packages with versions and hashes: `python .ci/pin_image.py library serve lambda > requirements-image.txt`.

Asks pip which files it would install for Lambda (Python 3.13, x86-64 and ARM, the C library of Amazon Linux 2023) for
the extras named under constraints.txt (`library` is what Hark needs without any), and writes their hashes down, so
that the image is built of these files or not at all; of each package one for each processor, where they differ. `make
lock` runs it, for what the image has and for what it is built with (`build`).
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PYTHON = "3.13"
_MACHINES = ("x86_64", "aarch64")


def platforms(machine: str) -> list[str]:
    """Returns the tags of wheels that run there, newest first: one for an older C library runs with a newer one."""
    return [f"manylinux_2_{minor}_{machine}" for minor in range(34, 16, -1)] + [f"manylinux2014_{machine}"]


def requirements(names: list[str]) -> list[str]:
    """Returns what extras name themselves."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {"library": project["dependencies"], **project["optional-dependencies"]}
    return [line for name in names for line in named[name]]


def resolve(names: list[str], machine: str) -> list[dict]:  # type: ignore[type-arg]
    """Returns pip's report of what it would install on a processor."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report", "-"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--implementation", "cp"]
    command += ["--python-version", _PYTHON, "--constraint", str(ROOT / "constraints.txt")]
    command += [word for platform in platforms(machine) for word in ("--platform", platform)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "--target", folder, *requirements(names)], check=True, stdout=subprocess.PIPE)
    found: list[dict] = json.loads(done.stdout)["install"]  # type: ignore[type-arg]
    return found


def main(names: list[str]) -> int:
    """Prints the file of extras; returns 1 where a package has no hash or was withdrawn."""
    lines = ["# Made by `make lock`: the files that the image is built of. pip installs none that differs from these."]
    pins: dict[str, list[str]] = {}
    found = [package for machine in _MACHINES for package in resolve(names, machine)]
    for package in sorted(found, key=lambda each: str(each["metadata"]["name"]).lower()):
        name, version = package["metadata"]["name"], package["metadata"]["version"]
        sha256 = package["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if not sha256:
            print(f"error: {name} {version} has no hash in the index", file=sys.stderr)
            return 1
        if package.get("is_yanked"):
            print(f"error: {name} {version} was withdrawn by its makers; pin another version", file=sys.stderr)
            return 1
        hashes = pins.setdefault(f"{name}=={version}", [])
        if sha256 not in hashes:
            hashes.append(sha256)
    for pin, hashes in pins.items():
        lines.append(" \\\n".join([pin, *(f"    --hash=sha256:{each}" for each in hashes)]))
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
