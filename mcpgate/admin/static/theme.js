// The switch between light and dark. What somebody chose is kept by the browser; else the system decides.
"use strict";

(() => {
  const KEPT = "mcpgate-theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null; // A browser may forbid it.
    }
  }

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  }

  function put(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  }

  // Before anything is drawn, so that nothing flashes.
  put(kept());

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const say = () => {
      button.textContent = isDark() ? "Light colours" : "Dark colours";
      document.dispatchEvent(new Event("theme"));
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      put(isDark() ? "light" : "dark");
      try {
        localStorage.setItem(KEPT, root.dataset.theme);
      } catch {
        // Then it holds for this page alone.
      }
      say();
    });
    system.addEventListener("change", say);
    say();
  });
})();
