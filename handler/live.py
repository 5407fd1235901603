"""A transcription as server-sent events that go out while the recording is being read.

What fails before the first event is answered by its status, as ever. Afterwards the status has gone out, so an event
tells of the error, in the shape of the published API's error bodies: its clients raise it. Without the event `.done` a
stream is not whole.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

from handler import render
from handler.router import Response
from hark.pipeline import Parts
from hark.spec import ModelSpec

# What lies between, such as nginx, is not to wait until it has more.
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def events(parts: Parts, spec: ModelSpec, with_logprobs: bool) -> Iterator[dict[str, Any]]:
    """Yields the events that `handler.render.events` makes of a whole transcript, each as soon as its part is there.

    Args:
        parts: see `hark.channels.parts`.
        spec: of the model.
        with_logprobs: whether they list the tokens' log-probabilities.
    """
    while True:
        try:
            segment, text = next(parts)
        except StopIteration as end:
            yield render.done(end.value, spec, with_logprobs)
            return
        yield render.delta(segment, text, spec, with_logprobs)


def reply(events: Generator[dict[str, Any], None, None], failed: Callable[[Exception], Response]) -> Response:
    """Makes a reply of events, of which it waits for the first.

    Args:
        events: at least one.
        failed: makes the reply to a request that an error ended; its body tells the caller, where others came before.

    Raises:
        Exception: there is no first event.
    """
    first = next(events)
    return Response(200, render.EVENT_STREAM, "", dict(_HEADERS), _sent(first, events, failed))


def _sent(
    first: dict[str, Any], events: Generator[dict[str, Any], None, None], failed: Callable[[Exception], Response]
) -> Generator[bytes, None, None]:
    try:
        yield _bytes(render.server_sent(first))
        for event in events:
            yield _bytes(render.server_sent(event))
    except Exception as error:
        told = failed(error)
        yield _bytes(f"data: {told.body!s}\n\n")
        if told.status_code >= 500:
            raise
    finally:
        events.close()


def _bytes(event: str) -> bytes:
    return event.encode(errors="replace")  # what callers send may hold halves of characters, which UTF-8 cannot
