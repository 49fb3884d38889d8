// What a recorder does: begins, goes on, pauses, stops, looks on while somebody else records, and hands over. Put before live.js,
// which hears what is told and has the page: `look`, `ear`, `words`, `kept`, `tabs`, `data`.
// States: looking (for what is there already), idle, asking (for the microphone), starting, on, stopping, ended,
// watching (somebody else records), offered (go on?).

const HAND_OVER_MS = 3000; // for another tab that is asked to give
const LOOK_MS = 300; // for a lock that is just being let go

class Speech {
  constructor() {
    [this.state, this.paused, this.note, this.act] = ["looking", false, "", undefined];
  }

  get facts() {
    const { itemId, begin, stopping } = this.line;
    return { itemId, begin, stopping, paused: this.paused };
  }

  get isBusy() {
    return ["starting", "on", "stopping"].includes(this.state);
  }

  get canPress() {
    return Microphone.isPossible && ["idle", "ended", "offered", "starting", "on"].includes(this.state);
  }

  press() {
    if (!this.canPress) return;
    if (this.state === "starting" || this.state === "on") this.stop();
    else if (this.state === "offered") this.goOn(this.open);
    else this.start();
  }

  async start(captions = true) {
    this.line?.close();
    this.words.clear(this.data.hint);
    [this.note, this.act] = ["", undefined];
    this.mute(false);
    this.look.offerFile();
    if (!(await this.openMicrophone())) return this.turn("idle");
    if (!(await this.tabs.take(LOOK_MS))) {
      this.ear.close();
      this.look.tell("Another tab is still sending its recording.", "Press Record again when it has.");
      return this.turn("idle");
    }
    this.kept.clear();
    const now = new Date();
    const [year, ...rest] = [now.getFullYear(), now.getMonth() + 1, now.getDate(), now.getHours(), now.getMinutes()];
    const [month, day, hours, minutes] = rest.map((n) => String(n).padStart(2, "0"));
    const title = `Recording ${year}-${month}-${day} ${hours}.${minutes}`;
    this.listenTo();
    this.line.start({ sample_rate: this.ear.mic.rate, language: this.look.language.value, captions, title });
    this.words.speak(this.line.begin.language);
    this.turn("starting");
  }

  /** After a reload, or instead of another tab. */
  async goOn(open) {
    if (!(await this.openMicrophone(open.sample_rate))) return this.state === "asking" ? this.offer(open) : this.ear.close();
    const { sound, begin, paused } = await this.hold(open);
    this.listenTo();
    [this.act, this.note] = [undefined, ""];
    this.mute(Boolean(paused));
    this.line.resume(open.id, begin, sound);
    this.words.speak(begin.language);
    this.turn("starting");
  }

  /** Nobody speaks any more, but not everything has arrived; or somebody only wants it to end. */
  async sendRest() {
    const { itemId, sound, begin } = await this.hold(this.open);
    this.listenTo();
    this.act = undefined;
    this.line.resume(itemId, begin, sound);
    this.line.stop();
    this.turn("stopping");
  }

  /** Become the one tab that speaks. Answers what waits here for this recording; of none it is nothing. */
  async hold(open) {
    if (!(await this.tabs.take())) {
      this.tabs.say({ give: open.id });
      (await this.tabs.take(HAND_OVER_MS)) || (await this.tabs.take(0, true));
    }
    const waits = await this.kept.load();
    if (waits && (!open || waits.itemId === open.id)) return waits;
    const { id, sample_rate, language } = open;
    return { itemId: id, begin: { sample_rate, language, captions: true }, sound: new Sound(sample_rate) };
  }

  offer(open) {
    this.tabs.free();
    this.open = open;
    this.act = () => this.sendRest();
    this.turn("offered");
  }

  watch(open, elsewhere = false) {
    this.tabs.free();
    this.ear.close();
    [this.open, this.elsewhere] = [{ sample_rate: RATE_HZ, language: "", ...open }, elsewhere];
    this.act = () => this.goOn(this.open);
    this.listenTo();
    this.line.watch(open.id);
    this.words.speak(this.open.language);
    this.turn("watching");
  }

  async stop() {
    this.turn("stopping");
    await this.ear.mic.finish();
    this.line.stop();
    this.draw();
  }

  /** Stop it, or what another tab records: that gives what has not arrived, and it is sent from here. */
  async end() {
    if (this.state === "starting" || this.state === "on") return this.stop();
    if (this.state !== "watching" || this.takesOver) return;
    this.takesOver = true;
    await this.sendRest().finally(() => (this.takesOver = false));
  }

  async pause(on) {
    if (!on && this.unplugs && !(await this.ear.choose())) return;
    this.unplugs = false;
    this.mute(on);
    this.note = "";
    this.line.say(on ? "pause" : "continue");
    this.turn(this.state);
  }

  mute(is) {
    this.paused = is;
    this.ear.mute(is);
  }

  listenTo() {
    this.line?.close();
    this.line = new Line(this.data.address, { event: (message) => this.hear(message), changed: () => this.changed(), over: (error) => this.over(error) });
  }

  /** Answers whether there is one, and nothing else has happened meanwhile. */
  async openMicrophone(rate) {
    this.ear.tell();
    this.turn("asking");
    return (await this.ear.open(rate)) && this.state === "asking";
  }

  frame(samples) {
    if (!this.isBusy || this.paused) return;
    this.line.push(samples);
    if (this.line.sound.seconds < MOST_KEPT_S) return;
    this.pause(true);
    this.note = `This browser keeps at most ${MOST_KEPT_S / 60} minutes without a connection, so the recording pauses. Press Continue when it is back.`;
  }

  unplugged() {
    this.pause(true);
    this.unplugs = true;
    this.note = "The microphone was disconnected. Choose another one, then press Continue.";
    this.look.announce(this.note);
    this.draw();
  }

  /** The line is at its end, or the recording. */
  over(error) {
    const { line, state } = this;
    if (state === "ended" || state === "idle") return;
    const { sound, itemId, begin } = line;
    const rest = line.watching ? 0 : sound.seconds;
    this.ear.close();
    if (!line.watching) this.kept.clear();
    this.tabs.free();
    if (rest > (itemId ? 0.5 : AWAY_S)) this.look.offerFile(sound.asFile());
    if (error?.code === "taken_over") return this.watch({ ...begin, id: itemId }, true);
    if (error?.code === "conflict" && error.item_id) return this.watch({ id: error.item_id }, true);
    if (error) {
      this.look.tell(error.detail, error.hint);
      this.note = "";
      if (error.code === "too_many") this.act = () => this.start(false);
    }
    this.turn(itemId ? "ended" : "idle");
    if (!itemId) return;
    if (state !== "watching") this.tabs.say({ over: itemId });
    this.tell("ended", { id: itemId });
  }

  /** Another tab goes on: it gets what has not arrived. */
  async give() {
    const { line } = this;
    await this.ear.mic.finish();
    if (!(await this.kept.save(line.sound, this.facts))) this.kept.leave(line.sound, this.facts);
    this.watch({ ...line.begin, id: line.itemId });
  }

  turn(state) {
    const before = `${this.state} ${this.shownPaused}`;
    this.state = state;
    this.shownPaused = this.paused;
    this.draw();
    if (before !== `${state} ${this.paused}`) this.look.announce(this.look.stateLine.textContent);
    this.ear.wake();
  }
}
