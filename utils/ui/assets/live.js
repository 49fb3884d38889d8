// The recorder: one big control, the microphone, the line to the server, captions. No rerun of the page while it records.
// data: {address, languages: [[tag, name]], limit: seconds, hint, open: {id, sample_rate, language} or null}: `open` is the
// session's recording as it was when the page was drawn. Trigger: ended = {id}.
// States: idle, asking (for the microphone), starting, on, stopping, ended, watching (another tab records), offered (go on?).

const KEPT = "sotto-live"; // in this tab's memory: what outlives a reload
const LANGUAGE = "sotto-live-language";
const DEVICE = "sotto-live-device";
const QUIET_MS = 8000; // without the least sound: is the microphone muted?
const QUIET = 0.0003; // below any microphone's own noise
const LOUD = 0.98;
const FEW_S = 600; // of the time left: a warning

class Live {
  constructor(root) {
    const $ = (selector) => root.querySelector(selector);
    [this.box, this.main, this.word, this.stateLine] = [".live", ".main", ".word", ".state"].map($);
    [this.elapsed, this.left, this.level, this.advice] = [".elapsed", ".left", ".level", ".advice"].map($);
    [this.pauseButton, this.markButton, this.other, this.save] = [".pause", ".mark", ".other", ".save"].map($);
    [this.language, this.device, this.need, this.stands] = [".language", ".device", ".need", ".stands"].map($);
    this.bar = this.level.firstElementChild;
    this.words = new Words(root);
    this.mic = new Microphone({ frame: (samples) => this.frame(samples), level: (peak) => this.meter(peak), lost: () => this.unplugged() });
    [this.state, this.paused, this.note, this.act] = ["idle", false, "", undefined];
    this.listen();
  }

  listen() {
    const ends = (this.ends = new AbortController());
    const on = (target, event, act) => target?.addEventListener(event, act, { signal: ends.signal });
    this.main.onclick = () => this.press();
    this.pauseButton.onclick = () => this.pause(!this.paused);
    this.markButton.onclick = () => this.line.say("mark");
    this.other.onclick = () => this.act?.();
    this.language.onchange = () => localStorage.setItem(LANGUAGE, this.language.value);
    this.device.onchange = () => this.choose();
    on(window, "pagehide", () => this.leave("reload"));
    on(window, "beforeunload", (e) => this.isBusy && this.line.keptSeconds > 5 && e.preventDefault());
    on(document, "visibilitychange", () => this.wake());
    on(navigator.mediaDevices, "devicechange", () => this.listDevices());
    this.channel = new BroadcastChannel("sotto-live");
    this.channel.onmessage = ({ data }) => this.told(data);
  }

  show(data) {
    const first = !this.data;
    this.data = data;
    if (!first) return;
    for (const [tag, name] of data.languages) this.language.add(new Option(name, tag));
    this.language.value = localStorage.getItem(LANGUAGE) ?? "";
    if (this.language.selectedIndex < 0) this.language.selectedIndex = 0;
    this.words.clear(data.hint);
    this.listDevices();
    this.explain();
    this.begun();
    this.draw();
  }

  /** What is there already when the page is opened. */
  begun() {
    const { open } = this.data;
    const kept = JSON.parse(sessionStorage.getItem(KEPT));
    if (open && kept?.itemId !== open.id) return this.watch(open);
    if (!kept || (!open && !kept.stored?.ends.length)) return sessionStorage.removeItem(KEPT);
    this.kept = kept;
    if (!open || kept.stopping) this.sendRest();
    else if (kept.how === "reload") this.goOn();
    else this.offer();
  }

  /** Why there can be no recording here, before somebody tries. */
  async explain() {
    if (!Microphone.isPossible) return this.fail(...whyNoMicrophone({ name: "insecure" }));
    try {
      const asked = await navigator.permissions.query({ name: "microphone" });
      const tell = () => this.state === "idle" && (asked.state === "denied" ? this.fail(...whyNoMicrophone({ name: "NotAllowedError" })) : this.fail());
      asked.onchange = tell;
      tell();
    } catch {
      return; // this browser does not tell
    }
  }

