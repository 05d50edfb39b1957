// The scene editor. Places are fractions of the picture's side, y downwards, on a grid of thousandths;
// angles are whole degrees, counter-clockwise: as vilt_core.world.composing reads them.
// ``kit`` is what app.composing.kit says of the world.
const root = element.firstElementChild;
const find = (name) => root.querySelector(name);
const [stage, ground, frame] = [find(".lc-stage"), find(".lc-paper"), find(".lc-frame")];
const [told, beyond, tiles] = [find(".lc-told"), find(".lc-beyond"), find(".lc-tiles")];
const [search, sort, style] = [find("[type=search]"), find(".lc-sort"), find(".lc-style")];
const [file, linked] = [find("[type=file]"), find(".lc-link")];

const between = (value, low, high) => Math.min(Math.max(value, low), high);
const grid = (value) => Math.round(value * 1000) / 1000;
const make = (tag, settings = {}, ...inside) => {
  const node = Object.assign(document.createElement(tag), settings);
  node.append(...inside);
  return node;
};
const say = (words) => { told.textContent = words; };
const away = () => say("The server does not answer. What you see here is kept.");

// The scene, and everything that it was.
let scene = { version: 1, background: "white", texture: "plain", texture_seed: 0, stickers: [] };
let past = [], now = -1;
let names = 0;  // given to stickers, so that one is known again after a step back
let chosen = null, serial = 0, sent = 0, link = "", waiting = 0;
let origin = null;  // the number of the scene that the server put here last
const nodes = new Map();
const bare = ({ id, ...sticker }) => sticker;
const plain = () => ({ ...scene, stickers: scene.stickers.map(bare) });
const copy = (what) => JSON.parse(JSON.stringify(what));
const thing = () => scene.stickers.find(({ id }) => id === chosen);

// Pictures come from the server once each.
const pictures = new Map();
const picture = (kind, ...given) => {
  const key = JSON.stringify([kind, ...given]);
  if (!pictures.has(key)) {
    pictures.set(key, server[kind](given.length > 1 ? given : given[0]).then(({ url, trouble }) => {
      if (trouble) say(trouble);
      return url;
    }).catch(() => {
      pictures.delete(key);
      away();
      return "";
    }));
  }
  return pictures.get(key);
};
const fill = (image, kind, ...given) => {
  const key = JSON.stringify([kind, ...given]);
  if (image.dataset.key === key) return;
  image.dataset.key = key;
  picture(kind, ...given).then((url) => {
    if (image.dataset.key !== key) return;
    if (url) image.src = url;
    else delete image.dataset.key;  // asked for again when it is drawn next
  });
};

// Drawing.
const place = ({ x, y }) => {
  const third = (at) => (at < 0.37 ? 0 : at <= 0.63 ? 1 : 2);
  return Object.values(kit.places)[3 * third(y) + third(x)];
};
const put = (node, { x, y, size, angle }, order) => {
  Object.assign(node.style, {
    left: `${100 * (x - size / 2)}%`, top: `${100 * (y - size / 2)}%`,
    width: `${100 * size}%`, height: `${100 * size}%`,
    transform: `rotate(${-angle}deg)`, zIndex: order,
  });
};
const draw = () => {
  const here = new Set(scene.stickers.map(({ id }) => id));
  for (const [id, node] of nodes) {
    if (here.has(id)) continue;
    node.remove();
    nodes.delete(id);
  }
  scene.stickers.forEach((sticker, order) => {
    if (!nodes.has(sticker.id)) {
      const node = make("button", { type: "button", className: "lc-thing" }, make("img", { alt: "", draggable: false }));
      node.dataset.id = sticker.id;
      nodes.set(sticker.id, node);
      stage.insertBefore(node, frame);
    }
    const node = nodes.get(sticker.id);
    put(node, sticker, order + 1);
    node.setAttribute("aria-label", `${sticker.name}, ${place(sticker)}`);
    node.setAttribute("aria-pressed", sticker.id === chosen);
    node.firstElementChild.style.transform = sticker.mirrored ? "scaleX(-1)" : "";
    fill(node.firstElementChild, "sticker", sticker.style, sticker.name);
  });
  fill(ground, "paper", scene.background, scene.texture, scene.texture_seed);
  const one = thing();
  frame.hidden = !one;
  if (one) put(frame, one, kit.most + 2);
  for (const button of root.querySelectorAll("[data-one]")) button.disabled = !one;
  find("[data-do=undo]").disabled = now < 1;
  find("[data-do=redo]").disabled = now >= past.length - 1;
  find("[data-do=clear]").disabled = !scene.stickers.length;
  for (const button of find(".lc-colors").children) button.setAttribute("aria-pressed", button.value === scene.background);
  for (const button of find(".lc-textures").children) button.setAttribute("aria-pressed", button.value === scene.texture);
};
const choose = (id) => {
  chosen = id;
  if (thing() && style.value !== thing().style) {
    style.value = thing().style;
    dress();
  }
  draw();
};

