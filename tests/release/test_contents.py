"""What is missing in a wheel or an sdist, and what should not be in it, is named to the file."""

import base64

from tests.release.contents import differing, forbidden, installed_names, sdist_expected, wheel_expected

SETUP = "[options.data_files]\nshare/mcpgate/policies = etc/policies/*.toml\n"
TRACKED = [
    ".ci/run", "debian/rules", "etc/policies/github.toml", "etc/policies/old/github.toml",
    "mcpgate/gate.py", "mcpgate/py.typed", "tests/test_gate.py", "tests/wire/schemas/a.json",
    "twisted/plugins/mcpgate_plugin.py",
]  # fmt: skip


def test_a_wheel_is_the_package_its_plugin_and_what_lies_beside_it() -> None:
    """Neither tests nor a policy of a deeper directory; and what is about the wheel itself."""
    members = [
        "mcpgate/gate.py", "mcpgate/py.typed", "twisted/plugins/mcpgate_plugin.py",
        "mcpgate-1.0.data/data/share/mcpgate/policies/github.toml", "mcpgate-1.0.dist-info/METADATA",
        "mcpgate-1.0.dist-info/RECORD", "mcpgate-1.0.dist-info/WHEEL", "mcpgate-1.0.dist-info/top_level.txt",
        "mcpgate-1.0.dist-info/entry_points.txt", "mcpgate-1.0.dist-info/licenses/LICENSE",
        "mcpgate-1.0.dist-info/licenses/",
    ]  # fmt: skip
    expected = wheel_expected(TRACKED, SETUP)
    assert differing(expected, installed_names(members, "1.0")) == []
    assert differing(expected, installed_names([*members[1:], "tests/test_gate.py"], "1.0")) == [
        "missing: mcpgate/gate.py",
        "should not be there: tests/test_gate.py",
    ]


def test_an_sdist_has_what_a_packager_tests_and_builds_with() -> None:
    """All but what the clone alone needs, a packager's own files and what others wrote."""
    assert sdist_expected(TRACKED) == {
        "etc/policies/github.toml", "etc/policies/old/github.toml", "mcpgate/gate.py", "mcpgate/py.typed",
        "tests/test_gate.py", "twisted/plugins/mcpgate_plugin.py",
    }  # fmt: skip


def test_caches_keys_and_places_of_the_builder_are_in_nothing() -> None:
    """By their names, or by what is in them; the word alone is no key."""
    key = b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(bytes(48)) + b"\n-----END PRIVATE KEY-----\n"
    members = [
        ("mcpgate/gate.py", b"# -----BEGIN PRIVATE KEY----- is what a key begins with"),
        ("twisted/plugins/dropin.cache", b""),
        ("mcpgate/__pycache__/gate.cpython-311.pyc", b""),
        ("tests/key.txt", key),
        ("mcpgate/paths.py", b"PLACE = '/home/somebody/mcpgate'"),
        ("state/evidence-key.json", b"{}"),
    ]
    assert forbidden(members, ["/home/somebody"]) == [
        "twisted/plugins/dropin.cache must not be given on",
        "mcpgate/__pycache__/gate.cpython-311.pyc must not be given on",
        "tests/key.txt has a private key in it",
        "mcpgate/paths.py names /home/somebody",
        "state/evidence-key.json must not be given on",
    ]
