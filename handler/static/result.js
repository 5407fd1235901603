// A transcript and its recording: heard, corrected, searched, and taken along.

import { around, choices } from "./alternatives.js";
import { FORMATS, timedText } from "./captions.js";
import { ChoiceMenu } from "./choices.js";
import { clock } from "./clock.js";
import { corrections, stretches } from "./corrections.js";
import { correct, fromReply, join, name, placeOf, replaceAll, find, segmentsOf, split, textOf, toReply, wordsOf } from "./edits.js";
import { Refusal } from "./endpoint.js";
import { grade } from "./grades.js";
import { History } from "./history.js";
import { Player } from "./player.js";
import { Shortcuts } from "./shortcuts.js";
import { RATE_HZ, wav } from "./sound.js";
import { Timeline } from "./timeline.js";
import { TranscriptView } from "./transcript.js";

const $ = (id) => document.getElementById(id);

const ARROW_STEP_S = 2;
const SKIP_S = 5;
// Browsers seek in WAV to the sample; a longer recording is played from its own file.
const LONGEST_WAV_S = 600;
const COPIED_MS = 2000;
const ARCHIVE_MS = 10000;

/** The part of the page that shows a result. */
export class ResultView {
  #say;
  #ask;
  #onKeyWanted;
  #menu = new ChoiceMenu($("choices"));
  #asked = new WeakMap(); // of words: the replies of what they may be instead
  #reply = null;
  #recording = null;
  #history = null;
  #layout = null;
  #isKept = false;
  #onEdit = () => {};
  #places = []; // that were found
  #place = -1;
  #player = new Player($("audio"), () => this.#draw());
  #timeline = new Timeline(
    { root: $("position"), canvas: $("spectrogram"), track: $("track") },
    { onSeek: (now_s) => this.#seek(now_s), onSelect: (stretch) => this.#onSelect(stretch), onZoom: () => this.#showTools(), colour },
  );
  #transcript = new TranscriptView($("transcript"), {
    onPlay: (start_s) => this.#playFrom(start_s),
    onPause: () => this.#player.pause(),
    onCorrect: (first, last, text) => this.#apply(correct(this.#now, first, last, text)),
    onName: (i, speaker, everywhere) => this.#apply(name(this.#now, i, speaker, everywhere)),
    onChoose: () => this.#showTools(),
    onSay: (text) => this.#say(text),
    onAway: (away) => ($("follow").hidden = !away || $("result").hidden),
  });
  #keys = new Shortcuts(
    [
      { keys: [" "], label: "Play or pause", act: () => this.#player.toggle() },
      { keys: ["j", "J"], label: "Back 5 seconds", act: () => this.#skip(-SKIP_S) },
      { keys: ["l", "L"], label: "On 5 seconds", act: () => this.#skip(SKIP_S) },
      { keys: ["<"], label: "Slower", act: () => this.#faster(-1) },
      { keys: [">"], label: "Faster", act: () => this.#faster(1) },
      { keys: ["r", "R"], label: "Repeat this stretch", act: () => this.#toggleLoop() },
      { keys: ["+"], label: "Zoom in", act: () => this.#timeline.zoomBy(true) },
      { keys: ["-"], label: "Zoom out", act: () => this.#timeline.zoomBy(false) },
      { keys: ["e", "E", "F2"], label: "Correct a word, or the words selected", act: () => this.#correct() },
      { keys: ["s", "S"], label: "Begin a paragraph here", act: () => this.#split() },
      { keys: ["m", "M"], label: "Join with the paragraph before", act: () => this.#join() },
      { keys: ["n", "N"], label: "Name who speaks", act: () => this.#nameSpeaker() },
      { keys: ["d"], label: "Next doubtful word", act: () => this.#toDoubtful(1) },
      { keys: ["D"], label: "Doubtful word before", act: () => this.#toDoubtful(-1) },
      { keys: ["a", "A"], label: "Other words that it may be", act: () => this.#showChoices() },
      { keys: ["f", "F"], label: "Find and replace", act: () => this.#openFind() },
      { keys: ["z"], command: true, label: "Undo", act: () => this.#undo() },
      { keys: ["y", "Shift+z"], command: true, label: "Redo", act: () => this.#redo() },
      { keys: ["?"], label: "This list", act: () => this.#keys.show() },
    ],
    $("keys"),
    () => !$("result").hidden,
  );

  /**
   * @param {{say: (text: string) => void, ask: (recording: Blob, signal: AbortSignal) => Promise<object>,
   *     onKeyWanted: (refusal: Refusal, again: () => void) => void}} handlers say tells those who do not see it; ask sends
   *     a stretch of the recording and returns the endpoint's reply, with what each word may be instead
   */
  constructor({ say, ask, onKeyWanted }) {
    this.#say = say;
    this.#ask = ask;
    this.#onKeyWanted = onKeyWanted;
    const actions = {
      play: () => this.#player.toggle(),
      back: () => this.#skip(-SKIP_S),
      forward: () => this.#skip(SKIP_S),
      loop: () => this.#toggleLoop(),
      "zoom-in": () => this.#timeline.zoomBy(true),
      "zoom-out": () => this.#timeline.zoomBy(false),
      correct: () => this.#correct(),
      split: () => this.#split(),
      join: () => this.#join(),
      speaker: () => this.#nameSpeaker(),
      doubtful: () => this.#toDoubtful(1),
      others: () => this.#showChoices(),
      undo: () => this.#undo(),
      redo: () => this.#redo(),
      search: () => this.#openFind(),
      help: () => this.#keys.show(),
      follow: () => this.#transcript.follow(),
      copy: () => this.#copy($("copy"), textOf(wordsOf(this.#now)), this.#reply.text),
      "copy-timed": () => this.#copy($("copy-timed"), timedText(this.#now)),
      corrections: () => this.#takeCorrections(),
      "find-next": () => this.#toPlace(1),
      "find-previous": () => this.#toPlace(-1),
      "replace-one": () => this.#replaceOne(),
      "replace-all": () => this.#replaceAll(),
      "find-close": () => this.#closeFind(),
      "match-case": () => this.#matchCase(),
    };
    for (const [id, act] of Object.entries(actions)) $(id).addEventListener("click", act);
    for (const button of document.querySelectorAll("[data-download]")) {
      button.addEventListener("click", () => this.#download(button.dataset.download));
    }
    // A press on a tool leaves the reader's selection and the word in focus as they are.
    for (const part of document.querySelectorAll("#tools, .controls button")) {
      part.addEventListener("mousedown", (event) => event.target.closest("button") && event.preventDefault());
    }
    $("speed").addEventListener("change", () => (this.#player.speed = Number($("speed").value)));
    $("position").addEventListener("keydown", (event) => this.#onPositionKey(event));
    $("find-bar").addEventListener("submit", (event) => event.preventDefault());
    $("query").addEventListener("input", () => this.#search());
    $("find-bar").addEventListener("keydown", (event) => this.#onFindKey(event));
    new ResizeObserver(() => this.#leaveRoom()).observe($("desk"));
    window.addEventListener("resize", () => this.#leaveRoom());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    // Where the browser keeps nothing, what was corrected is not lost by a slip of the hand.
    window.addEventListener("beforeunload", (event) => {
      if (this.#history?.isChanged && !this.#isKept && !$("result").hidden) event.preventDefault();
    });
  }

  /**
   * Shows a reply of POST transcribe and its recording: {name, blob, samples (null: not decoded)}.
   *
   * @param {{layout: object, edited: object | null, isKept: boolean, onEdit: (edited: object | null, words: number) =>
   *     void}} options the layout of its subtitles; the transcript as it was corrected earlier; whether `onEdit` keeps it
   */
  show(reply, recording, { layout, edited = null, isKept = false, onEdit = () => {} }) {
    this.#reply = reply;
    this.#layout = layout;
    this.#isKept = isKept;
    this.#onEdit = onEdit;
    this.#recording = recording;
    this.#history = new History(fromReply(reply));
    if (edited) this.#history.add(edited);
    this.#transcript.reset();
    this.#closeFind();
    $("result-title").textContent = recording.name;
    $("transcript").lang = reply.language ?? "";
    $("follow").hidden = true;
    const { blob, samples } = recording; // of hours, no samples are kept
    const isShort = samples && samples.length < LONGEST_WAV_S * RATE_HZ;
    this.#player.load(isShort && blob.type !== "audio/wav" ? wav(samples) : blob, reply.duration);
    $("player").hidden = !samples && !recording.isPlayable;
    $("unplayable").hidden = !$("player").hidden;
    $("position").classList.toggle("plain", !samples);
    this.#timeline.set(samples, RATE_HZ, reply.duration);
    $("position").setAttribute("aria-valuemax", reply.duration.toFixed(1));
    $("end").textContent = clock(reply.duration);
    this.#show();
    this.#draw();
    $("result-title").focus();
  }

  /** Ends playing and what is being written. */
  leave() {
    this.#transcript.finish();
    this.#menu.close();
    this.#player.pause();
    $("follow").hidden = true;
  }

  get #now() {
    return this.#history.current;
  }

  // --- what is shown ------------------------------------------------------------------------------------------------

  #apply(transcript) {
    if (this.#history.add(transcript)) this.#changed();
  }

  #changed() {
    this.#show();
    this.#onEdit(this.#history.isChanged ? this.#now : null, wordsOf(this.#now).length);
  }

  #show() {
    const words = wordsOf(this.#now);
    this.#transcript.show(this.#now);
    $("transcript").hidden = !words.length;
    $("nothing").hidden = words.length > 0;
    $("legend").hidden = !words.length;
    $("doubts").hidden = words.every(({ confidence }) => grade(confidence) === "certain");
    if (!$("find-bar").hidden) this.#search();
    this.#showTools();
    this.#draw();
  }

  #showTools() {
    if (!this.#history) return;
    const words = wordsOf(this.#now);
    const at = this.#at;
    const place = words.length ? placeOf(this.#now, at) : null;
    const doubtful = words.filter(({ confidence }) => grade(confidence) !== "certain").length;
    const can = {
      correct: words.length > 0,
      split: place && at > place.first,
      join: place && place.number > 0,
      speaker: words.length > 0,
      doubtful: doubtful > 0,
      others: words.length > 0 && Boolean(this.#recording.samples),
      undo: this.#history.canUndo,
      redo: this.#history.canRedo,
      "zoom-in": this.#timeline.canZoomIn,
      "zoom-out": this.#timeline.canZoomOut,
    };
    // Not disabled, which would take the focus from whoever uses the keyboard.
    for (const [id, possible] of Object.entries(can)) $(id).setAttribute("aria-disabled", String(!possible));
    $("doubtful-count").textContent = doubtful || "";
    $("corrections").hidden = !this.#recording.samples || !words.some(({ parts }) => !parts);
  }

  // The word that something is done with: the first that was chosen, or else the one being said.
  get #at() {
    return this.#transcript.chosen?.first ?? Math.max(0, this.#transcript.lit);
  }

  /** Shows the moment being played: playhead, clock, the word being said. */
  #draw() {
    if (!this.#reply) return;
    const { now_s, isPlaying } = this.#player;
    const { duration } = this.#reply;
    $("play").toggleAttribute("data-playing", isPlaying);
    $("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    const word = this.#transcript.light(!isPlaying && !now_s ? -1 : now_s);
    const text = clock(now_s);
    if ($("now").textContent !== text) $("now").textContent = text;
    $("position").setAttribute("aria-valuenow", now_s.toFixed(1));
    $("position").setAttribute("aria-valuetext", `${text} of ${clock(duration)}`);
    this.#timeline.draw(now_s, word, isPlaying);
  }

  // What stays in view covers the text below it; where the browser scrolls to is below that.
  #leaveRoom() {
    const { position, top } = getComputedStyle($("desk"));
    const covered = position === "sticky" && !$("result").hidden ? $("desk").offsetHeight + parseFloat(top) + 8 : 0;
    document.documentElement.style.scrollPaddingTop = `${covered}px`;
  }

  // --- hearing ------------------------------------------------------------------------------------------------------

  #seek(now_s) {
    const { loop } = this.#player;
    if (loop && (now_s < loop.start_s || now_s > loop.end_s)) this.#setLoop(null);
    this.#player.seek(now_s);
  }

  #playFrom(start_s) {
    if ($("player").hidden) return;
    this.#seek(start_s);
    this.#player.play();
  }

  #skip(seconds) {
    this.#seek(this.#player.now_s + seconds);
  }

  #faster(step) {
    const select = $("speed");
    const at = Math.min(select.options.length - 1, Math.max(0, select.selectedIndex + step));
    select.selectedIndex = at;
    this.#player.speed = Number(select.value);
    this.#say(`Speed ${select.value}`);
  }

  #toggleLoop() {
    if (this.#player.loop) this.#timeline.select(null);
    else this.#setLoop(this.#timeline.selection ?? this.#stretchHere());
  }

  // The subtitle that the chosen word is in, or the one being heard.
  #stretchHere() {
    const word = wordsOf(this.#now)[this.#at];
    const segment = word && segmentsOf(this.#now).find(({ words }) => words.includes(word));
    if (!segment) return { start_s: 0, end_s: this.#reply.duration };
    return { start_s: segment.words[0].start, end_s: segment.words.at(-1).end };
  }

  #setLoop(stretch) {
    this.#player.loop = stretch;
    $("loop").setAttribute("aria-pressed", String(Boolean(stretch)));
    if (stretch !== this.#timeline.selection) this.#timeline.select(stretch);
    this.#say(stretch ? `Repeats ${clock(stretch.start_s)} to ${clock(stretch.end_s)}` : "Repeats nothing");
  }

  #onSelect(stretch) {
    if (!stretch) {
      if (this.#player.loop) this.#setLoop(null);
      return;
    }
    this.#transcript.chooseBetween(stretch.start_s, stretch.end_s);
    if (this.#player.loop) {
      if (this.#player.loop !== stretch) this.#setLoop(stretch);
    } else this.#player.seek(stretch.start_s);
  }

  #onPositionKey(event) {
    const { now_s } = this.#player;
    const { duration } = this.#reply;
    const page_s = duration / 10;
    const places = {
      ArrowLeft: now_s - ARROW_STEP_S,
      ArrowDown: now_s - ARROW_STEP_S,
      ArrowRight: now_s + ARROW_STEP_S,
      ArrowUp: now_s + ARROW_STEP_S,
      PageDown: now_s - page_s,
      PageUp: now_s + page_s,
      Home: 0,
      End: duration,
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " || event.key === "Enter") this.#player.toggle();
    else if (event.key in places) this.#seek(places[event.key]);
    else return;
    event.preventDefault();
  }

  // --- correcting ---------------------------------------------------------------------------------------------------

  #correct() {
    if (this.#transcript.isEditing || !wordsOf(this.#now).length) return;
    const { first, last } = this.#transcript.chosen ?? { first: this.#at, last: this.#at };
    this.#transcript.choose(first, last);
    this.#transcript.correct(first, last);
  }

  #split() {
    this.#change((at) => split(this.#now, at), "Paragraph begun");
  }

  #join() {
    this.#change((at) => join(this.#now, at), "Paragraphs joined");
  }

  #change(make, said) {
    this.#transcript.finish();
    if (!wordsOf(this.#now).length) return;
    const at = this.#at;
    const made = make(at);
    if (made === this.#now) return;
    this.#apply(made);
    this.#transcript.goTo(at);
    this.#say(said);
  }

  #nameSpeaker() {
    this.#transcript.finish();
    if (wordsOf(this.#now).length) this.#transcript.nameSpeaker(this.#at);
  }

  #toDoubtful(step) {
    this.#transcript.finish();
    const words = wordsOf(this.#now);
    let i = this.#transcript.chosen ? this.#at + step : step > 0 ? 0 : words.length - 1;
    while (i >= 0 && i < words.length && grade(words[i].confidence) === "certain") i += step;
    if (i < 0 || i >= words.length) {
      this.#say("No more doubtful words in this direction");
      return;
    }
    this.#seek(words[i].start);
    this.#transcript.goTo(i);
  }

  /** Asks what else the chosen word may be, and lets somebody choose. */
  async #showChoices() {
    this.#transcript.finish();
    const words = wordsOf(this.#now);
    if (!words.length || !this.#recording.samples) return;
    const at = this.#at;
    const word = words[at];
    const asked = around(words, at, this.#reply.duration);
    const stop = new AbortController();
    this.#player.pause();
    this.#transcript.choose(at);
    this.#menu.open(this.#transcript.elementOf(at), "Listening again …", (wasLeft) => {
      stop.abort();
      if (wasLeft) this.#transcript.goTo(at);
    });
    try {
      const heard = await this.#heardAgain(word, asked, stop.signal);
      if (stop.signal.aborted) return;
      const { number } = placeOf(this.#now, at);
      const own = choices(words, at, asked, heard).filter(({ first, last }) => [first, last].every((i) => placeOf(this.#now, i).number === number));
      if (own.length) this.#menu.show(`“${word.text}” may be`, own.map((choice) => this.#choice(words, choice)));
      else this.#menu.tell(`Nothing else than “${word.text}” was heard.`);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Refusal)) throw error;
      if (error.code === "invalid_api_key") {
        this.#menu.close();
        this.#onKeyWanted(error, () => this.#showChoices());
      } else this.#menu.tell(`${error.title}. ${error.message}`);
    }
    this.#say($("choices-title").textContent);
  }

  async #heardAgain(word, { start_s, end_s }, signal) {
    if (!this.#asked.has(word)) {
      const part = this.#recording.samples.subarray(Math.floor(start_s * RATE_HZ), Math.ceil(end_s * RATE_HZ));
      this.#asked.set(word, await this.#ask(wav(part), signal));
    }
    return this.#asked.get(word).words;
  }

  #choice(words, { first, last, text }) {
    const before = textOf(words.slice(first, last + 1));
    return {
      label: text || "(nothing)",
      note: last > first ? `for “${before}”` : "",
      act: () => {
        this.#apply(correct(this.#now, first, last, text));
        this.#transcript.goTo(first);
        this.#say(`${text || "Nothing"} in place of ${before}`);
      },
    };
  }

  #undo() {
    this.#transcript.finish();
    if (!this.#history.canUndo) return;
    this.#history.undo();
    this.#changed();
    this.#say("Undone");
  }

  #redo() {
    this.#transcript.finish();
    if (!this.#history.canRedo) return;
    this.#history.redo();
    this.#changed();
    this.#say("Redone");
  }

  // --- finding and replacing ----------------------------------------------------------------------------------------

  #openFind() {
    this.#transcript.finish();
    const { chosen } = this.#transcript;
    if (chosen && chosen.last > chosen.first) $("query").value = textOf(wordsOf(this.#now).slice(chosen.first, chosen.last + 1));
    $("find-bar").hidden = false;
    $("search").setAttribute("aria-expanded", "true");
    $("query").focus();
    $("query").select();
    this.#search();
  }

  #closeFind() {
    const hadFocus = $("find-bar").contains(document.activeElement);
    $("find-bar").hidden = true;
    $("search").setAttribute("aria-expanded", "false");
    this.#transcript.mark([], -1);
    if (!hadFocus) return;
    const at = this.#places[this.#place]?.first ?? -1;
    if (at >= 0) this.#transcript.goTo(at);
    else $("search").focus();
  }

  #search() {
    this.#places = find(this.#now, $("query").value, this.#findOptions);
    this.#place = this.#places.length ? Math.max(0, Math.min(this.#place, this.#places.length - 1)) : -1;
    this.#showPlace();
  }

  #showPlace() {
    this.#transcript.mark(this.#places, this.#place);
    const none = $("query").value.trim() ? "None" : "";
    $("found").textContent = this.#places.length ? `${this.#place + 1} of ${this.#places.length}` : none;
  }

  get #findOptions() {
    return { replacement: $("replacement").value, matchCase: $("match-case").getAttribute("aria-pressed") === "true" };
  }

  #matchCase() {
    $("match-case").setAttribute("aria-pressed", String(!this.#findOptions.matchCase));
    this.#search();
  }

  #toPlace(step) {
    if (!this.#places.length) return;
    this.#place = (this.#place + step + this.#places.length) % this.#places.length;
    this.#showPlace();
  }

  #replaceOne() {
    const place = find(this.#now, $("query").value, this.#findOptions)[this.#place];
    if (place) this.#apply(correct(this.#now, place.first, place.last, place.text));
  }

  #replaceAll() {
    const count = this.#places.length;
    if (count) this.#apply(replaceAll(this.#now, $("query").value, this.#findOptions));
    $("found").textContent = `${count} replaced`;
  }

  #onFindKey(event) {
    if (event.key === "Escape") this.#closeFind();
    else if (event.key === "Enter" && event.target === $("query")) this.#toPlace(event.shiftKey ? -1 : 1);
    else if (event.key === "Enter" && event.target === $("replacement")) this.#replaceOne();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // --- taking it along ----------------------------------------------------------------------------------------------

  async #copy(button, text, unchanged = text) {
    const label = button.textContent;
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(this.#history.isChanged ? text : unchanged);
    } catch {
      said = "Not allowed here";
    }
    this.#say(said);
    if (label === said) return;
    button.textContent = said;
    setTimeout(() => (button.textContent = label), COPIED_MS);
  }

  #download(extension) {
    this.#transcript.finish();
    const [type, render] = FORMATS[extension];
    const { isChanged } = this.#history;
    const reply = isChanged ? toReply(this.#now, this.#reply) : this.#reply;
    const content = render(reply, { transcript: this.#now, isChanged, title: this.#recording.name, layout: this.#layout });
    this.#save(content instanceof Blob ? content : new Blob([content], { type }), extension);
    this.#say(`${extension.toUpperCase()} downloaded.`);
  }

  async #takeCorrections() {
    this.#transcript.finish();
    const count = stretches(this.#now).length;
    this.#save(await corrections(this.#now, this.#recording.samples, this.#stem), "corrections.zip");
    this.#say(`${count} corrected ${count === 1 ? "stretch" : "stretches"} downloaded.`);
  }

  get #stem() {
    return this.#recording.name.replace(/\.\w{1,5}$/, "").replace(/[^\p{L}\p{M}\p{N}_ .-]+/gu, "-") || "transcript";
  }

  #save(blob, extension) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${this.#stem}.${extension}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), ARCHIVE_MS);
  }
}

function colour(property) {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}
