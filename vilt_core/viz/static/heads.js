// The layer x head matrix of attention: who looks, a small map a head, and one of them over the picture.
// headsView(root).show(payload); see heads.py for the payload.
const headsView = (root) => {
  const make = (tag, settings = {}, ...inside) => {
    const node = Object.assign(document.createElement(tag), settings);
    node.append(...inside);
    return node;
  };
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);
  let data, patches, text, query = 0, layer = 0, head = 0;

  const ramp = (level, stops) => {
    const at = Math.min(Math.max(level, 0), 1) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    return [0, 1, 2].map((c) => stops[low][c] + (at - low) * (stops[low + 1][c] - stops[low][c]));
  };
  const row = (l, h) => (l * data.size[1] + h) * data.queries.length + query;
  const levels = (packed, length, l, h) => packed.subarray(row(l, h) * length, (row(l, h) + 1) * length);

  // A pixel a patch; the browser makes it larger.
  const paint = (canvas, l, h, over) => {
    const [rows, columns] = data.grid;
    Object.assign(canvas, { width: columns, height: rows });
    const dark = document.body.classList.contains("dark");
    const stops = over || dark ? data.ramps.dark : data.ramps.light;
    const image = new ImageData(columns, rows);
    levels(patches, rows * columns, l, h).forEach((byte, at) => {
      const level = byte / 255;
      const [r, g, b] = ramp(level, stops);
      image.data.set([r, g, b, over ? 255 * (0.72 - 0.2 * level) : 255], 4 * at);
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
  };

  const chips = make("div", { className: "vx-queries", role: "group" });
  chips.setAttribute("aria-label", "Who looks");
  const matrix = make("div", { className: "vx-matrix", role: "group" });
  matrix.setAttribute("aria-label", "Heads, a row a layer");
  const stage = make("div", { className: "vx-stage" });
  const picture = make("img", { alt: "" });
  const over = make("canvas");
  const told = make("p", { className: "vx-told" });
  told.setAttribute("aria-live", "polite");
  const said = make("p", { className: "vx-words" });
  stage.append(make("div", { className: "vx-picture" }, picture, over), told, said);

  const detail = () => {
    paint(over, layer, head, true);
    const at = row(layer, head);
    const who = data.queries[query];
    told.textContent = `Layer ${layer + 1}, head ${head + 1}: ${percent(data.on_picture[at])} of what ${who} looks at are patches, `
      + `${percent(data.on_words[at])} words, the rest [CLS], [SEP] and the picture's class. `
      + `The brightest patch has ${percent(data.patches.top[at])}.`;
    picture.alt = `Attention of ${who} in layer ${layer + 1}, head ${head + 1}, over the picture`;
    said.replaceChildren(...data.words.map((word, w) => {
      const span = make("span", { textContent: word, translate: false });
      const share = (levels(text, data.words.length, layer, head)[w] / 255) * data.text.top[at];
      span.style.setProperty("--vx-heat", `${Math.min(100, 250 * share).toFixed(0)}%`);
      span.title = percent(share);
      return span;
    }));
    for (const cell of matrix.querySelectorAll("button"))
      cell.setAttribute("aria-pressed", Number(cell.dataset.layer) === layer && Number(cell.dataset.head) === head);
  };
  const repaint = () => {
    for (const cell of matrix.querySelectorAll("button"))
      paint(cell.firstElementChild, Number(cell.dataset.layer), Number(cell.dataset.head), false);
    for (const chip of chips.children) chip.setAttribute("aria-pressed", Number(chip.dataset.query) === query);
    detail();
  };

  const lay = () => {
    const [depth, heads] = data.size;
    chips.replaceChildren(...data.queries.map((name, at) => {
      const chip = make("button", { type: "button", textContent: name, translate: false });
      chip.dataset.query = at;
      return chip;
    }));
    const cells = [make("i", { textContent: "" })];
    for (let h = 0; h < heads; h++) cells.push(make("i", { textContent: h + 1, title: `head ${h + 1}` }));
    for (let l = 0; l < depth; l++) {
      cells.push(make("i", { textContent: l + 1, title: `layer ${l + 1}` }));
      for (let h = 0; h < heads; h++) {
        const cell = make("button", { type: "button" }, make("canvas"));
        Object.assign(cell.dataset, { layer: l, head: h });
        cell.setAttribute("aria-label", `Layer ${l + 1}, head ${h + 1}`);
        cells.push(cell);
      }
    }
    matrix.style.setProperty("--vx-heads", heads);
    matrix.style.setProperty("--vx-ratio", `${data.grid[1]} / ${data.grid[0]}`);
    matrix.replaceChildren(...cells);
    picture.src = data.picture;
    root.replaceChildren(chips, make("div", { className: "vx-side" }, matrix, stage));
  };

  root.addEventListener("click", ({ target }) => {
    const cell = target.closest(".vx-matrix button");
    const chip = target.closest(".vx-queries button");
    if (cell) {
      [layer, head] = [Number(cell.dataset.layer), Number(cell.dataset.head)];
      detail();
    } else if (chip) {
      query = Number(chip.dataset.query);
      repaint();
    }
  });
  root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || !event.target.closest(".vx-matrix")) return;
    event.preventDefault();
    layer = Math.min(Math.max(layer + step[0], 0), data.size[0] - 1);
    head = Math.min(Math.max(head + step[1], 0), data.size[1] - 1);
    matrix.querySelector(`[data-layer="${layer}"][data-head="${head}"]`).focus();
    detail();
  });
  new MutationObserver(() => data && root.childElementCount && repaint()).observe(document.body, { attributeFilter: ["class"] });

  return {
    show(payload) {
      if (!payload || !payload.patches) {
        data = undefined;
        root.replaceChildren();
        return;
      }
      root.payload = payload;  // for whoever keeps the view as a page
      const same = data && data.size.join() === payload.size.join();
      data = payload;
      [patches, text] = [bytes(data.patches.data), bytes(data.text.data)];
      query = 0;
      if (!same) [layer, head] = [data.size[0] - 1, 0];
      lay();
      repaint();
    },
  };
};
