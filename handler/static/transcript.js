// The words of a reply on the page: each can be chosen, the one being said is lit, the doubtful are marked. Words that
// are written as one number are one of them.

/**
 * Confidence is the probability that a word is right; below one half it is more likely wrong.
 * The legend in index.html says so in words.
 */
export const UNSURE_BELOW = 0.5;

// A word is over faster than an eye finds it: it stays lit for a moment, unless the next begins.
const AFTERGLOW_S = 0.2;

// Subtitles are too short to be read one by one: they are joined to sentences, and these to paragraphs, up to a pause or
// for so long. Only a sentence that goes on and on is parted.
const PAUSE_S = 1;
const LONGEST_PARAGRAPH_S = 30;
const LONGEST_SENTENCE_S = 60;

/** Returns seconds as m:ss, or h:mm:ss. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}` : `${m}:${String(s).padStart(2, "0")}`;
}

/** The transcript's element, filled with a reply's words. One word is in the order of Tab; arrow keys move from there. */
export class TranscriptView {
  #root;
  #choose;
  #words = [];
  #elements = [];
  #lit = -1;
  #lastLit = null;

  /** @param {HTMLElement} root @param {(start_s: number) => void} choose called with where the chosen word begins. */
  constructor(root, choose) {
    this.#root = root;
    this.#choose = choose;
    root.addEventListener("click", (event) => this.#onClick(event));
    root.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Shows the words of a reply of POST transcribe; returns whether any is marked as doubtful. */
  show(reply) {
    this.#words = readable(reply.words);
    this.#lit = -1;
    this.#lastLit = null;
    this.#elements = this.#words.map(wordElement);
    const paragraphs = paragraphsOf(reply, this.#words);
    this.#root.replaceChildren(...this.#paragraphElements(paragraphs));
    this.#root.classList.toggle("stamped", paragraphs.length > 1);
    return this.#words.some(isUnsure);
  }

  /** Lights the word being said at a moment; returns it, or null. */
  light(now_s) {
    const i = this.#indexAt(now_s);
    if (i !== this.#lit) {
      this.#elements[this.#lit]?.setAttribute("aria-selected", "false");
      this.#elements[i]?.setAttribute("aria-selected", "true");
      this.#lit = i;
      if (i >= 0) this.#keepInSight(this.#elements[i]);
    }
    return this.#words[i] ?? null;
  }

  #indexAt(now_s) {
    let [low, high] = [0, this.#words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#words[middle].start <= now_s) low = middle + 1;
      else high = middle;
    }
    return low && now_s < this.#words[low - 1].end + AFTERGLOW_S ? low - 1 : -1;
  }

  // Scrolls on for whoever reads along, and leaves those alone who have scrolled elsewhere.
  #keepInSight(element) {
    const readsAlong = this.#lastLit && shareInSight(this.#lastLit) > 0;
    if (readsAlong && shareInSight(element) < 1) element.scrollIntoView({ block: "center" });
    this.#lastLit = element;
  }

  #paragraphElements(paragraphs) {
    let next = 0;
    return paragraphs.map(({ start, words }) => {
      const element = document.createElement("div");
      element.className = "paragraph";
      element.setAttribute("role", "group");
      element.setAttribute("aria-label", clock(start));
      if (paragraphs.length > 1) {
        const stamp = document.createElement("span");
        stamp.className = "stamp";
        stamp.setAttribute("aria-hidden", "true");
        stamp.textContent = clock(start);
        element.append(stamp);
      }
      for (const word of this.#elements.slice(next, next + words)) element.append(word, " ");
      next += words;
      return element;
    });
  }

  #onClick(event) {
    const element = event.target.closest(".word");
    // A click that ends a selection is a wish to copy, not to listen.
    if (!element || !document.getSelection().isCollapsed) return;
    this.#stepTo(Number(element.dataset.index));
    this.#choose(this.#words[element.dataset.index].start);
  }

