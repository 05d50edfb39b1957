"""What ``python -m vilt_core`` can do: a dataclass a command, whose fields are its options."""
