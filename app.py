"""The lab in a browser: ``python app.py``."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1000")  # of which it keeps a record
from app import build_demo, launch

demo = build_demo()
if __name__ == "__main__":
    launch(demo)
