"""Pictures of what a model does: arrays and strings in, a figure out, no model known.

heatmap.py (matplotlib), plan.py and curves.py (plotly), answers.py (HTML) and stepper.py (the
interactive view of an alignment, HTML). Import the file that you need: each pulls in one library.
"""
