// OpenAI's client for Node.js against a running endpoint: HARK_URL is its address, HARK_KEY its key.
// Run by `make test-clients`, which starts the endpoint.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import OpenAI, { toFile } from "openai";

const SAMPLE = new URL("../../events/sample.ogg", import.meta.url);
const client = new OpenAI({ baseURL: `${process.env.HARK_URL}/v1`, apiKey: process.env.HARK_KEY, maxRetries: 0 });

const transcribe = (options = {}) =>
  client.audio.transcriptions.create({ file: createReadStream(SAMPLE), model: "whisper-1", ...options });

test("json is the text, with the seconds it was made of", async () => {
  const heard = await transcribe();
  assert.ok(heard.text.split(" ").length > 10);
  assert.deepEqual(heard.usage, { type: "duration", seconds: 7 });
});

test("text and subtitles come as text", async () => {
  const { text } = await transcribe();
  assert.equal(await transcribe({ response_format: "text" }), `${text}\n`);
  assert.match(await transcribe({ response_format: "srt" }), /^1\n00:00:00,\d{3} --> 00:00:\d\d,\d{3}\n/);
  assert.match(await transcribe({ response_format: "vtt" }), /^WEBVTT\n\n00:00:00\.\d{3} --> 00:00:\d\d\.\d{3}\n/);
});

test("verbose_json lists the granularities asked for", async () => {
  const { text } = await transcribe();
  const heard = await transcribe({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
  assert.equal(heard.text, text);
  assert.equal(heard.words.map((word) => word.word).join(" "), text.replaceAll(/[.,?]/g, ""));
  assert.equal(heard.segments.map((segment) => segment.text).join(" "), text);
  assert.equal((await transcribe({ response_format: "verbose_json" })).words, undefined);
});

test("log-probabilities are of what was spoken, which is the text on demand", async () => {
  const [heard, spoken] = await Promise.all([
    transcribe({ include: ["logprobs"] }),
    transcribe({ include: ["logprobs"], text_style: "spoken" }),
  ]);
  assert.match(heard.text, /^The .+ station\.$/);
  assert.equal(
    heard.logprobs.map((entry) => entry.token).join("").replaceAll(" ", ""),
    spoken.text.replaceAll(" ", ""),
  );
  assert.deepEqual(heard.logprobs, spoken.logprobs);
});

test("a stream is iterated to its end", async () => {
  const { text } = await transcribe();
  const events = [];
  for await (const event of await transcribe({ stream: true })) events.push(event);
  const done = events.pop();
  assert.equal(done.type, "transcript.text.done");
  assert.equal(done.text, text);
  assert.equal(done.usage.type, "tokens");
  assert.ok(events.every((event) => event.type === "transcript.text.delta"));
  assert.equal(events.map((event) => event.delta).join(""), text);
});

test("a file may come from memory, without a name that says what it is", async () => {
  const { text } = await transcribe();
  assert.equal((await transcribe({ file: await toFile(await readFile(SAMPLE), "recording") })).text, text);
});

test("the deployed model is listed and retrieved", async () => {
  const models = [];
  for await (const model of client.models.list()) models.push(model);
  assert.equal(models.length, 1);
  assert.deepEqual(await client.models.retrieve(models[0].id), models[0]);
});

test("mistakes are the errors that the client has for them", async () => {
  const noAudio = await toFile(Buffer.from("no audio"), "a.wav");
  await assert.rejects(transcribe({ file: noAudio }), { status: 400, code: "invalid_audio" });
  await assert.rejects(transcribe({ language: "de" }), { status: 400, param: "language" });
  await assert.rejects(
    client.audio.translations.create({ file: createReadStream(SAMPLE), model: "whisper-1" }),
    { status: 400, code: "unsupported_operation" },
  );
  await assert.rejects(client.models.retrieve("whisper-2"), { status: 404, code: "model_not_found" });
  await assert.rejects(transcribe({ timestamp_granularities: ["word"] }), OpenAI.UnprocessableEntityError);
  const stranger = client.withOptions({ apiKey: "another" });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});
