"""The image that ours is built on: BASE_IMAGE where that is set, else Debian with the Python version AWS's base has.

No registry can be taken for granted, so the default is made here, from the Debian mirror this machine uses.
"""

import ast
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.patience import PATIENCE_S

from . import debian
from .commands import CommandError, run
from .engine import Engine

_SUITE = "trixie"  # its Python is 3.13, as in AWS's python:3.13
_PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# What of this machine's pip settings says how to reach an index. Others name files of this machine, or are its affair.
_PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")


def provide(engine: Engine) -> str:
    """Returns the name of an image the engine has.

    Raises:
        CommandError: it can neither be made here nor pulled.
    """
    chosen = os.environ.get("BASE_IMAGE")
    if chosen:
        if not engine.has_image(chosen):
            engine.docker("pull", "--quiet", chosen, timeout_s=PATIENCE_S)
        return chosen
    settings = _pip_settings()
    recipe = json.dumps([_SUITE, _PACKAGES, settings, _CA_BUNDLE.read_text() if _CA_BUNDLE.is_file() else ""])
    name = f"hark-base:{_SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not engine.has_image(name):
        _make(engine, name, settings)
    return name


def _make(engine: Engine, name: str, settings: str) -> None:
    if os.geteuid() != 0:
        raise CommandError("only root can make the base image; or set BASE_IMAGE=public.ecr.aws/lambda/python:3.13")
    debian.install({"debootstrap": "debootstrap", "tar": "tar"})
    folder = Path(tempfile.mkdtemp(prefix="hark-base-"))
    try:
        root, archive = folder / "root", folder / "base.tar"
        include = f"--include={','.join(_PACKAGES)}"
        run(
            ["debootstrap", "--variant=minbase", include, _SUITE, root, debian.mirror()],
            timeout_s=PATIENCE_S,
            environment={**debian.proxy(), "PATH": debian.PATH},
        )
        for cache in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / cache, ignore_errors=True)
        # The registry is reached from in there as it is from here: same authorities, same index.
        if _CA_BUNDLE.is_file():
            shutil.copyfile(_CA_BUNDLE, root / _CA_BUNDLE.relative_to("/"))
        (root / "etc/pip.conf").write_text(settings)
        run(["tar", "--numeric-owner", "-C", root, "-cf", archive, "."], timeout_s=PATIENCE_S)
        engine.docker("import", "--change", 'CMD ["python3"]', archive, name, timeout_s=PATIENCE_S)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pip_settings() -> str:
    """Returns a pip.conf for the container with this machine's way to the package index."""
    listing = run([sys.executable, "-m", "pip", "config", "list"], timeout_s=PATIENCE_S, check=False).stdout
    found: dict[str, str] = {}
    for line in listing.splitlines():  # such as global.index-url='https://...' or :env:.proxy='http://...'
        key, _, value = line.partition("=")
        option = key.rpartition(".")[2]
        if option in _PIP_OPTIONS:
            # Folders of packages on this machine are not in the container.
            values = [word for word in str(ast.literal_eval(value)).split() if not word.startswith(("file:", "/"))]
            if values:
                found[option] = " ".join(values)
    return "\n".join(["[global]", f"cert = {_CA_BUNDLE}", *(f"{key} = {value}" for key, value in found.items()), ""])
