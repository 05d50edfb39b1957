// A sentence whose words, or their pieces, are hidden by a click: a button each.
const draw = () => {
  const { words = [], unit } = props.value ?? {};
  element.firstElementChild.hidden = !words.length;
  element.querySelector(".lab-cloze").replaceChildren(...words.map(({ text, pieces }) => {
    const word = Object.assign(document.createElement("span"), { className: "lab-cloze-word" });
    const whole = unit === "word" || pieces.length === 1;
    const groups = whole ? [pieces] : pieces.map((piece) => [piece]);
    word.append(...groups.map((group) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.dataset.at = group[0].at;
      const hidden = group.every((piece) => piece.hidden);
      button.setAttribute("aria-pressed", hidden);
      const said = whole ? text : group[0].text;
      button.setAttribute("aria-label", `${hidden ? "Show" : "Hide"} ${said}`);
      button.title = pieces.length > 1 ? pieces.map((piece) => piece.text).join(" ") : "";
      button.append(...(whole && pieces.length > 1
        ? pieces.map((piece) => Object.assign(document.createElement("i"), { textContent: piece.text.replace(/^##/, ""), translate: false }))
        : [Object.assign(document.createElement("span"), { textContent: said, translate: false })]));
      if (!hidden && group.some((piece) => piece.hidden)) button.classList.add("lab-partly");
      return button;
    }));
    return word;
  }));
};
element.addEventListener("click", ({ target }) => {
  const chosen = target.closest("button");
  if (!chosen) return;
  const at = chosen.dataset.at;
  trigger("pick", { at: Number(at) });
  focused = at;
});
let focused = null;
draw();
watch("value", () => {
  draw();
  // Whoever clicks with the keyboard stays where they were.
  element.querySelector(`button[data-at="${focused}"]`)?.focus({ preventScroll: true });
  focused = null;
});
