// A click on a word shows it on both sides: its patches, its row of the plan, its part of the difference.
element.addEventListener("click", ({ target }) => {
  const word = target.closest(".vf-word");
  if (!word) return;
  const { pair } = word.dataset, root = word.closest(".vf");
  for (const each of root.querySelectorAll("[data-pair]")) {
    const on = each.dataset.pair === pair;
    if (each.matches(".vf-word")) each.setAttribute("aria-pressed", on);
    else if (each.matches(".vf-heat")) each.hidden = !on;
    else each.classList.toggle("vf-on", on);
  }
  for (const picture of root.querySelectorAll(".vf-picture"))
    picture.classList.toggle("vf-lacks", !picture.querySelector(".vf-heat:not([hidden])"));
});
