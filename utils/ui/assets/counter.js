// The counter below a text field: characters while typing, without asking the server; what the server said about the text
// (requests, seconds) stands beside it as long as the text is still that one.
// data: {field, limit, known, rest, news}: selector of the field; most characters; characters that `rest` is about; `news` is
// told to screen readers when it changes.

class Counter {
  constructor(root) {
    [this.count, this.rest, this.heard] = [".count", ".rest", ".heard"].map((selector) => root.querySelector(selector));
    this.onInput = (event) => event.target.matches?.(this.data.field) && this.update(event.target.value);
    document.addEventListener("input", this.onInput);
  }

  show(data) {
    this.data = data;
    const field = document.querySelector(data.field);
    this.update(field && field === document.activeElement ? field.value : undefined); // who types knows better than the server
    if (this.news !== data.news) this.heard.textContent = this.news = data.news;
  }

  update(text) {
    const { limit, rest, known } = this.data;
    const size = text === undefined ? known : [...text].length; // code points, as the server counts
    const figure = (n) => n.toLocaleString("en");
    const over = size > limit;
    this.count.textContent = `${figure(size)} of ${figure(limit)} characters`;
    if (over) this.count.textContent += `: ${figure(size - limit)} too many`;
    this.count.classList.toggle("over", over);
    this.rest.textContent = !over && size === known && rest ? ` · ${rest}` : "";
  }

  close() {
    document.removeEventListener("input", this.onInput);
  }
}

export default mountOnce(Counter);
