// A drawing whose parts can be touched: a click on a part with a number hands the number back.
element.addEventListener("click", (event) => {
  const part = event.target.closest("[data-place]");
  if (part) trigger("pick", { place: Number(part.dataset.place) });
});
