"""Parts of the progress hook: the event, what sends it, and what draws it where nobody else does."""
