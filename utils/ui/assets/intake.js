// The intake: recordings and videos go by drag and drop or choice to our own route, several at once, each with its own progress.
// What is sent outlives a rerun and a change of the page: one sender a tab does it, this only draws it.
// data: {limit: bytes, limitWords, hint, accept, address, waiting: [{id, title, facts}], known: [id], news}
// `waiting` lies on the server already, `known` are ids of sent files that the page has heard of.
// Triggers: arrived = ids of what was sent, remove = id of what waits.

const UNSHOWN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}]/gu; // what turns text around; the server leaves it out, too
const AT_ONCE = 3;
const SHOWN = 8; // rows before "Show all"
const TELL_MS = 150; // so that many small files are one rerun
const PICTURES = {
  sound: "M5 9.5a1 1 0 0 1 1 1v3a1 1 0 1 1-2 0v-3a1 1 0 0 1 1-1zm3.5-3a1 1 0 0 1 1 1v9a1 1 0 1 1-2 0v-9a1 1 0 0 1 1-1zM12 4a1 1 0 0 1 1 1v14a1 1 0 1 1-2 0V5a1 1 0 0 1 1-1zm3.5 4a1 1 0 0 1 1 1v6a1 1 0 1 1-2 0V9a1 1 0 0 1 1-1zM19 9.5a1 1 0 0 1 1 1v3a1 1 0 1 1-2 0v-3a1 1 0 0 1 1-1z",
  failed: "M12 3.2a8.8 8.8 0 1 1 0 17.6 8.8 8.8 0 0 1 0-17.6zm0 4a1 1 0 0 0-1 1v4.6a1 1 0 1 0 2 0V8.2a1 1 0 0 0-1-1zm0 8.2a1.2 1.2 0 1 0 0 2.4 1.2 1.2 0 0 0 0-2.4z",
};

/** As the server writes sizes. */
function sized(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 999.5 * 1024) return `${Math.round(bytes / 1024)} kB`;
  const mb = bytes / 1024 ** 2;
  const [number, unit] = mb < 999.5 ? [mb, "MB"] : [mb / 1024, "GB"];
  return `${number.toFixed(1).replace(".0", "")} ${unit}`;
}

/** Sends files, AT_ONCE at a time; one a tab. */
class Sender {
  constructor() {
    this.files = [];
    this.told = false; // what the page knows of `busy`
    this.changed = () => {};
    addEventListener("beforeunload", (e) => this.busy && e.preventDefault());
  }

  get busy() {
    return this.files.some((file) => file.state === "sending" || file.state === "queued");
  }

  add(list, { limit, limitWords, address }) {
    for (const blob of list) {
      const file = { blob, name: blob.name.replace(UNSHOWN, ""), size: blob.size, address, state: "queued", sent: 0, why: "" };
      file.key = `${Date.now()}-${Math.random()}`;
      if (blob.size > limit) this.refuse(file, `This file has ${sized(blob.size)}, allowed are ${limitWords}. Nothing was sent. Send it as a compressed sound such as MP3, or in parts.`);
      if (!blob.size) this.refuse(file, "This file is empty. Nothing was sent.");
      this.files.push(file);
    }
    this.next();
  }

  refuse(file, why) {
    [file.state, file.why, file.final] = ["failed", why, true];
  }

  next() {
    const sending = this.files.filter((file) => file.state === "sending").length;
    this.files.filter((file) => file.state === "queued").slice(0, Math.max(0, AT_ONCE - sending)).forEach((file) => this.send(file));
    this.changed();
  }

  send(file) {
    const request = (file.request = new XMLHttpRequest());
    file.state = "sending";
    file.sent = 0;
    request.upload.onprogress = (e) => {
      file.sent = e.total ? e.loaded / e.total : 0;
      this.changed();
    };
    request.onload = () => this.answered(file, request);
    request.onerror = () => this.failed(file, "The connection broke off. Check the network and send it again.");
    request.ontimeout = request.onerror;
    request.open("POST", file.address);
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name)); // a form would write some characters otherwise
    request.send(file.blob);
  }

  answered(file, request) {
    const said = request.response ?? {};
    if (request.status === 201 || request.status === 200) {
      [file.state, file.id] = ["sent", said.item?.id];
      file.blob = undefined; // lets the browser forget it
      this.next();
    } else {
      const why = [said.detail ?? "The server did not take this file.", said.hint].filter(Boolean).join(" ");
      this.failed(file, why, request.status === 413 || request.status === 415);
    }
  }

  failed(file, why, final = false) {
    if (file.state !== "sending") return; // cancelled meanwhile
    [file.state, file.why, file.final] = ["failed", why, final];
    this.next();
  }

  retry(file) {
    [file.state, file.why, file.sent] = ["queued", "", 0];
    this.next();
  }

  drop(file) {
    const { request } = file;
    file.state = "gone";
    request?.abort();
    this.files = this.files.filter((one) => one !== file);
    this.next();
  }
}

