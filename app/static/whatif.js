// The buttons of the card: do what it says, show another idea, keep the scene on show.
const events = ["do", "other", "keep"];
element.addEventListener("click", ({ target }) => {
  const name = target.closest("[data-do]")?.dataset.do;
  if (events.includes(name)) trigger(name, {});
});
