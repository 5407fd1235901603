"""S3, SQS and Secrets Manager over sockets (moto's server), with the faults that the real ones have on occasion.

moto answers; in front of it stand a check of signed uploads, which it lacks, a lock, since it is not atomic where S3
is, and the faults a test asks for.
"""

import io
import json
import threading
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from multipart import MultipartParser, parse_options_header
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from handler.storage import Storage
from operate.redrive import REDRIVEN
from tests.patience import PATIENCE_S

from . import post_policy

REGION = "eu-central-1"
ACCESS_KEY, SECRET_KEY = "testing", "testing-secret"
BUCKET = "hark-recordings"
MAX_RECEIVE_COUNT = 3

# A fault: 503 before anything is done; the body cut off in its middle; done, but answered as if it was not.
UNAVAILABLE, CUT_OFF, ANSWER_LOST = "unavailable", "cut off", "answer lost"
Fault = Callable[[str, str], str | None]


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


class Front:
    """The WSGI application in front of moto.

    Attributes:
        fault: called with the method and the object's key of every request for an object; returns the fault to inject.
        clock_offset: S3's clock against ours.
        writes: how often each object was written.
    """

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._turn = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forgets everything."""
        self.fault: Fault = lambda _method, _key: None
        self.clock_offset = timedelta(0)
        self.writes: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].encode("latin-1").decode()
        if not path.startswith(f"/{BUCKET}"):
            with self._turn:
                return list(self._moto(environ, start_response))
        key = path.removeprefix(f"/{BUCKET}").removeprefix("/")
        with self._turn:
            fault = self.fault(method, key) if key else None
            if fault:
                self.injected[fault] += 1
            if fault == UNAVAILABLE:
                return _error(503, "SlowDown")(environ, start_response)
            if method == "POST" and not key and (refused := self._refused_form(environ)):
                return _error(400 if refused.startswith("EntityToo") else 403, refused)(environ, start_response)
            status, headers, body = self._ask_moto(environ)
            if method == "PUT" and key and status.startswith("200"):
                self.writes[key] += 1
        if fault == ANSWER_LOST:
            return _error(500, "InternalError")(environ, start_response)
        start_response(status, headers)
        return [body[: len(body) // 2]] if fault == CUT_OFF else [body]

    def _ask_moto(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        answer: list[Any] = []
        parts = self._moto(environ, lambda status, headers, *_: answer.extend((status, headers)))
        return answer[0], answer[1], b"".join(parts)

    def _refused_form(self, environ: dict[str, Any]) -> str | None:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        boundary = parse_options_header(environ.get("CONTENT_TYPE", ""))[1].get("boundary", "")
        parts = (
            list(MultipartParser(io.BytesIO(body), boundary, spool_limit=1 << 30, memory_limit=1 << 30))
            if boundary
            else []
        )
        form = {part.name: part.value for part in parts if part.name != "file"}
        size = sum(part.size for part in parts if part.name == "file")
        return post_policy.refusal(form, BUCKET, size, SECRET_KEY, datetime.now(UTC) + self.clock_offset)


def _error(status: int, code: str) -> Response:
    return Response(f"<Error><Code>{code}</Code></Error>", status, content_type="application/xml")


@dataclass
class Aws:
    """The account of a test: a bucket whose events reach a queue, which has a dead-letter queue."""

    front: Front
    url: str
    s3: Any
    sqs: Any
    queue: str
    dead_letters: str
    storage: Storage = field(init=False)

    def __post_init__(self) -> None:
        self.storage = Storage(BUCKET, self.s3)

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def result(self, key: str) -> dict[str, Any] | None:
        found = self.storage.read_json(key)
        return found.content if found else None

    def receive(self, most: int = 1, queue: str = "") -> dict[str, Any]:
        """Returns the event that Lambda makes of the next messages; none in it when the queue is empty."""
        reply = self.sqs.receive_message(
            QueueUrl=queue or self.queue, MaxNumberOfMessages=most, MessageAttributeNames=["All"]
        )
        return {"Records": [_record(message) for message in reply.get("Messages", [])]}

    def acknowledge(self, event: dict[str, Any], reply: dict[str, Any] | None, queue: str = "") -> None:
        """Does what Lambda does after a call: deletes what is done; what failed, and all of a call that ended in an
        error (None), is delivered again, here without the wait."""
        failed = {failure["itemIdentifier"] for failure in (reply or {}).get("batchItemFailures", [])}
        for record in event["Records"]:
            message = {"QueueUrl": queue or self.queue, "ReceiptHandle": record["receiptHandle"]}
            if reply is None or record["messageId"] in failed:
                self.sqs.change_message_visibility(**message, VisibilityTimeout=0)
            else:
                self.sqs.delete_message(**message)

    def dead(self) -> list[dict[str, Any]]:
        """Returns the messages in the dead-letter queue, and takes them out."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.dead_letters, MaxNumberOfMessages=10).get("Messages"):
            found += messages
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.dead_letters, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    def redrive(self) -> int:
        """Puts what is in the dead-letter queue back, as `operate/redrive.py` does."""
        dead = self.dead()
        mark = {REDRIVEN: {"DataType": "String", "StringValue": "true"}}
        for body in dead:
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(body), MessageAttributes=mark)
        return len(dead)


