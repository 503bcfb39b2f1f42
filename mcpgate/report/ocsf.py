"""Records as events of OCSF, for systems that read those (pure).

OCSF (Open Cybersecurity Schema Framework, schema.ocsf.io) 1.3.0: an exchange is API Activity (6003), a
handshake is Network Activity (4001) with its TLS. What has no attribute there stands in C{unmapped}.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mcpgate._version import __version__
from mcpgate.report.joined import Exchange
from mcpgate.report.lines import Certificate, Shake

VERSION = "1.3.0"
_API, _NETWORK = 6003, 4001
_READ, _OTHER = 2, 99
_OPEN, _REFUSE = 1, 5
_INFORMATIONAL, _LOW = 1, 2
_SUCCESS, _FAILURE = 1, 2
_INBOUND, _OUTBOUND = 1, 2
_SHA256 = 3


def api_activity(one: Exchange) -> dict[str, Any]:
    """An exchange."""
    opened, closed = one.opened, one.closed
    method = opened.method or " ".join(call.method or "" for call in opened.calls) or opened.http
    activity = _READ if method.endswith(("/list", "/read", "/get")) else _OTHER
    failed = closed is None or closed.reason is not None
    user: dict[str, Any] = {"name": opened.principal or "unknown"}
    if opened.subject is not None:
        user["uid"] = opened.subject
    event = {
        **_head(_API, activity, opened.time, opened.id, failed=failed),
        "activity_name": method,
        "actor": {
            "user": user,
            "session": {"uid": opened.session or opened.inbound or "", "issuer": opened.issuer},
        },
        "api": {
            "operation": f"{method} {opened.name}" if opened.name else method,
            "service": {"name": opened.upstream or opened.own or "mcpgate"},
            "version": opened.revision,
        },
        "src_endpoint": _endpoint(one.inbound.peer if one.inbound else ""),
        "dst_endpoint": {"name": opened.upstream or opened.listener or "mcpgate"},
        "unmapped": {
            "route": opened.route,
            "verdict": opened.verdict,
            "rule": opened.rule,
            "how": opened.how,
            "proof": opened.proof,
            "inbound": opened.inbound,
            "outbound": closed.outbound if closed else opened.outbound,
            "outcome": closed.outcome if closed else "unfinished",
            "masked": closed.masked if closed else None,
        },
    }
    if closed is not None:
        event |= {
            "status_code": closed.reason or str(closed.status),
            "status_detail": closed.detail,
            "end_time": _milliseconds(closed.time),
            "start_time": _milliseconds(opened.time),
            "duration": round(closed.seconds * 1000),
        }
    return _without_nothing(event)


def network_activity(shake: Shake) -> dict[str, Any]:
    """A handshake, finished or refused."""
    refused = shake.outcome != "ok"
    inbound = shake.leg == "inbound"
    seen, offer = shake.handshake, shake.offer
    peer, local = _endpoint(shake.peer), _endpoint(shake.local)
    event = {
        **_head(_NETWORK, _REFUSE if refused else _OPEN, shake.time, shake.id, failed=refused),
        "src_endpoint": peer if inbound else local,
        "dst_endpoint": {**(local if inbound else peer), "name": shake.where},
        "connection_info": {"direction_id": _INBOUND if inbound else _OUTBOUND, "protocol_name": "tcp"},
        "status_code": shake.reason,
        "status_detail": shake.detail,
        "unmapped": {
            "leg": shake.leg,
            "group": seen and seen.group,
            "post_quantum": seen and seen.post_quantum,
            "pinned": seen and seen.pinned,
            "generation": seen and seen.generation,
            "offered_versions": list(offer.versions) if offer else None,
            "offered_groups": list(offer.groups) if offer else None,
        },
    }
    if seen is not None:
        event["tls"] = {
            "version": seen.version,
            "cipher": seen.cipher,
            "sni": seen.sni,
            "alpn": seen.alpn or None,
            "key_length": seen.cipher_bits,
            "certificate": _certificate(seen.peer) if seen.peer is not None else None,
        }
    return _without_nothing(event)


def _head(kind: int, activity: int, time: str, id: str, *, failed: bool) -> dict[str, Any]:
    return {
        "category_uid": kind // 1000,
        "class_uid": kind,
        "activity_id": activity,
        "type_uid": kind * 100 + activity,
        "time": _milliseconds(time),
        "severity_id": _LOW if failed else _INFORMATIONAL,
        "status_id": _FAILURE if failed else _SUCCESS,
        "metadata": {
            "version": VERSION,
            "uid": id,
            "product": {"name": "mcpgate", "vendor_name": "mcpgate", "version": __version__},
        },
    }


def _certificate(cert: Certificate) -> dict[str, Any]:
    return {
        "subject": cert.subject,
        "issuer": cert.issuer,
        "serial_number": cert.serial,
        "expiration_time": _milliseconds(cert.not_after) if cert.not_after else None,
        "fingerprints": [{"algorithm_id": _SHA256, "value": cert.sha256}],
        "sans": [{"type": "DNS", "name": name} for name in cert.dns_names] or None,
    }


def _endpoint(address: str) -> dict[str, Any]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        return {"name": address or "unknown"}
    return {"ip": host.strip("[]"), "port": int(port)}


def _milliseconds(time: str) -> int:
    try:
        return int(datetime.fromisoformat(time).timestamp() * 1000)
    except ValueError:
        return 0


def _without_nothing(event: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in event.items():
        kept = _without_nothing(value) if isinstance(value, dict) else value
        if kept is not None and kept != {}:
            found[key] = kept
    return found
