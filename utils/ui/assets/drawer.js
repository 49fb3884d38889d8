// The drawer: items of a session, one line each: chosen by its box, played by its button, opened by its title. A page of them, a pager.
// data: {label, news, seq, opened, opens, page, pages, span, empty, rows: [{id, title, kind, mark, facts, seconds, audio, chosen}]}
// `audio` is an address, empty for what has no sound; `opens` is the selector of the place where an opened item appears.
// Triggers: choose = {seq, chosen, here}: all boxes of this page as they stand, because quick clicks may overtake each other, and
// `seq` says which answer is the newest; open = id; page = number.

const PATHS = {
  play: "M8 5.1v13.8c0 .8.9 1.3 1.6.8l10.2-6.9c.6-.4.6-1.3 0-1.7L9.6 4.3C8.9 3.8 8 4.3 8 5.1z",
  pause: "M7.8 5h1.4a1.3 1.3 0 0 1 1.3 1.3v11.4a1.3 1.3 0 0 1-1.3 1.3H7.8a1.3 1.3 0 0 1-1.3-1.3V6.3A1.3 1.3 0 0 1 7.8 5zm7 0h1.4a1.3 1.3 0 0 1 1.3 1.3v11.4a1.3 1.3 0 0 1-1.3 1.3h-1.4a1.3 1.3 0 0 1-1.3-1.3V6.3A1.3 1.3 0 0 1 14.8 5z",
  speech: "M5 10.2a1 1 0 0 1 2 0v3.6a1 1 0 1 1-2 0zm4-3.4a1 1 0 0 1 2 0v10.4a1 1 0 1 1-2 0zm4 2a1 1 0 0 1 2 0v6.4a1 1 0 1 1-2 0zm4 1.8a1 1 0 0 1 2 0v2.8a1 1 0 1 1-2 0z",
  batch: "M6 5h12a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2zm0 1.8a.2.2 0 0 0-.2.2v2.3h12.4V7a.2.2 0 0 0-.2-.2zm-.2 4.3v2.3h12.4v-2.3zm0 4.1V17c0 .1.1.2.2.2h12a.2.2 0 0 0 .2-.2v-1.8z",
  transcript: "M6 5h12a.9.9 0 1 1 0 1.8H6A.9.9 0 1 1 6 5zm0 4h12a.9.9 0 1 1 0 1.8H6A.9.9 0 1 1 6 9zm0 4h12a.9.9 0 1 1 0 1.8H6A.9.9 0 1 1 6 13zm0 4h7a.9.9 0 1 1 0 1.8H6A.9.9 0 1 1 6 17z",
  recording: "M12 4a2.8 2.8 0 0 1 2.8 2.8v4.4a2.8 2.8 0 1 1-5.6 0V6.8A2.8 2.8 0 0 1 12 4zm-5 7a.9.9 0 0 1 1.8 0 3.2 3.2 0 0 0 6.4 0 .9.9 0 0 1 1.8 0 5 5 0 0 1-4.1 4.9v2.2h1.6a.9.9 0 1 1 0 1.8h-5a.9.9 0 1 1 0-1.8h1.6v-2.2A5 5 0 0 1 7 11z",
  upload: "M12 4.6a1 1 0 0 1 .7.3l3.6 3.6a1 1 0 1 1-1.4 1.4L13 8v7a1 1 0 1 1-2 0V8L9.1 9.900a1 1 0 1 1-1.4-1.400l3.6-3.600a1 1 0 0 1 .7-.3zM6 17.600h12a1 1 0 1 1 0 2H6a1 1 0 1 1 0-2z",
  running: "M12 3.2a8.8 8.8 0 1 1 0 17.6 8.8 8.8 0 0 1 0-17.600zm0 1.800a7 7 0 1 0 0 14 7 7 0 0 0 0-14zm0 2.600a.9.9 0 0 1 .9.9v3.200l2.3 1.500a.9.9 0 1 1-1 1.500l-2.7-1.800a.9.9 0 0 1-.4-.8V8.500a.9.9 0 0 1 .9-.9z",
  failed: "M12 3.2a8.8 8.8 0 1 1 0 17.6 8.8 8.8 0 0 1 0-17.6zm0 4a1 1 0 0 0-1 1v4.6a1 1 0 1 0 2 0V8.2a1 1 0 0 0-1-1zm0 8.2a1.2 1.2 0 1 0 0 2.4 1.2 1.2 0 0 0 0-2.4z",
};

