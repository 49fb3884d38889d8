// What is seen of the recorder: its state in words, its controls, its level. Put before live.js.

const LOUD = 0.98;
const FEW_S = 600; // of the time left: a warning
const QUIET_MS = 8000; // without the least sound: is the microphone muted?
const AWAY_S = 3; // sound that waits longer is spoken of

class Look {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    [this.box, this.main, this.word, this.stateLine] = [".live", ".main", ".word", ".state"].map($);
    [this.elapsed, this.left, this.level, this.advice] = [".elapsed", ".left", ".level", ".advice"].map($);
    [this.pause, this.mark, this.other, this.save] = [".pause", ".mark", ".other", ".save"].map($);
    [this.language, this.device, this.need, this.stands, this.brief] = [".language", ".device", ".need", ".stands", ".brief"].map($);
    [this.end, this.endHere] = [".end", ".halt-here"].map($); // for who reads along; in the reading mode
    this.bar = this.level.firstElementChild;
  }

  /** A sentence at the top, with what to do; nothing takes it away. */
  tell(sentence = "", hint = "") {
    const [strong, rest] = this.need.children;
    [strong.textContent, rest.textContent] = [sentence, hint];
    this.need.hidden = !sentence;
  }

  /** What cannot be sent any more, to be taken away as a file; undefined takes the offer away. */
  offerFile(blob) {
    if (this.save.href) URL.revokeObjectURL(this.save.href);
    if (blob) this.save.href = URL.createObjectURL(blob);
    else this.save.removeAttribute("href");
  }

  meter(peak) {
    const shown = Math.min(1, Math.sqrt(peak));
    this.bar.style.transform = `scaleX(${shown.toFixed(3)})`;
    this.level.classList.toggle("loud", peak >= LOUD);
    this.level.setAttribute("aria-valuenow", Math.round(shown * 100));
  }

  /** Said aloud by a screen reader, once. */
  announce(text) {
    this.stands.textContent = text;
  }

  /** [how it stands, whether the connection is away]. `live` is the recorder. */
  stateWords({ state, line, paused, kept, elsewhere, isBusy, ear }) {
    const seconds = Math.round(line?.sound.seconds ?? 0);
    const waits = `${seconds} s kept in this ${kept.fails ? "tab" : "browser"}`;
    const cannot = !Microphone.isPossible ? "Recording is not possible here" : ear.missing ? "No microphone" : "";
    const told = {
      looking: cannot || "Ready",
      idle: cannot || "Ready",
      asking: "Waiting for the microphone",
      starting: "Connecting",
      on: paused ? "Paused" : "Recording",
      stopping: seconds > 1 ? `Stopping, ${seconds} s still to be sent` : "Stopping",
      ended: "The recording has ended",
      watching: elsewhere ? "A recording of yours is open elsewhere" : "You are recording in another tab",
      offered: "Your recording is still open",
    };
    if (isBusy && ((!line.isOpen && line.tries > 0) || (state === "on" && !line.live))) return [paused ? `Paused. Reconnecting, ${waits}` : `Reconnecting, ${waits}`, true];
    if (state === "watching" && !line.isOpen) return ["Reconnecting", true];
    if (state === "on" && seconds > AWAY_S) return [`${told.on}, sending ${waits}`, false];
    return [told[state], false];
  }

  adviceWords({ state, paused, note, ear, line, kept, elsewhere }, away, left) {
    if (note) return note;
    if (state === "on" && !paused) {
      if (ear.mic.context?.state === "suspended") return "The browser lets no sound in before you have clicked on this page.";
      if (Date.now() - ear.heardAt > QUIET_MS) return "No sound comes from the microphone. Is it muted, or another one meant?";
      if (away && line.sound.seconds > AWAY_S) return kept.fails ? "Leave this tab open: what waits would be lost with it." : `Go on speaking: up to ${MOST_KEPT_S / 60} minutes are kept until the connection is back.`;
      if (left < FEW_S) return `The recording ends by itself in ${spokenTime(left)}.`;
    }
    if (state === "asking") return "Your browser may ask whether this page may use it.";
    if (state === "offered") return "Go on with it, or stop it and have its text made. After 2 minutes it ends by itself.";
    if (state === "watching") return elsewhere ? "In another browser, or by a program. Go on here takes it over, Stop ends it with what has arrived." : "You can read along here, stop it, or go on here instead.";
    return "";
  }

  draw(live) {
    const say = (element, text) => element.textContent !== text && (element.textContent = text);
    const { state, line, paused } = live;
    const [running, recording, watching] = [state === "starting" || state === "on", state === "on", state === "watching"];
    const seconds = live.isBusy || state === "ended" ? (line?.sound.length ?? 0) : 0;
    const left = live.limit - seconds;
    const [words, away] = this.stateWords(live);
    for (const [name, is] of Object.entries({ on: running, reads: watching, paused, trouble: away })) this.box.classList.toggle(name, is);
    say(this.stateLine, words);
    say(this.word, running ? "Stop" : state === "offered" ? "Go on" : "Record");
    this.main.setAttribute("aria-disabled", !live.canPress);
    say(this.elapsed, clock(seconds));
    say(this.left, recording ? `· ${clock(left)} left` : state === "ended" ? "" : `· at most ${clock(live.limit)}`);
    this.elapsed.parentElement.hidden = this.level.hidden = watching;
    say(this.advice, this.adviceWords(live, away, left));
    this.advice.classList.toggle("warn", running);
    this.show(this.pause, recording);
    this.show(this.mark, recording);
    say(this.pause, paused ? "Continue" : "Pause");
    this.mark.disabled = !line?.live;
    this.show(this.other, live.act && !running);
    say(this.other, { watching: "Go on here", offered: "Stop" }[state] ?? "Record without captions");
    this.show(this.end, watching);
    this.show(this.endHere, running || watching);
    this.show(this.save, this.save.hasAttribute("href"));
    this.language.disabled = state !== "idle" && state !== "ended";
    this.brief.classList.toggle("dot", recording && !paused);
    say(this.brief, running ? `${words} · ${clock(seconds)}` : words);
  }

  /** Who presses a button that goes away finds himself at the big control, not at the top of the page. */
  show(element, is) {
    if (!is && element.matches(":focus")) this.main.focus();
    element.hidden = !is;
  }
}
