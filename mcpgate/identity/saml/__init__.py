"""SAML 2.0 bearer assertions (RFC 7522): identity providers by their metadata, and what they vouch for.

It needs lxml and signxml (the extra C{saml}), so nothing imports it but where a C{[[saml]]} is configured.
"""
