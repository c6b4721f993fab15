"""How right a model is on photos, and a report of it."""
