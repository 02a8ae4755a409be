"""Signatures with the values that the forges' documentation publishes, and everything that is not one."""

from __future__ import annotations

import base64
import re

import pytest
from django.utils.datastructures import CaseInsensitiveMapping

from statehub.models import Forge
from statehub.standard_webhooks import make_secret
from tests.web.hooks.helpers import headers_of, sign, sign_standard
from web.hooks.signatures import MAX_SIGNATURES, Verification

SECRET = " ".join(["It's", "a", "Secret", "to", "Everybody"])
"""The secret of the examples."""
GITHUB = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
BITBUCKET = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD_BODY = b'{"test": 2432232314}'
OURS = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="
BODY = b'{"ref": "refs/heads/main"}'


def is_valid(forge: str, secrets: list[str], headers: dict[str, str], body: bytes, size: int = 7) -> bool:
    """Whether the delivery is accepted if its body comes in pieces of *size* bytes."""
    verification = Verification(forge, secrets, CaseInsensitiveMapping(headers))
    for start in range(0, len(body), size):
        verification.update(body[start : start + size])
    return verification.is_valid()


@pytest.mark.parametrize(
    ("forge", "secret", "headers", "body"),
    [
        ("github", SECRET, {"X-Hub-Signature-256": f"sha256={GITHUB}"}, b"Hello, World!"),
        ("bitbucket", SECRET, {"X-Hub-Signature": f"sha256={BITBUCKET}"}, b"Hello World!"),
        ("gitea", SECRET, {"X-Gitea-Signature": GITHUB}, b"Hello, World!"),
        ("gitea", SECRET, {"X-Hub-Signature-256": f"sha256={GITHUB}"}, b"Hello, World!"),
        ("forgejo", SECRET, {"X-Forgejo-Signature": GITHUB}, b"Hello, World!"),
        ("forgejo", SECRET, {"X-Gitea-Signature": GITHUB}, b"Hello, World!"),
        ("generic", SECRET, {"X-Statehub-Signature-256": f"sha256={GITHUB}"}, b"Hello, World!"),
        ("generic", SECRET, {"x-statehub-signature-256": f"sha256={GITHUB.upper()}"}, b"Hello, World!"),
        ("gitlab", SECRET, {"X-Gitlab-Token": SECRET}, b"anything"),
        ("gitlab", STANDARD_SECRET, STANDARD, STANDARD_BODY),
    ],
)
def test_documented_values(forge: str, secret: str, headers: dict[str, str], body: bytes) -> None:
    assert is_valid(forge, [secret], headers, body)
    assert is_valid(forge, [make_secret(), secret], headers, body, size=1000)
    assert not is_valid(forge, [], headers, body)
    assert not is_valid(forge, [make_secret()], headers, body)
    if "X-Gitlab-Token" not in headers:
        assert not is_valid(forge, [secret], headers, body + b" ")
        assert not is_valid(forge, [secret], headers, body[:-1])


@pytest.mark.parametrize("forge", Forge.values)
def test_secret_that_the_hub_makes_serves_every_forge(forge: str) -> None:
    secret = make_secret()
    assert is_valid(forge, [secret], headers_of(forge, secret, BODY), BODY)
    others = [other for other in Forge.values if other != forge]
    accepted = {other for other in others if is_valid(other, [secret], headers_of(forge, secret, BODY), BODY)}
    assert accepted == {
        "gitea": {"github", "forgejo"},
        "forgejo": {"github", "gitea"},
        "github": {"gitea", "forgejo"},
    }.get(forge, set())


def test_secret_has_256_random_bits_in_the_form_that_gitlab_takes() -> None:
    secrets = {make_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret) for secret in secrets)
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in secrets} == {32}


