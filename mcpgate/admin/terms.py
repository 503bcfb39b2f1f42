"""What C{[admin]} demands, with all that it names loaded and judged.

It has a reading of its own, apart from the generation's: a broken certificate of the dashboard is no
reason to keep the gate from taking up a good one of a listener's.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from attrs import evolve, field, frozen

from mcpgate.admin.roles import Roles
from mcpgate.alerts.terms import AlertTerms, load_alerts
from mcpgate.config.endpoint import read_endpoint
from mcpgate.config.problem import ConfigError
from mcpgate.config.schema import Config
from mcpgate.config.secrets import resolve
from mcpgate.config.tables.admin import AdminTable
from mcpgate.config.tables.listener import ListenerTable
from mcpgate.credentials.loading import text_of
from mcpgate.credentials.terms import Client
from mcpgate.generation import Builder, ListenerTerms
from mcpgate.identity.issuer import Issuer
from mcpgate.tls.reading import Reading

#: What the listener is called in messages and in the log.
NAME = "admin"
#: Where an OIDC provider sends people back to.
CALLBACK = "/login/callback"

# ID tokens say who somebody is at the moment of the login, and are looked at once, then: Auth0's are good for
# ten hours, and nobody's for longer than a day.
ID_TOKEN_MOST = 86400.0


@frozen(eq=False)
class Oidc:
    """
    The login by a provider.

    @ivar issuer: Its ID tokens are what is accepted, made for our client and nobody else.
    """

    issuer: Issuer
    client: Client
    redirect: str


@frozen(eq=False)
class AdminTerms:
    """
    All that the admin process serves by.

    @ivar listener: What is demanded of TLS; C{None} on a unix socket, and where nothing is listened on.
    @ivar path: The unix socket.
    """

    table: AdminTable
    config: Config
    roles: Roles
    listener: ListenerTerms | None
    path: str | None
    oidc: Oidc | None
    metrics_token: bytes | None = field(repr=False)
    alerts: tuple[AlertTerms, ...]
    reading: Reading


def wanted(config: Config) -> bool:
    """Whether there is something to do for an admin process."""
    return config.admin.listen is not None or bool(config.alerts)


def socket_path(table: AdminTable) -> str | None:
    """The path of the unix socket to listen on, where it is one."""
    if table.listen is None:
        return None
    endpoint = read_endpoint(table.listen)
    return endpoint.arguments["address"] if endpoint.kind == "unix" else None


def load_admin(config: Config, number: int, now: datetime) -> AdminTerms:
    """
    Read and judge everything that C{[admin]} names.

    @param number: of what is loaded, for the record of handshakes.
    @raise ConfigError: with every problem.
    """
    builder = Builder(config, number, now)
    table, path = config.admin, socket_path(config.admin)
    listener = None
    if table.listen is not None and path is None:
        listener = builder.listener(_as_listener(table), {}, NAME)
    oidc = _oidc(builder, config)
    reference = table.metrics_token
    token = builder.attempt(f"{NAME}.metrics_token", partial(resolve, reference)) if reference else None
    alerts = load_alerts(builder, config.alerts)
    builder.attempt(NAME, builder.reading.confirm)
    if builder.problems:
        raise ConfigError(list(builder.problems), config.source)
    roles = Roles.compile(table.viewers, table.approvers)
    return AdminTerms(table, config, roles, listener, path, oidc, token, alerts, builder.reading)


def _as_listener(table: AdminTable) -> ListenerTable:
    """The same profile rules, certificates and checks as for those who call."""
    assert table.listen is not None and table.certificates is not None, "C{config.judge_admin} has said so"
    return ListenerTable(
        name=NAME,
        listen=table.listen,
        certificates=table.certificates,
        public_url=table.public_url,
        profile=table.profile,
        client_certificates="off" if table.client_ca is None else "optional",
        client_ca=table.client_ca,
    )


def _oidc(builder: Builder, config: Config) -> Oidc | None:
    table = config.admin
    named = next((each for each in config.issuers if each.name == table.issuer), None)
    if named is None or table.client_id is None or table.public_url is None:
        return None
    issuer = builder.issuer(named)
    secret = text_of(builder, f"{NAME}.client_secret", table.client_secret)
    if issuer is None:
        return None
    terms = evolve(
        issuer.terms,
        audience=frozenset({table.client_id}),
        id_tokens=True,
        parties=frozenset(),
        max_lifetime=ID_TOKEN_MOST,
    )
    client = Client(table.client_id, secret)
    return Oidc(evolve(issuer, terms=terms), client, f"{table.public_url.rstrip('/')}{CALLBACK}")
