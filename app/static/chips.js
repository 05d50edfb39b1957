// A row of suggestions; a click hands back the text chosen, in English whatever stands on its chip.
const draw = () => {
  const ours = "ours" in element.firstElementChild.dataset;  // words of the page, and not for the model
  const { texts = [], chosen } = props.value ?? {};  // before its tab is opened, the page may say ""
  const row = element.firstElementChild, held = [...row.children].indexOf(document.activeElement);
  row.replaceChildren(...texts.map((text) => {
    const chip = Object.assign(document.createElement("button"), { type: "button", value: text, translate: ours });
    const [, lead, said] = ours ? /^(\p{Lu}\p{Ll}+: )(.+)$/su.exec(text) ?? ["", text, ""] : ["", text, ""];
    chip.append(lead);  // of the page's own; what is said after it is for the model
    if (said) chip.append(Object.assign(document.createElement("span"), { textContent: said, translate: false }));
    chip.setAttribute("aria-pressed", text === chosen);
    return chip;
  }));
  row.children[held]?.focus({ preventScroll: true });  // who picks with the keyboard stays where they were
};
element.addEventListener("click", (event) => {
  const chip = event.target.closest("button");
  if (chip) trigger("pick", { text: chip.value });
});
draw();
watch("value", draw);
