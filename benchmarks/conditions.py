"""Where and with what something was measured, in one line for a table's head."""

import datetime
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from hark.recognizer import Recognizer


def conditions(packages: tuple[str, ...] = ("numpy", "onnxruntime")) -> str:
    """Names processor, memory, Python, packages with their versions, and the day."""
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{machine()}; Python {platform.python_version()}, {versions}"


def machine() -> str:
    """Names processor and memory, and the day."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    counted = f"{cores} core" if cores == 1 else f"{cores} cores"
    return f"{_processor()}, {counted}, {memory_gib:.0f} GiB, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}"


def model_name(recognizer: Recognizer) -> str:
    """Names a model as its card does."""
    return f"{recognizer.spec.name} {recognizer.spec.version}"


def _processor() -> str:
    """The processor's name, and the instructions that int8 models gain by; clouds tend to hide which one it is."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", told, re.MULTILINE)
    there = [name for name in ("avx512_vnni", "avx_vnni", "avx2") if flags and name in flags[1].split()][:1]
    return " with ".join([found[1] if found else platform.machine(), *there])
