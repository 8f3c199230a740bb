"""HTTP as all parts of the service speak it: routes, pages, patches, bodies, connections, and their description."""
