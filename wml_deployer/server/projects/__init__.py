"""Projects, as far as clients ask for them: something that assets are in, and from which they are promoted."""
