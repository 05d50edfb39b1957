// A note under an answer may offer another model.
element.addEventListener("click", ({ target }) => {
  const offer = target.closest(".lab-offer");
  if (offer) trigger("offer", { name: offer.dataset.name });
});
