// A row of suggestions; a click hands back the text chosen, in English whatever stands on its chip.
const draw = () => {
  const ours = "ours" in element.firstElementChild.dataset;  // words of the page, and not for the model
  const { texts = [], chosen } = props.value ?? {};  // before its tab is opened, the page may say ""
  element.firstElementChild.replaceChildren(...texts.map((text) => {
    const chip = Object.assign(document.createElement("button"), { type: "button", textContent: text, value: text, translate: ours });
    chip.setAttribute("aria-pressed", text === chosen);
    return chip;
  }));
};
element.addEventListener("click", (event) => {
  const chip = event.target.closest("button");
  if (chip) trigger("pick", { text: chip.value });
});
draw();
watch("value", draw);
