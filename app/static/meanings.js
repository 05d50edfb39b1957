// Where a word of the glossary first stands in the tab on show, dots underline it, and what it means opens under the
// pointer, at a tap or with the keyboard. No text is touched: the browser paints over it, and a place is hit by its
// boxes. So what a click did it still does, and whoever writes the page may write it anew.
if (CSS.highlights && element.showPopover) (() => {
  // Words of a model or a visitor, what is pressed anyway, drawings.
  const PASSED = "script, style, code, pre, svg, textarea, select, button, a, summary, [role=button], [role=listbox], .katex, "
    + ".notranslate, [translate=no], .lab-glossary, .lab-save, .lab-sr, .lab-met";
  const SEEN = { visibilityProperty: true, opacityProperty: true };
  const REST = 300, PAUSE = 150; // milliseconds: the page between two looks at it, a pointer on a word
  const ENGLISH = "en";
  const meanings = [...element.querySelectorAll("[data-term]")];

  // How the language on show writes them; the longest first, so that "transport plan" is no "transport".
  const kit = typeof labLanguages === "undefined" ? null : labLanguages;
  const waysOf = ({ dataset: { term, forms } }) => {
    if (!kit || kit.current === ENGLISH) return forms.split("|");
    const ways = kit.named("term", term);
    return ways.length ? ways : [kit.translated(term) ?? term];
  };
  const words = new Intl.Segmenter(undefined, { granularity: "word" });
  let known, pattern;
  const learn = () => {
    known = new Map(meanings.flatMap((meaning) => waysOf(meaning).map((way) => [way.toLowerCase(), meaning])));
    const ways = [...known.keys()].sort((one, other) => other.length - one.length);
    const escaped = ways.map((way) => way.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
    pattern = new RegExp(`(?<![a-z0-9-])(?:${escaped.join("|")})(?![a-z0-9-])`, "gi");
  };
  // A letter alone may be part of another word, as in Chinese.
  const isWord = (text, at, length) => length > 1 || words.segment(text).containing(at).segment.length === 1;

  // Looking for them.

  let marks = new Map(); // of a meaning: { meaning, range, place, key }
  let open = null, soon = 0; // the mark whose meaning is shown, and what waits to show one
  const paint = (name, ranges) => CSS.highlights.set(name, new Highlight(...ranges));
  const findIn = (text, found) => {
    for (const { 0: way, index } of text.data.matchAll(pattern)) {
      const meaning = known.get(way.toLowerCase()), place = text.parentElement;
      if (found.has(meaning) || !isWord(text.data, index, way.length) || !place.checkVisibility(SEEN)) continue;
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + way.length);
      if (range.getClientRects().length) found.set(meaning, { meaning, range, place });
    }
  };
  const isWhere = ({ range }, other) => range.startContainer === other?.range.startContainer && range.startOffset === other.range.startOffset
    && range.endOffset === other.range.endOffset;
  const passing = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return NodeFilter.FILTER_ACCEPT;
    return node.matches(PASSED) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_SKIP;
  };
  const look = () => {
    const found = new Map(), panel = [...document.querySelectorAll(".lab-tabs > [role=tabpanel]")].find((one) => one.checkVisibility());
    if (panel) {
      const walk = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT, passing);
      while (walk.nextNode()) findIn(walk.currentNode, found);
    }
    for (const [meaning, mark] of found) mark.key = keyOf(mark, marks.get(meaning)?.key);
    for (const [meaning, { key }] of marks) if (found.get(meaning)?.key !== key) key.remove();
    const moved = found.size !== marks.size || [...found].some(([meaning, mark]) => !isWhere(mark, marks.get(meaning)));
    marks = found;
    if (moved) paint("lab-met", [...marks.values()].map(({ range }) => range)); // the browser draws the page anew for it
    if (open) marks.has(open.meaning) ? show(marks.get(open.meaning)) : close();
  };
  // For the keyboard and for voices: a button, unseen, at the end of the block that the word stands in.
  const keyOf = ({ meaning, place }, before) => {
    const block = place.closest(".block") ?? place.closest("[role=tabpanel]");
    if (before?.parentElement === block) return before;
    const key = Object.assign(document.createElement("button"), { type: "button", className: "lab-met lab-sr" });
    key.setAttribute("aria-label", `What “${meaning.dataset.term}” means`);
    key.setAttribute("aria-describedby", meaning.id);
    key.addEventListener("focus", () => {
      place.scrollIntoView({ block: "nearest" });
      show(marks.get(meaning));
    });
    key.addEventListener("blur", () => close());
    key.addEventListener("click", () => show(marks.get(meaning)));
    return block.appendChild(key);
  };

  // Showing one.

  const show = (mark) => {
    const { meaning, range } = mark, box = range.getClientRects()[0];
    if (!box) return close();
    if (open?.meaning !== meaning) close();
    open = mark;
    paint("lab-met-open", [range]);
    if (!meaning.matches(":popover-open")) meaning.showPopover();
    const { clientWidth, clientHeight } = document.documentElement;
    const below = box.bottom + meaning.offsetHeight < clientHeight || box.top < meaning.offsetHeight;
    meaning.style.left = `${scrollX + Math.max(8, Math.min(box.left, clientWidth - meaning.offsetWidth - 8))}px`;
    meaning.style.top = `${scrollY + (below ? box.bottom : box.top - meaning.offsetHeight)}px`;
  };
  const close = () => {
    if (!open) return;
    if (open.meaning.matches(":popover-open")) open.meaning.hidePopover();
    CSS.highlights.delete("lab-met-open");
    open = null;
  };
  const within = ({ clientX: x, clientY: y }) => ({ left, right, top, bottom }) => x >= left && x <= right && y >= top && y <= bottom;
  const under = (event) => [...marks.values()].find(({ place, range }) =>
    place === event.target && [...range.getClientRects()].some(within(event)));
  const isMeaning = ({ target }) => target instanceof Element && target.closest("[data-term]") === open?.meaning;

  // A click on a label is followed by one of its field.
  const isPassedOn = ({ target }) => target === open?.place.closest("label")?.control;

  document.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse") return;
    clearTimeout(soon);
    const mark = under(event);
    if (mark) soon = setTimeout(() => show(marks.get(mark.meaning) ?? mark), PAUSE);
    else if (open && !isMeaning(event) && document.activeElement !== open.key) close();
  }, { passive: true });
  document.addEventListener("click", (event) => {
    clearTimeout(soon);
    const mark = under(event);
    if (mark) show(mark);
    else if (!isMeaning(event) && !isPassedOn(event) && !event.target.closest?.(".lab-met")) close();
  });
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape") close(); });

  let due = 0;
  const later = () => {
    due ||= setTimeout(() => {
      due = 0;
      requestIdleCallback(look, { timeout: REST });
    }, REST);
  };
  document.addEventListener("lab-language", () => {
    learn();
    later();
  });
  const begin = () => {
    const tabs = document.querySelector(".lab-tabs");
    if (!tabs) return setTimeout(begin, REST); // they may come after this
    new MutationObserver(later).observe(tabs, {
      subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["class", "style", "hidden", "open"],
    });
    learn();
    later();
  };
  begin();
})();
