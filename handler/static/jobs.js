// A recording that is too large for one request -> its transcript, as a job: made, uploaded, asked about until it is done.

import { askJson, Refusal, refusal } from "./endpoint.js";

// It is asked about so often at first, and less often the longer it takes.
const FIRST_MS = 1000;
const SLOWER = 1.5;
const LAST_MS = 5000;
// So often in a row nobody may answer while a job runs: a train goes through a tunnel.
const TRIES = 8;

/**
 * Transcribes a recording as a job. What was begun is remembered in the recording, so that another try goes on with it.
 * @param {{blob: Blob, job?: {id: string} | null}} recording
 * @param {{key: string, fields: object, signal: AbortSignal, onStage: (stage: string, share: number | null) => void}} options
 *     fields: how to decode, as POST v1/jobs takes it
 * @returns {Promise<object>} the transcript, as the reply of POST transcribe
 * @throws {Refusal} it cannot be transcribed, or nobody answered.
 * @throws {DOMException} AbortError: `signal` was given; the job is deleted then.
 */
export async function transcribeAsJob(recording, { key, fields, signal, onStage }) {
  try {
    if (!recording.job) {
      onStage("Uploading", null);
      const { blob } = recording;
      const body = { content_type: typeOf(blob), content_length: blob.size, ...fields };
      const { id, upload } = await askJson("POST", "v1/jobs", { key, signal, body });
      recording.job = { id };
      await send(upload, blob, signal, (share) => onStage("Uploading", share)).catch((error) => {
        forget(recording, key);
        throw error;
      });
    }
    return await outcome(recording, { key, signal, onStage });
  } catch (error) {
    if (error.name === "AbortError") forget(recording, key);
    throw error;
  }
}

async function outcome(recording, { key, signal, onStage }) {
  let [wait_ms, failures] = [FIRST_MS, 0];
  for (;;) {
    let job = null;
    try {
      job = await askJson("GET", `v1/jobs/${recording.job.id}`, { key, signal });
      failures = 0;
    } catch (error) {
      if (error.code === "job_not_found") recording.job = null;
      failures += 1;
      if (!error.again || failures === TRIES) throw error;
    }
    if (job?.status === "completed") return job.transcript;
    if (job?.error) {
      recording.job = null;
      throw refusal(422, job);
    }
    if (job?.status === "processing") onStage("Transcribing", job.progress / 100);
    else if (job) onStage("Waiting for its turn", null);
    await pause(wait_ms, signal);
    wait_ms = Math.min(LAST_MS, wait_ms * SLOWER);
  }
}

// The form is signed: it needs no key, and none is sent to where recordings are kept.
function send({ url, fields }, blob, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", blob);
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    const failed = () => reject(new Refusal("The upload failed", "The recording did not arrive. Check the connection and try again.", { again: true }));
    request.onload = () => (request.status < 300 ? resolve() : failed());
    request.onerror = failed;
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) reject(new DOMException("cancelled", "AbortError"));
    else request.send(form);
  });
}

// Nobody waits for the job any more.
function forget(recording, key) {
  if (recording.job) askJson("DELETE", `v1/jobs/${recording.job.id}`, { key }).catch(() => {});
  recording.job = null;
}

function pause(wait_ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, wait_ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("cancelled", "AbortError"));
    });
  });
}

// As POST v1/jobs takes it: without parameters, and of sound.
function typeOf({ type }) {
  const [plain] = type.toLowerCase().split(";");
  return /^(audio|video)\/[a-z0-9][a-z0-9!#$&^_.+-]*$/.test(plain) ? plain : "application/octet-stream";
}
