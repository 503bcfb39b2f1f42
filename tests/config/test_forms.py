"""The forms of single values."""

import tomllib
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from mcpgate.config import forms
from mcpgate.config.forms import Form, toml

BASE = Path("/etc/mcpgate")

FORMS = {
    "switch": forms.switch(),
    "count": forms.count(1, 10),
    "workers": forms.workers(),
    "duration": forms.duration("1s", "1h"),
    "size": forms.size("1KiB", "1MiB"),
    "word": forms.word("profile", ("modern", "intermediate")),
    "file": forms.file(),
    "trust": forms.trust(),
    "name": forms.name(),
    "pattern": forms.pattern(),
    "pin": forms.pin(),
    "expression": forms.expression(),
    "member": forms.member(),
    "sentence": forms.sentence(),
    "affirmed": forms.affirmed(),
    "listen": forms.listen(),
    "host": forms.host(),
    "dial": forms.dial(),
    "network": forms.network(),
    "path": forms.path(),
    "public_url": forms.public_url(),
    "origin": forms.origin(),
    "upstream_url": forms.upstream_url(),
    "webhook": forms.webhook(),
    "syslog": forms.syslog(),
    "index": forms.index(),
    "unquoted word": forms.word("place for a secret", ("header", "form"), quote=False),
    "header": forms.header(),
    "reference": forms.reference(),
    "secret": forms.secret(),
    "uri": forms.uri(),
}


#: Texts that some form takes, and others that are made of their parts.
NEARLY = st.lists(
    st.sampled_from(
        "https:// HTTP:// sha256/ file: env: credential: vault: : / . - # ? * system auto sqlite off "
        "local true modern header 1 9 443 a A x.y 10.0.0.5 ::1 [::1] /24 s ms KiB MiB tcp: main "
        "secret/mcp#token".split()
    ),
    min_size=1,
    max_size=4,
).map("".join)


@pytest.mark.parametrize(
    ("form", "raw", "value"),
    [
        ("switch", True, True),
        ("affirmed", True, True),
        ("pattern", "^get_[a-z]+$", "^get_[a-z]+$"),
        ("pattern", "price$", "price$"),
        ("expression", "E[0-9]{6}", "E[0-9]{6}"),
        ("member", "items[].ssn", "items[].ssn"),
        ("sentence", "Two eyes are few", "Two eyes are few"),
        ("count", 10, 10),
        ("workers", 2, 2),
        ("workers", "auto", "auto"),
        ("duration", "90s", 90.0),
        ("size", "1MiB", 1 << 20),
        ("file", "a/b.pem", BASE / "a/b.pem"),
        ("file", "/a.pem", Path("/a.pem")),
        ("trust", "system", "system"),
        ("trust", "ca.pem", "/etc/mcpgate/ca.pem"),
        ("host", "Gate.Example.COM", "gate.example.com"),
        ("dial", "[2001:db8:0::1]:443", "[2001:db8::1]:443"),
        ("network", "10.0.0.5", ip_network("10.0.0.5/32")),
        ("network", "10.1.0.0/24", ip_network("10.1.0.0/24")),
        ("network", "2001:DB8::/32", ip_network("2001:db8::/32")),
        ("upstream_url", "https://H", "https://h/"),
        ("webhook", "https://H/x?y=z", "https://h/x?y=z"),
        ("webhook", "file:hook", "file:/etc/mcpgate/hook"),
        ("syslog", "local", "local"),
        ("index", "sqlite", "sqlite"),
        ("index", "off", "off"),
        ("index", "file:index", "file:/etc/mcpgate/index"),
        ("unquoted word", "form", "form"),
        ("syslog", "Logs.example.com:514", "logs.example.com:514"),
        ("syslog", "[2001:db8:0::1]:514", "[2001:db8::1]:514"),
        ("public_url", "https://h:443", "https://h"),
        ("origin", "http://localhost:6274", "http://localhost:6274"),
        ("origin", "HTTPS://App.Example.com:443", "https://app.example.com"),
        ("header", "X-Api-Key", "X-Api-Key"),
        ("header", "Authorization", "Authorization"),
        ("reference", "file:secret", "file:/etc/mcpgate/secret"),
        ("reference", "env:GIT_TOKEN", "env:GIT_TOKEN"),
        ("reference", "credential:git.token", "credential:git.token"),
        ("secret", "file:secret", "file:/etc/mcpgate/secret"),
        ("secret", "vault:main:secret/mcp/git.hub#to-ken", "vault:main:secret/mcp/git.hub#to-ken"),
        ("uri", "https://API.example.com", "https://API.example.com"),
        ("uri", "urn:example:api", "urn:example:api"),
    ],
)
def test_a_value_of_the_right_form_is_read(form: str, raw: object, value: object) -> None:
    """To what the rest of the gate works with; and an editor does not mark it."""
    assert FORMS[form].read(raw, BASE) == value
    assert Draft4Validator(dict(FORMS[form].shape)).is_valid(raw)


