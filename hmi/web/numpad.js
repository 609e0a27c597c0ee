// A numeric pad for gloved hands (HMI-10): it opens under a number field on touch screens, shows the field's unit, and types
// into the field. It judges nothing; the server reads the number.

const KEYS = ["7", "8", "9", "4", "5", "6", "1", "2", "3", "−", "0", "."];

const pad = document.createElement("div");
pad.className = "numpad";
pad.hidden = true;
const shown = document.createElement("output");
pad.append(shown);
let field = null;

function key(label, act, name) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  if (name) button.className = name;
  // The field keeps the focus while the pad is pressed.
  button.addEventListener("pointerdown", (event) => event.preventDefault());
  button.addEventListener("click", () => {
    if (!field) return;
    act();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    show();
  });
  pad.append(button);
}

function show() {
  const unit = field?.closest("label")?.querySelector(".unit")?.textContent ?? "";
  shown.textContent = field ? `${field.value || "–"} ${unit}` : "";
}

for (const label of KEYS) {
  const typed = label === "−" ? "-" : label;
  key(label, () => {
    field.value = typed === "-" ? (field.value.startsWith("-") ? field.value.slice(1) : `-${field.value}`) : field.value + typed;
  });
}
key("⌫", () => { field.value = field.value.slice(0, -1); }, "wide");
key("↵", () => field.form?.requestSubmit(), "wide primary");
document.body.append(pad);

const touch = matchMedia("(pointer: coarse)");

function open(target) {
  const wanted = touch.matches && target?.matches?.("input[data-number]");
  field = wanted ? target : null;
  pad.hidden = !wanted;
  if (wanted) {
    field.inputMode = "none";
    show();
  }
}

document.addEventListener("focusin", (event) => open(event.target));
document.addEventListener("focusout", () => {
  field = null;
  pad.hidden = true;
});
open(document.activeElement);
