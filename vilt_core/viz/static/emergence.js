// emergenceView(root) shows the snapshots of a training: root holds the view, and tells of a wish to "keep" one.
function emergenceView(root) {
  let data = null, at = 0, sentence = 0, playing = null;
  const make = (tag, settings = {}, ...inside) => {
    const node = Object.assign(document.createElement(tag), settings);
    node.append(...inside);
    return node;
  };
  const verbatim = (tag, words, settings = {}) => make(tag, { ...settings, textContent: words, translate: false }); // what is said stays as it is
  const percent = (share) => `${Math.round(100 * share)} %`;
  const ramp = [[42, 26, 24], [140, 47, 18], [232, 89, 12], [255, 159, 67], [255, 224, 138]];
  const levels = (view, word) => {
    const [rows, columns] = view.grid, bytes = atob(view.heat), from = word * rows * columns;
    return Array.from({ length: rows * columns }, (_, place) => bytes.charCodeAt(from + place) / 255);
  };
  // As vilt_core/viz/blend.py: veiled where there is no heat, tinted where there is.
  const heat = (view, word) => {
    const [height, width] = view.grid, canvas = make("canvas", { width, height });
    const paper = canvas.getContext("2d"), image = paper.createImageData(width, height);
    levels(view, word).forEach((level, place) => {
      const spot = level * (ramp.length - 1), low = Math.min(Math.floor(spot), ramp.length - 2);
      const dark = 0.58 * (1 - level), warm = 0.45 * level, alpha = 1 - (1 - warm) * (1 - dark);
      for (let c = 0; c < 3; c++) {
        const color = ramp[low][c] + (ramp[low + 1][c] - ramp[low][c]) * (spot - low);
        image.data[4 * place + c] = ((1 - warm) * dark * [14, 17, 24][c] + warm * color) / alpha;
      }
      image.data[4 * place + 3] = 255 * alpha;
    });
    paper.putImageData(image, 0, 0);
    return canvas;
  };
  const told = () => data.sentences[sentence];
  const nouns = () => Object.keys(told().nouns).map(Number);
  const frame = (moment, word, name, boxes) => {
    const view = moment.views[sentence];
    const inside = make("span", { className: "ve-frame", role: "img" },
      make("img", { src: told().picture, alt: "" }), heat(view, word));
    inside.setAttribute("aria-label", name);
    for (const [x0, y0, x1, y1] of boxes) {
      const box = make("i", { className: "ve-box" });
      Object.assign(box.style, { left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 * (x1 - x0)}%`, height: `${100 * (y1 - y0)}%` });
      inside.append(box);
    }
    return inside;
  };
  const pointed = (moment, place) => moment.views[sentence].pointed[place];
  const noun = (moment, word, place) => {
    const says = told().words[word], right = pointed(moment, place);
    const verdict = make("span", { className: right ? "ve-yes" : "", textContent: right ? "✓ points at it" : "not there" });
    const card = make("figure", { className: "ve-noun" }, make("h4", {}, verbatim("b", says), verdict),
      frame(moment, word, `Heat of “${says}” after ${moment.step} steps: its strongest patch is ${right ? "" : "not "}on the ${says}`, told().nouns[word]));
    const guess = moment.views[sentence].guesses.find((one) => one.word === word);
    if (guess) {
      const line = make("p", { className: "ve-hidden" }, "Hidden, its first piece is read as ");
      guess.likeliest.slice(0, 2).forEach(([piece, chance], rank) =>
        line.append(rank ? ", " : "", verbatim("b", piece), ` ${percent(chance)}`));
      card.append(line);
    }
    return card;
  };
  const pair = (label, value, share, kind) => {
    const rail = make("span", { className: "ve-rail" }, make("i"));
    rail.firstElementChild.style.width = `${100 * Math.min(Math.max(share, 0), 1)}%`;
    return make("div", { className: `ve-pair ${kind}` }, make("span", { textContent: label }), rail, make("span", { textContent: value }));
  };
  const fact = (title, ...rows) => make("div", { className: "ve-fact" }, make("p", { textContent: title }), ...rows);
  const facts = (moment) => {
    const view = moment.views[sentence];
    const found = [fact("Transport distance of each sentence from the picture, from 0 to 2",
      pair("true sentence", view.distance.toFixed(2), view.distance / 2, "ve-true"), pair("false sentence", view.falseDistance.toFixed(2), view.falseDistance / 2, "ve-false"))];
    if (view.trueChance !== null) found.unshift(fact("How likely does each sentence belong to the picture?",
      pair("true sentence", percent(view.trueChance), view.trueChance, "ve-true"), pair("false sentence", percent(view.falseChance), view.falseChance, "ve-false")));
    return make("div", { className: "ve-facts" }, ...found);
  };
  const film = () => {
    const head = make("tr", {}, make("th", { textContent: "step" }));
    data.moments.forEach((moment, place) => {
      const step = make("button", { type: "button", textContent: moment.step, className: place === at ? "ve-now" : "" });
      step.setAttribute("aria-label", `Step ${moment.step}`);
      step.addEventListener("click", () => go(place));
      head.append(make("th", { scope: "col" }, step));
    });
    const rows = nouns().map((word, row) => {
      const line = make("tr", {}, verbatim("th", told().words[word], { scope: "row" }));
      data.moments.forEach((moment, place) => {
        const right = pointed(moment, row), says = told().words[word];
        const cell = frame(moment, word, `${says}, step ${moment.step}: ${right ? "points at it" : "not there"}`, []);
        cell.classList.toggle("ve-now", place === at);
        const held = make("td", {}, cell);
        held.dataset.value = right ? "points at it" : "not there";  // what a table of words can say
        line.append(held);
      });
      return line;
    });
    const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
    table.setAttribute("aria-label", "The heat of every noun at every snapshot");
    const held = make("div", { className: "ve-film" }, table);
    return held;
  };
  const sentenceLine = () => {
    const line = verbatim("p", "", { className: "ve-said" });
    told().words.forEach((word, place) => {
      if (place && /\w/.test(word)) line.append(" ");
      line.append(told().nouns[place] ? make("mark", { textContent: word }) : word);
    });
    return line;
  };
  const note = (moment) => {
    const share = percent(moment.scores.pointing), { pointing, sticker } = data.chance;
    return make("p", { className: "ve-note", textContent:
      `Heat is the mass that the word’s row of the transport plan lays on each patch. Every frame is as bright as its own strongest patch: compare where the heat lies, not how much there is. The white frame is where the thing truly is. In scenes of two stickers that no training showed, the strongest patch of a noun is on the right one in ${share} (anywhere: ${percent(pointing)}; on either sticker: ${percent(sticker)}). The false sentence here: “${told().false}”.` });
  };
  const keep = (moment) => {
    const button = make("button", { type: "button", className: "ve-keep", textContent: `Keep the model of step ${moment.step}` });
    button.addEventListener("click", () => root.dispatchEvent(new CustomEvent("keep", { detail: moment.step })));
    return button;
  };
  const parts = {};
  const build = () => {
    parts.play = make("button", { type: "button", className: "ve-play" });
    parts.slider = make("input", { type: "range", min: 0, step: 1 });
    parts.slider.setAttribute("aria-label", "Snapshot");
    parts.step = make("output");
    parts.choose = make("div", { className: "ve-choose", role: "group", ariaLabel: "Scenes" });
    parts.body = make("div", { style: "display:grid;gap:14px;min-width:0" });
    parts.play.addEventListener("click", () => (playing ? halt() : play()));
    parts.slider.addEventListener("input", () => { halt(); go(Number(parts.slider.value)); });
    root.replaceChildren(make("div", { className: "ve-bar" }, parts.play, parts.slider, parts.step), parts.choose, parts.body);
    halt();
  };
  const halt = () => {
    clearInterval(playing);
    playing = null;
    parts.play.textContent = "▶ Watch it learn";
  };
  const play = () => {
    if (at === data.moments.length - 1) go(0);
    parts.play.textContent = "❚❚ Pause";
    playing = setInterval(() => {
      if (!root.isConnected || at >= data.moments.length - 1) return halt();
      return go(at + 1);
    }, 700);
  };
  const chooser = () => {
    parts.choose.replaceChildren("Scenes:", ...data.sentences.map((one, place) => {
      const button = make("button", { type: "button" }, make("img", { src: one.picture, alt: one.words.join(" "), translate: false }));
      button.setAttribute("aria-pressed", place === sentence);
      button.addEventListener("click", () => { sentence = place; chooser(); draw(); parts.choose.children[place].focus(); });
      return button;
    }));
  };
  const draw = () => {
    const moment = data.moments[at], left = root.querySelector(".ve-film")?.scrollLeft ?? 0;
    parts.slider.max = data.moments.length - 1;
    parts.slider.value = at;
    parts.slider.setAttribute("aria-valuetext", `step ${moment.step}`);
    parts.step.textContent = `step ${moment.step}`;
    parts.body.replaceChildren(sentenceLine(),
      make("div", { className: "ve-top" },
        make("div", { className: "ve-main" }, ...nouns().map((word, place) => noun(moment, word, place))), facts(moment)),
      film(), note(moment), keep(moment));
    const held = root.querySelector(".ve-film"), now = held.querySelector("thead .ve-now");
    held.scrollLeft = left;
    const overlap = now.getBoundingClientRect().right - held.getBoundingClientRect().right;
    if (overlap > 0 || now.getBoundingClientRect().left < held.getBoundingClientRect().left + 60) held.scrollLeft += overlap + 20;
  };
  const go = (place) => {
    const focused = document.activeElement?.closest?.(".ve-film thead button");
    at = place;
    draw();
    if (focused) root.querySelector(".ve-film thead .ve-now")?.focus();
  };
  const show = (value) => {
    if (!value?.moments?.length) {
      if (playing) halt();
      data = null;
      root.replaceChildren(make("p", { className: "ve-empty", textContent:
        "Start a training: what the model sees in a sentence appears here, snapshot by snapshot." }));
      return;
    }
    const same = data?.sentences.length === value.sentences.length && data.sentences.every((one, place) => one.picture === value.sentences[place].picture);
    const follows = !data || at >= data.moments.length - 1;
    const fresh = !data || value.moments.length < data.moments.length;
    if (!data) build();
    data = value;
    if (!same) sentence = 0;
    at = follows || fresh ? data.moments.length - 1 : Math.min(at, data.moments.length - 1);
    chooser();
    draw();
  };
  return { show };
}
