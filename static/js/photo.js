// How far a photo has been sent.
document.addEventListener("htmx:xhr:progress", (event) => {
  const bar = event.target.querySelector?.("progress");
  if (bar && event.detail.lengthComputable) bar.value = event.detail.loaded / event.detail.total;
});

// The same photo may be chosen again.
document.addEventListener("htmx:afterRequest", (event) => {
  const file = event.target.querySelector?.("input[type=file]");
  if (!file) return;
  file.value = "";
  const found = document.querySelector("#scanned h2");
  if (found && event.detail.successful) found.focus();
});
