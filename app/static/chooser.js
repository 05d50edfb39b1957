// Which model speaks: a button that names it, a panel that shows them all, and a notice while one loads or fails.
const $ = (selector, root = element) => root.querySelector(selector);
const pill = $(".lab-pill"), panel = $(".lab-panel"), list = $(".lab-panel ul"), notice = $(".lab-notice");
const make = (tag, settings = {}) => Object.assign(document.createElement(tag), settings);
// What was written is remembered: what stands there may be a translation of it.
const written = new WeakMap();
const write = (node, text) => {
  if (written.get(node) === text) return;
  written.set(node, text);
  node.textContent = text;
};

const open = (shown) => {
  panel.hidden = !shown;
  pill.setAttribute("aria-expanded", shown);
};

const progress = ({ kind, percent, size }) =>
  kind === "waiting" ? "waits for another load"
    : percent === null ? "begins" : `${percent} %${size && ` of ${size}`}`;

const stateOf = (model) => ({
  ready: () => "ready",
  absent: () => `not loaded yet${model.sizes || model.size ? `: ${model.sizes || model.size}` : ""}`,
  waiting: () => `loading, ${progress(model)}`,
  loading: () => `loading, ${progress(model)}`,
  failed: () => "could not be loaded",
})[model.kind]();

const fillBar = (bar, { percent }) => {
  bar.classList.toggle("lab-endless", percent === null);
  bar.firstElementChild.style.width = percent === null ? "" : `${percent}%`;
  if (percent === null) bar.removeAttribute("aria-valuenow");
  else bar.setAttribute("aria-valuenow", percent);
};

const isLoading = ({ kind }) => kind === "loading" || kind === "waiting";

// A row is changed where it stands: whoever has the focus on its button keeps it while numbers run.
const rows = new Map();
const rowOf = (name) => {
  if (!rows.has(name)) {
    const row = make("li", { innerHTML: `
      <button type="button" class="lab-model"><b translate="no"></b><span class="lab-knows"></span><span class="lab-state"></span></button>
      <div class="lab-bar" aria-hidden="true"><i></i></div>
      <button type="button" class="lab-quiet" data-do=""></button>` });
    row.dataset.name = name;
    rows.set(name, row);
    list.append(row);
  }
  return rows.get(name);
};

const drawRow = (model, speaker) => {
  const row = rowOf(model.name), action = $(".lab-quiet", row), bar = $(".lab-bar", row);
  row.dataset.kind = model.kind;
  $(".lab-model", row).setAttribute("aria-pressed", model.name === speaker);
  write($("b", row), model.name);
  write($(".lab-knows", row), model.knows);
  write($(".lab-state", row), stateOf(model));
  bar.hidden = !isLoading(model);
  fillBar(bar, model);
  action.hidden = !isLoading(model) && model.kind !== "failed";
  action.dataset.do = isLoading(model) ? "stop" : "again";
  write(action, isLoading(model) ? "Stop" : "Try again");
};

let awaited = null;
const drawNotice = (models, speaker) => {
  const model = models.find(({ kind }) => kind === "failed") ?? models.find(isLoading);
  notice.classList.toggle("lab-unseen", !model);
  notice.dataset.kind = model?.kind ?? "";
  notice.dataset.name = model?.name ?? "";
  const [says, soft] = notice.querySelectorAll("span");
  if (!model) {
    // Heard, not seen: the page shows it.
    write(says, awaited === speaker ? `${speaker} is ready.` : "");
    write(soft, "");
    awaited = null;
    return;
  }
  const failed = model.kind === "failed";
  awaited = failed ? null : model.name;
  write(says, failed ? model.sentence : `${model.name} is loading; ${speaker} goes on meanwhile.`);
  write(soft, failed ? "" : progress(model));
  $(".lab-bar", notice).hidden = failed;
  fillBar($(".lab-bar", notice), model);
  $('[data-do="again"]', notice).hidden = !failed;
  write($('[data-do="stop"]', notice), failed ? "Dismiss" : "Stop");
};

const draw = () => {
  const { speaker, models = [] } = props.value ?? {};
  models.forEach((model) => drawRow(model, speaker));
  drawNotice(models, speaker);
  write($("b", pill), speaker ?? "");
  write($(".lab-soft", pill), models.find(({ name }) => name === speaker)?.domain ?? "");
};

pill.addEventListener("click", () => open(panel.hidden));
element.addEventListener("click", ({ target }) => {
  const action = target.closest("[data-do]"), row = target.closest("[data-name]");
  if (action?.dataset.do === "stop") trigger("stop", {});
  else if (action || target.closest(".lab-model")) trigger("pick", { name: row.dataset.name });
  else return;
  if (!panel.hidden) {
    open(false);
    pill.focus();
  }
});
element.addEventListener("keydown", (event) => {
  if (panel.hidden) return;
  const buttons = [...panel.querySelectorAll("button:not([hidden])")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape") {
    open(false);
    pill.focus();
  } else if (step) {
    event.preventDefault();
    const next = buttons.indexOf(document.activeElement) + step;
    buttons[Math.min(Math.max(next, 0), buttons.length - 1)].focus();
  }
});
document.addEventListener("pointerdown", ({ target }) => { if (!element.contains(target)) open(false); });
element.addEventListener("focusout", ({ relatedTarget }) => {
  if (relatedTarget && !element.contains(relatedTarget)) open(false);
});
draw();
watch("value", draw);
