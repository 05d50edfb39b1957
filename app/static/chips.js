// A row of suggestions; a click hands back the text chosen.
const draw = () => {
  const { texts = [], chosen } = props.value ?? {};  // before its tab is opened, the page may say ""
  element.firstElementChild.replaceChildren(...texts.map((text) => {
    const chip = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    chip.setAttribute("aria-pressed", text === chosen);
    return chip;
  }));
};
element.addEventListener("click", (event) => {
  const chip = event.target.closest("button");
  if (chip) trigger("pick", { text: chip.textContent });
});
draw();
watch("value", draw);
