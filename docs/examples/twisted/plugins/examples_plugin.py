"""Makes the examples known to C{twist}, where the directory above is on the path."""

from twisted.application.service import ServiceMaker

service = ServiceMaker("gated service", "gated_service", "A gate as a service.", "gated-service")
site = ServiceMaker("gated site", "gated_site", "A route of a gate in a site.", "gated-site")
server = ServiceMaker("profiled server", "profiled_server", "A server behind mcptls:.", "profiled-server")
