"""The eight stops of the tour: what each says, draws and asks, all of it live from the model."""

from app.stops import heads, joint, layers, patches, places, pooler, transport, words
from app.stops.stop import Choice, Stop, begun

__all__ = ["STOPS", "Choice", "Stop", "begun"]

STOPS = tuple(one.STOP for one in (patches, words, places, joint, layers, pooler, heads, transport))
