"""Checks of the service's condition, what follows from them, and what is tried to mend it."""
