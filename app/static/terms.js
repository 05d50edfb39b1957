// What a word means is shown while its button has the pointer or the focus; Escape puts it away.
element.addEventListener("click", ({ target }) => target.closest(".lab-term button")?.focus());
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const term of element.querySelectorAll(".lab-term:is(:hover, :focus-within)")) term.classList.add("lab-shut");
});
for (const left of ["focusout", "pointerleave"]) {
  element.addEventListener(left, ({ target }) => target.closest?.(".lab-term")?.classList.remove("lab-shut"), true);
}
