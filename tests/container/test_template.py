"""template.yaml and the Dockerfile, before anything is built."""

from tests.patience import PATIENCE_S

from . import sam


def test_the_template_is_valid_and_lint_finds_nothing(sam_alone: sam.Sam) -> None:
    result = sam_alone.run("validate", "--lint", "--template", "template.yaml", timeout_s=PATIENCE_S)
    assert "is a valid SAM Template" in result.stdout + result.stderr
