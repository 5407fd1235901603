"""The repository of a stack's container images: one, made before the first image is pushed, gone with the stack.

sam would make one for each function, push the same image to all of them, and keep every image for good.
"""

import hashlib
import json
import re
from typing import Any

from botocore.exceptions import ClientError

from operate.stack import Stack

# The running image and those to go back to; each takes some 140 MB, $0.014 a month.
_KEPT = 10
_LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "What no tag names is left of a push that was cut short",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 1,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": "The image that runs, and those of earlier deployments to go back to",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": _KEPT},
            "action": {"type": "expire"},
        },
    ]
}


def repository_name(stack: str) -> str:
    """Returns the name of a stack's repository; no two stacks have the same."""
    plain = re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-")
    # ECR knows no capitals, so that two stacks might come to one name.
    return plain if plain == stack else f"{plain}-{hashlib.sha256(stack.encode()).hexdigest()[:8]}"


def provide(stack: Stack) -> str:
    """Makes the stack's repository where there is none, and returns its address."""
    ecr: Any = stack.client("ecr")
    name = repository_name(stack.name)
    try:
        repository = ecr.create_repository(
            repositoryName=name,
            imageScanningConfiguration={"scanOnPush": True},
            encryptionConfiguration={"encryptionType": "AES256"},
            tags=[{"Key": "Project", "Value": "hark"}, {"Key": "Application", "Value": stack.name}],
        )["repository"]
    except ecr.exceptions.RepositoryAlreadyExistsException:
        (repository,) = ecr.describe_repositories(repositoryNames=[name])["repositories"]
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps(_LIFECYCLE))
    ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(_policy(repository["repositoryArn"])))
    return str(repository["repositoryUri"])


def exists(stack: Stack) -> bool:
    """Says whether the stack has a repository; it may outlive the stack where a deletion was cut short."""
    ecr: Any = stack.client("ecr")
    try:
        return bool(ecr.describe_repositories(repositoryNames=[repository_name(stack.name)])["repositories"])
    except ecr.exceptions.RepositoryNotFoundException:
        return False


def remove(stack: Stack) -> bool:
    """Deletes the stack's repository with all images; returns whether there was one."""
    return _delete(stack.client("ecr"), repository_name(stack.name))


def companion(stack: str) -> str:
    """Returns the name of the stack with repositories that sam made for stacks of Hark before it had one of its own."""
    checksum = hashlib.md5(stack.encode(), usedforsecurity=False).hexdigest()
    return f"{stack[:104]}-{checksum[:8]}-CompanionStack"


def empty_companion(stack: Stack) -> None:
    """Deletes the repositories of sam's companion stack with their images, which CloudFormation would not."""
    ecr: Any = stack.client("ecr")
    for name in stack.resources("AWS::ECR::Repository").values():
        _delete(ecr, name)


def _delete(ecr: Any, name: str) -> bool:
    try:
        ecr.delete_repository(repositoryName=name, force=True)
    except ClientError as error:
        if error.response["Error"]["Code"] != "RepositoryNotFoundException":
            raise
        return False
    return True


def _policy(repository_arn: str) -> dict[str, Any]:
    """Lets the account's functions in this region fetch images; Lambda fetches them again and again."""
    _, partition, _, region, account, _ = repository_arn.split(":", 5)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "FunctionsOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                "Condition": {"StringLike": {"aws:sourceArn": f"arn:{partition}:lambda:{region}:{account}:function:*"}},
            }
        ],
    }
