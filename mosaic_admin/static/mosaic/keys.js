// Keyboard shortcuts: "g" and a letter goes to a page, "/" to the search, "?" lists them. They can be switched off there
// (WCAG 2.1.4: letters must not act where somebody speaks to the computer).
"use strict";
(() => {
  const STORE = "mosaic-shortcuts";
  const SECOND_KEY_MS = 1500;
  let goUntil = 0;

  const isOn = () => {
    try { return localStorage.getItem(STORE) !== "off"; } catch { return true; }
  };
  const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  const go = (key) => document.querySelector(`#nav a[data-key="${CSS.escape(key)}"]`)?.click();
  const dialog = () => document.getElementById("shortcuts");

  const act = (key) => {
    if (performance.now() < goUntil) {
      goUntil = 0;
      return go(key);
    }
    if (key === "g") goUntil = performance.now() + SECOND_KEY_MS;
    if (key === "?") dialog()?.showModal();
    if (key === "/") document.querySelector("main input[type=search], main form[method=get] input:not([type=hidden])")?.focus();
    return undefined;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.key.length !== 1) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]") || !isOn()) return;
    if (event.key === "/" || event.key === "?") event.preventDefault();
    act(event.key);
  });

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.getElementById("shortcuts-on");
    if (!box) return;
    box.checked = isOn();
    box.addEventListener("change", () => {
      try { localStorage.setItem(STORE, box.checked ? "on" : "off"); } catch { /* a browser that keeps nothing */ }
    });
  });
})();
