// Whatever the page shows can be kept: a figure as SVG, PNG or a page of its own, a table as CSV.
// One button under each, wherever it comes from; nothing of the tabs knows of it.
window.labSave ??= (() => {
  const VIEWS = ".vx-gallery, .vx-heads, .vx-board, .ve > .ve-bar, .vf, .vm, .vm-lesson, .vt, .vp, .vl-meter, .vl-bars, .vc-cut, .vc-pieces, "
    + ".lab-heads, .lab-hits, .lab-sight img, .lab-figures img, .lab-sides, [data-figure]";
  const LIVE = /*LIVE*/ {};  // the scripts of views that can be touched, by their selectors
  const FORMATS = { svg: "Drawing (SVG)", png: "Picture (PNG)", html: "Page (HTML)", csv: "Table (CSV)" };
  const SCALE = 2;  // pixels of a PNG for one of the page
  const MARGIN = 12;
  const TOOLS = ".lab-save, .lab-met, .ve-play, .ve-keep, .ve-bar input";  // of no use in what is kept

  // Names and files.

  const slug = (text) => text.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40);
  const tab = () => document.querySelector('.lab-tabs > .tab-wrapper [data-tab-id][aria-selected="true"]')?.dataset.tabId;
  const heading = (host) => {
    const own = host.querySelector(".lab-step h3");
    if (own) return own.lastChild.textContent;
    const titles = [...document.querySelectorAll(".lab-heading h3, .lab-step h3, .lab-stop h3")];
    return titles.filter((title) => title.compareDocumentPosition(host) & Node.DOCUMENT_POSITION_FOLLOWING
      && title.offsetParent).at(-1)?.textContent ?? "figure";
  };
  const nameOf = (host) => {
    const word = host.querySelector('.vf-word[aria-pressed="true"]')?.textContent;
    const given = /^(component-|$)/.test(host.id) ? heading(host) : host.id;
    return ["vilt-lab", ...new Set([tab() ?? "", given, word ?? ""].map(slug))].filter(Boolean).join("-");
  };
  const keep = (name, blob) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const escaped = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

  // By day: what is kept is read on white paper, whatever the page looks like. Views repaint in microtasks.

  const byDay = async (capture) => {
    const { body } = document, dark = body.classList.contains("dark");
    body.classList.add("lab-still");
    if (dark) body.classList.remove("dark");
    for (let turn = 0; turn < 4; turn++) await null;
    try {
      return capture();
    } finally {
      if (dark) body.classList.add("dark");
      body.classList.remove("lab-still");
    }
  };
  const urlOf = async (source) => {
    if (source.startsWith("data:")) return source;
    const blob = await (await fetch(source)).blob();
    return new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.readAsDataURL(blob);
    });
  };
  const picturesOf = async (host) => {
    const sources = [...host.querySelectorAll("img")].map(({ currentSrc, src }) => currentSrc || src).filter(Boolean);
    return new Map(await Promise.all([...new Set(sources)].map(async (source) => [source, await urlOf(source)])));
  };

  // HTML as a drawing of rectangles, texts and pictures, which any program opens.

  const PAINTED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap",
    "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "vector-effect",
    "image-rendering", "display", "visibility"];
  const SKIPPED = `${TOOLS}, script, style, .lab-sr, [hidden]`;
  const clear = (color) => color === "transparent" || /[,/] *0\)$/.test(color);
  const attributes = (found) => Object.entries(found).filter(([, value]) => value !== "" && value !== null && value !== undefined)
    .map(([name, value]) => ` ${name}="${escaped(String(typeof value === "number" ? +value.toFixed(2) : value))}"`).join("");

  const drawing = (host, pictures) => {
    const origin = host.getBoundingClientRect(), brush = document.createElement("canvas").getContext("2d");
    const out = [];
    let clips = 0;
    const put = (name, found) => out.push(`<${name}${attributes(found)}/>`);
    const place = ({ left, top, width, height }) => (
      { x: left - origin.left + MARGIN, y: top - origin.top + MARGIN, width, height });

    const frame = (box, style) => {
      const radius = Math.min(parseFloat(style.borderTopLeftRadius) || 0, box.width / 2, box.height / 2);
      const rx = style.borderTopLeftRadius.endsWith("%") ? Math.min(box.width, box.height) / 2 : radius;
      if (!clear(style.backgroundColor)) put("rect", { ...box, rx, fill: style.backgroundColor });
      const sides = ["Top", "Right", "Bottom", "Left"].map((side) => [
        style[`border${side}Style`] === "none" || clear(style[`border${side}Color`]) ? 0 : parseFloat(style[`border${side}Width`]),
        style[`border${side}Color`], style[`border${side}Style`]]);
      const ring = (width, stroke, kind, inset) => put("rect", {
        x: box.x + inset, y: box.y + inset, width: Math.max(0, box.width - 2 * inset), height: Math.max(0, box.height - 2 * inset),
        rx: Math.max(0, rx - inset), fill: "none", stroke, "stroke-width": width,
        "stroke-dasharray": kind === "dashed" ? `${3 * width} ${2 * width}` : "" });
      if (new Set(sides.map(String)).size === 1) {
        if (sides[0][0]) ring(sides[0][0], sides[0][1], sides[0][2], sides[0][0] / 2);
      } else {
        const { x, y, width, height } = box;
        const edges = [[x, y, x + width, y], [x + width, y, x + width, y + height], [x, y + height, x + width, y + height], [x, y, x, y + height]];
        sides.forEach(([wide, stroke], at) => {
          const [x1, y1, x2, y2] = edges[at];
          if (wide) put("line", { x1, y1, x2, y2, stroke, "stroke-width": wide });
        });
      }
      const outline = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
      if (outline) ring(outline, style.outlineColor, style.outlineStyle, -parseFloat(style.outlineOffset) - outline / 2);
      return rx;
    };

    const line = (text, box, style) => {
      brush.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = brush.measureText(text);
      const { x, y, width, height } = place(box);
      const underlined = style.textDecorationLine;
      out.push(`<text${attributes({ x, y: y + (height - up - down) / 2 + up, textLength: width, fill: style.color,
        "font-family": style.fontFamily, "font-size": style.fontSize, "font-weight": style.fontWeight,
        "font-style": style.fontStyle === "normal" ? "" : style.fontStyle,
        "text-decoration": underlined === "none" ? "" : underlined })}>${escaped(text)}</text>`);
    };
    const write = (node, style) => {
      const said = node.data, range = document.createRange(), lines = [];
      for (const { index, 0: word } of said.matchAll(/\S+/g)) {
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        const boxes = [...range.getClientRects()], box = boxes[0], last = lines.at(-1);
        if (!box) continue;
        const { right } = boxes.filter(({ top }) => Math.abs(top - box.top) < 2).at(-1);  // its first letter may be apart
        if (last && Math.abs(last.top - box.top) < 2) Object.assign(last, { text: `${last.text} ${word}`, right });
        else lines.push({ text: word, left: box.left, top: box.top, right, height: box.height });
      }
      const shape = { uppercase: (text) => text.toUpperCase(), lowercase: (text) => text.toLowerCase() }[style.textTransform] ?? ((text) => text);
      const begins = getComputedStyle(node.parentElement, "::first-letter").textTransform === "uppercase";
      if (begins && lines[0]) lines[0].text = lines[0].text.replace(/^./u, (letter) => letter.toUpperCase());
      for (const { text, left, top, right, height } of lines)
        line(shape(text), { left, top, width: right - left, height }, style);
    };

    const beside = (element, which) => {  // ::before and ::after that lie somewhere for themselves
      const style = getComputedStyle(element, which);
      if (style.content === "none" || style.content === "normal" || style.position !== "absolute") return;
      const around = element.getBoundingClientRect();
      const box = place({ left: around.left + parseFloat(style.left), top: around.top + parseFloat(style.top),
        width: parseFloat(style.width), height: parseFloat(style.height) });
      if (Object.values(box).every(Number.isFinite)) frame(box, style);
    };

    const cloned = (svg) => {
      const copy = svg.cloneNode(true), own = [svg, ...svg.querySelectorAll("*")], theirs = [copy, ...copy.querySelectorAll("*")];
      own.forEach((element, at) => {
        const style = getComputedStyle(element);
        for (const name of PAINTED) {
          const value = style.getPropertyValue(name);
          if (value) theirs[at].setAttribute(name, value);
        }
        theirs[at].removeAttribute("style");
        theirs[at].removeAttribute("class");
      });
      for (const [name, value] of Object.entries(place(svg.getBoundingClientRect()))) copy.setAttribute(name, value.toFixed(2));
      copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
      return new XMLSerializer().serializeToString(copy);
    };

    const picture = (element, href, style, rx) => {
      const box = place(element.getBoundingClientRect());
      const fit = { cover: "xMidYMid slice", contain: "xMidYMid meet" }[style.objectFit] ?? "none";
      const clip = rx ? `clip-${++clips}` : "";
      if (clip) out.push(`<clipPath id="${clip}"><rect${attributes({ ...box, rx })}/></clipPath>`);
      put("image", { ...box, href, preserveAspectRatio: fit, "clip-path": clip && `url(#${clip})`,
        style: style.imageRendering === "pixelated" ? "image-rendering:pixelated" : "" });
    };

    const walk = (element) => {
      if (element.matches(SKIPPED)) return;
      const style = getComputedStyle(element);
      if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0") return;
      const bounds = element.getBoundingClientRect();
      const faint = style.opacity !== "1";
      if (faint) out.push(`<g opacity="${style.opacity}">`);
      const rx = style.display === "contents" ? 0 : frame(place(bounds), style);
      const clips_ = rx && style.overflow === "hidden" && bounds.width ? `clip-${++clips}` : "";
      if (clips_) out.push(`<clipPath id="${clips_}"><rect${attributes({ ...place(bounds), rx })}/></clipPath><g clip-path="url(#${clips_})">`);
      if (element instanceof SVGSVGElement) out.push(cloned(element));
      else if (element instanceof HTMLImageElement) {
        const href = pictures.get(element.currentSrc || element.src);
        if (href && element.naturalWidth) picture(element, href, style, rx);
      } else if (element instanceof HTMLCanvasElement) {
        if (element.width && element.height) picture(element, element.toDataURL(), style, rx);
      } else {
        beside(element, "::before");
        for (const child of element.childNodes) {
          if (child.nodeType === Node.TEXT_NODE) write(child, style);
          else if (child.nodeType === Node.ELEMENT_NODE) walk(child);
        }
        beside(element, "::after");
      }
      if (clips_) out.push("</g>");
      if (faint) out.push("</g>");
    };
    walk(host);
    const width = Math.ceil(origin.width + 2 * MARGIN), height = Math.ceil(origin.height + 2 * MARGIN);
    return { width, height, svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`
      + `<title>${escaped(nameOf(host.closest(".block") ?? host))}</title><rect width="100%" height="100%" fill="#fff"/>${out.join("")}</svg>` };
  };

  const painted = ({ svg, width, height }) => new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: SCALE * width, height: SCALE * height });
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(done, "image/png");
    };
    image.onerror = () => failed(new Error("the drawing could not be painted"));
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  });

  // Pages that need no network.

  const page = (title, inside) => `<!doctype html><html lang="${document.documentElement.lang || "en"}"><meta charset="utf-8">`
    + `<title>${escaped(title)}</title><meta name="viewport" content="width=device-width, initial-scale=1">${inside}</html>`;

  const still = (root, pictures) => {
    const copy = root.cloneNode(true), canvases = [...root.querySelectorAll("canvas")];
    [...copy.querySelectorAll("canvas")].forEach((canvas, at) => {
      const image = Object.assign(document.createElement("img"), { src: canvases[at].toDataURL(), className: canvas.className, alt: "" });
      image.setAttribute("style", `${canvas.getAttribute("style") ?? ""};image-rendering:pixelated`);
      canvas.replaceWith(image);
    });
    for (const image of copy.querySelectorAll("img")) image.src = pictures.get(image.src) ?? image.src;
    for (const gone of copy.querySelectorAll(TOOLS)) gone.remove();
    return copy.outerHTML;
  };
  const script = (code) => `<script>${code.replace(/<\/(?=script)/g, "<\\/")}<${"/"}script>`;
  const living = (root) => Object.entries(LIVE).filter(([selector]) => root.matches(selector) || root.querySelector(selector))
    .map(([selector, code]) => {
      const { payload = null } = root.matches(selector) ? root : root.querySelector(selector);
      return script(`{ const element = document.querySelector("main"), payload = ${JSON.stringify(payload)}; ${code} }`);
    }).join("");
  const pageOf = (host, root, pictures) => {
    const styles = document.getElementById("lab-styles").textContent;
    const base = "body{margin:0;padding:20px;background:var(--lab-paper)!important;color:var(--lab-ink);"
      + "font:16px/1.5 system-ui,sans-serif}main{max-width:1100px;margin:auto}main>.lab-still{all:unset}";
    return page(nameOf(host), `<style>${styles}${base}</style><body><main id="${escaped(host.id)}">${still(root, pictures)}</main>${living(root)}`);
  };

  // Plotly's own exporter draws the figure anew, in the colours that it was made with.

  const lit = (graph) => ({
    data: graph.data, config: {},
    layout: { ...graph.layout, paper_bgcolor: "#fff", plot_bgcolor: "#fff" },
  });
  const plotlyImage = (graph, format) => window.Plotly.toImage(lit(graph), {
    format, width: graph.clientWidth, height: graph.clientHeight, scale: format === "png" ? SCALE : 1 });
  const plotlyPage = async (graph, name) => {
    const answer = await fetch(new URL("lab/plotly.min.js", document.baseURI));
    if (!answer.ok) throw new Error("the server did not hand out plotly.js");
    const { data, layout } = JSON.parse(window.Plotly.Plots.graphJson(graph, false, "keepall"));
    const figure = JSON.stringify({ data, layout: { ...layout, width: undefined, autosize: true, paper_bgcolor: "#fff", plot_bgcolor: "#fff" } });
    return page(name, `<body style="margin:12px;background:#fff"><div id="figure" role="img" aria-label="${escaped(name)}"></div>`
      + script(await answer.text())
      + script(`const { data, layout } = ${figure.replaceAll("</", "<\\/")}; Plotly.newPlot("figure", data, layout, { responsive: true });`));
  };

  // Tables. A spreadsheet takes a cell that begins like a formula for one.

  const cell = (text) => {
    const plain = String(text ?? "").trim();
    const safe = /^[=+\-@\t\r]/.test(plain) && Number.isNaN(Number(plain)) ? `'${plain}` : plain;
    return /[",\n\r;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const csv = (rows) => `\uFEFF${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
  const rowsOf = (table) => [...table.rows].map((row) => [...row.cells].map((one) => one.dataset.value ?? one.innerText.replace(/\s+/g, " ")));
  const unquoted = (text) => {  // what Gradio's table copies
    const rows = [[""]];
    let quoted = false;
    for (let at = 0; at < text.length; at++) {
      const letter = text[at], row = rows.at(-1);
      if (quoted && letter === '"' && text[at + 1] === '"') row[row.length - 1] += text[++at];
      else if (letter === '"') quoted = !quoted;
      else if (!quoted && letter === ",") row.push("");
      else if (!quoted && letter === "\n") rows.push([""]);
      else row[row.length - 1] += letter;
    }
    return rows;
  };
  const gridRows = (host) => new Promise((done, failed) => {
    // Only the rows on show are in the page; the table itself hands out all of them, to be copied.
    const heads = [...host.querySelectorAll('[role="columnheader"][data-heading]')].map((one) => one.title || one.innerText);
    const { clipboard } = navigator, copying = host.querySelector('.table-container [role="toolbar"] button');
    const fake = { writeText: async (copied) => done([heads, ...unquoted(copied)]) };
    Object.defineProperty(navigator, "clipboard", { configurable: true, value: fake });
    copying?.click();
    setTimeout(() => {
      Object.defineProperty(navigator, "clipboard", { configurable: true, value: clipboard });
      failed(new Error("the table gave nothing"));
    }, 500);
  });

  // The button.

  const graphOf = (host) => host.querySelector(".js-plotly-plot");
  const gridOf = (host) => host.querySelector('.table-container [role="grid"]');
  const viewOf = (host) => (graphOf(host) || gridOf(host) || host.querySelector(".va") ? null : host.querySelector(VIEWS));
  const rootOf = (host) => host.querySelector(".html-container > *") ?? host.querySelector(".html-container");
  const formatsOf = (host) => {
    if (gridOf(host)) return ["csv"];
    if (graphOf(host)) return ["svg", "png", "html"];
    if (viewOf(host)) return ["svg", "png", "html", ...(host.querySelector("table") ? ["csv"] : [])];
    return [];
  };
  const text = (kind, body) => new Blob([body], { type: `${kind};charset=utf-8` });
  const made = async (host, format, name) => {
    const graph = graphOf(host), root = rootOf(host);
    if (format === "csv") {
      const rows = gridOf(host) ? await gridRows(host)
        : [...host.querySelectorAll("table")].flatMap((table, at) => [...(at ? [[]] : []), ...rowsOf(table)]);
      return text("text/csv", csv(rows));
    }
    if (graph && format === "html") return text("text/html", await plotlyPage(graph, name));
    if (graph) return (await fetch(await plotlyImage(graph, format))).blob();
    const pictures = await picturesOf(host);
    if (format === "html") return text("text/html", await byDay(() => pageOf(host, root, pictures)));
    const drawn = await byDay(() => drawing(root, pictures));
    return format === "svg" ? text("image/svg+xml", drawn.svg) : painted(drawn);
  };

  const button = (host) => {
    const menu = Object.assign(document.createElement("details"), { className: "lab-save" });
    menu.innerHTML = '<summary>Save</summary><div></div><p role="status"></p>';
    const list = menu.querySelector("div"), says = menu.querySelector("p");
    menu.addEventListener("toggle", () => {
      says.textContent = "";
      list.replaceChildren(...formatsOf(host).map((format) => {
        const choice = Object.assign(document.createElement("button"), { type: "button", textContent: FORMATS[format] });
        choice.dataset.format = format;
        return choice;
      }));
    });
    list.addEventListener("click", async ({ target }) => {
      const { format } = target.closest("button")?.dataset ?? {};
      if (!format) return;
      const name = `${nameOf(host)}.${format}`;
      says.textContent = "Saving …";
      try {
        keep(name, await made(host, format, nameOf(host)));
        says.textContent = `Saved as ${name}`;
      } catch (error) {
        says.textContent = `This could not be saved: ${error.message}.`;
      }
    });
    menu.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.firstElementChild.focus();
    });
    return menu;
  };
  document.addEventListener("pointerdown", ({ target }) => {
    for (const menu of document.querySelectorAll(".lab-save[open]")) if (!menu.contains(target)) menu.open = false;
  });

  // Pictures one may change have a row of icons, but none of Gradio's that keeps them.
  const keeper = (row) => {
    const like = row.querySelector("button"), icon = like?.cloneNode(true);
    if (!icon?.querySelector("svg")) return;
    icon.classList.add("lab-keep");
    icon.title = "Save the picture (PNG)";
    icon.setAttribute("aria-label", icon.title);
    icon.querySelector("svg").outerHTML = '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" '
      + 'stroke-linejoin="round" width="100%" height="100%" aria-hidden="true"><path d="M12 3v12m-5-5 5 5 5-5M4 20h16"/></svg>';
    icon.addEventListener("click", (event) => {
      event.stopPropagation();
      const image = row.closest(".lab-picture").querySelector(".image-frame img, img");
      const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
      canvas.getContext("2d").drawImage(image, 0, 0);
      canvas.toBlob((blob) => keep(`vilt-lab-${tab()}-picture.png`, blob), "image/png");
    });
    row.prepend(icon);
  };

  const attend = () => {
    for (const row of document.querySelectorAll(".lab-picture .icon-button-wrapper:not(:has(.lab-keep))")) keeper(row);
    for (const host of document.querySelectorAll(".gradio-container .block")) {
      const known = [...host.children].find((child) => child.matches(".lab-save"));
      const wanted = host.matches(".lab-plot, .lab-table, :has(> * .html-container), :has(> .html-container)") && formatsOf(host).length > 0
        && !host.querySelector(".block");
      if (wanted && !known) host.append(button(host));
      else if (known) known.hidden = !wanted;
    }
  };
  let awaited = false;
  const soon = () => {
    if (awaited) return;
    awaited = true;
    setTimeout(() => {
      awaited = false;
      attend();
    }, 250);
  };
  const begin = () => new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
  return { csv, cell };
})();
