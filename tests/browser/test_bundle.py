"""Modules that became one run as they did apart."""

from pathlib import Path

from playwright.sync_api import Browser

from handler.bundle import modules


def written(folder: Path, **files: str) -> Path:
    """Writes modules, a name for each, and returns the path of the one called page."""
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "page.js"


def run(browser: Browser, entry: Path) -> list[str]:
    """Runs a bundled module and returns the lines that it logs."""
    page = browser.new_page()
    logged: list[str] = []
    page.on("console", lambda message: logged.append(message.text))
    page.on("pageerror", lambda error: logged.append(str(error)))
    page.set_content(f'<script type="module">{modules(entry)}console.log("end");</script>')
    for _ in range(100):
        if logged and (logged[-1] == "end" or "Error" in logged[-1]):
            break
        page.wait_for_timeout(20)
    page.close()
    return logged[:-1]


def test_modules_see_what_they_import_and_no_other_names(browser: Browser, tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        page='import { twice } from "./a.js";\nimport { inner as b, Box } from "./b.js";\n'
        "console.log(twice(2), b(), new Box().size, await later(), typeof hidden);\n"
        "async function later() {\n  return 7;\n}\n",
        a='import {\n  inner,\n} from "./b.js";\nconst hidden = 1;\nexport function twice(x) {\n'
        "  return 2 * x + inner() + hidden;\n}\n",
        b="const hidden = 5;\nexport const inner = () => hidden;\nexport class Box {\n  size = 3;\n}\n",
    )
    assert run(browser, entry) == ["10 5 3 7 undefined"]


def test_a_module_that_two_import_runs_once(browser: Browser, tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        page='import { x } from "./a.js";\nimport { y } from "./b.js";\nconsole.log(x, y);\n',
        a='import { y } from "./b.js";\nexport const x = y;\n',
        b='console.log("once");\nexport const y = 1;\n',
    )
    assert run(browser, entry) == ["once", "1 1"]


def test_comments_may_speak_of_imports(browser: Browser, tmp_path: Path) -> None:
    entry = written(tmp_path, page='// import() is not used\n/* export default\nimport x */\nconsole.log("ok");\n')
    assert run(browser, entry) == ["ok"]
