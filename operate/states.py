"""The states of a stack, and the way out of those in which CloudFormation takes no deployment.

A first deployment that failed leaves ROLLBACK_COMPLETE behind, which can only be deleted; an update whose undoing
failed leaves UPDATE_ROLLBACK_FAILED; a deletion that failed, DELETE_FAILED. What somebody deleted by hand is still the
stack's, and stays away however often it is deployed, until a change set that reverts drift makes it anew.

Source: AWS CloudFormation User Guide, "Understand CloudFormation stack creation events" and "Drift-aware change sets".
"""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from operate.stack import OperationError, Stack

_FIRST_POLL_S, _LAST_POLL_S = 0.2, 5.0
_PATIENCE_S = 3600
# CloudFormation may still tell the state of before when it has taken an order.
_ORDER_S = 30
# Waits for a person, not for AWS: a change set was made, and nobody executed it.
REVIEW = "REVIEW_IN_PROGRESS"
# Nothing of it was ever in use, or its deletion was asked for: all that can be done is to delete it.
_DEAD = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def status(stack: Stack, stack_id: str = "") -> str:
    """Returns the stack's state; "" where there is none."""
    described = stack.described(stack_id)
    return str(described["StackStatus"]) if described else ""


def settled(stack: Stack, stack_id: str = "", ordered_in: str = "") -> str:
    """Waits until CloudFormation works on the stack no longer, and returns its state; "" where there is none.

    Args:
        stack: the stack.
        stack_id: this one of all that had the name.
        ordered_in: the state in which something was ordered just now, which may still be told for a while.

    Raises:
        OperationError: it still works on it after an hour.
    """
    told = ""
    for waited_s in _waits():
        now = status(stack, stack_id)
        if now and now == ordered_in and waited_s < _ORDER_S:
            continue
        if not now.endswith("_IN_PROGRESS") or now == REVIEW:
            return now
        ordered_in = ""
        if now != told:
            tell(f"the stack {stack.name!r} is in {now}: waiting")
            told = now
    raise OperationError(f"The stack {stack.name!r} is still in {told}; see its events in the console.")


def _waits() -> Iterator[float]:
    """Yields the seconds that were waited, at first often and then every few seconds, for an hour."""
    start_s, pause_s = time.monotonic(), _FIRST_POLL_S
    while (waited_s := time.monotonic() - start_s) < _PATIENCE_S:
        yield waited_s
        time.sleep(pause_s)
        pause_s = min(_LAST_POLL_S, 1.5 * pause_s)


def make_ready(stack: Stack) -> str:
    """Brings a stack into a state in which it can be deployed; what holds recordings is kept whatever else goes.

    Returns:
        The state; "" where there is no stack, which can be deployed, too.

    Raises:
        OperationError: it cannot be brought there.
    """
    now = settled(stack)
    if now in _DEAD:
        tell(f"the stack {stack.name!r} is in {now}, which can only be deleted; it is deleted and made anew")
        for left in delete(stack):
            tell(f"{left} stays behind: it is not empty or could not be deleted, and the new stack does without it")
        now = settled(stack)
    elif now == "UPDATE_ROLLBACK_FAILED":
        now = _finish_rollback(stack)
    elif now == "UPDATE_FAILED":
        tell(f"the stack {stack.name!r} is in {now}: it goes back to what it was before")
        stack.client("cloudformation").rollback_stack(StackName=stack.name)
        now = settled(stack, ordered_in=now)
    if now in _DEAD or now in ("UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"):
        raise OperationError(f"The stack {stack.name!r} stays in {now}: {reasons(stack)}. Mend that and run it again.")
    return now


def delete(stack: Stack) -> list[str]:
    """Deletes a stack; what keeps CloudFormation from it is left out at the second try.

    Returns:
        What stays behind, as types and physical ids.

    Raises:
        OperationError: the stack stays nevertheless.
    """
    cloudformation = stack.client("cloudformation")
    described = stack.described()
    if described is None:
        return []
    stack_id, before = described["StackId"], described["StackStatus"]
    cloudformation.delete_stack(StackName=stack_id)
    if not (now := settled(stack, stack_id, before)):
        return []
    failed = [each for each in stack.all_resources() if each.get("ResourceStatus") == "DELETE_FAILED"]
    if failed:
        retained = [each["LogicalResourceId"] for each in failed]
        tell(f"CloudFormation could not delete {', '.join(retained)}: {reasons(stack)}; the stack goes without")
        cloudformation.delete_stack(StackName=stack_id, RetainResources=retained)
    else:  # some faults pass, such as a role that is still in use
        cloudformation.delete_stack(StackName=stack_id)
    if now := settled(stack, stack_id, now):
        raise OperationError(f"The stack {stack.name!r} stays in {now}: {reasons(stack)}")
    return [f"{each['ResourceType']} {each.get('PhysicalResourceId', '')}" for each in failed]


