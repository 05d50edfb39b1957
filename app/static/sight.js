// A sentence's score and truth, and its words to choose from: the chosen one lays its heat on the picture.
const root = element.firstElementChild;
let said = "", chosen = 0;
const make = (tag, settings = {}, ...inside) => {
  const node = Object.assign(document.createElement(tag), settings);
  node.append(...inside);
  return node;
};
const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);
const verdict = ({ chance, truth }) => {
  const parts = [make("strong", { textContent: percent(chance) })];
  if (truth !== null) {
    parts.push(make("span", {
      className: `lab-badge ${truth === chance >= 0.5 ? "right" : "wrong"}`,
      textContent: truth ? "the sentence is true" : "the sentence is not true",
    }));
  }
  const row = make("div", { className: "lab-verdict" }, ...parts);
  row.dataset.said = `The sentence matches the picture: ${percent(chance)}`;
  return row;
};
const draw = () => {
  const { words = [], layers, picture, took, trouble, first, chance } = props.value ?? {};
  root.hidden = !words.length && !trouble;
  root.classList.toggle("lab-failed", Boolean(trouble));
  if (trouble) return root.replaceChildren(make("p", { className: "lab-wrong", role: "alert", textContent: trouble }));
  if (!words.length) return root.replaceChildren();
  if (words.join(" ") !== said) [said, chosen] = [words.join(" "), first];
  const heat = make("img", { src: layers[chosen], alt: "", className: "lab-heat" });
  const shown = make("div", { className: "lab-seen" },
    make("img", { src: picture, alt: "The picture as the renderer draws it" }), heat);
  const rail = make("span", { className: "lab-rail" }, make("i"));
  rail.firstElementChild.style.width = `${100 * chance}%`;
  const chips = words.map((word, at) => {
    const chip = make("button", { type: "button", textContent: word, translate: false });
    chip.setAttribute("aria-pressed", at === chosen);
    chip.addEventListener("click", () => {
      chosen = at;
      heat.src = layers[at];
      chips.forEach((other, place) => other.setAttribute("aria-pressed", place === at));
    });
    return chip;
  });
  const row = make("div", { className: "lab-words" }, ...chips);
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Words: the chosen one lays its heat on the picture");
  return root.replaceChildren(shown, make("div", { className: "lab-beside" },
    make("p", { className: "lab-soft", textContent: "The sentence matches the picture" }), verdict(props.value), rail,
    make("p", { className: "lab-soft", textContent: "Where is this word?" }), row,
    make("p", { className: "lab-took", textContent: took })));
};
draw();
watch("value", draw);
