"""The functions that have no HTTP route, invoked under `sam local` as AWS does: the authorizer's zip, and the closer.

`tests/stack/test_deployment.py` sees to it that every function of template.yaml is invoked by one of these files.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from handler import keys
from operate import package
from tests.jobs.aws import upload
from tests.patience import PATIENCE_S

from . import aws_python
from .api import Api
from .conftest import ROOT, Built, event
from .engine import Engine
from .sam import Sam
from .test_jobs import ask, job_of


@dataclass(frozen=True)
class Zipped:
    """A template whose authorizer is the zip that is deployed, and the image to run it in."""

    template: Path
    image: str


@pytest.fixture(scope="module")
def zipped(api: Api, docker: Engine, base: str, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Zipped:
    folder = tmp_path_factory.mktemp("authorizer")
    template = yaml.safe_load(api.template.read_text())
    properties = template["Resources"]["AuthorizerFunction"]["Properties"]
    for name in ("PackageType", "ImageUri", "ImageConfig"):
        del properties[name]
    built_one = yaml.safe_load(built.template.read_text())["Resources"]["AuthorizerFunction"]["Properties"]
    properties |= {name: built_one[name] for name in ("Handler", "Runtime")}
    properties |= {"CodeUri": str(package.stage(folder / "code")), "Timeout": PATIENCE_S}
    folder.chmod(0o755)
    path = folder / "template.yaml"
    path.write_text(yaml.safe_dump(template))
    return Zipped(path, aws_python.provide(docker, base, built.image))


def question(authorization: str) -> dict[str, Any]:
    """What API Gateway asks the authorizer, of a request that was captured."""
    return {**event("transcribe"), "type": "REQUEST", "identitySource": [authorization], "version": "2.0"}


@pytest.mark.parametrize("is_right", [True, False])
def test_the_authorizers_zip_lets_in_who_has_a_key_with_nothing_but_python(
    api: Api, sam_cli: Sam, zipped: Zipped, tmp_path: Path, is_right: bool
) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(question(f"Bearer {api.keys['alice'] if is_right else keys.generate()}")))
    reply = sam_cli.invoke("AuthorizerFunction", zipped.template, path, image=zipped.image)
    assert reply["isAuthorized"] is is_right, reply
    assert reply["context"]["keyName"] == ("alice" if is_right else "")


def test_the_closer_ends_a_job_that_was_tried_in_vain_and_its_caller_reads_why(
    api: Api, sam_cli: Sam, tmp_path: Path
) -> None:
    recording = (ROOT / "events/sample.ogg").read_bytes()
    status, body = ask(api, "POST", "/v1/jobs", {"content_type": "audio/ogg", "content_length": len(recording)})
    assert status == 201, body
    made = json.loads(body)
    assert upload(made["upload"], recording)[0] == 204
    batch = api.aws.receive(10)
    (record,) = (each for each in batch["Records"] if job_of(each) == made["id"])
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"Records": [record]}))
    reply = sam_cli.invoke("CloserFunction", api.template, path)
    # The server was at fault, not the recording: the message is left for the operator, too.
    assert reply == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    found = json.loads(ask(api, "GET", f"/v1/jobs/{made['id']}")[1])
    assert (found["status"], found["error"]["code"]) == ("failed", "laid_aside")


def test_the_closer_looks_through_the_jobs_when_the_clock_says_so(api: Api, sam_cli: Sam, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}))
    assert sam_cli.invoke("CloserFunction", api.template, path) == {"ended": 0}
