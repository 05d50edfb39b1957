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

const language = element.querySelector(".lab-language");
const spoken = () => { language.value = labLanguages.current; };
if (typeof labLanguages === "undefined") language.hidden = true;  // a page that others serve
else {
  spoken();
  language.addEventListener("change", () => labLanguages.choose(language.value));
  document.addEventListener("lab-language", spoken);
}