@given(st.sampled_from([0, 1, 10, 256, True, False]) | st.text() | NEARLY)
def test_a_shape_is_never_stricter_than_its_form(raw: object) -> None:
    """What the gate takes, an editor does not mark."""
    for form in FORMS.values():
        try:
            form.read(raw, BASE)
        except ValueError:
            continue
        assert Draft4Validator(dict(form.shape)).is_valid(raw)


@pytest.mark.parametrize("name", sorted(set(FORMS) - {"switch", "count", "workers", "affirmed"}))
@pytest.mark.parametrize("raw", [5, 5.0, True, ["a"], {"a": 1}, b"a", None, "", "\n", "a\u202eb"])
def test_what_is_not_a_plain_string_is_never_taken_for_one(name: str, raw: object) -> None:
    """No number becomes text, and no list its only element."""
    with pytest.raises(ValueError, match="^(is|has) "):
        FORMS[name].read(raw, BASE)


@pytest.mark.parametrize(
    ("form", "raw", "said"),
    [
        ("pattern", "^get_", "does not end with"),
        ("pattern", "^($", "RE2"),
        ("expression", "(", "cannot be looked for"),
        ("expression", "E*", "empty text"),
        ("member", "a..b", "is no path"),
        ("sentence", "x" * 161, "longer than 160"),
        ("affirmed", False, "can only be true"),
        ("affirmed", "true", "can only be true"),
    ],
)
def test_what_rules_cannot_be_made_of_is_refused(form: str, raw: object, said: str) -> None:
    """With the rest of a sentence."""
    with pytest.raises(ValueError, match=said):
        FORMS[form].read(raw, BASE)


@pytest.mark.parametrize("raw", [0, 1, "true", "false", "", [], None])
def test_only_true_and_false_are_switches(raw: object) -> None:
    """C{1} and C{"true"} are something else."""
    with pytest.raises(ValueError, match="want true or false"):
        FORMS["switch"].read(raw, BASE)


@pytest.mark.parametrize("raw", [True, "5", 5.0, 0, 11, -1])
def test_a_count_is_a_whole_number_within_bounds(raw: object) -> None:
    """A boolean is none, though Python thinks so."""
    with pytest.raises(ValueError, match="want a whole number from 1 to 10"):
        FORMS["count"].read(raw, BASE)


@pytest.mark.parametrize("raw", [0, 257, -1, True, 2.0, "two", "2", "", "Auto", ["auto"], None])
def test_workers_are_a_number_or_auto(raw: object) -> None:
    """None at all would serve nobody."""
    with pytest.raises(ValueError, match="want a whole number from 1 to 256"):
        FORMS["workers"].read(raw, BASE)


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Content-Type", "transfer-encoding", "connection", "Accept", "accept-encoding"]
    + ["Mcp-Session-Id", "mcp-anything", "Proxy-Authorization", "X-Forwarded-For", "Expect", "TE", "Via"],
)
def test_a_credential_cannot_replace_a_header_that_frames_or_routes(name: str) -> None:
    """The upstream would understand another request than the one that was judged."""
    with pytest.raises(ValueError, match="is a header that the gate sets itself"):
        FORMS["header"].read(name, BASE)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("10.1.0.7/24", "did you mean 10.1.0.0/24?"),
        ("2001:db8::1/32", "did you mean 2001:db8::/32?"),
        ("balancer.internal", "is not an address or a network"),
        ("10.0.0.5/33", "is not an address or a network"),
        ("10.0.0.5:443", "is not an address or a network"),
        ("0.0.0.0/0", "is every address there is"),
        ("::/0", "is every address there is"),
    ],
)
def test_a_network_is_named_exactly_or_not_at_all(raw: str, said: str) -> None:
    """Whoever is in it may say who the caller is."""
    with pytest.raises(ValueError) as caught:
        FORMS["network"].read(raw, BASE)
    assert said in str(caught.value)


