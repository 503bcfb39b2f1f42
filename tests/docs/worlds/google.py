"""A gate that knows no issuer yet, Google, and C{gcloud} of somebody who may use a service account."""

from __future__ import annotations

from tests.docs import running
from tests.docs.hosts import Answer, Request
from tests.docs.issuers import Issuer
from tests.docs.place import Place

ACCOUNT = "ci@acme-prod.iam.gserviceaccount.com"

_GCLOUD = """\
#!/bin/sh
for word in "$@"; do
  case "$word" in
    --audiences=*) audience="${word#*=}" ;;
    --impersonate-service-account=*) account="${word#*=}" ;;
    describe) echo 113774264463038321964; exit ;;
  esac
done
exec curl --silent "https://oauth2.googleapis.com/token?audience=$audience&account=$account"
"""


def build(place: Place) -> None:
    """Build it."""
    google = Issuer("https://accounts.google.com", keys="/oauth2/v3/certs")
    # Its keys are on another host than its document.
    elsewhere = {"jwks_uri": "https://www.googleapis.com/oauth2/v3/certs"}

    def document(request: Request) -> Answer:
        answer = google.respond(request)
        return Answer({**answer.body, **elsewhere}) if isinstance(answer.body, dict) else answer

    def give(request: Request) -> Answer:
        asked = dict(one.split("=", 1) for one in request.path.partition("?")[2].split("&"))
        ours = asked["account"] == ACCOUNT
        subject = "113774264463038321964" if ours else "104004004004004004004"
        said = {"email": asked["account"], "email_verified": True, "azp": subject, "sub": subject}
        return Answer(google.token(aud=asked["audience"], at_hash="HK6E_P6Dh8Y93mRNtsDB1Q", **said).encode())

    place.serve("accounts.google.com", document)
    place.serve("www.googleapis.com", google.respond)
    place.serve("oauth2.googleapis.com", give)
    place.file("/usr/local/bin/gcloud", _GCLOUD, 0o755)
    running.stage(place)
