// The transcript on the page, as running text: the word being said is lit, the doubtful are marked, one word or several
// can be chosen, and be corrected where they stand.

import { clock } from "./clock.js";
import { speakersOf, textOf, wordsOf } from "./edits.js";
import { grade } from "./grades.js";

// A word is over faster than an eye finds it: it stays lit for a moment, unless the next begins.
const AFTERGLOW_S = 0.2;
// So long nothing scrolls by itself after the reader has scrolled.
const READER_MS = 1500;
// As many words before may still be said when one begins: those of other channels.
const LOOK_BACK = 8;

const SAYS = { certain: "", doubtful: "doubtful", wrong: "likely wrong" };

/** The transcript's element. One word is in the order of Tab; arrow keys move from there. */
export class TranscriptView {
  #root;
  #handlers;
  #transcript = null;
  #words = [];
  #order = []; // the words' numbers in the order in which they begin
  #elements = new Map(); // of words
  #paragraphs = new Map();
  #lit = -1;
  #chosen = null; // {first, last}
  #tabbed = null;
  #editing = null;
  #moved_ms = -Infinity;
  #follows = true;

  /**
   * @param {HTMLElement} root
   * @param {{onPlay: (start_s: number) => void, onPause: () => void, onCorrect: (first: number, last: number, text: string) => void,
   *     onName: (i: number, name: string, everywhere: boolean) => void, onChoose: () => void,
   *     onSay: (text: string) => void, onAway: (away: boolean) => void}} handlers
   */
  constructor(root, handlers) {
    this.#root = root;
    this.#handlers = handlers;
    root.addEventListener("click", (event) => this.#onClick(event));
    root.addEventListener("dblclick", (event) => this.#onDoubleClick(event));
    root.addEventListener("keydown", (event) => this.#onKey(event));
    for (const type of ["wheel", "touchmove"]) window.addEventListener(type, () => this.#onReader(), { passive: true });
    window.addEventListener("keydown", ({ key }) => ["PageUp", "PageDown"].includes(key) && this.#onReader());
  }

  /** Shows a transcript. What it has in common with the one before stays as it is. */
  show(transcript) {
    this.#transcript = transcript;
    this.#words = wordsOf(transcript);
    this.#order = this.#words.map((_, i) => i).sort((a, b) => this.#words[a].start - this.#words[b].start);
    const before = this.#elements;
    this.#elements = new Map(this.#words.map((word) => [word, before.get(word) ?? wordElement(word)]));
    const known = this.#paragraphs;
    this.#paragraphs = new Map(transcript.paragraphs.map((each) => [each, known.get(each) ?? this.#paragraph(each)]));
    reconcile(this.#root, [...this.#paragraphs.values()]);
    const isParted = transcript.paragraphs.length > 1 || speakersOf(transcript).length > 0;
    this.#root.classList.toggle("stamped", isParted);
    if (this.#chosen) this.choose(this.#chosen.first, this.#chosen.first);
    this.#lit = -1;
    if (!this.#root.contains(this.#tabbed)) this.#setTabbed(this.#elements.get(this.#words[0]));
  }

  /** Forgets which word was chosen, lit and read along with. */
  reset() {
    this.#chosen = null;
    this.#editing = null;
    this.#elements = new Map();
    this.#paragraphs = new Map();
    this.#setFollows(true);
  }

  /** The words that were chosen: {first, last}, or null. */
  get chosen() {
    const selected = this.#selected();
    return selected ?? this.#chosen;
  }

  /** The word being said, or -1. */
  get lit() {
    return this.#lit;
  }

  /** Whether a word is being corrected. */
  get isEditing() {
    return this.#editing !== null;
  }

  /** Returns the element of a word. */
  elementOf(i) {
    return this.#element(i);
  }

  /** Chooses words, to do something with them. */
  choose(first, last = first) {
    const most = this.#words.length - 1;
    this.#chosen = most < 0 || first < 0 ? null : { first: Math.min(first, most), last: Math.min(last, most) };
    for (const element of this.#root.querySelectorAll(".chosen")) element.classList.remove("chosen");
    if (!this.#chosen) return;
    for (let i = this.#chosen.first; i <= this.#chosen.last; i++) this.#element(i).classList.add("chosen");
    this.#setTabbed(this.#element(this.#chosen.first));
    this.#handlers.onChoose();
  }

  /** Chooses a word and puts the focus on it. */
  goTo(i) {
    document.getSelection().removeAllRanges();
    this.choose(i);
    if (!this.#chosen) return;
    this.#element(i).focus({ preventScroll: true });
    if (this.#shareInSight(this.#element(i)) < 1) this.#element(i).scrollIntoView({ block: "center" });
    const { text, confidence } = this.#words[i];
    if (SAYS[grade(confidence)]) this.#handlers.onSay(`${text}: ${SAYS[grade(confidence)]}, ${percent(confidence)} sure`);
  }

  /** Chooses the words that are said in a stretch of time. */
  chooseBetween(start_s, end_s) {
    const inside = this.#order.filter((i) => this.#words[i].start < end_s && this.#words[i].end > start_s);
    if (inside.length) this.choose(Math.min(...inside), Math.max(...inside));
  }

  /** Marks what was found: {first, last} each. */
  mark(places, current) {
    for (const element of this.#root.querySelectorAll(".found")) element.classList.remove("found", "current");
    places.forEach(({ first, last }, n) => {
      for (let i = first; i <= last; i++) {
        this.#element(i).classList.add("found");
        this.#element(i).classList.toggle("current", n === current);
      }
    });
    const at = places[current];
    if (at && this.#shareInSight(this.#element(at.first)) < 1) this.#element(at.first).scrollIntoView({ block: "center" });
  }

  /** Lights the word being said at a moment; returns it, or null. */
  light(now_s) {
    const i = this.#indexAt(now_s);
    if (i !== this.#lit) {
      this.#element(this.#lit)?.removeAttribute("aria-current");
      this.#element(i)?.setAttribute("aria-current", "true");
      this.#lit = i;
      if (i >= 0) this.#keepInSight(this.#element(i));
    }
    return this.#words[i] ?? null;
  }

  /** Follows what is heard again. */
  follow() {
    this.#setFollows(true);
    this.#moved_ms = -Infinity;
    this.#element(this.#lit)?.scrollIntoView({ block: "center" });
  }

  /** Lets somebody write other text for words, in their place; Enter and leaving end it, Escape drops it. */
  correct(first, last) {
    if (this.#editing) return;
    const elements = Array.from({ length: last - first + 1 }, (_, i) => this.#element(first + i));
    const own = elements.filter((element) => element.parentElement === elements[0].parentElement);
    const words = this.#words.slice(first, first + own.length);
    const box = document.createElement("span");
    box.className = "correction";
    box.contentEditable = "plaintext-only";
    if (box.contentEditable !== "plaintext-only") box.contentEditable = "true";
    box.setAttribute("role", "textbox");
    box.setAttribute("aria-label", "Correct text. Enter keeps it, Escape drops it, Tab goes on to the next word.");
    box.spellcheck = true;
    box.textContent = textOf(words);
    own[0].before(box);
    for (const element of own) element.hidden = true;
    let done = false;
    const end = (keep) => {
      if (done) return;
      done = true;
      this.#editing = null;
      const text = box.textContent.replace(/\s+/g, " ");
      box.remove();
      for (const element of own) element.hidden = false;
      if (keep) this.#handlers.onCorrect(first, first + own.length - 1, text);
    };
    this.#editing = { end, first, count: own.length };
    box.addEventListener("keydown", (event) => this.#onEditKey(event));
    box.addEventListener("blur", () => end(true));
    box.addEventListener("paste", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const [range, text] = [document.getSelection().getRangeAt(0), event.clipboardData.getData("text/plain").replace(/\s+/g, " ")];
      range.deleteContents();
      range.insertNode(document.createTextNode(text));
      range.collapse(false);
    });
    box.focus();
    document.getSelection().selectAllChildren(box);
  }

  /** Ends a correction that is being written, and keeps it. */
  finish() {
    this.#editing?.end(true);
  }

  /** Asks for the name of who speaks in the paragraph of word `i`. */
  nameSpeaker(i) {
    const element = this.#element(i).closest(".paragraph");
    if (element.querySelector("form")) return;
    const { speaker } = [...this.#paragraphs].find(([, each]) => each === element)[0];
    const form = document.createElement("form");
    form.className = "speaker-form row";
    const input = document.createElement("input");
    Object.assign(input, { type: "text", value: speaker, placeholder: "Who speaks?", maxLength: 80, autocomplete: "off" });
    input.setAttribute("aria-label", "Who speaks here");
    input.setAttribute("list", "speakers");
    document.getElementById("speakers").replaceChildren(
      ...speakersOf(this.#transcript).map((name) => Object.assign(document.createElement("option"), { value: name })),
    );
    const keep = Object.assign(document.createElement("button"), { type: "submit", className: "primary", textContent: "Name" });
    const tick = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    const label = Object.assign(document.createElement("label"), { className: "tick", hidden: !speaker });
    label.append(tick, ` Wherever it says ${speaker}`);
    form.append(input, keep, label);
    const end = (returnTo) => {
      form.remove();
      if (returnTo) this.goTo(i);
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      end(false);
      this.#handlers.onName(i, input.value.trim(), Boolean(speaker) && tick.checked);
      this.goTo(i);
    });
    form.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") end(true);
    });
    element.prepend(form);
    input.focus();
    input.select();
  }

  #element(i) {
    return this.#elements.get(this.#words[i]);
  }

  #number(element) {
    const word = WORDS.get(element);
    return word ? this.#words.indexOf(word) : -1;
  }

  #indexAt(now_s) {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#words[this.#order[middle]].start <= now_s) low = middle + 1;
      else high = middle;
    }
    const begun = this.#order.slice(Math.max(0, low - LOOK_BACK), low).reverse();
    return begun.find((i) => now_s < this.#words[i].end) ?? begun.find((i) => now_s < this.#words[i].end + AFTERGLOW_S) ?? -1;
  }

  // Scrolls on for whoever reads along, and leaves those alone who have scrolled elsewhere.
  #keepInSight(element) {
    const share = this.#shareInSight(element);
    if (share > 0 && !this.#follows) this.#setFollows(true); // back where it is heard
    if (!this.#follows || this.#editing || performance.now() - this.#moved_ms < READER_MS) return;
    if (share < 1) element.scrollIntoView({ block: "center" });
  }

  #onReader() {
    this.#moved_ms = performance.now();
    const element = this.#element(this.#lit);
    if (element) requestAnimationFrame(() => this.#setFollows(this.#shareInSight(element) > 0));
  }

  #setFollows(follows) {
    if (follows === this.#follows) return;
    this.#follows = follows;
    this.#handlers.onAway(!follows);
  }

  // What lies behind the player does not count.
  #shareInSight(element) {
    const { top, bottom } = element.getBoundingClientRect();
    const covered = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    return (Math.min(bottom, window.innerHeight) - Math.max(top, covered)) / (bottom - top);
  }

  #paragraph(paragraph) {
    const { speaker, words } = paragraph;
    const element = document.createElement("div");
    element.className = "paragraph";
    const stamp = document.createElement("span");
    stamp.className = "stamp";
    stamp.textContent = clock(words[0].start);
    element.append(stamp);
    if (speaker) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "speaker", textContent: speaker });
      button.title = "Rename";
      button.addEventListener("click", () => this.nameSpeaker(this.#words.indexOf(words[0])));
      element.append(button);
    }
    const text = document.createElement("p");
    text.dir = "auto"; // as its first letters are written
    for (const word of words) text.append(this.#elements.get(word), " ");
    element.append(text);
    return element;
  }

  #onClick(event) {
    const element = event.target.closest(".word");
    // A click that ends a selection is a wish to choose words, not to listen.
    if (!element || this.#editing || this.#selected()) return;
    const i = this.#number(element);
    this.choose(i);
    element.focus({ preventScroll: true });
    this.#handlers.onPlay(this.#words[i].start);
  }

  #onDoubleClick(event) {
    const element = event.target.closest(".word");
    if (!element || this.#editing) return;
    document.getSelection().removeAllRanges();
    const i = this.#number(element);
    this.choose(i);
    this.#handlers.onPause(); // the first of the two clicks began to play
    this.correct(i, i);
  }

  #onKey(event) {
    const i = this.#number(document.activeElement);
    if (i < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = this.#words.length - 1;
    const steps = { ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: 0, End: last };
    if (event.key === "Enter") this.#handlers.onPlay(this.#words[i].start);
    else if (event.shiftKey && ["ArrowRight", "ArrowLeft"].includes(event.key)) this.#extend(event.key === "ArrowRight" ? 1 : -1);
    else if (event.key in steps) this.goTo(Math.min(last, Math.max(0, steps[event.key])));
    else return;
    event.preventDefault();
  }

  #extend(step) {
    const { first, last } = this.#chosen;
    this.choose(first, Math.min(this.#words.length - 1, Math.max(first, last + step)));
  }

  #onEditKey(event) {
    event.stopPropagation();
    const { end, first } = this.#editing;
    if (event.isComposing) return;
    if (event.key === "Enter") end(true);
    else if (event.key === "Escape") end(false);
    else if (event.key === "Tab") {
      const word = this.#words[first];
      end(true);
      const next = this.#after(word, first, event.shiftKey ? -1 : 1);
      if (next !== null) {
        event.preventDefault();
        this.goTo(next);
        this.correct(next, next);
      }
      return;
    } else return;
    event.preventDefault();
    this.goTo(Math.min(first, this.#words.length - 1));
  }

  // The word after or before the one that was corrected, which may have become several or none.
  #after(word, first, step) {
    const gone = this.#words[first] !== word && step > 0 ? this.#words.findIndex(({ start }) => start >= word.end - 1e-6) : first + step;
    return gone >= 0 && gone < this.#words.length ? gone : null;
  }

  #setTabbed(element) {
    if (this.#tabbed === element) return;
    this.#tabbed?.removeAttribute("tabindex");
    this.#tabbed = element ?? null;
    if (element) element.tabIndex = 0;
  }

  // The words in which the reader's selection begins and ends, or null.
  #selected() {
    const selection = document.getSelection();
    if (selection.isCollapsed || !selection.rangeCount) return null;
    const range = selection.getRangeAt(0);
    if (!range.intersectsNode(this.#root) || this.#editing) return null;
    const inside = this.#words.map((_, i) => i).filter((i) => range.intersectsNode(this.#element(i)) && reaches(range, this.#element(i)));
    return inside.length ? { first: inside[0], last: inside.at(-1) } : null;
  }
}

const WORDS = new WeakMap(); // of elements

// Whether a range has at least a letter of an element, not only its edge.
function reaches(range, element) {
  const own = document.createRange();
  own.selectNodeContents(element);
  return range.compareBoundaryPoints(Range.END_TO_START, own) < 0 && range.compareBoundaryPoints(Range.START_TO_END, own) > 0;
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function wordElement(word) {
  const element = document.createElement("span");
  const graded = grade(word.confidence);
  const sure = word.parts ? `${percent(word.confidence)} sure` : "corrected";
  const otherwise = word.parts && word.spoken !== word.text.toLowerCase() ? `, spoken “${word.spoken}”` : "";
  element.className = graded === "certain" ? "word" : `word ${graded}`;
  element.title = `${clock(word.start)}, ${sure}${otherwise}`;
  if (graded === "certain") element.textContent = word.text + word.mark;
  else {
    // The mark after a word is not in doubt.
    const text = document.createElement("span");
    text.className = "text";
    text.textContent = word.text;
    element.append(text, word.mark);
  }
  WORDS.set(element, word);
  return element;
}

// Makes elements the children of a root and leaves those alone that are there, so that their place on the screen stays.
function reconcile(root, elements) {
  const wanted = new Set(elements);
  for (const child of [...root.children]) if (!wanted.has(child)) child.remove();
  let at = root.firstElementChild;
  for (const element of elements) {
    if (element === at) at = at.nextElementSibling;
    else root.insertBefore(element, at);
  }
}
