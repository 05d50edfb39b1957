// How words and a picture meet: whoever points at something in the figures of meeting.py is told of it.
// meetingView(root) hears everything inside root, now and later; nothing is drawn here that is not there already.
const meetingView = (root) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);
  const unpacked = new WeakMap();
  const once = (node, unpack) => {
    if (!unpacked.has(node)) unpacked.set(node, unpack());
    return unpacked.get(node);
  };

  // Who looks at whom.

  const layout = ({ dataset: { text, image, first, columns } }) => (
    { text: +text, image: +image, first: +first, columns: +(columns ?? 0), size: +text + +image });
  const weight = (view, row, column) => {
    const levels = once(view, () => new Uint16Array(bytes(view.dataset.weights)));
    return levels[row * layout(view).size + column] / 65535;
  };
  const name = (view, at) => {
    const { text, first, columns } = layout(view), piece = at - text - first;
    if (at < text) return `“${view.querySelector(`[data-row="${at}"]`).dataset.word}”`;
    if (piece < 0) return "[class]";
    return columns ? `row ${Math.floor(piece / columns) + 1}, column ${(piece % columns) + 1}` : `region ${piece + 1}`;
  };
  const tell = (view, text) => {
    view.querySelector(".vp-told").textContent = text;
  };
  const heat = (view, row, marked = -1) => {
    const { text, first } = layout(view), rects = [...view.querySelectorAll("[data-piece]")];
    const levels = rects.map((_, piece) => weight(view, row, text + first + piece));
    const top = Math.max(...levels, 1e-12);
    rects.forEach((rect, piece) => {
      rect.style.setProperty("--heat", (levels[piece] / top).toFixed(3));
      rect.classList.toggle("vp-marked", piece === marked);
    });
  };
  const pinned = (view) => view.querySelector('[data-row][aria-pressed="true"]');
  const word = (view, button) => {
    heat(view, +button.dataset.row);
    tell(view, button.dataset.told);
  };
  const look = (view, row, column) => {
    const { text, first } = layout(view);
    heat(view, row, (column < text ? row : column) - text - first);
    tell(view, `From ${name(view, row)} to ${name(view, column)}: ${percent(weight(view, row, column))}`);
  };
  // The same word in every model that has it at the same place.
  const everywhere = (button, act) => {
    for (const other of root.querySelectorAll(`[data-row="${button.dataset.row}"]`))
      if (other.dataset.word === button.dataset.word) act(other.closest(".vp-who"), other);
  };
  const rest = () => {
    for (const view of root.querySelectorAll(".vp-who")) word(view, pinned(view));
  };
  const inside = (node, { clientX, clientY }, rows, columns) => {
    const { left, top, width, height } = node.getBoundingClientRect();
    const at = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    return [at((clientY - top) / height, rows), at((clientX - left) / width, columns)];
  };

  // Two vectors.

  const product = (strip, event) => {
    const view = strip.closest(".vp-dot"), numbers = once(view, () => new Float32Array(bytes(view.dataset.vectors)));
    const width = numbers.length / 2, [, at] = inside(strip, event, 1, width);
    const [one, other] = [numbers[at], numbers[width + at]];
    tell(view, `Number ${at + 1}: ${one.toFixed(3)} x ${other.toFixed(3)} = ${(one * other).toFixed(4)}`);
  };

  const pointed = (event) => {
    const { target } = event;
    const strip = target.closest?.(".vp-strip"), block = target.closest?.("[data-of]");
    const button = target.closest?.("[data-row]"), piece = target.closest?.("[data-piece]");
    if (strip) product(strip, event);
    else if (button) everywhere(button, word);
    else if (block) {
      const view = block.closest(".vp-who"), sizes = layout(view), { of, to } = block.dataset;
      const [row, column] = inside(block, event, sizes[of], sizes[to]);
      look(view, row + (of === "image" ? sizes.text : 0), column + (to === "image" ? sizes.text : 0));
    } else if (piece) {
      const view = piece.closest(".vp-who"), { text, first } = layout(view);
      look(view, +pinned(view).dataset.row, text + first + +piece.dataset.piece);
    }
  };
  root.addEventListener("pointermove", pointed);
  root.addEventListener("pointerdown", pointed);
  root.addEventListener("focusin", pointed);
  root.addEventListener("pointerout", ({ target, pointerType }) => {
    if (pointerType !== "touch" && target.closest?.("[data-row], [data-of], [data-piece]")) rest();
  });
  root.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-row]");
    if (!button) return;
    everywhere(button, (view, own) => {
      pinned(view).setAttribute("aria-pressed", false);
      own.setAttribute("aria-pressed", true);
      word(view, own);
    });
  });
};
