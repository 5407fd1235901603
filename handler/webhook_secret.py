"""The secret that webhooks are signed with, from Secrets Manager."""

import base64
import binascii
import math
import time
from typing import Any

import boto3

# What a secret begins with that is written as Standard Webhooks writes it: the rest is base64.
_PREFIX = "whsec_"
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
        secret = key(client.get_secret_value(SecretId=arn)["SecretString"])
        _kept[arn] = time.monotonic(), secret
    return secret


def keep(arn: str, secret: bytes) -> None:
    """Has `read` return a secret that does not come from Secrets Manager."""
    _kept[arn] = math.inf, secret


def key(text: str) -> bytes:
    """Returns the bytes to sign with: those that `whsec_` and base64 stand for, or else those of the text itself."""
    if not text.startswith(_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return text.encode()
