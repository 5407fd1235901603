// The microphone -> a recording, and how loud it is meanwhile.

import { RATE_HZ } from "./sound.js";

// Speech lies in this range of levels; below is the room, above the converter clips.
const QUIETEST_DB = -60;
const LOUDEST_DB = -6;

const REASONS = {
  NotAllowedError: [
    "The microphone is not allowed",
    "Allow it for this page in the browser's address bar or settings, then press Record again. Or drop a file.",
  ],
  NotFoundError: ["No microphone was found", "Connect one and press Record again. Or drop a file."],
  NotReadableError: ["The microphone is busy", "Close the program that uses it and press Record again."],
};
const INSECURE = [
  "The microphone is not available here",
  "Browsers give it only to pages with an https address, or on this very machine (localhost). You can still drop a file.",
];

/** The microphone cannot be used; `title` and `message` say why and what to do. */
export class NoMicrophone extends Error {
  constructor([title, message]) {
    super(message);
    this.title = title;
  }
}

/**
 * Asks for the microphone.
 * @returns {Promise<MediaStream>}
 * @throws {NoMicrophone}
 */
export async function microphone() {
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) throw new NoMicrophone(INSECURE);
  try {
    // Echo cancellation gates soft speech and there is no loudspeaker to cancel: nothing plays while recording.
    const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: true, autoGainControl: true };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new NoMicrophone(REASONS[error.name] ?? ["The microphone could not be used", `${error.message || error.name}. You can still drop a file.`]);
  }
}

/**
 * Opens a graph of audio nodes on a microphone, at RATE_HZ where the browser can.
 * @param {MediaStream} stream
 * @returns {{context: AudioContext, source: MediaStreamAudioSourceNode}}
 */
export function listen(stream) {
  const { context, source } = connected(stream, { sampleRate: RATE_HZ }) ?? connected(stream, {});
  context.resume(); // Safari starts it suspended, since the visitor's click lies before the question
  return { context, source };
}

function connected(stream, settings) {
  let context = null;
  try {
    context = new AudioContext(settings);
    return { context, source: context.createMediaStreamSource(stream) };
  } catch (error) {
    context?.close();
    if (!settings.sampleRate) throw error;
    return null; // a browser that does not resample microphones
  }
}

/** A recording in progress. */
export class Recorder {
  #stream;
  #context;
  #analyser;
  #samples;
  #media;
  #parts = [];
  #since = performance.now();

  /**
   * Asks for the microphone and starts.
   * @returns {Promise<Recorder>}
   * @throws {NoMicrophone}
   */
  static async start() {
    return new Recorder(await microphone());
  }

  constructor(stream) {
    this.#stream = stream;
    this.#context = new AudioContext();
    this.#context.resume(); // Safari starts it suspended, since the visitor's click lies before the question
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 2048;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
    this.#media = new MediaRecorder(stream);
    this.#media.ondataavailable = (event) => this.#parts.push(event.data);
    this.#media.start(1000);
  }

  /** What it records. */
  get stream() {
    return this.#stream;
  }

  /** Seconds since it began. */
  get elapsed_s() {
    return (performance.now() - this.#since) / 1000;
  }

  /** How loud it is now: 0, silence, to 1. */
  level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let power = 0;
    for (const sample of this.#samples) power += sample * sample;
    const level_db = 10 * Math.log10(power / this.#samples.length + 1e-12);
    return Math.min(1, Math.max(0, (level_db - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)));
  }

  /** Ends it and lets the microphone go. @returns {Promise<Blob>} in the container this browser records. */
  async stop() {
    const stopped = new Promise((resolve) => (this.#media.onstop = resolve));
    if (this.#media.state !== "inactive") {
      this.#media.stop();
      await stopped;
    }
    for (const track of this.#stream.getTracks()) track.stop();
    await this.#context.close();
    return new Blob(this.#parts, { type: this.#media.mimeType });
  }
}

/** Draws the last seconds of levels as bars, newest at the right. */
export class LevelMeter {
  // A bar for each step of time, wide enough to be seen on a phone.
  static STEP_S = 0.06;
  static BAR_PX = 3;
  static GAP_PX = 3;
  #canvas;
  #levels = [];

  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** Forgets the levels. */
  clear() {
    this.#levels = [];
  }

  /** Adds what the recorder hears now, at `elapsed_s`, and draws. */
  add(level, elapsed_s, colour) {
    const bar = Math.floor(elapsed_s / LevelMeter.STEP_S);
    this.#levels[bar] = Math.max(this.#levels[bar] ?? 0, level);
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = window.devicePixelRatio || 1;
    this.#canvas.width = width * ratio;
    this.#canvas.height = height * ratio;
    const context = this.#canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.fillStyle = colour;
    const step = LevelMeter.BAR_PX + LevelMeter.GAP_PX;
    for (let i = 0; i * step < width; i++) {
      // Squared, since decibels make everything said look alike. A dot where nothing was heard or nothing was yet: the line that speech will rise from.
      const length = Math.max(LevelMeter.BAR_PX, (this.#levels[bar - i] ?? 0) ** 2 * height);
      context.globalAlpha = bar - i < 0 ? 0.3 : 1;
      context.beginPath();
      context.roundRect(width - (i + 1) * step, (height - length) / 2, LevelMeter.BAR_PX, length, LevelMeter.BAR_PX / 2);
      context.fill();
    }
  }
}
