// What an answer says in a line is heard. One region stays on the page and tells whatever comes with data-said, a sentence a
// line, where it is on show: regions that come and go with the answers themselves are passed over by screen readers.
// Gradio changes what is there rather than write it anew: of two answers that say the same, data-took tells the second, where there is one.
{
  const SAYS = "[data-said]", NEW = ["data-said", "data-took"];
  const region = Object.assign(document.createElement("div"), { id: "said", className: "lab-sr" });
  region.setAttribute("role", "status");
  const speaking = (node) => (node instanceof Element ? [node, ...node.querySelectorAll(SAYS)] : []);
  const tell = (records) => {
    const fresh = records.flatMap(({ type, target, addedNodes }) => (type === "attributes" ? [target] : [...addedNodes].flatMap(speaking)));
    const found = new Set(fresh.filter((one) => one.matches(SAYS)));
    const lines = [...found].filter((one) => one.checkVisibility()).flatMap(({ dataset }) => dataset.said.split("\n"));
    if (!lines.length) return;
    region.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
  };
  const begin = () => {
    document.body.append(region);
    new MutationObserver(tell).observe(document.body, { childList: true, subtree: true, attributeFilter: NEW });
  };
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
}
