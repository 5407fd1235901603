"""make key, logs, redrive and destroy's first half."""

import json
import time
from dataclasses import replace
from typing import Any

import boto3
import pytest

from handler import authorizer, usage
from handler.keys import Keyring, StoredKey
from operate import empty, keys, logs, redrive
from operate import stack as stacks
from operate.stack import NO_STACK, OperationError, Stack

from .conftest import NAME, TEMPLATE


def stored(stack: Stack) -> Keyring:
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.output("KeysSecretArn"))
    return Keyring.parse(secret["SecretString"])


def test_a_key_is_printed_once_and_only_its_hash_is_kept(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys.main(["add", "alice"]) == 0
    printed = capsys.readouterr()
    key = printed.out.strip()
    assert printed.out == f"{key}\n"
    assert key not in printed.err
    ring = stored(stack)
    assert ring.name_of(f"Bearer {key}") == "alice"
    assert key not in ring.to_json()
    assert keys.main(["list"]) == 0
    assert key not in capsys.readouterr().out


def test_several_keys_live_side_by_side_and_one_is_taken_away_alone(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {}
    for name in ("alice", "bob"):
        assert keys.main(["add", name]) == 0
        made[name] = capsys.readouterr().out.strip()
    assert keys.main(["remove", "alice"]) == 0
    assert stored(stack).name_of(f"Bearer {made['alice']}") is None
    assert stored(stack).name_of(f"Bearer {made['bob']}") == "bob"


def test_the_first_key_is_made_once(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys.main(["first"]) == 0
    key = capsys.readouterr().out.strip()
    assert keys.main(["first"]) == 0
    assert capsys.readouterr().out == ""
    assert [stored_key.name for stored_key in stored(stack).keys] == ["first"]
    assert stored(stack).name_of(f"Bearer {key}") == "first"


def test_no_key_is_made_for_a_stack_that_wants_none(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    stack.client("cloudformation").update_stack(
        StackName=NAME, TemplateBody=json.dumps(TEMPLATE).replace('"Value": "key"', '"Value": "iam"')
    )
    assert keys.main(["first"]) == 0
    assert capsys.readouterr().out == ""
    assert stored(stack).keys == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "first"], "already"),
        (["add", ""], "make key NAME=alice"),
        (["add", "a b"], "make key NAME=alice"),
        (["remove", "nobody"], "no key 'nobody'"),
        (["limit", "nobody"], "no key 'nobody'"),
        (["add", "bob", "--expires", "soon"], "is no time"),
        (["add", "bob", "--expires", "2020-01-01"], "is past"),
        (["add", "bob", "--route", "v1"], "is no path"),
        (["add", "bob", "--minutes-per-day", "-1"], "above 0"),
    ],
)
def test_what_cannot_be_done_to_keys_is_told_and_changes_none(
    stack: Stack, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.main(["first"])
    before = stored(stack)
    assert keys.main(arguments) == 2
    assert says in capsys.readouterr().err
    assert stored(stack) == before


def test_a_key_gets_limits_and_loses_them(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--expires", "2090-01-31", "--route", "/v1/audio/*", "--route", "/transcribe", "--minutes-per-day", "60"]
    assert keys.main(["add", "guest", *given]) == 0
    (key,) = stored(stack).keys
    assert key.routes == ("/v1/audio/*", "/transcribe")
    assert (keys.keys.moment(key.expires or 0), key.minutes_per_day) == ("2090-02-01T00:00:00Z", 60)
    assert keys.main(["limit", "guest", "--minutes-per-day", "5"]) == 0
    assert stored(stack).keys[0] == replace(key, minutes_per_day=5)
    assert keys.main(["limit", "guest", "--minutes-per-day", "0", "--expires", "never", "--route", "all"]) == 0
    assert stored(stack).keys[0] == StoredKey("guest", key.sha256)
    assert "no limits" in capsys.readouterr().err


def test_the_list_shows_limits_last_use_and_todays_minutes(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.main(["add", "guest", "--minutes-per-day", "60", "--expires", "2090-01-31"])
    keys.main(["add", "never"])
    monkeypatch.setenv("HARK_USAGE_TABLE", stack.resources("AWS::DynamoDB::Table")["UsageTable"])
    usage.note_use("guest")
    usage.add("guest", 90)
    usage.add("guest", 30)
    capsys.readouterr()
    assert keys.main(["list"]) == 0
    guest, never = capsys.readouterr().out.splitlines()
    assert "2.0 of 60 minutes today" in guest
    assert f"last used {time.strftime('%Y-%m-%d', time.gmtime())}" in guest
    assert "expires 2090-02-01" in guest
    assert "last used never" in never


def test_a_key_that_must_be_gone_now_is_forgotten_by_the_gateway_after_the_authorizer(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.main(["add", "guest"])
    done: list[Any] = []

    class Gateway:
        def reset_authorizers_cache(self, **given: str) -> None:
            assert stored(stack).keys == ()
            done.append(given)

    client = Stack.client
    monkeypatch.setattr(Stack, "client", lambda self, name: Gateway() if name == "apigatewayv2" else client(self, name))
    resources = Stack.resources
    api = {"AWS::ApiGatewayV2::Api": {"Api": "abc123"}}
    monkeypatch.setattr(Stack, "resources", lambda self, type_: api.get(type_) or resources(self, type_))
    monkeypatch.setattr(keys.time, "sleep", lambda seconds: done.append(seconds))
    assert keys.main(["remove", "guest", "--now"]) == 0
    waited_s, reset = done
    assert waited_s > authorizer._LETS_IN_S
    assert reset == {"ApiId": "abc123", "StageName": "$default"}


def test_stored_keys_that_cannot_be_read_are_not_overwritten(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    client: Any = stack.client("secretsmanager")
    client.put_secret_value(SecretId=stack.output("KeysSecretArn"), SecretString="broken")
    assert keys.main(["add", "alice"]) == 2
    assert "restore" in capsys.readouterr().err
    assert client.get_secret_value(SecretId=stack.output("KeysSecretArn"))["SecretString"] == "broken"


def test_that_there_is_no_stack_is_told_from_other_errors(aws: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert stacks.main(["--stack", "nowhere"]) == NO_STACK
    assert "no stack 'nowhere'" in capsys.readouterr().err


def test_that_aws_cannot_be_reached_is_told_in_a_line(
    aws: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert keys.main(["list"]) == 2
    assert "AWS cannot be asked" in capsys.readouterr().err
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert keys.main(["list"]) == 2
    assert "region" in capsys.readouterr().err


def test_the_outputs_are_shown(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert stacks.main([]) == 0
    assert stack.output("BucketName") in capsys.readouterr().out
    with pytest.raises(OperationError, match="deploy this version first"):
        stack.output("Nothing")


def message(key: str) -> str:
    return json.dumps({"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": key}}}]})


def lay_aside(stack: Stack, count: int) -> list[str]:
    bodies = [message(f"uploads/{index:03}+a%2Bb") for index in range(count)] + ["not of S3"]
    for body in bodies:
        stack.client("sqs").send_message(QueueUrl=stack.output("LaidAsideQueueUrl"), MessageBody=body)
    return bodies


def in_queue(stack: Stack, name: str) -> list[str]:
    sqs, found = stack.client("sqs"), []
    while batch := sqs.receive_message(QueueUrl=stack.output(name), MaxNumberOfMessages=10).get("Messages"):
        found += [each["Body"] for each in batch]
    return found


def test_redrive_moves_every_message_unchanged_and_loses_none(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redrive, "_WAIT_S", 0)
    bodies = lay_aside(stack, 23)
    assert redrive.main([]) == 0
    printed = capsys.readouterr()
    assert "24 put back" in printed.err
    assert "uploads/000 a+b" in printed.out
    assert sorted(in_queue(stack, "JobsQueueUrl")) == sorted(bodies)
    assert in_queue(stack, "LaidAsideQueueUrl") == []


def test_redrive_lists_without_moving(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(redrive, "_WAIT_S", 0)
    bodies = lay_aside(stack, 3)
    assert redrive.main(["--list"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("uploads/") == 3
    assert "not of S3" in printed.out
    assert in_queue(stack, "JobsQueueUrl") == []
    assert sorted(in_queue(stack, "LaidAsideQueueUrl")) == sorted(bodies)


def test_redrive_moves_no_more_than_it_was_told_to(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrive, "_WAIT_S", 0)
    bodies = lay_aside(stack, 4)
    assert redrive.main(["--most", "1"]) == 0
    moved, left = in_queue(stack, "JobsQueueUrl"), in_queue(stack, "LaidAsideQueueUrl")
    assert len(moved) == 1
    assert sorted(moved + left) == sorted(bodies)
    assert redrive.main(["--most", "0"]) == 2


def test_a_redrive_that_is_cut_short_between_sending_and_deleting_loses_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrive, "_WAIT_S", 0)
    bodies = lay_aside(stack, 0)
    laid_aside = redrive.LaidAside(stack)
    laid_aside._sqs.meta.events.register("before-call.sqs.DeleteMessage", _cut)
    (each,) = laid_aside.messages()
    with pytest.raises(KeyboardInterrupt):
        laid_aside.put_back(each)
    assert set(in_queue(stack, "JobsQueueUrl")) == set(bodies)


def _cut(**_: Any) -> None:
    raise KeyboardInterrupt


def test_emptying_deletes_every_version_and_unfinished_upload_page_by_page(stack: Stack) -> None:
    s3, bucket = stack.client("s3"), stack.output("BucketName")
    s3.meta.events.register("provide-client-params.s3.ListObjectVersions", _ten_a_page)
    for index in range(25):
        s3.put_object(Bucket=bucket, Key=f"uploads/{index}", Body=b"1")
    s3.put_object(Bucket=bucket, Key="uploads/0", Body=b"2")
    s3.delete_object(Bucket=bucket, Key="uploads/1")
    s3.create_multipart_upload(Bucket=bucket, Key="inbox/half")
    empty.empty(s3, bucket)
    left = s3.list_object_versions(Bucket=bucket)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


def _ten_a_page(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {**params, "MaxKeys": 10}


def write_log(group: str, lines: dict[int, str]) -> None:
    client: Any = boto3.client("logs")
    client.create_log_stream(logGroupName=group, logStreamName="s")
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms - age_s * 1000, "message": text} for age_s, text in sorted(lines.items())[::-1]]
    client.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


def test_the_logs_of_all_functions_are_shown_by_time(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    write_log("/hark/smaller/api", {30: "one", 10: "three"})
    write_log("/hark/smaller/worker", {20: "two", 7200: "long ago"})
    assert logs.main([]) == 0
    shown = [line.split("Z ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["api: one", "worker: two", "api: three"]
    assert logs.main(["--since", "3h", "--of", "worker"]) == 0
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()] == ["long ago", "two"]
    assert logs.main(["--find", "three"]) == 0
    assert capsys.readouterr().out.endswith("api: three\n")


def test_followed_logs_show_each_line_once(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log("/hark/smaller/api", {2: "one"})
    rounds = iter([lambda: None, lambda: write_log("/hark/smaller/worker", {0: "two"}), lambda: None])

    def wait(_seconds: float) -> None:
        try:
            next(rounds)()
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(time, "sleep", wait)
    assert logs.main(["--follow"]) == 130
    assert [line.split("Z ", 1)[1] for line in capsys.readouterr().out.splitlines()] == ["api: one", "worker: two"]


@pytest.mark.parametrize("since", ["", "10", "m", "1.5h", "-1m", "1w", "9999999s"])
def test_a_duration_that_is_none_is_told(stack: Stack, since: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.main([f"--since={since}"]) == 2
    assert "is no duration" in capsys.readouterr().err
