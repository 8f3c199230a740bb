"""HTTP for all parts of the service: routes, paging, patches, tokens, connections, and the OpenAPI document."""
