// Files -> samples, and samples -> files small enough to send.

import { encode } from "./opus.js";

/** What the model hears; more would be sent for nothing. */
export const RATE_HZ = 16000;

// A decoded hour at a phone's rate is a gigabyte; a tab that tries dies without a word.
const LARGEST_DECODED_BYTES = 250e6;
const LONGEST_DECODED_S = 4500;
const METADATA_MS = 4000;

/**
 * Decodes what this browser can decode.
 * @param {Blob} blob
 * @param {number | null} duration_s how long it lasts, as far as that is known
 * @returns {Promise<Float32Array | null>} mono samples at RATE_HZ; null where the browser cannot, or the tab would die of it.
 */
export async function decode(blob, duration_s = null) {
  if (blob.size > LARGEST_DECODED_BYTES || duration_s > LONGEST_DECODED_S) return null;
  try {
    const buffer = await new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(await blob.arrayBuffer());
    const mono = buffer.getChannelData(0).slice();
    for (let channel = 1; channel < buffer.numberOfChannels; channel++) {
      const samples = buffer.getChannelData(channel);
      for (let i = 0; i < mono.length; i++) mono[i] += samples[i];
    }
    if (buffer.numberOfChannels > 1) for (let i = 0; i < mono.length; i++) mono[i] /= buffer.numberOfChannels;
    return mono.length ? mono : null;
  } catch {
    return null;
  }
}

/**
 * Asks the browser what a file is, without decoding it.
 * @param {Blob} blob
 * @returns {Promise<{isPlayable: boolean, duration_s: number | null}>} null: the file does not say.
 */
export function probe(blob) {
  return new Promise((resolve) => {
    const audio = new Audio();
    const url = URL.createObjectURL(blob);
    const done = (isPlayable) => {
      clearTimeout(timer);
      resolve({ isPlayable, duration_s: Number.isFinite(audio.duration) ? audio.duration : null });
      audio.removeAttribute("src");
      URL.revokeObjectURL(url);
    };
    const timer = setTimeout(done, METADATA_MS, false);
    audio.preload = "metadata";
    audio.onloadedmetadata = () => done(true);
    audio.onerror = () => done(false);
    audio.src = url;
  });
}

/** Returns mono samples as a 16-bit WAV file. @param {Float32Array} samples @returns {Blob} */
export function wav(samples, rate_hz = RATE_HZ) {
  const data = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const write = (offset, text) => [...text].forEach((letter, i) => data.setUint8(offset + i, letter.charCodeAt(0)));
  write(0, "RIFF");
  data.setUint32(4, 36 + 2 * samples.length, true);
  write(8, "WAVEfmt ");
  data.setUint32(16, 16, true);
  data.setUint16(20, 1, true); // PCM
  data.setUint16(22, 1, true); // one channel
  data.setUint32(24, rate_hz, true);
  data.setUint32(28, rate_hz * 2, true);
  data.setUint16(32, 2, true);
  data.setUint16(34, 16, true);
  write(36, "data");
  data.setUint32(40, 2 * samples.length, true);
  for (let i = 0; i < samples.length; i++) {
    data.setInt16(44 + 2 * i, Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767), true);
  }
  return new Blob([data], { type: "audio/wav" });
}

/**
 * Returns samples as a file of at most `most_bytes`: WAV, which loses nothing, or else Ogg Opus.
 * @param {Float32Array} samples
 * @param {number} most_bytes
 * @param {(share: number) => void} onProgress told how much of it is encoded, 0..1
 * @returns {Promise<Blob | null>} null where neither fits or the browser has no Opus encoder.
 */
export async function pack(samples, most_bytes, onProgress = () => {}) {
  if (44 + 2 * samples.length <= most_bytes) return wav(samples);
  const blob = await encode(samples, RATE_HZ, onProgress);
  return blob && blob.size <= most_bytes ? blob : null;
}
