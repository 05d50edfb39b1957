// Many buttons in rows, [data-rove]: the Tab key stops at one of them, and the arrows, Home and End lead to the others.
{
  const shownIn = (group) => [...group.querySelectorAll("button")].filter((button) => button.checkVisibility());
  const stopAt = (group, button) => {
    for (const other of group.querySelectorAll('button[tabindex="0"]')) other.tabIndex = -1;
    button.tabIndex = 0;
  };
  // In the nearest row on that side, what is nearest across.
  const beside = (buttons, from, side) => {
    const down = (button) => side * Math.round(button.getBoundingClientRect().top - from.getBoundingClientRect().top);
    const across = (button) => Math.abs(button.getBoundingClientRect().left - from.getBoundingClientRect().left);
    return buttons.filter((button) => down(button) > 0).sort((one, other) => down(one) - down(other) || across(one) - across(other))[0];
  };
  const MOVES = {
    ArrowLeft: (buttons, from) => buttons[buttons.indexOf(from) - 1],
    ArrowRight: (buttons, from) => buttons[buttons.indexOf(from) + 1],
    ArrowUp: (buttons, from) => beside(buttons, from, -1),
    ArrowDown: (buttons, from) => beside(buttons, from, 1),
    Home: (buttons) => buttons[0],
    End: (buttons) => buttons.at(-1),
  };
  document.addEventListener("keydown", (event) => {
    const group = event.target.closest?.("[data-rove]");
    if (!group || !(event.key in MOVES) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    MOVES[event.key](shownIn(group), event.target)?.focus();
  });
  document.addEventListener("focusin", ({ target }) => {
    const group = target.closest?.("[data-rove]");
    if (group && target.localName === "button") stopAt(group, target);
  });
}
