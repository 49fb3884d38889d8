// The queue: recordings that are transcribed or wait for it; one message draws all of them, however many there are.
// data: {rows: [{id, title, state: "queued"|"running", facts, count, progress, text: [line], note}], more, unfolded, sum, news}
// Triggers: cancel = id, cancelAll = true, open = id, unfold = true.

class Queue {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    [this.list, this.all, this.top, this.sum, this.heard] = [".jobs", ".all", ".top", ".sum", ".heard"].map($);
    this.rows = new Map();
    this.all.onclick = () => this.tell("unfold", !this.data.unfolded);
    $(".every").onclick = () => this.tell("cancelAll", true);
  }

  show(data) {
    this.data = data;
    this.top.hidden = !data.sum;
    this.sum.textContent = data.sum;
    this.all.hidden = !data.more && !data.unfolded;
    this.all.textContent = data.unfolded ? "Show fewer" : `and ${data.more} more in the queue: show all`;
    if (data.news !== this.news) this.heard.textContent = this.news = data.news;
    const ids = new Set(data.rows.map((row) => row.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) (row.box.remove(), this.rows.delete(id));
    data.rows.forEach((said, place) => {
      const row = this.rows.get(said.id) ?? this.make(said.id);
      this.fill(row, said);
      if (this.list.children[place] !== row.box) this.list.insertBefore(row.box, this.list.children[place] ?? null);
    });
  }

  make(id) {
    const part = (tag, className) => Object.assign(document.createElement(tag), { className });
    const row = { box: part("li", "job"), head: part("p", "head"), bar: part("div", "bar"), text: part("div", "text"), note: part("p", "note") };
    [row.title, row.facts, row.count, row.fill] = [part("span", "title"), part("span", "facts"), part("p", "count"), part("i", "")];
    [row.cancel, row.read] = ["small", "small read"].map((name) => Object.assign(part("button", name), { type: "button" }));
    [row.cancel.textContent, row.read.textContent] = ["Cancel", "Read what is there"];
    row.cancel.onclick = () => {
      row.cancel.disabled = true;
      this.tell("cancel", id);
    };
    row.read.onclick = () => this.tell("open", id);
    row.title.dir = row.text.dir = "auto";
    row.head.append(row.title, row.facts);
    row.bar.append(row.fill);
    row.bar.setAttribute("role", "progressbar");
    row.bar.setAttribute("aria-valuemin", 0);
    row.bar.setAttribute("aria-valuemax", 100);
    row.box.append(row.head, row.cancel, row.bar, row.count, row.text, row.note, row.read);
    this.rows.set(id, row);
    return row;
  }

  fill(row, said) {
    const drawn = JSON.stringify(said);
    if (drawn === row.drawn) return;
    row.drawn = drawn;
    const running = said.state === "running";
    row.box.className = `job ${said.state}`;
    [row.title.textContent, row.facts.textContent] = [said.title, said.facts];
    [row.count.textContent, row.note.textContent] = [said.count, said.note];
    row.bar.hidden = !running;
    row.count.hidden = !running || !said.count;
    row.fill.style.width = `${said.progress * 100}%`;
    row.bar.setAttribute("aria-valuenow", Math.round(said.progress * 100));
    row.bar.setAttribute("aria-label", `${said.title}: ${said.count}`);
    row.cancel.setAttribute("aria-label", `Cancel ${said.title}`);
    row.read.setAttribute("aria-label", `Read what is there of ${said.title}`);
    row.note.hidden = !said.note;
    row.text.hidden = row.read.hidden = !said.text.length;
    row.text.replaceChildren(...said.text.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
    row.text.classList.toggle("short", row.text.scrollHeight <= row.text.clientHeight + 2);
  }
}

export default mountOnce(Queue);
