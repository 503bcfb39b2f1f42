"""Makes C{twist mcpgate} known to Twisted; imports nothing of mcpgate.

Twisted imports every plugin to list them, so this file must stay cheap and must not fail. Neither
C{twisted/} nor C{twisted/plugins/} may ever get an C{__init__.py}: that would hide Twisted's own.
"""

from twisted.application.service import ServiceMaker

mcpgate = ServiceMaker(
    name="mcpgate",
    module="mcpgate.cli.tap",
    description="A gateway for the Model Context Protocol that lets nothing pass outside verified TLS.",
    tapname="mcpgate",
)
