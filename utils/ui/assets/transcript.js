// A transcript, one page of it: words to click and hear, the word that sounds now, doubt to be seen, notes at their place, and
// the correction of a segment. The player is a component of its own; the two talk by events of the document (see player.js).
// data: {label, audio, rows: [{n, start, end, text, words: [[start, end, text, percent]], doubt, notes: [text]}],
//   page, pages, span, q, only, doubtful, editable, undo, redo, edited, original, dir, lang, below, empty, focus: {n, tick}, news, said}
// Words have percent = null where the engine cannot tell; below `below` they are doubtful. `said` = {n, sentence}: why an edit failed.
// Triggers: page = number, q = text, only = filter, next = n after which to look, edits = {revision, edits: [...], n}, undo, redo,
//   original = boolean.

const PENCIL = "M16.1 4.3a2 2 0 0 1 2.8 0l.8.8a2 2 0 0 1 0 2.8L9 18.6a2 2 0 0 1-.9.5l-3.2.8a.7.7 0 0 1-.8-.8l.8-3.2a2 2 0 0 1 .5-.9zm1.4 1.4L7 16.3l-.5 1.6 1.6-.4L18.3 6.5z";
const TYPING_MS = 400;

const node = (tag, className, properties = {}) => Object.assign(document.createElement(tag), { className, ...properties });

/** Seconds as m:ss.mmm, to be read back by `seconds`. */
function precise(at) {
  const ms = Math.round(at * 1000);
  return `${clock(ms / 1000)}.${String(ms % 1000).padStart(3, "0")}`;
}

