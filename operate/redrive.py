"""Has jobs tried again that were laid aside: `python -m operate.redrive [--list] [--most N] [--stack hark]`.

What lies there failed by a fault of the server's: its job has the result `failed` with the code `laid_aside`, and its
webhook was told so. Messages that are put back are marked, and only for these may a worker replace such a result; then
the webhook is told anew, in a message with an id of its own. A job that was deleted stays deleted.

Each message is sent to the queue before it is deleted where it lay: if this is interrupted, one may be in both, which
does no harm, since the worker makes one result of however many messages.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from operate.stack import OperationError, Stack, parser, run

# What tells the worker that this is no late copy of an event (handler/worker.py).
REDRIVEN = "redriven"
# Messages that are looked at stay hidden from others for this long.
_HIDDEN_S = 60
_WAIT_S = 2
_BATCH = 10  # SQS gives no more at once


class LaidAside:
    """The jobs of a stack that failed by a fault of the server's.

    Args:
        stack: whose.
    """

    def __init__(self, stack: Stack) -> None:
        self._sqs: Any = stack.client("sqs")
        self._laid_aside, self._jobs = stack.output("LaidAsideQueueUrl"), stack.output("JobsQueueUrl")

    def messages(self, most: int = sys.maxsize) -> Iterator[dict[str, Any]]:
        """Yields every message once, or as many as asked for.

        Whoever takes one deletes it or lets it come into sight again.
        """
        seen: set[str] = set()
        while len(seen) < most:
            found = self._sqs.receive_message(
                QueueUrl=self._laid_aside,
                MaxNumberOfMessages=min(_BATCH, most - len(seen)),
                VisibilityTimeout=_HIDDEN_S,
                WaitTimeSeconds=_WAIT_S,
            ).get("Messages", [])
            new = [message for message in found if message["MessageId"] not in seen]
            if not new:
                return
            seen.update(message["MessageId"] for message in new)
            yield from new

    def put_back(self, message: dict[str, Any]) -> None:
        """Moves a message to the queue of the worker."""
        mark = {REDRIVEN: {"DataType": "String", "StringValue": "true"}}
        self._sqs.send_message(QueueUrl=self._jobs, MessageBody=message["Body"], MessageAttributes=mark)
        self._sqs.delete_message(QueueUrl=self._laid_aside, ReceiptHandle=message["ReceiptHandle"])

    def show(self, message: dict[str, Any]) -> None:
        """Lets a message that was looked at come into sight again at once."""
        self._sqs.change_message_visibility(
            QueueUrl=self._laid_aside, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )


def keys_of(body: str) -> list[str]:
    """Returns the keys of the objects that a message of S3 is about; none where it is not S3's."""
    try:
        return [unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body)["Records"]]
    except (ValueError, KeyError, TypeError):
        return []


def _list(laid_aside: LaidAside) -> int:
    messages = list(laid_aside.messages())
    for message in messages:
        print(_name(message))
        laid_aside.show(message)
    print(f"{len(messages)} laid aside", file=sys.stderr)
    return 0


def _put_back(laid_aside: LaidAside, most: int) -> int:
    count = 0
    for message in laid_aside.messages(most):
        laid_aside.put_back(message)
        count += 1
        print(_name(message))
    print(f"{count} put back into the queue", file=sys.stderr)
    return 0


def _name(message: dict[str, Any]) -> str:
    return ", ".join(keys_of(message["Body"])) or f"message {message['MessageId']}, which is not of S3"


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    line = parser(__doc__)
    line.add_argument("--list", action="store_true", help="show the recordings, and move nothing")
    line.add_argument(
        "--most", type=int, default=sys.maxsize, help="move this many; one first, to see whether it succeeds now"
    )
    options = line.parse_args(arguments)

    def command() -> int:
        if options.most < 1:
            raise OperationError("--most must be 1 or more.")
        laid_aside = LaidAside(Stack(options.stack))
        return _list(laid_aside) if options.list else _put_back(laid_aside, options.most)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
