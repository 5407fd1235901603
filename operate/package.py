"""Puts the authorizer's package together: `python -m operate.package`, as `make deploy` does before it builds.

The function's zip is these few files of the checkout, and nothing that has to be installed.
"""

import ast
import shutil
import sys
from pathlib import Path

from operate.answers import ROOT

FOLDER = ROOT / "build" / "authorizer"
_ENTRY = "handler.authorizer"


def modules(entry: str = _ENTRY) -> list[str]:
    """Returns what a module imports of this checkout, itself and what those import included."""
    waiting, found = [entry], set[str]()
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in found or path is None:
            continue
        found.add(name)
        parents = name.split(".")[:-1]
        waiting += [".".join(parents[: depth + 1]) for depth in range(len(parents))]
        # Only what is imported when the module is: of `hark` itself all else is imported when it is used.
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return sorted(found)


def stage(folder: Path = FOLDER) -> Path:
    """Copies the authorizer and what it imports into a folder of its own, and returns that."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in modules():
        source = _path(name)
        assert source
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o644)  # Lambda runs as another user, whatever umask this one has
    return folder


def _path(name: str) -> Path | None:
    base = ROOT.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


if __name__ == "__main__":
    stage()
    sys.exit(0)
