"""Training: recipes, batches, one step, the loop."""


class TrainingStopped(RuntimeError):
    """A run cannot go on: one sentence says why, and which state is the last good one."""
