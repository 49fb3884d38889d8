// Sound that the server has not got on its disk yet: chunks by their number, until they are acknowledged. Put before live.js.

class Sound {
  /** @param first number of the first of `parts`, which waited from before */
  constructor(rate, first = 0, parts = []) {
    this.rate = rate;
    this.chunks = new Map(); // number -> message: the number in 4 bytes, then the samples
    [this.next, this.acked] = [first, first - 1];
    for (const part of parts) this.push(part);
    this.fresh = this.next; // numbers from here on are a guess until the server has told where it is
  }

  push(data) {
    const message = new Uint8Array(4 + data.length);
    new DataView(message.buffer).setUint32(0, this.next, true);
    message.set(data, 4);
    this.chunks.set(this.next++, message);
  }

  message(seq) {
    return this.chunks.get(seq);
  }

  /** Seconds that only this browser has. */
  get seconds() {
    return (this.next - 1 - this.acked) * FRAME_S;
  }

  /** Seconds of the whole recording. */
  get length() {
    return this.next * FRAME_S;
  }

  acknowledge(seq) {
    for (let i = this.acked + 1; i <= seq; i++) this.chunks.delete(i);
    this.acked = Math.max(this.acked, seq);
  }

  /** The server wants the chunk `seq` next. What was spoken since we came back belongs behind what it has. */
  settle(seq) {
    let late = [];
    if (seq <= this.acked) {
      late = this.take(this.acked + 1); // it has lost some, which are gone here too
      [this.next, this.acked] = [seq, seq - 1];
    } else if (this.fresh !== undefined && seq > this.fresh) late = this.take(this.fresh);
    this.fresh = undefined;
    this.acknowledge(seq - 1);
    this.next = Math.max(this.next, seq);
    for (const data of late) this.push(data);
  }

  /** Number what has not arrived from 0 on, for a recording of its own. */
  renumber() {
    const waiting = this.take(this.acked + 1);
    [this.next, this.acked, this.fresh] = [0, -1, undefined];
    for (const data of waiting) this.push(data);
  }

  take(from) {
    const taken = this.parts(from);
    for (let seq = from; seq < this.next; seq++) this.chunks.delete(seq);
    this.next = from;
    return taken;
  }

  /** The samples of what has not arrived, from a number on. */
  parts(from = this.acked + 1) {
    const found = [];
    for (let seq = from; seq < this.next; seq++) found.push(this.chunks.get(seq).subarray(4));
    return found;
  }

  /** What has not arrived, as a WAV file. */
  asFile() {
    const parts = this.parts();
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const head = new DataView(new ArrayBuffer(44));
    const text = (at, word) => [...word].forEach((char, i) => head.setUint8(at + i, char.charCodeAt(0)));
    const number = (at, value) => head.setUint32(at, value, true);
    [[0, "RIFF"], [8, "WAVEfmt "], [36, "data"]].forEach(([at, word]) => text(at, word));
    [[4, size + 36], [16, 16], [20, 0x10001], [24, this.rate], [28, 2 * this.rate], [32, 0x100002], [40, size]].forEach(([at, value]) => number(at, value));
    return new Blob([head, ...parts], { type: "audio/wav" });
  }
}
