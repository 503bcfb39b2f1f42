"""What detectors find and what they do not: made-up values, and numbers that issuers publish for tests."""

from __future__ import annotations

# Written in parts, so that nobody who looks for keys in sources finds these.
_KEY_LINES = "\n".join(["MIIEow" + "Ab3/" * 14 + "Zz", "Q9+x" * 16, "bGFzdA=="])
PEM = f"-----BEGIN RSA PRIVATE {'KEY'}-----\n{_KEY_LINES}\n-----END RSA PRIVATE {'KEY'}-----"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJlMTIzNDU2Nzg5MA"
GITHUB = "ghp" + "_" + "a1B2c3" * 6
FINE_GRAINED = "github" + "_pat_" + "1aB" * 7 + "x_" + "c3D" * 19 + "zz"
SLACK = "xoxb" + "-123456789012-123456789012-" + "aB3d" * 6
WEBHOOK = "https://hooks.slack" + ".com/services/T0123ABCD/B0123ABCD/" + "aB3d" * 6
GOOGLE = "AIza" + "Sy0_x-9" * 5
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"

#: For each detector, texts that are found whole by it, and by nothing else.
WHOLE: dict[str, list[str]] = {
    "email": [
        "foo@example.com",
        "a.b+c@sub.example.co.uk",
        "o'neill_x-1@example.org",
        "j\u00f6rg@ex\u00e4mple.de",
        "\u0438\u043c\u044f@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
        "foo%40example.com",
        "user@xn--bcher-kva.example",
        "foo\u200b@example.com",
        "\uff46\uff4f\uff4f\uff20example.com",
    ],
    "card": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4222222222222",
        "5500000000000004",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "30569309025904",
        "3056 930902 5904",
        "6011111111111117",
        "3530111333300000",
        "6200000000000005",
        "6759649826438453",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "\uff14\uff11\uff11\uff11" * 1 + "111111111111",
        "4111\u200b1111\u00a01111\u20111111",
        "\u0664" + "\u0661" * 15,
        "4\u0332" + "1" * 15,
    ],
    "iban": [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "GB29-NWBK-6016-1331-9268-19",
        "gb29nwbk60161331926819",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ],
    "phone": [
        "+14155552671",
        "+1 (415) 555-2671",
        "+49 30 901820",
        "+44 20 7946 0958",
        "+33-1-42-68-53-00",
        "415-555-2671",
        "(415) 555-2671",
        "415.555.2671",
        "1-415-555-2671",
    ],
    "ssn": ["123-45-6789", "123 45 6789", "899-99-9999"],
    "aws-key": [AWS, "ASIA" + AWS[4:], "A\u200bKIA" + AWS[4:]],
    "github-token": [GITHUB, GITHUB.replace("p", "s", 1), FINE_GRAINED],
    "slack-token": [SLACK, "xapp-1-A0123-456-" + "abc1" * 4, WEBHOOK],
    "google-key": [GOOGLE, "ya29." + "aB3d" * 10, "GOCSPX-" + "aB3d" * 7],
    "jwt": [
        JWT,
        JWT[: JWT.rindex(".") + 1],
        "eyJlbmMiOiJBMjU2R0NNIn0." + "aaaa." + "bbbb.cccc.dddd",
    ],
    "private-key": [
        PEM,
        PEM.replace("\n", "\\n"),
        PEM.replace("RSA ", "OPENSSH "),
        PEM.replace(" RSA", " PGP").replace("KEY", "KEY BLOCK"),
        "-----BEGIN PRIVATE KEY-----",
        PEM[: PEM.index("\nbGFz")],
        PEM[:120],
    ],
}

#: Texts in which nothing is found.
NOTHING = [
    "",
    "nothing at all",
    # Addresses: names of files and units, and what one clones from.
    "image@2x.png",
    "getty@tty1.service",
    "git@github.com:owner/repository.git",
    "@scope/package@1.2.3",
    "user@localhost",
    "@property",
    # Numbers: times, fractions, identifiers, wrong check digits, issuers that are none.
    "1732590000000",
    "1732590000000123",
    "0.4111111111111111",
    "4111111111111112",
    "41111111111111111",
    "1234567890123456",
    "x4111111111111111",
    "4111111111111111x",
    "550e8400-e29b-41d4-a716-446655440000",
    "2019 2020 2021 2022 2023 2024",
    "4111 1111 11111 111 1 2 3 4 5 6 7 8 9",
    "DE00370400440532013000",
    "DE8937040044053201300",
    "XX89370400440532013000",
    "+12",
    "+0123456789",
    "+1 911 555 2671",
    "1+14155552671",
    "4155552671",
    "911-555-2671",
    "415-555-26711",
    "192.168.100.200",
    "10.415.555.2671",
    "000-12-3456",
    "666-12-3456",
    "900-12-3456",
    "123-00-6789",
    "123-45-0000",
    "2026-11-26",
    "1123-45-6789",
    # Tokens: prefixes alone, and the like of them.
    "AKIA",
    AWS + "X",
    AWS_SECRET,
    "secret key: none",
    "ghp_short",
    "xoxb-",
    "hooks.slack.com",
    "AIza",
    "eyJ",
    "eyJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiJ9.txt",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    # Letters that look like others are others.
    "\u0410KIA" + AWS[4:],
]
