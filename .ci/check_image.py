"""Checks what the image is built of, without a network: `python .ci/check_image.py`, as `make check` does.

pip installs requirements-image.txt as it stands, asking no package what else it needs. So this asks: every package's
own metadata, as installed here, for an image of Python 3.13 on Linux, on either processor. Known weaknesses are
another matter, which needs a database that is current: `make audit`.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
_IMAGE = {
    "python_version": "3.13",
    "python_full_version": "3.13.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
    "os_name": "posix",
}
_MACHINES = ("x86_64", "aarch64")
# What may be in an image that others run and pass on. LGPL: a library of its own that the image only calls.
_LICENCES = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT", "MIT-0", "PSF-2.0", "Zlib"),
    "LGPL-2.1-or-later",
}
# Packages that do not name theirs by its SPDX identifier, each as its own licence file has it.
_NAMED_BY_HAND = {
    "aws-xray-sdk": "Apache-2.0",
    "awslambdaric": "Apache-2.0",
    "flatbuffers": "Apache-2.0",
    "multipart": "MIT",
    "onnxruntime": "MIT",
    "protobuf": "BSD-3-Clause",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "s3transfer": "Apache-2.0",
    "snapshot-restore-py": "Apache-2.0",
    "soundfile": "BSD-3-Clause",
}

Find = Callable[[str], metadata.Distribution]


def read_pins(text: str) -> dict[str, tuple[str, list[str]]]:
    """Returns name -> version and hashes of a requirements file; a line that is no pin is a name without either."""
    pins: dict[str, tuple[str, list[str]]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = re.fullmatch(r"(\S+?)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})*)\s*", line)
        if found:
            pins[canonicalize_name(found[1])] = (found[2], found[3].split())
        else:
            pins[line] = ("", [])
    return pins


def wanted(project: dict[str, Any]) -> list[Requirement]:
    """Returns what the image is made for, of pyproject.toml's table."""
    extras = project["optional-dependencies"]
    return [Requirement(line) for line in (*project["dependencies"], *extras["serve"], *extras["lambda"])]


def faults(image: str, constraints: str, needs: list[Requirement], find: Find = metadata.distribution) -> Iterator[str]:
    """Yields what is wrong with the image's packages.

    Args:
        image: the text of requirements-image.txt.
        constraints: the text of constraints.txt.
        needs: what the image is made for.
        find: gives the installed package of a name.
    """
    pins, constrained = read_pins(image), read_pins(constraints)
    for name, (version, hashes) in pins.items():
        if not version:
            yield f"requirements-image.txt: {name!r} is not NAME==VERSION with hashes; run `make lock`"
            continue
        if not hashes:
            yield f"{name}: has no hash, so that another file of that name would do; run `make lock`"
        if Version(version).is_prerelease:
            yield f"{name}: {version} is not a release; pin one"
        if constrained.get(name, ("",))[0] != version:
            yield f"{name}: constraints.txt has another version than {version}, or none; run `make lock`"
    yield from _faults_of_closure({name: version for name, (version, _) in pins.items() if version}, needs, find)


def _faults_of_closure(pins: dict[str, str], needs: list[Requirement], find: Find) -> Iterator[str]:
    """Walks from what is wanted to what that needs, and says what is missing, wrong, not allowed or left over."""
    waiting = [(need, "pyproject.toml") for need in needs]
    seen: set[tuple[str, str]] = set()
    reached: set[str] = set()
    while waiting:
        need, by = waiting.pop()
        name = canonicalize_name(need.name)
        if name not in pins:
            yield f"{name}: {by} needs it, and the image has none; run `make lock`"
            continue
        if not need.specifier.contains(pins[name]):
            yield f"{name}: {by} needs {need.specifier}, and the image has {pins[name]}"
        for extra in ("", *sorted(need.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            package = find(name)
            if name not in reached:
                reached.add(name)
                yield from _faults_of_package(name, pins[name], package)
            for line in package.requires or []:
                further = Requirement(line)
                # Without the extra, a requirement of an extra does not hold; with it, only those count.
                if further.marker is None or _holds(further.marker, extra):
                    waiting.append((further, name))
    for left_over in sorted(set(pins) - reached):
        yield f"{left_over}: nothing in the image needs it; run `make lock`"


def _holds(marker: Marker, extra: str) -> bool:
    """Says whether a requirement holds on one of the processors that the image is built for."""
    return any(marker.evaluate({**_IMAGE, "platform_machine": machine, "extra": extra}) for machine in _MACHINES)


def _faults_of_package(name: str, version: str, package: metadata.Distribution) -> Iterator[str]:
    if Version(package.version) != Version(version):
        yield f"{name}: {package.version} is installed here and {version} in the image; run `make lock`"
    fields = package.metadata.json
    licence = _NAMED_BY_HAND.get(name) or str(fields.get("license_expression") or fields.get("license") or "")
    if not _is_allowed(licence):
        yield f"{name}: its licence, {licence!r}, is not among those that {Path(__file__).name} allows in the image"


def _is_allowed(expression: str) -> bool:
    """Says whether an SPDX expression, without parentheses, leaves a way that is allowed."""
    return any(all(part.strip() in _LICENCES for part in choice.split(" AND ")) for choice in expression.split(" OR "))


def main() -> int:
    """Prints what is wrong; returns 1 where anything is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    image, constraints = ((ROOT / name).read_text() for name in ("requirements-image.txt", "constraints.txt"))
    found = list(faults(image, constraints, wanted(project)))
    build, compiler = (ROOT / "requirements-build.txt").read_text(), project["optional-dependencies"]["build"]
    found += [f"of what builds it, {fault}" for fault in faults(build, constraints, list(map(Requirement, compiler)))]
    for fault in found:
        print(f"error: {fault}", file=sys.stderr)
    if not found:
        print(f"The image's {len(read_pins(image))} packages are all that they need, each by its hash, none left over.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
