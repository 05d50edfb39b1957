// What is on a scene is said as the world says it, for the model: that is not translated.
// The strip of pictures: a tile each, behind the one that asks for a new scene, where there are new ones.
// Gradio's own picture above it is called by what is on it, where that is known.
const column = element.closest(".column"), shown = column?.querySelector(".lab-picture");
const name = () => {
  const { pictures = [], chosen } = props.value ?? {}, image = shown?.querySelector("img");
  const { says = "The picture on show", credit = "" } = pictures[chosen] ?? {};
  if (!image || image.dataset.says === says) return;
  image.dataset.says = says;
  image.translate = Boolean(credit) || !pictures[chosen];
  image.alt = says;
};
const draw = () => {
  const { pictures = [], chosen, fresh, credit } = props.value ?? {};
  const [strip, line] = element.children;
  const ask = strip.querySelector(".lab-fresh");
  ask.hidden = !fresh;
  strip.setAttribute("aria-label", fresh ? "Scenes" : "Photographs");
  const held = [...strip.children].indexOf(document.activeElement);
  strip.replaceChildren(ask, ...pictures.map(({ picture, says, credit }, place) => {
    const title = credit ? `${says} (${credit})` : says;
    const tile = Object.assign(document.createElement("button"), { type: "button", title, translate: Boolean(credit) });
    const image = Object.assign(document.createElement("img"), { src: picture, alt: says });
    tile.dataset.place = place;
    tile.setAttribute("aria-pressed", place === chosen);
    tile.append(image);
    return tile;
  }));
  strip.children[held]?.focus({ preventScroll: true });  // who picks with the keyboard stays where they were
  line.textContent = credit ? `Photograph: ${credit}` : "";
  if (!strip.matches(".lab-pairs")) name();
};
element.addEventListener("click", (event) => {
  const tile = event.target.closest("button");
  if (!tile) return;
  if (tile.dataset.place === undefined) trigger("fresh", {});
  else trigger("pick", { place: Number(tile.dataset.place) });
});
draw();
watch("value", draw);
if (shown && !element.querySelector(".lab-pairs"))
  new MutationObserver(name).observe(shown, { childList: true, subtree: true, attributeFilter: ["src"] });
