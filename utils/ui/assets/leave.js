// Leave: what only a request of the browser itself can do, because the cookie is out of a script's reach: come in by a code, and be forgotten.
// data: {way: "redeem"|"forget", question}. Nothing is told to the page: it is loaded anew.

function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

/** What this browser keeps of the session: sound of a recording that had not arrived, and choices of the Live page. */
function forgetHere() {
  for (const store of [localStorage, sessionStorage]) Object.keys(store).forEach((key) => key.startsWith("sotto-") && store.removeItem(key));
  indexedDB.deleteDatabase("sotto-live");
}

class Leave {
  constructor(root) {
    [this.box, this.alarm] = [".box", ".alarm"].map((selector) => root.querySelector(selector));
  }

  show(data) {
    if (this.way === data.way) return this.ask && (this.ask.textContent = data.question);
    [this.way, this.data] = [data.way, data];
    if (data.way === "redeem") this.redeem();
    else this.first();
  }

  redeem() {
    const label = make("label", { textContent: "Code from the other browser" });
    this.field = make("input", { type: "text", autocomplete: "off", spellcheck: false, maxLength: 40, placeholder: "XXXX-XXXX-XXXX" });
    label.append(this.field);
    const go = make("button", { type: "button", textContent: "Open that session here", onclick: () => this.send() });
    this.field.onkeydown = (event) => {
      event.stopPropagation(); // Streamlit has keys of its own
      if (event.key === "Enter") this.send();
    };
    this.box.replaceChildren(label, go);
  }

  send() {
    const code = this.field.value.trim();
    if (!code) return this.field.focus();
    const body = JSON.stringify({ code });
    this.request("/api/v1/session/redeem", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  }

  first() {
    this.ask = undefined;
    const start = make("button", { type: "button", textContent: "Delete everything and forget me", onclick: () => this.second() });
    this.box.replaceChildren(start);
  }

  second() {
    this.ask = make("p", { textContent: this.data.question });
    const sure = make("button", { type: "button", className: "final", textContent: "Delete and forget", onclick: () => this.request("/api/v1/session", { method: "DELETE" }) });
    const not = make("button", { type: "button", textContent: "Keep everything", onclick: () => (this.first(), this.box.querySelector("button").focus()) });
    this.box.replaceChildren(this.ask, sure, not);
    not.focus();
  }

  async request(address, options) {
    this.alarm.textContent = "";
    const buttons = [...this.box.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    try {
      const answer = await fetch(address, options);
      if (answer.ok && this.way === "forget") forgetHere();
      if (answer.ok) return location.assign(location.pathname);
      const told = await answer.json();
      this.alarm.textContent = `${told.detail} ${told.hint}`;
    } catch {
      this.alarm.textContent = "The server did not answer. Try again.";
    }
    for (const button of buttons) button.disabled = false;
  }
}

export default mountOnce(Leave);
