"""Makes C{twist mcpgate} and the endpoint C{mcptls:} known to Twisted; imports nothing of mcpgate.

Twisted imports every plugin to list them, so this file must stay cheap and must not fail. Neither
C{twisted/} nor C{twisted/plugins/} may ever get an C{__init__.py}: that would hide Twisted's own.
"""

from typing import Any

from twisted.application.service import ServiceMaker
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import IPlugin
from zope.interface import implementer

mcpgate = ServiceMaker(
    name="mcpgate",
    module="mcpgate.cli.tap",
    description="A gateway for the Model Context Protocol that lets nothing pass outside verified TLS.",
    tapname="mcpgate",
)


@implementer(IPlugin, IStreamServerEndpointStringParser)
class _Endpoint:
    """C{mcptls:PROFILE:tcp:PORT:certificates=PATH}, for any server of Twisted's."""

    prefix = "mcptls"

    def parseStreamServer(self, reactor: Any, *arguments: str, **named: str) -> Any:
        """An endpoint for a description, whose parts these are."""
        # Here and not above: only who uses it pays for it.
        from mcpgate.endpoint import endpoint

        return endpoint(reactor, *arguments, **named)


mcptls = _Endpoint()