  // ---- what is done

  get isBusy() {
    return ["starting", "on", "stopping"].includes(this.state);
  }

  press() {
    if (this.state === "starting" || this.state === "on") this.stop();
    else if (this.state === "offered") this.goOn();
    else if (this.state === "idle" || this.state === "ended") this.start();
  }

  async start(captions = true) {
    this.line?.close();
    this.words.clear(this.data.hint);
    [this.paused, this.note, this.act] = [false, "", undefined];
    if (!(await this.openMicrophone())) return this.turn("idle");
    const now = new Date();
    const title = `Recording ${[now.getHours(), now.getMinutes()].map((n) => String(n).padStart(2, "0")).join(".")}`;
    this.listenTo();
    this.line.start({ sample_rate: this.mic.rate, language: this.language.value, captions, title });
    this.turn("starting");
  }

  /** After a reload, or instead of another tab. */
  async goOn() {
    const { itemId, begin, stored, paused } = this.kept;
    if (!(await this.openMicrophone(begin.sample_rate))) return this.offer();
    this.line?.close();
    this.listenTo();
    this.paused = Boolean(paused);
    this.act = undefined;
    this.line.resume(itemId, begin, stored);
    this.turn("starting");
  }

  /** Nobody speaks any more, but not everything has arrived; or somebody only wants it to end. */
  sendRest() {
    const { itemId, begin, stored } = this.kept;
    this.line?.close();
    this.listenTo();
    this.act = undefined;
    this.line.resume(itemId, begin, stored);
    this.line.stop();
    this.turn("stopping");
  }

  offer() {
    this.act = () => this.sendRest();
    this.turn("offered");
  }

  watch({ id, sample_rate = RATE_HZ, language = "" }) {
    this.line?.close();
    this.kept = { itemId: id, begin: { sample_rate, language, captions: true } };
    this.act = () => this.goOn();
    this.listenTo();
    this.line.watch(id);
    this.turn("watching");
  }

  async stop() {
    this.turn("stopping");
    await this.mic.finish();
    this.line.stop();
    this.draw();
  }

  async pause(on) {
    if (!on && this.unplugs && !(await this.choose())) return;
    [this.paused, this.unplugs] = [on, false];
    this.note = "";
    this.heardAt = Date.now();
    this.line.say(on ? "pause" : "continue");
    this.meter(0);
    this.turn(this.state);
  }

  listenTo() {
    this.line = new Line(this.data.address, { event: (message) => this.hear(message), changed: () => this.draw(), over: (error) => this.over(error) });
  }

  // ---- the microphone

  async openMicrophone(rate) {
    this.fail();
    this.turn("asking");
    try {
      await this.mic.open(this.device.value, rate);
    } catch (error) {
      this.fail(...whyNoMicrophone(error));
      return false;
    }
    this.heardAt = Date.now();
    this.awake();
    this.listDevices();
    return true;
  }

