// Says to those who listen when a run's state changes: the part that shows it is replaced every two seconds.
const said = document.getElementById("run-said");
const state = () => document.querySelector("#run .run-head .state, [data-run-state]")?.textContent.trim();
let before = state();

document.addEventListener("htmx:afterSettle", () => {
  const now = state();
  if (now && now !== before) said.textContent = before = now;
});
