// A transcript -> the files people take away, made here: no second upload. The layout of subtitles is hark/cues.py's and
// hark/subtitles.py's; a test holds that both give the same files.

import { clock } from "./clock.js";
import { docx } from "./docx.js";
import { textOf } from "./edits.js";

/** How much a subtitle holds unless somebody asks for another width. */
export const LAYOUT = { line_characters: 42, lines: 2 };

const SHORTEST_S = 1;
const LONGEST_S = 7;

/**
 * File name extension -> [media type, (reply, {transcript, isChanged, title, layout}) => the file's content]. The reply
 * is that of the transcript as somebody may have corrected it.
 */
export const FORMATS = {
  txt: ["text/plain", (reply, { transcript, isChanged }) => `${isChanged ? paragraphs(transcript) : reply.text}\n`],
  srt: ["application/x-subrip", srt],
  vtt: ["text/vtt", vtt],
  docx: ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", (reply, { transcript, title }) => docx(transcript, title)],
  json: ["application/json", (reply) => `${JSON.stringify(reply, null, 2)}\n`],
};

/** Returns a transcript as text, each paragraph with the moment it begins and who speaks. */
export function timedText({ paragraphs }) {
  return paragraphs.map(({ speaker, words }) => `[${clock(words[0].start)}] ${speaker && `${speaker}: `}${textOf(words)}`).join("\n");
}

function paragraphs({ paragraphs: all }) {
  return all.map(({ speaker, words }) => `${speaker && `${speaker}: `}${textOf(words)}`).join("\n\n");
}

function srt(reply, { layout = LAYOUT } = {}) {
  return cues(reply, layout, true)
    .map(({ start_ms, end_ms, lines }, i) => `${i + 1}\n${time(start_ms, ",")} --> ${time(end_ms, ",")}\n${lines.join("\n")}\n`)
    .join("\n");
}

function vtt(reply, { layout = LAYOUT } = {}) {
  const escape = (line) => line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const parts = cues(reply, layout, false).map(({ start_ms, end_ms, lines, speaker }) => {
    const text = lines.map(escape).join("\n");
    return `\n${time(start_ms, ".")} --> ${time(end_ms, ".")}\n${speaker ? `<v ${escape(speaker)}>${text}</v>` : text}\n`;
  });
  return `WEBVTT\n${parts.join("")}`;
}

// Those of a channel follow each other without overlap; two who speak at once are shown at once. `named`: who speaks
// stands before the text.
function cues(reply, layout, named) {
  const names = new Map((reply.channels ?? []).filter(({ same_as }) => same_as === undefined).map(({ channel, name }) => [channel, name]));
  const last_ms = new Map();
  const made = reply.segments.flatMap((segment) => {
    const speaker = segment.speaker ?? (names.size > 1 ? names.get(segment.channel) : "") ?? "";
    return screens(segment, layout, named && speaker ? `${speaker}:` : "").map(({ start, end, lines }) => {
      const start_ms = Math.max(round(start * 1000), last_ms.get(segment.channel) ?? 0);
      const shown_s = Math.min(Math.max(end - start_ms / 1000, SHORTEST_S), LONGEST_S);
      last_ms.set(segment.channel, start_ms + round(shown_s * 1000));
      return { start_ms, end_ms: last_ms.get(segment.channel), lines, speaker };
    });
  });
  return made.sort((a, b) => a.start_ms - b.start_ms);
}

// Halves go to the even neighbour, as in Python.
function round(number) {
  const up = Math.round(number);
  return up - number === 0.5 && up % 2 ? up - 1 : up;
}

// A segment fits one screen, but for a word of more than two lines, narrower lines and what somebody wrote.
function screens({ start, end, text }, layout, lead) {
  const hasLeadLine = lead.length > layout.line_characters / 2;
  const lines = linesOf(text && lead && !hasLeadLine ? `${lead} ${text}` : text, layout);
  const line_s = (end - start) / lines.length;
  const parts = [];
  for (let first = 0; first < lines.length; first += layout.lines) {
    const last = Math.min(first + layout.lines, lines.length);
    const shown = [...(hasLeadLine ? [lead] : []), ...lines.slice(first, last)];
    parts.push({ start: start + first * line_s, end: start + last * line_s, lines: shown });
  }
  return parts;
}

// One line, or two as equal as words allow, or as many as it takes.
function linesOf(text, { line_characters: most, lines }) {
  if (text.length <= most) return text ? [text] : [];
  const longer = (i) => Math.max(i, text.length - i - 1);
  const spaces = [...text.matchAll(/ /g)].map(({ index }) => index);
  const at = spaces.reduce((best, i) => (longer(i) < longer(best) ? i : best), spaces[0] ?? 0);
  if (spaces.length && lines > 1 && longer(at) <= most) return [text.slice(0, at), text.slice(at + 1)];
  return wrap(text.split(" "), most);
}

function wrap(words, most) {
  const lines = [];
  let line = "";
  for (let word of words) {
    while (word) {
      const before = line && `${line} `;
      const room = most - before.length;
      // Only a word longer than a line is broken; it fills the line it begins on.
      const fits = word.length <= room ? word.length : word.length > most ? Math.max(0, room) : 0;
      if (fits) line = before + word.slice(0, fits);
      word = word.slice(fits);
      if (word) {
        lines.push(line);
        line = "";
      }
    }
  }
  return line ? [...lines, line] : lines;
}

function time(ms, point) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  return `${two(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)}${point}${String(ms % 1000).padStart(3, "0")}`;
}
