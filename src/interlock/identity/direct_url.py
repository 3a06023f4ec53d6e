"""Where a distribution came from, as installers write it down (PEP 610, `direct_url.json`)."""

from __future__ import annotations

import json

from interlock.identity.git import without_credentials

FOLDER, EDITABLE = "folder", "editable folder"


def origin_of(text: str) -> str:
    """Return an origin that names the same thing on every machine, without credentials.

    A folder of the machine is only called one: its path means nothing elsewhere.
    """
    try:
        found = json.loads(text)
        url = without_credentials(found["url"])
        if "vcs_info" in found:
            return f"{found['vcs_info']['vcs']}+{url}@{found['vcs_info']['commit_id']}"
        if "dir_info" in found:
            return EDITABLE if found["dir_info"].get("editable") else FOLDER
        if url.startswith("file:"):
            url = url.rpartition("/")[2]
        hashes = (found.get("archive_info") or {}).get("hashes") or {}
        return url + "".join(f"#{name}={value}" for name, value in sorted(hashes.items())[:1])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unknown"
