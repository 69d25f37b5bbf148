// What a page needs beyond HTML and htmx: theme, menu, copy buttons, clock, dialogs. All of it works without, too.
"use strict";
(() => {
  const TOAST_MS = 12_000;
  const root = document.documentElement;
  root.classList.add("js");

  const isDark = () => getComputedStyle(root).colorScheme.trim() === "dark"
    || (!root.dataset.bsTheme && matchMedia("(prefers-color-scheme: dark)").matches);

  // Tabler and the two icons of the switch follow an attribute; without a choice it follows the system.
  const followSystem = () => {
    if (root.dataset.chosen === undefined) root.dataset.bsTheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  };
  if (root.dataset.bsTheme) root.dataset.chosen = "";
  followSystem();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followSystem);

  const switchTheme = (form) => {
    const theme = isDark() ? "light" : "dark";
    root.dataset.bsTheme = theme;
    root.dataset.chosen = "";
    const body = new FormData(form);
    body.set("theme", theme);
    fetch(form.action, { method: "POST", body, redirect: "manual", credentials: "same-origin" });
    document.dispatchEvent(new CustomEvent("mosaic:theme", { detail: theme })); // charts draw again
  };

  const copy = async (button) => {
    const label = button.querySelector("span") || button;
    const word = label.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      label.textContent = "Copied";
    } catch {
      label.textContent = "Press Ctrl+C";
      const text = button.parentElement.querySelector("code");
      if (text) getSelection().selectAllChildren(text);
    }
    setTimeout(() => { label.textContent = word; }, 2000);
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-theme-switch]")) return;
    event.preventDefault();
    switchTheme(event.target);
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy], [data-nav], [data-dialog], [data-close], [data-dismiss]");
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    if (!target) return;
    if (target.dataset.copy !== undefined) copy(target);
    if (target.dataset.nav !== undefined) {
      target.setAttribute("aria-expanded", String(target.closest(".sidebar").classList.toggle("open")));
    }
    // A button or link with data-dialog="id" opens <dialog id>; without JavaScript its own href or form does the work.
    const dialog = target.dataset.dialog && document.getElementById(target.dataset.dialog);
    if (dialog) { event.preventDefault(); dialog.showModal(); }
    if (target.dataset.dismiss !== undefined) target.closest(".toast-line").remove();
    if (target.dataset.close !== undefined) { event.preventDefault(); target.closest("dialog").close(); }
  });

  // <input data-expect="run 7"> keeps the buttons of its form disabled until the words are typed.
  const guard = (input) => {
    const isRight = input.value.trim() === input.dataset.expect;
    for (const button of input.form.querySelectorAll("[data-guarded]")) button.disabled = !isRight;
  };
  document.addEventListener("input", (event) => { if (event.target.dataset.expect) guard(event.target); });

  // A toast goes by itself, but not while somebody reads it with the mouse or the keyboard.
  const expire = (toast) => {
    if (toast.matches(":hover, :focus-within")) setTimeout(() => expire(toast), TOAST_MS / 4);
    else toast.remove();
  };

  const tick = () => {
    const clock = document.querySelector("[data-clock]");
    if (clock) clock.textContent = `${new Date().toISOString().slice(11, 19)} UTC`;
  };
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("input[data-expect]").forEach(guard);
    for (const toast of document.querySelectorAll(".toast-line")) setTimeout(() => expire(toast), TOAST_MS);
    tick();
    setInterval(tick, 1000);
  });
})();
