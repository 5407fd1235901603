"""The forms that `POST /v1/jobs` hands out, judged by an S3 that is not ours."""

import base64
import dataclasses
import datetime
import json
import re
import urllib.error
import urllib.request
from typing import Any

import boto3
import botocore.auth
import botocore.signers
import pytest

from handler import app, job
from handler.storage import Storage
from tests.conftest import EVENTS
from tests.jobs import post_policy
from tests.jobs.aws import ACCESS_KEY, BUCKET, SECRET_KEY, client, upload
from tests.jobs.conftest import create
from tests.patience import PATIENCE_S

from .conftest import MAX_BYTES, S3

pytestmark = pytest.mark.xdist_group("seaweedfs")

SPEECH = (EVENTS / "sample.ogg").read_bytes()


def form() -> dict[str, Any]:
    """Returns a job's form."""
    target: dict[str, Any] = create()["upload"]
    return target


def error_of(answer: tuple[int, str]) -> tuple[int, str]:
    """Returns status and code of S3's answer."""
    status, body = answer
    found = re.search("<Code>(.*?)</Code>", body)
    return status, found[1] if found else ""


def edited(target: dict[str, Any], **changes: Any) -> str:
    """Returns a form's policy with other members, or another upper bound of bytes, as `most`."""
    policy = json.loads(base64.b64decode(target["fields"]["policy"]))
    for condition in policy["conditions"]:
        if condition[:1] == ["content-length-range"] if isinstance(condition, list) else False:
            condition[2] = changes.pop("most", condition[2])
    return base64.b64encode(json.dumps(policy | changes).encode()).decode()


def test_a_form_is_taken_as_it_was_made(s3: S3) -> None:
    target = form()
    assert upload(target, SPEECH)[0] == 204
    stored = client("s3", s3.url).get_object(Bucket=BUCKET, Key=target["fields"]["key"])
    assert stored["Body"].read() == SPEECH
    assert stored["ContentType"] == "audio/wav"


DENIED, FORGED = (403, "AccessDenied"), (403, "SignatureDoesNotMatch")
# What is wrong with an upload: other fields, other bytes, S3's answer.
WRONG: dict[str, tuple[dict[str, Any], bytes, tuple[int, str]]] = {
    "another job's key": ({"key": job.upload_key("job_" + "b" * 32)}, SPEECH, DENIED),
    "a key that leads elsewhere": ({"key": "results/x.json"}, SPEECH, DENIED),
    "the inbox": ({"key": "inbox/x.wav"}, SPEECH, DENIED),
    "another type": ({"Content-Type": "text/html"}, SPEECH, DENIED),
    "no type": ({"Content-Type": None}, SPEECH, DENIED),
    "metadata that was not signed": ({"x-amz-meta-a": "b"}, SPEECH, DENIED),
    "an ACL that was not signed": ({"x-amz-acl": "public-read"}, SPEECH, DENIED),
    "a storage class that was not signed": ({"x-amz-storage-class": "GLACIER"}, SPEECH, DENIED),
    "no signature": ({"x-amz-signature": None}, SPEECH, FORGED),
    "a made-up signature": ({"x-amz-signature": "0" * 64}, SPEECH, FORGED),
    "a made-up policy": ({"policy": "eyJleHBpcmF0aW9uIjoiMjA5OSJ9"}, SPEECH, FORGED),
    "one byte too many": ({}, bytes(MAX_BYTES + 1), (400, "EntityTooLarge")),
    "no bytes": ({}, b"", (400, "EntityTooSmall")),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_upload_that_was_not_signed_for_is_refused_and_leaves_nothing(s3: S3, name: str) -> None:
    changes, data, refusal = WRONG[name]
    target = form()
    key = changes.get("key", target["fields"]["key"])
    assert error_of(upload(target, data, **changes)) == refusal
    assert s3.storage.etag(key) is None


@pytest.mark.parametrize("name", WRONG)
def test_the_check_of_the_other_tests_refuses_what_s3_refuses(s3: S3, name: str) -> None:
    changes, data, _ = WRONG[name]
    fields = {field: value for field, value in {**form()["fields"], **changes}.items() if value is not None}
    now = datetime.datetime.now(datetime.UTC)
    assert post_policy.refusal(fields, BUCKET, len(data), SECRET_KEY, now)


def test_it_takes_the_longest_and_the_shortest_that_was_signed_for(s3: S3) -> None:
    for data in (bytes(MAX_BYTES), b"x"):
        assert upload(form(), data)[0] == 204


def test_an_upload_of_a_stated_length_must_have_it(s3: S3) -> None:
    target = create(content_length=len(SPEECH))["upload"]
    assert error_of(upload(target, SPEECH + b"x")) == (400, "EntityTooLarge")
    assert error_of(upload(target, SPEECH[:-1])) == (400, "EntityTooSmall")
    assert upload(target, SPEECH)[0] == 204


@pytest.mark.parametrize("changes", [{"expiration": "2099-01-01T00:00:00Z"}, {"most": 10**9}, {"conditions": []}])
def test_a_policy_that_was_edited_no_longer_matches_its_signature(s3: S3, changes: dict[str, Any]) -> None:
    target = form()
    assert error_of(upload(target, SPEECH, policy=edited(target, **changes))) == FORGED


def test_one_digit_of_the_signature_is_enough(s3: S3) -> None:
    target = form()
    signature = target["fields"]["x-amz-signature"]
    other = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    assert error_of(upload(target, SPEECH, **{"x-amz-signature": other})) == FORGED


@pytest.mark.parametrize(
    ("access_key", "secret_key", "refusal"),
    [(ACCESS_KEY, "a-secret-of-their-own", FORGED), ("somebody", SECRET_KEY, (403, "InvalidAccessKeyId"))],
)
def test_a_form_signed_by_somebody_else_is_refused(
    s3: S3, access_key: str, secret_key: str, refusal: tuple[int, str]
) -> None:
    theirs = boto3.client("s3", aws_access_key_id=access_key, aws_secret_access_key=secret_key)
    target = Storage(BUCKET, theirs).sign_upload("uploads/x", "audio/wav", 1, MAX_BYTES, 900)
    assert error_of(upload(target, SPEECH)) == refusal
    assert s3.storage.etag("uploads/x") is None


def set_back(patch: pytest.MonkeyPatch, minutes: float) -> None:
    """Sets the clock that signs back."""
    made_at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes)
    for module in (botocore.signers, botocore.auth):
        patch.setattr(module, "get_current_datetime", lambda remove_tzinfo=True: made_at.replace(tzinfo=None))


