"""Five frameworks: what their auditors ask of encryption in transit, and of the record of it (pure).

What is asked is said in our own words; the clause says where the exact ones are.
"""

from __future__ import annotations

from mcpgate.report.checks import conduct, keys, legs
from mcpgate.report.clause import Clause, Framework

PCI = Framework(
    "pci-4.2.1",
    "PCI DSS 4.0.1, requirement 4.2.1: strong cryptography for account data in transit",
    "Payment Card Industry Data Security Standard: Requirements and Testing Procedures, v4.0.1 (June 2024)",
    "https://www.pcisecuritystandards.org/document_library/",
    (
        Clause(
            "4.2.1 (4.2.1.c)",
            "Transmissions are encrypted",
            "Look at transmissions, and see that account data goes out under strong cryptography only.",
            legs.encrypted,
        ),
        Clause(
            "4.2.1, first point (4.2.1.d)",
            "Only trusted keys and certificates are accepted",
            "See that whatever cannot be verified as trusted is turned away.",
            legs.trusted,
        ),
        Clause(
            "4.2.1, second point",
            "Certificates are valid",
            "See that certificates in use have neither expired nor been revoked. (In force since 31 March "
            "2025.)",
            keys.valid,
        ),
        Clause(
            "4.2.1, third point",
            "Secure versions only, and no way back",
            "See that neither end can be brought to an insecure version, algorithm, key size or "
            "implementation.",
            legs.floor,
        ),
        Clause(
            "4.2.1, fourth point",
            "Strength that suits the method",
            "See that keys are as strong as the method in use needs them to be.",
            keys.strength,
        ),
        Clause(
            "4.2.1.1",
            "Inventory of trusted keys and certificates",
            "Look at the inventory, and see that it is kept up to date; good practice is that it names the "
            "issuing CA and the end of each certificate.",
            keys.inventory,
        ),
        Clause(
            "12.3.3",
            "Cipher suites and protocols in use are documented and reviewed",
            "Look at the list of what is in use, for what and where; see that it is reviewed every twelve "
            "months, and that there is a plan for when something becomes weak.",
            keys.suites,
        ),
        Clause(
            "10.3.4",
            "Changes of audit logs are detected",
            "See that logs cannot be changed without anybody noticing.",
            conduct.record,
        ),
    ),
    (
        "where account data is: the gate does not know which exchanges carry it",
        "networks and systems that do not pass this gate",
        "policies and procedures (4.1, 4.2.1.a, 4.2.1.1.a) and interviews",
    ),
)

SOC2 = Framework(
    "soc2-cc6.7",
    "SOC 2, CC6.7: transmission is restricted to those authorized, and protected",
    "AICPA, 2017 Trust Services Criteria (with revised points of focus, 2022), TSP section 100",
    "https://www.aicpa-cima.com/resources/landing/system-and-organization-controls-soc-suite-of-services",
    (
        Clause(
            "CC6.7, restricts the ability to transmit",
            "Only authorized users and processes transmit, and only what they may",
            "See that transfers are limited to those who are authorized, and that what must not leave is "
            "held "
            "back.",
            conduct.authorized,
        ),
        Clause(
            "CC6.7, uses encryption or secure channels",
            "Information is encrypted in transit",
            "Look at a sample of transmissions from the period, and see that they were encrypted.",
            legs.encrypted,
        ),
        Clause(
            "CC6.7, uses encryption or secure channels",
            "Current protocols only",
            "See that outdated protocols and weak algorithms cannot be used.",
            legs.floor,
        ),
        Clause(
            "CC6.1, manages credentials and keys",
            "The other end is who it should be",
            "See how each end proves itself, and what happens if it does not.",
            legs.trusted,
        ),
        Clause(
            "CC7.2",
            "Activity is monitored",
            "See that there is a record of the period that can be relied on.",
            conduct.record,
        ),
    ),
    (
        "removable media and mobile devices, which the criterion asks about as well",
        "whether the controls were designed as the organisation has described them, and over which period",
        "transfers by other ways than this gate",
    ),
)

