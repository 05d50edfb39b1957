// The switches of language and of light and dark, remembered where the browser allows it; and the way to the API's
// documentation, which only Gradio's own footer opens.
const button = element.querySelector(".lab-theme");
const tell = () => button.setAttribute("aria-pressed", document.body.classList.contains("dark"));
const remembered = () => { try { return localStorage.getItem("lab-theme"); } catch { return null; } };
if (remembered() && !new URLSearchParams(location.search).has("__theme"))
  document.body.classList.toggle("dark", remembered() === "dark");
tell();
button.addEventListener("click", () => {
  const dark = document.body.classList.toggle("dark");
  try { localStorage.setItem("lab-theme", dark ? "dark" : "light"); } catch { /* then it is forgotten */ }
  tell();
});
element.querySelector(".lab-api").addEventListener("click", () => {
  document.querySelector("footer .show-api")?.click();
});

// The address names the tab on show, and the way back leads to the one before.
const KEPT = ["__theme", "lang"];
const tabs = () => [...document.querySelectorAll(".lab-tabs > .tab-wrapper [data-tab-id]")];
const shown = () => tabs().find((tab) => tab.getAttribute("aria-selected") === "true")?.dataset.tabId;
const addressed = () => {
  const query = new URLSearchParams(location.search);
  return query.get("tab") ?? (query.has("scene") ? "compose" : tabs()[0]?.dataset.tabId);
};
const turned = (query) => {
  const before = new URLSearchParams(location.search), after = new URLSearchParams(query);
  for (const name of KEPT) if (before.has(name)) after.set(name, before.get(name));
  return `?${after}`;
};
// A tab that writes its own address says so, while it is on show.
document.addEventListener("lab-address", ({ detail }) => history.replaceState(history.state, "", turned(detail)));
const follow = () => {
  const tab = shown();
  if (tab && tab !== last) {
    last = tab;
    if (tab !== addressed()) history.pushState(history.state, "", turned(`tab=${tab}`));
  }
};
let last = null;
new MutationObserver(() => {
  last ??= shown();  // what the page opens with is in no address
  follow();
}).observe(document.body, { subtree: true, childList: true, attributeFilter: ["aria-selected"] });
window.addEventListener("popstate", () => {
  if (addressed() === shown()) return;
  const tab = tabs().find(({ dataset }) => dataset.tabId === addressed());
  if (tab) tab.click();
  else location.reload();  // a narrow page does not name the tabs of its menu
});

// A link to what is on show is made by the server, which alone knows the picture.
const asks = element.querySelector(".lab-link"), card = element.querySelector(".lab-linked");
const address = card.querySelector("input"), says = card.querySelector("p");
const notice = element.querySelector(".lab-notice");
const open = (whether) => {
  card.hidden = !whether;
  asks.setAttribute("aria-expanded", whether);
};
const seen = (node) => node.offsetParent !== null;
const chosenWord = () => {
  const at = [...document.querySelectorAll(".va-word")].filter(seen).findIndex((word) => word.ariaPressed === "true");
  return at < 0 ? null : at + 1;
};
const copy = async () => {
  address.select();
  try {
    await navigator.clipboard.writeText(address.value);
    says.textContent = "Copied.";
  } catch {
    says.textContent = "The link is marked: copy it with Ctrl C.";
  }
};
asks.addEventListener("click", () => {
  if (!card.hidden) return open(false);
  props.value = {};  // else nobody hears of an answer that is the one before
  trigger("link", { tab: shown() ?? "", word: chosenWord() });
});
card.querySelector("button").addEventListener("click", () => {
  open(false);
  asks.focus();
});
card.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  open(false);
  asks.focus();
});
document.addEventListener("pointerdown", ({ target }) => {
  if (!card.contains(target) && !asks.contains(target)) open(false);
});
notice.querySelector("button").addEventListener("click", () => warn(""));
const warn = (trouble) => {
  notice.classList.toggle("lab-unseen", !trouble);
  notice.firstElementChild.textContent = trouble;
};
watch("value", () => {
  const { link, trouble } = props.value ?? {};
  warn(trouble ?? "");
  if (!link) return;
  const query = turned(link);
  history.replaceState(history.state, "", query);
  address.value = location.origin + location.pathname + `?${link}`;
  open(true);
  address.focus();
  copy();
});

const language = element.querySelector(".lab-language");
const spoken = () => { language.value = labLanguages.current; };
if (typeof labLanguages === "undefined") language.hidden = true;  // a page that others serve
else {
  spoken();
  language.addEventListener("change", () => labLanguages.choose(language.value));
  document.addEventListener("lab-language", spoken);
}
