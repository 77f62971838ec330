// A photo that was chosen is sent at once.
for (const input of document.querySelectorAll("input[data-send]")) {
  input.addEventListener("change", () => {
    if (input.files.length) input.form.requestSubmit();
  });
}

// The page may come back from the browser's memory: what was sent then is not to be sent again.
window.addEventListener("pageshow", () => {
  for (const input of document.querySelectorAll("input[data-send]")) input.value = "";
});
