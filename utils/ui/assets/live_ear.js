// The microphone as the page has it: asked for, explained when it is missing, chosen, and the screen kept on beside it. Put before live.js.

const DEVICE = "sotto-live-device"; // in this browser's memory
const QUIET = 0.0003; // below any microphone's own noise

class Ear {
  /** @param on {frame(samples), lost(), changed(), isIdle(), isBusy()} */
  constructor(look, on) {
    [this.look, this.on, this.missing, this.muted] = [look, on, false, false];
    this.mic = new Microphone({ frame: on.frame, level: (peak) => this.meter(peak), lost: on.lost });
    this.ends = new AbortController();
    const { signal } = this.ends;
    look.device.onchange = () => this.choose();
    document.addEventListener("visibilitychange", () => this.wake(), { signal });
    navigator.mediaDevices?.addEventListener("devicechange", () => this.list(), { signal });
  }

  /** Why there can be no recording here, before somebody tries. */
  async explain() {
    this.list();
    if (!Microphone.isPossible) return this.tell({ name: "insecure" });
    try {
      const asked = await navigator.permissions.query({ name: "microphone" });
      const denied = () => asked.state === "denied" && this.tell({ name: "NotAllowedError" });
      asked.onchange = () => this.on.isIdle() && (denied() || this.tell());
      denied();
    } catch {
      return; // this browser does not tell
    }
  }

  /** Why there is no microphone; without an error: there is one. */
  tell(error) {
    this.missing = Boolean(error);
    this.look.tell(...(error ? whyNoMicrophone(error) : []));
    this.on.changed();
    return true;
  }

  /** Answers whether it is open. `rate`: the one that a recording has already, or undefined. */
  async open(rate) {
    try {
      await this.mic.open(this.look.device.value, rate);
    } catch (error) {
      this.tell(error);
      return false;
    }
    this.heardAt = Date.now();
    this.list();
    const { context } = this.mic;
    context.onstatechange = this.on.changed;
    const wakes = () => context.state === "suspended" && context.resume(); // some browsers want the page to be touched first
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, wakes, { signal: this.ends.signal });
    return true;
  }

  mute(is) {
    this.muted = is;
    this.heardAt = Date.now();
    this.meter(0);
  }

  meter(peak) {
    if (peak > QUIET) this.heardAt = Date.now();
    this.look.meter(this.muted ? 0 : peak);
  }

  /** Take the chosen one, in mid-recording too. Answers whether that could be done. */
  async choose() {
    localStorage.setItem(DEVICE, this.look.device.value);
    if (!this.mic.isOpen) return true;
    try {
      await this.mic.change(this.look.device.value);
    } catch (error) {
      this.tell(error);
      return false;
    }
    return this.tell();
  }

  async list() {
    const { device } = this.look;
    const found = ((await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? []).filter((one) => one.kind === "audioinput" && !["", "default", "communications"].includes(one.deviceId));
    const chosen = device.value || localStorage.getItem(DEVICE) || "";
    const options = found.map((one, i) => new Option(one.label || `Microphone ${i + 1}`, one.deviceId));
    device.replaceChildren(new Option("As the browser chooses", ""), ...options);
    device.value = found.some((one) => one.deviceId === chosen) ? chosen : "";
  }

  /** The screen stays on while somebody records; browsers let it go when the page is hidden, so it is asked for again. */
  async wake() {
    const wanted = () => this.on.isBusy() && document.visibilityState === "visible";
    if (wanted() && !this.asking && (!this.lock || this.lock.released)) {
      this.asking = true;
      const lock = await navigator.wakeLock?.request("screen").catch(() => undefined);
      this.asking = false;
      if (wanted()) this.lock = lock;
      else lock?.release();
    } else if (!this.on.isBusy()) {
      this.lock?.release().catch(() => {});
      this.lock = undefined;
    }
  }

  close() {
    this.mic.close();
    this.meter(0);
  }

  /** For good. */
  leave() {
    this.mic.close();
    this.lock?.release().catch(() => {});
  }
}
