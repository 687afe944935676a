"""azure-core and azure-mgmt-core, as every Azure SDK for Python uses them."""

import sys

from azure.core import PipelineClient
from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from protocol import SCOPE, URL, fetch_token, run


class Credential:
    def get_token(self, *scopes, claims=None, **_):
        token = fetch_token(claims)
        return AccessToken(token["access_token"], token["expires_on"])


policies = {"core": BearerTokenCredentialPolicy, "arm": ARMChallengeAuthenticationPolicy}
policy = policies[sys.argv[1]](Credential(), SCOPE)
client = PipelineClient(URL, policies=[policy])
run(lambda: client.send_request(HttpRequest("GET", f"{URL}/orders")).status_code)
