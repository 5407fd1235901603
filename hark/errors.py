"""One exception hierarchy: what went wrong, whose mistake it was, and what to do about it.

`RequestError` and its subclasses are the caller's to mend and carry the HTTP status and the fields of OpenAI's error
body. Everything else under `HarkError` is the operator's or the developer's.
"""

from typing import Any, ClassVar


class HarkError(Exception):
    """Base of every error Hark raises on purpose; its message is one sentence that says what to do."""


class ModelError(HarkError):
    """The model file is missing, unreadable, or does not say how it must be fed."""


class UnreadableFile(HarkError):
    """A recording was named by its path, and no file can be read there."""


class RequestError(HarkError):
    """The caller's mistake. Subclasses set the HTTP status and OpenAI's `type` and `code`.

    Args:
        message: one sentence that says what is wrong and what to do.
        param: the name of the offending request field, where there is one.
        headers: HTTP response headers the status requires (405 needs `Allow`).
    """

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Returns the JSON error body of the OpenAI API."""
        return error_body(str(self), self.type, self.code, self.param)


class InvalidBody(RequestError):
    """The body is empty or is not what its encoding claims."""

    code = "invalid_body"


class InvalidParameter(RequestError):
    """A form field or query parameter is missing, unknown or has a value that is not supported."""

    code = "invalid_parameter"


class ConflictingParameters(RequestError):
    """Form fields or query parameters that are right alone contradict each other."""

    status = 422
    code = "conflicting_parameters"


class UnsupportedOperation(RequestError):
    """The API has such an operation, but the model cannot do it."""

    code = "unsupported_operation"


class InvalidKey(RequestError):
    """The key is missing or wrong."""

    status = 401
    code = "invalid_api_key"


class RouteNotAllowed(RequestError):
    """The key is right, and is for other paths."""

    status = 403
    code = "route_not_allowed"


class AllowanceUsedUp(RequestError):
    """The key's minutes of audio are used up for today."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class AllowanceUnknown(RequestError):
    """What a key has used cannot be read."""

    status = 503
    type = "server_error"
    code = "allowance_unknown"


class InvalidAudio(RequestError):
    """The audio cannot be read, is cut short, or holds no usable samples."""

    code = "invalid_audio"


class AudioTooLong(RequestError):
    """The recording is over the limit."""

    status = 413
    code = "audio_too_long"


class BodyTooLarge(RequestError):
    """The body is larger than what reaches a Lambda function, or the recording than a job may bring."""

    status = 413
    code = "body_too_large"


class ReplyTooLarge(RequestError):
    """The reply is larger than what Lambda sends back."""

    status = 413
    code = "reply_too_large"


class UnsupportedMediaType(RequestError):
    """The Content-Type is not one this route reads."""

    status = 415
    code = "unsupported_media_type"


class UnknownRoute(RequestError):
    """No such path."""

    status = 404
    code = "unknown_url"


class UnknownModel(RequestError):
    """No such model."""

    status = 404
    code = "model_not_found"


class UnknownJob(RequestError):
    """No such job."""

    status = 404
    code = "job_not_found"


class JobsUnavailable(RequestError):
    """The endpoint was set up without what jobs need."""

    status = 404
    code = "jobs_unavailable"


class KeywordsUnavailable(RequestError):
    """The endpoint was set up without a keyword model."""

    status = 404
    code = "keywords_unavailable"


class ModelUnavailable(RequestError):
    """One of several models cannot be used, or is no longer there."""

    status = 404
    code = "model_unavailable"


class JobFailed(RequestError):
    """The transcript of a job was asked for, and there is none."""

    status = 422
    code = "job_failed"


class RecordingGone(RequestError):
    """The recording was deleted before it was transcribed."""

    status = 410
    code = "recording_gone"


class TookTooLong(RequestError):
    """The recording could not be transcribed within the time that a function may run."""

    status = 413
    code = "took_too_long"


class TookTooMuchMemory(RequestError):
    """The recording could not be transcribed within the memory that a function has."""

    status = 413
    code = "took_too_much_memory"


class NotTranscribed(RequestError):
    """The recording brought out a fault of ours, or ended the worker again and again."""

    status = 422
    code = "not_transcribed"


class LaidAside(RequestError):
    """Every try at a recording failed for a reason of the server's."""

    status = 503
    type = "server_error"
    code = "laid_aside"


class JobExpired(RequestError):
    """Nothing was uploaded for a job in time, or its transcript is as old as transcripts get."""

    status = 410
    code = "job_expired"


class JobBusy(RequestError):
    """A job cannot be deleted since others keep writing its result."""

    status = 409
    code = "job_busy"


class MethodNotAllowed(RequestError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"


def error_body(message: str, type_: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """Returns `{"error": {...}}` as OpenAI's clients parse it."""
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}
