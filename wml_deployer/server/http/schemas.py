"""JSON Schemas of request and response bodies: the components of the OpenAPI document.

The schema of a response has what all recorded ones have in common, so that those are valid, too; that of a request what
is needed for success. Additional members are allowed everywhere, as on the real service.
"""

from __future__ import annotations

from typing import Any

__all__ = ["PARAMETERS", "SCHEMAS"]

_Schema = dict[str, Any]

TEXT: _Schema = {"type": "string"}
NAME: _Schema = {"type": "string", "minLength": 1, "pattern": "^[A-Za-z]"}
ANYTHING: _Schema = {"type": "object"}
TAGS: _Schema = {"type": "array", "items": {"type": "string"}}
WHOLE: _Schema = {"type": "integer", "minimum": 0}


def _object(*required: str, **members: _Schema) -> _Schema:
    return {"type": "object", "required": list(required), "properties": members} if required else _open(**members)


def _open(**members: _Schema) -> _Schema:
    return {"type": "object", "properties": members}


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: _Schema, **more: Any) -> _Schema:
    return {"type": "array", "items": items, **more}


def _page(name: str) -> _Schema:
    """Return the schema of a page; some recorded pages have no links."""
    link = _object("href", href=TEXT)
    return _object("resources", resources=_list(_ref(name)), limit=WHOLE, first=link, next=link)


def _document(metadata: _Schema, entity: _Schema) -> _Schema:
    return _object("metadata", "entity", metadata=metadata, entity=entity, system=ANYTHING)


def _patch(*paths: str) -> _Schema:
    operation = _object(
        *("op", "path", "value"), op={"enum": ["add", "replace"]}, path={"enum": list(paths)}, value={"type": "string"}
    )
    return _list(operation, minItems=1, maxItems=3)


_ID_OR_NAME: _Schema = {"anyOf": [_object("id", id=TEXT), _object("name", name=TEXT)]}
_BLOCKS = _list(
    _object("values", fields=_list(TEXT), values=_list({"type": "array"})), minItems=1
)  # rows of a table, or tensors
_ML_METADATA = _object("id", "created_at", id=TEXT, name=TEXT, created_at=TEXT, tags=TAGS, rev=TEXT)
_ASSET_METADATA = _object("asset_id", "asset_type", "name", asset_id=TEXT, asset_type=TEXT, name=TEXT)
_SPECIFICATION = {"software_specification": _object("type", type=TEXT, software_configuration=ANYTHING)}
_NEW_ARTIFACT = {
    "name": NAME,
    "software_spec": _ID_OR_NAME,
    "description": TEXT,
    "tags": TAGS,
    "custom": ANYTHING,
    "space_id": TEXT,
    "project_id": TEXT,
}
_NAMED = {"name": NAME, "description": TEXT}

