"""The API under `sam local start-api` with its authorizer, and the AWS that its functions ask."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml

from handler import keys
from handler.keys import Keyring
from tests.jobs.aws import BUCKET, Aws, account, environment, serving
from tests.patience import PATIENCE_S

from .engine import Engine
from .sam import Sam

# What `sam local` takes a reference to the secret for: the resource's name.
_SECRET = "KeysSecret"


@dataclass(frozen=True)
class Api:
    """A running API.

    Attributes:
        port: of 127.0.0.1.
        keys: the keys that are let in, by name.
        secrets: the client of Secrets Manager, to change what is stored.
        template: what is run.
        aws: the bucket and the queue of the recordings.
    """

    port: int
    keys: dict[str, str]
    secrets: Any
    template: Path
    aws: Aws

    def send(
        self, method: str, path: str, body: bytes = b"", content_type: str = "", key: str = "", authorization: str = ""
    ) -> tuple[int, dict[str, str], str]:
        """Sends a request; returns status, headers and body."""
        headers = {"Content-Type": content_type} if content_type else {}
        if key or authorization:
            headers["Authorization"] = authorization or f"Bearer {key}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()
        finally:
            connection.close()

    def store(self, text: str) -> None:
        """Stores keys, as an operator would; `sam local` starts a new authorizer for every request."""
        self.secrets.put_secret_value(SecretId=_SECRET, SecretString=text)

    def restore(self) -> None:
        """Stores the keys that the tests share."""
        self.store(Keyring.of(self.keys.items()).to_json())


@contextmanager
def running(sam: Sam, engine: Engine, built: Path, changed: Path) -> Iterator[Api]:
    """Yields the API of a built template; `changed` becomes the template that is run."""
    with serving(engine.host_address()) as (front, endpoint):
        secrets: Any = boto3.client(
            "secretsmanager",
            endpoint_url=endpoint,
            region_name=sam.environment["AWS_DEFAULT_REGION"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        aws = account(front, endpoint)
        secrets.create_secret(Name=_SECRET, SecretString='{"keys": []}')
        template = _for_local(built, changed, endpoint)
        with sam.api(template) as port:
            api = Api(port, {name: keys.generate() for name in ("alice", "bob")}, secrets, template, aws)
            api.restore()
            yield api


def _for_local(built: Path, changed: Path, endpoint: str) -> Path:
    """Writes a template that differs in what `sam local` is not as AWS.

    A body that is not UTF-8 is read as binary: API Gateway does so by itself for HTTP APIs. `sam local` fails on such a
    body unless the API's definition lists binary media types, a setting that only REST APIs have, so the template to
    deploy cannot have it. The choice of the authorizer by `AuthMode` is made here: `sam local` evaluates no Fn::If one
    of whose outcomes is AWS::NoValue. The functions are told where AWS is, and what the bucket is called:
    `sam local` takes a reference for the resource's name, whose capital no bucket's name can have.
    """
    template = yaml.safe_load(built.read_text())
    # The authorizer is a zip, for which `sam local` would pull AWS's image; its files are in ours, too.
    image = template["Resources"]["ApiFunction"]["Properties"]["ImageUri"]
    authorizer = template["Resources"]["AuthorizerFunction"]["Properties"]
    command = {"Command": [authorizer["Handler"]]}
    for name in ("CodeUri", "Handler", "Runtime"):
        del authorizer[name]
    # Nor does it know of aliases.
    for name in ("AutoPublishAlias", "AutoPublishCodeSha256", "DeploymentPreference", "ProvisionedConcurrencyConfig"):
        del template["Resources"]["ApiFunction"]["Properties"][name]
    integration = template["Resources"]["ApiIntegration"]["Properties"]
    integration["IntegrationUri"] = {
        "Fn::Sub": integration["IntegrationUri"]["Fn::Sub"][0].replace("Alias", "ApiFunction.Arn")
    }
    template["Resources"]["ApiMayCallApiFunction"]["Properties"]["FunctionName"] = {"Ref": "ApiFunction"}
    authorizer |= {"PackageType": "Image", "ImageUri": image, "ImageConfig": command}
    route = template["Resources"]["GuardedRoute"]["Properties"]
    condition, authorizer, _ = route["AuthorizerId"]["Fn::If"]
    assert condition == "UsesKeys"  # true for the default of AuthMode
    route["AuthorizerId"] = authorizer
    template["Resources"]["Api"]["Properties"]["Body"] = {
        "openapi": "3.0.1",
        "info": {"title": "local", "version": "1"},
        "paths": {},
        "x-amazon-apigateway-binary-media-types": ["*/*"],
    }
    settings = {"HARK_BUCKET": BUCKET, **environment(endpoint)}
    changes = {
        "ApiFunction": settings,
        "WorkerFunction": settings,
        "CloserFunction": settings,
        "AuthorizerFunction": {"AWS_ENDPOINT_URL": endpoint},
    }
    for name, variables in changes.items():
        template["Resources"][name]["Properties"]["Environment"]["Variables"] |= variables
    changed.write_text(yaml.safe_dump(template))
    return changed
