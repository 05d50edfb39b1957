// What was found, a tile a hit; or how far an index is, or why there is nothing.
const make = (tag, settings = {}, ...inside) => {
  const node = Object.assign(document.createElement(tag), settings);
  node.append(...inside);
  return node;
};
const mark = (truth) => (truth === null ? "" : truth ? " ✓" : " ✗");
const labelOf = ({ says, truth, chance, cosine }) =>
  `${says}: ${chance || cosine}${truth === null ? "" : truth ? ", true" : ", not true"}`;
const tile = (hit, place) => {
  const { picture, says, truth, chance, cosine } = hit;
  const scores = make("span", { className: "lab-scores" },
    make("b", { textContent: chance + mark(truth), className: truth === null ? "" : truth ? "lab-true" : "lab-false" }),
    make("span", { className: "lab-soft", textContent: cosine }));
  const inside = picture
    ? [make("img", { src: picture, alt: says, title: says, translate: false }), scores]
    : [make("span", { className: "lab-said", textContent: says, translate: false }), scores];
  const button = make("button", { type: "button" }, ...inside);
  button.setAttribute("aria-label", labelOf(hit));
  button.setAttribute("aria-pressed", "false");
  button.dataset.place = place;
  return button;
};
const bar = (done, total) => {
  const fill = make("i");
  fill.style.width = `${(100 * done) / total}%`;
  const rail = make("div", { className: "lab-bar", role: "progressbar" }, fill);
  rail.setAttribute("aria-label", "Index");
  rail.setAttribute("aria-valuenow", Math.round((100 * done) / total));
  return rail;
};
const draw = () => {
  const { hits = [], says, trouble, done, total } = props.value ?? {};
  const root = element.firstElementChild;
  root.classList.toggle("lab-lines", hits.length > 0 && !hits[0].picture);
  const notes = [];
  if (trouble) notes.push(make("p", { className: "lab-wrong", role: "alert", textContent: trouble }));
  if (says) notes.push(make("p", { className: hits.length ? "lab-soft" : "lab-hint", textContent: says }));
  if (total) notes.push(bar(done, total));
  else if (says && !hits.length) notes.at(-1).dataset.said = says;
  const list = make("div", { className: "lab-hits" }, ...hits.map(tile));
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", "Found");
  if (hits.length) list.dataset.said = `Found: ${hits.length}\n${labelOf(hits[0])}`;
  root.replaceChildren(...notes, ...(hits.length ? [list] : []));
};
element.addEventListener("click", ({ target }) => {
  const chosen = target.closest(".lab-hits button");
  if (!chosen) return;
  for (const button of element.querySelectorAll(".lab-hits button"))
    button.setAttribute("aria-pressed", button === chosen);
  trigger("pick", { place: Number(chosen.dataset.place) });
});
draw();
watch("value", draw);
