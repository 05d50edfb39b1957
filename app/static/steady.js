// A press counts for what it was put on. While a page fills, its parts move: a button can slide away between press and
// release, and the browser then clicks on neither. A hand that moved itself, to take a press back, is left alone.
{
  const PRESSED = "button, label, summary, a[href]";
  const REACH = 6;  // pixels that a hand may tremble
  let press = null;
  const at = ({ target, clientX: x, clientY: y, button }) => ({ on: target.closest?.(PRESSED), x, y, button });
  document.addEventListener("pointerdown", (event) => { press = at(event); }, true);
  document.addEventListener("pointercancel", () => { press = null; }, true);
  document.addEventListener("pointerup", (event) => {
    const began = press, ends = at(event);
    press = null;
    if (!began?.on?.isConnected || began.button !== 0 || began.on === ends.on) return;
    if (Math.hypot(ends.x - began.x, ends.y - began.y) <= REACH) began.on.click();
  }, true);
}
