// A transcript as a value that never changes, and what makes another one of it: corrections, splits, joins, names.
//
// A transcript is {paragraphs, duration}; a paragraph {speaker, words}; a word {text, mark, spoken, start, end,
// confidence, segment, parts}. `mark` is what follows the text, `spoken` what was heard, `segment` the number of the
// subtitle that the word came in. `parts` are the reply's own words, of which several may be written as one ("9:30
// a.m."); a word that somebody corrected has none. Words are counted through all paragraphs.

// Subtitles are too short to be read one by one: they are joined to sentences, and these to paragraphs, up to a pause or
// for so long. Only a sentence that goes on and on is parted.
const PAUSE_S = 1;
const LONGEST_PARAGRAPH_S = 30;
const LONGEST_SENTENCE_S = 60;
// What a word that was left out is given where there is silence enough.
const INSERTED_WORD_S = 0.3;

// Those of all scripts, as hark/pauses.py writes them, and some that people write.
const MARKS = /^(.*?[^.,?!;:…،؛؟۔।॥、。，！？；：։՞፣።၊။])([.,?!;:…،؛؟۔।॥、。，！？；：։՞፣።၊။]+["'”’)»]*)$/u;

/** Makes a transcript of a reply of POST transcribe. */
export function fromReply(reply) {
  const words = readable(reply);
  const sentences = sentencesOf(reply, words);
  const names = namesOf(reply);
  const paragraphs = [];
  let previous = null;
  for (const sentence of sentences) {
    const last = paragraphs.at(-1);
    const goesOn =
      last &&
      last.channel === sentence.channel &&
      sentence.start - previous.end < PAUSE_S &&
      sentence.end - last.start < LONGEST_PARAGRAPH_S;
    if (goesOn) last.words.push(...sentence.words);
    else paragraphs.push({ ...sentence, words: [...sentence.words] });
    previous = sentence;
  }
  return {
    duration: reply.duration,
    paragraphs: paragraphs.map(({ channel, words: own }) => ({ speaker: names.get(channel) ?? "", words: own })),
  };
}

/** Returns all words of a transcript in their order. The list is kept: do not change it. */
export function wordsOf(transcript) {
  if (!FLAT.has(transcript)) FLAT.set(transcript, transcript.paragraphs.flatMap(({ words }) => words));
  return FLAT.get(transcript);
}

const FLAT = new WeakMap();

/** Returns the text of words as it is read. */
export function textOf(words) {
  return words.map(({ text, mark }) => text + mark).join(" ");
}

/** Returns the paragraph that word `i` is in: {number, first}, `first` being its first word. */
export function placeOf({ paragraphs }, i) {
  let first = 0;
  for (const [number, { words }] of paragraphs.entries()) {
    if (i < first + words.length) return { number, first };
    first += words.length;
  }
  return null;
}

/**
 * Writes other text for the words from `first` to `last`, within the first one's paragraph. Words that the new text has
 * as well keep their times, those that changed share the time of the words they replace, in proportion to their letters,
 * and those that were missing share the silence that they stand in. What somebody wrote is certain.
 */
export function correct(transcript, first, last, text) {
  const place = placeOf(transcript, first);
  const { speaker, words } = transcript.paragraphs[place.number];
  const from = first - place.first;
  const old = words.slice(from, last - place.first + 1);
  if (text.trim() === textOf(old)) return transcript;
  const flat = wordsOf(transcript);
  const neighbours = [flat[first - 1], flat[first + old.length]];
  const made = rewritten(old, tokens(text, old), neighbours, transcript.duration);
  const kept = [...words.slice(0, from), ...made, ...words.slice(from + old.length)];
  return withParagraphs(transcript, place.number, 1, kept.length ? [{ speaker, words: kept }] : []);
}

/** Begins a paragraph at word `i`. */
export function split(transcript, i) {
  const { number, first } = placeOf(transcript, i);
  if (i === first) return transcript;
  const { speaker, words } = transcript.paragraphs[number];
  const parts = [words.slice(0, i - first), words.slice(i - first)];
  return withParagraphs(transcript, number, 1, parts.map((part) => ({ speaker, words: part })));
}

/** Joins the paragraph that word `i` is in to the one before. */
export function join(transcript, i) {
  const { number } = placeOf(transcript, i);
  if (number === 0) return transcript;
  const [before, after] = transcript.paragraphs.slice(number - 1, number + 1);
  const joined = { speaker: before.speaker, words: [...before.words, ...after.words] };
  return withParagraphs(transcript, number - 1, 2, [joined]);
}

/** Says who speaks in the paragraph that word `i` is in, or, `everywhere`, in all that had the same name. */
export function name(transcript, i, speaker, everywhere) {
  const { number } = placeOf(transcript, i);
  const { speaker: before } = transcript.paragraphs[number];
  if (speaker === before) return transcript;
  const paragraphs = transcript.paragraphs.map((paragraph, n) => {
    return n === number || (everywhere && paragraph.speaker === before) ? { ...paragraph, speaker } : paragraph;
  });
  return { ...transcript, paragraphs };
}

/** Returns the names of those who speak, in the order in which they begin to. */
export function speakersOf({ paragraphs }) {
  return [...new Set(paragraphs.map(({ speaker }) => speaker))].filter(Boolean);
}

/**
 * Finds a text in all paragraphs.
 * @returns {{first: number, last: number, text: string}[]} the words of each place, and what they become when what was
 *     found in them is replaced.
 */
export function find(transcript, query, { replacement = "", matchCase = false } = {}) {
  return matches(transcript, query, matchCase).map((match) => ({ ...match.range, text: replaced([match], replacement) }));
}

/** Replaces a text wherever it is found. */
export function replaceAll(transcript, query, { replacement, matchCase = false }) {
  const groups = []; // those in the same words are replaced together
  for (const match of matches(transcript, query, matchCase)) {
    const last = groups.at(-1);
    if (last && match.range.first <= last.at(-1).range.last) last.push(match);
    else groups.push([match]);
  }
  // From the end, so that the numbers of the words before stay right.
  return groups.reduceRight((changed, group) => {
    const [{ first }, { last }] = [group[0].range, group.at(-1).range];
    return correct(changed, first, last, replaced(group, replacement));
  }, transcript);
}

/**
 * Returns the transcript as a reply of POST transcribe. What nobody changed is what the endpoint sent, to the letter.
 * Words that somebody wrote have `corrected`; segments have a `speaker` where there is one.
 */
export function toReply(transcript, reply) {
  const hasMarks = reply.words.some(({ written }) => written !== undefined);
  const segments = segmentsOf(transcript).map(({ words, speaker }, id) => ({
    ...{ id, start: words[0].start, end: words.at(-1).end, text: textOf(words) },
    confidence: rounded(Math.exp(mean(words.map(({ confidence }) => Math.log(Math.max(confidence, 1e-6)))))),
    ...(speaker && { speaker }),
  }));
  const words = wordsOf(transcript).flatMap(
    ({ parts, text, mark, start, end, confidence, channel }) =>
      parts ?? [
        {
          word: hasMarks ? spokenForm(text) : text,
          ...(hasMarks && { written: text, punctuation: mark }),
          ...{ start: rounded(start), end: rounded(end), confidence, corrected: true },
          ...(channel !== undefined && { channel }),
        },
      ],
  );
  return { ...reply, text: textOf(wordsOf(transcript)), words, segments };
}

/** Returns the subtitles' words: {words, speaker}. A paragraph's end ends a subtitle. */
export function segmentsOf({ paragraphs }) {
  const segments = [];
  for (const { speaker, words } of paragraphs) {
    let number = null;
    for (const word of words) {
      if (word.segment !== number) segments.push({ speaker, words: [] });
      segments.at(-1).words.push(word);
      number = word.segment;
    }
  }
  return segments;
}

// --- a reply's words, as they are read ------------------------------------------------------------------------------

/**
 * Returns a reply's words. Of several that are written as one, `spoken` is all of them and the confidence that of the least
 * certain. Words of an endpoint that writes no readable text are as they were spoken.
 */
export function readable({ words }) {
  const found = [];
  const latest = new Map(); // of each channel
  for (const part of words) {
    const { word, written, punctuation, start, end, confidence, channel } = part;
    const before = latest.get(channel);
    if (written === "" && before) {
      before.spoken += ` ${word}`;
      before.end = end;
      before.confidence = Math.min(before.confidence, confidence);
      before.parts.push(part);
    } else {
      const made = { text: written || word, mark: punctuation ?? "", spoken: word, start, end, confidence, channel, parts: [part] };
      latest.set(channel, made);
      found.push(made);
    }
  }
  return found;
}

// The names of channels by their numbers; none where channels do not tell speakers apart.
function namesOf({ channels = [] }) {
  const distinct = channels.filter(({ same_as }) => same_as === undefined);
  return new Map(distinct.length > 1 ? distinct.map(({ channel, name }) => [channel, name]) : []);
}

// Joins segments to sentences: {start, end, channel, words}. Without marks nobody knows where one ends: each segment is one.
function sentencesOf({ words: spoken, segments }, words) {
  const hasMarks = spoken.some(({ written }) => written !== undefined);
  const queues = new Map();
  for (const word of words) {
    if (!queues.has(word.channel)) queues.set(word.channel, { words: [], next: 0 });
    queues.get(word.channel).words.push(word);
  }
  const sentences = [];
  let open = false;
  for (const [i, { start, end, text, channel }] of segments.entries()) {
    const queue = queues.get(channel) ?? { words: [], next: 0 };
    const own = queue.words.slice(queue.next, queue.next + countIn(text, queue.words, queue.next));
    queue.next += own.length;
    for (const word of own) word.segment = i;
    const last = sentences.at(-1);
    if (open && last.channel === channel && end - last.start < LONGEST_SENTENCE_S) {
      last.end = end;
      last.words.push(...own);
    } else if (own.length) sentences.push({ start, end, channel, words: own });
    open = hasMarks && sentences.length > 0 && !endsSentence(text, segments[i + 1]?.text ?? "");
  }
  return sentences;
}

// The full stop of an abbreviation ends none: "9 a.m. on".
function endsSentence(text, following) {
  return /[.?!؟۔।。！？։՞።။]$/u.test(text) && !(text.endsWith(".") && /^\p{Ll}/u.test(following));
}

// Counts the words that a segment's text is made of, joined by spaces; what is written of one may have spaces in it.
function countIn(text, words, first) {
  let [count, length] = [0, -1];
  while (first + count < words.length && length < text.length) {
    length += 1 + words[first + count].text.length + words[first + count].mark.length;
    count += 1;
  }
  return count;
}

// --- words that somebody wrote --------------------------------------------------------------------------------------

// Parts a text into words. What is written with a space inside ("9:30 a.m.") stays one if it was.
function tokens(text, old) {
  const spaced = old.map((word) => word.text).filter((each) => each.includes(" "));
  const found = [];
  let rest = text.trim();
  while (rest) {
    const whole = spaced.find((each) => rest.startsWith(each) && !/^[\p{L}\p{N}]/u.test(rest.slice(each.length)));
    const length = (whole?.length ?? 0) + rest.slice(whole?.length ?? 0).search(/\s|$/);
    const token = rest.slice(0, length);
    const [, body, mark] = whole ? [null, whole, token.slice(whole.length)] : (MARKS.exec(token) ?? [null, token, ""]);
    found.push({ text: body, mark });
    rest = rest.slice(length).trim();
  }
  return found;
}

function rewritten(old, written, [before, after], duration) {
  const made = [];
  let [i, j] = [0, 0];
  for (const [a, b] of [...inCommon(old, written), [old.length, written.length]]) {
    made.push(...shared(old.slice(i, a), written.slice(j, b), old[i - 1] ?? before, old[a] ?? after, duration));
    if (a < old.length) made.push(touched(old[a], written[b]));
    [i, j] = [a + 1, b + 1];
  }
  return made;
}

// A word of which at most capitals and the mark changed is where it was.
function touched(word, { text, mark }) {
  if (word.text === text && word.mark === mark) return word;
  const { parts, ...kept } = word;
  return { ...kept, text, mark, confidence: 1 };
}

function shared(old, written, before, after, duration) {
  if (!written.length) return [];
  const [like] = [...old, before ?? after];
  const { start, end } = old.length ? { start: old[0].start, end: old.at(-1).end } : silence(written.length, before, after, duration);
  const letters = written.map(({ text }) => text.length);
  const all = letters.reduce((sum, count) => sum + count, 0);
  let heard = 0;
  return written.map(({ text, mark }, i) => {
    const from = start + ((end - start) * heard) / all;
    heard += letters[i];
    const to = start + ((end - start) * heard) / all;
    return { text, mark, spoken: spokenForm(text), start: from, end: to, confidence: 1, segment: like?.segment, channel: like?.channel };
  });
}

function silence(count, before, after, duration) {
  const start = before?.end ?? Math.max(0, after.start - count * INSERTED_WORD_S);
  const end = Math.min(after?.start ?? duration, start + count * INSERTED_WORD_S);
  return { start, end: Math.max(start, end) };
}

// The longest sequence of words that both have: pairs of places. But for capitals and marks, words are the same.
function inCommon(old, written) {
  const [a, b] = [old, written].map((words) => words.map(({ text }) => text.toLowerCase()));
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i][j] = a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) i++;
    else j++;
  }
  return pairs;
}

