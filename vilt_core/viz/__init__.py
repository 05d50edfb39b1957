"""Pictures of what a model does: arrays and strings in, a figure out, no model known.

heatmap.py (matplotlib), plan.py, curves.py, families.py, growth.py and timeline.py (plotly),
answers.py (HTML), stepper.py (the interactive view of an alignment, HTML) and passage.py (a pair on
its way through models, HTML). Import the file that you need: each pulls in one library.
"""
