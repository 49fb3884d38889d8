// Shared by the components; put before each of them, because a component is one module without imports.

/** Seconds as m:ss or h:mm:ss. */
function clock(seconds) {
  const all = Math.max(0, Math.floor(seconds || 0));
  const pair = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return h ? `${h}:${pair(m)}:${pair(s)}` : `${m}:${pair(s)}`;
}

/** Seconds in words, for a screen reader. */
function spokenTime(seconds) {
  const all = Math.max(0, Math.round(seconds || 0));
  const [m, s] = [Math.floor(all / 60), all % 60];
  const some = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
  return m ? `${some(m, "minute")} ${some(s, "second")}` : some(s, "second");
}

const STARTED = "sotto:started"; // one sound at a time on the page: who starts tells the others

function startAlone(audio) {
  document.dispatchEvent(new CustomEvent(STARTED, { detail: audio }));
  return audio.play();
}

/** Pause `audio` whenever another one starts. Answers the function that ends the listening. */
function yieldToOthers(audio) {
  const listen = (event) => event.detail !== audio && audio.pause();
  document.addEventListener(STARTED, listen);
  return () => document.removeEventListener(STARTED, listen);
}

/** Streamlit calls a component's default export again on every change of data or theme: keep one object an element. */
function mountOnce(Kind) {
  const mounted = new WeakMap();
  return function ({ data, parentElement, setTriggerValue }) {
    let thing = mounted.get(parentElement);
    if (!thing) mounted.set(parentElement, (thing = new Kind(parentElement)));
    thing.tell = setTriggerValue; // always the newest
    thing.show(data[0]); // packed by components.py
    return () => {
      thing.close?.();
      mounted.delete(parentElement);
    };
  };
}
