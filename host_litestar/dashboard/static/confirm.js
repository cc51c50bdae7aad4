// Questions before an act: a link with data-confirm leads to a page; here the question of that page opens in a dialog.
let dialog = null;

export function startConfirm() {
  document.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("a[data-confirm], dialog a[data-close]");
    if (!link) return;
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
  if (!dialog) {
    dialog = document.body.appendChild(document.createElement("dialog"));
    dialog.setAttribute("aria-labelledby", "question");
  }
  dialog.innerHTML = await answer.text();
  dialog.showModal();
}
