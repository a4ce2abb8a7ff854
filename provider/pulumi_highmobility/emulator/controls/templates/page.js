// The page works without this: it keeps the lists up to date, sends the buttons without leaving, and copies the settings.
"use strict";

const EVERY = 1000;
// Milliseconds after a press in which nothing moves: neither its end nor a second press may meet another vehicle's button.
const STILL = 500;
const live = document.getElementById("live");
const told = document.getElementById("told");
let shown = null;
let isPressed = false;
let releasedAt = -STILL;

function press() {
  isPressed = true;
}

function release() {
  if (isPressed) releasedAt = performance.now();
  isPressed = false;
}

for (const name of ["pointerdown", "keydown"]) addEventListener(name, press, true);
for (const name of ["pointerup", "pointercancel", "contextmenu", "keyup"]) addEventListener(name, release, true);
// The window's own alone: what is pressed takes the focus from something else.
addEventListener("blur", release);

function mustStayStill() {
  return isPressed || performance.now() - releasedAt < STILL;
}

// What was there before stays the same element, so that a press, what is typed and what is open outlast an update.
function keyOf(node) {
  return (node && node.id) || null;
}

function patch(element, wanted) {
  for (const { name } of [...element.attributes]) {
    // Opened by hand.
    if (name !== "open" && !wanted.hasAttribute(name)) element.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
  patchChildren(element, wanted);
}

function patchChildren(parent, wantedParent) {
  const wantedKeys = new Set([...wantedParent.children].map(keyOf));
  const kept = new Map();
  for (const child of [...parent.children]) {
    if (keyOf(child) === null) continue;
    if (wantedKeys.has(keyOf(child))) kept.set(keyOf(child), child);
    else child.remove();
  }
  let place = parent.firstChild;
  for (const wanted of [...wantedParent.childNodes]) {
    const key = keyOf(wanted);
    const isLike = place && keyOf(place) === null && place.nodeName === wanted.nodeName;
    const node = key === null ? (isLike ? place : null) : kept.get(key);
    if (!node) {
      parent.insertBefore(wanted, place);
      continue;
    }
    // What goes further down makes way for the next, which is not moved then.
    while (place && place !== node && (keyOf(place) === null || place.nextElementSibling === node)) {
      place = taken(place);
    }
    if (place === node) place = node.nextSibling;
    else parent.insertBefore(node, place);
    if (node.nodeType === Node.ELEMENT_NODE) patch(node, wanted);
    else if (node.data !== wanted.data) node.data = wanted.data;
  }
  while (place) place = taken(place);
}

function taken(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

// The row that somebody points at, or is in with the keyboard, stays where it is on the screen.
function rowInUse() {
  return live.querySelector("tr:hover") || (live.contains(document.activeElement) && document.activeElement.closest("tr"));
}

function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const focused = live.contains(document.activeElement) ? document.activeElement : null;
  const row = rowInUse();
  const top = row && row.getBoundingClientRect().top;
  const before = row && row.textContent;
  patchChildren(live, template.content);
  shown = html;
  if (focused && focused !== document.activeElement) {
    const nextBest = focused.isConnected ? focused : row && row.isConnected && row.querySelector("button, summary");
    if (nextBest) nextBest.focus({ preventScroll: true });
  }
  if (row && row.isConnected && row.textContent === before) scrollBy(0, row.getBoundingClientRect().top - top);
}

async function refresh() {
  if (document.hidden || mustStayStill()) return;
  const answer = await fetch("/_emulator/page/live" + location.search, { cache: "no-store" });
  if (!answer.ok) return;
  const html = await answer.text();
  if (html !== shown && !mustStayStill()) show(html);
}

async function keepUpToDate() {
  try {
    await refresh();
  } catch {
    // The emulator is away: the next round finds it, or not.
  }
  setTimeout(keepUpToDate, EVERY);
}

// Sent without leaving the page: a second button would end what a first one began.
live.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  // Until the update: the second press of a double click.
  if (form.hasAttribute("data-sent")) return;
  form.setAttribute("data-sent", "");
  let refusal = "The emulator does not answer.";
  try {
    const fields = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual" });
    refusal = answer.type === "opaqueredirect" ? "" : await answer.text();
  } catch {
    // Said below.
  }
  if (refusal) form.removeAttribute("data-sent");
  told.textContent = refusal;
  told.hidden = !refusal;
  setTimeout(() => refresh().catch(() => {}), STILL + 10);
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

keepUpToDate();
