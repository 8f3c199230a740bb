"""The console: web pages for people, beside the API for programs. Rendered on the server, without a build step."""
