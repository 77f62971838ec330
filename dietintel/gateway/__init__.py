"""Calls to the outside world: every provider is asked through `client.BaseAPIClient`. Knows no food."""
