// Text while somebody speaks: the last seconds are sent again and again, and what two passes agree on stays.

import { Agreement } from "./agreement.js";
import { readable, textOf } from "./edits.js";
import { Refusal } from "./endpoint.js";
import { encode } from "./opus.js";
import { Pace } from "./pace.js";
import { RATE_HZ, wav } from "./sound.js";
import { Tap } from "./tap.js";
import { Voice } from "./voice.js";

// What is older no longer changes, agreed on or not.
const SETTLED_S = 5;
// Speech begins before it is heard as such: so much before it is sent as well ...
const LEAD_S = 0.6;
// ... and what follows is asked about for so long, in which two passes can agree on its end.
const TAIL_S = 2.5;
// After a longer silence, what was said before it is not sent again.
const APART_S = 3;
// An answer that takes longer has a slow line before it, or a slow machine behind.
const SLOW_MS = 1000;
const TIMEOUT_MS = 15000;
// After so many refusals in a row, or one for so long, somebody wants to know.
const PATIENCE = 3;
const LONG_S = 10;
// Silence between two words of which the second begins a paragraph.
const PARAGRAPH_S = 2;

/** The text of one recording after the other, from `start` to `stop`. */
export class LiveText {
  #view;
  #ask;
  #session = null;

  /**
   * @param {{text: HTMLElement, note: HTMLElement}} parts
   * @param {(recording: Blob, isSlow: boolean, signal: AbortSignal) => Promise<object>} ask returns the endpoint's reply to
   *     some seconds; where `isSlow`, the cheapest that will do
   */
  constructor(parts, ask) {
    this.#view = new LiveView(parts);
    this.#ask = ask;
  }

  /** Begins to listen. Where this browser cannot, there is no text while somebody speaks. @param {MediaStream} stream */
  async start(stream) {
    this.clear();
    const session = new Session(this.#view, this.#ask);
    this.#session = session;
    await session.begin(stream);
  }

  /** Whether there is text. */
  get hasText() {
    return this.#view.hasText;
  }

  /** Ends it; the text stays. Returns how many milliseconds the endpoint wants to be left alone. */
  stop() {
    const wait_ms = this.#session?.end() ?? 0;
    this.#session = null;
    return wait_ms;
  }

  /** Ends it and removes the text. */
  clear() {
    this.stop();
    this.#view.clear();
  }
}

/** One recording. Its clock is that of the sound that came in. */
class Session {
  #view;
  #ask;
  #tap = null;
  #isOver = false;
  #agreement = new Agreement();
  #voice = new Voice();
  #pace = new Pace();
  #pass = null; // an AbortController, while the endpoint is asked
  #from_s = 0; // where the next pass begins to listen
  #until_s = 0; // where the last one ended
  #spoken_s = -Infinity; // when somebody spoke last
  #isSlow = false;
  #refusals = 0;

  constructor(view, ask) {
    this.#view = view;
    this.#ask = ask;
  }

