"""A stand-in of CloudFormation over a socket: its states, what each allows, and the resources it really makes.

It speaks the Query protocol that AWS's clients and sam send. Buckets, secrets and log groups of a template are made in
the AWS at `AWS_ENDPOINT_URL`; of other resources it keeps only the state. Faults are ordered by the tests: which
resources cannot be made, deleted or set back. Sources: AWS CloudFormation API Reference, and the messages that
CloudFormation sends.
"""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3

_SPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
_UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}


class Refused(Exception):
    """A request that CloudFormation does not take."""

    def __init__(self, message: str, code: str = "ValidationError") -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Resource:
    """What a template asks for, and what became of it."""

    type: str
    properties: dict[str, Any]
    keeps: bool = False
    physical: str = ""
    status: str = ""
    reason: str = ""
    drift: str = "IN_SYNC"


@dataclass
class Standing:
    """A stack. What it is told to become it becomes with the next questions for its state."""

    name: str
    id: str
    region: str
    status: str = "REVIEW_IN_PROGRESS"
    coming: list[str] = field(default_factory=list)
    template: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)

    def move(self, *states: str) -> None:
        """Passes through states; the first is told at once, the last stays."""
        self.status, *self.coming = states


@dataclass(eq=False)
class CloudFormation:
    """All stacks, and the faults that are ordered.

    Attributes:
        endpoint: of the AWS that resources are made in.
        stacks: all that were ever made, oldest first.
        asked: the actions that were asked for, with their parameters.
        cannot_make, cannot_delete, cannot_go_back: logical ids of resources with that fault.
    """

    endpoint: str
    stacks: list[Standing] = field(default_factory=list)
    change_sets: dict[str, tuple[Standing, dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    cannot_make: set[str] = field(default_factory=set)
    cannot_delete: set[str] = field(default_factory=set)
    cannot_go_back: set[str] = field(default_factory=set)
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    turn: Any = field(default_factory=threading.Lock)

    # --- What tests look at -------------------------------------------------------------------------------------------

    def find(self, name: str, region: str = "") -> Standing:
        """Returns the stack of a name or id.

        Raises:
            Refused: there is none.
        """
        for stack in reversed(self.stacks):
            named = name == stack.id or (name == stack.name and stack.status != "DELETE_COMPLETE")
            if named and region in ("", stack.region):
                return stack
        raise Refused(f"Stack with id {name} does not exist")

    def exists(self, name: str) -> bool:
        """Says whether there is a stack of this name."""
        return any(each.name == name and each.status != "DELETE_COMPLETE" for each in self.stacks)

    def actions(self) -> list[str]:
        """Returns which actions were asked for that change anything."""
        return [action for action, _ in self.asked if not action.startswith(("Describe", "List", "Detect", "Get"))]

    # --- What is asked over the socket --------------------------------------------------------------------------------

    def answer(self, action: str, given: dict[str, str], region: str) -> dict[str, Any]:
        """Answers one request.

        Raises:
            Refused: CloudFormation would not take it.
        """
        with self.turn:
            self.asked.append((action, given))
            handler = getattr(self, f"_{re.sub(r'(?<!^)(?=[A-Z])', '_', action).lower()}", None)
            if handler is None:
                raise Refused(f"Could not find operation {action}", "InvalidAction")
            result: dict[str, Any] = handler(given, region) or {}
            return result

    def _describe_stacks(self, given: dict[str, str], region: str) -> dict[str, Any]:
        stack = self.find(given["StackName"], region)
        told = {
            "StackId": stack.id,
            "StackName": stack.name,
            "CreationTime": "2026-11-28T00:00:00Z",
            "StackStatus": stack.status,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in stack.parameters.items()],
            "Outputs": self._outputs(stack),
        }
        if stack.coming:
            stack.move(*stack.coming)
        return {"Stacks": [told]}

    def _outputs(self, stack: Standing) -> list[dict[str, str]]:
        if stack.status not in _UPDATABLE | {"UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"}:
            return []
        outputs = []
        for name, output in stack.template.get("Outputs", {}).items():
            value = output["Value"]
            if isinstance(value, dict):
                reference = value["Ref"]
                there = stack.resources.get(reference)
                value = there.physical if there else stack.parameters[reference]
            outputs.append({"OutputKey": name, "OutputValue": value})
        return outputs

    def _list_stack_resources(self, given: dict[str, str], region: str) -> dict[str, Any]:
        stack = self.find(given["StackName"], region)
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": name,
                    "PhysicalResourceId": each.physical,
                    "ResourceType": each.type,
                    "ResourceStatus": each.status,
                    "ResourceStatusReason": each.reason,
                    "LastUpdatedTimestamp": "2026-11-28T00:00:00Z",
                }
                for name, each in stack.resources.items()
            ]
        }

    def _create_change_set(self, given: dict[str, str], region: str) -> dict[str, Any]:
        name = given["StackName"]
        if given.get("ChangeSetType") == "CREATE":
            there = [each for each in self.stacks if each.name == name and each.status != "DELETE_COMPLETE"]
            if there and there[0].status != "REVIEW_IN_PROGRESS":
                raise Refused(f"Stack [{name}] already exists and cannot be created again with the changeSet")
            if not there:
                stack_id = f"arn:aws:cloudformation:{region}:123456789012:stack/{name}/{uuid.uuid4()}"
                self.stacks.append(Standing(name, stack_id, region))
        stack = self.find(name, region)
        if stack.status not in _UPDATABLE | {"REVIEW_IN_PROGRESS"}:
            raise Refused(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        made = f"arn:aws:cloudformation:{region}:123456789012:changeSet/{given['ChangeSetName']}/{uuid.uuid4()}"
        parameters = {}
        index = 1
        while key := given.get(f"Parameters.member.{index}.ParameterKey"):
            value = given.get(f"Parameters.member.{index}.ParameterValue", "")
            if given.get(f"Parameters.member.{index}.UsePreviousValue") == "true":
                value = stack.parameters[key]
            parameters[key] = value
            index += 1
        template = stack.template if "TemplateBody" not in given else json.loads(given["TemplateBody"])
        reverts = given.get("DeploymentMode") == "REVERT_DRIFT"
        self.change_sets[made] = stack, {"template": template, "parameters": parameters, "reverts": reverts}
        return {"Id": made, "StackId": stack.id}

    def _describe_change_set(self, given: dict[str, str], region: str) -> dict[str, Any]:
        stack, _ = self.change_sets[given["ChangeSetName"]]
        return {"ChangeSetId": given["ChangeSetName"], "StackId": stack.id, "Status": "CREATE_COMPLETE"}

    def _execute_change_set(self, given: dict[str, str], region: str) -> None:
        stack, change = self.change_sets.pop(given["ChangeSetName"])
        is_new = stack.status == "REVIEW_IN_PROGRESS"
        stack.template, stack.parameters = change["template"], {**stack.parameters, **change["parameters"]}
        for name, wanted in stack.template["Resources"].items():
            there = stack.resources.get(name)
            # A resource that is as it was before is not looked at, whatever somebody did to it.
            if there is None or (change["reverts"] and there.drift != "IN_SYNC"):
                properties = wanted.get("Properties", {})
                keeps = wanted.get("DeletionPolicy", "Delete") != "Delete"
                stack.resources[name] = each = Resource(wanted["Type"], properties, keeps)
                self._make(name, each, stack)
        failed = [each for each in stack.resources.values() if each.status == "CREATE_FAILED"]
        if not failed:
            before = "CREATE" if is_new else "UPDATE"
            stack.move(f"{before}_IN_PROGRESS", f"{before}_COMPLETE")
        elif is_new:
            stuck = any(not self._delete(name, each, stack, rolls_back=True) for name, each in stack.resources.items())
            stack.move(
                "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED" if stuck else "ROLLBACK_COMPLETE"
            )
        else:
            stack.move("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")

    def _delete_stack(self, given: dict[str, str], region: str) -> None:
        try:
            stack = self.find(given["StackName"], region)
        except Refused:  # which CloudFormation takes for done
            return
        retained = {value for key, value in given.items() if key.startswith("RetainResources.")}
        if retained and stack.status != "DELETE_FAILED":
            raise Refused("Invalid operation on stack. RetainResources can only be specified in DELETE_FAILED state")
        stuck = False
        for name, each in stack.resources.items():
            if name not in retained and each.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
                stuck |= not self._delete(name, each, stack)
        stack.move("DELETE_IN_PROGRESS", "DELETE_FAILED" if stuck else "DELETE_COMPLETE")

    def _continue_update_rollback(self, given: dict[str, str], region: str) -> None:
        stack = self.find(given["StackName"], region)
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise Refused(f"Stack {stack.id} is not in UPDATE_ROLLBACK_FAILED state")
        skipped = {value for key, value in given.items() if key.startswith("ResourcesToSkip.")}
        stuck = self.cannot_go_back - skipped
        for name in stuck:
            stack.resources[name].status, stack.resources[name].reason = "UPDATE_FAILED", "it does not go back"
        outcome = "UPDATE_ROLLBACK_FAILED" if stuck else "UPDATE_ROLLBACK_COMPLETE"
        stack.move("UPDATE_ROLLBACK_IN_PROGRESS", outcome)

    def _rollback_stack(self, given: dict[str, str], region: str) -> None:
        stack = self.find(given["StackName"], region)
        if stack.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
            raise Refused(f"Stack {stack.id} is in {stack.status} state and cannot be rolled back")
        stack.move("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")

    def _detect_stack_drift(self, given: dict[str, str], region: str) -> dict[str, Any]:
        stack = self.find(given["StackName"], region)
        if stack.status not in _UPDATABLE | {"UPDATE_ROLLBACK_FAILED"}:
            raise Refused(f"Drift detection cannot be performed on stack [{stack.id}] while it is in {stack.status}")
        return {"StackDriftDetectionId": stack.id.rpartition("/")[2]}

    def _describe_stack_drift_detection_status(self, given: dict[str, str], region: str) -> dict[str, Any]:
        return {
            "StackId": self.stacks[-1].id,
            "StackDriftDetectionId": given["StackDriftDetectionId"],
            "DetectionStatus": "DETECTION_COMPLETE",
            "Timestamp": "2026-11-28T00:00:00Z",
        }

    def _describe_stack_resource_drifts(self, given: dict[str, str], region: str) -> dict[str, Any]:
        stack = self.find(given["StackName"], region)
        for each in stack.resources.values():
            if self._is_gone(each, stack.region):
                each.drift = "DELETED"
        wanted = {value for key, value in given.items() if key.startswith("StackResourceDriftStatusFilters.")}
        return {
            "StackResourceDrifts": [
                {
                    "StackId": stack.id,
                    "LogicalResourceId": name,
                    "ResourceType": each.type,
                    "StackResourceDriftStatus": each.drift,
                    "Timestamp": "2026-11-28T00:00:00Z",
                }
                for name, each in stack.resources.items()
                if each.drift in wanted
            ]
        }

    # --- Resources ----------------------------------------------------------------------------------------------------

    def _client(self, service: str, region: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        if (service, region) not in self.clients:  # making one costs more than all that it is asked here
            session = boto3.Session(**keys, region_name=region)
            self.clients[service, region] = session.client(service, endpoint_url=self.endpoint)
        return self.clients[service, region]

    def _make(self, name: str, each: Resource, stack: Standing) -> None:
        if name in self.cannot_make:
            each.status, each.reason = "CREATE_FAILED", f"{name} cannot be made"
            return
        unique = stack.id.rpartition("/")[2]
        each.physical = f"{stack.name}-{name}-{unique[:8]}"
        if each.type == "AWS::S3::Bucket":
            each.physical = f"hark-{unique}"
            s3 = self._client("s3", stack.region)
            s3.create_bucket(Bucket=each.physical, CreateBucketConfiguration={"LocationConstraint": stack.region})
        elif each.type == "AWS::SecretsManager::Secret":
            secrets = self._client("secretsmanager", stack.region)
            text = each.properties.get("SecretString", "{}")
            each.physical = secrets.create_secret(Name=f"{each.physical}-{uuid.uuid4()}", SecretString=text)["ARN"]
        elif each.type == "AWS::Logs::LogGroup":
            each.physical = each.properties["LogGroupName"]
            self._client("logs", stack.region).create_log_group(logGroupName=each.physical)
        each.status = "CREATE_COMPLETE"

    def _delete(self, name: str, each: Resource, stack: Standing, rolls_back: bool = False) -> bool:
        """Deletes a resource; returns whether that went well."""
        if each.status == "CREATE_FAILED":
            return True
        if each.keeps and not rolls_back:
            each.status = "DELETE_SKIPPED"
            return True
        if name in self.cannot_delete:
            each.status, each.reason = "DELETE_FAILED", f"{name} cannot be deleted"
            return False
        if not self._is_gone(each, stack.region):
            if each.type == "AWS::S3::Bucket":
                s3 = self._client("s3", stack.region)
                if s3.list_object_versions(Bucket=each.physical, MaxKeys=1).get("Versions"):
                    each.status, each.reason = "DELETE_FAILED", "The bucket you tried to delete is not empty"
                    return False
                s3.delete_bucket(Bucket=each.physical)
            elif each.type == "AWS::SecretsManager::Secret":
                secrets = self._client("secretsmanager", stack.region)
                secrets.delete_secret(SecretId=each.physical, ForceDeleteWithoutRecovery=True)
            elif each.type == "AWS::Logs::LogGroup":
                self._client("logs", stack.region).delete_log_group(logGroupName=each.physical)
        each.status = "DELETE_COMPLETE"
        return True

    def _is_gone(self, each: Resource, region: str) -> bool:
        """Says whether somebody deleted a resource by hand."""
        try:
            if each.type == "AWS::S3::Bucket":
                self._client("s3", region).head_bucket(Bucket=each.physical)
            elif each.type == "AWS::SecretsManager::Secret":
                self._client("secretsmanager", region).describe_secret(SecretId=each.physical)
            elif each.type == "AWS::Logs::LogGroup":
                logs = self._client("logs", region)
                return not logs.describe_log_groups(logGroupNamePrefix=each.physical)["logGroups"]
        except Exception as error:
            return "404" in str(error) or "NotFound" in str(error)
        return each.drift == "DELETED"


@contextmanager
def serving(endpoint: str) -> Iterator[tuple[CloudFormation, str]]:
    """Runs it; gives it and its address.

    Args:
        endpoint: of the AWS that it makes resources in.
    """
    standing = CloudFormation(endpoint)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {key: values[0] for key, values in parse_qs(text, keep_blank_values=True).items()}
            region = re.search(r"Credential=[^/]+/\d+/([^/]+)/", self.headers["Authorization"])
            action = given.pop("Action")
            try:
                result = standing.answer(action, given, region[1] if region else "")
                status, inner = 200, f"<{action}Result>{_xml(result)}</{action}Result>"
                body = f'<{action}Response xmlns="{_SPACE}">{inner}</{action}Response>'
            except Refused as error:
                status = 400
                inner = f"<Type>Sender</Type><Code>{error.code}</Code><Message>{escape(str(error))}</Message>"
                body = f'<ErrorResponse xmlns="{_SPACE}"><Error>{inner}</Error></ErrorResponse>'
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield standing, "http://{}:{}".format(*server.server_address[:2])
    finally:
        server.shutdown()
        server.server_close()


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(each)}</{name}>" for name, each in value.items() if each is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    return escape(str(value))
