// The page: one state at a time (idle, recording, working, result), and what leads from one to the next.

import { LAYOUT } from "./captions.js";
import { clock } from "./clock.js";
import { fromReply, wordsOf } from "./edits.js";
import { health, hear, Refusal, transcribe as ask } from "./endpoint.js";
import { droppedFiles } from "./folders.js";
import { KeywordView } from "./keywords.js";
import { LiveText } from "./live.js";
import { languageName, Options } from "./options.js";
import { LevelMeter, NoMicrophone, Recorder } from "./recorder.js";
import { RecordingList } from "./recordings.js";
import { ResultView } from "./result.js";
import { transcribeRecording } from "./sending.js";
import { Shelf } from "./shelf.js";
import { decode, pack, probe } from "./sound.js";

const $ = (id) => document.getElementById(id);
const meter = new LevelMeter($("level-canvas"));
const options = new Options($("options-form"));
const shelf = new Shelf();
const result = new ResultView({
  say,
  ask: (recording, signal) => ask(recording, { key: state.key, query: options.alternativesQuery, signal, onProgress: () => {} }),
  onKeyWanted: (refusal, again) => {
    onRefusal(refusal);
    state.again = () => {
      settle();
      again();
    };
  },
});
const live = new LiveText({ text: $("live-text"), note: $("live-problem") }, (recording, isSlow, signal) => {
  return hear(recording, { key: state.key, query: options.liveQuery(isSlow), signal });
});
const recordings = new RecordingList($("recordings"), shelf, {
  transcribe,
  keep,
  onOpen: open,
  onKeyWanted: (refusal) => {
    onRefusal(refusal);
    state.again = () => {
      settle();
      recordings.work();
    };
  },
  say,
});

// The name under which sessionStorage, which ends with the tab, keeps the key of a visitor who ticks the box.
const KEY_NAME = "hark-key";
// After so long without a sound, the microphone is likely the wrong one.
const SILENT_S = 3;
const SILENT_LEVEL = 0.02;
// The longest that a recording waits for an endpoint which text while speaking was too much for.
const LONGEST_WAIT_MS = 4000;
// Whoever pressed twice by mistake said nothing.
const SHORTEST_S = 0.3;

const state = {
  /** What GET health says, or null. */
  endpoint: null,
  key: storage()?.getItem(KEY_NAME) ?? "",
  recorder: null,
  /** When that endpoint can be asked again, by performance.now(). */
  free_ms: 0,
  /** The recording being worked on: {name, blob, samples (null: not decoded)}. */
  recording: null,
  /** Tries again what was refused last. */
  again: () => {},
  /** Ends the work in progress: an AbortController, a new one for each step. */
  step: new AbortController(),
};

const keywords = new KeywordView(
  { start: $("listen"), stop: $("stop-listening"), bars: $("bars"), said: $("heard-word") },
  {
    key: () => state.key,
    onProblem: (error) => {
      state.again = () => {
        settle();
        keywords.listen();
      };
      if (error instanceof Refusal) onRefusal(error);
      else complain(error.title, error.message);
    },
  },
);

// What the tab remembers, or null where the visitor has forbidden it to.
function storage() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

// --- states -------------------------------------------------------------------------------------------------------

function show(name) {
  document.body.dataset.state = name;
  for (const id of ["intake", "options", "shelf"]) $(id).hidden = name !== "idle";
  $("recording").hidden = name !== "recording";
  $("working").hidden = name !== "working";
  $("result").hidden = name !== "result";
  $("keywords").hidden = name !== "idle" || !state.endpoint?.keywords;
  // Until the text of the whole recording is there.
  $("live").hidden = !(name === "recording" && options.isLive) && !(name === "working" && live.hasText);
  if (name === "idle" || name === "result") live.clear();
  if (name !== "idle") keywords.stop();
}

function say(text) {
  $("status").textContent = text;
}

function startAgain() {
  result.leave();
  settle();
  show("idle");
  recordings.refresh(); // what was corrected is listed as such
  $("record").focus();
}

// --- problems -----------------------------------------------------------------------------------------------------

/** Says what went wrong; `offers` are the ids of the buttons that may help. */
function complain(title, message, offers = []) {
  $("problem-title").textContent = title;
  $("problem-message").textContent = message;
  $("retry").hidden = !offers.includes("retry");
  $("key-form").hidden = true;
  $("problem").classList.remove("question");
  $("problem").hidden = false;
  say("");
  $(offers[0] ?? "dismiss").focus();
}

function settle() {
  $("problem").hidden = true;
}

