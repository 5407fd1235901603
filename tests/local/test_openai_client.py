"""OpenAI's own Python client against `make serve`: what its users write must work unchanged."""

import io
from collections.abc import Iterator

import httpx2
import openai
import pytest
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
)

from tests.conftest import EVENTS, SPOKEN
from tests.server import Server, serve

SAMPLE = EVENTS / "sample.ogg"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve(key="key-123") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="key-123", base_url=f"{server.url}/v1", max_retries=0) as opened:
        yield opened


@pytest.fixture(scope="module")
def text(client: openai.OpenAI) -> str:
    heard: Transcription = client.audio.transcriptions.create(model="whisper-1", file=SAMPLE)
    assert heard.usage
    assert (heard.usage.type, heard.usage.seconds) == ("duration", 7)
    return heard.text


def test_text_and_subtitles_come_as_text(client: openai.OpenAI, text: str) -> None:
    create = client.audio.transcriptions.create
    assert create(model="whisper-1", file=SAMPLE, response_format="text") == text + "\n"
    assert create(model="whisper-1", file=SAMPLE, response_format="srt").startswith("1\n00:00:0")
    assert create(model="whisper-1", file=SAMPLE, response_format="vtt").startswith("WEBVTT\n")


def test_verbose_json_has_all_the_clients_type_asks_for(client: openai.OpenAI, text: str) -> None:
    heard = client.audio.transcriptions.create(
        model="whisper-1",
        file=SAMPLE,
        language="en",
        prompt="ships",
        temperature=0.2,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    # `create` builds the type without checking it; this checks.
    checked = TranscriptionVerbose.model_validate(heard.model_dump(), strict=True)
    assert checked.text == text
    assert checked.language == "english"
    assert checked.duration == pytest.approx(6.4, abs=0.01)
    assert checked.words
    assert checked.segments
    assert " ".join(word.word for word in checked.words) == text.translate(str.maketrans("", "", ".,?"))
    assert " ".join(segment.text for segment in checked.segments) == text


def test_log_probabilities_come_with_the_text(client: openai.OpenAI, text: str) -> None:
    heard = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=SAMPLE, include=["logprobs"])
    checked = Transcription.model_validate(heard.model_dump(), strict=True)
    assert checked.logprobs
    assert all(entry.logprob is not None and entry.logprob <= 0 for entry in checked.logprobs)
    assert checked.text == text
    assert "".join(entry.token or "" for entry in checked.logprobs).replace(" ", "") == SPOKEN.replace(" ", "")


def test_fields_that_only_hark_has_are_sent_as_extra_ones(client: openai.OpenAI, text: str, readable: str) -> None:
    create = client.audio.transcriptions.create
    assert text == readable
    assert create(model="whisper-1", file=SAMPLE, extra_body={"text_style": "spoken"}).text == SPOKEN
    layout = {"max_line_length": 20, "max_lines": 1}
    captions = create(model="whisper-1", file=SAMPLE, response_format="vtt", extra_body=layout)
    assert max(map(len, captions.splitlines()[3::3])) <= 20


def test_a_stream_is_iterated_to_its_end(client: openai.OpenAI, text: str) -> None:
    events = list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=SAMPLE, stream=True))
    *deltas, done = events
    assert all(isinstance(event, TranscriptionTextDeltaEvent) for event in deltas)
    assert isinstance(done, TranscriptionTextDoneEvent)
    for event in events:
        type(event).model_validate(event.model_dump(), strict=True)
    assert "".join(event.delta for event in deltas) == done.text == text


def test_models_are_listed_and_retrieved(client: openai.OpenAI) -> None:
    (model,) = client.models.list().data
    assert client.models.retrieve(model.id) == model
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("whisper-2")
    assert caught.value.code == "model_not_found"


def test_mistakes_are_the_exceptions_that_the_client_has_for_them(client: openai.OpenAI, server: Server) -> None:
    create = client.audio.transcriptions.create
    with pytest.raises(openai.BadRequestError) as caught:
        create(model="whisper-1", file=("a.wav", io.BytesIO(b"no audio")))
    assert caught.value.code == "invalid_audio"
    with pytest.raises(openai.BadRequestError) as caught:
        create(model="whisper-1", file=SAMPLE, language="de")
    assert caught.value.param == "language"
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.translations.create(model="whisper-1", file=SAMPLE)
    assert caught.value.code == "unsupported_operation"
    with pytest.raises(openai.UnprocessableEntityError) as unprocessable:
        create(model="whisper-1", file=SAMPLE, response_format="srt", timestamp_granularities=["word"])
    assert unprocessable.value.param == "timestamp_granularities"
    with (
        openai.OpenAI(api_key="another", base_url=f"{server.url}/v1", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        stranger.models.list()
    assert refused.value.code == "invalid_api_key"


def test_a_client_that_is_throttled_tries_again() -> None:
    statuses: list[int] = []
    http = httpx2.Client(event_hooks={"response": [lambda response: statuses.append(response.status_code)]})
    with (
        serve("--requests-per-second", "1") as server,
        openai.OpenAI(api_key="none", base_url=f"{server.url}/v1", max_retries=5, http_client=http) as client,
    ):
        for _ in range(2):
            assert client.models.list().data
        impatient = client.with_options(max_retries=0)
        with pytest.raises(openai.RateLimitError):
            impatient.models.list()
    assert statuses[0] == 200
    assert statuses[1] == 429
    assert statuses[-2:] == [200, 429]