function spokenForm(text) {
  return text.toLowerCase();
}

function withParagraphs(transcript, at, count, made) {
  const { paragraphs } = transcript;
  return { ...transcript, paragraphs: [...paragraphs.slice(0, at), ...made, ...paragraphs.slice(at + count)] };
}

// --- finding --------------------------------------------------------------------------------------------------------

// Every place: its words' numbers, the text of its paragraph, where the words and what was found begin and end in that.
function matches(transcript, query, matchCase) {
  const wanted = query.trim().split(/\s+/).map(escaped).join("\\s+");
  if (!wanted) return [];
  const pattern = new RegExp(wanted, matchCase ? "gu" : "giu");
  const found = [];
  let next = 0;
  for (const { words } of transcript.paragraphs) {
    const text = textOf(words);
    const starts = [];
    let at = 0;
    for (const word of words) {
      starts.push(at);
      at += word.text.length + word.mark.length + 1;
    }
    for (const { index, 0: match } of text.matchAll(pattern)) {
      const [first, last] = [holder(starts, index), holder(starts, index + match.length - 1)];
      const [from, to] = [starts[first], (starts[last + 1] ?? text.length + 1) - 1];
      found.push({ range: { first: next + first, last: next + last }, text, from, to, index, end: index + match.length });
    }
    next += words.length;
  }
  return found;
}

// The words of places next to each other, with what was found replaced.
function replaced(group, replacement) {
  const { text } = group[0];
  let [made, at] = ["", group[0].from];
  for (const { index, end } of group) {
    made += text.slice(at, index) + replacement;
    at = end;
  }
  return made + text.slice(at, group.at(-1).to);
}

// Which of the rising numbers is the last that is not above a number.
function holder(starts, at) {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function rounded(number) {
  return Math.round(number * 1e4) / 1e4;
}