/** 1:02:03.5, 62:03,5 or 3723.5 as seconds; NaN for anything else. */
function seconds(text) {
  const parts = text.trim().replace(",", ".").split(":");
  if (parts.length > 3 || parts.some((part) => !/^\d+(\.\d*)?$/.test(part))) return NaN;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

class Transcript {
  constructor(root) {
    this.root = root;
    this.$ = (selector) => root.querySelector(selector);
    [this.list, this.search, this.heard] = [".rows", ".search", ".heard"].map(this.$);
    [this.words, this.at, this.row] = [[], -1, -1];
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.tools();
    const ends = new AbortController();
    document.addEventListener("sotto:place", (e) => this.follow(e.detail), { signal: ends.signal });
    this.close = () => {
      ends.abort();
      clearTimeout(this.timer);
    };
  }

  tools() {
    const { $ } = this;
    this.search.oninput = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.look(), TYPING_MS);
    };
    this.search.onkeydown = (e) => {
      e.stopPropagation();
      if (e.key !== "Enter") return;
      clearTimeout(this.timer);
      this.look();
    };
    $(".doubts").onclick = () => this.tell("only", this.data.only === "doubtful" ? "all" : "doubtful");
    $(".next").onclick = () => this.nextDoubt();
    $(".undo").onclick = () => this.tell("undo", true);
    $(".redo").onclick = () => this.tell("redo", true);
    $(".original").onclick = () => this.tell("original", !this.data.original);
    $(".back").onclick = () => this.turn(this.data.page - 1);
    $(".on").onclick = () => this.turn(this.data.page + 1);
    $(".jump input").onchange = (e) => this.turn(Number(e.target.value) || 1);
    this.list.onclick = (e) => this.clicked(e);
    this.list.onkeydown = (e) => this.key(e);
  }

  look() {
    if (this.search.value !== this.data.q) this.tell("q", this.search.value);
  }

  turn(page) {
    const to = Math.min(Math.max(1, page), this.data.pages);
    if (to === this.data.page) return;
    this.top = true;
    this.tell("page", to);
  }

  show(data) {
    const { $ } = this;
    const before = this.data;
    this.data = data;
    if (this.root.activeElement !== this.search) this.search.value = data.q;
    $(".tools").setAttribute("aria-label", data.label);
    const press = (name, on) => $(name).setAttribute("aria-pressed", on);
    $(".doubts").textContent = `Doubtful (${data.doubtful})`;
    $(".doubts").hidden = $(".next").hidden = !data.doubtful && data.only === "all";
    press(".doubts", data.only === "doubtful");
    press(".original", data.original);
    $(".original").hidden = !data.edited;
    $(".undo").disabled = !data.undo;
    $(".redo").disabled = !data.redo;
    $(".undo").hidden = $(".redo").hidden = !data.editable && !data.undo && !data.redo;
    $(".follow").hidden = !data.audio;
    $(".span").textContent = data.span;
    $(".pager").hidden = data.pages < 2;
    $(".back").disabled = data.page <= 1;
    $(".on").disabled = data.page >= data.pages;
    $(".jump input").value = data.page;
    $(".jump input").max = data.pages;
    $(".pages").textContent = `of ${data.pages}`;
    $(".empty").hidden = !data.empty;
    $(".empty").textContent = data.empty;
    if (data.news && data.news !== before?.news) this.heard.textContent = data.news;
    this.fill();
    if (this.top) this.list.scrollIntoView({ block: "start" });
    this.top = false;
    if (data.focus && data.focus.tick !== this.tick) {
      this.tick = data.focus.tick;
      this.point(data.focus.n);
    }
  }

  fill() {
    const { data } = this;
    const drawn = JSON.stringify([data.rows, data.q, data.editable, data.below, data.original, data.said]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const open = this.editing;
    this.words = [];
    this.rows = data.rows.map((row) => this.draw(row));
    this.list.replaceChildren(...this.rows.map((row) => row.box));
    [this.at, this.row, this.editing] = [-1, -1, undefined];
    const again = open && this.rows.find((row) => row.data.n === open.data.n);
    if (again && data.said?.n === open.data.n) this.edit(again, { ...open.typed(), why: data.said.sentence });
    else if (again && !open.sent) this.edit(again, open.typed());
    else if (again) again.pencil?.focus();
  }

  draw(data) {
    const row = { data, box: node("li", "row"), first: this.words.length };
    const at = node("button", "at", { type: "button", textContent: clock(data.start), disabled: !this.data.audio });
    at.setAttribute("aria-label", `Play from ${spokenTime(data.start)}`);
    at.onclick = () => this.hear(data.start, true);
    row.text = node("p", "text", { dir: this.data.dir, lang: this.data.lang });
    const words = data.words.length ? data.words : [[data.start, data.end, data.text, null]];
    for (const [start, end, text, percent] of words) row.text.append(this.word(start, end, text, percent));
    row.last = this.words.length;
    const before = data.notes.map((note) => node("p", "remark", { textContent: note }));
    row.box.append(...before, at, row.text);
    if (this.data.editable) row.text.after(this.pencil(row));
    if (data.doubt) row.box.append(node("p", "remark", { textContent: data.doubt }));
    return row;
  }

  word(start, end, text, percent) {
    const bare = text.trimStart();
    const span = node("span", "", { textContent: bare, tabIndex: -1 });
    if (percent !== null && percent < this.data.below) {
      span.className = "doubt";
      span.title = `${percent} % sure`;
      span.setAttribute("role", "button");
      span.setAttribute("aria-label", `${bare}, ${percent} % sure`);
    }
    if (this.data.q && bare.toLowerCase().includes(this.data.q.toLowerCase().trim())) span.classList.add("found");
    this.words.push({ start, end, span });
    const part = document.createDocumentFragment();
    if (text !== bare) part.append(" ");
    part.append(span);
    return part;
  }

  pencil(row) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", PENCIL);
    path.setAttribute("fill-rule", "evenodd");
    svg.append(path);
    row.pencil = node("button", "edit", { type: "button", title: "Correct", onclick: () => this.edit(row) });
    row.pencil.setAttribute("aria-label", `Correct the text at ${spokenTime(row.data.start)}`);
    row.pencil.append(svg);
    return row.pencil;
  }

  // ---- hearing

  hear(at, play) {
    if (this.data.audio) document.dispatchEvent(new CustomEvent("sotto:seek", { detail: { key: this.data.audio, seconds: at, play } }));
  }

  clicked(e) {
    const word = this.words.find((one) => one.span === e.target);
    if (word && !getSelection().toString()) this.hear(word.start, true);
  }

  key(e) {
    const here = this.words.findIndex((one) => one.span === this.root.activeElement);
    if (e.target.closest?.(".editor") || e.ctrlKey || e.metaKey || e.altKey) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (step && here < 0) {
      const row = this.rows.find((one) => one.box.contains(e.target));
      if (row) this.words[step > 0 ? row.first : row.last - 1]?.span.focus();
    } else if (step) this.words[here + step]?.span.focus();
    else if ((e.key === "Enter" || e.key === " ") && here >= 0) this.hear(this.words[here].start, true);
    else if (e.key === "n") this.nextDoubt();
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  follow({ key, seconds: place, playing }) {
    if (key !== this.data?.audio || !this.rows?.length) return;
    let [low, high] = [0, this.words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.words[middle].start <= place + 0.02) low = middle + 1;
      else high = middle;
    }
    const at = place || playing ? low - 1 : -1;
    const wanted = this.$(".follow input").checked && playing && !this.editing;
    const last = this.rows.at(-1).data;
    if (wanted && this.data.page < this.data.pages && this.data.only === "all" && !this.data.q && place > last.end + 0.3 && this.turned !== this.data.page) {
      this.turned = this.data.page;
      this.turn(this.data.page + 1);
    }
    if (at === this.at) return;
    this.words[this.at]?.span.classList.remove("here");
    this.words[at]?.span.classList.add("here");
    this.at = at;
    const row = this.rows.findIndex((one) => at >= one.first && at < one.last);
    if (row === this.row) return;
    this.rows[this.row]?.box.classList.remove("now");
    this.rows[row]?.box.classList.add("now");
    this.row = row;
    if (wanted && row >= 0) this.bring(this.rows[row].box);
  }

  bring(box) {
    box.scrollIntoView({ block: "nearest", behavior: this.calm.matches ? "auto" : "smooth" });
  }

  // ---- doubt

  isDoubtful(row) {
    return Boolean(row.data.doubt) || row.data.words.some((word) => word[3] !== null && word[3] < this.data.below);
  }

  nextDoubt() {
    const after = this.pointed ?? -1;
    const row = this.rows.find((one) => one.data.n > after && this.isDoubtful(one));
    if (row) return this.point(row.data.n);
    this.tell("next", Math.max(after, this.rows.at(-1)?.data.n ?? -1));
  }

  point(n) {
    this.pointed = n;
    const row = this.rows.find((one) => one.data.n === n);
    if (!row) return;
    row.box.classList.remove("flash");
    void row.box.offsetWidth; // begins the animation anew
    row.box.classList.add("flash");
    row.box.scrollIntoView({ block: "center", behavior: this.calm.matches ? "auto" : "smooth" });
    const doubt = row.text.querySelector(".doubt") ?? row.text.querySelector("span");
    doubt?.focus({ preventScroll: true });
    this.heard.textContent = row.data.doubt || (doubt ? `${doubt.textContent}: ${doubt.title}` : "");
    this.hear(Math.max(0, row.data.start - 0.2), false);
  }

  // ---- correction

  edit(row, typed = {}) {
    if (this.editing) this.shut(this.editing);
    const { data } = row;
    const form = node("form", "editor");
    const field = (label, control, className = "") => {
      const box = node("label", className, { textContent: label });
      box.append(control);
      return box;
    };
    row.field = node("textarea", "", { value: typed.text ?? data.text, dir: "auto", maxLength: 5000 });
    row.from = node("input", "", { value: typed.from ?? precise(data.start), inputMode: "decimal" });
    row.to = node("input", "", { value: typed.to ?? precise(data.end), inputMode: "decimal" });
    row.why = node("p", "why", { textContent: typed.why ?? "" });
    row.why.setAttribute("role", "alert");
    row.typed = () => ({ text: row.field.value, from: row.from.value, to: row.to.value });
    const act = (label, run, className = "pill") => node("button", className, { type: "button", textContent: label, onclick: run });
    const acts = node("div", "acts");
    acts.append(
      node("button", "pill main", { type: "submit", textContent: "Save" }),
      act("Split at the cursor", () => this.split(row)),
      act("Join with the next", () => this.send(row, [...this.changes(row), { op: "merge", segment: data.n }])),
      act("Remove", () => this.send(row, [{ op: "remove", segment: data.n }])),
      act("Close", () => this.shut(row)),
    );
    form.append(field("Text", row.field, "wide"), field("From", row.from), field("To", row.to), acts, row.why);
    form.onsubmit = (e) => {
      e.preventDefault();
      this.save(row);
    };
    form.onkeydown = (e) => {
      if (e.key === "Escape") this.shut(row);
      else if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) this.save(row);
      e.stopPropagation(); // Streamlit has keys of its own
    };
    row.text.hidden = true;
    if (row.pencil) row.pencil.hidden = true;
    row.form = form;
    row.text.after(form);
    this.editing = row;
    row.field.focus();
  }

  shut(row) {
    row.form?.remove();
    row.form = undefined;
    row.text.hidden = false;
    if (row.pencil) row.pencil.hidden = false;
    this.editing = undefined;
    row.pencil?.focus();
  }

  changes(row) {
    const { data } = row;
    const [from, to] = [seconds(row.from.value), seconds(row.to.value)];
    const edits = [];
    const moved = row.from.value !== precise(data.start) || row.to.value !== precise(data.end);
    if (moved) edits.push({ op: "set_times", segment: data.n, start: from, end: to });
    const text = row.field.value.replace(/\s+/g, " ").trim();
    if (text !== data.text) edits.push({ op: "set_text", segment: data.n, text });
    return edits;
  }

  save(row) {
    const edits = this.changes(row);
    const times = edits.find((edit) => edit.op === "set_times");
    if (times && !(times.start < times.end)) row.why.textContent = "Write times as 1:02.500, the first before the second.";
    else if (edits.some((edit) => edit.text === "")) row.why.textContent = "There is no text left: choose Remove to take it out.";
    else if (edits.length) this.send(row, edits);
    else this.shut(row);
  }

  split(row) {
    const { value, selectionStart } = row.field;
    const head = value.slice(0, selectionStart).replace(/\s+/g, " ").trimStart();
    const at = [...head].length; // in characters as the server counts them
    if (!head.trim() || !value.slice(selectionStart).trim()) {
      row.why.textContent = "Put the cursor between two words of the text first.";
      return row.field.focus();
    }
    this.send(row, [...this.changes(row), { op: "split", segment: row.data.n, at }]);
  }

  send(row, edits) {
    row.sent = true;
    this.tell("edits", { revision: this.data.revision, edits, n: row.data.n });
  }
}

export default mountOnce(Transcript);
