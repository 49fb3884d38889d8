// What outlives a reload, a crash and a closed tab: the sound of one recording that has not arrived, in this browser's database.
// Only what is a second late is written there; what is newest goes into localStorage when the page is left, because a database
// takes its time. It goes when it has arrived, when the recording is over, and when the session is another one. Put before live.js.

const KEPT_DB = "sotto-live";
const KEPT_TAIL = "sotto-live-tail";
const MOST_KEPT_S = 1800; // 58 MB at 16 kHz; then the recording pauses
const LATE_S = 1;
const WRITE_EVERY_MS = 500;
const FAILED_MS = 5000; // before the next attempt
const OPENS_MS = 3000;
const MOST_TAIL = 4_500_000; // characters; browsers keep about 5 million

class Kept {
  /** @param mine names the session: what another one has left is removed */
  constructor(mine) {
    this.mine = mine;
    this.turn = Promise.resolve(); // one change after the other
    [this.first, this.until, this.told, this.stale] = [0, 0, "", false]; // chunks in the database: from `first`, before `until`
    [this.busy, this.notBefore, this.fails] = [0, 0, false];
  }

  open() {
    return (this.opening ??= new Promise((done) => {
      setTimeout(done, OPENS_MS); // some browsers never answer
      try {
        const asked = indexedDB.open(KEPT_DB, 1);
        asked.onupgradeneeded = () => ["sound", "facts"].forEach((name) => asked.result.createObjectStore(name));
        asked.onsuccess = () => {
          asked.result.onversionchange = () => asked.result.close(); // somebody forgets the session
          done(asked.result);
        };
        asked.onerror = asked.onblocked = () => done(undefined);
      } catch {
        done(undefined); // this browser keeps nothing
      }
    }));
  }

  /** All of it or nothing; answers whether it is done. */
  change(act) {
    this.busy++;
    this.turn = this.turn.then(async () => {
      try {
        const all = (await this.open()).transaction(["sound", "facts"], "readwrite");
        const over = new Promise((done, failed) => ([all.oncomplete, all.onabort] = [done, () => failed(all.error)]));
        act(all.objectStore("sound"), all.objectStore("facts"));
        await over;
        this.fails = false;
      } catch {
        [this.fails, this.opening] = [true, undefined];
      }
      this.busy--;
      this.notBefore = Date.now() + (this.fails ? FAILED_MS : WRITE_EVERY_MS);
      return !this.fails;
    });
    return this.turn;
  }

  /** Write what is late, remove what has arrived; to be called often. */
  follow(sound, facts) {
    if (this.busy || Date.now() < this.notBefore) return;
    const late = sound.seconds > LATE_S && sound.next > this.until;
    const spare = this.first < this.until && this.first <= sound.acked;
    if (late || spare || this.stale || this.told !== JSON.stringify(facts)) this.save(sound, facts);
  }

  /** Everything that has not arrived; answers whether it is in the database. */
  async save(sound, facts) {
    const [stale, told, first, until] = [this.stale, JSON.stringify(facts), sound.acked + 1, sound.next];
    const from = stale ? first : Math.max(first, this.until);
    this.stale = false;
    const messages = [];
    for (let seq = from; seq < until; seq++) messages.push(sound.message(seq));
    const done = await this.change((store, about) => {
      if (stale) store.clear();
      else store.delete(IDBKeyRange.upperBound(first, true));
      messages.forEach((message, i) => store.put(message, from + i));
      about.put({ ...facts, mine: this.mine }, "line");
    });
    if (done) [this.first, this.until, this.told] = [first, until, told];
    else this.stale ||= stale;
    return done;
  }

  /** The chunks have got other numbers. */
  renumbered() {
    [this.stale, this.until] = [true, 0];
  }

  /** The page is left: at once, without waiting for anything. */
  leave(sound, facts) {
    const from = this.stale ? sound.acked + 1 : Math.max(sound.acked + 1, this.until);
    const [ends, parts] = [[], []];
    let size = 0;
    for (const part of sound.parts(from)) {
      if ((size + part.length) * 1.34 > MOST_TAIL) break;
      parts.push(part);
      ends.push((size += part.length));
    }
    let text = "";
    for (const part of parts) text += String.fromCharCode(...part);
    const tail = { facts: { ...facts, mine: this.mine }, from, ends, sound: btoa(text), stale: this.stale };
    try {
      localStorage.setItem(KEPT_TAIL, JSON.stringify(tail));
    } catch {
      localStorage.setItem(KEPT_TAIL, JSON.stringify({ ...tail, ends: [], sound: "" })); // no room
    }
  }

  /** What waits here: {itemId, begin, paused, stopping, sound}, or undefined. Only for the one tab that holds the lock. */
  async load() {
    const tail = JSON.parse(localStorage.getItem(KEPT_TAIL));
    const [inside, about] = await this.read();
    const facts = tail?.facts ?? about;
    if (facts?.mine !== this.mine) return void this.clear();
    const found = tail?.stale ? new Map() : inside;
    const bytes = Uint8Array.from(atob(tail?.sound ?? ""), (char) => char.charCodeAt(0));
    (tail?.ends ?? []).forEach((end, i) => found.set(tail.from + i, bytes.slice(tail.ends[i - 1] ?? 0, end)));
    const first = Math.min(...found.keys(), Infinity);
    const parts = [];
    for (let seq = first; found.has(seq); seq++) parts.push(found.get(seq));
    const { mine, ...rest } = facts;
    const kept = { ...rest, sound: new Sound(rest.begin.sample_rate, parts.length ? first : 0, parts) };
    this.renumbered(); // written anew, as it may have changed
    if (await this.save(kept.sound, rest)) localStorage.removeItem(KEPT_TAIL);
    return kept;
  }

  async read() {
    const found = new Map();
    let about;
    await this.change((store, facts) => {
      store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
        if (!cursor) return;
        found.set(cursor.key, cursor.value.slice(4));
        cursor.continue();
      };
      facts.get("line").onsuccess = ({ target }) => (about = target.result);
    });
    return [found, about];
  }

  /** Nothing is to be kept any more. */
  async clear() {
    localStorage.removeItem(KEPT_TAIL);
    await this.change((store, about) => (store.clear(), about.clear()));
    [this.first, this.until, this.told, this.stale] = [0, 0, "", false];
  }

  close() {
    this.turn.then(async () => (await this.opening)?.close());
  }
}