// History, and the way to the server: a change is sent when nothing else followed for a moment.
const remember = () => {
  past = [...past.slice(0, now + 1), copy(scene)].slice(-200);
  now = past.length - 1;
};
const send = () => {
  serial += 1;
  link = "";  // that of the scene before
  linked.hidden = true;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    sent = serial;
    trigger("edit", { scene: plain(), serial, put: origin });
  }, 180);
};
const settle = () => {
  if (now >= 0 && JSON.stringify(past[now]) === JSON.stringify(scene)) return;
  remember();
  draw();
  send();
};
const step = (by) => {
  if (!past[now + by]) return;
  now += by;
  scene = copy(past[now]);
  glide();
  draw();
  send();
};
let gliding = 0;
const glide = () => {
  stage.classList.add("lc-glide");
  clearTimeout(gliding);
  gliding = setTimeout(() => stage.classList.remove("lc-glide"), 700);
};
const load = (given, moving) => {
  const left = [...scene.stickers];
  const stickers = given.stickers.map((sticker) => {
    const same = left.findIndex(({ name, style }) => name === sticker.name && style === sticker.style);
    const id = moving && same >= 0 ? left.splice(same, 1)[0].id : (names += 1);
    return { ...sticker, id };
  });
  if (moving) glide();
  scene = { ...copy(given), stickers };
  serial += 1;
  clearTimeout(waiting);
  chosen = null;
  remember();
  draw();
};

// What can be done to the chosen sticker.
const resized = (one, size) => { one.size = grid(between(size, kit.small, kit.large)); };
const turned = (one, angle) => { one.angle = Math.round(between(angle, -kit.turn, kit.turn)); };
const moved = (one, x, y) => Object.assign(one, { x: grid(between(x, 0, 1)), y: grid(between(y, 0, 1)) });
const reorder = (one, to) => {
  scene.stickers = scene.stickers.filter((other) => other !== one);
  scene.stickers.splice(to, 0, one);
};
const full = () => {
  if (scene.stickers.length < kit.most) return false;
  say(`A scene has room for ${kit.most} stickers.`);
  return true;
};
const room = (size) => {
  // Where the nearest sticker is furthest; of such places the one nearest to the middle.
  let best = { x: 0.5, y: 0.5, far: -1 };
  const steps = [0.5, 0.35, 0.65, 0.2, 0.8];
  for (const y of steps) for (const x of steps) {
    const far = Math.min(0.02, ...scene.stickers.map((s) => Math.hypot(x - s.x, y - s.y) - 0.45 * (size + s.size)));
    if (far > best.far) best = { x, y, far };
  }
  return best;
};
const add = (name, drawn) => {
  if (full()) return;
  const size = [0.4, 0.36, 0.32, 0.3][scene.stickers.length] ?? 0.26;
  const { x, y } = room(size);
  names += 1;
  scene.stickers.push({ name, style: drawn, x, y, size, angle: 0, mirrored: false, id: names });
  choose(names);
  say(`Added: ${name}, ${place({ x, y })}.`);
  settle();
};
const acts = {
  mirror: (one) => { one.mirrored = !one.mirrored; },
  left: (one) => turned(one, one.angle + 5),
  right: (one) => turned(one, one.angle - 5),
  larger: (one) => resized(one, one.size + 0.02),
  smaller: (one) => resized(one, one.size - 0.02),
  front: (one) => reorder(one, scene.stickers.length),
  back: (one) => reorder(one, 0),
  twin: (one) => {
    if (full()) return;
    names += 1;
    scene.stickers.push({ ...one, ...(({ x, y }) => ({ x, y }))(room(one.size)), id: names });
    chosen = names;
  },
  delete: (one) => {
    const at = scene.stickers.indexOf(one);
    const focused = nodes.get(one.id) === document.activeElement;
    scene.stickers = scene.stickers.filter((other) => other !== one);
    say(`Deleted: ${one.name}.`);
    chosen = scene.stickers[Math.min(at, scene.stickers.length - 1)]?.id ?? null;
    draw();
    if (focused) (nodes.get(chosen) ?? find("[data-do=undo]")).focus();
  },
};
const act = (name) => {
  if (!thing()) return;
  acts[name](thing());
  draw();
  settle();
};

