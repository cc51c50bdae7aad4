// Shortcuts: one key each, off while typing, and off by choice.
const base = document.documentElement.dataset.base;
const ROOMS = { o: "/", b: "/ui/broadcasts", k: "/ui/contacts", c: "/ui/connections" };
let waitsForRoom = 0;

export function startKeys() {
  if (document.documentElement.dataset.keys === "off") return;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") && event.key !== "Escape") return;
    if (handle(event.key)) event.preventDefault();
  });
}

function handle(key) {
  if (Date.now() < waitsForRoom && key in ROOMS) return go(ROOMS[key]);
  waitsForRoom = key === "g" ? Date.now() + 1500 : 0;
  switch (key) {
    case "/": return focus("#search");
    case "n": return go("/ui/broadcasts/new");
    case "p": return press('main [data-key="p"], [data-key="p"]');
    case "?": return open("#keys");
    case "j": return step(1);
    case "k": return step(-1);
    default: return false;
  }
}

function isTyping(element) {
  return element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
}

function go(path) {
  location.assign(base + path);
  return true;
}

function focus(selector) {
  const found = document.querySelector(selector);
  found?.focus();
  return Boolean(found);
}

function press(selector) {
  const found = document.querySelector(selector);
  found?.click();
  return Boolean(found);
}

function open(selector) {
  document.querySelector(selector)?.showModal();
  return true;
}

// Move to the link of the next row of the first table, or of the row before.
function step(by) {
  const rows = [...document.querySelectorAll("main tbody tr")];
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[Math.min(Math.max(now + by, 0), rows.length - 1)];
  row?.querySelector("a, button, input")?.focus();
  return Boolean(row);
}
