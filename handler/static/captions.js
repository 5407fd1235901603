// A reply -> the files people take away, made here: no second upload. The layout of subtitles is hark/cues.py's and
// hark/subtitles.py's; a test holds that both give the same files.

const MOST_LINES = 2;
const LINE_CHARACTERS = 42;
const SHORTEST_S = 1;
const LONGEST_S = 7;

/** File name extension -> [media type, the reply as text of that format]. */
export const FORMATS = {
  txt: ["text/plain", (reply) => `${reply.text}\n`],
  srt: ["application/x-subrip", srt],
  vtt: ["text/vtt", vtt],
  json: ["application/json", (reply) => `${JSON.stringify(reply, null, 2)}\n`],
};

function srt(reply) {
  return cues(reply)
    .map(({ start_ms, end_ms, lines }, i) => `${i + 1}\n${time(start_ms, ",")} --> ${time(end_ms, ",")}\n${lines.join("\n")}\n`)
    .join("\n");
}

function vtt(reply) {
  const escape = (line) => line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const parts = cues(reply).map(
    ({ start_ms, end_ms, lines }) => `\n${time(start_ms, ".")} --> ${time(end_ms, ".")}\n${lines.map((line) => `${escape(line)}\n`).join("")}`,
  );
  return `WEBVTT\n${parts.join("")}`;
}

function cues(reply) {
  let last_ms = 0;
  return reply.segments.flatMap(screens).map(({ start, end, lines }) => {
    const start_ms = Math.max(round(start * 1000), last_ms);
    const shown_s = Math.min(Math.max(end - start_ms / 1000, SHORTEST_S), LONGEST_S);
    last_ms = start_ms + round(shown_s * 1000);
    return { start_ms, end_ms: last_ms, lines };
  });
}

// Halves go to the even neighbour, as in Python.
function round(number) {
  const up = Math.round(number);
  return up - number === 0.5 && up % 2 ? up - 1 : up;
}

// A segment fits one screen, but for a word of more than two lines.
function screens({ start, end, text }) {
  const lines = linesOf(text);
  const line_s = (end - start) / lines.length;
  const parts = [];
  for (let first = 0; first < lines.length; first += MOST_LINES) {
    const last = Math.min(first + MOST_LINES, lines.length);
    parts.push({ start: start + first * line_s, end: start + last * line_s, lines: lines.slice(first, last) });
  }
  return parts;
}

// One line, or two as equal as words allow, or as many as it takes.
function linesOf(text) {
  if (text.length <= LINE_CHARACTERS) return text ? [text] : [];
  const longer = (i) => Math.max(i, text.length - i - 1);
  const spaces = [...text.matchAll(/ /g)].map(({ index }) => index);
  const at = spaces.reduce((best, i) => (longer(i) < longer(best) ? i : best), spaces[0] ?? 0);
  if (spaces.length && longer(at) <= LINE_CHARACTERS) return [text.slice(0, at), text.slice(at + 1)];
  return wrap(text.split(" "));
}

function wrap(words) {
  const lines = [];
  let line = "";
  for (let word of words) {
    while (word) {
      const before = line && `${line} `;
      const room = LINE_CHARACTERS - before.length;
      // Only a word longer than a line is broken; it fills the line it begins on.
      const fits = word.length <= room ? word.length : word.length > LINE_CHARACTERS ? Math.max(0, room) : 0;
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
