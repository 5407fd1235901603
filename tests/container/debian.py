"""What the tests need of the Debian machine they run on: packages, and the mirror it gets them from."""

import os
import shutil

from tests.patience import PATIENCE_S

from .commands import CommandError, run

_APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120")
# Root's administration programs are not on every PATH.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def install(programs: dict[str, str]) -> None:
    """Installs what is missing.

    Args:
        programs: program -> the Debian package that has it.

    Raises:
        CommandError: a package is missing and cannot be installed here.
    """
    missing = sorted({package for program, package in programs.items() if not shutil.which(program, path=PATH)})
    if not missing:
        return
    names = " ".join(missing)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CommandError(f"{names}: not installed; root on a Debian machine could install it here, you must do it")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run([*_APT, "update"], timeout_s=PATIENCE_S, environment=quiet)
    run([*_APT, "install", "-y", "--no-install-recommends", *missing], timeout_s=PATIENCE_S, environment=quiet)


def mirror() -> str:
    """Returns the URI of the Debian mirror in this machine's apt sources.

    Raises:
        CommandError: apt knows none.
    """
    found = _mirror()
    if not found:  # a fresh machine whose package lists were removed
        run([*_APT, "update"], timeout_s=PATIENCE_S)
        found = _mirror()
    if not found:
        raise CommandError("apt's sources here name no Debian mirror; set BASE_IMAGE to an image to build on")
    return found


def _mirror() -> str | None:
    columns = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)"  # the label tells the archive from its security updates
    listing = run(["apt-get", "indextargets", "--format", columns, "Created-By: Packages"], timeout_s=PATIENCE_S)
    for line in listing.stdout.splitlines():
        origin, label, component, uri = line.split("|")
        if (origin, label, component) == ("Debian", "Debian", "main"):
            return uri
    return None


def proxy() -> dict[str, str]:
    """Returns apt's HTTP proxy, where one is set, as the environment variable other programs read."""
    settings = run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"], timeout_s=PATIENCE_S).stdout.strip()
    return {"http_proxy": settings.partition("=")[2].strip("'")} if settings else {}
