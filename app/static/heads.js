const view = headsView(element.firstElementChild);
view.show(props.value);
watch("value", () => view.show(props.value));
