"""The secret that webhooks are signed with, from Secrets Manager."""

import time
from typing import Any

import boto3

# A rotated secret is used within this time, without a new deployment.
_KEPT_S = 300.0

_kept: dict[str, tuple[float, bytes]] = {}


def read(arn: str, client: Any = None) -> bytes:
    """Returns the secret, which is kept in memory for some minutes.

    Args:
        arn: the secret's ARN.
        client: a Secrets Manager client of boto3; by default one for this function.

    Raises:
        botocore.exceptions.ClientError: it cannot be read.
    """
    read_at_s, secret = _kept.get(arn, (-_KEPT_S, b""))
    if time.monotonic() - read_at_s >= _KEPT_S:
        client = client or boto3.client("secretsmanager")
        secret = client.get_secret_value(SecretId=arn)["SecretString"].encode()
        _kept[arn] = time.monotonic(), secret
    return secret
