// Keeps a page fresh: the gate says that something happened, and the parts marked data-live are taken from
// the same page, asked for again. What somebody is in (focus, a selection) is left alone until they leave it.
"use strict";

(() => {
  // A busy gate has news all the time; people read a number every few seconds at most.
  const PAUSE = 2000;
  const sign = document.getElementById("live");
  let last = Date.now();
  let timer = 0;
  let asking = false;

  function say(words) {
    if (sign && sign.textContent !== words) sign.textContent = words;
  }

  function isUsed(part) {
    if (part.contains(document.activeElement) && document.activeElement !== document.body) return true;
    const selection = getSelection();
    return Boolean(selection && !selection.isCollapsed && part.contains(selection.anchorNode));
  }

  function keepOpen(part, fresh) {
    part.querySelectorAll("details[id]").forEach((old) => {
      const same = fresh.querySelector(`#${CSS.escape(old.id)}`);
      if (same) same.open = old.open;
    });
  }

  function take(page) {
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || isUsed(part)) continue;
      if (part.dataset.shown === fresh.textContent) continue;
      keepOpen(part, fresh);
      const left = part.querySelector(".scroll")?.scrollLeft ?? 0;
      const taken = document.adoptNode(fresh);
      taken.dataset.shown = taken.textContent;
      part.replaceWith(taken);
      const wide = taken.querySelector(".scroll");
      if (wide) wide.scrollLeft = left;
      taken.dispatchEvent(new Event("fresh", { bubbles: true }));
    }
    const told = document.getElementById("told");
    const words = page.getElementById("told")?.textContent ?? "";
    // Only what has changed is read aloud.
    if (told && words.trim() !== told.textContent.trim()) told.textContent = words;
  }

  async function refresh() {
    timer = 0;
    if (document.hidden || asking) return;
    asking = true;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.redirected || answer.status === 401 || answer.status === 403) {
        events.close();
        say("not live: log in again");
      } else if (answer.ok) {
        take(new DOMParser().parseFromString(await answer.text(), "text/html"));
        say("live");
      }
    } catch {
      say("not live: no connection");
    } finally {
      asking = false;
    }
  }

  function soon() {
    if (!timer && !document.hidden) timer = setTimeout(refresh, Math.max(0, last + PAUSE - Date.now()));
  }

  if (!sign || !document.querySelector("[data-live]")) return;
  // To be compared with what comes, without what scripts make of it meanwhile.
  for (const part of document.querySelectorAll("[data-live][id]")) part.dataset.shown = part.textContent;
  const events = new EventSource("/live");
  events.addEventListener("open", () => say("live"));
  // A browser asks again by itself, unless it was told that it may not listen.
  events.addEventListener("error", () =>
    say(events.readyState === EventSource.CLOSED ? "not live: log in again" : "not live: no connection"),
  );
  events.addEventListener("message", soon);
  events.addEventListener("news", soon);
  document.addEventListener("visibilitychange", soon);
})();
