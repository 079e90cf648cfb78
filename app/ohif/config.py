"""What OHIF is told about the archive: the script `app-config.js`, made for each address it is asked at."""

from typing import Any

import orjson

SOURCE = "archive"


def script(home: str, route: str, root: str) -> bytes:
    """`app-config.js` for the DICOMweb root at the path `root`.

    `home` is the path below which the viewer's own files lie, with a slash at its end; `route` the path at
    which its pages open.
    """
    said = {"PUBLIC_URL": home, "config": _configuration(route, root)}
    lines = [f"window.{name} = {orjson.dumps(value).decode()};" for name, value in said.items()]
    return "\n".join([*lines, "window.browserImportFunction = name => import(name);", ""]).encode()


def _configuration(route: str, root: str) -> dict[str, Any]:
    return {
        "name": "Reading Room",
        "routerBasename": route,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": True,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        "maxNumRequests": {"interaction": 100, "thumbnail": 5, "prefetch": 25},
        # The archive is for research, not for diagnosis: the viewer says so too, once a year.
        "investigationalUseDialog": {"option": "configure", "days": 365},
        "defaultDataSourceName": SOURCE,
        "dataSources": [
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
                "sourceName": SOURCE,
                "configuration": _source(root),
            }
        ],
    }


def _source(root: str) -> dict[str, Any]:
    return {
        "friendlyName": "Reading Room",
        "name": SOURCE,
        **dict.fromkeys(("wadoUriRoot", "qidoRoot", "wadoRoot"), root),
        "qidoSupportsIncludeField": True,
        "supportsReject": False,
        "dicomUploadEnabled": False,
        "imageRendering": "wadors",
        "thumbnailRendering": "wadors",
        "enableStudyLazyLoad": True,
        "supportsFuzzyMatching": True,
        "supportsWildcard": True,
        # Documents are fetched as bulk data, with the caller's token, and shown from memory: an address in an
        # <object> could not carry the token, and what the archive sends may not be framed.
        "singlepart": "bulkdata",
        "omitQuotationForMultipartRequest": True,
        "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
    }