function onRefusal(refusal) {
  complain(refusal.title, refusal.message, refusal.again ? ["retry"] : []);
  if (refusal.code !== "invalid_api_key") return;
  if (state.key) complain("This key was not accepted", "Check it for missing letters, or ask whoever runs this endpoint.");
  else $("problem").classList.add("question");
  forgetKey();
  $("key-form").hidden = false;
  $("key").focus();
}

function forgetKey() {
  state.key = "";
  storage()?.removeItem(KEY_NAME);
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.key = $("key").value.trim();
  $("key").value = "";
  if ($("remember").checked) storage()?.setItem(KEY_NAME, state.key);
  state.again();
});
$("retry").addEventListener("click", () => state.again());
$("dismiss").addEventListener("click", () => (document.body.dataset.state === "result" ? settle() : startAgain()));

// --- recording ----------------------------------------------------------------------------------------------------

$("record").addEventListener("click", async () => {
  settle();
  $("record").disabled = true; // the browser may be asking the visitor
  try {
    state.recorder = await Recorder.start();
  } catch (error) {
    if (!(error instanceof NoMicrophone)) throw error;
    complain(error.title, error.message);
    return;
  } finally {
    $("record").disabled = false;
  }
  meter.clear();
  show("recording");
  $("live-cost").hidden = !state.key;
  if (options.isLive) live.start(state.recorder.stream);
  say("Recording.");
  watch(state.recorder, { heard_s: 0 });
  $("stop").focus();
});

// Draws level and time, once per frame of the screen.
function watch(recorder, memory) {
  if (recorder !== state.recorder) return;
  const [level, elapsed_s] = [recorder.level(), recorder.elapsed_s];
  meter.add(level, elapsed_s, getComputedStyle(document.documentElement).getPropertyValue("--record").trim());
  $("level").setAttribute("aria-valuenow", Math.round(100 * level));
  $("elapsed").textContent = clock(elapsed_s);
  if (level > SILENT_LEVEL) memory.heard_s = elapsed_s;
  $("silent").hidden = elapsed_s - memory.heard_s < SILENT_S;
  if (elapsed_s >= longest_s() - 1) stopRecording();
  else requestAnimationFrame(() => watch(recorder, memory));
}

// The longest recording that is taken, at once or as a job.
function longest_s() {
  return (state.endpoint?.jobs ?? state.endpoint?.limits)?.audio_s ?? Infinity;
}

async function endRecording() {
  const { recorder } = state;
  state.recorder = null;
  state.free_ms = performance.now() + Math.min(LONGEST_WAIT_MS, live.stop());
  return recorder.stop();
}

async function stopRecording() {
  if (!state.recorder) return; // pressed as time ran out
  const name = `Recording, ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`;
  const { elapsed_s } = state.recorder;
  const signal = work(name, "Preparing");
  const original = await endRecording();
  if (elapsed_s < SHORTEST_S) {
    show("idle");
    complain("That was too short", "Press Record, speak, and press Stop when you are done.");
    return;
  }
  // What browsers record differs from one to the next; as WAV or Ogg Opus every endpoint reads it, and the words' times
  // are those of the very samples that are played. A browser that cannot decode its own recording sends it as it is.
  const samples = await decode(original, elapsed_s);
  const packed = samples && (await pack(samples, state.endpoint?.limits?.body_bytes ?? Infinity));
  state.recording = { name, blob: packed ?? original, samples };
  const wait_ms = state.free_ms - performance.now();
  if (wait_ms > 0 && !signal.aborted) {
    onStage("Waiting: others are using the endpoint", null);
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
  }
  if (!signal.aborted) send();
}

$("stop").addEventListener("click", stopRecording);
$("discard").addEventListener("click", async () => {
  if (state.recorder) await endRecording();
  say("Discarded.");
  startAgain();
});

// --- files --------------------------------------------------------------------------------------------------------

$("file").addEventListener("change", () => {
  const files = [...$("file").files];
  $("file").value = ""; // so that the same file can be chosen again
  take(files);
});

document.addEventListener("paste", (event) => take([...event.clipboardData.files]));

for (const type of ["dragenter", "dragover"]) {
  document.addEventListener(type, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    $("drop-hint").hidden = isBusy();
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop-hint").hidden = true;
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  $("drop-hint").hidden = true;
  take(await droppedFiles(event.dataTransfer));
});

function isBusy() {
  return ["recording", "working"].includes(document.body.dataset.state);
}

