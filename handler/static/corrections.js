// Corrections -> recordings with their texts, as training wants them: a manifest of one JSON object a line, and the
// stretches of the recording that it names (training/manifest.py, docs/training.md).

import { segmentsOf, textOf } from "./edits.js";
import { RATE_HZ, wav } from "./sound.js";
import { zip } from "./zip.js";

// A little of the silence around words belongs to them: consonants are longer than their letters.
const MARGIN_S = 0.15;
// Corrected subtitles in a row are one utterance, up to this long: the longer, the more a network hears around a word.
const LONGEST_S = 15;
const PAUSE_S = 1;

/** Returns the stretches in which something was corrected: {start, end, text}. */
export function stretches(transcript) {
  const found = [];
  let before = null;
  const segments = segmentsOf(transcript).map(({ words }) => ({
    ...{ start: words[0].start, end: words.at(-1).end, text: textOf(words) },
    isCorrected: words.some(({ parts }) => !parts),
  }));
  for (const [i, segment] of segments.entries()) {
    const last = found.at(-1);
    if (segment.isCorrected) {
      const start = Math.max(segments[i - 1]?.end ?? 0, segment.start - MARGIN_S);
      const end = Math.max(segment.end, Math.min(segments[i + 1]?.start ?? transcript.duration, segment.end + MARGIN_S));
      const goesOn = before?.isCorrected && segment.start - before.end < PAUSE_S && end - last.start < LONGEST_S;
      if (goesOn) Object.assign(last, { end, text: `${last.text} ${segment.text}` });
      else found.push({ start: Math.min(start, segment.start), end, text: segment.text });
    }
    before = segment;
  }
  return found.filter(({ start, end }) => end > start);
}

/**
 * Packs the corrected stretches: `manifest.jsonl`, and a WAV file for each of its lines.
 * @param {object} transcript
 * @param {Float32Array} samples of the recording, at RATE_HZ
 * @param {string} stem what the recordings are named after
 * @returns {Promise<Blob>} a ZIP archive
 */
export async function corrections(transcript, samples, stem) {
  const [files, lines] = [[], []];
  for (const [i, { start, end, text }] of stretches(transcript).entries()) {
    const name = `${stem}-${String(i + 1).padStart(4, "0")}.wav`;
    const part = samples.subarray(Math.floor(start * RATE_HZ), Math.ceil(end * RATE_HZ));
    files.push([name, new Uint8Array(await wav(part).arrayBuffer())]);
    const duration = Math.round((part.length / RATE_HZ) * 1000) / 1000;
    lines.push(`${JSON.stringify({ audio_filepath: name, duration, text })}\n`);
  }
  return zip([["manifest.jsonl", lines.join("")], ...files]);
}
