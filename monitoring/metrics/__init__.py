"""Figures for Prometheus and for programs: read from the database when somebody asks, so that all processes agree."""
