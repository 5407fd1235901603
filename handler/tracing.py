"""Traces for X-Ray, where they are switched on: the template's `Tracing`.

Importing the SDK, which brings botocore, doubles a cold start; where nobody looks at traces it is not done.
"""

import os
from collections.abc import Callable
from typing import Any

Handler = Callable[..., dict[str, Any]]


def traced(lambda_handler: Handler) -> Handler:
    """Gives a function a segment of its own in every trace, where `POWERTOOLS_TRACE_DISABLED` is "false"."""
    if os.environ.get("POWERTOOLS_TRACE_DISABLED", "true").lower() != "false":
        return lambda_handler
    from aws_lambda_powertools import Tracer

    # Nothing is patched: what the functions ask of other services is short, and some ask nothing.
    handler: Handler = Tracer(service="hark", auto_patch=False).capture_lambda_handler(
        lambda_handler, capture_response=False
    )
    return handler
