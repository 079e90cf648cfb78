"""Croissant 1.0: a dataset as machine learning tools load it (https://docs.mlcommons.org/croissant)."""

import re
from typing import Any

from app.citing import bibtex, schema_org
from app.citing.work import File, Work

CONFORMS = "http://mlcommons.org/croissant/1.0"
_CR = "http://mlcommons.org/croissant/"
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": _CR,
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    **{
        name: f"cr:{name}"
        for name in (
            *("citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
            *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
            *("references", "regex", "repeated", "replace", "separator", "source", "subField", "transform"),
        )
    },
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}


def dataset(work: Work) -> dict[str, Any]:
    """The dataset. Only files whose digest is known beforehand can be named in it."""
    kept = ("url", "creator", "publisher", "datePublished", "dateModified", "license", "sameAs")
    told = schema_org.dataset(work)
    files = [_file(each) for each in work.files if each.sha256]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": re.sub(r"[^A-Za-z0-9_-]", "-", work.slug),
        "description": told["description"],
        **{name: told[name] for name in kept if name in told},
        "keywords": [each.text for each in work.subjects],
        "version": f"{work.version}.0.0" if work.version.isdecimal() else "0.0.0",
        "citeAs": bibtex.entry(work),
        "isLiveDataset": work.kind != "version",
        "distribution": files,
    }


def _file(file: File) -> dict[str, Any]:
    size = {"contentSize": f"{file.size} B"} if file.size is not None else {}
    told = {"encodingFormat": file.media_type, "sha256": file.sha256, **size}
    return {"@type": "cr:FileObject", "@id": file.name, "name": file.name, "contentUrl": file.url, **told}