def reasons(stack: Stack) -> str:
    """Returns what CloudFormation says went wrong, as one line."""
    described = stack.described() or {}
    said = [
        f"{each['LogicalResourceId']}: {each['ResourceStatusReason']}"
        for each in stack.all_resources()
        if each.get("ResourceStatus", "").endswith("_FAILED") and each.get("ResourceStatusReason")
    ]
    return "; ".join(said) or str(described.get("StackStatusReason") or "no reason is given")


def _finish_rollback(stack: Stack) -> str:
    cloudformation = stack.client("cloudformation")
    tell(f"the stack {stack.name!r} is in UPDATE_ROLLBACK_FAILED: its rollback goes on")
    cloudformation.continue_update_rollback(StackName=stack.name)
    if (now := settled(stack, ordered_in="UPDATE_ROLLBACK_FAILED")) != "UPDATE_ROLLBACK_FAILED":
        return now
    stuck = [
        each["LogicalResourceId"] for each in stack.all_resources() if each.get("ResourceStatus") == "UPDATE_FAILED"
    ]
    tell(f"{', '.join(stuck)} cannot go back: {reasons(stack)}; the rollback goes on without")
    cloudformation.continue_update_rollback(StackName=stack.name, ResourcesToSkip=stuck)
    return settled(stack, ordered_in=now)


class Drift:
    """What somebody changed or deleted by hand; CloudFormation looks for it while other things are done.

    Args:
        stack: whose.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._cloudformation: Any = stack.client("cloudformation")
        self._detection = ""
        try:
            self._detection = self._cloudformation.detect_stack_drift(StackName=stack.name)["StackDriftDetectionId"]
        except ClientError as error:  # without the right to ask, deploying goes on as it always did
            tell(f"what was changed by hand is not known: {error}")

    def mend(self, revert: bool) -> None:
        """Makes anew what was deleted by hand, and tells what was changed.

        Args:
            revert: undo what was changed, too. It is undone anyway where something has to be made anew, since
                CloudFormation does both or neither.

        Raises:
            OperationError: it cannot be made anew.
        """
        found = self._found()
        deleted = [name for name, how in found.items() if how == "DELETED"]
        changed = [name for name, how in found.items() if how == "MODIFIED"]
        if deleted:
            tell(f"deleted by hand, and made anew: {', '.join(deleted)}")
        if changed:
            fate = "set back" if deleted or revert else "left as it is; `make deploy ARGS=--revert-drift` sets it back"
            tell(f"changed by hand, and {fate}: {', '.join(changed)}")
        if deleted or (changed and revert):
            self._revert()

    def _found(self) -> dict[str, str]:
        if not self._detection:
            return {}
        asked = {"StackDriftDetectionId": self._detection}
        for _ in _waits():
            now = self._cloudformation.describe_stack_drift_detection_status(**asked)
            if now["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                break
        # A detection that failed for one kind of resource still knows of the others.
        found: dict[str, str] = {}
        more: dict[str, str] = {}
        while True:
            page = self._cloudformation.describe_stack_resource_drifts(
                StackName=self._stack.name, StackResourceDriftStatusFilters=["DELETED", "MODIFIED"], **more
            )
            drifts = page["StackResourceDrifts"]
            found |= {each["LogicalResourceId"]: each["StackResourceDriftStatus"] for each in drifts}
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}

    def _revert(self) -> None:
        stack = self._stack
        described = stack.described() or {}
        names = _previous(described.get("Parameters", []))
        change_set = self._cloudformation.create_change_set(
            StackName=stack.name,
            ChangeSetName=f"revert-drift-{int(time.time())}",
            ChangeSetType="UPDATE",
            UsePreviousTemplate=True,
            Parameters=names,
            Capabilities=_CAPABILITIES,
            DeploymentMode="REVERT_DRIFT",
        )["Id"]
        made: dict[str, Any] = {}
        for _ in _waits():
            made = self._cloudformation.describe_change_set(ChangeSetName=change_set)
            if made["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                break
        if made["Status"] != "CREATE_COMPLETE":
            raise OperationError(f"What was deleted by hand cannot be made anew: {made.get('StatusReason', '')}")
        self._cloudformation.execute_change_set(ChangeSetName=change_set)
        now = settled(stack, ordered_in=str(described.get("StackStatus", "")))
        if now != "UPDATE_COMPLETE":
            raise OperationError(f"What was deleted by hand was not made anew, {now}: {reasons(stack)}")


def _previous(parameters: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"ParameterKey": each["ParameterKey"], "UsePreviousValue": True} for each in parameters]


def tell(text: str) -> None:
    """Tells the operator what is done, apart from what a command prints as its result."""
    print(text, file=sys.stderr, flush=True)
