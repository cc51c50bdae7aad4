// Live numbers: whole snapshots by server-sent events, by polling where streams do not arrive. Closed while hidden.
//
// A page asks for them with <body data-events="…" data-snapshot="…">. Elements show a value by its path in the snapshot:
// <b data-live="counts.sent">; those inside [data-job="ID"] take the broadcast with that id. An element with
// data-part="…" is fetched again as HTML when the state of its broadcast changes, unless it has the focus.
const FIRST_MS = 4000, SILENT_MS = 35000, RETRY_STREAM_MS = 120000, POLL_MS = 3000, SLOWEST_POLL_MS = 15000;
const AT_WORK = /^(rate|adaptive|broadcast_rate|sending|starting)$/;
const { events, snapshot } = document.body.dataset;
const language = document.documentElement.lang;
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const sign = document.getElementById("live");
const states = new Map(), latest = new Map(); // by the id of the broadcast
let source = null, watch = 0, poll = 0, heardAt = 0, isFresh = false, failures = 0, lostSince = null, shown = "", pageJob = "";

export function startLive() {
  if (!events) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : openStream()));
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => event.persisted && openStream());
  if (!document.hidden) openStream();
}

function openStream() {
  stop();
  heardAt = Date.now();
  isFresh = true;
  source = new EventSource(events);
  source.onmessage = (event) => {
    heardAt = Date.now();
    isFresh = false;
    failures = 0;
    tell("on");
    show(JSON.parse(event.data));
  };
  source.onerror = () => {
    failures += 1;
    if (failures >= 2 || source.readyState === EventSource.CLOSED) startPolling();
  };
  watch = setInterval(check, 1000);
}

function stop() {
  source?.close();
  source = null;
  clearInterval(watch);
  clearTimeout(poll);
}

// The first event comes at once. Later ones come on change only: after a long silence, one look shows whether a proxy
// holds them back.
async function check() {
  const silent = Date.now() - heardAt;
  if (isFresh && silent > FIRST_MS) return startPolling();
  if (silent < SILENT_MS) return;
  heardAt = Date.now();
  const known = shown;
  if (!(await look()) || shown !== known) startPolling();
}

function startPolling() {
  stop();
  const until = Date.now() + RETRY_STREAM_MS;
  const again = async () => {
    const began = Date.now();
    const found = await look();
    if (found) lostSince = null;
    else lostSince ??= new Date();
    tell(found ? "polling" : "lost");
    if (document.hidden) return;
    if (found && Date.now() > until) return openStream();
    poll = setTimeout(again, Math.min(SLOWEST_POLL_MS, Math.max(POLL_MS, 5 * (Date.now() - began))));
  };
  again();
}

// Fetch the snapshot and show it, unless a newer one came meanwhile; false if that failed.
async function look() {
  const before = shown;
  try {
    const answer = await fetch(snapshot, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (!answer.ok) return false;
    const content = await answer.json();
    if (shown === before) show(content.jobId ? { broadcast: content } : content);
    return true;
  } catch {
    return false;
  }
}

function tell(kind) {
  document.querySelectorAll("[data-live]").forEach((element) => element.classList.toggle("stale", kind === "lost"));
  if (!sign) return;
  const time = lostSince?.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  sign.hidden = false;
  sign.className = `live is-${kind}`;
  sign.textContent = sign.dataset[kind].replace("{time}", time ?? "");
}

function show(content) {
  shown = JSON.stringify(content);
  pageJob = content.broadcast?.jobId ?? "";
  for (const one of content.broadcasts ?? [content.broadcast]) {
    latest.set(one.jobId, one);
    const places = content.broadcast ? [document] : document.querySelectorAll(`[data-job="${CSS.escape(one.jobId)}"]`);
    for (const place of places) fill(place, one);
    if (hasNewState(one, content.broadcast ? document.body : places[0])) for (const place of places) place.querySelectorAll("[data-part]").forEach(renew);
  }
  document.dispatchEvent(new CustomEvent("snapshot", { detail: content }));
}

function fill(place, one) {
  for (const element of place.querySelectorAll("[data-live]")) {
    const value = element.dataset.live.split(".").reduce((inner, name) => inner?.[name], one);
    if (value === undefined || value === null) continue;
    const text = typeof value === "number" ? number.format(value) : String(value);
    if (element.textContent !== text) element.textContent = text;
  }
  for (const element of place.querySelectorAll("[data-live-percent]")) element.textContent = percent(one);
}

// A share is rounded down, and 100 only for what is completed.
function percent(one) {
  const share = one.status === "completed" ? 100 : Math.min(Math.floor(one.progress * 1000) / 10, 99.9);
  return number.format(share) + (language === "id" ? "\u00a0%" : "%");
}

// Whether the parts of a broadcast are out of date. At first, what the page was made with is in data-status.
function hasNewState(one, place) {
  const { status, statusReason, waitingFor, failedBy, skippedBy, prepared, counts } = one;
  const until = AT_WORK.test(waitingFor?.code) ? null : waitingFor?.until; // there it changes with each message
  const some = [counts.failed > 0, counts.unknown > 0];
  const state = JSON.stringify([status, statusReason, waitingFor?.code, until, failedBy, skippedBy, prepared, some]);
  const known = states.get(one.jobId);
  states.set(one.jobId, state);
  const first = place?.dataset.status;
  return known === undefined ? first !== undefined && first !== status : known !== state;
}

// Put the present HTML of a part into its place. Its numbers may be older than what was shown meanwhile.
export async function renew(element) {
  if (element.contains(document.activeElement)) return;
  const answer = await fetch(element.dataset.part, { headers: { "X-Requested-With": "fetch" }, cache: "no-store" });
  if (!answer.ok || answer.redirected) return;
  element.innerHTML = await answer.text();
  const one = latest.get(element.closest("[data-job]")?.dataset.job ?? pageJob);
  if (one) fill(element, one);
}
