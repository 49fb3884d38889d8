// The microphone: frames of FRAME_S as 16-bit PCM, whatever the browser's blocks are. Put before live.js.

const FRAME_S = 0.1;
const RATE_HZ = 16000; // what the engines hear

/** Runs in the browser's audio thread, so it may use nothing from outside. Asked for anything, it gives the rest, and an answer. */
function worklet() {
  registerProcessor("sotto-frames", class extends AudioWorkletProcessor {
    constructor() {
      super();
      this.frame = new Int16Array(Math.round(sampleRate / 10));
      this.used = 0;
      this.port.onmessage = () => {
        this.give();
        this.port.postMessage(null);
      };
    }

    give() {
      if (this.used) this.port.postMessage(this.frame.slice(0, this.used));
      this.used = 0;
    }

    process([[channel = []]]) {
      for (const sample of channel) {
        this.frame[this.used++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
        if (this.used === this.frame.length) this.give();
      }
      return true;
    }
  });
}

/** What a person reads when there is no microphone: [sentence, what to do]. */
function whyNoMicrophone(error) {
  const told = {
    insecure: ["Browsers give the microphone only to pages over HTTPS, or on this computer itself (localhost).", "Open this page by an address that begins with https://. A file that was recorded elsewhere can be sent on the page Transcribe."],
    NotAllowedError: ["The browser does not let this page use the microphone.", "Allow it at the sign beside the address, then press Record again."],
    NotFoundError: ["No microphone was found.", "Connect one, then press Record again."],
    NotReadableError: ["The microphone cannot be used: another program has it, or it is switched off.", "Close the other program, then press Record again."],
    OverconstrainedError: ["The chosen microphone is not connected.", "Choose another one, then press Record again."],
    rate: ["This microphone gives its sound in another form than the recording has so far.", "Stop the recording, and begin a new one."],
  };
  return told[error?.name] ?? [`The microphone could not be opened (${error?.name || "unknown reason"}).`, "Press Record again, or try another browser."];
}

class Microphone {
  /** @param on {frame(bytes), level(0 to 1), lost()} */
  constructor(on) {
    this.on = on;
  }

  static get isPossible() {
    return isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia) && typeof AudioWorkletNode === "function";
  }

  get isOpen() {
    return Boolean(this.node);
  }

  get rate() {
    return this.context.sampleRate;
  }

  /** Ask for the microphone and begin. `rate`: the one that a recording has already, or undefined. */
  async open(device, rate) {
    const turn = (this.turn = {});
    if (!Microphone.isPossible) throw { name: "insecure" };
    const stream = await this.ask(device);
    let source;
    try {
      [this.context, source] = this.connect(stream, rate);
      const url = URL.createObjectURL(new Blob([`(${worklet})()`], { type: "text/javascript" }));
      await this.context.audioWorklet.addModule(url);
      URL.revokeObjectURL(url);
      if (turn !== this.turn) throw { name: "AbortError" }; // left meanwhile
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      if (turn === this.turn) this.close();
      throw error;
    }
    this.node = new AudioWorkletNode(this.context, "sotto-frames", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.node.port.onmessage = ({ data }) => (data ? this.hear(data) : this.flushed?.());
    this.take(stream, source);
    this.context.resume?.();
  }

  ask(device) {
    const wanted = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
    return navigator.mediaDevices.getUserMedia({ audio: device ? { ...wanted, deviceId: { exact: device } } : wanted });
  }

  // Some browsers refuse a source whose rate is not the context's: then the sound goes as the microphone gives it.
  connect(stream, rate) {
    for (const options of rate ? [{ sampleRate: rate }] : [{ sampleRate: RATE_HZ }, {}]) {
      const context = new AudioContext(options);
      try {
        return [context, context.createMediaStreamSource(stream)];
      } catch {
        context.close();
      }
    }
    throw { name: "rate" };
  }

  take(stream, source) {
    this.source?.disconnect();
    this.stream?.getTracks().forEach((track) => track.stop());
    [this.stream, this.source] = [stream, source];
    source.connect(this.node);
    for (const track of stream.getTracks()) track.onended = () => this.stream === stream && this.on.lost();
  }

  /** Another microphone, without a break of the recording. */
  async change(device) {
    const stream = await this.ask(device);
    if (!this.node) return stream.getTracks().forEach((track) => track.stop());
    this.take(stream, this.context.createMediaStreamSource(stream));
  }

  hear(samples) {
    let peak = 0;
    for (const sample of samples) if (Math.abs(sample) > peak) peak = Math.abs(sample);
    this.on.level(peak / 32767);
    this.on.frame(samples);
  }

  /** The last part of a frame is handed over, then the microphone is free. */
  async finish() {
    if (this.node) await Promise.race([new Promise((done) => ((this.flushed = done), this.node.port.postMessage("flush"))), new Promise((done) => setTimeout(done, 500))]);
    this.close();
  }

  close() {
    this.turn = undefined;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.source?.disconnect();
    if (this.node) this.node.port.onmessage = null;
    if (this.context?.state !== "closed") this.context?.close().catch(() => {});
    this.node = this.stream = this.source = this.context = undefined;
  }
}
