// Contacts: one box that ticks all rows of the page, and the progress of an import, renewed until it has ended.
import { renew } from "./live.js";

const PERIOD_MS = 1500;

for (const box of document.querySelectorAll("[data-all]")) {
  const rows = [...document.querySelectorAll(`input[type="checkbox"][name="${box.dataset.all}"]`)];
  box.closest("label").hidden = false;
  box.addEventListener("change", () => rows.forEach((row) => (row.checked = box.checked)));
}

for (const part of document.querySelectorAll("[data-again]")) follow(part);

async function follow(part) {
  while (part.querySelector("[data-running]")) {
    await new Promise((done) => setTimeout(done, PERIOD_MS));
    if (document.hidden) continue;
    await renew(part).catch(() => {}); // the next look shows what this one did not
  }
}
