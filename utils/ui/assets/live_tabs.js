// The other tabs of this browser: one of them speaks, and holds a lock for as long as it does; the others look on. Put before live.js.

const SPEAKS = "sotto-live";
const RELOADED = "sotto-live-reloaded"; // in this tab's memory
const FRESH_MS = 60_000; // a reload is no reload any more when a tab is found again the day after

class Tabs {
  /** @param on {heard(message), stolen()} */
  constructor(on) {
    this.on = on;
    this.channel = new BroadcastChannel(SPEAKS);
    this.channel.onmessage = ({ data }) => on.heard(data);
  }

  say(message) {
    this.channel.postMessage(message);
  }

  /** Become the one that speaks; waits so long for another one to be done, or takes it away. */
  take(waitMs = 0, steal = false) {
    if (this.release || !navigator.locks) return Promise.resolve(true);
    const how = steal ? { steal } : waitMs ? { signal: AbortSignal.timeout(waitMs) } : { ifAvailable: true };
    return new Promise((done) => {
      const held = (lock) => {
        done(Boolean(lock));
        return lock && new Promise((release) => (this.release = release));
      };
      navigator.locks.request(SPEAKS, how, held).catch(() => {
        done(false);
        if (!this.release) return; // it did not come free in time
        this.release = undefined;
        this.on.stolen();
      });
    });
  }

  free() {
    const { release } = this;
    this.release = undefined;
    release?.();
  }

  /** The page is left in mid-recording. */
  leave(itemId) {
    sessionStorage.setItem(RELOADED, JSON.stringify({ itemId, at: Date.now() }));
  }

  /** Id of the recording that this tab was making when it was loaded anew just now, or undefined; asked once. */
  reloaded() {
    const left = JSON.parse(sessionStorage.getItem(RELOADED));
    sessionStorage.removeItem(RELOADED);
    const [how] = performance.getEntriesByType("navigation");
    return left && how?.type === "reload" && Date.now() - left.at < FRESH_MS ? left.itemId : undefined;
  }

  close() {
    this.free();
    this.channel.close();
  }
}
