// Sends what programs written in JavaScript send, with the libraries that they send it with; run by ../capture.py:
// node send.mjs URL NAME. Needs `npm install axios form-data ai @ai-sdk/openai` in a folder that NODE_PATH names.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";

const load = createRequire(`${process.env.NODE_PATH}/`);
const axios = load("axios");
const FormData = load("form-data");
const [url, name] = process.argv.slice(2);
const address = `${url}/v1/audio/transcriptions`;
const recording = readFileSync(new URL("../sample.ogg", import.meta.url));
const key = { Authorization: "Bearer hark" };

const send = {
  // LibreChat, api/server/services/Files/Audio/STTService.js: axios makes the form of an object.
  async librechat() {
    const file = Readable.from(recording);
    file.path = "audio.ogg";
    const headers = { "Content-Type": "multipart/form-data", ...key };
    return (await axios.post(address, { file, model: "whisper-1", language: "en" }, { headers })).data;
  },
  // n8n, packages/@n8n/nodes-langchain/nodes/vendors/OpenAi/v2/actions/audio/transcribe.operation.ts
  async n8n() {
    const form = new FormData();
    form.append("model", "whisper-1");
    form.append("language", "en");
    form.append("temperature", "0.2");
    form.append("file", recording, { filename: "voice message.ogg", contentType: "audio/ogg" });
    return (await axios.post(address, form, { headers: { ...form.getHeaders(), ...key } })).data;
  },
  // Vercel's AI SDK itself.
  async "ai-sdk"() {
    const { experimental_transcribe: transcribe } = load("ai");
    const provider = load("@ai-sdk/openai").createOpenAI({ baseURL: `${url}/v1`, apiKey: "hark" });
    const providerOptions = { openai: { language: "en", timestampGranularities: ["word"] } };
    return (await transcribe({ model: provider.transcription("whisper-1"), audio: recording, providerOptions })).text;
  },
  // Whisper for Obsidian (nikdanilov/whisper-obsidian-plugin), src/Transcriber.ts: a browser's form.
  async obsidian() {
    const form = new globalThis.FormData();
    form.append("file", new Blob([recording], { type: "audio/ogg" }), "2026-11-28T18-40-00-000Z.ogg");
    form.append("model", "whisper-1");
    form.append("language", "");
    form.append("prompt", "Ishmael, Queequeg");
    return await (await fetch(address, { method: "POST", body: form, headers: key })).json();
  },
};

console.log(JSON.stringify(await send[name]()));
