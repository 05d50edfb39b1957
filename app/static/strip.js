// The strip of scenes: a tile each, behind the one that asks for a new scene.
const draw = () => {
  const { scenes, chosen } = props.value ?? { scenes: [] };
  const strip = element.firstElementChild;
  const fresh = strip.lastElementChild;
  strip.replaceChildren(...scenes.map(({ picture, says }, place) => {
    const tile = Object.assign(document.createElement("button"), { type: "button", title: says });
    const image = Object.assign(document.createElement("img"), { src: picture, alt: says });
    tile.dataset.place = place;
    tile.setAttribute("aria-pressed", place === chosen);
    tile.append(image);
    return tile;
  }), fresh);
};
element.addEventListener("click", (event) => {
  const tile = event.target.closest("button");
  if (!tile) return;
  if (tile.dataset.place === undefined) trigger("fresh", {});
  else trigger("pick", { place: Number(tile.dataset.place) });
});
draw();
watch("value", draw);
