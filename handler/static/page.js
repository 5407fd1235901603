// The page: one state at a time (idle, recording, working, result), and what leads from one to the next.

import { clock } from "./clock.js";
import { health, Refusal, transcribe } from "./endpoint.js";
import { KeywordView } from "./keywords.js";
import { LevelMeter, NoMicrophone, Recorder } from "./recorder.js";
import { ResultView } from "./result.js";
import { decode, pack, probe } from "./sound.js";

const $ = (id) => document.getElementById(id);
const meter = new LevelMeter($("level-canvas"));
const result = new ResultView(say);

// The name under which sessionStorage, which ends with the tab, keeps the key of a visitor who ticks the box.
const KEY_NAME = "hark-key";
// After so long without a sound, the microphone is likely the wrong one.
const SILENT_S = 3;
const SILENT_LEVEL = 0.02;
// Whoever pressed twice by mistake said nothing.
const SHORTEST_S = 0.3;
const COMPRESS = "Compress it, as MP3 or M4A for example, or send a part of it.";

const state = {
  /** What GET health says, or null. */
  endpoint: null,
  key: storage()?.getItem(KEY_NAME) ?? "",
  recorder: null,
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
  $("intake").hidden = name !== "idle";
  $("recording").hidden = name !== "recording";
  $("working").hidden = name !== "working";
  $("result").hidden = name !== "result";
  $("keywords").hidden = name !== "idle" || !state.endpoint?.keywords;
  if (name !== "idle") keywords.stop();
}

function say(text) {
  $("status").textContent = text;
}

function startAgain() {
  result.leave();
  settle();
  show("idle");
  $("record").focus();
}

// --- problems -----------------------------------------------------------------------------------------------------

/** Says what went wrong; `offers` are the ids of the buttons that may help. */
function complain(title, message, offers = []) {
  $("problem-title").textContent = title;
  $("problem-message").textContent = message;
  for (const id of ["shrink", "retry"]) $(id).hidden = !offers.includes(id);
  $("key-form").hidden = true;
  $("problem").classList.remove("question");
  $("problem").hidden = false;
  say("");
  const first = offers.find((id) => !$(id).hidden) ?? "dismiss";
  $(first).focus();
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
$("dismiss").addEventListener("click", startAgain);

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
  if (elapsed_s >= (state.endpoint?.limits?.audio_s ?? Infinity) - 1) stopRecording();
  else requestAnimationFrame(() => watch(recorder, memory));
}

async function endRecording() {
  const { recorder } = state;
  state.recorder = null;
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
  const samples = await decode(original);
  const packed = samples && (await pack(samples, limitBytes()));
  state.recording = { name, blob: packed ?? original, samples };
  if (!signal.aborted) send(state.recording.blob);
}

$("stop").addEventListener("click", stopRecording);
$("discard").addEventListener("click", async () => {
  if (state.recorder) await endRecording();
  say("Discarded.");
  startAgain();
});

// --- files --------------------------------------------------------------------------------------------------------

$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  $("file").value = ""; // so that the same file can be chosen again
  if (file) take(file);
});

document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) take(file);
});

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
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop-hint").hidden = true;
  const [file] = event.dataTransfer.files;
  if (file) take(file);
});

function isBusy() {
  return ["recording", "working"].includes(document.body.dataset.state);
}

function limitBytes() {
  return state.endpoint?.limits?.body_bytes ?? Infinity;
}

/** Takes a file: refuses what cannot work before anything is sent. */
async function take(file) {
  if (isBusy()) return;
  result.leave();
  state.recording = { name: file.name, blob: file, samples: null };
  const signal = work(file.name, "Reading");
  const most_s = state.endpoint?.limits?.audio_s ?? Infinity;
  const { isPlayable, duration_s } = await probe(file);
  if (signal.aborted) return;
  if (duration_s > most_s) {
    show("idle");
    complain("This recording is too long", `It lasts ${clock(duration_s)}; this endpoint takes up to ${clock(most_s)}. Send a part of it.`);
  } else if (file.size > limitBytes()) offerToShrink(file, isPlayable);
  else send(file);
}

function offerToShrink(file, isPlayable) {
  show("idle");
  const sizes = `It has ${megabytes(file.size)}; this endpoint takes ${megabytes(limitBytes())} at once.`;
  if (isPlayable) complain("This file is too big", `${sizes} This browser can make it small enough, without a loss that matters to speech.`, ["shrink"]);
  else complain("This file is too big", `${sizes} ${COMPRESS}`);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

$("shrink").addEventListener("click", async () => {
  const { recording } = state;
  const signal = work(recording.name, "Shrinking");
  recording.samples = await decode(recording.blob);
  const packed = recording.samples && (await pack(recording.samples, limitBytes()));
  if (signal.aborted) return;
  if (packed) {
    recording.blob = packed;
    send(packed);
  } else {
    show("idle");
    complain("This file is too big", `This browser cannot make it small enough. ${COMPRESS}`);
  }
});

// --- sending ------------------------------------------------------------------------------------------------------

/** Shows that something is being done, with a way out; returns the AbortSignal of that way. */
function work(name, stage) {
  settle();
  show("working");
  $("working-name").textContent = name;
  $("progress").removeAttribute("value");
  $("stage").textContent = `${stage} …`;
  say(stage);
  $("cancel").focus();
  state.step = new AbortController();
  return state.step.signal;
}

function onProgress(share) {
  if (share < 1) {
    $("progress").value = 100 * share;
    $("stage").textContent = `Sending, ${Math.round(100 * share)} % …`;
  } else {
    $("progress").removeAttribute("value");
    $("stage").textContent = "Transcribing …";
    say("Transcribing");
  }
}

async function send(blob) {
  const { recording } = state;
  const signal = work(recording.name, "Sending");
  state.again = () => send(blob);
  try {
    const sent = transcribe(blob, { key: state.key, signal, onProgress });
    // The picture is made while the endpoint works.
    const decoded = recording.samples ?? decode(blob);
    const [reply, samples] = await Promise.all([sent, decoded]);
    if (signal.aborted) return; // cancelled when the reply was there and the picture was not
    recording.samples = samples;
    present(reply, recording);
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

function present(reply, recording) {
  show("result");
  result.show(reply, recording);
  const count = reply.words.length === 1 ? "1 word" : `${reply.words.length} words`;
  say(`Transcribed: ${count}.`);
}

$("again").addEventListener("click", startAgain);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (document.body.dataset.state === "recording") $("discard").click();
  else if (document.body.dataset.state === "working") $("cancel").click();
  else if (!$("problem").hidden) startAgain();
});

// Says how many words the model gets wrong, from the best test set to the worst: {name: {wer, ...}}.
function wordsWrong(measured = {}) {
  const percent = Object.values(measured).map(({ wer }) => Math.round(100 * wer));
  if (!percent.length) return "";
  const range = [...new Set([Math.min(...percent), Math.max(...percent)])].join(" to ");
  return ` gets about ${range} of 100 words wrong`;
}

// --- at the start -------------------------------------------------------------------------------------------------

state.endpoint = await health();
if (state.endpoint) {
  const { model, limits } = state.endpoint;
  $("keywords").hidden = !state.endpoint.keywords;
  if (limits) $("limits").textContent = `English, up to ${Math.floor(limits.audio_s / 60)} minutes.`;
  $("model").textContent = `Model ${model.name} ${model.version}${wordsWrong(model.measured)}.`;
}