class Intake {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    [this.zone, this.picker, this.list] = [".drop", ".picker", ".files"].map($);
    [this.hint, this.heard, this.all] = [".hint", ".heard", ".all"].map($);
    this.root = root;
    this.rows = new Map();
    this.sender = window.sottoSender ??= new Sender();
    this.sender.changed = () => this.draw();
    $(".choose").onclick = () => this.picker.click();
    this.picker.onchange = () => {
      this.take(this.picker.files);
      this.picker.value = "";
    };
    this.all.onclick = () => {
      this.unfolded = !this.unfolded;
      this.draw();
    };
    this.listen();
  }

  // A file that misses the place would otherwise be opened by the browser instead of the page.
  listen() {
    const ends = new AbortController();
    const holds = (e) => e.dataTransfer?.types.includes("Files");
    const on = (event, act) => document.addEventListener(event, act, { signal: ends.signal });
    const leave = () => this.zone.classList.remove("over");
    on("dragover", (e) => {
      if (!holds(e)) return;
      e.preventDefault();
      this.zone.classList.add("over");
    });
    on("dragleave", (e) => e.relatedTarget || leave());
    on("drop", (e) => {
      if (!holds(e)) return;
      e.preventDefault();
      leave();
      this.take(e.dataTransfer.files);
    });
    this.close = () => {
      ends.abort();
      clearTimeout(this.timer);
      clearTimeout(this.again);
      this.sender.changed = () => {};
    };
  }

  take(files) {
    if (files.length) this.sender.add(files, this.data);
  }

  show(data) {
    this.data = data;
    this.picker.accept = data.accept;
    this.hint.textContent = data.hint;
    const known = new Set([...data.known, ...data.waiting.map((one) => one.id)]);
    this.sender.files = this.sender.files.filter((file) => file.state !== "sent" || !known.has(file.id));
    if (data.news && data.news !== this.news) this.heard.textContent = data.news;
    this.news = data.news;
    this.draw();
  }

  lines() {
    const sending = this.sender.files.map((file) => ({
      key: file.key,
      title: file.name,
      facts: file.state === "sending" ? `${sized(file.size * file.sent)} of ${sized(file.size)}` : file.state === "queued" ? `waiting to be sent · ${sized(file.size)}` : sized(file.size),
      bar: file.state === "sending" ? file.sent : file.state === "queued" ? 0 : undefined,
      why: file.why,
      mark: file.state === "failed" ? "failed" : "",
      retry: file.state === "failed" && !file.final ? () => this.sender.retry(file) : undefined,
      remove: () => this.sender.drop(file),
      verb: file.state === "sending" || file.state === "queued" ? "Cancel" : "Remove",
    }));
    const waiting = this.data.waiting.map((one) => ({ ...one, key: one.id, mark: "ready", verb: "Remove", remove: () => this.tell("remove", one.id) }));
    return [...sending, ...waiting];
  }

  draw() {
    if (!this.data) return;
    const lines = this.lines();
    const shown = this.unfolded ? lines : lines.slice(0, SHOWN);
    this.all.hidden = lines.length <= SHOWN;
    this.all.textContent = this.unfolded ? "Show fewer" : `Show all ${lines.length} recordings`;
    const keys = new Set(shown.map((line) => line.key));
    for (const [key, row] of this.rows) if (!keys.has(key)) (row.box.remove(), this.rows.delete(key));
    shown.forEach((line, place) => {
      const row = this.rows.get(line.key) ?? this.make(line.key);
      this.fill(row, line);
      if (this.list.children[place] !== row.box) this.list.insertBefore(row.box, this.list.children[place] ?? null);
    });
    this.report();
  }

  make(key) {
    const part = (tag, className) => Object.assign(document.createElement(tag), { className });
    const row = { box: part("li", "file"), name: part("span", "name"), facts: part("span", "facts"), bar: part("div", "bar"), why: part("p", "why") };
    row.mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    row.path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    row.mark.setAttribute("viewBox", "0 0 24 24");
    row.mark.setAttribute("aria-hidden", "true");
    row.mark.setAttribute("class", "mark");
    row.mark.append(row.path);
    row.fill = part("i", "");
    row.bar.append(row.fill);
    row.bar.setAttribute("role", "progressbar");
    row.bar.setAttribute("aria-valuemin", 0);
    row.bar.setAttribute("aria-valuemax", 100);
    row.why.setAttribute("role", "alert");
    row.name.dir = "auto";
    [row.retry, row.remove] = ["small", "small"].map((name) => Object.assign(part("button", name), { type: "button" }));
    row.box.append(row.mark, row.name, row.facts, row.retry, row.remove, row.bar, row.why);
    this.rows.set(key, row);
    return row;
  }

  fill(row, line) {
    const say = (element, text) => element.textContent !== text && (element.textContent = text);
    row.box.className = `file ${line.mark}`;
    row.path.setAttribute("d", PICTURES[line.mark === "failed" ? "failed" : "sound"]);
    say(row.name, line.title);
    row.name.title = line.title;
    say(row.facts, line.facts);
    say(row.why, line.why ?? "");
    row.bar.hidden = line.bar === undefined;
    if (line.bar !== undefined) {
      row.fill.style.width = `${line.bar * 100}%`;
      row.bar.setAttribute("aria-valuenow", Math.round(line.bar * 100));
      row.bar.setAttribute("aria-label", `Sending ${line.title}`);
    }
    say(row.retry, line.retry ? "Send again" : "");
    row.retry.hidden = !line.retry;
    row.retry.onclick = line.retry;
    row.retry.setAttribute("aria-label", `Send ${line.title} again`);
    say(row.remove, line.verb);
    row.remove.onclick = line.remove;
    row.remove.setAttribute("aria-label", `${line.verb} ${line.title}`);
  }

  // The page hears of what has arrived and of whether more is on its way; once more when it did not seem to.
  report() {
    const { sender } = this;
    const sent = () => sender.files.filter((file) => file.state === "sent").map((file) => file.id);
    if (this.timer || (!sent().length && sender.told === sender.busy)) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      if (!sent().length && sender.told === sender.busy) return;
      sender.told = sender.busy;
      this.tell("arrived", { ids: sent(), open: sender.busy });
      clearTimeout(this.again);
      this.again = setTimeout(() => this.report(), 3000);
    }, TELL_MS);
  }
}

export default mountOnce(Intake);