  async begin(stream) {
    let tap = null;
    try {
      tap = await Tap.on(stream, (level_db, seconds) => this.#onSound(level_db, seconds));
    } catch {
      this.#over("This browser shows no text while you speak. It comes when you stop.");
    }
    if (this.#isOver) tap?.close(); // stopped before it began
    else this.#tap = tap;
  }

  end() {
    this.#isOver = true;
    this.#pass?.abort();
    this.#tap?.close();
    this.#tap = null;
    return this.#refusals ? this.#pace.wait_ms(performance.now()) : 0;
  }

  #over(note) {
    this.end();
    this.#view.say(note);
  }

  #onSound(level_db, seconds) {
    if (!this.#tap) return;
    const now_s = this.#tap.end_s;
    if (this.#voice.hear(level_db, seconds)) {
      const isAll = this.#until_s >= this.#spoken_s && !this.#agreement.open.length;
      if (isAll && now_s - this.#spoken_s > APART_S) this.#from_s = now_s - LEAD_S;
      this.#spoken_s = now_s;
    }
    if (this.#agreement.freeze(now_s - SETTLED_S)) this.#view.draw(this.#agreement);
    if (!this.#pass && this.#isWorthAsking() && !this.#pace.wait_ms(performance.now())) this.#listen();
  }

  // Somebody spoke since the last pass, or its end may still change; and somebody sees it.
  #isWorthAsking() {
    if (document.hidden) return false;
    return this.#spoken_s > this.#until_s || (this.#agreement.open.length > 0 && this.#until_s < this.#spoken_s + TAIL_S);
  }

  async #listen() {
    const [tap, pass] = [this.#tap, new AbortController()];
    this.#pass = pass;
    this.#from_s = Math.max(this.#from_s, tap.start_s);
    const [from_s, until_s, began_ms] = [this.#from_s, tap.end_s, performance.now()];
    this.#pace.begin(began_ms);
    const timer = setTimeout(() => pass.abort(), TIMEOUT_MS);
    try {
      const samples = await tap.since(from_s);
      const recording = (this.#isSlow && (await encode(samples, RATE_HZ))) || wav(samples);
      const reply = await this.#ask(recording, this.#isSlow, pass.signal);
      if (!this.#isOver) this.#onReply(reply, from_s, until_s, performance.now() - began_ms);
    } catch (error) {
      if (!this.#isOver) this.#onFailure(error);
    } finally {
      clearTimeout(timer);
      this.#pass = null;
    }
  }

  #onReply(reply, from_s, until_s, took_ms) {
    this.#pace.answered(performance.now());
    const isFirst = this.#until_s === 0; // and may have waited for a cold start
    this.#isSlow ||= took_ms > SLOW_MS && !isFirst;
    this.#refusals = 0;
    this.#view.say("");
    this.#until_s = until_s;
    this.#agreement.freeze(this.#tap.end_s - SETTLED_S);
    this.#agreement.hear(readable(reply).map((word) => later(word, from_s)), until_s);
    this.#from_s = this.#agreement.trimmed(from_s, until_s);
    this.#view.language = reply.language ?? "";
    this.#view.draw(this.#agreement);
  }

  #onFailure(error) {
    const isSilent = error.name === "AbortError"; // it did not answer in time
    if (!isSilent && !(error instanceof Refusal)) {
      this.end();
      throw error;
    }
    if (!isSilent && !error.again) {
      this.#over(`${error.title}. The text comes when you stop.`);
      return;
    }
    this.#isSlow ||= isSilent;
    const wait_s = isSilent ? 0 : error.wait_s;
    this.#pace.refused(performance.now(), 1000 * wait_s);
    if (++this.#refusals >= PATIENCE || wait_s > LONG_S) this.#view.say("The endpoint is busy or out of reach. The recording goes on, and its text comes when you stop.");
  }
}

function later(word, seconds) {
  const moved = (each) => ({ ...each, start: each.start + seconds, end: each.end + seconds });
  return { ...moved(word), parts: word.parts.map(moved) };
}

/** The text as it is seen: what is settled is only ever added to. */
class LiveView {
  // Whoever scrolled up by more reads what was said before, and is left there.
  static NEAR_END_PX = 40;
  #parts;
  #paragraph = null;
  #drawn = 0; // of the settled words
  #end_s = 0; // of the last of them
  #open = []; // the nodes that the next drawing removes

  constructor(parts) {
    this.#parts = parts;
  }

  get hasText() {
    return this.#parts.text.hasChildNodes();
  }

  /** The language that is spoken, as a tag; "": nobody knows. */
  set language(tag) {
    this.#parts.text.lang = tag;
  }

  clear() {
    this.#parts.text.replaceChildren();
    this.#paragraph = null;
    [this.#drawn, this.#end_s, this.#open] = [0, 0, []];
    this.say("");
  }

  say(note) {
    if (this.#parts.note.textContent !== note) this.#parts.note.textContent = note;
  }

  draw({ settled, open }) {
    const { text } = this.#parts;
    const follows = text.scrollHeight - text.scrollTop - text.clientHeight < LiveView.NEAR_END_PX;
    for (const node of this.#open) node.remove();
    this.#open = [];
    while (this.#drawn < settled.length) {
      const word = settled[this.#drawn++];
      if (this.#isApart(word)) this.#paragraph = this.#added();
      this.#paragraph.lastChild.appendData(`${textOf([word])} `);
      this.#end_s = word.end;
    }
    if (open.length) {
      const span = Object.assign(document.createElement("span"), { className: "open", textContent: textOf(open) });
      const isApart = this.#isApart(open[0]);
      const place = isApart ? this.#added() : this.#paragraph;
      place.append(span);
      this.#open.push(isApart ? place : span);
    }
    if (follows) text.scrollTop = text.scrollHeight;
  }

  #isApart(word) {
    return !this.#paragraph || word.start - this.#end_s > PARAGRAPH_S;
  }

  #added() {
    const paragraph = this.#parts.text.appendChild(document.createElement("p"));
    paragraph.append("");
    return paragraph;
  }
}
