// The roster: rows of a batch, problems of a table, batches of a session. Figures, filters with counts, a page of rows, a pager.
// A row is played in place, opened to be read and changed, taken away as a file; which of these it can is told by its fields.
// data: {label, news, figures: [{value, label, mark}], filters: [{key, label, count}], only, page, pages, span, empty, locked,
//   rows: [{key, number, mark, text, facts, trouble, seconds, audio, name, note, kind: "plain"|"row"|"opens"}]}
// `audio` is an address, empty for a row without sound; `locked` says why texts cannot be changed now; `news` is told to screen
// readers when it changes. Triggers: only = key of a filter, page = number, open = key of a row, speak = {number, text}.

const MAX_CHARS = 5000; // of one row, as the server has it
const MARKS = {
  play: "M8 5.1v13.8c0 .8.9 1.3 1.6.8l10.2-6.9c.6-.4.6-1.3 0-1.7L9.6 4.3C8.9 3.8 8 4.3 8 5.1z",
  pause: "M7.8 5h1.4a1.3 1.3 0 0 1 1.3 1.3v11.4a1.3 1.3 0 0 1-1.3 1.3H7.8a1.3 1.3 0 0 1-1.3-1.3V6.3A1.3 1.3 0 0 1 7.8 5zm7 0h1.4a1.3 1.3 0 0 1 1.3 1.3v11.4a1.3 1.3 0 0 1-1.3 1.3h-1.4a1.3 1.3 0 0 1-1.3-1.3V6.3A1.3 1.3 0 0 1 14.8 5z",
  take: "M12 4a1 1 0 0 1 1 1v7.6l2.3-2.3a1 1 0 1 1 1.4 1.4l-4 4a1 1 0 0 1-1.4 0l-4-4a1 1 0 1 1 1.4-1.4l2.3 2.3V5a1 1 0 0 1 1-1zM6 18h12a1 1 0 1 1 0 2H6a1 1 0 1 1 0-2z",
  edit: "M16.1 4.3a2 2 0 0 1 2.8 0l.8.8a2 2 0 0 1 0 2.8L9 18.6a2 2 0 0 1-.9.5l-3.2.8a.7.7 0 0 1-.8-.8l.8-3.2a2 2 0 0 1 .5-.9zm1.4 1.4L7 16.3l-.5 1.6 1.6-.4L18.3 6.5z",
  waiting: "M12 3.2a8.8 8.8 0 1 1 0 17.6 8.8 8.8 0 0 1 0-17.6zm0 1.8a7 7 0 1 0 0 14 7 7 0 0 0 0-14zm0 2.6a.9.9 0 0 1 .9.9v3.2l2.3 1.5a.9.9 0 1 1-1 1.5l-2.7-1.8a.9.9 0 0 1-.4-.8V8.5a.9.9 0 0 1 .9-.9z",
  failed: "M12 3.2a8.8 8.8 0 1 1 0 17.6 8.8 8.8 0 0 1 0-17.6zm0 4a1 1 0 0 0-1 1v4.6a1 1 0 1 0 2 0V8.2a1 1 0 0 0-1-1zm0 8.2a1.2 1.2 0 1 0 0 2.4 1.2 1.2 0 0 0 0-2.4z",
  warned: "M10.7 4.3a1.5 1.5 0 0 1 2.6 0l7.6 13.5a1.5 1.5 0 0 1-1.3 2.2H4.4a1.5 1.5 0 0 1-1.3-2.2zM12 8.5a.9.9 0 0 0-.9.9v4a.9.9 0 1 0 1.8 0v-4a.9.9 0 0 0-.9-.9zm0 6.9a1.1 1.1 0 1 0 0 2.2 1.1 1.1 0 0 0 0-2.2z",
  skipped: "M7 11h10a1 1 0 1 1 0 2H7a1 1 0 1 1 0-2z",
  batch: "M6 5h12a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2zm0 1.8a.2.2 0 0 0-.2.2v2.3h12.4V7a.2.2 0 0 0-.2-.2zm-.2 4.3v2.3h12.4v-2.3zm0 4.1V17c0 .1.1.2.2.2h12a.2.2 0 0 0 .2-.2v-1.8z",
  cue: "M6 5h12a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2zm0 1.8a.2.2 0 0 0-.2.2v10c0 .1.1.2.2.2h12a.2.2 0 0 0 .2-.2V7a.2.2 0 0 0-.2-.2zM8 11h3a.9.9 0 1 1 0 1.8H8A.9.9 0 1 1 8 11zm5.5 0h2.5a.9.9 0 1 1 0 1.8h-2.5a.9.9 0 1 1 0-1.8zM8 14h6a.9.9 0 1 1 0 1.8H8A.9.9 0 1 1 8 14z",
  written: "M6 5h12a.9.9 0 1 1 0 1.8H6A.9.9 0 1 1 6 5zm0 4h12a.9.9 0 1 1 0 1.8H6A.9.9 0 1 1 6 9zm0 4h12a.9.9 0 1 1 0 1.8H6A.9.9 0 1 1 6 13zm0 4h7a.9.9 0 1 1 0 1.8H6A.9.9 0 1 1 6 17z",
};

