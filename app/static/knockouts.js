// The board of knock-outs: a click takes a part out, another puts it back; who listens hears all that are out.
element.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-kind]");
  if (!button) return;
  button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
  const out = [...element.querySelectorAll('[data-kind][aria-pressed="true"]')];
  trigger("knock", { parts: out.map(({ dataset }) => [dataset.kind, dataset.at]) });
});
