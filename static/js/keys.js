// "/" goes to the entry box of the page, Escape leaves it. Digits typed nowhere go into it too: a barcode scanner on a
// cable types like a keyboard.
const entry = () => document.querySelector("[data-entry]");
const typing = (element) => element.matches("input, select, textarea, [contenteditable]");

document.addEventListener("keydown", (event) => {
  const modified = event.ctrlKey || event.metaKey || event.altKey;
  if (event.key === "/" && !modified && !typing(event.target) && entry()) {
    event.preventDefault();
    entry().focus();
    entry().select();
  } else if (/^\d$/.test(event.key) && !modified && !typing(event.target) && entry()) {
    entry().value = "";
    entry().focus(); // in time for this very digit
  } else if (event.key === "Escape" && event.target === entry()) {
    event.preventDefault(); // a search field would be emptied
    event.target.blur();
  }
});
