"""Search: a dual encoder's shortlist, re-ranked by a model that reads every pair.

The two families of ViLT's figure 2 that make vectors can be asked for the nearest of a million
pictures at once; ViLT must read a text with each. So the first chooses, and the second judges what
was chosen. Two ready models are composed here: nothing below knows of it.
"""
