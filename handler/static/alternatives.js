// What else a word may have been: the seconds around it are sent once more, and what is heard in them, and may have been
// said instead, is compared with what is written.

// In so much of a recording, words are heard as they are in all of it (benchmarks/word_alternatives.py).
const AROUND_S = 2.5;
// What is sent where no other word is near enough to end it.
const MARGIN_S = 0.6;
// As many as a key can choose among.
const MOST = 8;
// A longer stretch that is another one is another text, rather than another word.
const LONGEST_WORDS = 3;

/** What POST transcribe is asked for, to list alternatives. */
export const FIELDS = { word_alternatives: String(MOST), text_style: "spoken" };

/**
 * Returns which words are sent to ask about word `i`, those near it of the same speaker, and the time that they take.
 * @returns {{first: number, last: number, start_s: number, end_s: number}}
 */
export function around(words, i, duration_s) {
  const { start, end, channel } = words[i];
  const isNear = (word) => word.channel === channel && word.start >= start - AROUND_S && word.end <= end + AROUND_S;
  let [first, last] = [i, i];
  while (first > 0 && isNear(words[first - 1]) && words[first - 1].start <= words[first].start) first -= 1;
  while (last < words.length - 1 && isNear(words[last + 1]) && words[last + 1].start >= words[last].start) last += 1;
  const cut = (before, after, edge) => (before && after && before.end <= after.start && after.start - before.end < 2 * MARGIN_S ? (before.end + after.start) / 2 : edge);
  return {
    first,
    last,
    start_s: cut(words[first - 1], words[first], Math.max(0, words[first].start - MARGIN_S)),
    end_s: cut(words[last], words[last + 1], Math.min(duration_s, words[last].end + MARGIN_S)),
  };
}

/**
 * Returns what word `i` may be instead, the likeliest first.
 * @param {object[]} words of the transcript
 * @param {number} i
 * @param {{first: number, last: number}} asked which words were sent
 * @param {object[]} heard the words of the reply, with what each may be instead
 * @returns {{first: number, last: number, text: string}[]} what may be written for which words
 */
export function choices(words, i, { first, last }, heard) {
  const spoken = []; // several are written as one: "9:30"
  for (let n = first; n <= last; n++) for (const text of words[n].spoken.split(" ")) spoken.push({ text, owner: n });
  const before = spoken.map(({ text }) => text);
  const isWritten = words.some(({ text }) => text !== text.toLowerCase());
  const found = new Map();
  for (const text of texts(heard)) {
    for (const { from, to, instead } of changes(before, text)) {
      if (!spoken.slice(from, to).some(({ owner }) => owner === i)) continue;
      const [a, b] = [spoken[from].owner, spoken[to - 1].owner];
      const left = spoken.filter(({ owner }, n) => owner === a && n < from);
      const right = spoken.filter(({ owner }, n) => owner === b && n >= to);
      const made = [...left.map((each) => each.text), ...instead, ...right.map((each) => each.text)];
      const choice = { first: a, last: b, text: isWritten ? written(made, words[a], words[b]) : made.join(" ") };
      found.set(JSON.stringify(choice), choice);
    }
  }
  return [...found.values()].slice(0, MOST);
}

// All texts that the reply tells of, the likeliest first: what was heard, and that with one change.
function texts(heard) {
  const again = heard.map(({ word }) => word);
  const all = [{ score: 0, text: again }];
  for (const [n, { alternatives = [] }] of heard.entries()) {
    for (const { text, words, score } of alternatives) {
      all.push({ score, text: [...again.slice(0, n), ...text.split(" ").filter(Boolean), ...again.slice(n + words)] });
    }
  }
  return all.sort((a, b) => b.score - a.score).map(({ text }) => text);
}

/**
 * Returns where words of one text are others in another: words from `from` to before `to` are `instead`. Where as many
 * are others, each is a change of its own; what is only missing is none (hark/word_alternatives.py).
 */
export function changes(one, other) {
  const found = [];
  for (const { from, to, instead } of differences(one, other)) {
    if (to - from === instead.length) found.push(...instead.map((word, n) => ({ from: from + n, to: from + n + 1, instead: [word] })));
    else if (from < to && to - from <= LONGEST_WORDS && instead.length <= LONGEST_WORDS) found.push({ from, to, instead });
  }
  return found;
}

// By the longest sequence of words that both have.
function differences(one, other) {
  const lengths = Array.from({ length: one.length + 1 }, () => new Uint16Array(other.length + 1));
  for (let i = one.length - 1; i >= 0; i--) {
    for (let j = other.length - 1; j >= 0; j--) {
      lengths[i][j] = one[i] === other[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const found = [];
  let [i, j, from, start] = [0, 0, 0, 0];
  const end = () => (i > from || j > start) && found.push({ from, to: i, instead: other.slice(start, j) });
  while (i < one.length && j < other.length) {
    if (one[i] === other[j]) {
      end();
      [i, j] = [i + 1, j + 1];
      [from, start] = [i, j];
    } else if (lengths[i + 1][j] >= lengths[i][j + 1]) i++;
    else j++;
  }
  [i, j] = [one.length, other.length];
  end();
  return found;
}

// Spoken words as they are written in the place of others: with their capital, and the mark behind them.
function written(spoken, { text }, { mark }) {
  if (!spoken.length) return "";
  const words = spoken.map((word) => (word === "i" || word.startsWith("i'") ? `I${word.slice(1)}` : word));
  if (/^\p{Lu}/u.test(text) && !/^I\b/.test(text)) words[0] = words[0][0].toUpperCase() + words[0].slice(1);
  return words.join(" ") + mark;
}
