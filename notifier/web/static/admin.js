// What the admin pages do beside htmx. Everything works without it; it only saves steps.
"use strict";

(() => {
  const root = document.documentElement;
  const themes = ["", "light", "dark"];
  const words = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };

  function theme() {
    try { return localStorage.getItem("theme") || ""; } catch { return ""; }
  }

  function wear(name) {
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    const button = document.getElementById("theme");
    if (button) { button.hidden = false; button.textContent = words[name]; }
  }

  wear(theme()); // before the page is drawn

  document.addEventListener("DOMContentLoaded", () => wear(theme()));

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.id === "theme") {
      const next = themes[(themes.indexOf(theme()) + 1) % themes.length];
      try { localStorage.setItem("theme", next); } catch { /* private browsing: for this page alone */ }
      wear(next);
    } else if (button.dataset.copy) {
      navigator.clipboard.writeText(button.dataset.copy).then(() => { button.textContent = "copied"; });
    }
  });

  // A live page asks for nothing while nobody looks at it.
  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden && event.target.closest("[data-live]")) event.preventDefault();
  });

  // "/" goes to the search, as in other logs.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const search = document.querySelector("[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  });

  // In the log: j and k go down and up its rows, x ticks one; Enter follows the link that has the focus.
  document.addEventListener("keydown", (event) => {
    if (!["j", "k", "x"].includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const rows = [...document.querySelectorAll(".log tbody tr")];
    const here = rows.indexOf(document.activeElement.closest(".log tbody tr"));
    if (event.key === "x") {
      rows[here]?.querySelector("[type=checkbox]")?.click();
    } else {
      rows[event.key === "j" ? here + 1 : Math.max(here - 1, 0)]?.querySelector("a")?.focus();
    }
  });
})();
