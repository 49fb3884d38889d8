// The line to the server: numbered chunks, sent again until the server has them on its disk. Put before live.js.

const WINDOW_CHUNKS = 100; // on their way at one time
const A_SECOND = 60; // messages; the server allows 100
const EARLY_S = 40; // sound may come so much earlier than it was spoken ...
const FAST = 2.5; // ... and so many times faster: below what the server allows
const SILENT_MS = 8000; // chunks are on their way, or a question is open, and nothing is heard: the connection is dead
const PAUSES_MS = [300, 1000, 2000, 4000, 5000]; // before the next attempt to connect
const FINAL = new Set(["no_session", "taken_over", "gone", "not_found", "bad_message", "bad_input"]);

class Line {
  /** @param on {event(message), changed(), over(error or undefined)} */
  constructor(address, on) {
    this.address = address;
    this.on = on;
    this.sound = new Sound(RATE_HZ);
    this.sent = 0;
    [this.itemId, this.begin, this.watching, this.live, this.stopping, this.tries] = ["", undefined, false, false, false, 0];
    this.ends = new AbortController();
    const { signal } = this.ends;
    addEventListener("online", () => this.isOpen || this.connect(), { signal });
    addEventListener("offline", () => this.lost(), { signal });
    this.timer = setInterval(() => this.tick(), 200);
  }

  // ---- what a page asks

  /** A new recording: {sample_rate, language, captions, title}. */
  start(begin) {
    this.resume("", begin, new Sound(begin.sample_rate));
    this.sound.fresh = undefined; // its first number is known
  }

  /** Go on with a recording, or with what waited for one that was never begun. */
  resume(itemId, begin, sound) {
    [this.itemId, this.begin, this.sound] = [itemId, begin, sound];
    this.connect();
  }

  watch(itemId) {
    [this.itemId, this.watching] = [itemId, true];
    this.connect();
  }

  /** The next frame. */
  push(samples) {
    this.sound.push(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    this.pump();
  }

  say(action, more = {}) {
    if (this.isOpen) this.socket.send(JSON.stringify({ action, ...more }));
  }

  /** No sound comes any more: when all of it has arrived, the recording ends. */
  stop() {
    this.stopping = true;
    this.pump();
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.waiting);
    this.ends.abort();
    this.closed = true;
    this.hangUp();
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  // ---- the connection

  connect() {
    if (this.closed || (this.socket && this.socket.readyState <= WebSocket.OPEN)) return;
    clearTimeout(this.waiting);
    const url = new URL(this.address, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.socket = new WebSocket(url));
    this.error = undefined;
    this.asked = Date.now();
    socket.onopen = () => {
      this.asked = Date.now();
      if (this.watching) this.say("watch", { item_id: this.itemId });
      else if (this.itemId) this.say("resume", { item_id: this.itemId });
      else {
        this.starts = (this.starts ?? 0) + 1;
        this.say("start", { ...this.begin, format: "pcm_s16le" });
      }
    };
    socket.onmessage = ({ data }) => socket === this.socket && this.hear(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.socket && this.lost(code);
    this.on.changed();
  }

  hangUp() {
    const { socket } = this;
    this.socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  lost(code) {
    if (this.closed) return;
    this.hangUp();
    this.live = false;
    const { error } = this;
    if (this.done || (error && (FINAL.has(error.code) || code === 4001 || code === 4004 || (!this.itemId && !this.watching)))) {
      this.close();
      this.on.over(error);
      return;
    }
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.connect(), PAUSES_MS[Math.min(this.tries++, PAUSES_MS.length - 1)]);
    this.on.changed();
  }

  tick() {
    const asks = this.socket && !this.live && !this.ended && (!this.watching || !this.isOpen);
    if ((asks || (this.live && this.sent - 1 > this.sound.acked)) && Date.now() - this.asked > SILENT_MS) this.lost();
    this.pump();
    this.on.changed();
  }

  /** Send what may be sent now. */
  pump() {
    if (!this.live || !this.isOpen) return;
    const { sound } = this;
    const now = Date.now();
    this.tokens = Math.min(A_SECOND, (this.tokens ?? A_SECOND) + ((now - (this.pumped ?? now)) / 1000) * A_SECOND);
    this.pumped = now;
    const early = this.before + EARLY_S + (FAST * (now - this.since)) / 1000;
    while (this.sent < sound.next && this.sent - sound.acked <= WINDOW_CHUNKS && this.tokens >= 1 && this.sent * FRAME_S < early) {
      if (this.sent - 1 === sound.acked) this.asked = now; // what is unanswered begins now
      this.socket.send(sound.message(this.sent++));
      this.tokens -= 1;
    }
    if (this.stopping && sound.acked === sound.next - 1 && !this.told) {
      this.told = true;
      this.say("stop", { next_seq: sound.next });
    }
  }

  hear(message) {
    this.asked = Date.now();
    if (message.event === "ack") this.sound.acknowledge(message.seq);
    else if (message.event === "resend") this.again(message.from);
    else if (message.event === "status") this.stands(message);
    if (message.event !== "error" || !this.helped(message)) this.on.event(message);
    this.pump();
    this.on.changed();
  }

  again(from) {
    if (from > this.sound.acked) this.sent = from;
    this.told = false;
  }

  /** An error; answers whether the line could help itself. */
  helped(error) {
    this.error = error;
    if (error.code !== "conflict" || !error.item_id || this.watching || this.ended) return false;
    if (error.item_id === this.itemId) {
      if (error.next_seq !== undefined) this.sound.settle(error.next_seq); // so much of it is in the recording
      const more = this.sound.seconds > 0 || !this.stopping;
      if (more) this.split(); // it has ended while we were away
      return true;
    }
    if (this.itemId) return false;
    if (this.starts > 1) {
      this.itemId = error.item_id; // ours: it was begun, and the connection broke before we were told so
      this.error = undefined;
      this.lost();
      return true;
    }
    this.close();
    this.on.over(error);
    return true;
  }

  /** What has not arrived becomes a recording of its own. */
  split() {
    this.sound.renumber();
    this.parts = (this.parts ?? 1) + 1;
    this.begin = { ...this.begin, title: `${(this.title ??= this.begin.title ?? "Recording")}, part ${this.parts}` };
    [this.itemId, this.sent, this.error, this.starts, this.since] = ["", 0, undefined, 0, 0];
    this.on.event({ event: "split" });
    this.hangUp();
    this.connect();
  }

  stands(message) {
    if (message.item_id && this.itemId && message.item_id !== this.itemId) return;
    if (message.status === "recording" && message.next_seq !== undefined) {
      [this.itemId, this.tries, this.error, this.told] = [message.item_id, 0, undefined, false];
      if (!this.since) [this.since, this.before] = [Date.now(), message.next_seq * FRAME_S];
      this.sound.settle(message.next_seq);
      this.sent = message.next_seq;
      this.live = true;
    } else if (this.watching) this.tries = 0;
    if (["processing", "complete", "error"].includes(message.status) && !this.watching) [this.live, this.ended] = [false, true];
    if (["complete", "error"].includes(message.status)) this.done = true;
  }
}