@pytest.mark.parametrize("raw", ["x y", "x:y", "a\xe4", "x" * 65])
def test_a_header_name_is_a_token(raw: str) -> None:
    """RFC 9110 5.6.2."""
    with pytest.raises(ValueError, match="is not the name of a header"):
        FORMS["header"].read(raw, BASE)


@pytest.mark.parametrize(
    "raw",
    ["hunter2", "file:", "File:x", "env:", "env:a b", "credential:", "credential:a/b", "credential:.."],
)
def test_what_is_no_reference_is_not_repeated(raw: str) -> None:
    """It may be the secret itself."""
    with pytest.raises(ValueError) as caught:
        FORMS["reference"].read(raw, BASE)
    assert str(caught.value) == (
        "is not a reference; a secret never stands in this file, "
        "so want file:PATH, env:NAME or credential:NAME"
    )


@pytest.mark.parametrize("raw", ["http://hooks.test/T0/s3cret", "file:", "s3cret", "https://u:s3cret@h/"])
def test_what_is_no_webhook_is_not_repeated(raw: str) -> None:
    """Its path may be all that it takes to post there."""
    with pytest.raises(ValueError) as caught:
        FORMS["webhook"].read(raw, BASE)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("form", ["index", "unquoted word"])
@pytest.mark.parametrize("raw", ["postgresql://u:s3cret@db/x", "s3cret", "file:"])
def test_what_a_password_may_be_in_is_not_repeated(form: str, raw: str) -> None:
    """The URL of a database is referred to; and what belongs to a secret may be taken for its place."""
    with pytest.raises(ValueError) as caught:
        FORMS[form].read(raw, BASE)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(raw=st.text() | st.integers() | st.booleans() | st.lists(st.text(), max_size=2))
def test_any_value_is_read_or_refused_in_one_line(form: Form, raw: object) -> None:
    """Nothing but C{ValueError} is ever raised."""
    try:
        form.read(raw, BASE)
    except ValueError as error:
        assert str(error).isprintable()


@given(st.text())
def test_a_string_is_written_as_toml_reads_it(text: str) -> None:
    """For examples and defaults in the reference."""
    assert tomllib.loads(f"key = {toml(text)}")["key"] == text


@pytest.mark.parametrize(
    "place",
    ["main", "main:secret", "main:secret/a", "main:secret/a#", "main:/a#b", "main:secret/../sys#b"]
    + ["main:secret/a/./b#c", "main:secret/a//b#c", "main:secret/a/#c", "main:a b/c#d", "main:secret/a?b#c"],
)
def test_a_place_in_a_vault_is_written_in_one_way(place: str) -> None:
    """So that it becomes one path of a URL, and nothing else."""
    with pytest.raises(ValueError, match="^is no place in a vault; want vault:NAME:MOUNT/PATH#FIELD$"):
        FORMS["secret"].read(f"vault:{place}", BASE)
    with pytest.raises(ValueError, match="^is not a reference; "):
        FORMS["reference"].read("vault:main:secret/a#b", BASE)


@pytest.mark.parametrize("raw", ["api", "/mcp", "https://h/#part", "https://h/a b", ":x"])
def test_a_uri_is_absolute_and_has_no_fragment(raw: str) -> None:
    """RFC 8707 section 2."""
    with pytest.raises(ValueError, match="is not an absolute URI"):
        FORMS["uri"].read(raw, BASE)
