// The player: waveform, place, speed of playback, and the text with the word that sounds now.
// data: {label, head, note, audio, facts, seconds, lang, play, text}: addresses are our own; `facts` answers {seconds, peaks, words};
// `head` is the quiet line beside the title, empty for a player without a head; `text` = whether its words are drawn here.
// Other components of the page hear where it is by the document's event sotto:place {key, seconds, playing}, and place it by
// sotto:seek {key, seconds, play}; `key` is the sound's address.

const RATES = [0.5, 0.75, 1, 1.25, 1.5, 2];
const BAR = 3; // CSS pixels of a bar
const GAP = 2;
const WINDOW = 260; // words drawn at once: a long text is shown around the word that sounds now
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff]$/u; // scripts written without spaces

class Player {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    [this.box, this.button, this.wave, this.canvas] = [".player", ".play", ".wave", "canvas"].map($);
    [this.now, this.all, this.rate, this.text] = [".now", ".all", ".rate", ".words"].map($);
    [this.trouble, this.audio, this.head, this.title] = [".trouble", "audio", ".head", ".title"].map($);
    [this.quiet, this.note] = [".facts", ".note"].map($);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    [this.peaks, this.words, this.spans] = [[], [], []];
    [this.from, this.at, this.place] = [0, -1, 0];
    for (const rate of RATES) this.rate.add(new Option(`${rate}×`, rate, rate === 1, rate === 1));
    this.listen();
    this.undo = [yieldToOthers(this.audio), this.hearOthers()];
    const size = new ResizeObserver(() => {
      this.draw();
      this.fade();
    });
    size.observe(this.wave);
    this.sight = new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && this.fetchFacts());
    this.sight.observe(this.wave);
    this.undo.push(() => size.disconnect(), () => this.sight.disconnect());
  }

  listen() {
    const { audio, wave } = this;
    this.button.onclick = () => this.toggle();
    this.rate.onchange = () => (audio.playbackRate = audio.defaultPlaybackRate = Number(this.rate.value));
    for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, () => this.turn());
    audio.addEventListener("timeupdate", () => this.step());
    audio.addEventListener("loadedmetadata", () => this.wanted !== undefined && this.seek(this.wanted));
    audio.addEventListener("error", () => this.fail());
    wave.onpointerdown = (e) => {
      wave.setPointerCapture(e.pointerId);
      this.seekTo(e);
    };
    wave.onpointermove = (e) => (wave.hasPointerCapture(e.pointerId) ? this.seekTo(e) : this.hover(e));
    wave.onpointerleave = () => this.hover(null);
    wave.onkeydown = (e) => this.key(e);
    this.text.onscroll = () => this.fade();
    this.text.onclick = (e) => {
      const word = this.words[this.from + this.spans.indexOf(e.target)];
      if (word) this.seek(word[0]);
    };
  }

  /** Be placed by other components. Answers the function that ends it. */
  hearOthers() {
    const listen = ({ detail: { key, seconds, play } }) => {
      if (key !== this.data?.audio) return;
      this.seek(seconds);
      if (play && this.audio.paused) this.toggle();
    };
    document.addEventListener("sotto:seek", listen);
    return () => document.removeEventListener("sotto:seek", listen);
  }

  show(data) {
    if (data.audio !== this.data?.audio) {
      this.audio.removeAttribute("src");
      [this.peaks, this.words, this.at, this.place, this.loaded, this.wanted] = [[], [], -1, 0, false, undefined];
      this.text.hidden = true;
      this.trouble.textContent = "";
      this.sight.unobserve(this.wave); // observed anew: tells at once whether it can be seen
      this.sight.observe(this.wave);
    }
    this.data = data;
    this.head.hidden = !data.head;
    [this.title.textContent, this.quiet.textContent, this.note.textContent] = [data.label, data.head, data.note];
    this.box.setAttribute("aria-label", `Player: ${data.label}`);
    this.wave.setAttribute("aria-label", `Place in ${data.label}`);
    this.wave.setAttribute("aria-valuemax", Math.round(this.length));
    this.all.textContent = clock(Math.max(1, Math.round(this.length)));
    if (data.lang) this.text.lang = data.lang;
    this.text.dir = "auto";
    this.turn();
    this.step();
    if (data.play && this.played !== data.audio) this.toggle();
  }

  get length() {
    return this.data.seconds || this.audio.duration || 0;
  }

  async fetchFacts() {
    const { facts, audio } = this.data ?? {};
    if (this.loaded || !facts) return;
    this.loaded = true;
    try {
      const answer = await fetch(facts, { credentials: "same-origin" });
      if (!answer.ok) return;
      const { peaks = [], words = [] } = await answer.json();
      if (audio !== this.data.audio) return; // another sound came meanwhile
      [this.peaks, this.words] = [peaks, words];
      if (this.data.text === false) this.words = [];
      this.text.hidden = !this.words.length;
      this.write(0);
      this.step();
    } catch {
      this.loaded = false; // without a picture the sound still plays; tried again when seen again
    }
  }

  async toggle() {
    const { audio } = this;
    if (!audio.paused) return audio.pause();
    this.trouble.textContent = "";
    if (audio.error) audio.removeAttribute("src"); // what failed is asked for again
    if (!audio.getAttribute("src")) audio.src = this.data.audio;
    this.played = this.data.audio;
    try {
      await startAlone(audio);
    } catch (error) {
      if (error.name === "NotSupportedError") this.fail();
    }
  }

  fail() {
    if (!this.audio.getAttribute("src")) return;
    this.trouble.textContent = "The sound cannot be loaded. It may have been deleted, or the session has ended: reload the page.";
    this.turn();
  }

  turn() {
    const playing = !this.audio.paused && !this.audio.ended;
    this.box.classList.toggle("playing", playing);
    this.button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.data?.label ?? ""}`);
    this.step();
    if (playing && !this.frame && !this.calm.matches) this.run();
  }

  run() {
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.step();
      if (!this.audio.paused) this.run();
    });
  }

  step() {
    this.place = this.wanted ?? this.audio.currentTime;
    const shown = clock(this.place);
    if (this.now.textContent !== shown) {
      this.now.textContent = shown;
      this.wave.setAttribute("aria-valuenow", Math.floor(this.place));
      this.wave.setAttribute("aria-valuetext", `${spokenTime(this.place)} of ${spokenTime(this.length)}`);
    }
    this.follow();
    this.draw();
    const detail = { key: this.data?.audio, seconds: this.place, playing: !this.audio.paused };
    document.dispatchEvent(new CustomEvent("sotto:place", { detail }));
  }

  seek(seconds) {
    const { audio } = this;
    const to = Math.min(Math.max(seconds, 0), this.length);
    if (audio.readyState >= 1) {
      this.wanted = undefined;
      audio.currentTime = Math.min(to, (audio.duration || to) - 0.01);
    } else {
      this.wanted = to; // applied when the length is known
      if (!audio.getAttribute("src")) [audio.preload, audio.src] = ["metadata", this.data.audio];
    }
    this.step();
  }

  seekTo(e) {
    const box = this.wave.getBoundingClientRect();
    this.seek(((e.clientX - box.left) / box.width) * this.length);
  }

  hover(e) {
    this.pointer = e ? e.clientX - this.wave.getBoundingClientRect().left : undefined;
    this.draw();
  }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const stride = this.length < 60 ? 1 : 5; // seconds
    const moves = { ArrowRight: stride, ArrowUp: stride, ArrowLeft: -stride, ArrowDown: -stride, PageUp: 10 * stride, PageDown: -10 * stride };
    if (e.key in moves) this.seek(this.place + moves[e.key]);
    else if (e.key === "Home") this.seek(0);
    else if (e.key === "End") this.seek(this.length);
    else if (e.key === " " || e.key === "Enter") this.toggle();
    else return;
    e.preventDefault();
  }

  /** Index of the last word that has begun, -1 before the first. */
  wordAt(seconds) {
    let [low, high] = [0, this.words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.words[middle][0] <= seconds + 0.02) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  follow() {
    if (!this.words.length) return;
    const at = this.place || !this.audio.paused ? this.wordAt(this.place) : -1;
    if (at === this.at) return;
    const outside = at < this.from || at >= this.from + this.spans.length;
    if (at >= 0 && outside) this.write(Math.max(0, at - (WINDOW >> 2)));
    this.at = at;
    this.spans.forEach((span, i) => (span.className = this.from + i < at ? "said" : this.from + i === at ? "here" : ""));
    const span = this.spans[at - this.from];
    if (!span) return;
    const box = this.text;
    if (span.offsetTop < box.scrollTop || span.offsetTop + span.offsetHeight > box.scrollTop + box.clientHeight)
      box.scrollTo({ top: span.offsetTop - box.clientHeight / 3, behavior: this.calm.matches ? "auto" : "smooth" });
  }

  write(from) {
    this.from = from;
    const shown = this.words.slice(from, from + WINDOW);
    this.spans = shown.map(([, , word]) => Object.assign(document.createElement("span"), { textContent: word }));
    const parts = from ? ["… "] : [];
    this.spans.forEach((span) => parts.push(span, UNSPACED.test(span.textContent) ? "" : " "));
    if (from + WINDOW < this.words.length) parts.push("…");
    this.text.replaceChildren(...parts);
    this.text.scrollTop = 0;
    this.fade();
  }

  /** Let the text fade out where more of it is hidden. */
  fade() {
    const { text } = this;
    text.classList.toggle("long", text.scrollHeight > text.clientHeight + 2);
    text.classList.toggle("top", text.scrollTop < 2);
  }

  draw() {
    const { canvas, wave, peaks } = this;
    const [width, height] = [wave.clientWidth, wave.clientHeight];
    if (!width) return;
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale))
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    const style = getComputedStyle(wave);
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = style.getPropertyValue("--st-link-color") || style.color;
    const count = Math.max(1, Math.floor((width + GAP) / (BAR + GAP)));
    const played = this.length ? (this.place / this.length) * count : 0;
    for (let i = 0; i < count; i++) {
      const tall = Math.max(3, this.peak(i, count, peaks) * (height - 6));
      const part = Math.min(1, Math.max(0, played - i));
      pen.globalAlpha = 0.3 + 0.7 * part;
      pen.beginPath();
      pen.roundRect(i * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
      pen.fill();
    }
    if (this.pointer !== undefined) {
      pen.globalAlpha = 0.8;
      pen.fillRect(this.pointer, 0, 1, height);
    }
  }

  /** The loudest peak under bar i of count, 0 to 1. */
  peak(i, count, peaks) {
    if (!peaks.length) return 0;
    const from = Math.floor((i * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((i + 1) * peaks.length) / count));
    return Math.max(...peaks.slice(from, to)) / 100;
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.undo.forEach((end) => end());
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load(); // ends the download
  }
}

export default mountOnce(Player);
