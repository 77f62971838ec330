// What was pressed shows at once that it works, and is not sent twice. htmx marks its own requests.
const begin = (element) => element?.classList.add("working");

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.matches("[hx-get], [hx-post]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  begin(event.submitter);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-slow]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) begin(link);
});

// The page may come back from the browser's memory as it was left.
window.addEventListener("pageshow", () => {
  for (const element of document.querySelectorAll(".working")) element.classList.remove("working");
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