function make(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function picture(name) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name] ?? PATHS.speech);
  path.setAttribute("fill-rule", "evenodd");
  svg.append(path);
  return svg;
}

class Drawer {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    this.root = root.getRootNode();
    [this.top, this.all, this.words, this.span] = [".top", ".all", ".all-words", ".span"].map($);
    [this.list, this.empty, this.pager, this.pages] = [".rows", ".empty", ".pager", ".pages"].map($);
    [this.back, this.on, this.jump] = [".back", ".on", ".jump input"].map($);
    [this.alarm, this.heard, this.audio] = [".alarm", ".heard", "audio"].map($);
    this.rows = [];
    this.seq = 0;
    this.all.onchange = () => this.tick(this.rows, this.all.checked);
    this.back.onclick = () => this.go(this.data.page - 1);
    this.on.onclick = () => this.go(this.data.page + 1);
    this.jump.onchange = () => this.go(Math.round(Number(this.jump.value)) || 1);
    this.list.onkeydown = (event) => this.step(event);
    for (const event of ["play", "pause", "ended", "timeupdate"]) this.audio.addEventListener(event, () => this.turn());
    this.audio.addEventListener("error", () => this.fail());
    this.end = yieldToOthers(this.audio);
  }

  show(data) {
    const before = this.data;
    this.data = data;
    const current = data.seq >= this.seq; // an older answer must not undo a newer click
    this.seq = Math.max(this.seq, data.seq);
    const drawn = JSON.stringify(data.rows.map(({ chosen, ...rest }) => rest));
    const chosen = new Set((current ? data.rows.filter((row) => row.chosen) : this.rows.filter((row) => row.box.checked)).map((row) => row.id));
    if (drawn !== this.drawn) this.draw(data, drawn);
    for (const row of this.rows) row.box.checked = chosen.has(row.id);
    this.list.setAttribute("aria-label", data.label);
    this.top.hidden = !data.rows.length;
    this.words.textContent = data.rows.length === 1 ? "Choose it" : `Choose these ${data.rows.length}`;
    this.span.textContent = data.span;
    this.empty.hidden = Boolean(data.rows.length) || !data.empty;
    this.empty.textContent = data.empty;
    this.pager.hidden = data.pages < 2;
    [this.back.disabled, this.on.disabled] = [data.page <= 1, data.page >= data.pages];
    if (this.root.activeElement !== this.jump) this.jump.value = data.page;
    this.jump.max = data.pages;
    this.pages.textContent = `of ${data.pages.toLocaleString("en")}`;
    if (this.turned === data.page) this.list.scrollIntoView({ block: "start" });
    if (this.turned === data.page) this.turned = undefined;
    if (this.heardNews !== data.news) this.heard.textContent = this.heardNews = data.news;
    this.mark();
    this.turn();
    if (data.opened && this.awaited === data.opened) this.lead(data.opens);
    if (before?.opened && !data.opened) this.rows.find((row) => row.id === before.opened)?.main.focus({ preventScroll: true });
  }

  draw(data, drawn) {
    const focused = this.root.activeElement;
    const held = this.rows.find((row) => row.line.contains(focused));
    const part = held && ["box", "icon", "main"].find((name) => held[name] === focused);
    this.drawn = drawn;
    this.rows = data.rows.map((row) => this.build(row));
    this.list.replaceChildren(...this.rows.map((row) => row.line));
    if (this.playing !== undefined && !this.rows.some((row) => row.id === this.playing)) this.audio.pause();
    if (part) this.rows.find((row) => row.id === held.id)?.[part].focus({ preventScroll: true });
  }

  build(data) {
    const row = { ...data };
    row.line = make("li", "row");
    row.box = make("input", "tick", { type: "checkbox" });
    row.box.setAttribute("aria-label", `Choose ${data.title}`);
    row.box.onclick = (event) => this.tick(event.shiftKey && this.last ? this.between(this.last, row.id) : [row], row.box.checked, row.id);
    row.icon = data.audio ? make("button", "icon play", { type: "button", onclick: () => this.toggle(row) }) : make("span", `icon ${data.mark}`);
    if (!data.audio) row.icon.append(picture(data.mark));
    row.main = make("button", "main", { type: "button", onclick: () => this.open(row) });
    row.main.append(make("span", "title", { textContent: data.title, dir: "auto" }), make("span", "facts", { textContent: data.facts }));
    [row.time, row.bar] = [make("span", "time"), make("span", "line")];
    if (data.seconds) row.time.textContent = clock(Math.max(1, Math.round(data.seconds)));
    row.line.append(row.box, row.icon, row.main, row.time, row.bar);
    return row;
  }

  between(one, other) {
    const places = [one, other].map((id) => this.rows.findIndex((row) => row.id === id)).sort((a, b) => a - b);
    return places[0] < 0 ? this.rows.filter((row) => row.id === other) : this.rows.slice(places[0], places[1] + 1);
  }

  tick(rows, on, last) {
    for (const row of rows) row.box.checked = on;
    this.last = last;
    this.seq += 1;
    this.mark();
    const chosen = this.rows.filter((row) => row.box.checked).map((row) => row.id);
    this.tell("choose", { seq: this.seq, chosen, here: this.rows.map((row) => row.id) });
  }

  mark() {
    const count = this.rows.filter((row) => row.box.checked).length;
    this.all.checked = count > 0 && count === this.rows.length;
    this.all.indeterminate = count > 0 && count < this.rows.length;
    for (const row of this.rows) {
      row.line.classList.toggle("chosen", row.box.checked);
      row.line.classList.toggle("opened", row.id === this.data.opened);
      row.main.setAttribute("aria-expanded", row.id === this.data.opened);
    }
  }

  open(row) {
    this.audio.pause();
    this.awaited = row.id === this.data.opened ? undefined : row.id;
    this.tell("open", row.id);
  }

  // The card of what was opened is on the page now: show it, and let the keyboard go on there.
  lead(selector) {
    this.awaited = undefined;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    requestAnimationFrame(() => {
      const place = document.querySelector(selector);
      if (!place) return;
      place.tabIndex = -1;
      place.style.scrollMarginTop = "5rem";
      place.style.outline = "none";
      place.focus({ preventScroll: true });
      place.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
    });
  }

  step(event) {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const held = this.root.activeElement;
    const place = this.rows.findIndex((row) => row.line.contains(held));
    if (!move || place < 0) return;
    const part = ["box", "icon", "main"].find((name) => this.rows[place][name] === held) ?? "main";
    const next = this.rows[place + move];
    (next?.[part].tagName === "SPAN" ? next.main : next?.[part])?.focus();
    event.preventDefault();
    event.stopPropagation();
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
    this.alarm.textContent = "";
    if (this.playing === row.id && !audio.paused) return audio.pause();
    if (this.playing !== row.id || audio.error) [this.playing, audio.src] = [row.id, row.audio];
    try {
      await startAlone(audio);
    } catch (error) {
      if (error.name === "NotSupportedError") this.fail();
    }
  }

  fail() {
    if (this.audio.getAttribute("src"))
      this.alarm.textContent = "The sound cannot be played here. Download it, or reload the page: it may have been deleted, or the session has ended.";
  }

  turn() {
    for (const row of this.rows) {
      if (!row.audio) continue;
      const mine = row.id === this.playing;
      const sounds = mine && !this.audio.paused && !this.audio.ended;
      if (row.sounds !== sounds) {
        row.sounds = sounds;
        row.icon.replaceChildren(picture(sounds ? "pause" : "play"));
        row.icon.setAttribute("aria-label", `${sounds ? "Pause" : "Play"} ${row.title}`);
      }
      const place = mine ? this.audio.currentTime : 0;
      const all = clock(Math.max(1, Math.round(row.seconds)));
      row.time.textContent = place ? `${clock(place)} / ${all}` : row.seconds ? all : "";
      row.bar.style.transform = `scaleX(${row.seconds ? Math.min(1, place / row.seconds) : 0})`;
    }
  }

  close() {
    this.end();
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }
}

export default mountOnce(Drawer);
