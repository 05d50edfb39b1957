"""Pictures of what a model does: arrays and strings in, a figure out, no model known.

heatmap.py (matplotlib), plan.py, curves.py, families.py, growth.py and timeline.py (plotly),
answers.py (HTML), stepper.py (the interactive view of an alignment, HTML), passage.py (a pair on
its way through models, HTML) and meeting.py (how its halves meet there). Of one answer:
explanations.py, heads.py and knockouts.py (HTML), lens.py and faithfulness.py (plotly). Import the
file that you need: each pulls in one library.
"""
