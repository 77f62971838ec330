// A field that is there to be copied: selected when touched, and a button where the browser may copy.
for (const field of document.querySelectorAll("input[data-copy]")) {
  const button = document.querySelector(`button[data-copies="${field.id}"]`);
  field.addEventListener("focus", () => field.select());
  if (!button || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.querySelector("[role=status]").textContent = button.dataset.done;
    } catch {
      field.focus(); // it is selected now: the keyboard copies it
    }
  });
}
