"""MSAL for Python with requests: the application hands the challenge over, as the documentation
of claims challenges shows it."""

import base64
import re

import msal
import requests

from protocol import SCOPE, TOKENS, URL, run

application = msal.ConfidentialClientApplication(
    "client",
    client_credential="secret",
    oidc_authority=f"{TOKENS}/contoso",
    client_capabilities=["cp1"],
)


def token(claims=None):
    result = application.acquire_token_for_client([SCOPE], claims_challenge=claims)
    if "access_token" not in result:
        raise RuntimeError(result)
    return {"authorization": f"Bearer {result['access_token']}"}


def call():
    answer = requests.get(f"{URL}/orders", headers=token())
    challenge = answer.headers.get("www-authenticate", "")
    if answer.status_code == 401 and 'error="insufficient_claims"' in challenge:
        claims = re.search(r'claims="([^"]+)"', challenge)[1]
        headers = token(base64.b64decode(claims).decode())
        answer = requests.get(f"{URL}/orders", headers=headers)
    return answer.status_code


run(call)
