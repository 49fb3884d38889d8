// Captions as they come: committed text only grows, tentative text is quiet, the newest is followed until one scrolls back.
// A marked moment stands where it was spoken, also when all is written anew after a reload. Put before live.js.

const SIZES_REM = [1, 1.25, 1.5, 1.9, 2.4, 3];
const USUAL_SIZE = 2;
const PARAGRAPH = 260; // characters after which the end of a sentence begins a new one
const SENTENCE = /.+?(?:[.!?…]["”')]*(?=\s|$)|[。？！]|$)/gs;
const ENDS = /[.!?…。？！]["”')]*\s*$/;
const SAY_MS = 3000; // between two readings aloud
const SAID = 4; // readings that stay in the live region
const LETTERS_A_SECOND = 14; // characters that are spoken; only to guess where in a piece a moment is
const SIZE = "sotto-live-size"; // in this browser's memory

class Words {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    [this.reader, this.box, this.hint, this.newest, this.spoken] = [".reader", ".captions", ".hint", ".newest", ".spoken"].map($);
    [this.smaller, this.larger, this.reading, this.brief] = [".smaller", ".larger", ".reading", ".brief"].map($);
    this.draft = $(".draft");
    this.tentative = Object.assign(document.createElement("span"), { className: "tentative", ariaHidden: "true" });
    this.tail = document.createElement("span"); // what is not settled: tentative text, then moments behind the committed text
    this.tail.append(this.tentative);
    this.ends = new AbortController();
    this.smaller.onclick = () => this.resize(this.size - 1);
    this.larger.onclick = () => this.resize(this.size + 1);
    this.reading.onclick = () => this.wide(!this.reader.classList.contains("wide"));
    this.newest.onclick = () => this.follow(true);
    this.box.onscroll = () => {
      this.following = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 48;
      this.newest.hidden = this.following;
    };
    const { signal } = this.ends;
    document.addEventListener("fullscreenchange", () => document.fullscreenElement || this.wide(false), { signal });
    document.addEventListener("keydown", (e) => e.key === "Escape" && this.wide(false), { signal });
    const kept = Number(localStorage.getItem(SIZE) ?? USUAL_SIZE);
    this.resize(kept in SIZES_REM ? kept : USUAL_SIZE);
    this.clear();
  }

  clear(hint = "") {
    this.box.replaceChildren(this.hint);
    this.hint.textContent = hint || this.hint.textContent;
    this.unsaid = "";
    this.goOn();
    this.newest.hidden = this.following = true;
  }

  /** Another recording goes on below what stands here. */
  goOn() {
    this.tail.remove();
    this.tail.replaceChildren(this.tentative);
    this.tentative.textContent = "";
    [this.text, this.end, this.last, this.moments] = ["", 0, undefined, new Map()];
  }

  /** What kind of captions these are, or nothing. */
  label(text) {
    this.draft.textContent = text;
    this.draft.hidden = !text;
  }

  /** The language that is spoken, for screen readers and hyphens. */
  speak(language) {
    this.box.lang = this.spoken.lang = language;
  }

  /** One event of the server's; `all`: its committed text is everything so far. `ends`: [characters, seconds] of its pieces. */
  hear({ committed, tentative, all, end, ends, draft }) {
    if (draft) this.label(draft); // no model could be had, whatever was thought before
    let known = all ? this.text.length : 0;
    if (all && !committed.startsWith(this.text)) {
      const moments = [...this.moments.keys()];
      this.clear();
      this.marks(moments);
      known = 0;
    }
    const first = all && !this.text;
    const fresh = committed.slice(known);
    this.text += fresh;
    this.tail.remove();
    const letters = [...committed]; // the server counts whole characters
    let at = 0;
    for (const [count, seconds] of ends ?? [[letters.length, end]]) {
      const piece = letters.slice(at, (at += count)).join("");
      if (piece.length > known) this.piece(piece.slice(known), seconds);
      known = Math.max(0, known - piece.length);
    }
    this.tentative.textContent = tentative ? ` ${tentative.trim()}` : "";
    this.unsettled();
    if (!first || fresh.length < PARAGRAPH) this.say(fresh); // what was said before one came is not read aloud
    this.follow();
  }

  /** Committed text, with the moments that were marked while it was spoken. */
  piece(text, end) {
    const start = Math.max(this.end, end - text.length / LETTERS_A_SECOND);
    let done = 0;
    for (const [seconds, chip] of [...this.moments].sort(([a], [b]) => a - b)) {
      if (chip.parentNode !== this.tail || seconds > end) continue;
      const guess = Math.max(done, Math.round(((seconds - start) / (end - start || 1)) * text.length));
      const space = guess ? text.indexOf(" ", guess) : 0;
      const at = space < 0 ? text.length : space;
      this.write(text.slice(done, at));
      this.paragraph().append(chip);
      done = at;
    }
    this.write(text.slice(done));
    this.end = end;
  }

  write(text) {
    for (const sentence of text.match(SENTENCE) ?? []) {
      const here = this.paragraph();
      here.append(here.childNodes.length ? sentence : sentence.trimStart());
      if (here.textContent.length > PARAGRAPH && ENDS.test(sentence)) this.last = undefined;
    }
  }

  unsettled() {
    if (this.tentative.textContent || this.tail.childElementCount > 1) this.paragraph().append(this.tail);
    else this.tail.remove();
  }

  paragraph() {
    if (!this.last) {
      this.hint.remove();
      this.box.append((this.last = document.createElement("p")));
    }
    return this.last;
  }

  /** Moments that are marked, of which some may stand here already. */
  marks(all) {
    for (const seconds of all) {
      if (this.moments.has(seconds)) continue;
      const chip = Object.assign(document.createElement("span"), { className: "moment", textContent: `Marked ${clock(seconds)}` });
      this.moments.set(seconds, chip);
      this.tail.append(chip);
    }
    this.unsettled();
    this.follow();
  }

  /** Only committed text is read aloud, and not each word by itself. */
  say(text) {
    this.unsaid += text;
    if (!this.unsaid.trim() || this.saying) return;
    this.saying = setTimeout(() => {
      this.saying = 0;
      if (this.unsaid.trim()) this.spoken.append(Object.assign(document.createElement("p"), { textContent: this.unsaid.trim() }));
      this.unsaid = "";
      while (this.spoken.childElementCount > SAID) this.spoken.firstChild.remove();
    }, SAY_MS);
  }

  follow(again = false) {
    if (again) this.following = true;
    if (this.following) this.box.scrollTop = this.box.scrollHeight;
    this.newest.hidden = this.following;
  }

  resize(size) {
    this.size = size;
    this.reader.style.setProperty("--size", `${SIZES_REM[size]}rem`);
    [this.smaller.disabled, this.larger.disabled] = [!size, size === SIZES_REM.length - 1];
    localStorage.setItem(SIZE, size);
    this.follow();
  }

  /** Captions and nothing else, over the whole screen where the browser can. */
  wide(on) {
    if (on === this.reader.classList.contains("wide")) return;
    this.reader.classList.toggle("wide", on);
    this.brief.hidden = !on;
    if (on) this.reading.setAttribute("aria-label", "Close the reading mode");
    else this.reading.removeAttribute("aria-label");
    this.reading.textContent = on ? "Close" : "Reading mode";
    if (on) this.reader.requestFullscreen?.().catch(() => {});
    else if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    (on ? this.box : this.reading).focus({ preventScroll: true });
    this.follow();
  }

  close() {
    this.ends.abort();
    clearTimeout(this.saying);
  }
}
