// The interactive view of a word-patch alignment: the words, the picture, the plan between them and the
// iterations that made it. One message brings everything; after that no server is asked for anything.

function alignmentView(root, options = {}) {
  const FRAME_MS = 130; // how long an iteration stays while playing
  const SMOOTH_SIDE = 192; // pixels of the interpolated heat, stretched by the browser
  const VEIL = [14, 17, 24]; // laid over patches that the word does not look at
  const VEIL_SHARE = 0.58, HEAT_SHARE = 0.45;

  const ICONS = {
    first: "M5 4h2.2v12H5zM16 4v12l-8-6z",
    back: "M13.5 4v12l-8-6z",
    play: "M5.5 3.5v13l11-6.5z",
    pause: "M5 4h3.6v12H5zM11.4 4H15v12h-3.6z",
    next: "M6.5 4v12l8-6z",
  };
  const icon = (name) => `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;

  const EMPTY = options.empty || "Choose a picture and a sentence, then press <b>Align</b>.";
  root.innerHTML = `
    <p class="va-empty" role="status">${EMPTY}</p>
    <div class="va-body" hidden>
      <section class="va-panel">
        <div class="va-bar"><h3>Words</h3>
          <p class="va-hint">Choose a word to see where it looks, or a patch to see who looks there.</p>
          <p class="va-hint" data-ref="known">Underlined: its true place in the picture is known.</p></div>
        <div class="va-words" role="group" aria-label="Words of the sentence" data-ref="words"></div>
      </section>
      <div class="va-duo">
        <section class="va-panel" aria-label="Heatmap of the chosen word">
          <div class="va-bar">
            <div class="va-switch" role="group" aria-label="How the heat is drawn">
              <button type="button" data-set="smooth" data-to="1">Smooth</button>
              <button type="button" data-set="smooth" data-to="0">Patches</button>
            </div>
            <button type="button" class="va-toggle" data-set="grid">Grid</button>
            <button type="button" class="va-toggle" data-set="truth" data-ref="truth">True box</button>
          </div>
          <div class="va-stage" tabindex="0" role="application" data-ref="stage"
               aria-label="The picture. Arrow keys choose a patch, Escape lets it go.">
            <img alt="" data-ref="picture"><canvas data-ref="heat"></canvas>
            <svg preserveAspectRatio="none" data-ref="marks" aria-hidden="true"></svg>
          </div>
          <p class="va-verdict" data-ref="verdict"></p>
        </section>
        <section class="va-panel va-plan" aria-label="Transport plan">
          <div class="va-bar"><h3>Transport plan</h3>
            <div class="va-switch" role="group" aria-label="Which plan" data-ref="which">
              <button type="button" data-set="exact" data-to="0">IPOT</button>
              <button type="button" data-set="exact" data-to="1">Exact optimum</button>
            </div>
            <details class="va-save" data-ref="save"><summary>Save</summary><div>
              <button type="button" data-save="svg">Drawing (SVG)</button>
              <button type="button" data-save="png">Picture (PNG)</button>
              <button type="button" data-save="csv">Plan (CSV)</button>
              <button type="button" data-save="html">This view (HTML)</button>
            </div></details></div>
          <div class="va-scroll"><div class="va-matrix">
            <div class="va-rows" data-ref="rows"></div>
            <div class="va-cells" data-ref="cells"><canvas data-ref="matrix"></canvas>
              <svg preserveAspectRatio="none" data-ref="lines" aria-hidden="true"></svg></div>
            <div class="va-columns" data-ref="columns" aria-hidden="true"></div>
          </div></div>
          <p class="va-hint va-scale" data-ref="scale"></p>
          <p class="va-readout" data-ref="readout"></p>
        </section>
      </div>
      <section class="va-panel va-steps" aria-label="Iterations of IPOT">
        <div class="va-player">
          <button type="button" data-go="first" aria-label="First iteration">${icon("first")}</button>
          <button type="button" data-go="back" aria-label="One step back">${icon("back")}</button>
          <button type="button" class="va-play" data-go="play" data-ref="play"></button>
          <button type="button" data-go="next" aria-label="One step on">${icon("next")}</button>
          <input type="range" min="0" step="1" aria-label="Iteration" data-ref="slider">
          <output data-ref="where"></output>
        </div>
        <div class="va-lower">
          <div class="va-charts" data-ref="charts"></div>
          <div class="va-algorithm">
            <ol class="va-code" data-ref="code" aria-label="The algorithm"></ol>
            <p class="va-note" data-ref="note"></p>
          </div>
        </div>
      </section>
      <p class="va-live" aria-live="polite" data-ref="live"></p>
    </div>`;

  const el = {};
  for (const node of root.querySelectorAll("[data-ref]")) el[node.dataset.ref] = node;
  const svg = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    return node;
  };

  let data = null; // the last message, unpacked
  let timer = null;
  const at = {
    word: 0, patch: null, hover: null, frame: 0, line: null,
    smooth: true, grid: true, truth: true, exact: false,
  };

  // Numbers.

  function unpack({ top, data: packed }) {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    return { top, levels: new Uint16Array(bytes.buffer) };
  }

  function plan() {
    const { size, frames, exact } = data;
    const from = at.exact && exact ? exact : frames;
    const frame = from === exact ? 0 : at.frame;
    const unit = from.top[frame] / 65535, start = frame * size;
    return (place) => from.levels[start + place] * unit;
  }

  const massOf = (word, value) => {
    const { patches } = data, mass = new Float32Array(patches);
    for (let n = 0; n < patches; n++) mass[n] = value(word * patches + n);
    return mass;
  };

  // What is painted: mass times the similarity of word and patch.
  const heatOf = (word, value) => {
    const { patches } = data;
    return massOf(word, value).map((mass, n) => mass * likeness(word * patches + n));
  };
  const likeness = (place) =>
    data.alike ? (data.alike.levels[place] / 65535) * data.alike.top[0] : 1;

  // The colour scale of a word stays put while iterations pass, so that what grows is seen to grow.
  function hottest(word) {
    if (data.hottest[word] !== undefined) return data.hottest[word];
    const { patches, size } = data;
    let top = 0;
    for (const { top: tops, levels } of [data.frames, data.exact].filter(Boolean)) {
      tops.forEach((scale, frame) => {
        const start = frame * size + word * patches;
        for (let n = 0; n < patches; n++) {
          const mass = (levels[start + n] / 65535) * scale;
          top = Math.max(top, mass * likeness(word * patches + n));
        }
      });
    }
    return (data.hottest[word] = top || 1);
  }

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const strongest = (values) => values.reduce((best, v, place) => (v > values[best] ? place : best), 0);
  const cell = (patch) => [Math.floor(patch / data.columns), patch % data.columns];
  const named = (patch) => `row ${cell(patch)[0] + 1}, column ${cell(patch)[1] + 1}`;
  const percent = (share) =>
    share === 0 ? "0 %" : share < 0.001 ? "<0.1 %" : `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

  function number(value) {
    const size = Math.abs(value);
    if (size < 1e-9) return "0";
    if (size >= 0.001 && size < 10000) return Number(value.toPrecision(3)).toString();
    return value.toExponential(1).replace("e+", "e");
  }

  const boxesOf = (word) => data.places[word]?.boxes ?? [];

  // Colours.

  const isDark = () => root.closest(".dark") !== null;
  function table(stops) {
    const found = [];
    for (let level = 0; level < 256; level++) {
      const place = (level / 255) * (stops.length - 1), low = Math.min(Math.floor(place), stops.length - 2);
      found.push([0, 1, 2].map((c) => stops[low][c] + (stops[low + 1][c] - stops[low][c]) * (place - low)));
    }
    return found;
  }
  const ramp = (name) => (data.tables[name] ??= table(data.ramps[name]));

  // Drawing.

  function paintHeat(heat, top) {
    const { rows, columns } = data, colours = ramp("dark");
    const level = (row, column) =>
      heat[Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1)] / top;
    let width = columns, height = rows, sample = (x, y) => level(y, x);
    if (at.smooth) {
      const scale = SMOOTH_SIDE / Math.max(rows, columns);
      width = Math.round(columns * scale);
      height = Math.round(rows * scale);
      sample = (x, y) => {
        const column = (x + 0.5) / scale - 0.5, row = (y + 0.5) / scale - 0.5;
        const c = Math.floor(column), r = Math.floor(row), u = column - c, v = row - r;
        return (1 - v) * ((1 - u) * level(r, c) + u * level(r, c + 1)) +
          v * ((1 - u) * level(r + 1, c) + u * level(r + 1, c + 1));
      };
    }
    el.heat.width = width;
    el.heat.height = height;
    el.heat.classList.toggle("va-sharp", !at.smooth);
    const brush = el.heat.getContext("2d"), image = brush.createImageData(width, height);
    for (let y = 0, to = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to += 4) {
        const value = Math.min(1, sample(x, y));
        const veil = VEIL_SHARE * (1 - value), tint = HEAT_SHARE * value;
        const alpha = 1 - (1 - veil) * (1 - tint), colour = colours[Math.round(value * 255)];
        for (let c = 0; c < 3; c++) {
          image.data[to + c] = (tint * colour[c] + (1 - tint) * veil * VEIL[c]) / Math.max(alpha, 1e-6);
        }
        image.data[to + 3] = alpha * 255;
      }
    }
    brush.putImageData(image, 0, 0);
  }

  function paintMarks(best) {
    const { rows, columns } = data, marks = el.marks;
    marks.setAttribute("viewBox", `0 0 ${columns} ${rows}`);
    marks.replaceChildren();
    const add = (name, attributes) => marks.append(svg(name, attributes));
    if (at.grid) {
      let path = "";
      for (let row = 1; row < rows; row++) path += `M0 ${row}H${columns}`;
      for (let column = 1; column < columns; column++) path += `M${column} 0V${rows}`;
      add("path", { d: path, class: "va-grid" });
    }
    const square = (patch, name) => {
      const [row, column] = cell(patch);
      add("rect", { x: column, y: row, width: 1, height: 1, class: name });
    };
    if (at.truth) {
      for (const [x0, y0, x1, y1] of boxesOf(at.word)) {
        const box = { x: x0 * columns, y: y0 * rows, width: (x1 - x0) * columns, height: (y1 - y0) * rows };
        add("rect", { ...box, class: "va-box-edge" });
        add("rect", { ...box, class: "va-box" });
      }
    }
    square(best, "va-best");
    const patch = at.hover ?? at.patch;
    if (patch !== null) square(patch, "va-chosen");
  }

  function paintMatrix(value) {
    const { words, patches } = data, colours = ramp(isDark() ? "dark" : "light");
    el.matrix.width = patches;
    el.matrix.height = words.length;
    const brush = el.matrix.getContext("2d"), image = brush.createImageData(patches, words.length);
    for (let place = 0, to = 0; place < words.length * patches; place++, to += 4) {
      const level = Math.min(1, value(place) / data.top), colour = colours[Math.round(level * 255)];
      for (let c = 0; c < 3; c++) image.data[to + c] = colour[c];
      image.data[to + 3] = Math.min(1, level * 5) * 255;
    }
    brush.putImageData(image, 0, 0);

    el.lines.setAttribute("viewBox", `0 0 ${patches} ${words.length}`);
    el.lines.replaceChildren();
    let path = "";
    for (let n = data.columns; n < patches; n += data.columns) path += `M${n} 0V${words.length}`;
    el.lines.append(svg("path", { d: path, class: "va-grid" }));
    el.lines.append(svg("rect", { x: 0, y: at.word, width: patches, height: 1, class: "va-row" }));
    const patch = at.hover ?? at.patch;
    if (patch !== null) {
      el.lines.append(svg("rect", { x: patch, y: 0, width: 1, height: words.length, class: "va-column" }));
    }
  }

  function sharesAt(patch, value) {
    const mass = data.words.map((_, word) => value(word * data.patches + patch));
    const total = sum(mass) || 1;
    return mass.map((part) => part / total);
  }

  function paintWords(value) {
    const patch = at.hover ?? at.patch;
    const shares = patch === null ? null : sharesAt(patch, value);
    [...el.words.children].forEach((chip, word) => {
      chip.setAttribute("aria-pressed", String(word === at.word));
      chip.classList.toggle("va-lit", shares !== null);
      chip.style.setProperty("--share", shares ? shares[word].toFixed(3) : "0");
      chip.lastChild.textContent = shares ? percent(shares[word]) : "";
    });
    [...el.rows.children].forEach((label, word) => label.classList.toggle("va-on", word === at.word));
  }

  function sayVerdict(heat, best) {
    const word = data.words[at.word], total = sum(heat) || 1, truth = data.places[at.word];
    const parts = [
      text("Strongest patch of "), strong(`“${word}”`), text(" (dashed): "), bold(named(best)),
      text(`, ${percent(heat[best] / total)} of its heat.`),
    ];
    if (truth) {
      const inside = truth.patches.includes(best);
      const share = sum(truth.patches.map((patch) => heat[patch])) / total;
      const badge = document.createElement("span");
      badge.className = inside ? "va-right" : "va-wrong";
      badge.textContent = inside ? "✓ inside the true box" : "✗ outside the true box";
      parts.push(text(" "), badge, text(`; ${percent(share)} of the heat lies in it.`));
    }
    el.verdict.replaceChildren(...parts);
  }
  const text = (words) => document.createTextNode(words);
  const bold = (words) => Object.assign(document.createElement("b"), { textContent: words });
  const strong = (words) => Object.assign(bold(words), { translate: false });

  function sayReadout(value) {
    const patch = at.hover ?? at.patch;
    if (patch === null) {
      const optimum = data.optimum, last = data.curves.cost[at.frame];
      const gap = optimum ? last - optimum.cost : null;
      el.readout.textContent = !optimum
        ? "Rows are words, columns are patches in reading order."
        : at.exact
          ? `The exact optimum costs ${optimum.cost.toFixed(4)}.`
          : `This plan costs ${last.toFixed(4)}, the exact optimum ${optimum.cost.toFixed(4)}: ` +
            `${Math.abs(gap).toFixed(4)} ${gap < 0 ? "less, for its columns still err" : "more"}.`;
      return;
    }
    const mass = value(at.word * data.patches + patch);
    const row = sum(massOf(at.word, value)) || 1;
    el.readout.textContent =
      `“${data.words[at.word]}” on the patch in ${named(patch)}: mass ${number(mass)}, ` +
      `${percent(mass / row)} of the word, ${percent(sharesAt(patch, value)[at.word])} of the patch.`;
  }

  function paintSteps() {
    const count = data.iterations.length, iteration = data.iterations[at.frame];
    el.slider.value = at.frame;
    el.slider.style.setProperty("--done", count > 1 ? at.frame / (count - 1) : 1);
    el.slider.setAttribute("aria-valuetext", `iteration ${iteration}`);
    el.where.textContent = `iteration ${iteration} of ${data.settings.iterations}`;
    for (const chart of data.charts) chart.move(at.frame);
    [...el.code.children].forEach((line, place) => {
      const { shows } = data.algorithm[place];
      line.querySelector(".va-numbers").textContent = numbersOf(shows, iteration);
      line.firstChild.setAttribute("aria-pressed", String(place === at.line));
    });
    el.play.innerHTML = icon(timer ? "pause" : "play");
    el.play.setAttribute("aria-label", timer ? "Pause" : "Play the iterations");
  }

  function numbersOf(name, iteration) {
    if (name === "iteration") return `= ${iteration}`;
    const range = data.ranges[name];
    if (!range) return "";
    const [low, high] = range[Math.min(at.frame, range.length - 1)];
    return number(low) === number(high) ? number(low) : `${number(low)} … ${number(high)}`;
  }

  function render() {
    if (!data) return;
    const value = plan(), heat = heatOf(at.word, value), best = strongest(heat);
    paintHeat(heat, hottest(at.word));
    paintMarks(best);
    paintMatrix(value);
    paintWords(value);
    sayVerdict(heat, best);
    sayReadout(value);
    paintSteps();
    for (const button of root.querySelectorAll("[data-set]")) {
      const { set, to } = button.dataset;
      button.setAttribute("aria-pressed", String(to === undefined ? at[set] : at[set] === (to === "1")));
    }
  }

  // Charts: three small panels, each a curve or two under a moving cursor.

  function chart({ title, curves, log = false, line = null }) {
    const box = document.createElement("div");
    box.className = "va-chart";
    box.innerHTML = `<div class="va-chart-head"><span></span><span></span></div>
      <div class="va-plot"><svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"></svg>
        <span class="va-high"></span><span class="va-low"></span></div>
      <div class="va-chart-foot"><span></span><span></span></div>`;
    const [head, { children: [plot, ...ends] }, foot] = box.children;
    head.firstChild.textContent = title;
    // The words' error is 0 but for rounding: it may touch the floor, not set the scale.
    const floor = log ? Math.max(1e-12, Math.min(...curves.at(-1).values) / 3) : 0;
    const scaled = (v) => (log ? Math.log10(Math.max(v, floor)) : v);
    const all = curves.flatMap((curve) => curve.values.map(scaled)).concat(line === null ? [] : [line]);
    const low = Math.min(...all), high = Math.max(...all), span = high - low || 1;
    [high, low].forEach((end, place) => { ends[place].textContent = log ? (10 ** end).toExponential(0) : number(end); });
    const y = (v) => 94 - ((scaled(v) - low) / span) * 88;
    const count = curves[0].values.length, x = (frame) => (count > 1 ? (frame / (count - 1)) * 100 : 50);
    if (line !== null) plot.append(svg("path", { d: `M0 ${y(line)}H100`, class: "va-optimum" }));
    for (const { values, name } of curves) {
      const d = values.map((v, frame) => `${frame ? "L" : "M"}${x(frame).toFixed(2)} ${y(v).toFixed(2)}`);
      plot.append(svg("path", { d: d.join(""), class: `va-curve va-curve-${name}` }));
    }
    const cursor = svg("path", { class: "va-cursor" });
    plot.append(cursor);
    const [first, last] = foot.children;
    first.textContent = `iteration ${data.iterations[0]}`;
    last.textContent = data.iterations[count - 1];

    const seek = (event) => {
      const { left, width } = plot.getBoundingClientRect();
      stop();
      go(Math.round(((event.clientX - left) / width) * (count - 1)));
    };
    plot.addEventListener("pointerdown", (event) => {
      plot.setPointerCapture(event.pointerId);
      seek(event);
    });
    plot.addEventListener("pointermove", (event) => event.buttons && seek(event));
    return {
      box,
      move(frame) {
        cursor.setAttribute("d", `M${x(frame)} 0V100`);
        head.lastChild.replaceChildren(
          ...curves.map(({ values, name, before, unit }) => {
            const shown = document.createElement("span");
            const figure = log ? number(values[frame]) : values[frame].toFixed(name === "cost" ? 4 : 3);
            shown.className = `va-value-${name}`;
            shown.append(text(before ? `${before} ` : ""), strong(figure), text(unit ? ` ${unit}` : ""));
            return shown;
          }),
          ...(line === null
            ? []
            : [Object.assign(document.createElement("span"), {
                className: "va-value-optimum", textContent: `exact ${line.toFixed(4)}`,
              })]),
        );
      },
    };
  }

  // Moving.

  function go(frame) {
    at.frame = Math.min(Math.max(frame, 0), data.iterations.length - 1);
    at.exact = false;
    render();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
  }

  function play() {
    if (at.frame >= data.iterations.length - 1) at.frame = 0;
    timer = setInterval(() => {
      if (!root.isConnected) return stop();
      if (at.frame >= data.iterations.length - 2) stop();
      go(at.frame + 1);
    }, FRAME_MS);
    go(at.frame);
  }

  function chooseWord(word) {
    at.word = word;
    render();
    el.live.textContent = el.verdict.textContent;
  }

  function choosePatch(patch) {
    at.patch = patch;
    render();
    if (patch === null) return (el.live.textContent = "No patch chosen.");
    const shares = sharesAt(patch, plan());
    const order = data.words.map((_, word) => word).sort((a, b) => shares[b] - shares[a]);
    const said = order.slice(0, 3).map((word) => `${data.words[word]} ${percent(shares[word])}`);
    el.live.textContent = `Patch in ${named(patch)}: ${said.join(", ")}.`;
  }

  // A fraction of a box, as a whole number below ``count``.
  const nth = (fraction, count) => Math.min(count - 1, Math.max(0, Math.floor(fraction * count)));

  function patchUnder(event) {
    const { left, top, width, height } = el.stage.getBoundingClientRect();
    const row = nth((event.clientY - top) / height, data.rows);
    return row * data.columns + nth((event.clientX - left) / width, data.columns);
  }

  function cellUnder(event) {
    const { left, top, width, height } = el.cells.getBoundingClientRect();
    return {
      word: nth((event.clientY - top) / height, data.words.length),
      patch: nth((event.clientX - left) / width, data.patches),
    };
  }

  const hover = (patch) => {
    if (patch === at.hover) return;
    at.hover = patch;
    render();
  };
  el.stage.addEventListener("pointermove", (e) => e.pointerType === "mouse" && hover(patchUnder(e)));
  el.stage.addEventListener("pointerleave", () => hover(null));
  el.stage.addEventListener("click", (event) => {
    const patch = patchUnder(event);
    choosePatch(patch === at.patch ? null : patch);
  });
  el.stage.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step && event.key !== "Escape") return;
    at.hover = null; // the keyboard has spoken last
    if (!step) return choosePatch(null);
    event.preventDefault();
    const [row, column] = at.patch === null ? cell(strongest(heatOf(at.word, plan()))) : cell(at.patch);
    const clamp = (value, count) => Math.min(Math.max(value, 0), count - 1);
    choosePatch(clamp(row + step[0], data.rows) * data.columns + clamp(column + step[1], data.columns));
  });
  el.cells.addEventListener("pointermove", (e) => e.pointerType === "mouse" && hover(cellUnder(e).patch));
  el.cells.addEventListener("pointerleave", () => hover(null));
  el.cells.addEventListener("click", (event) => {
    const { word, patch } = cellUnder(event);
    at.word = word;
    choosePatch(patch);
  });
  el.slider.addEventListener("input", () => {
    stop();
    go(Number(el.slider.value));
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || !data) return;
    const { set, to, go: move, save } = button.dataset;
    if (set) {
      at[set] = to === undefined ? !at[set] : to === "1";
      if (set === "exact") stop();
      render();
    } else if (move) {
      const playing = timer !== null;
      stop();
      if (move === "play") playing ? render() : play();
      else go(move === "first" ? 0 : at.frame + (move === "next" ? 1 : -1));
    } else if (save) {
      el.save.open = false;
      SAVE[save]();
    }
  });

  // Saving.

  function download(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const slug = (words) => words.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40);
  const fileOf = (what, kind) => `vilt-lab-align-${slug(what)}.${kind}`;
  // A spreadsheet takes a cell that begins like a formula for one.
  const quoted = (word) => `"${(/^[=+\-@]/.test(word) ? `'${word}` : word).replaceAll('"', '""')}"`;

  const SAVE = {
    svg() {
      const { rows, columns } = data, boxes = at.truth ? boxesOf(at.word) : [];
      const over = (href, how) => `<image width="${columns}" height="${rows}" preserveAspectRatio="none" href="${href}"${how}/>`;
      const truth = boxes.map(([x0, y0, x1, y1]) => `<rect x="${x0 * columns}" y="${y0 * rows}" width="${(x1 - x0) * columns}" `
        + `height="${(y1 - y0) * rows}" fill="none" stroke="#4ade80" stroke-width=".06"/>`);
      const drawn = `<svg xmlns="http://www.w3.org/2000/svg" width="${64 * columns}" height="${64 * rows}" viewBox="0 0 ${columns} ${rows}">`
        + over(data.picture, "") + over(el.heat.toDataURL(), at.smooth ? "" : ' style="image-rendering:pixelated"') + truth.join("") + "</svg>";
      download(fileOf(data.words[at.word], "svg"), new Blob([drawn], { type: "image/svg+xml" }));
    },
    png() {
      const canvas = document.createElement("canvas");
      canvas.width = 768;
      canvas.height = Math.round((768 * data.rows) / data.columns);
      const brush = canvas.getContext("2d");
      brush.drawImage(el.picture, 0, 0, canvas.width, canvas.height);
      brush.imageSmoothingEnabled = at.smooth;
      brush.drawImage(el.heat, 0, 0, canvas.width, canvas.height);
      if (at.truth) {
        brush.strokeStyle = "#4ade80";
        brush.lineWidth = 4;
        for (const [x0, y0, x1, y1] of boxesOf(at.word)) {
          brush.strokeRect(
            x0 * canvas.width, y0 * canvas.height, (x1 - x0) * canvas.width, (y1 - y0) * canvas.height,
          );
        }
      }
      canvas.toBlob((blob) => download(fileOf(data.words[at.word], "png"), blob), "image/png");
    },
    csv() {
      const value = plan();
      const lines = [["word", ...Array.from({ length: data.patches }, (_, n) => quoted(named(n)))].join(",")];
      data.words.forEach((word, row) => {
        const numbers = Array.from(massOf(row, value), (mass) => mass.toPrecision(6));
        lines.push([quoted(word), ...numbers].join(","));
      });
      download(fileOf("plan", "csv"), new Blob(["\uFEFF", lines.join("\r\n"), "\r\n"], { type: "text/csv;charset=utf-8" }));
    },
    html() {
      const message = JSON.stringify(data.message).replaceAll("</", "<\\/");
      const page = options.page.replace("/*DATA*/", () => message);
      download(fileOf(data.words.join(" "), "html"), new Blob([page], { type: "text/html" }));
    },
  };
  if (!options.page) el.save.querySelector("[data-save=html]").remove();

  // A new message.

  function show(message) {
    stop();
    const said = root.querySelector(".va-empty"), trouble = message?.trouble;
    const empty = !message?.words?.length;
    said.hidden = !empty;
    said.classList.toggle("va-trouble", Boolean(trouble));
    said.innerHTML = EMPTY;
    if (trouble) said.textContent = trouble;
    if (trouble) said.scrollIntoView({ block: "nearest" });
    if (trouble && data) return; // what was there stays
    root.querySelector(".va-body").hidden = empty;
    if (empty) return (data = null);
    const before = data?.words.join(" ");
    const [rows, columns] = message.grid;
    const frames = unpack(message.plans), exact = message.optimum && unpack(message.optimum.plan);
    data = {
      ...message, message, rows, columns, frames, exact,
      alike: message.similarity && unpack(message.similarity),
      patches: rows * columns,
      size: rows * columns * message.words.length,
      top: Math.max(...frames.top, ...(exact?.top ?? [])) || 1,
      hottest: [], tables: {},
    };
    if (data.words.join(" ") !== before) {
      const withTruth = Object.keys(data.places).map(Number);
      const peaks = data.words.map((_, word) => hottest(word));
      at.word = withTruth.length ? Math.min(...withTruth) : strongest(peaks);
    }
    if (data.words[message.word] !== undefined) at.word = message.word;
    Object.assign(at, { patch: null, hover: null, exact: false, frame: data.iterations.length - 1 });
    build();
    render();
  }

  function build() {
    const { words, rows, columns, curves, optimum } = data;
    const named = (name) => (word, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = name;
      button.append(Object.assign(document.createElement("span"), { textContent: word, translate: false }));
      button.addEventListener("click", () => chooseWord(place));
      return button;
    };
    el.words.replaceChildren(...words.map((word, place) => {
      const chip = named("va-word")(word, place);
      if (data.places[place]) {
        chip.classList.add("va-known");
        chip.title = "Its true place in the picture is known";
      }
      chip.append(document.createElement("small"));
      return chip;
    }));
    el.rows.replaceChildren(...words.map((word, place) => {
      const label = named("va-row-name")(word, place);
      label.tabIndex = -1; // the chips above say the same to the keyboard
      return label;
    }));
    el.columns.replaceChildren(...Array.from({ length: rows }, (_, row) => {
      const label = document.createElement("span");
      label.textContent = row ? row + 1 : "row 1";
      return label;
    }));
    root.style.setProperty("--words", words.length);
    root.style.setProperty("--patches", rows * columns);
    el.stage.style.aspectRatio = columns / rows;
    el.picture.src = data.picture;
    el.picture.alt = `The picture, with the heat of a word over its ${rows} by ${columns} patches`;
    el.slider.max = data.iterations.length - 1;
    el.truth.hidden = el.known.hidden = !Object.keys(data.places).length;
    el.scale.textContent = `Full colour: a mass of ${number(data.top)}.`;
    el.which.hidden = !optimum;

    data.charts = [
      chart({
        title: "Transport cost", line: optimum ? optimum.cost : null,
        curves: [{ name: "cost", values: curves.cost }],
      }),
      chart({
        title: "Marginal errors (log)", log: true,
        curves: [
          { name: "text", values: curves.text, before: "words" },
          { name: "image", values: curves.image, before: "patches" },
        ],
      }),
      chart({ title: "Entropy", curves: [{ name: "entropy", values: curves.entropy, unit: "nats" }] }),
    ];
    el.charts.replaceChildren(...data.charts.map(({ box }) => box));

    at.line = data.algorithm.findIndex(({ shows }) => shows === "T");
    el.code.replaceChildren(...data.algorithm.map(({ code, note }, place) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      const words = Object.assign(document.createElement("code"), { textContent: code });
      const numbers = Object.assign(document.createElement("span"), { className: "va-numbers" });
      button.append(words, numbers);
      button.classList.toggle("va-loop", code.startsWith(" "));
      button.addEventListener("click", () => {
        at.line = place;
        el.note.textContent = note;
        render();
      });
      item.append(button);
      return item;
    }));
    el.note.textContent = data.algorithm[at.line]?.note ?? "";
  }

  // Classes rather than container queries, which style sheets that pass through Gradio lose.
  new ResizeObserver(([{ contentRect: { width } }]) => {
    root.classList.toggle("va-narrow", width < 720);
    root.classList.toggle("va-thin", width < 420);
  }).observe(root);
  new MutationObserver(render).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  return { show };
}
