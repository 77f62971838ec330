// A day's page: keys between days, a bit more and less of an amount, menus that close, and where the focus goes.
const entry = document.getElementById("entry");
const typing = (element) => element.matches("input, select, textarea, summary, [contenteditable], .chips *");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (rel && !typing(event.target)) document.querySelector(`a[rel=${rel}]`)?.click();
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const form = event.target.closest?.(".item-form, #amount, #quick");
  form?.querySelector("a.button[hx-get]")?.click();
});

// In g and ml by tens, in servings by halves.
const step = (unit) => (/^(g|ml)$/.test(unit) ? 10 : 0.5);

document.addEventListener("click", (event) => {
  // Said and read: what cannot be undone does not stay in the way.
  for (const message of document.querySelectorAll("#messages .message:not(:has(form))")) message.remove();
  event.target.closest("[data-dismiss]")?.closest(".message").remove();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const button = event.target.closest("button[data-step]");
  if (button) {
    const box = button.closest(".stepper");
    const input = box.querySelector("input");
    const by = step(box.querySelector("select")?.value ?? "");
    const now = Number(input.value.replace(",", ".")) || 0;
    const next = now + Number(button.dataset.step) * by;
    if (next > 0) input.value = String(Math.round(next * 10000) / 10000);
  }
  const add = event.target.closest("a[data-add-to]");
  const meal = document.getElementById("entry-meal");
  if (add && entry && meal && [...meal.options].some((option) => option.value === add.dataset.addTo)) {
    event.preventDefault();
    meal.value = add.dataset.addTo;
    meal.dispatchEvent(new Event("change", { bubbles: true }));
    entry.scrollIntoView({ block: "center" });
    entry.focus({ preventScroll: true });
  }
});

// Another meal: at once for everything that waits to be logged, and what was typed there stays. Only the recents are
// asked for anew.
document.getElementById("entry-meal")?.addEventListener("change", (event) => {
  for (const field of document.querySelectorAll("#found [name=meal]")) field.value = event.target.value;
  if (!entry.value.trim() && !document.querySelector("#amount, #quick")) entry.form.dispatchEvent(new Event("meal"));
});

// What came from the box is logged: the box is empty again before it asks for the recents.
document.addEventListener(
  "logged",
  () => {
    if (!entry) return;
    entry.value = "";
    entry.focus({ preventScroll: true });
  },
  true,
);

// Enter in the box leads to what it found: once more logs it.
document.addEventListener("htmx:afterSettle", (event) => {
  const asked = event.detail.requestConfig;
  if (!entry || document.activeElement !== entry || asked?.elt !== entry.form) return;
  if (asked.triggeringEvent?.type !== "submit") return;
  document.querySelector("#found .lines button.primary, #found .hits button")?.focus();
});

// Enter in a box that searches leads to what it found, and sends nothing else of its form.
document.addEventListener("keydown", (event) => {
  const found = event.key === "Enter" && document.querySelector(event.target.dataset?.search || null);
  if (!found) return;
  event.preventDefault();
  found.querySelector("button")?.focus();
});

// What a search or an amount begins with is typed over, not typed beside.
const typedOver = (field) => field?.matches("#draft [autofocus]") && field.select();
document.addEventListener("htmx:afterSettle", () => typedOver(document.activeElement));
typedOver(document.querySelector("#draft [autofocus]"));

// Whoever pressed a button that is gone now finds the focus on what they can do next.
document.addEventListener("htmx:afterSettle", () => {
  if (document.activeElement && document.activeElement !== document.body) return;
  document.querySelector("#messages button")?.focus({ preventScroll: true });
});