/** Takes files: one is shown as soon as it is transcribed, several are worked through in the list. */
function take(files) {
  if (isBusy() || !files.length) return;
  if (files.length === 1 && !recordings.isBusy) {
    state.recording = { name: files[0].name, blob: files[0], samples: null };
    send();
    return;
  }
  startAgain();
  recordings.add(files);
}

// --- sending ------------------------------------------------------------------------------------------------------

/** Shows that something is being done, with a way out; returns the AbortSignal of that way. */
function work(name, stage) {
  result.leave();
  settle();
  show("working");
  $("working-name").textContent = name;
  onStage(stage, null);
  $("cancel").focus();
  state.step = new AbortController();
  return state.step.signal;
}

function onStage(stage, share) {
  if (share === null) {
    $("progress").removeAttribute("value");
    $("stage").textContent = `${stage} …`;
    if ($("status").textContent !== stage) say(stage);
  } else {
    $("progress").value = 100 * share;
    $("stage").textContent = `${stage}, ${Math.round(100 * share)} % …`;
  }
}

function transcribe(recording, signal, report) {
  const { query, jobFields, keepsChannels } = options;
  const { limits, jobs = null } = state.endpoint ?? {};
  return transcribeRecording(recording, { limits, jobs, key: state.key, query, jobFields, keepsChannels, signal, onStage: report });
}

async function send() {
  const { recording } = state;
  const signal = work(recording.name, recording.samples ? "Sending" : "Reading");
  state.again = send;
  try {
    const reply = await transcribe(recording, signal, onStage);
    const layout = { ...LAYOUT, line_characters: options.line_characters };
    present(reply, recording, layout, null, await keep(reply, recording));
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Refusal)) throw error;
    show("idle");
    onRefusal(error);
  }
}

$("cancel").addEventListener("click", () => {
  state.step.abort();
  say("Cancelled.");
  startAgain();
});

// --- result -------------------------------------------------------------------------------------------------------

function present(reply, recording, layout, edited, id) {
  show("result");
  result.show(reply, recording, { layout, edited, isKept: id !== null, onEdit: (transcript, words) => shelf.edit(id, transcript, words) });
  const count = reply.words.length === 1 ? "1 word" : `${reply.words.length} words`;
  say(`Transcribed: ${count}.`);
}

/** Keeps a result in this browser; returns its number, or null where the browser keeps none. */
async function keep(reply, { name, blob }) {
  const words = wordsOf(fromReply(reply)).length;
  const layout = { ...LAYOUT, line_characters: options.line_characters };
  const title = { name, made: new Date(), seconds: reply.duration, words, isEdited: false };
  const id = await shelf.add(title, { reply, edited: null, blob, layout });
  await recordings.refresh();
  return id;
}

async function open(id) {
  const kept = await shelf.get(id);
  if (!kept || isBusy()) return;
  const signal = work(kept.name, "Opening");
  const samples = await decode(kept.blob, kept.reply.duration);
  const { isPlayable } = await probe(kept.blob);
  if (signal.aborted) return;
  state.recording = { name: kept.name, blob: kept.blob, samples, isPlayable };
  present(kept.reply, state.recording, kept.layout, kept.edited, id);
}

$("again").addEventListener("click", startAgain);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (document.body.dataset.state === "recording") $("discard").click();
  else if (document.body.dataset.state === "working") $("cancel").click();
  else if (!$("problem").hidden) startAgain();
});

function spelt(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} minutes` : `${Math.floor(minutes / 6) / 10} hours`;
}

// Says how many words the model gets wrong, from the best test set to the worst: {name: {wer, ...}}.
function wordsWrong(measured = {}) {
  const percent = Object.values(measured).map(({ wer }) => Math.round(100 * wer));
  if (!percent.length) return "";
  const range = [...new Set([Math.min(...percent), Math.max(...percent)])].join(" to ");
  return ` gets about ${range} of 100 words wrong`;
}

// --- at the start -------------------------------------------------------------------------------------------------

recordings.refresh();
state.endpoint = await health();
if (state.endpoint) {
  const { model, limits } = state.endpoint;
  $("keywords").hidden = document.body.dataset.state !== "idle" || !state.endpoint.keywords;
  const languages = [...new Set((state.endpoint.models ?? [model]).map(({ language = "en" }) => language))];
  options.offer(languages);
  const named = new Intl.ListFormat("en").format(languages.map(languageName));
  $("limits").textContent = limits ? `${named}, up to ${spelt(longest_s())}.` : `${named}.`;
  $("model").textContent = `Model ${model.name} ${model.version}${wordsWrong(model.measured)}.`;
}