SCHEMAS: dict[str, _Schema] = {
    "Error": _object(
        *("trace", "errors"),
        trace={"type": "string", "pattern": "^[0-9a-f]{32}$"},
        errors=_list(_object("code", "message", code=TEXT, message=TEXT, more_info=TEXT, target=ANYTHING)),
        status_code={"type": ["string", "integer"]},
    ),
    "IdentityError": _object("errorCode", "errorMessage", errorCode=TEXT, errorMessage=TEXT),
    "Login": {
        "anyOf": [
            _object("username", "api_key", username=TEXT, api_key=TEXT),
            _object("username", "password", username=TEXT, password=TEXT),
        ]
    },
    "Token": _object("token", token=TEXT, message=TEXT),
    "KeyForm": _object("apikey", apikey=TEXT, grant_type=TEXT, response_type=TEXT),
    "AccessToken": _object(
        *("access_token", "expiration"), access_token=TEXT, token_type=TEXT, expires_in=WHOLE, expiration=WHOLE
    ),
    "Release": _object("version", version=TEXT),
    "NewModel": _object("name", "type", "software_spec", **_NEW_ARTIFACT, type=NAME),
    "NewArtifact": _object("name", "software_spec", **_NEW_ARTIFACT),
    "NewComposition": _object("name", **{key: _NEW_ARTIFACT[key] for key in ("name", "description", "tags")}),
    "Artifact": _document(_ML_METADATA, ANYTHING),
    "Artifacts": _page("Artifact"),
    "ArtifactPatch": _patch("/name", "/description"),
    "Commit": _open(space_id=TEXT, project_id=TEXT, commit_message=TEXT),
    "Revisions": _object("resources", resources=_list(_object("metadata", metadata=_ML_METADATA))),
    "Uploaded": _object("attachment_id", attachment_id=TEXT, content_format=TEXT, persisted={"type": "boolean"}),
    "NewDeployment": _object(
        *("name", "asset", "batch"),
        name=NAME,
        asset=_object("id", id=TEXT),
        batch={"type": "object", "maxProperties": 0},
        tags=TAGS,
        custom=ANYTHING,
    ),
    "Deployment": _document(
        _ML_METADATA,
        _object(
            *("asset", "name", "status"),
            asset=_object("id", id=TEXT, rev=TEXT),
            name=TEXT,
            custom=ANYTHING,
            status=_object("state", state=TEXT),
        ),
    ),
    "Deployments": _page("Deployment"),
    "DeploymentPatch": _patch("/name", "/description"),
    "Rows": _object("input_data", input_data=_BLOCKS),
    "Predictions": _object("predictions", predictions={"type": "array"}),
    "NewJob": _object(
        *("deployment", "scoring"),
        name=TEXT,
        deployment=_object("id", id=TEXT),
        scoring=_object("input_data", input_data=_BLOCKS),
        space_id=TEXT,
    ),
    "Job": _document(
        _ML_METADATA,
        _object(
            *("deployment", "scoring"),
            deployment=_object("id", id=TEXT),
            scoring=_open(status=_object("state", state=TEXT), predictions={"type": "array"}),
        ),
    ),
    "Jobs": _page("Job"),
    "Instance": _document(_object("id", id=TEXT), ANYTHING),
    "Instances": _object("resources", resources=_list(_ref("Instance"))),
    "ServiceInstance": _object("crn", "name", crn=TEXT, name=TEXT, region_id=TEXT, state=TEXT),
    "ServiceInstances": _object("resources", resources=_list(_ref("ServiceInstance")), rows_count=WHOLE),
    "NewTaskCredentials": _object(
        *("name", "type", "secret"),
        **_NAMED,
        type={"const": "iam_api_key"},
        secret=_object("api_key", api_key=TEXT),
    ),
    "TaskCredentials": _object("id", "name", "type", id=TEXT, name=TEXT, description=TEXT, type=TEXT),
    "ManyTaskCredentials": _object("credentials", credentials=_list(_ref("TaskCredentials"))),
    "NewSpace": _object("name", **_NAMED, tags=TAGS),
    "Space": _document(
        _object("id", "created_at", id=TEXT, created_at=TEXT),
        _object("name", "status", name=TEXT, status=_object("state", state=TEXT), compute=_list(ANYTHING, minItems=1)),
    ),
    "Spaces": _page("Space"),
    "SpacePatch": _patch("/description"),
    "NewMembers": _object(
        "members",
        members=_list(
            _object("id", "role", id=NAME, role={"enum": ["admin", "editor", "viewer"]}), minItems=1, maxItems=3
        ),
    ),
    "Member": _object("id", "role", id=TEXT, role=TEXT, state=TEXT, type=TEXT),
    "Members": _object("resources", resources=_list(_ref("Member"))),
    "MemberPatch": _list(
        _object(
            *("op", "path", "value"),
            op={"const": "replace"},
            path={"const": "/role"},
            value={"enum": ["editor", "viewer"]},
        ),
        minItems=1,
        maxItems=2,
    ),
    "NewProject": _object("name", **_NAMED),
    "ProjectChange": _object("name", **_NAMED),
    "Located": _object("location", location=TEXT),
    "Project": _document(_object("guid", guid=TEXT), _object("name", name=TEXT, storage=ANYTHING)),
    "Projects": _page("Project"),
    "Promotion": _object("space_id", space_id=TEXT),
    "PromotionFrom": _object("spaceId", "projectId", spaceId=TEXT, projectId=TEXT),
    "Promoted": _object("promotedAsset", promotedAsset=_object("asset_id", asset_id=TEXT, asset_name=TEXT)),
    "NewAsset": _object(
        "metadata", metadata=_object("name", "asset_type", name=NAME, asset_type=NAME, tags=TAGS), entity=ANYTHING
    ),
    "Asset": _document(_ASSET_METADATA, ANYTHING),
    "AssetPatch": _patch("/metadata/name", "/metadata/description"),
    "AttributePatch": _patch("/mime_type", "/note"),
    "Attributes": ANYTHING,
    "AssetRevisions": _object("results", results=_list(_ref("Asset")), total_rows=WHOLE),
    "NewAttachment": _open(name=NAME, mime=TEXT, asset_type=NAME),
    "Attachment": _object("attachment_id", attachment_id=TEXT, url1=TEXT, url=TEXT),
    "Search": _object("query", query={"enum": ["*:*", "asset.name:a*"]}, limit={"type": "integer", "minimum": 1}),
    "Found": _object("results", "total_rows", results=_list(_ref("Asset")), total_rows=WHOLE, next=ANYTHING),
    "Size": _object("size", size=WHOLE),
    "Resources": _object("resources", resources={"type": "array"}),
    "NewSpecification": _object(
        *("name", "base_software_specification"), **_NAMED, base_software_specification=_object("guid", guid=TEXT)
    ),
    "Specification": _document(_object("name", name=TEXT), _object(*_SPECIFICATION, **_SPECIFICATION)),
    "Specifications": _object(
        "resources", "total_results", resources=_list(_ref("Specification")), total_results=WHOLE
    ),
    "States": _object("results", results=_list(_object("id", "name", "state", id=TEXT, name=TEXT, state=TEXT))),
    "NewHardware": _object("name", **_NAMED, nodes=ANYTHING),
    "Hardware": _document(_object("name", "description", name=TEXT, description=TEXT), ANYTHING),
    "Hardwares": _object("resources", "total_results", resources=_list(_ref("Hardware")), total_results=WHOLE),
    "NewExtension": _object(
        "name", "type", **_NAMED, type={"enum": ["conda_yml", "pip_zip", "requirements_txt", "custom_library"]}
    ),
    "Extension": _document(
        _ASSET_METADATA,
        _object("package_extension", package_extension=_object("type", "href", type=TEXT, href=TEXT)),
    ),
    "Extensions": _object("resources", resources=_list(_ref("Extension")), total_results=WHOLE),
}
"""Schemas by name."""

