// The last seconds, heard again and again -> text, of which stays what two passes agree on.
//
// Source: Macháček, Dabre and Bojar, "Turning Whisper into Real-Time Transcription System", 2023 (LocalAgreement-2). A word
// is as edits.js has it, its times since the recording began: {text, mark, spoken, start, end, parts}.

// Until another word or so much silence follows, a word may be the beginning of a longer one, and no sentence ends with it.
const CLEAR_S = 0.7;
// A longer window is cut to this, where a sentence or a pause ends ...
const LONGEST_S = 6;
const SHORTENED_S = 4;
const PAUSE_S = 0.5;
// ... or else among the settled words, so many seconds before the last of them ends: the next are heard with some context.
const CONTEXT_S = 2;
// Before the first word of a window: sounds begin before they are heard as a word.
const LEAD_S = 0.3;

/** What was said: words that stay, and after them words that the next pass may change. */
export class Agreement {
  #settled = [];
  #open = [];

  /** The words that stay. */
  get settled() {
    return this.#settled;
  }

  /** The words after them, as the last pass heard them. */
  get open() {
    return this.#open;
  }

  /**
   * Takes what a pass heard; what the pass before heard as well is settled.
   * @param {object[]} words in their order; those that are settled already may be among them
   * @param {number} end_s where what it heard ends
   */
  hear(words, end_s) {
    const fresh = this.#after(words);
    const heard = fresh.map((word, i) => {
      const isCut = i === fresh.length - 1 && end_s - word.end < CLEAR_S;
      return isCut ? { ...word, mark: "", isCut } : word;
    });
    let agreed = 0;
    while (agreed < Math.min(heard.length, this.#open.length) && isSame(heard[agreed], this.#open[agreed])) agreed++;
    this.#settled.push(...heard.slice(0, agreed));
    this.#open = heard.slice(agreed);
  }

  /** Settles what ended before a time, agreed on or not. Returns whether there was something. */
  freeze(before_s) {
    const count = this.#open.findLastIndex(({ end }) => end < before_s) + 1;
    this.#settled.push(...this.#open.splice(0, count));
    return count > 0;
  }

  /**
   * Returns where the next pass begins to listen: where this one did, or later where that is long ago.
   * @param {number} start_s where this one did
   * @param {number} end_s where it ended
   */
  trimmed(start_s, end_s) {
    if (end_s - start_s <= LONGEST_S) return start_s;
    const joints = this.#joints(start_s);
    const last_s = this.#settled.at(-1)?.end ?? start_s;
    const found = joints.find(({ isPause, at_s }) => isPause && end_s - at_s <= SHORTENED_S) ?? joints.find(({ at_s }) => at_s >= last_s - CONTEXT_S);
    if (found) return found.at_s;
    const first_s = this.#open.length ? this.#open[0].start - LEAD_S : Infinity;
    return Math.max(start_s, Math.min(first_s, end_s - SHORTENED_S));
  }

  // Where the window may begin: between two words of which the first one is settled.
  #joints(start_s) {
    const found = [];
    const words = [...this.#settled.slice(this.#settled.findLastIndex(({ start }) => start < start_s) + 1), ...this.#open.slice(0, 1)];
    for (let i = 1; i < words.length; i++) {
      const [before, after] = [words[i - 1], words[i]];
      const isPause = /[.?!؟۔।。！？։՞።။]/u.test(before.mark) || after.start - before.end >= PAUSE_S;
      found.push({ isPause, at_s: Math.max((before.end + after.start) / 2, after.start - LEAD_S) });
    }
    return found;
  }

  // What is not settled of what a pass heard. Of several words that are written as one, some may be.
  #after(words) {
    const last = this.#settled.at(-1);
    if (!last) return words;
    const fresh = [];
    for (const word of words) {
      const parts = word.parts.filter((part) => (part.start + part.end) / 2 > last.end);
      if (parts.length === word.parts.length) fresh.push(word);
      else if (parts.length) fresh.push(spoken(word, parts));
    }
    // The last word again, which begins before it ended by what was heard before.
    if (fresh.length && fresh[0].start < last.end && fresh[0].spoken === last.spoken) fresh.shift();
    return fresh;
  }
}

function isSame(word, before) {
  return !word.isCut && !before.isCut && word.text === before.text && word.mark === before.mark && word.spoken === before.spoken;
}

function spoken(word, parts) {
  const text = parts.map((part) => part.word).join(" ");
  return { ...word, text, spoken: text, start: parts[0].start, end: parts.at(-1).end, parts };
}
