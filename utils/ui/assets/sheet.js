// The sheet: the first rows of a table, with what each column was taken for.
// data: {label, columns: [{name, role, wide}], rows: [{number, mark, cells: [...]}], rest}: `role` is what the column is used for, empty
// for none; `mark` is failed, warned or empty; `rest` tells what is not shown.

class Sheet {
  constructor(root) {
    [this.box, this.head, this.body, this.rest] = [".sheet", "thead tr", "tbody", ".rest"].map((selector) => root.querySelector(selector));
    this.box.onscroll = () => this.fade();
    this.size = new ResizeObserver(() => this.fade());
    this.size.observe(this.box);
  }

  /** Let the columns fade out where more of them are hidden. */
  fade() {
    const { box } = this;
    box.classList.toggle("more", Math.abs(box.scrollLeft) + box.clientWidth < box.scrollWidth - 2);
  }

  show(data) {
    const drawn = JSON.stringify(data);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.box.setAttribute("aria-label", data.label);
    this.rest.textContent = data.rest;
    const cell = (tag, text, className = "") => Object.assign(document.createElement(tag), { textContent: text, className });
    const heads = data.columns.map(({ name, role }) => {
      const head = cell("th", name, role ? "" : "unused");
      head.scope = "col";
      head.append(cell("span", role || "only as a variable", "role"));
      return head;
    });
    this.head.replaceChildren(Object.assign(cell("th", "Row", "number"), { scope: "col" }), ...heads);
    const lines = data.rows.map(({ number, mark, cells }) => {
      const line = cell("tr", "", mark);
      const head = Object.assign(cell("th", number), { scope: "row" });
      const texts = cells.map((text, place) => Object.assign(cell("td", text, data.columns[place].wide ? "wide" : ""), { dir: "auto", title: text }));
      line.append(head, ...texts);
      return line;
    });
    this.body.replaceChildren(...lines);
    this.fade();
  }

  close() {
    this.size.disconnect();
  }
}

export default mountOnce(Sheet);
