// A file -> its transcript: what cannot work is refused before anything is sent; what is too large for a request goes to a
// job where there are jobs, and else is made smaller.

import { clock } from "./clock.js";
import { Refusal, transcribe } from "./endpoint.js";
import { transcribeAsJob } from "./jobs.js";
import { decode, pack, probe, RATE_HZ } from "./sound.js";

const COMPRESS = "Compress it, as MP3 or M4A for example, or send a part of it.";

/**
 * Transcribes a recording.
 * @param {{name: string, blob: Blob, samples: Float32Array | null}} recording made smaller where it must be, and decoded;
 *     gets `isPlayable`
 * @param {{limits: {body_bytes: number, audio_s: number} | undefined, jobs: {body_bytes: number, audio_s: number} | null,
 *     key: string, query: string, jobFields: object, keepsChannels: boolean, signal: AbortSignal,
 *     onStage: (stage: string, share: number | null) => void}} options what a request may bring, and a job, if there are any
 * @returns {Promise<object>} the endpoint's reply
 * @throws {Refusal} it cannot be transcribed, or the endpoint refused it.
 * @throws {DOMException} AbortError: `signal` was given.
 */
export async function transcribeRecording(recording, options) {
  const { limits, jobs, signal, onStage } = options;
  if (recording.job) return asJob(recording, options); // which was begun
  let [isPlayable, duration_s] = [true, recording.samples && recording.samples.length / RATE_HZ];
  if (!recording.samples) {
    onStage("Reading", null);
    ({ isPlayable, duration_s } = await probe(recording.blob));
    recording.isPlayable = isPlayable;
    signal.throwIfAborted();
  }
  const isLarge = recording.blob.size > (limits?.body_bytes ?? Infinity) || duration_s > (limits?.audio_s ?? Infinity);
  if (jobs && isLarge) return asJob(recording, options, duration_s);
  try {
    return await inOneRequest(recording, { ...options, isPlayable, duration_s });
  } catch (error) {
    // Not every file says how long it is.
    if (error.code !== "audio_too_long" || !jobs) throw error;
    return asJob(recording, options);
  }
}

async function asJob(recording, { jobs, key, jobFields, signal, onStage }, duration_s = 0) {
  if (duration_s > jobs.audio_s) throw tooLong(duration_s, jobs.audio_s);
  if (recording.blob.size > jobs.body_bytes) throw tooBig(recording.blob.size, jobs.body_bytes, COMPRESS);
  const sent = transcribeAsJob(recording, { key, fields: jobFields, signal, onStage });
  const reply = await sent;
  recording.samples ??= await decode(recording.blob, reply.duration);
  signal.throwIfAborted();
  return reply;
}

async function inOneRequest(recording, { limits, key, query, keepsChannels, signal, onStage, isPlayable, duration_s }) {
  const { body_bytes: most_bytes = Infinity, audio_s: most_s = Infinity } = limits ?? {};
  if (!recording.samples) {
    if (duration_s > most_s) throw tooLong(duration_s, most_s);
    if (recording.blob.size > most_bytes) {
      if (keepsChannels) throw tooBig(recording.blob.size, most_bytes, "Made smaller, it would have one channel. In the options, take all channels together, or send a part of it.");
      if (!isPlayable) throw tooBig(recording.blob.size, most_bytes, COMPRESS);
      onStage("Making it smaller", null);
      recording.samples = await decode(recording.blob, duration_s);
      signal.throwIfAborted();
      const report = (share) => !signal.aborted && onStage("Making it smaller", share);
      const packed = recording.samples && (await pack(recording.samples, most_bytes, report));
      signal.throwIfAborted();
      if (!packed) throw tooBig(recording.blob.size, most_bytes, `This browser cannot make it small enough. ${COMPRESS}`);
      recording.blob = packed;
    }
  }
  onStage("Sending", null);
  const onProgress = (share) => (share < 1 ? onStage("Sending", share) : onStage("Transcribing", null));
  const sent = transcribe(recording.blob, { key, query, signal, onProgress });
  // The picture is made while the endpoint works.
  const [reply, samples] = await Promise.all([sent, recording.samples ?? decode(recording.blob, duration_s)]);
  signal.throwIfAborted(); // when the reply was there and the picture was not
  recording.samples = samples;
  return reply;
}

function tooLong(duration_s, most_s) {
  const times = `It lasts ${clock(duration_s)}; this endpoint takes up to ${clock(most_s)}.`;
  return new Refusal("This recording is too long", `${times} Send a part of it.`);
}

function tooBig(bytes, most_bytes, advice) {
  return new Refusal("This file is too big", `It has ${megabytes(bytes)}; this endpoint takes ${megabytes(most_bytes)} at once. ${advice}`);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
