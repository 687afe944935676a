"""Kiota's request adapter for Python with Azure identity: alone, and as Microsoft Graph's SDK
sets it up."""

import asyncio
import sys

from azure.core.credentials import AccessToken
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)

from protocol import SCOPE, URL, fetch_token, run


class Credential:
    async def get_token(self, *scopes, claims=None, **_):
        token = fetch_token(claims)
        return AccessToken(token["access_token"], token["expires_on"])

    async def close(self):
        pass


def adapter(provider):
    if sys.argv[1] == "graph":
        from msgraph_core import BaseGraphRequestAdapter, GraphClientFactory

        client = GraphClientFactory.create_with_default_middleware(host=URL)
        return BaseGraphRequestAdapter(provider, http_client=client)
    from kiota_http.httpx_request_adapter import HttpxRequestAdapter

    return HttpxRequestAdapter(provider)


provider = AzureIdentityAuthenticationProvider(
    Credential(), scopes=[SCOPE], allowed_hosts=["localhost"]
)
loop = asyncio.new_event_loop()
requests = adapter(provider)


def call():
    request = RequestInformation()
    request.http_method = Method.GET
    request.url = f"{URL}/orders"
    body = loop.run_until_complete(requests.send_primitive_async(request, "bytes", {}))
    return 200 if b'"path"' in body else body.decode()


run(call)