HIPAA = Framework(
    "hipaa-164.312e",
    "HIPAA Security Rule, 45 CFR 164.312(e): transmission security",
    "45 CFR 164.312, 164.316 (Security Standards for the Protection of Electronic Protected Health "
    "Information)",
    "https://www.ecfr.gov/current/title-45/subtitle-A/subchapter-C/part-164/subpart-C/section-164.312",
    (
        Clause(
            "164.312(e)(1)",
            "Transmission security",
            "See that nobody without the right to it gets at health information on its way over a network.",
            legs.encrypted,
        ),
        Clause(
            "164.312(e)(2)(i), addressable",
            "Integrity controls",
            "See that information cannot be changed on its way without that being noticed.",
            legs.floor,
        ),
        Clause(
            "164.312(e)(2)(ii), addressable",
            "Encryption",
            "See how it is encrypted, and whether as strongly as it should be (HHS names NIST SP 800-52).",
            keys.strength,
        ),
        Clause(
            "164.312(d)",
            "Person or entity authentication",
            "See that whoever asks for it is who it says, on both sides.",
            legs.trusted,
        ),
        Clause(
            "164.312(a)(1)",
            "Access control",
            "See that only those persons and programs have access that were given it.",
            conduct.authorized,
        ),
        Clause(
            "164.312(b)",
            "Audit controls",
            "See that activity is recorded, and that the record can be examined.",
            conduct.record,
        ),
    ),
    (
        "which exchanges carry health information: the gate does not know",
        "the risk analysis (164.308(a)(1)) by which addressable specifications are decided",
        "that documentation is kept for six years (164.316(b)(2)(i)): see evidence.keep of the configuration",
    ),
)

NIST = Framework(
    "nist-sc-8",
    "NIST SP 800-53 Rev. 5, SC-8: transmission confidentiality and integrity",
    "NIST SP 800-53 Rev. 5, with SP 800-52 Rev. 2 for TLS and SP 800-56A Rev. 3 for key exchange",
    "https://doi.org/10.6028/NIST.SP.800-53r5",
    (
        Clause(
            "SC-8",
            "Transmission confidentiality and integrity",
            "See that what is transmitted can be neither read nor changed on its way.",
            legs.encrypted,
        ),
        Clause(
            "SC-8(1)",
            "Cryptographic protection",
            "See that this is done by cryptography, and that weak kinds of it cannot be used.",
            legs.floor,
        ),
        Clause(
            "SC-12",
            "Cryptographic key establishment and management",
            "See how keys are established, and how they are managed.",
            keys.keys,
        ),
        Clause(
            "SC-13",
            "Cryptographic protection of the prescribed kind",
            "See that each use is of the kind that was prescribed for it: FIPS-validated, as a rule.",
            keys.module,
        ),
        Clause(
            "SC-17",
            "Public key infrastructure certificates",
            "See that only approved authorities are trusted, and certificates come from such.",
            legs.trusted,
        ),
        Clause(
            "AU-9(3), AU-10",
            "The record is protected by cryptography",
            "See that audit information is protected by cryptography, and that what was done cannot be "
            "denied.",
            conduct.record,
        ),
    ),
    (
        "the parameters that the organisation has assigned to each control",
        "SC-8(2) to SC-8(5): handling before and after transmission, message externals, physical ways",
        "the validation of cryptographic modules",
    ),
)

ISO = Framework(
    "iso-a8.24",
    "ISO/IEC 27001:2022, Annex A 8.24: use of cryptography",
    "ISO/IEC 27001:2022, Annex A, with the guidance of ISO/IEC 27002:2022",
    "https://www.iso.org/standard/27001",
    (
        Clause(
            "A.8.24, rules for the use",
            "Rules for cryptography are put into practice",
            "See that what the rules demand is what is in use.",
            legs.floor,
        ),
        Clause(
            "A.8.24, strength",
            "Cryptography is as strong as it has to be",
            "See which kinds and strengths are in use, and whether they suit what they protect.",
            keys.strength,
        ),
        Clause(
            "A.8.24, key management",
            "Keys are managed",
            "See which keys there are, and how they are made, kept, replaced and destroyed.",
            keys.keys,
        ),
        Clause(
            "A.5.14",
            "Information transfer",
            "See that transfers are protected, and that there are rules for them.",
            legs.encrypted,
        ),
        Clause(
            "A.8.15",
            "Logging",
            "See that activity is logged, and that logs are protected.",
            conduct.record,
        ),
        Clause(
            "A.5.28",
            "Collection of evidence",
            "See that evidence is collected and kept in such a way that it can be relied on.",
            conduct.record,
        ),
    ),
    (
        "the policy on cryptography itself, and who is responsible for it",
        "law and contracts on the use of cryptography",
        "cryptography elsewhere: at rest, in other systems",
    ),
)