@pytest.mark.parametrize(
    "value",
    [
        "", "sha256=", "sha256", f"sha1={sign(OURS, BODY)}", sign(OURS, BODY), f"sha256={sign(OURS, BODY)[:-2]}",
        f"sha256={sign(OURS, BODY)[:-1]}", f"sha256={sign(OURS, BODY)}0", f"sha256={'x' * 64}",
        f"SHA256={sign(OURS, BODY)}", f"sha256={sign(OURS, BODY)},sha256={sign(OURS, BODY)}", "sha256=\xff\xfe",
        "sha256=é", f"sha256=sha256={sign(OURS, BODY)}",
    ],
)  # fmt: skip
def test_malformed_signature(value: str) -> None:
    assert not is_valid("github", [OURS], {"X-Hub-Signature-256": value}, BODY)


@pytest.mark.parametrize("value", ["", OURS[:-1], OURS + "=", OURS.lower(), "\xff", sign(OURS, BODY)])
def test_wrong_token_of_gitlab(value: str) -> None:
    assert not is_valid("gitlab", [OURS], {"X-Gitlab-Token": value}, BODY)


class TestStandardWebhooks:
    def accept(self, signature: str, id: str = "7", timestamp: str = "1614265330", **headers: str) -> bool:
        sent = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature, **headers}
        return is_valid("gitlab", [OURS], sent, BODY)

    def test_signature_is_over_id_time_and_body(self) -> None:
        signature = sign_standard(OURS, "7", "1614265330", BODY)
        assert self.accept(signature)
        assert not self.accept(signature, id="8")
        assert not self.accept(signature, timestamp="1614265331")
        assert not self.accept(signature, id="7.1614265330", timestamp="")

    def test_one_of_several_is_enough(self) -> None:
        good = sign_standard(OURS, "7", "1614265330", BODY)
        assert self.accept(f"v1a,{good[3:]} v1,AAAA {good}")
        assert not self.accept(" ".join(["v1,AAAA"] * MAX_SIGNATURES + [good]))

    @pytest.mark.parametrize("value", ["", "v1", "v1,", "v1,!", "v1,A", "v1,\xff", "v2,{}", "{}", "v1, {}"])
    def test_malformed_signature(self, value: str) -> None:
        assert not self.accept(value.format(sign_standard(OURS, "7", "1614265330", BODY)[3:]))

    def test_secret_token_is_enough_beside_a_signature_with_another_token(self) -> None:
        """GitLab's form makes a signing token of its own, which the hub does not know."""
        other = sign_standard(make_secret(), "7", "1614265330", BODY)
        assert self.accept(other, **{"X-Gitlab-Token": OURS})


def test_work_is_the_same_whatever_the_hub_knows() -> None:
    """As many HMACs are made without a webhook or a previous secret as with both."""
    headers = CaseInsensitiveMapping({**STANDARD, "X-Hub-Signature-256": f"sha256={GITHUB}"})
    counts = []
    for forge, known in [("generic", []), ("github", [OURS]), ("gitlab", [OURS, make_secret()])]:
        verification = Verification(forge, known, headers)
        counts.append((len(verification._bodies), len(verification._standards)))
    assert counts == [(2, 2)] * 3


@pytest.mark.parametrize(
    ("forge", "headers", "reason"),
    [
        ("github", {"X-Hub-Signature-256": "sha256=00"},
         "wrong signature: the secret at the forge is not that of the hub"),
        ("github", {}, "not signed: no header X-Hub-Signature-256"),
        ("gitlab", {}, "not signed: no header webhook-signature or X-Gitlab-Token"),
        ("bitbucket", {"X-Gitea-Signature": "00", "X-Hub-Signature-256": "sha256=00"},
         "not signed: no header X-Hub-Signature, but X-Hub-Signature-256 and X-Gitea-Signature: another forge, or "
         "another program, has sent it"),
    ],
)  # fmt: skip
def test_reason_of_a_refusal(forge: str, headers: dict[str, str], reason: str) -> None:
    assert Verification(forge, [OURS], CaseInsensitiveMapping(headers)).explain() == reason
