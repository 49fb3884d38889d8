// The recorder: one big control, the microphone, the line to the server, captions. No rerun of the page while it records.
// data: {address, languages: [[tag, name]], limit: seconds, hint, draft, mine, open: {id, sample_rate, language} or null}: `open` is
// the session's recording as it was when the page was drawn, `mine` stands for the session. Trigger: ended = {id}.

const LANGUAGE = "sotto-live-language";

class Live extends Speech {
  constructor(root) {
    super();
    this.look = new Look(root);
    this.words = new Words(root);
    this.ear = new Ear(this.look, {
      frame: (samples) => this.frame(samples),
      lost: () => this.unplugged(),
      changed: () => this.draw(),
      isIdle: () => this.state === "idle",
      isBusy: () => this.isBusy,
    });
    this.listen();
  }

  listen() {
    const ends = (this.ends = new AbortController());
    const on = (target, event, act) => target?.addEventListener(event, act, { signal: ends.signal });
    const { look } = this;
    look.main.onclick = () => this.press();
    look.pause.onclick = () => this.pause(!this.paused);
    look.mark.onclick = () => this.line.say("mark");
    look.other.onclick = () => this.act?.();
    look.end.onclick = look.endHere.onclick = () => this.end();
    look.language.onchange = () => localStorage.setItem(LANGUAGE, look.language.value);
    on(window, "pagehide", () => this.leave(true));
    on(window, "beforeunload", (e) => ((this.isBusy && this.line.sound.seconds > 5) || look.save.href) && e.preventDefault());
    this.covers = new MutationObserver(() => this.uncover());
    this.covers.observe(document.body, { childList: true });
    this.tabs = new Tabs({ heard: (message) => this.told(message), stolen: () => this.over({ code: "taken_over" }) });
  }

  show(data) {
    const first = !this.data;
    this.data = data;
    if (!first) return;
    const { language } = this.look;
    this.limit = data.limit;
    this.kept = new Kept(data.mine);
    for (const [tag, name] of data.languages) language.add(new Option(name, tag));
    language.value = localStorage.getItem(LANGUAGE) ?? "";
    if (language.selectedIndex < 0) language.selectedIndex = 0;
    this.words.label(data.draft);
    this.words.clear(data.hint);
    this.ear.explain();
    this.begun();
    this.draw();
  }

  /** What is there already when the page is opened. */
  async begun() {
    const { open } = this.data;
    const reloaded = this.tabs.reloaded();
    if (!(await this.tabs.take(reloaded ? HAND_OVER_MS : LOOK_MS))) return open ? this.watch(open) : this.turn("idle");
    const waits = await this.kept.load();
    if (this.ends.signal.aborted) return this.tabs.free();
    const ours = waits && (waits.itemId === open?.id || (!open && waits.sound.seconds > 0));
    if (ours && (!open || waits.stopping)) return this.sendRest();
    if (ours && reloaded === open.id) return this.goOn(open);
    this.tabs.free();
    if (ours) return this.offer(open);
    if (waits?.sound.seconds > 0) this.look.offerFile(waits.sound.asFile()); // another one is open: this cannot be sent now
    else this.kept.clear();
    if (open) this.watch(open, true);
    else this.turn("idle");
  }

  // ---- what is heard

  hear(message) {
    if (message.event === "words") this.words.hear(message);
    else if (message.event === "marks") this.words.marks(message.marks);
    else if (message.event === "marked") {
      this.words.marks([message.seconds]);
      this.look.announce(`Marked ${clock(message.seconds)}`);
    } else if (message.event === "status") this.status(message);
    else if (message.event === "error") this.trouble = this.note = [message.detail, message.hint].filter(Boolean).join(" ");
    else if (message.event === "split") {
      this.kept.renumbered();
      this.words.goOn();
      this.note = "The connection was away for too long, so what comes now is a second recording. Nothing was lost.";
    }
  }

  status(message) {
    if (message.limit_s) this.limit = message.limit_s;
    if (message.marks) this.words.marks(message.marks);
    if (message.sample_rate && this.state === "watching") this.open.sample_rate = message.sample_rate;
    if (message.status === "recording" && message.next_seq !== undefined) {
      if (this.note === this.trouble) this.note = ""; // it is over
      if (message.note) this.note = message.note;
      if (this.state === "starting") this.turn("on");
      if (this.paused) this.line.say("pause");
      this.tabs.say({ on: { id: message.item_id, ...this.line.begin } });
    } else if (message.status === "recording") this.note = message.note || this.note;
    else if (message.status === "processing") this.over();
    else if (["complete", "error"].includes(message.status)) {
      this.line.close();
      this.over();
    }
  }

  /** By another tab. */
  told({ on, over, give }) {
    const [state, id] = [this.state, this.line?.itemId];
    if (on && ["idle", "ended", "offered"].includes(state)) this.watch(on);
    else if (on && state === "watching" && (this.elsewhere || id !== on.id)) this.watch(on);
    else if (over && state === "watching" && id === over) this.over();
    else if (give && this.isBusy && id === give) this.give();
  }

  /** Streamlit covers the page when its connection is lost, and speaks of a terminal. Here stands how it is, and Stop. */
  uncover() {
    if (!this.isBusy && this.state !== "watching") return;
    for (const dialog of document.querySelectorAll(".stDialog"))
      if (dialog.querySelector("h2")?.textContent === "Connection error") dialog.querySelector('[aria-label="Close"]')?.click();
  }

  changed() {
    if (this.isBusy) this.kept.follow(this.line.sound, this.facts);
    this.draw();
  }

  /** The page is left: what has not arrived waits in this browser, and the microphone is free. */
  leave(reloads = false) {
    if (this.isBusy) this.kept.leave(this.line.sound, { ...this.facts, stopping: this.state === "stopping" });
    if (this.isBusy && reloads) this.tabs.leave(this.line.itemId);
    this.ear.leave();
    this.line?.close();
  }

  close() {
    this.leave();
    this.ends.abort();
    this.covers.disconnect();
    this.ear.ends.abort();
    this.tabs.close();
    this.kept?.close();
    this.words.close();
  }

  draw() {
    if (this.data) this.look.draw(this);
  }
}

export default mountOnce(Live);
