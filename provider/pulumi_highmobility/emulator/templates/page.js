// The page works without this: it keeps the lists up to date, and copies the settings.
"use strict";

const live = document.getElementById("live");
let shown = null;

function isBusy() {
  // What somebody is typing must not be replaced under their hands.
  return [...live.querySelectorAll("input[name=reason]")].some(
    (input) => input.value || input === document.activeElement
  );
}

async function refresh() {
  if (document.hidden || isBusy()) return;
  const answer = await fetch("/_emulator/page/live" + location.search, { cache: "no-store" });
  if (!answer.ok) return;
  const html = await answer.text();
  if (html === shown || isBusy()) return;
  const open = new Set([...live.querySelectorAll("details[open]")].map((details) => details.dataset.key));
  const focused = live.contains(document.activeElement) ? document.activeElement : null;
  const focusedKey = focused && focused.closest("details") ? focused.closest("details").dataset.key : null;
  const focusedId = focused && focused.id;
  live.innerHTML = html;
  shown = html;
  for (const details of live.querySelectorAll("details")) {
    if (open.has(details.dataset.key)) details.open = true;
    if (details.dataset.key === focusedKey) details.querySelector("summary").focus();
  }
  if (focusedId && document.getElementById(focusedId)) document.getElementById(focusedId).focus();
}

async function keepUpToDate() {
  try {
    await refresh();
  } catch {
    // The emulator is away: the next round finds it, or not.
  }
  setTimeout(keepUpToDate, 1000);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

keepUpToDate();
