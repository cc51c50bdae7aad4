// The page of a broadcast: countdown, shares, what is renewed while it runs, what is said aloud.
import { renew } from "./live.js";

const RENEW_MS = 3000, SAY_MS = 15000;
const language = document.documentElement.lang;
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const said = document.getElementById("said");
const ends = new WeakMap();
let latest = null, told = null, saidAt = 0, renewedAt = 0, isNew = false;

document.addEventListener("snapshot", ({ detail }) => {
  latest = detail.broadcast;
  isNew = true;
  told ??= stateOf(latest);
  for (const element of document.querySelectorAll("[data-share]")) {
    const { sent, [element.dataset.share]: part } = latest.counts;
    const share = sent ? Math.min(100, Math.floor((part / sent) * 1000) / 10) : 0;
    element.textContent = number.format(share) + (language === "id" ? "\u00a0%" : "%");
  }
});

setInterval(() => {
  const now = Date.now();
  for (const element of document.querySelectorAll("[data-countdown]")) countDown(element, now);
  if (isNew && now - renewedAt >= RENEW_MS) {
    renewedAt = now;
    isNew = false;
    document.querySelectorAll("#pace, #chart:not(:has([open]))").forEach(renew);
  }
  if (latest && stateOf(latest) !== told && now - saidAt >= SAY_MS) say(now);
}, 1000);

function countDown(element, now) {
  if (!ends.has(element)) ends.set(element, now + 1000 * element.dataset.countdown);
  const left = Math.max(0, Math.ceil((ends.get(element) - now) / 1000));
  element.textContent = element.dataset.text.replace("{s}", number.format(left));
}

function stateOf(one) {
  return `${one.status} ${Math.floor(one.progress * 10)}`;
}

function say(now) {
  told = stateOf(latest);
  saidAt = now;
  const state = document.querySelector("#headline .state")?.textContent ?? "";
  const values = { state, sent: number.format(latest.counts.sent), total: number.format(latest.total) };
  said.textContent = document.body.dataset.say.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
