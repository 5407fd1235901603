// The page: one state at a time (idle, recording, working, result), and what leads from one to the next.

import { FORMATS } from "./captions.js";
import { health, Refusal, transcribe } from "./endpoint.js";
import { KeywordView } from "./keywords.js";
import { LevelMeter, NoMicrophone, Recorder } from "./recorder.js";
import { decode, pack, probe, RATE_HZ, wav } from "./sound.js";
import { analyse, Spectrogram } from "./spectrogram.js";
import { clock, TranscriptView } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const audio = $("audio");
const meter = new LevelMeter($("level-canvas"));
const spectrogram = new Spectrogram($("spectrogram"));
const transcript = new TranscriptView($("transcript"), (start_s) => playFrom(start_s));

// The name under which sessionStorage, which ends with the tab, keeps the key of a visitor who ticks the box.
const KEY_NAME = "hark-key";
// After so long without a sound, the microphone is likely the wrong one.
const SILENT_S = 3;
const SILENT_LEVEL = 0.02;
// Whoever pressed twice by mistake said nothing.
const SHORTEST_S = 0.3;
const ARROW_STEP_S = 2;
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
  reply: null,
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
  audio.pause();
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
  meter.add(level, elapsed_s, colour("--record"));
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
  audio.pause();
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
  state.reply = reply;
  show("result");
  $("result-title").textContent = recording.name;
  $("transcript").hidden = !reply.words.length;
  $("nothing").hidden = reply.words.length > 0;
  $("legend").hidden = !transcript.show(reply);
  load(recording);
  const count = reply.words.length === 1 ? "1 word" : `${reply.words.length} words`;
  say(`Transcribed: ${count}.`);
  $("result-title").focus();
}

function load({ blob, samples }) {
  URL.revokeObjectURL(audio.src);
  // A short recording is played from the samples themselves: browsers seek in WAV to the sample.
  audio.src = URL.createObjectURL(samples && blob.type !== "audio/wav" && samples.length < 600 * RATE_HZ ? wav(samples) : blob);
  spectrogram.set(samples && analyse(samples, RATE_HZ));
  $("position").setAttribute("aria-valuemax", state.reply.duration.toFixed(1));
  $("end").textContent = clock(state.reply.duration);
  $("player").hidden = !samples;
  $("unplayable").hidden = Boolean(samples);
  draw();
}

/** Shows the moment being played: playhead, clock, the word being said. */
function draw() {
  if (!state.reply) return;
  const { duration } = state.reply;
  const now_s = Math.min(audio.currentTime, duration);
  const word = transcript.light(audio.paused && !now_s ? -1 : now_s);
  $("now").textContent = clock(now_s);
  $("position").setAttribute("aria-valuenow", now_s.toFixed(1));
  $("position").setAttribute("aria-valuetext", `${clock(now_s)} of ${clock(duration)}`);
  const share = [word?.start / duration, word?.end / duration];
  spectrogram.draw(now_s / duration, word && share, { heard: colour("--accent"), ahead: colour("--soft"), ground: colour("--wash") });
}

function follow() {
  draw();
  if (!audio.paused) requestAnimationFrame(follow);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

async function playFrom(start_s) {
  if ($("player").hidden) return;
  audio.currentTime = start_s;
  await audio.play().catch(() => {}); // paused again before it began
}

function seek(now_s) {
  audio.currentTime = Math.min(Math.max(0, now_s), state.reply.duration);
}

for (const type of ["play", "pause", "ended"]) {
  audio.addEventListener(type, () => {
    const playing = !audio.paused && !audio.ended;
    $("play").toggleAttribute("data-playing", playing);
    $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    follow();
  });
}
audio.addEventListener("seeked", draw);
$("play").addEventListener("click", () => (audio.paused ? audio.play().catch(() => {}) : audio.pause()));
new ResizeObserver(draw).observe($("position"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

$("position").addEventListener("pointerdown", (event) => {
  $("position").setPointerCapture(event.pointerId);
  seekTo(event);
});
$("position").addEventListener("pointermove", (event) => {
  if ($("position").hasPointerCapture(event.pointerId)) seekTo(event);
});

function seekTo(event) {
  const { left, width } = $("position").getBoundingClientRect();
  seek(((event.clientX - left) / width) * state.reply.duration);
}

$("position").addEventListener("keydown", (event) => {
  const { currentTime } = audio;
  const { duration } = state.reply;
  const page_s = duration / 10;
  const places = {
    ArrowLeft: currentTime - ARROW_STEP_S,
    ArrowDown: currentTime - ARROW_STEP_S,
    ArrowRight: currentTime + ARROW_STEP_S,
    ArrowUp: currentTime + ARROW_STEP_S,
    PageDown: currentTime - page_s,
    PageUp: currentTime + page_s,
    Home: 0,
    End: duration,
  };
  if (event.key === " " || event.key === "Enter") $("play").click();
  else if (event.key in places) seek(places[event.key]);
  else return;
  event.preventDefault();
});

// --- taking it along ----------------------------------------------------------------------------------------------

$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(state.reply.text);
    confirmCopy("Copied");
  } catch {
    confirmCopy("Not allowed here");
  }
});

function confirmCopy(text) {
  say(text);
  $("copy").textContent = text;
  setTimeout(() => ($("copy").textContent = "Copy text"), 2000);
}

for (const button of document.querySelectorAll("[data-download]")) {
  button.addEventListener("click", async () => {
    const { download: extension } = button.dataset;
    const [type, render] = FORMATS[extension];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([render(state.reply)], { type }));
    link.download = `${state.recording.name.replace(/\.\w{1,5}$/, "").replace(/[^\w .-]+/g, "-") || "transcript"}.${extension}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`${extension.toUpperCase()} downloaded.`);
  });
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
