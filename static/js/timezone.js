// The browser knows where the person is; the form asks nothing.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const field of document.querySelectorAll("input[data-time-zone]")) {
  if (zone && !field.value) field.value = zone;
}
