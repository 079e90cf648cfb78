"""The archive's tables. Rows only, no behaviour."""

from app.models.access import (
    AccessRequest,
    Agreement,
    AuditAnchor,
    AuditEntry,
    Grant,
    Group,
    GroupMember,
    Person,
    RequestForm,
    Rights,
    ShareLink,
    Token,
    Usage,
)
from app.models.collections import (
    AccessUnit,
    AnalysisSource,
    Collection,
    CollectionTerm,
    Site,
    Submission,
)
from app.models.jobs import Doi, Job, Webhook
from app.models.studies import Instance, RequestAttributes, Series, Study
from app.models.tags import SeriesTagValue, TagPath, TagValue

__all__ = [
    "AccessRequest",
    "AccessUnit",
    "Agreement",
    "AnalysisSource",
    "AuditAnchor",
    "AuditEntry",
    "Collection",
    "CollectionTerm",
    "Doi",
    "Grant",
    "Group",
    "GroupMember",
    "Instance",
    "Job",
    "Person",
    "RequestAttributes",
    "RequestForm",
    "Rights",
    "Series",
    "SeriesTagValue",
    "ShareLink",
    "Site",
    "Study",
    "Submission",
    "TagPath",
    "TagValue",
    "Token",
    "Usage",
    "Webhook",
]
