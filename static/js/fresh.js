// Loads a page of the admin again every few seconds, unless somebody reads or does something on it.
const EVERY_MS = 5000;

const busy = () =>
  document.hidden ||
  document.querySelector(".action-select:checked, .run-timeline details[open], .desk details[open]") !== null ||
  document.activeElement?.matches("input, select, textarea, button, a, summary") ||
  !(getSelection()?.isCollapsed ?? true);

setInterval(() => {
  if (!busy()) location.reload();
}, EVERY_MS);
