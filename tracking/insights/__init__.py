"""What a week of a diary shows. docs/how-insights-are-computed.md has each figure with its rule and source."""
