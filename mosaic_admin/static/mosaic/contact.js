// Says when a page that looks by itself gets no answer any more: what stands there is old then. htmx goes on asking, so
// the first good answer takes the words away again.
"use strict";
(() => {
  const silent = new Map(); // the address that is asked -> when its last answer came, and what is wrong
  const answered = new Map();
  const began = new Date();

  const polls = (detail) => /\bevery\b/.test(detail.ctx?.sourceElement?.getAttribute?.("hx-trigger") || "");
  const address = (detail) => String(detail.ctx.request?.action || "").split("?")[0];
  const utc = (moment) => moment.toISOString().slice(11, 19);

  const words = () => {
    const [first] = [...silent.values()].sort((one, other) => one.since - other.since);
    const since = `What stands here is from ${utc(first.since)} UTC.`;
    if (first.status >= 400 && first.status < 500) return `This page is refused now (${first.status}). ${since} Load it again.`;
    const cause = first.status ? `The dashboard answers with an error (${first.status}).` : "The dashboard does not answer.";
    return `${cause} ${since} The page asks on and goes on by itself; a run goes on without it.`;
  };

  const show = () => {
    const note = document.querySelector("#contact > .contact-note");
    if (!note) return;
    note.hidden = silent.size === 0;
    if (silent.size) note.querySelector("p").textContent = words();
  };

  const fail = (event, status) => {
    if (!polls(event.detail)) return;
    const key = address(event.detail);
    silent.set(key, { since: answered.get(key) || began, status });
    show();
  };

  // A page that nobody sees does not ask; when it is seen again it asks at once.
  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden && polls(event.detail)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const asker of document.querySelectorAll('[hx-trigger*="every "]')) asker.dispatchEvent(new CustomEvent("every"));
  });

  document.addEventListener("htmx:error", (event) => fail(event, 0));
  document.addEventListener("htmx:response:error", (event) => fail(event, event.detail.ctx.response.status));
  document.addEventListener("htmx:after:request", (event) => {
    if (!polls(event.detail) || event.detail.ctx.response.status >= 400) return;
    const key = address(event.detail);
    answered.set(key, new Date());
    if (silent.delete(key)) show();
  });
})();