def _record(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value.get("StringValue")}
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:recordings",
        "awsRegion": REGION,
    }


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[tuple[Front, str]]:
    """Serves AWS until the block ends; yields what stands in front of it, and its address."""
    front = Front()
    server = make_server(host, 0, front, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield front, f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def account(front: Front, url: str) -> Aws:
    """Makes a new account, in which there is nothing of the one before."""
    front.reset()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")) as response:
        response.read()
    return _set_up(front, url)


def environment(url: str) -> dict[str, str]:
    """Returns what leads boto3's clients to the account."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }


def client(service: str, url: str) -> Any:
    # As handler.storage sets it, without the waits between attempts.
    config = Config(
        signature_version="s3v4" if service == "s3" else None, retries={"mode": "standard", "total_max_attempts": 1}
    )
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    return boto3.client(service, endpoint_url=url, region_name=REGION, config=config, **keys)


def _set_up(front: Front, url: str) -> Aws:
    s3, sqs = client("s3", url), client("sqs", url)
    names = [f"{name}-{uuid.uuid4().hex[:8]}" for name in ("recordings", "dead-letters")]
    dead_letters = sqs.create_queue(QueueName=names[1])["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": _arn(sqs, dead_letters), "maxReceiveCount": MAX_RECEIVE_COUNT})
    attributes = {"RedrivePolicy": redrive, "VisibilityTimeout": "600"}
    queue = sqs.create_queue(QueueName=names[0], Attributes=attributes)["QueueUrl"]
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    configurations = [
        {
            "QueueArn": _arn(sqs, queue),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
        }
        for prefix in ("uploads/", "inbox/")
    ]
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": configurations}
    )
    sqs.purge_queue(QueueUrl=queue)  # of the message that S3 sends about this
    return Aws(front, url, s3, sqs, queue, dead_letters)


def _arn(sqs: Any, queue: str) -> str:
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    arn: str = attributes["QueueArn"]
    return arn


def notification(key: str, etag: str, size: int = 100, bucket: str = BUCKET) -> str:
    """Returns the message that S3 sends of an object that was created."""
    stored = {"key": quote_plus(key), "size": size, "eTag": etag, "sequencer": "0"}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    return json.dumps({"Records": [{**record, "s3": {"bucket": {"name": bucket}, "object": stored}}]})


def upload(target: dict[str, Any], data: bytes, **changes: Any) -> tuple[int, str]:
    """Uploads by form as a browser does; returns status and body. `changes` replaces fields; None leaves one out."""
    boundary = uuid.uuid4().hex
    fields = {name: value for name, value in {**target["fields"], **changes}.items() if value is not None}
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(target["url"], body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