@pytest.mark.parametrize("minutes", [5, -5])
def test_a_clock_that_is_five_minutes_off_does_no_harm(s3: S3, monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    """S3 takes the job's record, which is signed with that clock too, and then the upload."""
    with monkeypatch.context() as patch:
        set_back(patch, minutes)
        target = form()
    assert upload(target, SPEECH)[0] == 204


@pytest.mark.parametrize(("minutes", "is_taken"), [(14.9, True), (15.1, False), (60 * 24, False)])
def test_a_form_is_good_for_fifteen_minutes(
    s3: S3, monkeypatch: pytest.MonkeyPatch, minutes: float, is_taken: bool
) -> None:
    sign = Storage.sign_upload

    def signed_earlier(*arguments: Any) -> dict[str, Any]:
        with monkeypatch.context() as patch:
            set_back(patch, minutes)
            return sign(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "sign_upload", signed_earlier)
        target = form()
    answer = upload(target, SPEECH)
    assert error_of(answer) == ((204, "") if is_taken else DENIED)
    assert ("expired" in answer[1]) is not is_taken


def test_a_form_makes_nothing_public(s3: S3) -> None:
    """Neither in the field that browsers' forms have for it: SeaweedFS disregards it, AWS refuses it unsigned."""
    target = form()
    upload(target, SPEECH, acl="public-read")
    upload(target, SPEECH)
    for path in ("", f"/{target['fields']['key']}"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(target["url"] + path, timeout=PATIENCE_S)
        with refused.value:
            assert refused.value.code == 403


def test_what_a_form_was_signed_with_opens_no_other_door(s3: S3) -> None:
    """A signature of a form, in the header or the query of a request."""
    target = form()
    upload(target, SPEECH)
    fields = target["fields"]
    address = f"{target['url']}/{fields['key']}"
    query = "&".join(
        [f"X-Amz-Algorithm={fields['x-amz-algorithm']}", f"X-Amz-Credential={fields['x-amz-credential']}",
         f"X-Amz-Date={fields['x-amz-date']}", "X-Amz-Expires=900", "X-Amz-SignedHeaders=host",
         f"X-Amz-Signature={fields['x-amz-signature']}"]
    )  # fmt: skip
    header = (
        f"{fields['x-amz-algorithm']} Credential={fields['x-amz-credential']}, SignedHeaders=host;x-amz-date, "
        f"Signature={fields['x-amz-signature']}"
    )
    headers = {"Authorization": header, "X-Amz-Date": fields["x-amz-date"], "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}
    for method in ("GET", "PUT", "DELETE"):
        data = SPEECH if method == "PUT" else None
        for asked in (
            urllib.request.Request(f"{address}?{query}", data, method=method),
            urllib.request.Request(address, data, headers, method=method),
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked, timeout=PATIENCE_S)
            with refused.value:
                assert refused.value.code == 403
    assert s3.storage.etag(fields["key"])


def test_limits_follow_the_settings(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "settings", dataclasses.replace(s3.settings, job_max_bytes=1000))
    app._jobs.cache_clear()
    try:
        target = form()
    finally:
        app._jobs.cache_clear()
    assert error_of(upload(target, bytes(1001))) == (400, "EntityTooLarge")
    assert upload(target, bytes(1000))[0] == 204
