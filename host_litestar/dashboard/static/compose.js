// The page of a draft: saved at each pause of typing by its own form; the answer has the parts of the page that change.
const PAUSE_MS = 900, CHOICE_MS = 150, RETRY_MS = 5000, TEST_MS = 1000;
const form = document.getElementById("compose");
const saved = document.getElementById("saved");
let timer = 0, isSaving = false, isDirty = false, isStopped = false, isLeaving = false, caret = null, pressed = null;
let unsent = null;  // the field of a file whose save was lost: the next save sends it again, also after more typing

if (form && !form.querySelector(":scope > fieldset:disabled")) startForm();
showLocalTimes();
awaitTest();

function startForm() {
  form.addEventListener("input", (event) => {
    if (event.target.type !== "file") schedule(isText(event.target) ? PAUSE_MS : CHOICE_MS);
  });
  form.addEventListener("change", (event) => event.target.type === "file" && save(event.target));
  form.addEventListener("submit", (event) => {
    const { name, value } = event.submitter ?? {};
    const isPerson = name === "person" && !isStopped;
    if (isPerson || isSaving) event.preventDefault();
    if (isPerson) return save(null, value);
    if (isSaving) return (pressed = event.submitter);  // it would send a version that is old by then
    clearTimeout(timer);
    isLeaving = true;
  });
  window.addEventListener("beforeunload", (event) => isDirty && !isLeaving && event.preventDefault());
  document.querySelectorAll("[data-drop]").forEach(startDrop);
  form.addEventListener("focusin", (event) => isText(event.target) && (caret = event.target));
  form.addEventListener("click", (event) => {
    const text = event.target.closest("[data-insert]")?.dataset.insert;
    if (text) insert(text);
  });
  showVariables();
}

function isText(element) {
  return element.matches("textarea, input:not([type=checkbox], [type=radio])");
}

function schedule(after) {
  isDirty = true;
  clearTimeout(timer);
  if (!isStopped) timer = setTimeout(save, after);
}

// Send the form. Of a file, the progress is shown; one save runs at a time.
function save(file = null, person = null) {
  clearTimeout(timer);
  if (isStopped) return;
  if (isSaving) return schedule(CHOICE_MS), file && setTimeout(save, CHOICE_MS, file);
  file ??= unsent;
  isSaving = true;
  isDirty = false;
  const body = new FormData(form);
  for (const one of form.querySelectorAll("input[type=file]")) if (one !== file) body.delete(one.name);
  body.set("go", "save");
  if (person) body.set("person", person);
  const bar = file?.closest("[data-drop]").querySelector("progress");
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("X-Requested-With", "fetch");
  request.upload.onprogress = ({ loaded, total }) => {
    if (!bar || !total) return;
    bar.hidden = false;
    bar.value = (loaded / total) * 100;
    tell(loaded < total ? saved.dataset.uploading.replace("{percent}", Math.floor(bar.value)) : saved.dataset.reading);
  };
  request.onloadend = () => {
    isSaving = false;
    if (bar) bar.hidden = true;
    finish(request, file);
    const button = pressed;
    pressed = null;
    if (button && request.status === 200 && !isStopped) form.requestSubmit(button.isConnected ? button : null);
  };
  tell(saved.dataset.saving);
  request.send(body);
}

function finish(request, file) {
  if (request.status === 401) return form.requestSubmit(form.querySelector("[name=go]"));
  if (request.status !== 200) {
    tell([0, 502, 503, 504].includes(request.status) ? saved.dataset.lost : saved.dataset.failed);
    isDirty = true;
    unsent = file;
    timer = setTimeout(save, RETRY_MS, file);
    return;
  }
  unsent = null;
  if (file) file.value = "";
  put(request.responseText);
  isStopped = document.getElementById("part-changed").childElementCount > 0;
  const { address, saved: text } = form.querySelector("[name=version]")?.dataset ?? {};
  if (address && form.action !== new URL(address, location).href) {
    form.action = address;
    history.replaceState(null, "", address);
  }
  tell(isStopped ? "" : text);
}

// Put the parts into their places. One in which a person types stays; any other keeps the focus by its id.
function put(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  for (const part of made.content.querySelectorAll("[id^=part-]")) {
    const place = document.getElementById(part.id);
    const active = document.activeElement;
    const holds = place?.contains(active);
    if (!place || (holds && isText(active))) continue;
    for (const details of place.querySelectorAll("details[open]")) {
      const same = part.querySelectorAll("details")[[...place.querySelectorAll("details")].indexOf(details)];
      if (same) same.open = true;
    }
    const { id } = active;
    place.replaceWith(part);
    if (holds) document.getElementById(id)?.focus();
  }
  showVariables();
  showLocalTimes();
}

function tell(text) {
  if (text !== undefined && saved.textContent !== text) saved.textContent = text;
}

// Variables become buttons, which insert at the cursor of the text that was used last.
function showVariables() {
  for (const code of form?.querySelectorAll("code[data-insert]") ?? []) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.insert = button.textContent = code.dataset.insert;
    code.replaceWith(button);
  }
}

function insert(text) {
  const fields = ["message.text", "message.filename"];
  const field = fields.includes(caret?.name) ? caret : form.elements["message.text"];
  field.focus();
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function startDrop(zone) {
  const input = zone.querySelector("input[type=file]");
  zone.addEventListener("dragover", (event) => (event.preventDefault(), zone.classList.add("over")));
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    input.files = one.files;
    save(input);
  });
}

// The time in the browser's zone, where that is another one.
function showLocalTimes() {
  for (const place of document.querySelectorAll("[data-local]")) {
    const at = new Date(place.dataset.local);
    const zone = document.documentElement.dataset.zone;
    const write = (timeZone) => at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short", timeZone });
    if (write() !== write(zone)) place.textContent = place.dataset.text.replace("{time}", write());
  }
}

// The result of a test is asked for until it has ended.
async function awaitTest() {
  const place = document.getElementById("test-result");
  if (!place?.dataset.again) return;
  await new Promise((resolve) => setTimeout(resolve, TEST_MS));
  const answer = await fetch(place.dataset.again, { cache: "no-store" }).catch(() => null);
  if (answer?.ok && !answer.redirected) {
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    place.replaceWith(made.content.firstElementChild);
  }
  awaitTest();
}
