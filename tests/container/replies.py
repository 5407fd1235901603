"""Replies of the handler, brought into a form in which those of the host and of the container must be equal."""

import json
from typing import Any

from handler.app import lambda_handler
from local.event import LocalContext

# Confidences are sums of many float32, whose last digits the machine's CPU may decide.
_CONFIDENCE_DIGITS = 2


def of_host(event: dict[str, Any]) -> dict[str, Any]:
    """Returns what the handler replies when it is called in this process."""
    reply: dict[str, Any] = lambda_handler(event, LocalContext("host"))
    return reply


def comparable(reply: dict[str, Any]) -> dict[str, Any]:
    """Returns status, headers and body without what differs from call to call: the times that stages took."""
    headers = {name.lower(): value for name, value in reply["headers"].items()}
    if "server-timing" in headers:
        headers["server-timing"] = ", ".join(stage.split(";")[0] for stage in headers["server-timing"].split(", "))
    return {"status": reply["statusCode"], "headers": headers, "body": comparable_body(reply["body"])}


def comparable_body(body: str) -> Any:
    """Returns the JSON of a body with its confidences rounded, or the text that it is.

    What the template sets is left out: how long a recording may be, and jobs. So are the digests of models: those in
    the image are fused (`export.fuse`), so the files are others.
    """
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if isinstance(content, dict) and isinstance(content.get("limits"), dict):
        content["limits"].pop("audio_s", None)
        content.pop("jobs")
        for model in (content["model"], *content["models"]):
            model.pop("digest", None)
    for name in ("words", "segments"):
        for part in content.get(name, []) if isinstance(content, dict) else []:
            part["confidence"] = round(part["confidence"], _CONFIDENCE_DIGITS)
    return content