function make(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function picture(name) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", MARKS[name]);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

function button(className, label, act) {
  const made = make("button", className, { type: "button", onclick: act });
  if (label) made.setAttribute("aria-label", label);
  return made;
}

// One line; kept from one update to the next, so that what somebody types in it survives.
class Row {
  constructor(roster) {
    this.roster = roster;
    this.box = make("li", "row");
  }

  show(data) {
    const drawn = JSON.stringify(data);
    if (drawn === this.drawn) return;
    const before = this.data;
    const focused = this.roster.root.activeElement;
    const held = this.box.contains(focused);
    [this.drawn, this.data] = [drawn, data];
    const { kind, mark, text, facts, trouble, audio, name } = data;
    this.box.className = `row ${mark} ${kind === "plain" ? "loose" : ""} ${kind === "opens" ? "strong" : ""}`;
    this.main = kind === "plain" ? make("div", "main") : button("main", "", () => this.open());
    this.main.append(make("span", "text", { textContent: text, dir: "auto" }), make("span", "facts", { textContent: facts }));
    this.main.append(make("span", "trouble", { textContent: trouble }));
    [this.time, this.line] = [make("span", "time"), make("span", "line")];
    this.play = audio ? button("icon play", "", () => this.roster.toggle(this)) : make("span", `icon ${mark}`);
    if (!audio) this.play.append(picture(mark));
    const parts = [make("span", "number", { textContent: data.number ?? "" }), this.play, this.main, this.time];
    if (kind === "row") parts.push(this.pencil());
    if (audio) {
      const take = make("a", "icon take", { href: audio.replace("inline=1", "inline=0"), download: name, title: "Download" });
      take.setAttribute("aria-label", `Download ${name}`);
      take.append(picture("take"));
      parts.push(take, this.line);
    }
    this.sounds = undefined;
    if (this.detail && this.field.value === before.text) this.field.value = text;
    if (this.detail) parts.push(this.detail);
    this.box.replaceChildren(...parts);
    if (kind === "row") this.main.setAttribute("aria-expanded", Boolean(this.detail));
    this.lock();
    this.turn();
    if (held) (focused.isConnected ? focused : this.main).focus();
  }

  pencil() {
    this.edit = button("icon edit", `Edit row ${this.data.number}`, () => this.open(true));
    this.edit.title = "Edit";
    this.edit.append(picture("edit"));
    return this.edit;
  }

  open(typing = false) {
    const { kind, key } = this.data;
    if (kind === "opens") return this.roster.tell("open", key);
    if (this.detail && !(typing && this.roster.root.activeElement !== this.field)) return this.close();
    if (!this.detail) this.box.append(this.unfold());
    this.main.setAttribute("aria-expanded", true);
    this.lock();
    this.field.focus();
  }

  close() {
    this.detail?.remove();
    this.detail = undefined;
    this.main.setAttribute("aria-expanded", false);
    this.main.focus();
  }

  unfold() {
    const { number, text, name, audio, note } = this.data;
    const id = `text-${number}`;
    this.detail = make("div", "detail");
    this.field = make("textarea", "", { id, value: text, dir: "auto", maxLength: MAX_CHARS });
    this.detail.append(make("label", "", { htmlFor: id, textContent: `Text of row ${number}` }), this.field);
    this.hint = make("p", "hint");
    if (note) this.detail.append(make("p", "", { textContent: note }));
    this.detail.append(this.hint);
    const acts = make("div", "acts");
    this.speak = Object.assign(button("pill", "", () => this.say()), { textContent: this.data.mark === "skipped" ? "Speak this row, too" : "Speak this row" });
    acts.append(this.speak);
    if (audio) acts.append(make("a", "pill", { href: audio.replace("inline=1", "inline=0"), download: name, textContent: "Download" }));
    acts.append(Object.assign(button("pill", "", () => this.close()), { textContent: "Close" }));
    this.detail.append(acts);
    this.detail.onkeydown = (e) => {
      if (e.key === "Escape") this.close();
      else if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && !this.speak.disabled) this.say();
      else return;
      e.stopPropagation(); // Streamlit has keys of its own
    };
    return this.detail;
  }

  say() {
    const text = this.field.value.trim();
    if (!text) return;
    this.roster.tell("speak", { number: this.data.number, text });
    this.close();
  }

  // Texts can be changed, or not now.
  lock() {
    const why = this.roster.data.locked;
    if (this.edit) this.edit.hidden = Boolean(why);
    if (!this.detail) return;
    this.speak.disabled = Boolean(why);
    this.hint.textContent = why;
    this.hint.hidden = !why;
  }

  turn() {
    const { audio: sound, playing } = this.roster;
    const { audio, seconds, number } = this.data;
    if (!audio) return;
    const mine = playing === this.data.key;
    const sounds = mine && !sound.paused && !sound.ended;
    if (this.sounds !== sounds) {
      this.sounds = sounds;
      this.play.replaceChildren(picture(sounds ? "pause" : "play"));
      this.play.setAttribute("aria-label", `${sounds ? "Pause" : "Play"} row ${number}`);
    }
    const place = mine ? sound.currentTime : 0;
    const all = clock(Math.max(1, Math.round(seconds)));
    this.time.textContent = place ? `${clock(place)} / ${all}` : all;
    this.line.style.transform = `scaleX(${seconds ? Math.min(1, place / seconds) : 0})`;
  }
}

