// The line to the server: numbered chunks, kept here until the server has them on its disk. Put before live.js.

const WINDOW_CHUNKS = 100; // on their way at one time
const A_SECOND = 60; // messages; the server allows 100
const EARLY_S = 40; // sound may come so much earlier than it was spoken ...
const FAST = 2.5; // ... and so many times faster: below what the server allows
const SILENT_MS = 8000; // chunks are on their way and nothing is heard: the connection is dead
const PAUSES_MS = [300, 1000, 2000, 4000, 5000]; // before the next attempt to connect
const MOST_STORED = 4_500_000; // characters that outlive a reload; browsers keep about 5 million
const FINAL = new Set(["no_session", "taken_over", "gone", "not_found", "bad_message", "bad_input"]);

class Line {
  /** @param on {event(message), changed(), over(error or undefined)} */
  constructor(address, on) {
    this.address = address;
    this.on = on;
    this.kept = new Map(); // number -> message
    [this.next, this.acked, this.sent] = [0, -1, 0];
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
    [this.begin, this.rate] = [begin, begin.sample_rate];
    this.connect();
  }

  /** Go on with a recording; `stored` is what `store` answered before a reload. */
  resume(itemId, begin, stored) {
    [this.itemId, this.begin, this.rate] = [itemId, begin, begin.sample_rate];
    if (stored) {
      const bytes = Uint8Array.from(atob(stored.sound), (char) => char.charCodeAt(0));
      stored.ends.forEach((end, i) => this.keep(stored.first + i, bytes.slice(stored.ends[i - 1] ?? 0, end)));
      this.next = stored.first + stored.ends.length;
      this.acked = stored.first - 1;
    }
    this.connect();
  }

  watch(itemId) {
    [this.itemId, this.watching] = [itemId, true];
    this.connect();
  }

  /** The next frame. */
  push(samples) {
    this.keep(this.next++, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
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

  /** Seconds of sound that only this browser has. */
  get keptSeconds() {
    return (this.next - 1 - this.acked) * FRAME_S;
  }

  /** What has not arrived, as plain data; the oldest first, as far as there is room. */
  store() {
    const [ends, parts, first] = [[], [], this.acked + 1];
    let size = 0;
    for (let seq = first; seq < this.next; seq++) {
      const data = this.kept.get(seq)?.subarray(4);
      if (!data || (size + data.length) * 1.34 > MOST_STORED) break;
      parts.push(data);
      ends.push((size += data.length));
    }
    let text = "";
    for (const part of parts) text += String.fromCharCode(...part);
    return { first, ends, sound: btoa(text) };
  }

  /** What has not arrived, as a file. */
  asFile() {
    const parts = [];
    for (let seq = this.acked + 1; seq < this.next; seq++) parts.push(this.kept.get(seq)?.subarray(4) ?? new Uint8Array());
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const head = new DataView(new ArrayBuffer(44));
    const text = (at, word) => [...word].forEach((char, i) => head.setUint8(at + i, char.charCodeAt(0)));
    const number = (at, value) => head.setUint32(at, value, true);
    [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]].forEach(([at, word]) => text(at, word));
    [[4, size + 36], [16, 16], [20, 0x10001], [24, this.rate], [28, 2 * this.rate], [32, 0x100002], [40, size]].forEach(([at, value]) => number(at, value));
    return new Blob([head, ...parts], { type: "audio/wav" });
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
    if (this.live && this.sent - 1 > this.acked && Date.now() - this.asked > SILENT_MS) this.lost();
    this.pump();
    this.on.changed();
  }

  keep(seq, data) {
    const message = new Uint8Array(4 + data.length);
    new DataView(message.buffer).setUint32(0, seq, true);
    message.set(data, 4);
    this.kept.set(seq, message);
  }

  /** Send what may be sent now. */
  pump() {
    if (!this.live || !this.isOpen) return;
    const now = Date.now();
    this.tokens = Math.min(A_SECOND, (this.tokens ?? A_SECOND) + ((now - (this.pumped ?? now)) / 1000) * A_SECOND);
    this.pumped = now;
    const early = this.before + EARLY_S + (FAST * (now - this.since)) / 1000;
    while (this.sent < this.next && this.sent - this.acked <= WINDOW_CHUNKS && this.tokens >= 1 && this.sent * FRAME_S < early) {
      if (this.sent - 1 === this.acked) this.asked = now; // what is unanswered begins now
      this.socket.send(this.kept.get(this.sent++));
      this.tokens -= 1;
    }
    if (this.stopping && this.acked === this.next - 1 && !this.told) {
      this.told = true;
      this.say("stop", { next_seq: this.next });
    }
  }

  hear(message) {
    this.asked = Date.now();
    if (message.event === "ack") this.acknowledge(message.seq);
    else if (message.event === "resend") this.again(message.from);
    else if (message.event === "status") this.stands(message);
    if (message.event !== "error" || !this.helped(message)) this.on.event(message);
    this.pump();
    this.on.changed();
  }

  acknowledge(seq) {
    for (let i = this.acked + 1; i <= seq; i++) this.kept.delete(i);
    this.acked = Math.max(this.acked, seq);
  }

  again(from) {
    if (from > this.acked) this.sent = from;
    this.told = false;
  }

  /** An error; answers whether the line could help itself. */
  helped(error) {
    this.error = error;
    if (error.code !== "conflict" || !error.item_id || this.watching || this.ended) return false;
    if (error.item_id === this.itemId) {
      const more = this.next - 1 > this.acked || !this.stopping;
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
    const waiting = [...this.kept.keys()].sort((a, b) => a - b).map((seq) => this.kept.get(seq).slice(4));
    [this.itemId, this.acked, this.next, this.sent, this.error, this.starts, this.since] = ["", -1, 0, 0, undefined, 0, 0];
    this.kept.clear();
    for (const data of waiting) this.keep(this.next++, data);
    this.on.event({ event: "split" });
    this.hangUp();
    this.connect();
  }

  stands(message) {
    if (message.item_id && this.itemId && message.item_id !== this.itemId) return;
    if (message.status === "recording" && message.next_seq !== undefined) {
      [this.itemId, this.tries, this.error, this.told] = [message.item_id, 0, undefined, false];
      if (!this.since) [this.since, this.before] = [Date.now(), message.next_seq * FRAME_S];
      this.acknowledge(message.next_seq - 1);
      if (this.next < message.next_seq) this.next = message.next_seq;
      this.sent = message.next_seq;
      this.live = true;
    } else if (this.watching) this.tries = 0;
    if (["processing", "complete", "error"].includes(message.status) && !this.watching) [this.live, this.ended] = [false, true];
    if (["complete", "error"].includes(message.status)) this.done = true;
  }
}
