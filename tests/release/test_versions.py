"""What says another version than the package does is named."""

from tests.release.versions import disagreeing, lagging

NEWS = "# News\n\n## 1.2.0 (2027-01-31)\n\nSomething.\n\n## 1.1.0 (2026-12-01)\n"
CHANGELOG = "mcpgate (1.2.0-1) unstable; urgency=medium\n\n  * New.\n"
SPEC = "Name: mcpgate\nVersion:        1.2.0\n"


def test_one_version_everywhere_is_nothing_to_tell() -> None:
    """A package's own number behind the version does not count."""
    assert disagreeing("1.2.0", NEWS, [], CHANGELOG, SPEC) == []


def test_whatever_is_behind_is_named() -> None:
    """Each with what it says."""
    wrong = disagreeing("1.3.0", NEWS, [], CHANGELOG, SPEC)
    assert wrong == [
        "NEWS.md says 1.2.0, not 1.3.0",
        "debian/changelog says 1.2.0, not 1.3.0",
        "the RPM's spec says 1.2.0, not 1.3.0",
    ]


def test_news_may_wait_for_its_fragments() -> None:
    """Before they are put together NEWS does not know of the release."""
    assert disagreeing("1.3.0", NEWS, ["9.feature.md"], None, None) == []


def test_fragments_beside_the_news_of_their_release_are_forgotten_ones() -> None:
    """A fragment that is left when its release is in NEWS would be told as of the next one."""
    (wrong,) = disagreeing("1.2.0", NEWS, ["9.feature.md"], None, None)
    assert wrong == "NEWS.md has 1.2.0 already, and fragments are left: 9.feature.md"


def test_what_says_nothing_is_named_too() -> None:
    """A file in which no version is found is not passed over."""
    assert disagreeing("1.2.0", "# News\n", [], "", "") == [
        "NEWS.md says no version, not 1.2.0",
        "debian/changelog says no version, not 1.2.0",
        "the RPM's spec says no version, not 1.2.0",
    ]


def test_a_bound_of_debian_that_is_not_ours_is_named() -> None:
    """Higher or lower; what only one of the two names is not compared, and a zero at the end is nothing."""
    bounds = ("click (>= 8.1) <!nocheck>", "josepy (>= 2~)", "re2 (>= 2025)", "attr")
    control = "".join(f" python3-{bound},\n" for bound in bounds)
    assert lagging(control, ["click==8.2", "josepy==2.0", "attrs==25.3", "google-re2==1.1"]) == [
        "debian/control asks for click 8.1, setup.cfg for 8.2"
    ]
