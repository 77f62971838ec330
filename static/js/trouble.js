// A part that did not arrive: say so, leave everything as it was. A login that ran out: go and sign in.
const box = document.getElementById("trouble");
const say = (text) => {
  box.textContent = text;
  box.hidden = false;
};

document.addEventListener("htmx:beforeRequest", () => (box.hidden = true));
document.addEventListener("htmx:sendError", () => say(box.dataset.unreachable));
document.addEventListener("htmx:timeout", () => say(box.dataset.unreachable));
document.addEventListener("htmx:responseError", (event) =>
  say(event.detail.xhr.status === 404 ? box.dataset.gone : box.dataset.failed),
);
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, pathInfo } = event.detail;
  const asked = new URL(pathInfo.requestPath, location.href).pathname;
  if (xhr.responseURL && new URL(xhr.responseURL).pathname !== asked) {
    event.detail.shouldSwap = false;
    location.assign(xhr.responseURL);
  }
});

// What was refused: the first field to mend has the focus, unless somebody types elsewhere.
const mend = (part) => {
  const typing = document.activeElement?.matches("input, select, textarea") && !part.contains(document.activeElement);
  if (!typing) part.querySelector("[aria-invalid=true]")?.focus();
};
document.addEventListener("htmx:afterSettle", (event) => mend(event.target));
mend(document);