class Roster {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    this.root = root.getRootNode();
    [this.figures, this.filters, this.list, this.empty, this.pager] = [".figures", ".filters", ".rows", ".empty", ".pager"].map($);
    [this.back, this.on, this.span, this.jump, this.pages] = [".back", ".on", ".span", ".jump input", ".pages"].map($);
    [this.alarm, this.heard, this.audio] = [".alarm", ".heard", "audio"].map($);
    this.rows = new Map();
    this.back.onclick = () => this.go(this.data.page - 1);
    this.on.onclick = () => this.go(this.data.page + 1);
    this.jump.onchange = () => this.go(Math.round(Number(this.jump.value)) || 1);
    for (const event of ["play", "pause", "ended", "timeupdate"]) this.audio.addEventListener(event, () => this.turn());
    this.audio.addEventListener("error", () => this.fail());
    this.end = yieldToOthers(this.audio);
  }

  show(data) {
    this.data = data;
    const digits = Math.max(1, ...data.rows.map((row) => String(row.number ?? "").length));
    const changeable = !data.locked && data.rows.some((row) => row.kind === "row");
    this.list.style.setProperty("--edit", changeable ? "2.4rem" : "0");
    this.list.style.setProperty("--take", data.rows.some((row) => row.audio) ? "2.4rem" : "0");
    this.list.style.setProperty("--digits", `${digits}ch`);
    this.list.classList.toggle("bare", !data.rows.some((row) => row.number));
    this.list.setAttribute("aria-label", data.label);
    this.drawFigures(data.figures ?? []);
    this.drawFilters(data.filters ?? [], data.only);
    this.drawRows(data.rows);
    this.empty.hidden = Boolean(data.rows.length) || !data.empty;
    this.empty.textContent = data.empty ?? "";
    this.drawPages(data);
    if (this.turned === data.page) this.list.scrollIntoView({ block: "start" }); // who turns a page wants to see its begin
    if (this.turned === data.page) this.turned = undefined;
    if (data.news !== undefined && this.news !== data.news) this.heard.textContent = this.news = data.news;
  }

  drawFigures(figures) {
    this.figures.hidden = !figures.length;
    const drawn = JSON.stringify(figures);
    if (drawn === this.drawnFigures) return;
    this.drawnFigures = drawn;
    const one = ({ value, label, mark }) => {
      const box = make("div", mark ?? "");
      box.append(make("dt", "", { textContent: label }), make("dd", "", { textContent: value }));
      return box;
    };
    this.figures.replaceChildren(...figures.map(one));
  }

  drawFilters(filters, only) {
    this.filters.hidden = filters.length < 2;
    const drawn = JSON.stringify([filters, only]);
    if (drawn === this.drawnFilters) return;
    this.drawnFilters = drawn;
    const focused = this.root.activeElement?.dataset?.filter;
    const one = ({ key, label, count }) => {
      const chip = Object.assign(button("", "", () => this.tell("only", key)), { textContent: `${label} ` });
      chip.dataset.filter = key;
      chip.setAttribute("aria-pressed", key === only);
      chip.append(make("span", "", { textContent: count.toLocaleString("en") }));
      return chip;
    };
    const chips = filters.map(one);
    this.filters.replaceChildren(...chips);
    chips.find((chip) => chip.dataset.filter === focused)?.focus();
  }

  drawRows(rows) {
    const keys = new Set(rows.map((row) => row.key));
    for (const [key, row] of this.rows) if (!keys.has(key)) row.box.remove(), this.rows.delete(key);
    if (this.playing !== undefined && !keys.has(this.playing)) this.audio.pause();
    rows.forEach((data, place) => {
      let row = this.rows.get(data.key);
      if (!row) this.rows.set(data.key, (row = new Row(this)));
      row.show(data);
      row.lock();
      if (this.list.children[place] !== row.box) this.list.insertBefore(row.box, this.list.children[place] ?? null);
    });
  }

  drawPages({ page, pages, span }) {
    this.pager.hidden = !(pages > 1);
    this.span.textContent = span ?? "";
    [this.back.disabled, this.on.disabled] = [page <= 1, page >= pages];
    if (this.root.activeElement !== this.jump) this.jump.value = page ?? 1;
    this.jump.max = pages ?? 1;
    this.pages.textContent = `of ${(pages ?? 1).toLocaleString("en")}`;
  }

  go(page) {
    const to = Math.min(Math.max(page, 1), this.data.pages);
    this.jump.value = to;
    if (to === this.data.page) return;
    this.turned = to;
    this.tell("page", to);
  }

  async toggle(row) {
    const { audio } = this;
    const { key, audio: address } = row.data;
    this.alarm.textContent = "";
    if (this.playing === key && !audio.paused) return audio.pause();
    if (this.playing !== key || audio.error || this.address !== address) [this.playing, this.address, audio.src] = [key, address, address];
    try {
      await startAlone(audio);
    } catch (error) {
      if (error.name === "NotSupportedError") this.fail();
    }
  }

  fail() {
    if (this.audio.getAttribute("src"))
      this.alarm.textContent = "The sound cannot be loaded. It may have been deleted, or the session has ended: reload the page.";
  }

  turn() {
    for (const row of this.rows.values()) row.turn();
  }

  close() {
    this.end();
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }
}

export default mountOnce(Roster);
