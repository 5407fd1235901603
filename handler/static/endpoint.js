// The HTTP API, as this page uses it. Addresses are relative, so the page works below any prefix.

/** What went wrong, in words for the person at the page. `code` is the API's own, where it gave one. */
export class Refusal extends Error {
  constructor(title, message, { code = "", again = false, wait_s = 0 } = {}) {
    super(message);
    this.title = title;
    this.code = code;
    /** Whether sending the same once more may work. */
    this.again = again;
    /** How long the endpoint wants to be left alone before; 0 where it does not say. */
    this.wait_s = wait_s;
  }
}

const TITLES = {
  audio_too_long: "This recording is too long",
  insufficient_quota: "This key has no minutes left",
  invalid_api_key: "This endpoint wants a key",
  invalid_audio: "This recording could not be read",
  invalid_body: "There is nothing in this file",
  unsupported_media_type: "This is not a recording",
};
// The API's own message speaks of headers here, which nobody at this page can set.
const INSTEAD = {
  invalid_api_key: "Enter the key that whoever runs this endpoint gave you.",
  unsupported_media_type: "Choose an audio file, such as WAV, MP3, M4A, FLAC or Ogg.",
};

/** Returns {model, limits} of GET health, or null where it does not answer: the page works without. */
export async function health() {
  try {
    const response = await fetch("health");
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/**
 * Sends a recording and returns the API's reply: {text, duration, words, segments, model}.
 *
 * XMLHttpRequest, since fetch does not tell how much has been sent.
 *
 * @param {Blob} recording
 * @param {{key: string, query: string, signal: AbortSignal, onProgress: (share: number) => void}} options share: 0..1
 *     of the bytes; query: of the address, "" for none.
 * @throws {Refusal} the endpoint refused it or did not answer.
 * @throws {DOMException} AbortError: `signal` was given.
 */
export function transcribe(recording, { key, query, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", query ? `transcribe?${query}` : "transcribe");
    request.responseType = "text";
    request.setRequestHeader("Content-Type", recording.type || "application/octet-stream");
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    request.upload.onprogress = (event) => event.loaded < event.total && onProgress(event.loaded / event.total);
    request.upload.onload = () => onProgress(1);
    request.onload = () => {
      const body = parse(request.responseText);
      if (request.status === 200 && body?.words) resolve(body);
      else reject(refusal(request.status, body));
    };
    request.onerror = () => {
      reject(new Refusal("No answer", "The endpoint cannot be reached. Check the connection and try again.", { again: true }));
    };
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(recording);
  });
}

/**
 * Sends a second of sound and returns the API's reply: {label, score, top, duration, detections, model}.
 * @param {Blob} recording
 * @param {{key: string, signal: AbortSignal}} options
 * @throws {Refusal} the endpoint refused it or did not answer.
 * @throws {DOMException} AbortError: `signal` was given.
 */
export function spot(recording, options) {
  return post("v1/audio/keywords", recording, options, "top");
}

/**
 * Sends some seconds of sound and returns the API's reply, as `transcribe` does; without progress, for there is none to see.
 * @param {Blob} recording
 * @param {{key: string, query: string, signal: AbortSignal}} options
 * @throws {Refusal} the endpoint refused it or did not answer.
 * @throws {DOMException} AbortError: `signal` was given.
 */
export function hear(recording, options) {
  return post(options.query ? `transcribe?${options.query}` : "transcribe", recording, options, "words");
}

async function post(path, recording, { key, signal }, expected) {
  const headers = { "Content-Type": recording.type, ...(key && { Authorization: `Bearer ${key}` }) };
  let response, text;
  try {
    response = await fetch(path, { method: "POST", body: recording, headers, signal });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("No answer", "The endpoint cannot be reached. Check the connection and try again.", { again: true });
  }
  const body = parse(text);
  if (response.status !== 200 || !body?.[expected]) throw refusal(response.status, body, Number(response.headers.get("Retry-After")) || 0);
  return body;
}

/**
 * Asks the API in JSON, as about jobs, and returns what it replies.
 * @param {string} method
 * @param {string} path
 * @param {{key: string, signal?: AbortSignal, body?: object}} options
 * @throws {Refusal} the endpoint refused it or did not answer.
 * @throws {DOMException} AbortError: `signal` was given.
 */
export async function askJson(method, path, { key, signal, body }) {
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(key && { Authorization: `Bearer ${key}` }) };
  let [status, text] = [0, ""];
  try {
    const response = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
    [status, text] = [response.status, await response.text()];
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("No answer", "The endpoint cannot be reached. Check the connection and try again.", { again: true });
  }
  const content = parse(text);
  if (status >= 300 || !content) throw refusal(status, content);
  return content;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Returns what to tell somebody of a status and the error in a reply's body. */
export function refusal(status, body, wait_s = 0) {
  const { code, message } = body?.error ?? {};
  if (code in TITLES) return new Refusal(TITLES[code], INSTEAD[code] ?? message, { code });
  // These come from the gateway as often as from the function, in the gateway's words.
  if (status === 401 || status === 403) return new Refusal(TITLES.invalid_api_key, INSTEAD.invalid_api_key, { code: "invalid_api_key" });
  if (status === 413) return new Refusal("This file is too big", "Send a shorter or a compressed recording, such as MP3 or M4A.");
  if (status === 429) return new Refusal("Too many at once", "Others are using this endpoint. Wait a moment and try again.", { again: true, wait_s });
  if (status >= 500) return new Refusal("The endpoint failed", "It is busy or took too long. Try again; if that does not help, try a shorter recording.", { again: true, wait_s });
  return new Refusal("That did not work", message ?? `The endpoint answered with status ${status}.`, { code: code ?? "" });
}
