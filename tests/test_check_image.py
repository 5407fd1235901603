"""`.ci/check_image.py`, which `make check` runs, finds what it is for."""

import importlib.util
from collections.abc import Callable
from email.message import Message
from importlib import metadata
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

_SPEC = importlib.util.spec_from_file_location("check_image", ROOT / ".ci/check_image.py")
assert _SPEC
assert _SPEC.loader
check_image = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check_image)

HASH = "--hash=sha256:" + "0" * 64


class Package(metadata.Distribution):
    """A package as its metadata describes it."""

    def __init__(self, version: str = "1.0", licence: str = "MIT", requires: tuple[str, ...] = ()) -> None:
        self._message = Message()
        self._message["Version"] = version
        self._message["License-Expression"] = licence
        for line in requires:
            self._message["Requires-Dist"] = line

    def read_text(self, filename: str) -> str | None:
        return self._message.as_string() if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError


def faults(image: str, packages: dict[str, Package], constraints: str | None = None) -> list[str]:
    pinned = "\n".join(line.split(" ")[0] for line in image.splitlines()) if constraints is None else constraints
    find: Callable[[str], metadata.Distribution] = packages.__getitem__
    return list(check_image.faults(image, pinned, [Requirement("a==1.0")], find))


def test_the_image_as_it_is_has_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_image.main() == 0, capsys.readouterr().err


def test_what_others_need_counts_where_it_is_needed_in_the_image() -> None:
    requires = ("b<2", 'c; python_version < "3.13"', 'd; sys_platform == "win32"', 'e; extra == "more"')
    assert faults(f"a==1.0 {HASH}\nb==1.0 {HASH}", {"a": Package(requires=requires), "b": Package()}) == []


@pytest.mark.parametrize(
    ("image", "packages", "constraints", "fault"),
    [
        ("a==1.0", {"a": Package()}, None, "a: has no hash"),
        (f"a>=1.0 {HASH}", {"a": Package()}, "a==1.0", "is not NAME==VERSION"),
        (f"a==1.0 {HASH}", {"a": Package()}, "a==1.1", "a: constraints.txt has another version"),
        (f"a==1.0 {HASH}", {"a": Package()}, "", "a: constraints.txt has another version"),
        (f"a==1.0rc1 {HASH}", {"a": Package("1.0rc1")}, None, "a: 1.0rc1 is not a release"),
        (f"a==1.0.dev3 {HASH}", {"a": Package("1.0.dev3")}, None, "a: 1.0.dev3 is not a release"),
        (f"a==1.0 {HASH}", {"a": Package("1.1")}, None, "a: 1.1 is installed here and 1.0 in the image"),
        (f"a==1.0 {HASH}", {"a": Package(requires=("b",))}, None, "b: a needs it, and the image has none"),
        (f"a==1.0 {HASH}", {"a": Package(requires=("b[x]; python_version > '3.12'",))}, None, "b: a needs it"),
        (f"a==1.0 {HASH}\nb==1.0 {HASH}", {"a": Package(requires=("b>1",)), "b": Package()}, None, "b: a needs >1"),
        (f"a==1.0 {HASH}\nb==1.0 {HASH}", {"a": Package(), "b": Package()}, None, "b: nothing in the image needs it"),
        (f"a==1.0 {HASH}", {"a": Package(licence="AGPL-3.0-only")}, None, "a: its licence, 'AGPL-3.0-only', is not"),
        (f"a==1.0 {HASH}", {"a": Package(licence="MIT AND GPL-3.0-only")}, None, "a: its licence"),
        (f"a==1.0 {HASH}", {"a": Package(licence="")}, None, "a: its licence, ''"),
    ],
)
def test_a_fault_is_found(image: str, packages: dict[str, Package], constraints: str | None, fault: str) -> None:
    assert any(fault in found for found in faults(image, packages, constraints))


def test_a_choice_of_licences_is_allowed_where_one_of_them_is() -> None:
    assert faults(f"a==1.0 {HASH}", {"a": Package(licence="AGPL-3.0-only OR MIT AND Zlib")}) == []


def test_a_requirement_of_an_extra_counts_where_the_extra_is_asked_for() -> None:
    packages = {"a": Package(requires=("b[more]",)), "b": Package(requires=('c; extra == "more"',))}
    assert faults(f"a==1.0 {HASH}\nb==1.0 {HASH}", packages) == [
        "c: b needs it, and the image has none; run `make lock`"
    ]
