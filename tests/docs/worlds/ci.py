"""A gate that knows no issuer yet, GitHub and GitLab, and a job of C{acme/gate} on either."""

from __future__ import annotations

from tests.docs import running
from tests.docs.hosts import Answer, Request
from tests.docs.issuers import Issuer
from tests.docs.place import Place

AUDIENCE = f"https://{running.GATE}:8443/files"

GITHUB = {
    "sub": "repo:acme/gate:ref:refs/heads/main",
    "repository": "acme/gate",
    "repository_owner": "acme",
    "repository_owner_id": "4711",
    "ref": "refs/heads/main",
}
GITLAB = {
    "sub": "project_path:acme/gate:ref_type:branch:ref:main",
    "namespace_id": "42",
    "namespace_path": "acme",
    "project_path": "acme/gate",
    "ref": "main",
    "ref_protected": "true",
}


def build(place: Place) -> None:
    """Build it."""
    github = Issuer("https://token.actions.githubusercontent.com", keys="/.well-known/jwks")
    gitlab = Issuer("https://gitlab.com", keys="/oauth/discovery/keys")
    github.serve(place)
    gitlab.serve(place)

    def give(request: Request) -> Answer:
        if request.headers.get("authorization") != "bearer of-this-job":
            return Answer({}, status=403)
        return Answer({"value": github.token(**GITHUB, aud=request.path.rpartition("audience=")[2])})

    place.serve("run.actions.githubusercontent.com", give)
    place.environment |= {
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://run.actions.githubusercontent.com/token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-this-job",
        "MCPGATE_TOKEN": gitlab.token(**GITLAB, aud=AUDIENCE),
    }
    running.stage(place)
