// The page in other languages. English text is the key: app/languages/*.json say what stands for it, and
// docs/add-a-language.md how they are written. Nothing of the server knows of it: values stay English.
//
// What a text was before is remembered beside it, so that English comes back letter by letter, and what the
// page writes later is translated anew. Elements with translate="no" or the class notranslate hold words of the
// model or of the visitor and are left alone, as are code and the choices of a list, whose chosen one is a value.
// All of that stays English in every language, and is marked so: a voice that reads Chinese would spell it.
const labLanguages = ((kit) => {
  // Gradio's own words come in the browser's language and cannot be changed later. So it is told English, and
  // what it says is translated like the rest.
  const browser = [...(navigator.languages ?? [navigator.language])];
  for (const [name, value] of [["language", "en"], ["languages", ["en"]]])
    Object.defineProperty(navigator, name, { value, configurable: true });

  const ATTRIBUTES = ["alt", "aria-label", "aria-valuetext", "data-lacks", "data-title", "placeholder", "title"];
  const MARKS = ["lang", "translate"]; // Gradio writes an element anew by taking away what it does not know
  const FENCED = "script, style, code, pre, .katex, .notranslate, .api-docs, [role=listbox], #js-plotly-tester, "
    + ".lab-verbatim :is(.legend, .annotation, .hoverlayer)";
  const CLOSED = "textarea, select.notranslate"; // what stands in them is a value; what is said about them is not
  const INLINE = new Set(["a", "b", "em", "i", "small", "span", "strong", "sub", "sup", "u"]);
  const ENGLISH = "en";
  const WORDLESS = "script, style, .katex, select, #js-plotly-tester"; // nothing is read in them, or each part says what it is

  // The dictionary.

  const HOLE = /\{(\w+)\}/;
  const NUMBER = "([<~±+−-]?\\s?\\d[\\d,.]*(?:e[+-]?\\d+)?)";
  const squeeze = (text) => text.replace(/\s+/g, " ").trim();
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

  // "{n} of {m} patches" becomes a pattern. A hole of one small letter holds a number, one in capitals words of
  // the page, which are translated in their turn; any other holds what is left as it is. {STICKER} holds a name that
  // is a word of the page there alone: the key of "cat" in it is "(sticker) cat". Names may be several, " | " between
  // them: the first is shown, and all are found.
  const template = (source, target) => {
    const names = [];
    const [first, ...parts] = source.split(new RegExp(HOLE, "g"));
    let pattern = escaped(first);
    for (let at = 0; at < parts.length; at += 2) {
      const [name, literal] = parts.slice(at, at + 2), known = names.indexOf(name);
      if (known < 0) names.push(name);
      pattern += known >= 0 ? `\\${known + 1}` : /^[a-z]\d?$/.test(name) ? NUMBER : "([^<]+?)";
      pattern += escaped(literal);
    }
    const literal = source.replace(new RegExp(HOLE, "g"), "").length;
    return { names, target, literal, pattern: new RegExp(`^${pattern}$`, "s") };
  };

  const dictionary = (texts) => {
    const plain = new Map(), starts = new Map(), found = new Map();
    for (const [source, target] of Object.entries(texts)) {
      if (!HOLE.test(source)) {
        plain.set(source, target);
        continue;
      }
      const start = source.startsWith("{") ? "" : source[0];
      starts.set(start, [...(starts.get(start) ?? []), template(source, target)]);
    }
    // Those that can begin so, the one that says most itself first.
    const sorted = new Map();
    const fitting = (start) => {
      if (!sorted.has(start)) {
        const some = [...(starts.get(start) ?? []), ...(starts.get("") ?? [])];
        sorted.set(start, some.sort((one, other) => other.literal - one.literal));
      }
      return sorted.get(start);
    };
    const named = (kind, name) => plain.get(`(${kind}) ${name}`)?.split(" | ") ?? [];
    const inTurn = (hole, words) => named(hole.toLowerCase(), words)[0] ?? look(words) ?? words;
    const look = (text) => {
      if (plain.has(text)) return plain.get(text);
      for (const { pattern, names, target } of fitting(text[0])) {
        const match = pattern.exec(text);
        if (!match) continue;
        const values = Object.fromEntries(names.map((name, at) => [name, match[at + 1]]));
        return target.replace(new RegExp(HOLE, "g"), (_, name) =>
          name === name.toUpperCase() ? inTurn(name, values[name]) : values[name]);
      }
      return undefined;
    };
    const translate = (text) => {
      if (!/\p{L}/u.test(text)) return undefined;
      if (!found.has(text)) {
        if (found.size > 5000) found.clear();
        found.set(text, look(text));
      }
      return found.get(text);
    };
    return Object.assign(translate, { named });
  };

  const nothing = Object.assign(() => undefined, { named: () => [] });
  let translated = nothing;

  // What is on the page, and what was there before.

  const texts = new WeakMap(); // of a text: { source, shown }
  const values = new WeakMap(); // of an element's attributes, by name: the same
  const orders = new WeakMap(); // of an element whose children were moved: { before, after, made }

  const sourceOf = (text) => {
    const known = texts.get(text);
    return known?.shown === text.nodeValue ? known.source : text.nodeValue;
  };
  const show = (text, shown) => {
    const source = sourceOf(text);
    if (shown === source) texts.delete(text);
    else texts.set(text, { source, shown });
    if (text.nodeValue === shown) return;
    const label = text.parentElement?.closest("text.annotation-text");
    const before = label?.getBBox().width; // of several lines, the longest
    text.nodeValue = shown;
    if (label) keepSide(label, label.getBBox().width - before);
  };
  // A label grows about the point where Plotly has put its English text: at its start, its middle or its end, as its
  // lines are aligned. It must stay where the annotation is held.
  const SIDES = { start: 0, left: 0, middle: 0.5, center: 0.5, end: 1, right: 1 };
  const shifts = new WeakMap(); // of a label, pixels
  const keepSide = (label, grown) => {
    const place = label.closest(".annotation")?.dataset.index;
    const put = SIDES[getComputedStyle(label).textAnchor];
    const held = SIDES[label.closest(".js-plotly-plot")?.layout?.annotations?.[place]?.xanchor] ?? put;
    const shift = (shifts.get(label) ?? 0) + (put - held) * grown;
    shifts.set(label, shift);
    label.style.translate = Math.abs(shift) < 0.5 ? "" : `${shift}px`;
  };

  const isText = (node) => node.nodeType === Node.TEXT_NODE;
  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
  const isOwnFence = (element) =>
    element.matches(FENCED) || element.getAttribute("translate") === "no";
  const isFenced = (element) =>
    element.closest(FENCED) !== null || element.closest('[translate="no"]') !== null;
  const isReached = (element) => !element.parentElement || !isFenced(element.parentElement);
  const isInline = (element) => INLINE.has(element.localName) && !isOwnFence(element);
  const says = (node) => isText(node) && sourceOf(node).trim() !== "";

  const childrenOf = (element) => {
    const now = [...element.childNodes], known = orders.get(element);
    const same = known?.after.length === now.length && now.every((node, at) => node === known.after[at]);
    return same ? known.before : now.filter((node) => !known?.made.includes(node));
  };
  const putBack = (element) => {
    const known = orders.get(element);
    if (!known) return;
    const before = childrenOf(element);
    for (const made of known.made) made.remove();
    if (known.moved) element.append(...before);
    orders.delete(element);
  };

  // A sentence with other elements inside is one unit, so that a translation can put them elsewhere: its key is
  // its text with <1>the first element's text</1>, or <2/> where that is none to translate.
  const read = (element, parts = []) => {
    let key = "";
    for (const node of childrenOf(element)) {
      if (isText(node)) key += sourceOf(node);
      if (!isElement(node)) continue;
      parts.push(node);
      const number = parts.length;
      const inside = isInline(node) ? read(node, parts).key : "";
      const tells = squeeze(inside.replace(/<[^>]*>/g, "")) !== "";
      if (!tells) parts.length = number;
      key += tells ? `<${number}>${inside}</${number}>` : `<${number}/>`;
    }
    return { key, parts };
  };
  const write = (element, target, parts) => {
    const wanted = [];
    for (const match of target.matchAll(/<(\d+)>(.*?)<\/\1>|<(\d+)\/>|([^<]+|<)/gs)) {
      const [, number, inside, empty, text] = match;
      if (text !== undefined) {
        if (typeof wanted.at(-1) === "string") wanted.push(wanted.pop() + text);
        else wanted.push(text);
        continue;
      }
      const node = parts[Number(number ?? empty) - 1];
      wanted.push(node);
      if (number) write(node, inside, parts);
    }
    arrange(element, wanted);
  };
  // Texts are used again and nothing is taken out: whoever wrote the page may still hold on to its nodes.
  const arrange = (element, wanted) => {
    putBack(element);
    const before = [...element.childNodes], free = before.filter(isText), made = [];
    const elements = before.filter(isElement);
    const moved = wanted.filter((one) => typeof one !== "string").some((node, at) => node !== elements[at]);
    let last = null; // of what is in its place
    for (const one of wanted) {
      let node = one;
      if (typeof one === "string") {
        const next = last ? last.nextSibling : element.firstChild;
        node = free.find((text) => text === next) ?? (moved ? free[0] : undefined);
        if (node) free.splice(free.indexOf(node), 1);
        else made.push((node = document.createTextNode("")));
        show(node, one);
      }
      if (!node.parentNode || moved) element.insertBefore(node, last ? last.nextSibling : element.firstChild);
      last = node;
    }
    for (const text of free) show(text, "");
    if (moved || made.length) orders.set(element, { before, after: [...element.childNodes], made, moved });
  };

  const asUnit = (element) => {
    const children = childrenOf(element);
    if (!children.some(says) || !children.some((node) => isElement(node))) return false;
    const { key, parts } = read(element);
    const target = translated(squeeze(key));
    if (target === undefined) return false;
    write(element, target, parts);
    return true;
  };

  const visitText = (text) => {
    const source = sourceOf(text), target = translated(squeeze(source));
    const [lead, trail] = [/^\s*/.exec(source)[0], /\s*$/.exec(source)[0]];
    show(text, target === undefined ? source : lead + target + trail);
  };
  const visitAttribute = (element, name) => {
    const now = element.getAttribute(name), known = values.get(element);
    if (now === null) return;
    const source = known?.[name]?.shown === now ? known[name].source : now;
    const shown = translated(squeeze(source)) ?? source;
    if (shown === source) delete known?.[name];
    else values.set(element, { ...known, [name]: { source, shown } });
    if (shown !== now) element.setAttribute(name, shown);
  };

  // What stays English among words of another language says so, unless it has a language of its own.
  const marked = new WeakSet();
  const mark = (element, stays) => {
    const now = element.getAttribute("lang");
    if (stays && now === null) {
      marked.add(element);
      element.setAttribute("lang", ENGLISH);
    } else if (!stays && now === ENGLISH && marked.delete(element)) element.removeAttribute("lang");
  };
  const foreign = () => translated !== nothing;
  // Of a field the words in it: those that stand there while it is empty are translated.
  const markFields = () => {
    for (const field of document.querySelectorAll("textarea")) mark(field, foreign() && !field.matches(":placeholder-shown"));
  };
  const stays = (element) => {
    const said = [...element.childNodes].filter(says);
    return foreign() && !element.children.length && said.length > 0
      && said.every((text) => /[A-Za-z]{2}/.test(text.nodeValue) && !texts.has(text));
  };

  // An element that lies behind no fence; with ``deep`` everything in it.
  const visit = (element, deep = true) => {
    if (isOwnFence(element)) {
      if (!element.matches(WORDLESS)) mark(element, foreign());
      return;
    }
    for (const name of ATTRIBUTES) visitAttribute(element, name);
    if (element.matches(CLOSED)) return;
    const whole = asUnit(element);
    if (!whole) {
      putBack(element);
      for (const node of element.childNodes) if (isText(node)) visitText(node);
    }
    mark(element, !whole && stays(element));
    for (const node of element.children) {
      if (whole && isInline(node)) visitInside(node);
      else if (deep || isInline(node)) visit(node, deep);
    }
  };
  // What a unit has translated already is left; what stands in it and is none of its text is not.
  const visitInside = (element) => {
    for (const name of ATTRIBUTES) visitAttribute(element, name);
    for (const node of element.children) isInline(node) ? visitInside(node) : visit(node);
  };

  // The unit that a text may belong to.
  const unitOf = (element) => {
    let unit = element;
    for (let at = element; isInline(at) && at.parentElement; at = at.parentElement)
      if (childrenOf(at.parentElement).some(says)) unit = at.parentElement;
    return unit;
  };
  const follow = (records) => {
    const shallow = new Set(), deep = new Set();
    for (const { type, target, addedNodes, removedNodes, attributeName } of records) {
      if (!target.isConnected) continue;
      if (type === "attributes") {
        if (MARKS.includes(attributeName)) shallow.add(target);
        else if (!isFenced(target)) visitAttribute(target, attributeName);
      } else if (type === "characterData") {
        if (target.parentElement) shallow.add(unitOf(target.parentElement));
      } else {
        const mixed = [...addedNodes, ...removedNodes].some(isText) || childrenOf(target).some(says);
        if (mixed) shallow.add(unitOf(target));
        for (const node of addedNodes) if (isElement(node)) deep.add(node);
      }
    }
    for (const element of deep) if (element.isConnected && isReached(element)) visit(element);
    for (const element of shallow) if (element.isConnected && isReached(element)) visit(element, false);
    markFields();
    observer.takeRecords(); // what was written just now
  };
  const observer = new MutationObserver(follow);

  // Which language: of the address, else as chosen before, else the browser's.

  const held = () => { try { return localStorage.getItem("lab-language"); } catch { return null; } };
  const hold = (code) => { try { localStorage.setItem("lab-language", code); } catch { /* then it is forgotten */ } };
  const known = (code) => Object.keys(kit.names).find((one) => one === code?.toLowerCase().split("-")[0]);
  const wished = () => {
    const address = known(new URLSearchParams(location.search).get("lang"));
    if (address) hold(address);
    return address ?? known(held()) ?? browser.map(known).find(Boolean) ?? ENGLISH;
  };

  // Gradio writes its own there.
  const rename = () => { if (document.documentElement.lang !== current) document.documentElement.lang = current; };
  new MutationObserver(rename).observe(document.documentElement, { attributeFilter: ["lang"] });

  const fetched = new Map();
  const load = (code) => {
    if (!fetched.has(code)) {
      fetched.set(code, fetch(kit.files[code]).then((answer) => {
        if (!answer.ok) throw new Error(`no dictionary of ${code}`);
        return answer.json();
      }).then(dictionary));
      fetched.get(code).catch(() => fetched.delete(code));
    }
    return fetched.get(code);
  };
  let current = ENGLISH, turn = 0, shown = false; // whether any other language was
  const speak = async (code) => {
    const mine = (turn += 1);
    let found = nothing;
    try {
      if (code !== ENGLISH) found = await load(code);
    } catch {
      code = ENGLISH; // better than nothing
    }
    if (mine !== turn) return;
    observer.disconnect();
    [current, translated] = [code, found];
    rename();
    if (document.body && (code !== ENGLISH || shown)) {
      visit(document.body);
      markFields();
    }
    shown ||= code !== ENGLISH;
    if (code !== ENGLISH) {
      observer.observe(document.documentElement, {
        subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: [...ATTRIBUTES, ...MARKS],
      });
    }
    document.documentElement.classList.remove("lab-unread");
    document.dispatchEvent(new CustomEvent("lab-language", { detail: code }));
  };
  const choose = (code) => {
    hold(code);
    const address = new URL(location.href);
    if (address.searchParams.has("lang")) {
      address.searchParams.set("lang", code);
      history.replaceState(history.state, "", address);
    }
    return speak(code);
  };

  // For the tests: what is on show and has no translation.
  const missing = (element = document.body, found = new Set()) => {
    if (isOwnFence(element) || !element.checkVisibility?.()) return found;
    const note = (text) => { if (/[A-Za-z]{2}/.test(text) && translated(squeeze(text)) === undefined) found.add(squeeze(text)); };
    for (const name of ATTRIBUTES) {
      const now = element.getAttribute(name);
      if (now !== null && values.get(element)?.[name]?.shown !== now) note(now);
    }
    if (element.matches(CLOSED)) return found;
    for (const node of element.childNodes) {
      if (isText(node) && texts.get(node)?.shown !== node.nodeValue) note(node.nodeValue);
      if (isElement(node)) missing(node, found);
    }
    return found;
  };

  // For the tests too: English on show that nothing says is English, by the words of a model or a visitor.
  const unmarked = () => [...document.querySelectorAll(`${FENCED}, [translate="no"]`)]
    .filter((element) => element.checkVisibility?.() && !element.matches(WORDLESS) && !element.closest(WORDLESS)
      && /[A-Za-z]{2}/.test(element.textContent) && !element.closest('[lang="en"]'))
    .map((element) => element.outerHTML.slice(0, 120));

  for (const event of ["input", "focusin"]) document.addEventListener(event, markFields);
  const first = wished();
  document.documentElement.classList.toggle("lab-unread", first !== ENGLISH); // no flash of English
  speak(first);
  document.addEventListener("DOMContentLoaded", () => { if (current !== ENGLISH) visit(document.body); });
  return {
    choose, unmarked, missing: () => [...missing()], get current() { return current; },
    // For scripts that look for what a visitor calls by its name: in the language on show, none in English.
    named: (kind, name) => translated.named(kind, name),
    translated: (text) => translated(text),
  };
})(/*LANGUAGES*/);
