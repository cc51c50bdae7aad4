// A link with data-confirm leads to a page with a question; here that question opens in a dialog.
let dialog = null;

export function startConfirm() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-confirm], dialog a[data-close]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.matches("[data-close]")) dialog.close();
    else ask(link.href);
  });
}

async function ask(address) {
  const part = new URL(address);
  part.searchParams.set("part", "question");
  const answer = await fetch(part, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok || answer.redirected) return location.assign(address);
  dialog ??= document.body.appendChild(document.createElement("dialog"));
  dialog.setAttribute("aria-labelledby", "question");
  dialog.innerHTML = await answer.text();
  dialog.showModal();
}