  #onKey(event) {
    const i = this.#elements.indexOf(document.activeElement);
    if (i < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = this.#elements.length - 1;
    const steps = { ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: 0, End: last };
    if (event.key === "Enter" || event.key === " ") this.#choose(this.#words[i].start);
    else if (event.key in steps) this.#stepTo(Math.min(last, Math.max(0, steps[event.key])));
    else return;
    event.preventDefault();
  }

  #stepTo(i) {
    for (const element of this.#root.querySelectorAll('[tabindex="0"]')) element.tabIndex = -1;
    this.#elements[i].tabIndex = 0;
    this.#elements[i].focus();
  }
}

/**
 * Returns words as they are read: {text, mark, spoken, start, end, confidence}, the mark being what follows the text. Of
 * several that are written as one, `spoken` is all of them and `confidence` that of the least certain. Words of an endpoint
 * that writes no readable text are as they were spoken.
 */
function readable(words) {
  const found = [];
  for (const { word, written, punctuation, start, end, confidence } of words) {
    const last = found.at(-1);
    if (written === "" && last) {
      last.spoken += ` ${word}`;
      last.end = end;
      last.confidence = Math.min(last.confidence, confidence);
    } else found.push({ text: written || word, mark: punctuation ?? "", spoken: word, start, end, confidence });
  }
  return found;
}

/** Joins segments to paragraphs: when each begins and how many of the readable words it has. */
function paragraphsOf(reply, words) {
  const paragraphs = [];
  let previous = null;
  for (const sentence of sentencesOf(reply, words)) {
    const last = paragraphs.at(-1);
    const goesOn = last && sentence.start - previous.end < PAUSE_S && sentence.end - last.start < LONGEST_PARAGRAPH_S;
    if (goesOn) last.words += sentence.words;
    else paragraphs.push({ start: sentence.start, words: sentence.words });
    previous = sentence;
  }
  return paragraphs;
}

/** Joins segments to sentences: {start, end, words}. Without marks nobody knows where one ends: each segment is one. */
function sentencesOf({ words: spoken, segments }, words) {
  const hasMarks = spoken.some(({ written }) => written !== undefined);
  const sentences = [];
  let [open, next] = [false, 0];
  for (const [i, { start, end, text }] of segments.entries()) {
    const count = countIn(text, words, next);
    const last = sentences.at(-1);
    if (open && end - last.start < LONGEST_SENTENCE_S) Object.assign(last, { end, words: last.words + count });
    else sentences.push({ start, end, words: count });
    open = hasMarks && !endsSentence(text, segments[i + 1]?.text ?? "");
    next += count;
  }
  return sentences;
}

// The full stop of an abbreviation ends none: "9 a.m. on".
function endsSentence(text, following) {
  return /[.?!]$/.test(text) && !(text.endsWith(".") && /^\p{Ll}/u.test(following));
}

/** Counts the words that a segment's text is made of, joined by spaces; what is written of one may have spaces in it. */
function countIn(text, words, first) {
  let [count, length] = [0, -1];
  while (first + count < words.length && length < text.length) {
    const { text: written, mark } = words[first + count];
    length += 1 + written.length + mark.length;
    count += 1;
  }
  return count;
}

function shareInSight(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return (Math.min(bottom, window.innerHeight) - Math.max(top, 0)) / (bottom - top);
}

function isUnsure(word) {
  return word.confidence < UNSURE_BELOW;
}

function wordElement(word, i) {
  const element = document.createElement("span");
  const sure = `${Math.round(100 * word.confidence)} % sure`;
  const otherwise = word.spoken === word.text.toLowerCase() ? "" : `, spoken “${word.spoken}”`;
  element.className = isUnsure(word) ? "word unsure" : "word";
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", "false");
  element.tabIndex = i === 0 ? 0 : -1;
  element.dataset.index = i;
  element.title = `${clock(word.start)}, ${sure}${otherwise}`;
  if (isUnsure(word)) element.setAttribute("aria-label", `${word.text}, doubtful`);
  element.textContent = word.text;
  if (word.mark) {
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.textContent = word.mark;
    element.append(mark);
  }
  return element;
}