  /** Some browsers let no sound in before somebody has touched the page. */
  awake() {
    const { context } = this.mic;
    context.onstatechange = () => this.draw();
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => context.state === "suspended" && context.resume(), { signal: this.ends.signal });
  }

  frame(samples) {
    if (this.isBusy && !this.paused) this.line.push(samples);
  }

  meter(peak) {
    if (peak > QUIET) this.heardAt = Date.now();
    const shown = this.paused ? 0 : Math.min(1, Math.sqrt(peak));
    this.bar.style.transform = `scaleX(${shown.toFixed(3)})`;
    this.level.classList.toggle("loud", peak >= LOUD);
    this.level.setAttribute("aria-valuenow", Math.round(shown * 100));
  }

  async choose() {
    localStorage.setItem(DEVICE, this.device.value);
    if (!this.mic.isOpen) return true;
    try {
      await this.mic.change(this.device.value);
      this.fail();
      return true;
    } catch (error) {
      this.fail(...whyNoMicrophone(error));
      return false;
    }
  }

  unplugged() {
    this.pause(true);
    this.unplugs = true;
    this.note = "The microphone was disconnected. Choose another one, then press Continue.";
    this.draw();
  }

  async listDevices() {
    const found = ((await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? []).filter((one) => one.kind === "audioinput" && !["", "default", "communications"].includes(one.deviceId));
    const chosen = this.device.value || localStorage.getItem(DEVICE) || "";
    const options = found.map((one, i) => new Option(one.label || `Microphone ${i + 1}`, one.deviceId));
    this.device.replaceChildren(new Option("As the browser chooses", ""), ...options);
    this.device.value = found.some((one) => one.deviceId === chosen) ? chosen : "";
  }

  /** The screen stays on while somebody records. */
  async wake() {
    const wanted = () => this.isBusy && document.visibilityState === "visible";
    if (wanted() && (!this.lock || this.lock.released)) {
      const lock = await navigator.wakeLock?.request("screen").catch(() => undefined);
      if (!wanted()) lock?.release();
      else this.lock = lock;
    } else if (!this.isBusy) {
      this.lock?.release().catch(() => {});
      this.lock = undefined;
    }
  }

  // ---- what is heard

  hear(message) {
    if (message.event === "words") this.words.hear(message);
    else if (message.event === "marked") this.words.mark(message.seconds);
    else if (message.event === "status") this.status(message);
    else if (message.event === "error") this.note = [message.detail, message.hint].filter(Boolean).join(" ");
    else if (message.event === "split") {
      this.words.goOn();
      this.note = "The connection was away for too long, so what comes now is a second recording. Nothing was lost.";
    }
  }

  status(message) {
    if (message.limit_s) this.data.limit = message.limit_s;
    if (message.note) this.note = message.note;
    if (message.status === "recording" && message.next_seq !== undefined) {
      this.kept = { itemId: message.item_id, begin: this.line.begin };
      if (this.state === "starting") this.turn("on");
      if (this.paused) this.line.say("pause");
      this.channel.postMessage({ on: { id: message.item_id, ...this.line.begin } });
    } else if (message.status === "processing") this.over();
    else if (["complete", "error"].includes(message.status)) {
      this.line.close();
      this.over();
    }
  }

  /** The line is at its end, or the recording. */
  over(error) {
    const { line, state } = this;
    if (state === "ended") return;
    this.mic.close();
    this.meter(0);
    if (error?.code === "taken_over") return this.watch({ id: this.kept.itemId, ...this.kept.begin });
    if (error?.code === "conflict" && error.item_id) return this.watch({ id: error.item_id });
    if (error) {
      this.fail(error.detail, error.hint);
      this.note = "";
      if (error.code === "too_many") this.act = () => this.start(false);
      if (line.keptSeconds > 0.5) this.save.href = URL.createObjectURL(line.asFile());
    }
    sessionStorage.removeItem(KEPT);
    this.turn(line.itemId ? "ended" : "idle");
    if (!line.itemId) return;
    if (state !== "watching") this.channel.postMessage({ over: line.itemId });
    this.tell("ended", { id: line.itemId });
  }

  /** By another tab. */
  told({ on, over }) {
    if (on && (this.state === "idle" || this.state === "ended")) this.watch(on);
    else if (over && this.state === "watching" && this.line.itemId === over) this.over();
  }

  /** The page is left: what has not arrived waits in this tab's memory, and the microphone is free. */
  leave(how) {
    if (this.isBusy && this.line.itemId) {
      const { line, paused } = this;
      const kept = { itemId: line.itemId, begin: line.begin, stored: line.store(), paused, stopping: this.state === "stopping", how };
      try {
        sessionStorage.setItem(KEPT, JSON.stringify(kept));
      } catch {
        sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, stored: undefined })); // no room
      }
    }
    this.mic.close();
    this.line?.close();
    this.lock?.release().catch(() => {});
  }

  close() {
    this.leave("left");
    this.ends.abort();
    this.channel.close();
    this.words.close();
  }

  // ---- what is seen

  turn(state) {
    const before = `${this.state} ${this.shownPaused}`;
    this.state = state;
    this.shownPaused = this.paused;
    this.draw();
    if (before !== `${state} ${this.paused}`) this.stands.textContent = this.stateLine.textContent;
    this.wake();
  }

  fail(sentence = "", hint = "") {
    const [strong, rest] = this.need.children;
    [strong.textContent, rest.textContent] = [sentence, hint];
    this.need.hidden = !sentence;
    this.save.removeAttribute("href");
    this.draw();
  }

  stateWords() {
    const { line } = this;
    const kept = Math.round(line?.keptSeconds ?? 0);
    const away = line && !line.isOpen && line.tries > 0;
    const waits = `${kept} s kept in this browser`;
    const told = {
      idle: "Ready",
      asking: "Waiting for the microphone",
      starting: "Connecting",
      on: this.paused ? "Paused" : "Recording",
      stopping: kept > 1 ? `Stopping, ${kept} s still to be sent` : "Stopping",
      ended: "The recording has ended",
      watching: "You are recording in another tab",
      offered: "Your recording is still open",
    };
    if (this.isBusy && (away || (this.state === "on" && !line.live))) return `Reconnecting, ${waits}`;
    if (this.state === "watching" && !line.isOpen) return "Reconnecting";
    if (this.state === "on" && kept > 3) return `${told.on}, sending ${waits}`;
    return told[this.state];
  }

  adviceWords() {
    if (this.note) return this.note;
    if (this.state === "on" && !this.paused) {
      if (this.mic.context?.state === "suspended") return "The browser lets no sound in before you have clicked on this page.";
      if (Date.now() - this.heardAt > QUIET_MS) return "No sound comes from the microphone. Is it muted, or another one meant?";
    }
    if (this.state === "asking") return "Your browser may ask whether this page may use it.";
    if (this.state === "offered") return "Go on with it, or stop it and have its text made. After 2 minutes it ends by itself.";
    return "";
  }

  draw() {
    if (!this.data) return;
    const say = (element, text) => element.textContent !== text && (element.textContent = text);
    const { state, line, paused } = this;
    const [running, recording] = [state === "starting" || state === "on", state === "on"];
    const seconds = this.isBusy || state === "ended" ? (line?.next ?? 0) * FRAME_S : 0;
    this.box.classList.toggle("on", running);
    this.box.classList.toggle("paused", paused);
    say(this.stateLine, this.stateWords());
    this.box.classList.toggle("trouble", this.stateLine.textContent.startsWith("Reconnecting"));
    say(this.word, running ? "Stop" : state === "offered" ? "Go on" : "Record");
    this.main.disabled = !Microphone.isPossible || ["asking", "stopping", "watching"].includes(state);
    say(this.elapsed, state === "watching" ? "" : clock(seconds));
    const left = this.data.limit - seconds;
    say(this.left, state === "watching" ? "" : recording ? `· ${clock(left)} left` : `· at most ${clock(this.data.limit)}`);
    const advice = this.adviceWords();
    say(this.advice, advice || (recording && left < FEW_S ? `The recording ends by itself in ${spokenTime(left)}.` : ""));
    this.advice.classList.toggle("warn", running);
    this.pauseButton.hidden = this.markButton.hidden = !recording;
    say(this.pauseButton, paused ? "Continue" : "Pause");
    this.markButton.disabled = !line?.live;
    this.other.hidden = !this.act || running;
    say(this.other, { watching: "Go on here", offered: "Stop" }[state] ?? "Record without captions");
    this.save.hidden = !this.save.hasAttribute("href");
    this.language.disabled = state !== "idle" && state !== "ended";
    this.words.brief.classList.toggle("dot", recording && !paused);
    say(this.words.brief, running ? `${this.stateLine.textContent} · ${clock(seconds)}` : this.stateLine.textContent);
  }
}

export default mountOnce(Live);
