"""Sessions of people, with the demo's provider: in a real browser, and in one without JavaScript."""
