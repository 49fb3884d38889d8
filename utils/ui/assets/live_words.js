// Captions as they come: committed text only grows, tentative text is quiet, the newest is followed until one scrolls back.
// Put before live.js.

const SIZES_REM = [1, 1.25, 1.5, 1.9, 2.4, 3];
const USUAL_SIZE = 2;
const PARAGRAPH = 260; // characters after which the end of a sentence begins a new one
const SENTENCE = /.+?(?:[.!?…]["”')]*(?=\s|$)|[。？！]|$)/gs;
const ENDS = /[.!?…。？！]["”')]*\s*$/;
const SAY_MS = 3000; // between two readings aloud
const SAID = 4; // readings that stay in the live region
const SIZE = "sotto-live-size"; // in this browser's memory

class Words {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    [this.reader, this.box, this.hint, this.newest, this.spoken] = [".reader", ".captions", ".hint", ".newest", ".spoken"].map($);
    [this.smaller, this.larger, this.reading, this.brief] = [".smaller", ".larger", ".reading", ".brief"].map($);
    this.tentative = Object.assign(document.createElement("span"), { className: "tentative", ariaHidden: "true" });
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
    this.reader.onkeydown = (e) => e.key === "Escape" && this.wide(false);
    const kept = Number(localStorage.getItem(SIZE) ?? USUAL_SIZE);
    this.resize(kept in SIZES_REM ? kept : USUAL_SIZE);
    this.clear();
  }

  clear(hint = "") {
    this.box.replaceChildren(this.hint);
    this.hint.textContent = hint || this.hint.textContent;
    [this.text, this.unsaid, this.last, this.following] = ["", "", undefined, true];
    this.tentative.textContent = "";
    this.newest.hidden = true;
  }

  /** Another recording goes on below what stands here. */
  goOn() {
    [this.text, this.last] = ["", undefined];
  }

  /** One event of the server's; `all`: its committed text is everything so far. */
  hear({ committed, tentative, all }) {
    let fresh = committed;
    if (all && committed.startsWith(this.text)) fresh = committed.slice(this.text.length);
    else if (all) this.clear();
    const first = all && !this.text;
    this.text += fresh;
    if (fresh) this.write(fresh);
    this.tentative.textContent = tentative ? ` ${tentative.trim()}` : "";
    if (tentative) this.paragraph().append(this.tentative);
    if (!first || fresh.length < PARAGRAPH) this.say(fresh); // what was said before one came is not read aloud
    this.follow();
  }

  write(text) {
    this.tentative.remove();
    for (const sentence of text.match(SENTENCE) ?? []) {
      const here = this.paragraph();
      here.append(here.childNodes.length ? sentence : sentence.trimStart());
      if (here.textContent.length > PARAGRAPH && ENDS.test(sentence)) this.last = undefined;
    }
  }

  paragraph() {
    if (!this.last) {
      this.hint.remove();
      this.box.append((this.last = document.createElement("p")));
    }
    return this.last;
  }

  mark(seconds) {
    const chip = Object.assign(document.createElement("span"), { className: "moment", textContent: `Marked ${clock(seconds)}` });
    const here = this.paragraph();
    here.insertBefore(chip, this.tentative.parentNode === here ? this.tentative : null);
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
    this.box.focus({ preventScroll: true });
    this.follow();
  }

  close() {
    this.ends.abort();
    clearTimeout(this.saying);
  }
}
