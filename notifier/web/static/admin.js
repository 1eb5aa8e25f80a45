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
    if (button) { button.hidden = false; button.querySelector(".word").textContent = words[name]; }
  }

  wear(theme()); // before the page is drawn

  document.addEventListener("DOMContentLoaded", () => wear(theme()));

  // What scrolls sideways is a stop for the keyboard, as long as there is something to scroll to.
  function reach(area) {
    const wide = area.scrollWidth > area.clientWidth;
    const name = area.querySelector("caption")?.textContent.trim();
    for (const [key, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", name || "Table"]]) {
      if (wide) area.setAttribute(key, value); else area.removeAttribute(key);
    }
  }

  const widths = new ResizeObserver((changes) => changes.forEach(({ target }) => reach(target)));
  const watch = () => document.querySelectorAll(".scroll:not([role])").forEach((area) => { widths.observe(area); reach(area); });
  document.addEventListener("DOMContentLoaded", watch);
  document.addEventListener("htmx:after:swap", watch);

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

  // Single keys; the list of them, behind "?" and at the foot of each page, turns them off for whoever speaks or slips.
  function off() {
    try { return localStorage.getItem("keys") === "off"; } catch { return false; }
  }

  function say() {
    const button = document.querySelector("[data-keys]");
    if (button) { button.hidden = false; button.textContent = off() ? "Turn them on" : "Turn them off"; }
  }

  document.addEventListener("DOMContentLoaded", say);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-keys]")) return;
    try { localStorage.setItem("keys", off() ? "on" : "off"); } catch { /* private browsing: they stay on */ }
    say();
  });

  // In the log: down and up its rows, and tick one; Enter follows the link that has the focus.
  function row(steps) {
    const rows = [...document.querySelectorAll(".log tbody tr")];
    const here = rows.indexOf(document.activeElement.closest(".log tbody tr"));
    return rows[steps < 0 ? Math.max(here + steps, 0) : here + steps];
  }

  const acts = {
    "/": () => { const search = document.querySelector("[type=search]"); search?.focus(); search?.select(); },
    "?": () => document.getElementById("keys")?.togglePopover(),
    r: () => location.reload(),
    j: () => row(1)?.querySelector("a")?.focus(),
    k: () => row(-1)?.querySelector("a")?.focus(),
    x: () => row(0)?.querySelector("[type=checkbox]")?.click(),
  };
  let began = -Infinity; // when "g" was pressed: the next letter says where to go

  document.addEventListener("keydown", (event) => {
    if (off() || event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const goes = event.timeStamp - began < 2000;
    began = event.key === "g" && !goes ? event.timeStamp : -Infinity;
    const place = goes && [...document.querySelectorAll(".side [data-key]")].find((link) => link.dataset.key === event.key);
    if (!place && (goes || !Object.hasOwn(acts, event.key))) return;
    event.preventDefault();
    if (place) place.click(); else acts[event.key]();
  });
})();
