"""The records' tables as statements name them."""

from sqlalchemy import Table

from app.models import Collection

_TABLES = Collection.metadata.tables
COLLECTION: Table = _TABLES["collection"]
VERSION: Table = _TABLES["collection_version"]
CART: Table = _TABLES["cart"]
TERM: Table = _TABLES["collection_term"]
ANALYSIS_SOURCE: Table = _TABLES["analysis_source"]
SUBMISSION: Table = _TABLES["submission"]
SITE: Table = _TABLES["site"]
UNIT: Table = _TABLES["access_unit"]
AGREEMENT: Table = _TABLES["agreement"]
AUDIT_ANCHOR: Table = _TABLES["audit_anchor"]
AUDIT_ENTRY: Table = _TABLES["audit_entry"]
PERSON: Table = _TABLES["person"]
GROUP: Table = _TABLES["people"]
MEMBER: Table = _TABLES["people_member"]
GRANT: Table = _TABLES["access_grant"]
REQUEST: Table = _TABLES["access_request"]
REQUEST_FORM: Table = _TABLES["request_form"]
RIGHTS: Table = _TABLES["rights"]
SHARE_LINK: Table = _TABLES["share_link"]
TOKEN: Table = _TABLES["token"]
DOI: Table = _TABLES["doi"]
USAGE: Table = _TABLES["usage"]
DEIDENTIFICATION: Table = _TABLES["deidentification"]
DEIDENTIFICATION_LOG: Table = _TABLES["deidentification_log"]
SEALED: Table = _TABLES["sealed"]
WEBHOOK: Table = _TABLES["webhook"]
IDENTITY: Table = _TABLES["archive_identity"]
LEASE: Table = _TABLES["lease"]
UNREFERENCED: Table = _TABLES["unreferenced"]
