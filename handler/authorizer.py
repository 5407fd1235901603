"""The key check in front of the API: an authorizer event (HTTP API, payload format 2.0) in, yes or no out.

The keys' hashes are kept in Secrets Manager and read again after a minute, so that a key that is added or taken away
there counts without a deployment. API Gateway keeps each answer for as long as the template says. Where the keys cannot
be read, this raises: nobody gets in, API Gateway answers 500 and keeps no answer, and the alarm for errors rings.

Source: AWS, "Control access to HTTP APIs with AWS Lambda authorizers".
"""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from handler.keys import Keyring, KeyringError
from handler.tracing import traced

KEYS_FRESH_S = 60

logger = Logger(service="hark")


@logger.inject_lambda_context
@traced
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls; the answer is API Gateway's simple response, with the key's name for the function behind.

    Raises:
        KeyringError: the stored keys cannot be read.
    """
    name = _keyring().name_of(_authorization(event))
    logger.info("allowed" if name else "denied", key_name=name)
    return {"isAuthorized": name is not None, "context": {"keyName": name or ""}}


def _authorization(event: dict[str, Any]) -> str:
    """Returns the header that API Gateway keeps the answer under; "" where the event has none, or more than one.

    Of all places in the event it is the only one read: what is decided upon and what the decision is kept for cannot
    be two things. A key in the query, in a cookie or in another header is no key.
    """
    sources = event.get("identitySource")
    if isinstance(sources, list) and len(sources) == 1 and isinstance(sources[0], str):
        return sources[0]
    return ""


def _keyring() -> Keyring:
    """Returns the stored keys as they are now, or were a minute ago at most.

    Raises:
        KeyringError: they cannot be read.
    """
    arn = os.environ.get("HARK_KEYS_SECRET_ARN")
    if not arn:
        raise KeyringError("HARK_KEYS_SECRET_ARN is not set; name the secret that holds the keys.")
    try:
        text = _secrets().get(arn, max_age=KEYS_FRESH_S)
    except GetParameterError as error:
        raise KeyringError("Secrets Manager does not give the stored keys; see the cause above.") from error
    return Keyring.parse(text if isinstance(text, str) else "")


@cache
def _secrets() -> SecretsProvider:
    # API Gateway waits ten seconds for an authorizer: time for three attempts, none of which may hang.
    return SecretsProvider(boto_config=Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 3}))