_SCOPE = (
    ("version", "The date of the API that the client was written for; any date is accepted.", TEXT),
    ("space_id", "Id of the space; alternative to project_id.", TEXT),
    ("project_id", "Id of the project; alternative to space_id.", TEXT),
)
PARAMETERS: dict[str, tuple[tuple[str, str, _Schema], ...]] = {
    "scope": _SCOPE,
    "page": (
        ("limit", "Maximum number of members in the page.", {"type": "integer", "minimum": 1, "maximum": 200}),
        ("start", "Start of the page, taken from the link to it.", {"type": "string", "pattern": "^[0-9a-f]{1,15}$"}),
    ),
    "rev": (("rev", "Number of the revision, or latest.", TEXT),),
    "revision_id": (("revision_id", "Number of the revision, or latest.", TEXT),),
    "name": (("name", "Only resources with this name.", TEXT),),
    "state": (("state", "Only resources in this state.", TEXT),),
    "tag": (("tag.value", "Only resources with this tag.", TEXT),),
    "software_spec": (("software_spec", "Only assets with this software specification, given by id or name.", TEXT),),
    "content_format": (("content_format", "Format of the content.", TEXT),),
    "asset_id": (("asset_id", "Only deployments of this asset.", TEXT),),
    "deployment_id": (("deployment_id", "Only jobs of this deployment.", TEXT),),
    "include": (("include", "Parts of the scoring section to return.", TEXT),),
    "space_parts": (("include", "Parts of a space to return as well: members.", TEXT),),
    "resource_id": (("resource_id", "Only instances of this service of the catalogue.", TEXT),),
    "hard_delete": (("hard_delete", "Whether to delete the job instead of canceling it.", {"type": "boolean"}),),
    "apikey": (("apikey", "API key, if it is not in the form.", TEXT),),
}
"""Query parameters (name, description, schema), by the name that routes use for them."""