// Pointers: a sticker is dragged, the frame's two grips resize and turn it.
let held = null;
const spot = ({ clientX, clientY }) => {
  const { left, top, width, height } = stage.getBoundingClientRect();
  return { x: (clientX - left) / width, y: (clientY - top) / height };
};
const reach = ({ x, y }, one) => Math.max(Math.hypot(x - one.x, y - one.y), 1e-6);
const bearing = ({ x, y }, one) => (-180 * Math.atan2(y - one.y, x - one.x)) / Math.PI;
stage.addEventListener("pointerdown", (event) => {
  if (event.button > 0) return;
  const grip = event.target.closest("[data-grip]");
  const node = event.target.closest(".lc-thing");
  if (!grip && !node) return choose(null);
  if (node) {
    choose(Number(node.dataset.id));
    node.focus({ preventScroll: true });
  }
  held = { pointer: event.pointerId, how: grip?.dataset.grip ?? "move", from: spot(event), was: { ...thing() }, moving: false };
  stage.setPointerCapture(event.pointerId);
  event.preventDefault();
  say("");
});
stage.addEventListener("pointermove", (event) => {
  if (event.pointerId !== held?.pointer || !thing()) return;
  const [at, { from, was, how }] = [spot(event), held];
  held.moving ||= Math.hypot(at.x - from.x, at.y - from.y) > 0.006;
  if (!held.moving) return;
  if (how === "move") moved(thing(), was.x + at.x - from.x, was.y + at.y - from.y);
  if (how === "size") resized(thing(), (was.size * reach(at, was)) / reach(from, was));
  if (how === "turn") {
    const by = bearing(at, was) - bearing(from, was);
    turned(thing(), was.angle + ((by + 540) % 360) - 180);
  }
  draw();
});
const release = (event) => {
  if (event.pointerId !== held?.pointer) return;
  held = null;
  settle();
};
stage.addEventListener("pointerup", release);
stage.addEventListener("pointercancel", release);

// Keys.
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const keys = {
  "+": "larger", "=": "larger", "-": "smaller", m: "mirror", "[": "left", "]": "right",
  f: "front", b: "back", d: "twin", Delete: "delete", Backspace: "delete",
};
root.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
    event.preventDefault();
    return step(key === "y" || event.shiftKey ? 1 : -1);
  }
  const node = event.target.closest(".lc-thing");
  if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "Escape") return choose(null);
  if (!(key in arrows) && !(key in keys)) return;
  event.preventDefault();
  chosen = Number(node.dataset.id);
  if (key in keys) return act(keys[key]);
  const far = event.shiftKey ? 0.1 : 0.02;
  moved(thing(), thing().x + far * arrows[key][0], thing().y + far * arrows[key][1]);
  draw();
  settle();
});
stage.addEventListener("focusin", ({ target }) => {
  const node = target.closest(".lc-thing");
  if (node && Number(node.dataset.id) !== chosen) choose(Number(node.dataset.id));
});

// The background.
for (const [name, color] of Object.entries(kit.papers)) {
  const button = make("button", { type: "button", value: name, title: name });
  button.style.background = color;
  button.setAttribute("aria-label", name);
  button.addEventListener("click", () => { scene.background = name; draw(); settle(); });
  find(".lc-colors").append(button);
}
for (const name of kit.textures) {
  const button = make("button", { type: "button", value: name, textContent: name });
  button.addEventListener("click", () => {
    // A texture chosen again lies another way.
    if (scene.texture === name && name !== "plain") scene.texture_seed = grid((scene.texture_seed + 0.137) % 0.999);
    scene.texture = name;
    draw();
    settle();
  });
  find(".lc-textures").append(button);
}

// The palette.
const sorts = new Map(kit.stickers.map((sticker) => [sticker.sort, sticker.sorts]));
sort.append(make("option", { value: "", textContent: "All stickers" }),
  ...[...sorts].map(([value, textContent]) => make("option", { value, textContent })));
style.append(...kit.styles.map((value) =>
  make("option", { value, textContent: `Style: ${value}${value === kit.apart ? " (never trained on)" : ""}` })));
const offered = kit.stickers.map((sticker, at) => {
  const button = make("button", { type: "button", title: `Add ${sticker.name}`, tabIndex: -1 }, make("span"));
  button.setAttribute("aria-label", `Add ${sticker.name}`);
  const [rows, columns] = [Math.ceil(kit.stickers.length / kit.columns) - 1, kit.columns - 1];
  button.firstElementChild.style.backgroundPosition =
    `${(100 * (at % kit.columns)) / columns}% ${(100 * Math.floor(at / kit.columns)) / rows}%`;
  button.addEventListener("click", () => add(sticker.name, style.value));
  return { button, ...sticker };
});
// A sticker is found by its names and its sort's, in English and in the language of the page.
const spoken = typeof labLanguages === "undefined" ? { named: () => [], translated: () => "" } : labLanguages;
const hiragana = (letter) => String.fromCharCode(letter.charCodeAt() - 0x60);
const folded = (text) => text.normalize("NFKC").toLowerCase().replace(/[ァ-ヶ]/g, hiragana);
const wordsOf = ({ name, plural, sort, sorts }) =>
  folded([name, plural, sort, sorts, ...spoken.named("sticker", name), spoken.translated(sorts) ?? ""].join(" "));
