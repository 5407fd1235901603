// A file -> its transcript: what cannot work is refused before anything is sent, what is too big is made smaller.

import { clock } from "./clock.js";
import { Refusal, transcribe } from "./endpoint.js";
import { decode, pack, probe } from "./sound.js";

const COMPRESS = "Compress it, as MP3 or M4A for example, or send a part of it.";

/**
 * Transcribes a recording.
 * @param {{name: string, blob: Blob, samples: Float32Array | null}} recording made smaller where it must be, and decoded
 * @param {{limits: {body_bytes: number, audio_s: number} | undefined, key: string, query: string, keepsChannels: boolean,
 *     signal: AbortSignal, onStage: (stage: string, share: number | null) => void}} options
 * @returns {Promise<object>} the endpoint's reply
 * @throws {Refusal} it cannot be transcribed, or the endpoint refused it.
 * @throws {DOMException} AbortError: `signal` was given.
 */
export async function transcribeRecording(recording, { limits, key, query, keepsChannels, signal, onStage }) {
  const { body_bytes: most_bytes = Infinity, audio_s: most_s = Infinity } = limits ?? {};
  const tooBig = (advice) => {
    const sizes = `It has ${megabytes(recording.blob.size)}; this endpoint takes ${megabytes(most_bytes)} at once.`;
    return new Refusal("This file is too big", `${sizes} ${advice}`);
  };
  if (!recording.samples) {
    onStage("Reading", null);
    const { isPlayable, duration_s } = await probe(recording.blob);
    signal.throwIfAborted();
    if (duration_s > most_s) {
      const times = `It lasts ${clock(duration_s)}; this endpoint takes up to ${clock(most_s)}.`;
      throw new Refusal("This recording is too long", `${times} Send a part of it.`);
    }
    if (recording.blob.size > most_bytes) {
      if (keepsChannels) throw tooBig("Made smaller, it would have one channel. In the options, take all channels together, or send a part of it.");
      if (!isPlayable) throw tooBig(COMPRESS);
      onStage("Making it smaller", null);
      recording.samples = await decode(recording.blob);
      signal.throwIfAborted();
      const report = (share) => !signal.aborted && onStage("Making it smaller", share);
      const packed = recording.samples && (await pack(recording.samples, most_bytes, report));
      signal.throwIfAborted();
      if (!packed) throw tooBig(`This browser cannot make it small enough. ${COMPRESS}`);
      recording.blob = packed;
    }
  }
  onStage("Sending", null);
  const onProgress = (share) => (share < 1 ? onStage("Sending", share) : onStage("Transcribing", null));
  const sent = transcribe(recording.blob, { key, query, signal, onProgress });
  // The picture is made while the endpoint works.
  const [reply, samples] = await Promise.all([sent, recording.samples ?? decode(recording.blob)]);
  signal.throwIfAborted(); // when the reply was there and the picture was not
  recording.samples = samples;
  return reply;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
