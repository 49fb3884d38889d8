// The shelf: what was made before, one line an item, played in place; a click on the title opens the item as a card.
// data: {rows: [{id, title, facts, seconds, audio, name, failed}], opens, heading, foot, more}: `audio` is empty for what was not made; `opens` is the
// selector of the place where an opened item appears; `more` says that there are more. Triggers: open = id, more = rows shown.

const SHAPES = {
  play: "M8 5.1v13.8c0 .8.9 1.3 1.6.8l10.2-6.9c.6-.4.6-1.3 0-1.7L9.6 4.3C8.9 3.8 8 4.3 8 5.1z",
  pause: "M7.8 5h1.4a1.3 1.3 0 0 1 1.3 1.3v11.4a1.3 1.3 0 0 1-1.3 1.3H7.8a1.3 1.3 0 0 1-1.3-1.3V6.3A1.3 1.3 0 0 1 7.8 5zm7 0h1.4a1.3 1.3 0 0 1 1.3 1.3v11.4a1.3 1.3 0 0 1-1.3 1.3h-1.4a1.3 1.3 0 0 1-1.3-1.3V6.3A1.3 1.3 0 0 1 14.8 5z",
  take: "M12 4a1 1 0 0 1 1 1v7.6l2.3-2.3a1 1 0 1 1 1.4 1.4l-4 4a1 1 0 0 1-1.4 0l-4-4a1 1 0 1 1 1.4-1.4l2.3 2.3V5a1 1 0 0 1 1-1zM6 18h12a1 1 0 1 1 0 2H6a1 1 0 1 1 0-2z",
  stopped: "M8 6h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H8a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2z",
  failed: "M12 3.2a8.8 8.8 0 1 1 0 17.6 8.8 8.8 0 0 1 0-17.6zm0 4a1 1 0 0 0-1 1v4.6a1 1 0 1 0 2 0V8.2a1 1 0 0 0-1-1zm0 8.2a1.2 1.2 0 1 0 0 2.4 1.2 1.2 0 0 0 0-2.4z",
};

function make(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function picture(name) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

class Shelf {
  constructor(root) {
    [this.list, this.trouble, this.audio] = [".shelf", ".trouble", "audio"].map((selector) => root.querySelector(selector));
    [this.heading, this.foot, this.more] = [".heading", ".quiet", ".more"].map((selector) => root.querySelector(selector));
    this.more.onclick = () => this.tell("more", this.rows.length);
    this.end = yieldToOthers(this.audio);
    for (const event of ["play", "pause", "ended", "timeupdate"]) this.audio.addEventListener(event, () => this.turn());
    this.audio.addEventListener("error", () => this.fail());
  }

  show({ rows, opens, heading, foot, more }) {
    this.opens = opens;
    [this.heading.textContent, this.foot.textContent, this.more.hidden] = [heading, foot, !more];
    const drawn = JSON.stringify(rows);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.rows = rows.map((row) => ({ ...row, ...this.build(row) }));
    this.list.replaceChildren(...this.rows.map((row) => row.box));
    if (!rows.some((row) => row.id === this.playing)) this.audio.pause();
    this.turn();
  }

  build(row) {
    const box = make("li", "row");
    const button = make("button", row.failed ? "icon failed" : "icon", { type: "button" });
    if (row.audio) button.onclick = () => this.toggle(row);
    else {
      button.append(picture(row.failed ? "failed" : "stopped"));
      button.setAttribute("aria-label", `Show why: ${row.title}`);
      button.onclick = () => this.open(row);
    }
    const open = make("button", "open", { type: "button", title: "Open", onclick: () => this.open(row) });
    open.append(make("span", "title", { textContent: row.title, dir: "auto" }), make("span", "facts", { textContent: row.facts }));
    const [time, line] = [make("span", "time"), make("span", "line")];
    box.append(button, open, time);
    if (row.audio) {
      const take = make("a", "icon take", { href: row.audio.replace("?inline=1", ""), download: row.name, title: "Download" });
      take.setAttribute("aria-label", `Download ${row.name}`);
      take.append(picture("take"));
      box.append(take, line);
    }
    return { box, button, time, line };
  }

  open(row) {
    this.audio.pause();
    this.tell("open", row.id);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const place = document.querySelector(this.opens);
    place?.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  }

  async toggle(row) {
    const { audio } = this;
    this.trouble.textContent = "";
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
      this.trouble.textContent = "The sound cannot be loaded. It may have been deleted, or the session has ended: reload the page.";
  }

  turn() {
    for (const row of this.rows ?? []) {
      if (!row.audio) continue;
      const mine = row.id === this.playing;
      const sounds = mine && !this.audio.paused && !this.audio.ended;
      if (row.sounds !== sounds || !row.button.firstChild) {
        row.sounds = sounds;
        row.button.replaceChildren(picture(sounds ? "pause" : "play"));
        row.button.setAttribute("aria-label", `${sounds ? "Pause" : "Play"} ${row.title}`);
      }
      const place = mine ? this.audio.currentTime : 0;
      const all = clock(Math.max(1, Math.round(row.seconds)));
      row.time.textContent = place ? `${clock(place)} / ${all}` : all;
      row.line.style.transform = `scaleX(${row.seconds ? Math.min(1, place / row.seconds) : 0})`;
    }
  }

  close() {
    this.end();
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }
}

export default mountOnce(Shelf);
