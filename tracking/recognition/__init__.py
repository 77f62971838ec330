"""From a photo to the foods that may be on it."""