const none = make("p", { className: "lab-soft", textContent: "No sticker of that name." });
const sift = () => {
  const wanted = folded(search.value).split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { button, ...sticker } of offered) {
    const words = wordsOf(sticker);
    button.hidden = (sort.value && sticker.sort !== sort.value) || !wanted.every((word) => words.includes(word));
    count += !button.hidden;
  }
  none.hidden = count > 0;
  const shown = offered.filter(({ button }) => !button.hidden);
  if (!shown.some(({ button }) => button.tabIndex === 0)) {  // see rove.js
    for (const { button } of offered) button.tabIndex = button === shown[0]?.button ? 0 : -1;
  }
};
const dress = () => {
  const wanted = style.value;
  picture("sheet", wanted).then((url) => {
    if (url && wanted === style.value) tiles.style.setProperty("--lc-sheet", `url("${url}")`);
  });
};
tiles.style.setProperty("--lc-columns", kit.columns);
tiles.append(...offered.map(({ button }) => button), none);
search.addEventListener("input", sift);
search.addEventListener("keydown", ({ key, isComposing }) => {
  if (isComposing) return;  // Enter takes what an input method offers
  const first = offered.find(({ button }) => !button.hidden);
  if (key === "Enter" && first) first.button.click();
});
document.addEventListener("lab-language", sift);
sort.addEventListener("input", sift);
style.addEventListener("input", () => {
  dress();
  if (!thing()) return;
  thing().style = style.value;
  draw();
  settle();
});
sift();

// Saving and sharing.
const keep = (href, download) => make("a", { href, download }).click();
const address = () => `${location.origin}${location.pathname}?${link}`;
const reveal = () => {
  linked.hidden = false;
  linked.value = address();
  linked.select();
};
const shares = {
  undo: () => step(-1),
  redo: () => step(1),
  clear: () => {
    scene.stickers = [];
    choose(null);
    settle();
  },
  link: async () => {
    if (!link) return say("The link is ready as soon as the model has answered.");
    reveal();
    try {
      await navigator.clipboard.writeText(address());
      say("The link is copied.");
    } catch {
      say("The link is marked: copy it with Ctrl C.");
    }
  },
  png: async () => {
    try {
      const { url, trouble } = await server.png(plain());
      if (trouble) say(trouble);
      else keep(url, "scene.png");
    } catch {
      away();
    }
  },
  json: () => keep(`data:application/json,${encodeURIComponent(JSON.stringify(plain(), null, 1))}`, "scene.json"),
  open: () => file.click(),
};
root.addEventListener("click", ({ target }) => {
  const name = target.closest("[data-do]")?.dataset.do;
  if (name in shares) shares[name]();
  else if (name) act(name);
});
file.addEventListener("change", async () => {
  const [given] = file.files;
  if (!given) return;
  if (given.size > kit.longest) say("This file is too large for a scene.");
  else {
    clearTimeout(waiting);
    trigger("open", { text: await given.text() });
  }
  file.value = "";
});

// What the server answers.
const hear = () => {
  const message = props.value ?? {};
  if (message.trouble) say(message.trouble);
  if (message.scene) {
    origin = message.put;
    load(message.scene, message.glide);
  }
  else if (message.serial !== -1 && message.serial !== serial) {
    // Of an edit that is history. If no other is on its way, what stands beside the scene is history too.
    if (message.serial === sent) send();
    return;
  }
  if (!message.link) return;
  link = message.link;
  linked.hidden = true;
  // A broken link stays in the address, to be looked at; an address that was never a scene's only changes with one.
  const shared = past.length > 1 || new URLSearchParams(location.search).has("scene");
  const seen = stage.offsetParent !== null;  // else the address is that of another tab
  if (shared && seen && !message.trouble) document.dispatchEvent(new CustomEvent("lab-address", { detail: link }));
  stage.setAttribute("aria-label", `The scene: ${message.says}. Tab goes from sticker to sticker; `
    + "arrows move, plus and minus resize, M mirrors, Delete deletes.");
  beyond.hidden = !message.beyond.length;
  beyond.replaceChildren("Further than the model was trained: ",
    ...message.beyond.flatMap((clause, at) => [at ? "; " : "", make("span", { textContent: clause })]), ". Take its answer as a guess.");
};
watch("value", hear);
draw();
new IntersectionObserver((seen, observer) => {
  if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
  observer.disconnect();
  dress();
  trigger("arrive", { search: location.search });
}).observe(stage);
