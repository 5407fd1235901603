// The recording, played: faster or slower, a few seconds back, one stretch again and again.

/** Plays a recording through an audio element. */
export class Player {
  #audio;
  #onFrame;
  #loop = null;
  #length_s = 0;
  #runs = false;

  /** @param {HTMLAudioElement} audio @param {() => void} onFrame called for each frame of the screen while it plays */
  constructor(audio, onFrame) {
    this.#audio = audio;
    this.#onFrame = onFrame;
    for (const type of ["play", "pause", "ended", "seeked"]) audio.addEventListener(type, () => this.#run());
    audio.addEventListener("timeupdate", () => this.#turnBack()); // goes on where no frames are drawn
  }

  /** Takes a new recording. */
  load(blob, length_s) {
    const { playbackRate } = this.#audio;
    URL.revokeObjectURL(this.#audio.src);
    this.#audio.src = URL.createObjectURL(blob);
    this.#audio.preservesPitch = true;
    this.#audio.defaultPlaybackRate = playbackRate;
    this.#audio.playbackRate = playbackRate;
    this.#length_s = length_s;
    this.#loop = null;
  }

  get now_s() {
    return Math.min(this.#audio.currentTime, this.#length_s);
  }

  get isPlaying() {
    return !this.#audio.paused && !this.#audio.ended;
  }

  /** How fast it plays, 1 being as it was spoken. */
  set speed(times) {
    this.#audio.defaultPlaybackRate = times;
    this.#audio.playbackRate = times;
  }

  get speed() {
    return this.#audio.playbackRate;
  }

  /** What is played again and again: {start_s, end_s}, or null. */
  get loop() {
    return this.#loop;
  }

  set loop(stretch) {
    this.#loop = stretch;
    if (stretch && (this.now_s < stretch.start_s || this.now_s >= stretch.end_s)) this.seek(stretch.start_s);
  }

  seek(seconds) {
    this.#audio.currentTime = Math.min(Math.max(0, seconds), this.#length_s);
  }

  async play() {
    await this.#audio.play().catch(() => {}); // paused again before it began
  }

  pause() {
    this.#audio.pause();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  #turnBack() {
    if (this.#loop && this.isPlaying && this.#audio.currentTime >= this.#loop.end_s) this.seek(this.#loop.start_s);
  }

  #run() {
    this.#onFrame();
    if (this.#runs) return;
    const step = () => {
      this.#runs = this.isPlaying;
      this.#turnBack();
      this.#onFrame();
      if (this.#runs) requestAnimationFrame(step);
    };
    this.#runs = this.isPlaying;
    if (this.#runs) requestAnimationFrame(step);
  }
}
