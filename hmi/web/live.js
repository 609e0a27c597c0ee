// Counts the age of live values, notices a stream that has gone silent, and keeps what a person is entering.
// It decides nothing: whether a value is good is said by the server.

const SILENT_AFTER_MS = 5000;
const TICK_MS = 500;

const unit = document.documentElement.lang === "ja" ? { s: "秒", min: "分", h: "時間" } : { s: " s", min: " min", h: " h" };

let heard = Date.now();
const seen = new WeakMap();

function ageText(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 100) return `${s}${unit.s}`;
  const m = Math.floor(s / 60);
  return m < 100 ? `${m}${unit.min}` : `${Math.floor(m / 60)}${unit.h}`;
}

function spanText(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

// An element says how old its value was when it was sent (data-age-ms); from then on the browser counts.
function since(element, attribute) {
  const given = element.getAttribute(attribute);
  const known = seen.get(element);
  if (!known || known.given !== given) seen.set(element, { given, at: Date.now() });
  return Date.now() - seen.get(element).at;
}

function tick() {
  const streaming = document.getElementById("stream");
  const silent = Boolean(streaming) && Date.now() - heard > SILENT_AFTER_MS;
  document.body.classList.toggle("silent", silent);
  const banner = document.getElementById("offline");
  if (banner) banner.hidden = !silent;
  for (const button of document.querySelectorAll("button[data-needs-stream]")) button.disabled = silent;
  for (const element of document.querySelectorAll("[data-age-ms]")) {
    const age = Number(element.dataset.ageMs) + since(element, "data-age-ms");
    element.textContent = ageText(age);
  }
  // Time left, in facility time: data-left-ms when sent, data-rate facility seconds per second.
  for (const element of document.querySelectorAll("[data-left-ms]")) {
    const left = Number(element.dataset.leftMs) - since(element, "data-left-ms") * Number(element.dataset.rate || 1);
    element.textContent = (left < 0 ? "+" : "") + spanText(Math.abs(left));
    element.classList.toggle("over", left < 0);
  }
}

function entering() {
  const work = document.getElementById("work");
  if (!work) return false;
  if (work.querySelector("[data-kept]")) return true;
  return [...work.querySelectorAll("input, select, textarea")].some(
    (field) => field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue,
  );
}

document.addEventListener("htmx:sse:after:message", () => {
  heard = Date.now();
});

// What the stream brings must not take away what a person is entering: the working area waits, and a line says so.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx, tasks } = event.detail;
  if (ctx?.sourceElement?.id !== "stream" || !tasks) return;
  for (const task of tasks) {
    if (task.target?.id === "work" && entering()) {
      task.target = null;
      document.getElementById("changed").hidden = false;
    }
  }
});

// What was accepted need not be entered again; what was refused stays.
document.addEventListener("htmx:after:request", (event) => {
  const { sourceElement, response } = event.detail.ctx ?? {};
  if (sourceElement?.tagName === "FORM" && response?.status < 400) sourceElement.reset();
});

// An answer to the person's own act is the newest state.
document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx?.sourceElement?.id !== "stream") {
    const changed = document.getElementById("changed");
    if (changed) changed.hidden = true;
    focusNext();
    return;
  }
  fetchOnce();
});

// A file that has just become ready under the eyes of the person who asked for it is taken at once, and only once.
let awaited = document.querySelector("#export") && !document.querySelector("#export [data-fetch]");
function fetchOnce() {
  const ready = awaited && document.querySelector("#export [data-fetch]");
  if (!ready) return;
  awaited = false;
  ready.click();
}

// Scanner first: after each act the next field that waits for input has the focus.
function focusNext() {
  const refused = document.querySelector("main [data-focus]");
  const field = refused ?? document.querySelector("main [data-scan]:not([readonly])");
  field?.focus({ preventScroll: false });
}


setInterval(tick, TICK_MS);
tick();
focusNext();
